"""What the clients saw, and what follows from it. Pure: no sockets, no clocks, no randomness.

Times are seconds: `start` on the machine's monotonic clock (the same in all its processes), `wall` since the epoch.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SIGMA = 4.5
"""Width at which a share is judged: a right share misses this band about 7 times in a million."""

SETTLE = 1.0
"""Seconds without an answer of a version after which it is gone, so that its next answer is a return."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: answered by a `version`, or lost for the reason in `error` (exactly one of the two).

    `latency` runs from opening the connection, or from sending on a kept one, to the last byte or the failure.
    `late` is how long after its planned time the request started: above 0.1 or so, the clients did not keep the rate.
    """

    start: float
    wall: float
    latency: float
    late: float
    version: str | None
    error: str | None

    @property
    def end(self) -> float:
        return self.start + self.latency


_JSON = msgspec.json.Encoder()
_ANSWER = msgspec.json.Decoder(Answer)


@dataclass(frozen=True, slots=True)
class Second:
    """One second of traffic, counted from its first request. Latencies in seconds; NaN if nothing was answered."""

    second: int
    wall: float
    requests: int
    versions: Counter[str]
    errors: Counter[str]
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Switch:
    """Clients went from one version to another.

    `at` (`wall`) is the start of the first request that the new version answered; `overlap` how many seconds later the
    last request started that the old one answered, 0 if none did. `stragglers` counts the old version's answers to
    requests that started when an answer of the new one had already been read: no reordering on the way explains those.
    """

    at: float
    wall: float
    old: str
    new: str
    overlap: float
    stragglers: int


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total` answers. Tells a split only where each request is routed anew, not with kept connections."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        return self.hits / self.total if self.total else math.nan

    def band(self, expected: float, sigma: float = SIGMA) -> tuple[float, float]:
        """What a true share of `expected` (0 to 1) can look like: `sigma` standard deviations of the binomial."""
        spread = sigma * math.sqrt(expected * (1 - expected) / self.total) if self.total else math.inf
        return max(0.0, expected - spread), min(1.0, expected + spread)

    def fits(self, expected: float, sigma: float = SIGMA) -> bool:
        low, high = self.band(expected, sigma)
        return self.total > 0 and low <= self.value <= high


@dataclass(slots=True)
class _Span:
    """A stretch of time over which a version kept answering."""

    version: str
    answers: list[Answer]

    @property
    def first(self) -> Answer:
        return self.answers[0]

    @property
    def last(self) -> Answer:
        return self.answers[-1]


@dataclass(frozen=True)
class Answers:
    """All requests of one run, in the order in which they started; `load` describes the run as it was asked for."""

    records: tuple[Answer, ...]
    load: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Answer], load: dict[str, Any] | None = None) -> Self:
        return cls(tuple(sorted(records, key=lambda answer: answer.start)), load or {})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record: a first line that describes the load, then one request per line; a last half line is left."""
        record = path.read_bytes()
        load, *requests = record[: record.rfind(b"\n") + 1].splitlines()
        return cls.of(map(_ANSWER.decode, requests), msgspec.json.decode(load))

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_JSON.encode_lines([self.load, *self.records]))

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def versions(self) -> Counter[str]:
        return Counter(answer.version for answer in self if answer.version is not None)

    @cached_property
    def errors(self) -> Counter[str]:
        return Counter(answer.error for answer in self if answer.error is not None)

    @property
    def lost(self) -> int:
        return self.errors.total()

    def between(self, start: float, end: float = math.inf) -> Answers:
        """Only the requests that started from `start` on and before `end`, on the monotonic clock."""
        return Answers(tuple(answer for answer in self if start <= answer.start < end), self.load)

    def first(self, version: str) -> Answer | None:
        return next((answer for answer in self if answer.version == version), None)

    def last(self, version: str) -> Answer | None:
        return next((answer for answer in reversed(self.records) if answer.version == version), None)

    def share(self, version: str) -> Share:
        """The version's share of the answers; lost requests are in neither number."""
        return Share(self.versions[version], self.versions.total())

    def latency(self, quantile: float) -> float:
        """The nearest-rank quantile (0 to 1) of the answered requests' latencies, in seconds; NaN if there is none."""
        latencies = sorted(answer.latency for answer in self if answer.error is None)
        return latencies[max(0, math.ceil(quantile * len(latencies)) - 1)] if latencies else math.nan

    def per_second(self) -> list[Second]:
        """Every second from the first request to the last, those without any request too."""
        if not self.records:
            return []
        begin = self.records[0]
        seconds: list[list[Answer]] = [[] for _ in range(int(self.records[-1].start - begin.start) + 1)]
        for answer in self:
            seconds[int(answer.start - begin.start)].append(answer)
        return [
            Second(
                second=number,
                wall=begin.wall + number,
                requests=len(part),
                versions=part.versions,
                errors=part.errors,
                p50=part.latency(0.50),
                p99=part.latency(0.99),
            )
            for number, part in enumerate(Answers(tuple(answers)) for answers in seconds)
        ]

    def switches(self, settle: float = SETTLE) -> list[Switch]:
        """When clients went from one version to another, in order.

        A version that comes and goes while another one answers throughout, as a canary does, is no switch.
        Nor is a silence after which the version answers that did so last.
        A flicker shorter than `settle` seconds is part of one switch, and shows in its overlap and stragglers.
        """
        switches = []
        spans = self._spans(settle)
        for new in spans:
            before = [old for old in spans if old.first.start < new.first.start and old.last.start < new.last.start]
            old = max(before, key=lambda span: span.last.start, default=new)
            if old.version == new.version:
                continue
            switches.append(
                Switch(
                    at=new.first.start,
                    wall=new.first.wall,
                    old=old.version,
                    new=new.version,
                    overlap=max(0.0, old.last.start - new.first.start),
                    stragglers=sum(answer.start > new.first.end for answer in old.answers),
                )
            )
        return switches

    def _spans(self, settle: float) -> list[_Span]:
        """Cut the answers into one stretch per version and stay, in the order in which the stretches began."""
        spans: list[_Span] = []
        current: dict[str, _Span] = {}
        for answer in self:
            if answer.version is None:
                continue
            span = current.get(answer.version)
            if span is not None and answer.start - span.last.start <= settle:
                span.answers.append(answer)
            else:
                current[answer.version] = _Span(answer.version, [answer])
                spans.append(current[answer.version])
        return spans
