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
from typing import Any

import pulumi
from pulumi import Output
from pulumi import ResourceOptions as Options

from components.apps import After, App
from components.checks import Checks
from components.errors import CutoverError
from components.kube import Cluster
from components.plan import StackPlan
from components.resource import KubernetesObject


class Release:
    """Every app of a stack.

    Args:
        plan: what the stack's configuration means.
        cluster: the cluster that the stack's Kubernetes provider writes to.
        opts: options for every component.
    """

    def __init__(self, plan: StackPlan, cluster: Cluster, opts: Options | None = None) -> None:
        namespace = KubernetesObject(plan.namespace_manifest, cluster, Options()) if plan.namespace_manifest else None
        self.apps = [App(app, cluster, namespace, opts) for app in plan.apps]
        coupled = [app for app in self.apps if app.plan.coupled]
        if coupled:
            roll_out(coupled)
        for app in self.apps:
            if not app.plan.coupled:
                roll_out([app])

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Per app: active color, tags, the other color's share and URLs, as its last move wrote them."""
        return {app.plan.name: app.outputs for app in self.apps}


def roll_out(apps: Sequence[App]) -> None:
    """Register the layers of `apps`, each after the one before it and its check."""
    prepared = _when(Checks.prepared, apps, [job for app in apps for job in app.prepare()])
    grown = [deployment for app in apps for deployment in app.grow(prepared)]
    ready = _when(Checks.ready_to_serve, apps, grown)
    live = [mover for app in apps for mover in app.move(ready)]
    moved = _when(Checks.moved, apps, live)
    idle = [deployment for app in apps for deployment in app.settle(moved)]
    _when(Checks.settled, apps, idle)


def _when(
    check: Callable[[Checks], Awaitable[None]], apps: Sequence[App], written: Sequence[KubernetesObject]
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
