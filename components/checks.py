"""The checks between the layers of a release.

They know no Pulumi: they read the cluster on every `up`, rather than follow the engine's steps, so that a release which
died anywhere goes on where it stands, and a check that failed fails again.

What a check must remember lives in two annotations of a color's Deployment, under a field manager of our own:
`cutover/served`, the hash of the template that last carried the live traffic, and `cutover/live`, which stands from
the moment traffic was seen on the color until its connections have drained.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from components import traffic
from components.color import Color, Role
from components.kube import Cluster
from components.plan import ACTIVE, AppPlan, ColorPlan, Component
from components.pod import digest
from components.readiness import Progress, look, wait_until_ready

SERVED = "cutover/served"
LIVE = "cutover/live"

Tell: TypeAlias = Callable[[Color | None, str], None]
"""Tells the user something about a color, or (None) about the live Service."""


class Checks:
    """The checks of one app.

    Args:
        plan: what the app is to be.
        cluster: where it is.
        say: shows progress for the moment.
        warn: shows what stays worth knowing.
    """

    def __init__(self, plan: AppPlan, cluster: Cluster, say: Tell, warn: Tell) -> None:
        self.plan = plan
        self.cluster = cluster
        self.say = say
        self.warn = warn
        self.known: Mapping[str, Any] = {}
        """What Outputs in the plan have come to."""

    async def ready_to_serve(self) -> None:
        """See every color that takes or will take live traffic ready, before it takes any.

        Raises:
            NotReadyError: it cannot become ready.
            NoEndpointsError: its Service lists too few ready endpoints.
        """
        live = await self._live_color()
        serving = [color for color in self.plan.colors.values() if color.role is not Role.IDLE]
        await asyncio.gather(*(self._ready_to_serve(color, live) for color in serving))

    async def moved(self) -> None:
        """See that traffic has moved, then let the color that it left end its connections.

        Raises:
            NotSeenError: the live Service's endpoints show something else.
        """
        active, other = self.plan.active, self.plan.other
        served = _memory_of(self._template(active), live=True)
        arrived = await self._memory(active) == served
        if not arrived:
            await traffic.see_arrived(self.cluster, self.plan)
            self.say(None, f"traffic seen on {active.color}")
        if self.plan.component is Component.BLUE_GREEN:
            await traffic.see_left(self.cluster, self.plan)
        if not arrived:
            await self.cluster.remember(active.name, served)
        memory = await self._memory(other)
        if other.role is Role.IDLE and LIVE in memory:
            await self._empty(other, memory[SERVED])
            await self.cluster.remember(other.name, _memory_of(memory[SERVED], live=False))

    async def settled(self) -> None:
        """See an idle color at its size, without traffic. One that has served may be ill; a newly staged one may not.

        Raises:
            NotReadyError: a template that never served cannot become ready.
            NotSeenError: the live Service's endpoints still hold pods of it.
        """
        other = self.plan.other
        if other.role is not Role.IDLE:
            return
        await self._size(other, other.replicas)
        if (await self._memory(other)).get(SERVED) == self._template(other):
            await self._warn_if_ill(other)
        else:
            await self._wait(other)
        if self.plan.component is Component.CANARY:
            await traffic.see_left(self.cluster, self.plan)

    async def selects(self, color: ColorPlan) -> bool:
        """Tell whether the live Service selects this color and no other, be it by a hand."""
        service = await self.cluster.service(self.plan.name)
        selector = (service.spec.selector if service and service.spec else None) or {}
        return selector.get("color") == color.color

    async def _ready_to_serve(self, color: ColorPlan, live: str | None) -> None:
        """A color that carries the traffic already is only looked at: what ails it must not stop its own cure."""
        is_live = live == color.color
        if not (is_live and color.autoscaler):
            await self._size(color, await self._needed(color, live))
        if is_live and (await self._memory(color)).get(SERVED) == self._template(color):
            await self._warn_if_ill(color)
        else:
            await traffic.await_endpoints(self.cluster, self.plan, color, await self._wait(color))

    async def _needed(self, color: ColorPlan, live: str | None) -> int:
        """Return the size a color needs to take the traffic; under an HPA, what the live color has now."""
        if not color.autoscaler or color.role is not Role.ACTIVE or live is None:
            return color.replicas
        return max(color.replicas, await traffic.ready_endpoints(self.cluster, self.plan.colors[color.color.other]))

    async def _empty(self, color: ColorPlan, served: str) -> None:
        """Let connections to a color's pods end before its pods do; a CanaryApp's Service selects them to their end."""
        if self.plan.component is not Component.BLUE_GREEN:
            return
        size = await self.cluster.size(color.name) or 0
        recycled = self.plan.recycle and color.replicas > 0
        if not (recycled or size > color.replicas or served != self._template(color)):
            return
        await traffic.drain(self.plan.drain_seconds, lambda text: self.say(None, f"{color.color}: {text}"))
        if recycled:
            await traffic.recycle(
                self.cluster,
                color,
                say=lambda text: self.say(None, f"{color.color}: {text}"),
                warn=lambda text: self.warn(None, text),
            )

    async def _size(self, color: ColorPlan, replicas: int) -> None:
        """Give a color its size where something else than Pulumi has changed it: an HPA, or a hand."""
        if await self.cluster.size(color.name) != replicas:
            await self.cluster.scale(color.name, replicas)

    async def _wait(self, color: ColorPlan) -> int:
        return await wait_until_ready(
            self.cluster,
            self.plan.name,
            color.name,
            color.labels,
            seconds=self.plan.progress_deadline_seconds,
            say=lambda text: self.say(color.color, text),
        )

    async def _warn_if_ill(self, color: ColorPlan) -> None:
        progress: Progress = await look(self.cluster, color.name, color.labels)
        if not progress.done:
            self.warn(color.color, f"{color.name} ({color.role}): {progress}")

    def _template(self, color: ColorPlan) -> str:
        """Name the content of a color's pod template, with what Outputs in it have come to."""
        return digest([color.template_hash, self.known]) if self.known else color.template_hash

    async def _live_color(self) -> str | None:
        """Return the color that the live Service says is active; None before the first move."""
        service = await self.cluster.service(self.plan.name)
        annotations = (service and service.metadata and service.metadata.annotations) or {}
        return annotations.get(ACTIVE)

    async def _memory(self, color: ColorPlan) -> dict[str, str]:
        deployment = await self.cluster.deployment(color.name)
        annotations = (deployment and deployment.metadata and deployment.metadata.annotations) or {}
        return {key: value for key, value in annotations.items() if key in {SERVED, LIVE}}


def _memory_of(served: str, *, live: bool) -> dict[str, str]:
    return {SERVED: served, LIVE: "true"} if live else {SERVED: served}
