"""One run over one stack: takes the program's registrations, has them planned one by one and run side by side."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from engine.display import Display, Severity
from engine.errors import EngineError, StepError
from engine.executor import Executor
from engine.goal import Goal
from engine.hooks import HookArgs, Hooks
from engine.journal import Journal
from engine.planner import Planner
from engine.provider import ProviderError
from engine.providers import Providers
from engine.state import Resource
from engine.steps import Op, Step
from engine.urn import PROVIDER_PREFIX, ROOT_STACK_TYPE, Target, Urn, is_provider, package
from engine.values import Properties


class StoppingError(Exception):
    """The run has failed or was cancelled; nothing new is started."""


class Deployment:
    """Brings a stack's resources to what the program asks for. Its methods are called from many threads."""

    def __init__(
        self,
        target: Target,
        old: Sequence[Resource],
        journal: Journal,
        providers: Providers,
        *,
        hooks: Hooks,
        display: Display,
        provider_config: Callable[[str], Properties],
        dry_run: bool,
        parallel: int,
    ) -> None:
        self.hooks = hooks
        self.display = display
        self.dry_run = dry_run
        self._target = target
        self._old = {resource.urn: resource for resource in old if not resource.delete}
        self._journal = journal
        self._providers = providers
        self._provider_config = provider_config
        self._planner = Planner(target, old, providers, display, dry_run=dry_run)
        self._executor = Executor(journal, providers, hooks, display, dry_run=dry_run)
        self._planning = threading.Lock()
        self._defaults: dict[str, str] = {}
        self._choosing_default = threading.Lock()
        self._slots = threading.Semaphore(parallel)
        self._parallel = parallel
        self._steps: dict[str, Step] = {}
        self._outputs: Properties | None = None
        self._running = 0
        self._idle = threading.Condition()
        self.stopping = threading.Event()
        self.completed = False
        """Whether the program ended well and all deletes were done."""
        self.errors: list[EngineError] = []

    # --- what the program calls

    def register(self, goal: Goal) -> Resource:
        """Make a registration true; return the resource. Raises StoppingError once the run has failed."""
        with self._work(Urn.of(self._target.stack, self._target.project, goal.parent, goal.type, goal.name)):
            with self._planning:
                goal = self._planner.inherit(goal)
            if goal.custom and not is_provider(goal.type) and not goal.provider:
                goal = replace(goal, provider=self._default_provider(goal))
            with self._planning:
                steps = self._planner.plan(goal)
            for step in steps:
                self._run(step)
            last = next(step for step in reversed(steps) if step.op is not Op.REPLACE)
            self._steps[last.urn] = last
            return last.resource

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Take a component's outputs; the stack's own wait for the end."""
        if Urn(urn).type == ROOT_STACK_TYPE:
            self._outputs = outputs
            return
        with self._work(urn):
            step = self._steps.get(urn)
            if step is None or step.new is None:
                raise StepError(urn, f"outputs registered for an unknown resource '{urn}'")
            resource = step.new = replace(step.new, outputs=outputs)
            self._journal.revise(resource)
            self._run_component_hooks(step, resource)
            self.display.outputs(step)

    def _run_component_hooks(self, step: Step, resource: Resource) -> None:
        phase = {Op.CREATE: "AfterCreate", Op.UPDATE: "AfterUpdate"}.get(step.op)
        if not phase or not (names := resource.resource_hooks.get(phase)):
            return
        old = step.old
        args = HookArgs(
            urn=resource.urn,
            new_inputs=resource.inputs,
            new_outputs=resource.outputs,
            old_inputs=old.inputs if old else None,
            old_outputs=old.outputs if old else None,
        )
        self.hooks.run(phase, names, args)

    def read(self, resource: Resource, version: str) -> Resource:
        """Read a resource that the program does not manage (`X.get`)."""
        with self._work(resource.urn):
            if not resource.provider:
                goal = Goal(type=resource.type, name=resource.name, custom=True, version=version)
                resource = replace(resource, provider=self._default_provider(goal))
            with self._planning:
                step = self._planner.plan_read(resource)
            self._run(step)
            return step.resource

    def find(self, urn: str) -> Resource | None:
        """Return a resource as it is now."""
        return self._journal.new(urn) or self._old.get(Urn(urn))

    def complete(self) -> None:
        """Delete what the program no longer has. Called when it has registered everything."""
        self.wait_until_idle()
        if self.stopping.is_set():
            return
        with self._work(""):
            self._delete(self._planner.plan_deletes())
            self.completed = not self.stopping.is_set()

    def _delete(self, rounds: Sequence[Sequence[Step]]) -> None:
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="delete") as pool:
            for steps in rounds:
                for failure in [f for f in pool.map(self._try, steps) if f]:
                    self.fail(failure)
                if self.stopping.is_set():
                    return

    def _try(self, step: Step) -> EngineError | None:
        try:
            self._run(step)
        except EngineError as error:
            return error
        return None

    def _default_provider(self, goal: Goal) -> str:
        """Return the reference of the package's default provider of that version, registering it once."""
        kind = package(goal.type)
        name = "default" + (f"_{goal.version.replace('.', '_').replace('-', '_')}" if goal.version else "")
        with self._choosing_default:
            if name not in self._defaults:
                provider = self.register(
                    Goal(
                        type=f"{PROVIDER_PREFIX}{kind}",
                        name=name,
                        custom=True,
                        version=goal.version,
                        properties=self._provider_config(kind),
                    )
                )
                self._defaults[name] = provider.reference
            return self._defaults[name]

    def _run(self, step: Step) -> None:
        with self._slots:
            if self.stopping.is_set():
                raise StoppingError
            self._executor.run(step)

    @contextmanager
    def _work(self, urn: str) -> Iterator[None]:
        """Count work in progress, and turn a failure of it into a failure of the run."""
        if self.stopping.is_set():
            raise StoppingError
        with self._idle:
            self._running += 1
        try:
            yield
        except StoppingError:
            raise
        except (EngineError, ProviderError) as error:
            self.fail(error if isinstance(error, StepError) else StepError(urn, str(error)))
            raise StoppingError from error
        except Exception as error:
            self.fail(StepError(urn, f"the engine failed, which is a bug of it:\n{traceback.format_exc()}"))
            raise StoppingError from error
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def fail(self, error: EngineError) -> None:
        """Stop the run: what is under way finishes, nothing new starts."""
        step_error = error if isinstance(error, StepError) else StepError("", str(error))
        if not step_error.shown:
            self.display.diagnostic(step_error.urn, Severity.ERROR, str(error))
        self.errors.append(error)
        self.stopping.set()

    def cancel(self) -> None:
        """Stop the run because the user asked for it, and end what is under way soon."""
        self.stopping.set()
        self._providers.cancel()

    @property
    def idle(self) -> bool:
        return self._running == 0

    def wait_until_idle(self) -> None:
        """Wait until no step is under way."""
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0)

    def finish(self) -> Resource | None:
        """Wait for the steps under way, settle the stack's outputs, write state; return the stack's resource."""
        self.wait_until_idle()
        self.errors += self._planner.protected
        root = self._journal.new(self._target.root)
        if root is not None and self._outputs is not None:
            outputs = self._outputs if self.completed and not self.errors else {**root.outputs, **self._outputs}
            root = replace(root, outputs=outputs)
            self._journal.revise(root)
            self.display.outputs(replace(self._steps[root.urn], new=root))
        self._journal.write()
        return root
