"""Switches that were measured with their pods: steps of canary releases, releases undone; the rows that compare them.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.answers import Share
from bench.switches import Kind, Row, Seen, Switch, failed, kept, last, new, seconds


@dataclass(frozen=True)
class Watched(Switch):
    """A switch whose pods were watched from the command on.

    `fewest` and `most` are the ready pods of both versions together, `started` those that were made.
    """

    fewest: int
    most: int
    started: int

    def __str__(self) -> str:
        return f"{super().__str__()}; pods: {self.fewest} to {self.most} ready, {self.started} started"


@dataclass(frozen=True)
class Step(Watched):
    """One step of a canary release.

    `stands` is when the ready pods were those that it asks for, in seconds after the command began.
    `share` is that of the version that came or went, of new connections while it stood; a canary's was to be `asked`.
    """

    stands: float
    share: Share
    asked: float

    def __str__(self) -> str:
        return f"{super().__str__()}; stands after {self.stands:.1f} s; share {self.share.value:.2%}"


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
    yield from pods()
    if kind is Kind.CANARY:
        yield "its share of new connections / asked for", share


def undone(patience: float) -> Iterable[Row[Watched]]:
    """The figures of releases that were taken back, whose clients were watched for `patience` seconds at most."""
    yield "the command takes, s", lambda undos: seconds(undo.seconds for undo in undos)
    yield from _rid("a connection per request", new, patience)
    yield from _rid("kept connections", kept, patience)
    yield from pods()


def _rid(clients: str, seen: Callable[[Sequence[Switch]], list[Seen]], patience: float) -> Iterable[Row[Watched]]:
    """How a group of clients got rid of the bad version."""
    yield f"{clients}: failed / requests", lambda undos: failed(seen(undos))
    yield "… last bad answer, s after the command began", lambda undos: last(seen(undos), patience)
    yield "… bad answers since the command began", lambda undos: _answered(seen(undos))


def pods() -> Iterable[Row[Watched]]:
    yield "ready pods, fewest / most", lambda each: f"{min(s.fewest for s in each)} / {max(s.most for s in each)}"
    yield "pods started", lambda each: _range([switch.started for switch in each])


def share(steps: Sequence[Step]) -> str:
    """The share over all steps, and whether it is what was asked for."""
    seen = Share(sum(step.share.hits for step in steps), sum(step.share.total for step in steps))
    (asked,) = {step.asked for step in steps}
    low, high = seen.band(asked)
    within = "" if seen.fits(asked) else ", outside"
    return f"{seen.value:.2%} / {asked:.2%} (4.5 sigma: {low:.2%} to {high:.2%}{within})"


def _answered(seen: Sequence[Seen]) -> str:
    """The median and the most answers of the old version."""
    return f"{median(each.old for each in seen):,.0f} / {max(each.old for each in seen):,}"


def _range(figures: Sequence[int]) -> str:
    low, high = min(figures), max(figures)
    return f"{low}" if low == high else f"{low} to {high}"
