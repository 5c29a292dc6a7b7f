"""What is looked at, in its order. Nothing is changed.

What cannot be looked at because something before it is wrong is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

from components.errors import CutoverError
from components.kube import Cluster
from components.plan import StackPlan
from cutover.doctor.apps import check_standing, check_tags
from cutover.doctor.cluster import SECONDS, check_api, check_namespace, check_ownership, check_permissions
from cutover.doctor.findings import Finding, Found, State, kubectl, ok, problem, refusal
from cutover.doctor.metrics import check_metrics
from cutover.doctor.routers import check_routers
from cutover.doctor.stack import check_config, check_engine, check_locks, check_state
from cutover.engine import Engine
from cutover.errors import DriverError

IN_THE_CLUSTER = (check_namespace, check_permissions, check_ownership, check_routers, check_metrics, check_standing)


def examine(engine: Engine) -> Iterator[Finding]:
    """Look at all of it, and tell each part as soon as it is known."""
    yield from check_engine(engine)
    try:
        engine.stack  # noqa: B018  # it is asked for once, before the threads ask
    except DriverError as error:
        yield problem("stack", str(error), "pulumi stack select <name>")
        return
    with ThreadPoolExecutor() as threads:
        config = threads.submit(check_config, engine)
        others = [threads.submit(check, engine) for check in (check_state, check_locks)]
        found, desk = config.result()
        yield from found
        for other in others:
            yield from other.result()
    if desk is None:
        return
    yield from check_tags(desk.plan)
    try:
        cluster = desk.cluster
    except DriverError as error:
        yield refusal("context", error)
        return
    yield ok("context", f"{cluster.context}, namespace {cluster.namespace}")
    yield from asyncio.run(_all(check_cluster(desk.plan, cluster.within(SECONDS))))


async def check_cluster(plan: StackPlan, cluster: Cluster) -> AsyncIterator[Finding]:
    """Look at all that is in the cluster, unless it does not answer."""
    reachable = await check_api(cluster)
    yield reachable
    if reachable.state is State.PROBLEM:
        return
    try:
        for check in IN_THE_CLUSTER:
            for finding in await check(plan, cluster):
                yield finding
    except CutoverError as error:
        yield problem("API server", str(error), kubectl(cluster, "version"))


async def _all(findings: AsyncIterator[Finding]) -> Found:
    return [finding async for finding in findings]
