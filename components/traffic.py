"""Where traffic goes: looked up in the live Service's endpoints, never assumed.

After a move, connections that are open stay with the pods that they reached. `drain` gives them time to end by
themselves; `recycle` ends what is left by ending the pods of an idle color one by one, so that the color stays warm.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from components.color import Color, Role
from components.errors import NoEndpointsError, NotSeenError, RouteNotTakenError
from components.kube import Cluster, names
from components.plan import ACTIVE, SHARE, AppPlan, ColorPlan
from components.readiness import Say
from components.routers import router

SEEN_SECONDS = 30.0
LATE_SECONDS = 90.0
"""How late nodes and controllers may be once the API server was away: client-go waits longer from try to try."""
RECYCLE_SECONDS = 60.0
POLL_SECONDS = 0.2


async def live_color(cluster: Cluster, app: AppPlan) -> Color | None:
    """Return the color that the route, or else the live Service, says is active; None before the first move."""
    told = await _told(cluster, app)
    return Color(told[ACTIVE]) if ACTIVE in told else None


async def routed_weight(cluster: Cluster, app: AppPlan, color: Color) -> int:
    """Return the percent of the live traffic that a route gives a color; 0 where there is none."""
    told = await _told(cluster, app)
    share = told.get(SHARE, "")
    if ACTIVE not in told or not share.endswith("%"):
        return 0
    weight = int(share.removesuffix("%"))
    return 100 - weight if told[ACTIVE] == color else weight


async def _told(cluster: Cluster, app: AppPlan) -> Mapping[str, str]:
    """What the object that moved traffic last says of it; an app that has just got a router has no route yet."""
    for mover in (app.mover, app.live_service):
        found = await cluster.find(mover)
        annotations: Mapping[str, str] = ((found or {}).get("metadata") or {}).get("annotations") or {}
        if ACTIVE in annotations:
            return annotations
    return {}


async def is_taken_over(cluster: Cluster, app: AppPlan, live: Color | None) -> bool:
    """Tell whether the live Service is there and no move of ours (`live`) has been: other pods have its traffic."""
    return live is None and await cluster.service(app.name) is not None


async def ready_endpoints(cluster: Cluster, color: ColorPlan) -> int:
    """Return how many ready endpoints the color's own Service has."""
    return sum(endpoint.ready for endpoint in await cluster.endpoints(color.name))


async def needed(cluster: Cluster, app: AppPlan, color: ColorPlan, live: Color | None) -> int:
    """Return the size a color needs to take its traffic; under an HPA, its share of the pods that take it now.

    Where pods split the traffic, a canary's number is its share. A route's weight leaves an HPA free to give a canary
    more, and what it has given is not taken from a color that has traffic.
    """
    if not color.autoscaler or color.role is Role.IDLE or live is None:
        return color.replicas
    other = await ready_endpoints(cluster, app.colors[color.color.other])
    most: int = color.autoscaler["spec"]["maxReplicas"]
    if app.splits_by_pods and color.role is Role.CANARY:
        return min(most, math.ceil(other * color.replicas / app.active.replicas))
    serves = app.splits_by_pods or await routed_weight(cluster, app, color.color)
    own = await ready_endpoints(cluster, color) if serves else 0
    share = 100 if color.role is Role.ACTIVE else app.weight
    return min(most, max(color.replicas, own, math.ceil((other + own) * share / 100)))


async def await_endpoints(cluster: Cluster, app: AppPlan, color: ColorPlan, wanted: int) -> None:
    """Wait until the color's own Service has `wanted` ready endpoints.

    Raises:
        NoEndpointsError: it has fewer for `SEEN_SECONDS`.
    """
    give_up = _now() + SEEN_SECONDS
    while True:
        ready = await ready_endpoints(cluster, color)
        if ready >= max(wanted, 1):
            return
        if _now() >= give_up:
            raise NoEndpointsError(app.name, color.color, ready=ready, wanted=wanted)
        await asyncio.sleep(POLL_SECONDS)


async def see_arrived(cluster: Cluster, app: AppPlan) -> None:
    """Wait until the live Service's endpoints hold every pod of the active color, ready.

    Raises:
        NotSeenError: they still do not after `SEEN_SECONDS`, or where the API server was away, `LATE_SECONDS`.
    """
    await _see(cluster, app, lambda active, serving: bool(active) and active <= serving)


async def see_left(cluster: Cluster, app: AppPlan) -> None:
    """Wait until the live Service's endpoints hold no ready pod but those of the active color.

    There may be none at all: a live color that is down has not lost its place.

    Raises:
        NotSeenError: they still do after as long.
    """
    await _see(cluster, app, lambda active, serving: serving <= active)


async def see_routed(cluster: Cluster, app: AppPlan) -> None:
    """Wait until the router has taken every route of the app.

    Raises:
        NotSeenError: it still has not after `SEEN_SECONDS`, or where the API server was away, `LATE_SECONDS`.
    """
    begin = _now()
    for route in app.routes:
        while True:
            found = await cluster.find(route)
            trouble = router.trouble(found) if found else "it is not there"
            if trouble is None:
                break
            seconds = LATE_SECONDS if cluster.was_away else SEEN_SECONDS
            if _now() >= begin + seconds:
                name = route["metadata"]["name"]
                raise RouteNotTakenError(app.name, route["kind"], name, trouble=trouble, seconds=seconds)
            await asyncio.sleep(POLL_SECONDS)


async def _see(cluster: Cluster, app: AppPlan, holds: Callable[[set[str], set[str]], bool]) -> None:
    begin = _now()
    while True:
        active = names(await cluster.pods(app.active.labels))
        serving = {endpoint.pod for endpoint in await cluster.endpoints(app.name) if endpoint.ready}
        if holds(active, serving):
            return
        seconds = LATE_SECONDS if cluster.was_away else SEEN_SECONDS
        if _now() >= begin + seconds:
            found = await _describe(cluster, app, serving)
            raise NotSeenError(app.name, app.active.color, found=found, seconds=seconds)
        await asyncio.sleep(POLL_SECONDS)


async def drain(seconds: int, say: Say) -> None:
    """Give open connections `seconds` to end by themselves."""
    for left in range(seconds, 0, -1):
        say(f"connections have {left} s to end")
        await asyncio.sleep(1)


async def recycle(cluster: Cluster, color: ColorPlan, *, say: Say, warn: Say) -> None:
    """End the pods of a warm idle color one by one (of a large color, a tenth at a time), each once replaced.

    A replacement that does not become ready is a warning, never a failure: traffic has left this color.
    """
    pods = sorted(names(await cluster.pods(color.labels)))
    full = await ready_endpoints(cluster, color)
    step = max(1, len(pods) // 10)
    for first in range(0, len(pods), step):
        ending = pods[first : first + step]
        left = len(pods) - first - len(ending)
        say(f"ending {len(ending)} of its {len(pods)} pods to end their open connections, {left} to follow")
        for pod in ending:
            await cluster.delete_pod(pod)
        give_up = _now() + RECYCLE_SECONDS
        while await _ready_without(cluster, color, ending) < full:
            if _now() >= give_up:
                warn(
                    f"{color.name} is not back at {full} ready pods {RECYCLE_SECONDS:.0f} s after {', '.join(ending)} "
                    f"ended; {left} of its pods keep the connections they have"
                )
                return
            await asyncio.sleep(POLL_SECONDS)


async def _ready_without(cluster: Cluster, color: ColorPlan, ending: Sequence[str]) -> int:
    return sum(endpoint.ready and endpoint.pod not in ending for endpoint in await cluster.endpoints(color.name))


async def _describe(cluster: Cluster, app: AppPlan, serving: set[str]) -> str:
    if not serving:
        return "none ready"
    count: Counter[str] = Counter()
    for color in (app.active, app.other):
        count[color.color] += len(serving & names(await cluster.pods(color.labels)))
    return ", ".join(f"{number} of {color}" for color, number in count.items() if number) or "pods of neither color"


def _now() -> float:
    return asyncio.get_running_loop().time()
