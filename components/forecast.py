"""What the next `up` asks and does beside its writes, told in a preview, whose steps show none of it.

Each sentence begins with the phase that it belongs to, for whoever reads previews by program:

    check: green (6.9.1) must pass its gate before it takes traffic: smoke test version

`prepare` is before pods come, `check` before traffic moves, `move` while it does, `leave` before the old color changes.
The conditions are those of checks.py; tests hold the one to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components import conditions
from components.color import Color, Role
from components.conditions import Gating
from components.gates.settings import Gate
from components.memory import Memory
from components.plan import AppPlan, ColorPlan


@dataclass(frozen=True)
class Present:
    """What there is of an app.

    `live` is the color that the last move was to; `taken_over`: whether other pods have the live Service's traffic.
    `sizes` are the Deployments' replicas and `sources` the hashes of what they were planned from, by color; `needed` is
    the size that the color which is not live needs, where pods split the traffic; `weight` is what a route gives the
    color that is to be the other one, in percent.
    """

    live: Color | None
    taken_over: bool
    memories: Mapping[Color, Memory]
    sizes: Mapping[Color, int]
    sources: Mapping[Color, str | None]
    needed: int = 0
    weight: int = 0


@dataclass(frozen=True)
class Forecast:
    """What the next `up` does with an app that stands like this."""

    app: AppPlan
    present: Present

    def __iter__(self) -> Iterator[str]:
        app, present, live = self.app, self.present, self.present.live
        active, other = app.active, app.other
        if app.splits_by_pods and live:
            canary = app.colors[live.other]
            size = present.sizes[canary.color]
            if size < present.needed and present.sources[canary.color] == canary.source:
                yield from self._more_pods(canary, size)
        if present.taken_over or conditions.moves_at_once(app, live):
            yield from self._gate("check", active, "before it takes traffic", moves=True)
        verdict = present.memories[other.color].verdict
        if app.routes and live and conditions.takes_more(app, present.weight, other.template_hash, verdict):
            when = f"before it takes {app.weight}% of the traffic"
            yield from self._gate("check", other, when, moves=app.weight > present.weight)
        if present.memories[other.color].live:
            yield from self._leaving(active, other)

    def _more_pods(self, canary: ColorPlan, size: int) -> Iterator[str]:
        """What a canary's first pods need, and what more of them do."""
        if size or self._gating(canary) is Gating.FAILED:
            yield from self._gate("prepare", canary, "before more of its pods come", moves=True)

    def _leaving(self, active: ColorPlan, other: ColorPlan) -> Iterator[str]:
        """What comes between traffic's arrival and the old color's end."""
        app, left = self.app, self.present.memories[other.color]
        if app.splits_by_pods:
            if not self.present.memories[active.color].serves(active.template_hash):
                yield f"move: both colors are full until {other.color} shrinks: about half of the traffic goes to each"
                yield from self._gate("leave", active, f"before {other.color} shrinks", moves=False)
            return
        size = self.present.sizes[other.color]
        if other.role is Role.IDLE and conditions.must_drain(app, size, left.served, other.template_hash):
            ended = ", then its pods are ended one by one and come back" if conditions.is_recycled(app) else ""
            yield f"leave: connections to {other.color} have {app.drain_seconds} s to end{ended}"

    def _gate(self, phase: str, color: ColorPlan, when: str, *, moves: bool) -> Iterator[str]:
        """Whether a color is judged; that it is not is told where traffic moves."""
        who, gate = f"{color.color} ({color.tag})", self.app.gate
        verdict = self.present.memories[color.color].verdict
        match self._gating(color):
            case Gating.DUE if gate:
                yield f"{phase}: {who} must pass its gate {when}: {contents(gate)}"
            case Gating.FAILED if verdict:
                yield f"{phase}: {who} is refused: it has failed its gate at {verdict.at}"
            case Gating.NONE if moves:
                yield f"{phase}: {who} has no gate: that its pods are ready is all that is asked {when}"
            case Gating.SERVED if moves:
                yield f"{phase}: {who} has carried the live traffic before and needs no gate"
            case Gating.FORCED if moves:
                yield f"{phase}: {who} goes on without its gate, as `force` says"

    def _gating(self, color: ColorPlan) -> Gating:
        return conditions.gating(self.app, color, color.template_hash, self.present.memories)


def contents(gate: Gate) -> str:
    """Name what a gate asks, in its order."""
    parts = [f"smoke test {name}" for name in gate.smoke]
    parts += [f"{gate.load.seconds} s of requests"] if gate.load else []
    parts += ["a Job"] if gate.job else []
    parts += [f"metric {name}" for name in gate.metrics]
    return ", ".join(parts) or "nothing"
