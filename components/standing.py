"""Where the cluster stands before an `up` or a preview does anything: what that refuses, and what it keeps.

It is read once, while the program starts and nothing is registered yet, so that a refusal shows in a pull request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from components import guards
from components.errors import NamespaceLostError
from components.forecast import Forecast, Present
from components.kube import Cluster, size_of
from components.memory import Memory, has_served, notes_on
from components.plan import SOURCE, AppPlan, ColorPlan, StackPlan
from components.traffic import live_color, needed, routed_weight
from components.workloads.standing import confront_workload


async def confront(plan: StackPlan, cluster: Cluster) -> StackPlan:
    """Return `plan` as it can be done where the cluster stands.

    Raises:
        NamespaceLostError: the namespace that the stack made would go, with all that is in it.
        GateFailedError: a color that is to be live has failed its gate.
        NotAsItIsError: a Service that is to be taken over would be exposed in another way.
        ClaimsChangedError: a StatefulSet would change in what Kubernetes never changes.
        CanaryBaseError: pods beside a StatefulApp's canary would not be what the configuration says.
    """
    kept = plan.namespace if plan.namespace_manifest else None
    for name in await cluster.namespaces(plan.owner):
        if name != kept:
            raise NamespaceLostError(name, plan.namespace)
    apps, workloads = await asyncio.gather(
        asyncio.gather(*(confront_app(app, cluster) for app in plan.apps)),
        asyncio.gather(*(confront_workload(workload, cluster) for workload in plan.workloads)),
    )
    return replace(plan, apps=tuple(apps), workloads=tuple(workloads))


async def confront_app(app: AppPlan, cluster: Cluster) -> AppPlan:
    """Let the live color keep a template that differs only because Cutover is newer: the other color takes it first.

    What the next `up` will ask and do beside its writes is foretold.

    Raises:
        GateFailedError: a color that is to be live has failed its gate.
        NotAsItIsError: a Service that is to be taken over would be exposed in another way.
    """
    live = await live_color(cluster, app)
    if live is None and (service := await cluster.service(app.name)):
        guards.check_ours(app.live_service, (service.metadata and service.metadata.labels) or {}, cluster.context)
        guards.check_taken_over(app, service.to_dict())
    deployment, other = await asyncio.gather(*(cluster.deployment(color.name) for color in (app.active, app.other)))
    active = app.active
    known = {active.color: deployment, app.other.color: other}
    memories = {color: Memory.of(found) for color, found in known.items()}
    sources = {color: notes_on(found).get(SOURCE) for color, found in known.items()}
    memory = memories[active.color]
    if live not in {None, active.color}:
        guards.refuse_failed(app, active, active.template_hash, memories)
    served = memory.served or ""
    same_source = sources[active.color] == active.source
    if memory.serves(served) and served != active.template_hash and same_source and app.in_place != active.tag:
        active = replace(active, template_hash=served, kept=True)
    app = replace(
        app,
        active=await _spared(active, memories.values(), cluster),
        other=await _spared(app.other, memories.values(), cluster),
    )
    growing = app.colors[live.other] if live and app.splits_by_pods else None
    present = Present(
        live=live,
        taken_over=live is None and service is not None,
        memories=memories,
        sizes={color: size_of(found) or 0 for color, found in known.items()},
        sources=sources,
        needed=await needed(cluster, app, growing, live) if growing else 0,
        weight=await routed_weight(cluster, app, app.other.color) if app.routes else 0,
    )
    return replace(app, foretold=tuple(Forecast(app, present)))


async def _spared(color: ColorPlan, memories: Iterable[Memory], cluster: Cluster) -> ColorPlan:
    """Spare a version that has served its migration, unless that is there: it must not hold up a rollback."""
    if color.migration is None or not has_served(color.template_hash, memories):
        return color
    there = await cluster.job(color.migration["metadata"]["name"])
    return color if there else replace(color, migration=None)
