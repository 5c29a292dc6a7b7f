"""Hooks: functions of the program that run before and after a resource's operations.

The program serves them over gRPC (Callbacks); the engine calls. What an error means is in pkg/resource/deploy's
RunHooks: of a before-hook the step fails with nothing done, of an after-hook the update fails with the step saved.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from engine import wire
from engine.display import Display, Severity
from engine.errors import StepError
from engine.urn import Urn
from engine.values import Properties

CHANNEL_OPTIONS: Final = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookArgs:
    """What a hook is told; an empty map means: there is none."""

    urn: Urn
    id: str = ""
    new_inputs: Properties | None = None
    old_inputs: Properties | None = None
    new_outputs: Properties | None = None
    old_outputs: Properties | None = None


class Hooks:
    """The hooks that the running program registered."""

    def __init__(self, display: Display, *, dry_run: bool) -> None:
        self._display = display
        self._dry_run = dry_run
        self._registered: dict[str, resource_pb2.RegisterResourceHookRequest] = {}
        self._channels: dict[str, grpc.Channel] = {}
        self._lock = threading.Lock()

    def register(self, request: resource_pb2.RegisterResourceHookRequest) -> None:
        """Take note of a hook. Raises ValueError when its name is taken."""
        with self._lock:
            if request.name in self._registered:
                raise ValueError(f"resource hook already registered for name {request.name!r}")
            self._registered[request.name] = request

    def run(self, phase: str, names: list[str], args: HookArgs) -> None:
        """Call the hooks of a phase (`BeforeCreate`, `AfterUpdate`, …) in order.

        Raises StepError with the first error, unless that hook's errors are to be ignored.
        """
        for name in names:
            hook = self._registered.get(name)
            if hook is None:
                raise StepError(args.urn, f'hook "{name}" was not registered')
            if self._dry_run and not hook.on_dry_run:
                continue
            error = self._call(hook.callback, args)
            if not error:
                continue
            if hook.ignore_errors:
                kind = phase.replace("Before", "before_").replace("After", "after_").lower()
                self._display.diagnostic(args.urn, Severity.WARNING, f'{kind} hook "{name}" failed: {error}')
                continue
            when = "before" if phase.startswith("Before") else "after"
            raise StepError(args.urn, f'{when} hook "{name}" failed: {error}')

    def _call(self, callback: callback_pb2.Callback, args: HookArgs) -> str:
        request = resource_pb2.ResourceHookRequest(urn=args.urn, id=args.id, name=args.urn.name, type=args.urn.type)
        for name in ("new_inputs", "old_inputs", "new_outputs", "old_outputs"):
            if (properties := getattr(args, name)) is not None:
                getattr(request, name).CopyFrom(wire.to_struct(properties))
        try:
            reply = callback_pb2_grpc.CallbacksStub(self._channel(callback.target)).Invoke(
                callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString())
            )
        except grpc.RpcError as error:
            return f"the program ended while the hook ran ({error.code().name})"
        return str(resource_pb2.ResourceHookResponse.FromString(reply.response).error)

    def _channel(self, target: str) -> grpc.Channel:
        with self._lock:
            if target not in self._channels:
                self._channels[target] = grpc.insecure_channel(target, options=CHANNEL_OPTIONS)
            return self._channels[target]

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()
