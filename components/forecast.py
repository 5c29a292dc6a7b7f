"""What the next `up` asks and does beside its writes, told in a preview, whose steps show none of it.

Each sentence begins with the phase that it belongs to, for whoever reads previews by program:

    check: green (6.9.1) must pass its gate before it takes traffic: smoke test version

`prepare` is before pods come, `check` before traffic moves, `move` while it does, `leave` before the old color changes.
What is told follows the conditions of checks.py; tests hold the one to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components.color import Color, Role
from components.gates.settings import Gate
from components.memory import Memory, has_served
from components.plan import AppPlan, ColorPlan


@dataclass(frozen=True)
class Present:
    """What there is of an app.

    `live` is the color that the last move was to; `taken_over`: whether other pods have the live Service's traffic.
    `sizes` are the Deployments' replicas and `sources` the hashes of what they were planned from, by color; `weight` is
    what a route gives the color that is to be the other one, in percent.
    """

    live: Color | None
    taken_over: bool
    memories: Mapping[Color, Memory]
    sizes: Mapping[Color, int]
    sources: Mapping[Color, str | None]
    weight: int = 0


@dataclass(frozen=True)
class Forecast:
    """What the next `up` does with an app that stands like this."""

    app: AppPlan
    present: Present

    def __iter__(self) -> Iterator[str]:
        app, live = self.app, self.present.live
        active, other = app.active, app.other
        if app.splits_by_pods and live:
            canary = app.colors[live.other]
            size = self.present.sizes.get(canary.color, 0)
            if 0 < size < self._needed(canary, live) and self.present.sources.get(canary.color) == canary.source:
                yield from self._gate("prepare", canary, "before more of its pods come", moves=True)
        moves = live not in {None, active.color}
        if self.present.taken_over or (moves and not app.splits_by_pods):
            yield from self._gate("check", active, "before it takes traffic", moves=True)
        if app.routes and live:
            grows = app.weight > self.present.weight
            if grows or (app.weight and not self._passed(other)):
                yield from self._gate("check", other, f"before it takes {app.weight}% of the traffic", moves=grows)
        if self._memory(other).live:
            yield from self._leaving(active, other)

    def _leaving(self, active: ColorPlan, other: ColorPlan) -> Iterator[str]:
        """What comes between traffic's arrival and the old color's end."""
        app, left = self.app, self._memory(other)
        if app.splits_by_pods:
            if not self._memory(active).serves(active.template_hash):
                yield f"move: both colors are full until {other.color} shrinks: about half of the traffic goes to each"
                yield from self._gate("leave", active, f"before {other.color} shrinks", moves=False)
            return
        recycled = app.recycle and other.replicas > 0 and not app.routes
        shrinks = self.present.sizes.get(other.color, 0) > other.replicas
        if other.role is Role.IDLE and (recycled or shrinks or left.served != other.template_hash):
            ended = ", then its pods are ended one by one and come back" if recycled else ""
            yield f"leave: connections to {other.color} have {app.drain_seconds} s to end{ended}"

    def _gate(self, phase: str, color: ColorPlan, when: str, *, moves: bool) -> Iterator[str]:
        """Whether a color is judged; that it is not is told where traffic moves."""
        gate, who = self.app.gate, f"{color.color} ({color.tag})"
        verdict = self._memory(color).verdict
        if gate is None:
            no_need = f"{who} has no gate: that its pods are ready is all that is asked {when}"
        elif has_served(color.template_hash, self.present.memories.values()):
            no_need = f"{who} has carried the live traffic before and needs no gate"
        elif self.app.force == color.tag:
            no_need = f"{who} goes on without its gate, as `force` says"
        elif verdict and not verdict.passed and self._judged(color):
            yield f"{phase}: {who} is refused: it has failed its gate at {verdict.at}"
            return
        else:
            yield f"{phase}: {who} must pass its gate {when}: {contents(gate)}"
            return
        if moves:
            yield f"{phase}: {no_need}"

    def _needed(self, color: ColorPlan, live: Color) -> int:
        """The size that a color needs; an autoscaled one that is to be live needs the live one's."""
        grown = self.present.sizes.get(live, 0) if color.autoscaler and color.role is Role.ACTIVE else 0
        return max(color.replicas, grown)

    def _passed(self, color: ColorPlan) -> bool:
        verdict = self._memory(color).verdict
        return bool(verdict and verdict.passed and self._judged(color))

    def _judged(self, color: ColorPlan) -> bool:
        """Whether the verdict on a color is of its present template, by the present gate."""
        verdict = self._memory(color).verdict
        return verdict is not None and (verdict.template, verdict.gate) == (color.template_hash, self.app.gate_hash)

    def _memory(self, color: ColorPlan) -> Memory:
        return self.present.memories.get(color.color, Memory())


def contents(gate: Gate) -> str:
    """Name what a gate asks, in its order."""
    parts = [f"smoke test {name}" for name in gate.smoke]
    parts += [f"{gate.load.seconds} s of requests"] if gate.load else []
    parts += ["a Job"] if gate.job else []
    parts += [f"metric {name}" for name in gate.metrics]
    return ", ".join(parts) or "nothing"
