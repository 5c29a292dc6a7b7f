"""Steps of canary releases that were measured, and the rows that compare them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.answers import Share
from bench.switches import Kind, Row, Switch, failed, kept, last, new, seconds


@dataclass(frozen=True)
class Step(Switch):
    """One step of a canary release.

    `stands` is when the ready pods were those that it asks for, in seconds after the command began; `fewest` and `most`
    are the ready pods of both versions together from then on, `started` those that were made for it.
    `share` is that of the version that came or went, of new connections while it stood; a canary's was to be `asked`.
    """

    stands: float
    fewest: int
    most: int
    started: int
    share: Share
    asked: float

    def __str__(self) -> str:
        pods = f"{self.fewest} to {self.most} ready, {self.started} started"
        return f"{super().__str__()}; stands after {self.stands:.1f} s; pods: {pods}; share {self.share.value:.2%}"


def rows(kind: Kind, patience: float) -> Iterable[Row[Step]]:
    """The figures of a kind of step, whose clients were watched for `patience` seconds at most."""
    left = "bad" if kind is Kind.DROP else "old"
    after = f"… last {left} answer, s after the command began"
    yield "the command takes, s", lambda steps: seconds(step.seconds for step in steps)
    yield "it stands, s after the command began", lambda steps: seconds(step.stands for step in steps)
    yield "a connection per request: failed / requests", lambda steps: failed(new(steps))
    if kind is not Kind.CANARY:
        yield after, lambda steps: last(new(steps), patience)
    yield "kept connections: failed / requests", lambda steps: failed(kept(steps))
    if kind is not Kind.CANARY:
        yield after, lambda steps: last(kept(steps), patience)
    yield "ready pods, fewest / most", lambda steps: f"{min(s.fewest for s in steps)} / {max(s.most for s in steps)}"
    yield "pods started", lambda steps: _range([step.started for step in steps])
    if kind is Kind.CANARY:
        yield "its share of new connections / asked for", share


def share(steps: Sequence[Step]) -> str:
    """The share over all steps, and whether it is what was asked for."""
    seen = Share(sum(step.share.hits for step in steps), sum(step.share.total for step in steps))
    (asked,) = {step.asked for step in steps}
    low, high = seen.band(asked)
    within = "" if seen.fits(asked) else ", outside"
    return f"{seen.value:.2%} / {asked:.2%} (4.5 sigma: {low:.2%} to {high:.2%}{within})"


def _range(figures: Sequence[int]) -> str:
    low, high = min(figures), max(figures)
    return f"{low}" if low == high else f"{low} to {high}"
