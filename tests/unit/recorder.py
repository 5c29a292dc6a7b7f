"""Pulumi's mock monitor, with every registration kept as the engine would get it."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2


class Recorder(mocks.MockMonitor):
    """Keeps every registration as the engine would get it."""

    def __init__(self) -> None:
        super().__init__(Echo())
        self.requests: dict[str, resource_pb2.RegisterResourceRequest] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # the protocol's name
        self.requests[label(request.type, request.name)] = request
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def waits_for(self, resource: str) -> set[str]:
        """The resources that one depends on, without the namespace, which all do."""
        urns = self.requests[resource].dependencies
        return {label(*urn.rsplit("$", 1)[-1].split("::")[-2:]) for urn in urns if ":Namespace::" not in urn}


class Nowhere:
    """A cluster that a preview never asks."""

    node_host = "127.0.0.1"


class Echo(pulumi.runtime.Mocks):
    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return f"{args.name}-id", args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        raise AssertionError(args.token)


def label(kind: str, name: str) -> str:
    return f"{kind.rsplit(':', 1)[-1]} {name}"
