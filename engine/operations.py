"""The four things done to a stack: preview, update, refresh, destroy."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from engine.config import Setting
from engine.deployment import Deployment, StoppingError
from engine.display import Display, Severity
from engine.errors import CancelledError, FailedError, StepError, UnsupportedError
from engine.hooks import Hooks
from engine.journal import Journal
from engine.monitor import require_version, serve
from engine.process import Program
from engine.provider import Provider, ProviderFactory, Report
from engine.providers import Providers
from engine.refresh import Refresh
from engine.session import Session, history_entry, provider_config
from engine.state import Snapshot
from engine.values import Properties
from engine.version import VERSION

_POLL: Final = 0.05
"""Seconds between looks at whether a run has ended or is to be cancelled."""


def _configure_kubernetes(inputs: Properties, report: Report) -> Provider:
    from engine.kubernetes.provider import configure  # noqa: PLC0415 - its client library takes a while to load

    return configure(inputs, report)


FACTORIES: Final[Mapping[str, ProviderFactory]] = {"kubernetes": _configure_kubernetes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run. `parallel`: steps at once."""

    parallel: int = 16
    refresh: bool = False
    clear_creates: bool = False
    factories: Mapping[str, ProviderFactory] = field(default_factory=lambda: FACTORIES)


class Interrupts:
    """Ctrl-C and SIGTERM while a run lasts: the first asks it to end, the second ends everything at once."""

    def __init__(self, display: Display) -> None:
        self.requested = False
        self._display = display
        self.kill: Callable[[], None] = lambda: None

    @contextmanager
    def caught(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            self.kill()
            os._exit(CancelledError.exit_code)
        self.requested = True
        self._display.diagnostic(
            "",
            Severity.INFO,
            "^C received; cancelling. If you would like to terminate immediately, press ^C again.\nNote that "
            "terminating immediately may lead to orphaned resources and other inconsistencies.",
        )


class Run:
    """One run over a stack: a preview, which writes nothing, or the real thing, under the stack's lock."""

    def __init__(self, session: Session, display: Display, options: Options) -> None:
        self._session = session
        self._display = display
        self._options = options
        self._interrupts = Interrupts(display)
        self._snapshot, self._codec = session.load()
        root = self._snapshot.root()
        display.outputs_before = root.outputs if root else {}

    # --- the four

    def update(self) -> None:
        """Run the program and make the stack what it says. Raises FailedError, CancelledError."""
        if self._session.project.required_version:
            require_version(self._session.project.required_version)
        settings = self._session.settings()
        with self._recorded():
            if self._options.refresh:
                self._refresh()
            elif self._snapshot.pending and not self._display.dry_run:
                self._display.diagnostic("", Severity.WARNING, _pending_warning(self._snapshot))
            deployment, hooks = self._deployment(provider_config(settings))
            self._run_program(deployment, settings)
            hooks.close()
            self._finish(deployment)

    def refresh(self) -> None:
        """Read everything and write what was found. Raises FailedError, CancelledError."""
        with self._recorded():
            self._refresh()
            root = self._snapshot.root()
            self._display.outputs_after = root.outputs if root and not self._display.dry_run else None

    def destroy(self) -> None:
        """Delete everything. Raises FailedError, CancelledError."""
        if hooked := [r for r in self._snapshot.resources if {"BeforeDelete", "AfterDelete"} & set(r.resource_hooks)]:
            raise UnsupportedError(
                f"destroy with delete hooks ({hooked[0].urn} has some)",
                "remove the hooks from the program, run `up`, then `destroy`",
            )
        with self._recorded():
            if self._options.refresh:
                self._refresh()
            deployment, _ = self._deployment(lambda _package: {})
            self._wait_for(deployment.complete, deployment.cancel)
            self._finish(deployment)

    # --- parts

    def _deployment(self, config: Callable[[str], Properties]) -> tuple[Deployment, Hooks]:
        dry_run = self._display.dry_run
        hooks = Hooks(self._display, dry_run=dry_run)
        deployment = Deployment(
            self._session.target,
            self._snapshot.resources,
            Journal(self._snapshot, self._save),
            Providers(self._options.factories, self._report, self._snapshot.resources),
            hooks=hooks,
            display=self._display,
            provider_config=config,
            dry_run=dry_run,
            parallel=self._options.parallel,
        )
        return deployment, hooks

    def _report(self, urn: str, severity: object, message: str) -> None:
        self._display.status(urn, Severity(str(severity)), message)

    def _save(self, snapshot: Snapshot) -> None:
        if not self._display.dry_run:
            self._session.file.save(self._codec.deployment(snapshot))

    def _run_program(self, deployment: Deployment, settings: Mapping[str, Setting]) -> None:
        session, options = self._session, self._options
        with serve(deployment, session.target, session.project.root, parallel=options.parallel) as address:
            program = Program(
                session.project,
                session.target,
                settings,
                address,
                dry_run=self._display.dry_run,
                parallel=options.parallel,
                show=lambda line: self._display.diagnostic("", Severity.INFO, line),
            )
            self._interrupts.kill = program.kill
            # The provider's client library loads while the program loads its own.
            threading.Thread(target=importlib.import_module, args=("engine.kubernetes.provider",), daemon=True).start()
            try:
                code = self._watch(deployment, program)
            finally:
                program.kill()
        if code and not deployment.stopping.is_set():
            deployment.fail(
                StepError("", f"Program exited with non-zero exit code: {code}", shown=self._display.failed)
            )
        elif code == 0 and not deployment.completed and not deployment.stopping.is_set():
            deployment.fail(StepError("", "the program ended before all of its resources were registered"))

    def _watch(self, deployment: Deployment, program: Program) -> int | None:
        """Wait for the program's end; end it when the run fails (once running steps are done) or is cancelled."""
        while (code := program.wait(_POLL)) is None:
            if self._interrupts.requested:
                deployment.cancel()
                program.interrupt()
            elif deployment.stopping.is_set() and deployment.idle:
                program.interrupt()
        return code

    def _wait_for(self, work: Callable[[], object], cancel: Callable[[], None]) -> None:
        """Run something that may take long beside the main thread, which is the one that gets signals."""
        with ThreadPoolExecutor(1) as pool:
            future: Future[object] = pool.submit(work)
            while True:
                try:
                    future.result(_POLL)
                except FutureTimeoutError:
                    if self._interrupts.requested:
                        cancel()
                except StoppingError:
                    return
                else:
                    return

    def _refresh(self) -> None:
        providers = Providers(self._options.factories, self._report, self._snapshot.resources)
        refresh = Refresh(
            self._snapshot,
            providers,
            self._display,
            parallel=self._options.parallel,
            clear_creates=self._options.clear_creates,
        )

        def run() -> None:
            self._snapshot = refresh.run()

        def cancel() -> None:
            refresh.stopping.set()
            providers.cancel()

        self._wait_for(run, cancel)
        self._save_versioned()
        if refresh.errors:
            self._fail()

    def _save_versioned(self) -> None:
        self._snapshot = Snapshot(
            self._snapshot.resources, self._snapshot.pending, self._snapshot.metadata, self._snapshot.time, VERSION
        )
        self._save(self._snapshot)

    def _finish(self, deployment: Deployment) -> None:
        root = deployment.finish()
        if deployment.errors:
            self._fail()
        self._display.outputs_after = root.outputs if root else None

    def _fail(self) -> None:
        if not self._interrupts.requested:
            what = "preview" if self._display.dry_run else self._display.action
            self._display.diagnostic("", Severity.ERROR, f"{what} failed")
        raise FailedError

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """Show the run from beginning to end and, when it is not a preview, write its history."""
        dry_run = self._display.dry_run
        entry = {} if dry_run else history_entry(self._session, self._display.action, time.time())
        self._display.open()
        result = "failed"
        try:
            with self._interrupts.caught():
                yield
            if self._interrupts.requested:
                raise CancelledError("update canceled")
            result = "succeeded"
        except FailedError:
            if self._interrupts.requested:
                raise CancelledError("update canceled") from None
            raise
        finally:
            self._display.close()
            if not dry_run:
                changes = {str(op): count for op, count in sorted(self._display.counts.items()) if count}
                entry |= {"result": result, "endTime": int(time.time()), "resourceChanges": changes}
                self._session.file.record(entry)


def _pending_warning(snapshot: Snapshot) -> str:
    """Return the CLI's words about a run that was killed."""
    listed = "\n".join(f"  * {p.resource.urn}, interrupted while {p.operation}" for p in snapshot.pending)
    return (
        f"Attempting to deploy or update resources with {len(snapshot.pending)} pending operations from previous "
        f"deployment.\n{listed}\nThese resources are in an unknown state because the Pulumi CLI was interrupted while "
        "waiting for changes to these resources to complete. You should confirm whether or not the operations listed "
        "completed successfully by checking the state of the appropriate provider. For example, if you are using AWS, "
        "you can confirm using the AWS Console.\n\nOnce you have confirmed the status of the interrupted operations, "
        "you can repair your stack using `pulumi refresh` which will refresh the state from the provider you are using "
        "and clear the pending operations if there are any.\n\nNote that `pulumi refresh` will need to be run "
        "interactively to clear pending CREATE operations."
    )
