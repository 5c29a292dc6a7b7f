"""The checks between the layers of a release.

They know no Pulumi: they read the cluster on every `up`, rather than follow the engine's steps, so that a release which
died anywhere goes on where it stands, and a check that failed fails again.

What a check must remember of a color is in memory.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from components import conditions, guards, traffic
from components.color import Color, Role
from components.conditions import Gating
from components.errors import HALFWAY, UNMOVED, GateFailedError, GateInconclusiveError, MigrationError
from components.gates import gate
from components.gates.findings import Outcome
from components.gates.gate import Judge
from components.jobs import wait_until_ended
from components.kube import Cluster, size_of
from components.memory import Memory, Traffic, Verdict, has_served, notes_on
from components.plan import SOURCE, AppPlan, ColorPlan, Manifest
from components.pod import digest
from components.readiness import Progress, look, wait_until_ready

LONGEST_FINDING = 2000
"""Characters of a finding that are remembered; all annotations of an object share 256 KiB."""

Tell: TypeAlias = Callable[[Color | None, str], None]
"""Tells the user something about a color, or (None) about the live Service."""


class Checks:
    """The checks of one app.

    Args:
        plan: what the app is to be.
        cluster: where it is.
        say: shows progress for the moment.
        note: shows what is worth reading afterwards.
        warn: shows what should be looked into.
    """

    def __init__(self, plan: AppPlan, cluster: Cluster, *, say: Tell, note: Tell, warn: Tell) -> None:
        self.plan = plan
        self.cluster = cluster
        self.say = say
        self.note = note
        self.warn = warn
        self.known: Mapping[str, Any] = {}
        """What Outputs in the plan have come to."""

    async def prepared(self) -> None:
        """See what must hold before any pod of a new version starts, and before a canary grows.

        Raises:
            MigrationError: a migration did not end well, or hurt the live color.
            GateFailedError: the canary's present pods do not pass the gate.
            GateInconclusiveError: their gate came to no conclusion.
        """
        live = await traffic.live_color(self.cluster, self.plan)
        for color in self.plan.colors.values():
            if color.migration and not await self._has_served(color):
                await self._migrated(color, color.migration, live)
        if self.plan.splits_by_pods and live is not None:
            await self._may_grow(self.plan.colors[live.other], live)

    async def ready_to_serve(self) -> None:
        """See every color that takes or will take live traffic ready, and past its gate, before it takes any.

        Raises:
            NotReadyError: it cannot become ready.
            NoEndpointsError: its Service lists too few ready endpoints.
            GateFailedError: it did not pass its gate.
            GateInconclusiveError: its gate came to no conclusion.
        """
        live = await traffic.live_color(self.cluster, self.plan)
        serving = [color for color in self.plan.colors.values() if color.role is not Role.IDLE]
        await asyncio.gather(*(self._ready_to_serve(color, live) for color in serving), self._baseline_ready())
        if conditions.moves_at_once(self.plan, live) or await traffic.is_taken_over(self.cluster, self.plan, live):
            await self._pass_gate(self.plan.active)
        if self.plan.routes and live is not None:  # what config alone says is made again without a gate
            await self._may_take(self.plan.other)
        for color in serving if self.plan.routes else [self.plan.active]:
            memory = await self._memory(color)
            if not memory.live:
                await self._remember(color, replace(memory, live=Traffic.EXPECTED))

    async def moved(self) -> None:
        """See that traffic has moved, then let the color that it left end its connections.

        Raises:
            NotSeenError: the live Service's endpoints show something else.
            GateFailedError: a canary that has grown to full size does not pass its gate.
            GateInconclusiveError: its gate came to no conclusion.
        """
        active, other = self.plan.active, self.plan.other
        arrived = (await self._memory(active)).serves(self._template(active))
        if not arrived:
            clock = asyncio.get_running_loop().time
            begin = clock()
            await traffic.see_arrived(self.cluster, self.plan)
            self.note(None, f"traffic seen on {active.color}, {clock() - begin:.1f} s after it was moved")
        await traffic.see_routed(self.cluster, self.plan)
        if not self.plan.splits_by_pods:
            await traffic.see_left(self.cluster, self.plan)
        left = await self._memory(other)
        if not arrived:
            if self.plan.splits_by_pods and left.live:
                await self._pass_gate(active, where=HALFWAY)
            await self._remember(active, (await self._memory(active)).serving(self._template(active)))
        if other.role is Role.IDLE and left.live:
            await self._empty(other, left.served)
            await self._remember(other, replace(left, live=None))

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
        if not await self._has_served(other):
            await self._wait(other)
        elif other.replicas:
            await self._warn_if_ill(other)
        if self.plan.splits_by_pods:
            await traffic.see_left(self.cluster, self.plan)

    async def is_live(self, color: ColorPlan) -> bool:
        """Tell whether the last move was to this color."""
        return await traffic.live_color(self.cluster, self.plan) == color.color

    async def unjudged_share(self, color: ColorPlan) -> int:
        """Return the percent of the live traffic that a route gives a canary, which another template may not inherit.

        It may where there is no gate to pass, and where the color gives that traffic up before its pods change.
        """
        gated = self.plan.routes and self.plan.gate and self.plan.force != color.tag
        if not gated or color.role is Role.IDLE or await self.is_live(color) or await self._has_served(color):
            return 0
        return await traffic.routed_weight(self.cluster, self.plan, color.color)

    async def selects(self, color: ColorPlan) -> bool:
        """Tell whether the live Service selects this color and no other, be it by a hand."""
        service = await self.cluster.service(self.plan.name)
        selector = (service.spec.selector if service and service.spec else None) or {}
        return selector.get("color") == color.color

    async def source(self, color: ColorPlan) -> str | None:
        """Return the hash of what the color's Deployment in the cluster was planned from; None where there is none."""
        return notes_on(await self.cluster.deployment(color.name)).get(SOURCE)

    async def _migrated(self, color: ColorPlan, migration: Manifest, live: Color | None) -> None:
        """See a migration end; then the version that is live, if it is well, must still pass its own smoke test."""
        job, seconds = migration["metadata"]["name"], migration["spec"]["activeDeadlineSeconds"]
        end = await wait_until_ended(self.cluster, job, seconds=seconds, say=lambda text: self.say(None, text))
        if not end.complete:
            log = "".join(f"\n    {line}" for line in end.log[-10:])
            raise MigrationError(self.plan.name, job, live=None, reasons=[f"{end.trouble}{log}"])
        if self.plan.gate and live and self.plan.force != color.tag:
            live_plan = self.plan.colors[live]
            well = await look(self.cluster, live_plan.name, live_plan.labels)
            found = await self._judge(live_plan).smoke(self.plan.gate) if well.done else []
            if gate.failed(found):
                raise MigrationError(self.plan.name, job, live=live, reasons=[str(finding) for finding in found])

    async def _may_grow(self, canary: ColorPlan, live: Color) -> None:
        """Hold a canary at its present pods until those pass the gate; its first ones have readiness alone.

        What failed with those does not begin again.
        """
        deployment = await self.cluster.deployment(canary.name)
        present = size_of(deployment) or 0
        same = notes_on(deployment).get(SOURCE) == canary.source
        if not same or present >= await traffic.needed(self.cluster, self.plan, canary, live):
            return
        if present:
            await self._pass_gate(canary)
        else:
            guards.refuse_failed(self.plan, canary, self._template(canary), await self._memories())

    async def _may_take(self, canary: ColorPlan) -> None:
        """Judge a canary before a route gives it a share, or more than it has, or when it or the gate has changed."""
        weight = await traffic.routed_weight(self.cluster, self.plan, canary.color)
        verdict = (await self._memory(canary)).verdict
        if conditions.takes_more(self.plan, weight, self._template(canary), verdict):
            await self._pass_gate(canary)

    async def _pass_gate(self, color: ColorPlan, where: str = UNMOVED) -> None:
        """Judge a color that takes, or is to take, more traffic; what has served before needs no gate."""
        template, memories = self._template(color), await self._memories()
        due = guards.refuse_failed(self.plan, color, template, memories, where)
        if due is Gating.FORCED:
            self.warn(color.color, f"{color.name} ({color.tag}) goes on without its gate, as `force` says")
        if self.plan.gate is None or due is not Gating.DUE:
            return
        found = await self._judge(color).judge(self.plan.gate)
        for finding in found:
            tell = self.note if finding.outcome is Outcome.PASSED else self.warn
            tell(color.color, f"{finding.outcome}: {finding}")
        told = tuple(str(finding)[:LONGEST_FINDING] for finding in found)
        if not gate.passed(found) and not gate.failed(found):
            raise GateInconclusiveError(self.plan.name, color.color, color.tag, findings=told, where=where)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        verdict = Verdict(template, self.plan.gate_hash, passed=gate.passed(found), at=now, findings=told)
        await self._remember(color, replace(memories[color.color], verdict=verdict))
        if not verdict.passed:
            failures = [str(one) for one in found if one.outcome is Outcome.FAILED and not one.dry_run]
            raise GateFailedError(self.plan.name, color.color, color.tag, findings=failures, where=where)

    def _judge(self, color: ColorPlan) -> Judge:
        return Judge(self.cluster, self.plan, color, lambda text: self.say(color.color, text))

    async def _ready_to_serve(self, color: ColorPlan, live: Color | None) -> None:
        """A color that carries the traffic already is only looked at: what ails it must not stop its own cure."""
        is_live = live == color.color
        if not (is_live and color.autoscaler):
            await self._size(color, await traffic.needed(self.cluster, self.plan, color, live))
        if is_live and (await self._memory(color)).served == self._template(color):
            await self._warn_if_ill(color)
        else:
            await traffic.await_endpoints(self.cluster, self.plan, color, await self._wait(color))

    async def _baseline_ready(self) -> None:
        """See the pods of the live version that stand beside a canary ready; each comes with the same template."""
        baseline = self.plan.baseline
        if baseline and baseline.replicas:
            seconds = self.plan.progress_deadline_seconds
            await wait_until_ready(
                self.cluster,
                self.plan.name,
                baseline.name,
                baseline.labels,
                seconds=seconds,
                say=lambda text: self.say(None, f"baseline: {text}"),
            )

    async def _empty(self, color: ColorPlan, served: str | None) -> None:
        """Let connections to a color's pods end before its pods do."""
        size = await self.cluster.size(color.name) or 0
        if not conditions.must_drain(self.plan, size, served, self._template(color)):
            return
        # endpoints say what nodes are to do; after an outage they may be long in doing it
        seconds = max(self.plan.drain_seconds, traffic.LATE_SECONDS if self.cluster.was_away else 0)
        await traffic.drain(int(seconds), lambda text: self.say(None, f"{color.color}: {text}"))
        if conditions.is_recycled(self.plan):
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

    async def _memory(self, color: ColorPlan) -> Memory:
        return Memory.of(await self.cluster.deployment(color.name))

    async def _has_served(self, color: ColorPlan) -> bool:
        return has_served(self._template(color), (await self._memories()).values())

    async def _memories(self) -> Mapping[Color, Memory]:
        return {each.color: await self._memory(each) for each in self.plan.colors.values()}

    async def _remember(self, color: ColorPlan, memory: Memory) -> None:
        await self.cluster.remember(color.name, memory.annotations)
