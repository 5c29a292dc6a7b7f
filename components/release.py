"""A release: all apps that share a position, moved together.

No app's traffic moves before every app is ready, and no old color changes before every app has moved:

    prepare all  ->  all prepared?
    grow all     ->  all ready to serve, and past their gates?
    move all     ->  all seen and drained?
    settle all   ->  all settled?

The arrows are dependencies between resources, so the engine keeps the order; each question is asked in the program,
when the layer before it has been written, and a "no" ends the program before the next layer is registered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import pulumi
from pulumi import Output
from pulumi import ResourceOptions as Options

from components.apps import App
from components.checks import Checks
from components.errors import CutoverError
from components.inputs import Held
from components.kube import Cluster
from components.plan import StackPlan
from components.resource import After, KubernetesObject
from components.workloads.rollout import Rollout
from components.workloads.workload import Workload

Check = TypeVar("Check", Checks, Rollout)


class _Checked(Protocol[Check]):
    """An app with the checks of its layers."""

    checks: Check
    held: Held


class Release:
    """Every app of a stack.

    Args:
        plan: what the stack's configuration means.
        cluster: the cluster that the stack's Kubernetes provider writes to.
        opts: options for every component.
        sealed: whether the configuration has secrets, which must stay so.
    """

    def __init__(self, plan: StackPlan, cluster: Cluster, opts: Options | None = None, *, sealed: bool = False) -> None:
        namespace = KubernetesObject(plan.namespace_manifest, cluster, Options()) if plan.namespace_manifest else None
        self.apps = [App(app, cluster, namespace, opts, sealed=sealed) for app in plan.apps]
        coupled = [app for app in self.apps if app.plan.coupled]
        if coupled:
            roll_out(coupled)
        for app in self.apps:
            if not app.plan.coupled:
                roll_out([app])
        self.workloads = [Workload(workload, cluster, namespace, opts, sealed=sealed) for workload in plan.workloads]
        for workload in self.workloads:
            roll(workload)

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Per app what its last move wrote: active color, tags, the other color's share and URLs, or its one tag."""
        of_two = {app.plan.name: app.outputs for app in self.apps}
        return of_two | {workload.plan.name: workload.outputs for workload in self.workloads}


def roll_out(apps: Sequence[App]) -> After:
    """Register the layers of `apps`, each after the one before it and its check; return what is there then."""
    prepared = _when(Checks.prepared, apps, [job for app in apps for job in app.prepare()])
    grown = [deployment for app in apps for deployment in app.grow(prepared)]
    ready = _when(Checks.ready_to_serve, apps, grown)
    live = [mover for app in apps for mover in app.move(ready)]
    moved = _when(Checks.moved, apps, live)
    idle = [deployment for app in apps for deployment in app.settle(moved)]
    return _when(Checks.settled, apps, idle)


def roll(workload: Workload) -> After:
    """Register the layers of an app of one version, which moves by itself; return what is there then."""
    prepared = _when(Rollout.prepared, [workload], workload.prepare())
    return _when(Rollout.rolled_out, [workload], workload.roll(prepared))


def _when(
    check: Callable[[Check], Awaitable[None]], apps: Sequence[_Checked[Check]], written: Sequence[KubernetesObject]
) -> After:
    """Return `written` as a dependency that is there once all of it is written and every app has passed `check`.

    A preview writes nothing and checks nothing. The apps are checked together, and every failure is told.
    """
    if pulumi.runtime.is_dry_run():
        return written

    async def ask(answers: Sequence[Any]) -> Sequence[KubernetesObject]:
        uids, *known = answers
        for app, values in zip(apps, known, strict=True):
            app.checks.known = values
        cluster = apps[0].checks.cluster
        try:
            for item, expected in zip(written, uids, strict=True):
                if item.manifest["kind"] != "Job":  # one that has ended may have been removed
                    await cluster.verify(item.manifest, expected)
            await _all(check(app.checks) for app in apps)
        except CutoverError as error:
            raise pulumi.RunError(str(error)) from error
        return written

    uids = Output.all(*(item.uid for item in written))
    return Output.all(uids, *(Output.all(**app.held) for app in apps)).apply(ask)


async def _all(checks: Iterable[Awaitable[None]]) -> None:
    """Await all checks; one that fails does not hide another."""
    answers = await asyncio.gather(*checks, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in failures:
        if not isinstance(failure, CutoverError):
            raise failure
    if failures:
        raise CutoverError("\n\n".join(str(failure) for failure in failures))
