"""Switches that were measured, of several ways to switch, and the table that compares them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Self, TypeVar

from bench.answers import Answers

GONE = 2.0
"""Seconds without an answer of the old version after which its clients have left it."""


class Kind(StrEnum):
    """What a switch was; the value is the heading over its figures."""

    CANARY = "canary"
    PROMOTION = "promotion"
    AT_ONCE = "rollback at once"
    LATER = "rollback once the old pods had time to end"
    DROP = "drop of a canary"


@dataclass(frozen=True)
class Seen:
    """What a group of clients saw of one switch.

    `last` is when the last answer of the old version had been read, in seconds after the command began; None: it still
    answered when the clients stopped. `overlap` is for how many seconds both versions answered, `old` how many requests
    the old one answered that started after the command.
    """

    requests: int
    errors: dict[str, int]
    last: float | None
    overlap: float
    old: int

    @classmethod
    def of(cls, answers: Answers, old: str, begin: float, end: float) -> Self:
        """Count what was answered until `end` of a switch from version `old` that began at `begin` (monotonic)."""
        last = answers.last(old)
        after = max(0.0, last.end - begin) if last else 0.0
        stayed = last is not None and last.start > end - GONE
        overlap = max((switch.overlap for switch in answers.switches()), default=0.0)
        answered = answers.between(begin).versions[old]
        return cls(len(answers), dict(answers.errors), None if stayed else after, overlap, answered)

    def __str__(self) -> str:
        last = "not gone" if self.last is None else f"{self.last:.2f} s"
        return f"{sum(self.errors.values())} of {self.requests} failed, last old answer {last}"


@dataclass(frozen=True)
class Switch:
    """One switch: `seconds` is how long the command took; `new` are clients of a connection per request.

    `kept` are clients that keep theirs, which were connected before the command; None where there were none.
    """

    way: str
    kind: Kind
    seconds: float
    new: Seen
    kept: Seen | None

    def __str__(self) -> str:
        return f"{self.way}, {self.kind}: {self.seconds:.1f} s; new connections: {self.new}; kept: {self.kept or '-'}"


S = TypeVar("S", bound=Switch)
Row = tuple[str, Callable[[Sequence[S]], str]]
"""What a row of the table is called, and its cell for the switches of one way."""


def table(switches: Sequence[S], rows: Callable[[Kind], Iterable[Row[S]]]) -> str:
    """All figures, a column per way, in Markdown, with the `rows` of each kind; not every way has every kind."""
    ways = list(dict.fromkeys(switch.way for switch in switches))
    lines = [f"| | {' | '.join(ways)} |", f"|---|{'--:|' * len(ways)}"]
    for kind in Kind:
        columns = [[each for each in switches if each.way == way and each.kind is kind] for way in ways]
        if not any(columns):
            continue
        lines.append(f"| **{kind.capitalize()}, {max(map(len, columns))} of each**{' |' * (len(ways) + 1)}")
        for what, figure in rows(kind):
            cells = [figure(column) if column else "-" for column in columns]
            lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def rows(kind: Kind, patience: float) -> Iterable[Row[Switch]]:
    """The figures of a switch of all traffic, whose clients were watched for `patience` seconds at most."""
    old = "old" if kind is Kind.PROMOTION else "bad"
    yield "the command takes, s", lambda switches: seconds(switch.seconds for switch in switches)
    yield "a connection per request: failed / requests", lambda switches: failed(new(switches))
    yield f"… last {old} answer, s after the command began", lambda switches: last(new(switches), patience)
    yield "… both versions answering, s", lambda switches: seconds(seen.overlap for seen in new(switches))
    if kind is not Kind.LATER:
        yield "kept connections: failed / requests", lambda switches: failed(kept(switches))
        yield f"… last {old} answer, s after the command began", lambda switches: last(kept(switches), patience)


def new(switches: Sequence[Switch]) -> list[Seen]:
    return [switch.new for switch in switches]


def kept(switches: Sequence[Switch]) -> list[Seen]:
    return [switch.kept for switch in switches if switch.kept]


def seconds(figures: Iterable[float]) -> str:
    """The median and the longest."""
    each = list(figures)
    return f"{median(each):.2f} / {max(each):.2f}"


def failed(seen: Sequence[Seen]) -> str:
    errors = sum((Counter(each.errors) for each in seen), Counter[str]())
    kinds = f" ({', '.join(f'{count} {error}' for error, count in errors.most_common())})" if errors else ""
    return f"{errors.total()}{kinds} / {sum(each.requests for each in seen):,}"


def last(seen: Sequence[Seen], patience: float) -> str:
    left = [each.last for each in seen if each.last is not None]
    stayed = f"not within {patience:.0f} s"
    if not left:
        return stayed
    return seconds(left) + (f"; {len(seen) - len(left)} of {len(seen)} {stayed}" if len(left) < len(seen) else "")
