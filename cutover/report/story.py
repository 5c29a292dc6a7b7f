"""One release, read from its events: what took how long, who had which share of the traffic, what failed.

All that is told of a release (the page, the summary, the metrics) is told from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from itertools import groupby

from cutover.journal import Check, Event, Kind, Standing


class Result(StrEnum):
    """How a release has ended, or that it has not."""

    DONE = "done"
    ROLLED_BACK = "rolled back"
    STUCK = "needs a person"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"
    UNDER_WAY = "under way"

    @property
    def is_end(self) -> bool:
        return self in {Result.DONE, Result.ROLLED_BACK, Result.STUCK}

    @property
    def is_noted(self) -> bool:
        """Whether the stack's configuration still has a note of the release, which the driver can go on from."""
        return self not in {Result.DONE, Result.ROLLED_BACK}


class Act(StrEnum):
    """What a stage of a release goes by with. AWAY: nothing is heard, since the driver was ended."""

    MOVING = "moving"
    WATCHING = "watching"
    PAUSED = "paused"
    BACK = "going back"
    AWAY = "nobody at it"
    BETWEEN = "between"


_RESULTS = {
    Kind.DONE: Result.DONE,
    Kind.ROLLED_BACK: Result.ROLLED_BACK,
    Kind.STUCK: Result.STUCK,
    Kind.INTERRUPTED: Result.INTERRUPTED,
    Kind.PAUSED: Result.PAUSED,
}
_ACTS = {
    Kind.MOVING: Act.MOVING,
    Kind.PAUSED: Act.PAUSED,
    Kind.FAILED: Act.BACK,
    Kind.INTERRUPTED: Act.AWAY,
    Kind.STUCK: Act.AWAY,
}
_FAILURES = {Kind.FAILED, Kind.STUCK}
_RETURNS = {Kind.BACK, Kind.STUCK}
_BEGINNINGS = {Kind.MOVING, Kind.FAILED, Kind.STUCK}
"""After these an `up` is at work, or was."""


@dataclass(frozen=True)
class Stage:
    """The time from one event to the next, in seconds since the release began; `event` is what began it.

    `standing` is where the apps stood at its end, empty where that is not known; `failed` tells that it ended with a
    failure.
    """

    act: Act
    event: Event
    begin: float
    end: float
    standing: dict[str, Standing]
    failed: bool = False

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True)
class Judged:
    """A check, when it was made (in seconds since the release began), and whether in a gate or in a watch."""

    at: float
    seconds: float
    step: int
    check: Check
    in_gate: bool

    @property
    def times(self) -> list[float]:
        """When each of its values was measured: evenly over the time that the check took, the last one at its end."""
        count = len(self.check.values)
        return [max(0.0, self.at - self.seconds * (count - 1 - number) / count) for number in range(count)]


@dataclass(frozen=True)
class Story:
    """The events of one release in their order; `now` is when it is told, for what has not ended.

    Raises:
        ValueError: there are no events.
    """

    events: Sequence[Event]
    now: datetime | None = None

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("a release without events has no story")

    @property
    def first(self) -> Event:
        return self.events[0]

    @property
    def last(self) -> Event:
        return self.events[-1]

    @property
    def note(self) -> dict[str, str]:
        """What the release was to do; empty where its beginning is not known."""
        return self.first.note

    @property
    def aim(self) -> str:
        """What it was to do, in few words, for a release that tells no shares: of apps of one version."""
        of, to = self.note.get("app"), self.note.get("to")
        return self.first.verb + (f" of {of}" if of else "") + (f" to {to}" if to else "")

    @property
    def steps(self) -> list[str]:
        """Its steps: pods (`3`), percent (`25%`), and `live`."""
        return list(filter(None, self.note.get("steps", "").split(",")))

    @property
    def began(self) -> datetime:
        return _time(self.first.at)

    @cached_property
    def times(self) -> list[float]:
        """When each event was, in seconds since the first; machines' clocks differ, and time does not go back."""
        found: list[float] = []
        for event in self.events:
            found.append(max([(_time(event.at) - self.began).total_seconds(), *found[-1:]]))
        return found

    @property
    def result(self) -> Result:
        return _RESULTS.get(self.last.kind, Result.UNDER_WAY)

    @cached_property
    def seconds(self) -> float:
        """How long it has taken."""
        if self.result.is_end or self.now is None:
            return self.times[-1]
        return max(self.times[-1], (self.now - self.began).total_seconds())

    def spent(self, act: Act) -> float:
        """Seconds that went by with one thing."""
        return sum(stage.seconds for stage in self.stages if stage.act is act)

    @property
    def moves(self) -> int:
        """How many times the traffic was moved on, ways back not counted."""
        return sum(event.kind is Kind.MOVED for event in self.events)

    @property
    def returns(self) -> int:
        """How many times the traffic was moved back."""
        return sum(event.kind is Kind.BACK for event in self.events)

    @cached_property
    def stages(self) -> list[Stage]:
        """What went on, without what took no time."""
        return [stage for number in range(len(self.events)) for stage in self._after(number) if stage.seconds > 0]

    def _after(self, number: int) -> Iterator[Stage]:
        """What went on from one event to the next. A way back that nobody said was begun ends with its event."""
        event, begin = self.events[number], self.times[number]
        after = self.events[number + 1] if number + 1 < len(self.events) else None
        if after is None:
            if not self.result.is_end:
                yield Stage(self._act(event, None), event, begin, self.seconds, self._known(number, self.seconds))
            return
        end = self.times[number + 1]
        standing = self._known(number + 1, end)
        if after.kind in _RETURNS and event.kind is not Kind.FAILED:
            back = max(begin, end - (after.seconds or 0.0))
            yield Stage(self._act(event, None), event, begin, back, self._known(number, back))
            yield Stage(Act.BACK, event, back, end, standing, failed=after.kind is Kind.STUCK)
        else:
            yield Stage(self._act(event, after), event, begin, end, standing, failed=after.kind in _FAILURES)

    def _known(self, number: int, at: float) -> dict[str, Standing]:
        """Where every app stood after an event, if that was still known at a time."""
        return {} if self.unsure_since is not None and at > self.unsure_since else self.standings[number]

    def _act(self, event: Event, after: Event | None) -> Act:
        """What goes on after an event, as far as the next one tells."""
        if after and after.kind is Kind.RESUMED and event.kind is not Kind.PAUSED:
            return Act.AWAY  # it was killed, and had no time to say so
        if event.kind is Kind.MOVED and (after is None or after.kind in {Kind.CHECKED, Kind.FAILED}):
            return Act.WATCHING if after or self.note.get("watch", "0") != "0" else Act.BETWEEN
        if event.kind in {Kind.MOVED, Kind.CHECKED} and event.step < event.steps and self.note.get("pause", "0") != "0":
            return Act.PAUSED  # for a time: only a pause without an end is an event
        return _ACTS.get(event.kind, Act.BETWEEN)

    @cached_property
    def standings(self) -> list[dict[str, Standing]]:
        """Where every app stood after each event, as far as known by then."""
        found: list[dict[str, Standing]] = []
        for event in self.events:
            found.append({**(found[-1] if found else {}), **event.standing})
        return found

    @cached_property
    def unsure_since(self) -> float | None:
        """Since when it is not known where traffic is: from the beginning of an `up` that did not end well."""
        told = [number for number, event in enumerate(self.events) if event.standing]
        later = range(told[-1] + 1 if told else 0, len(self.events))
        begun = [number for number in later if self.events[number].kind in _BEGINNINGS]
        return self.times[begun[0]] if begun else None

    @cached_property
    def start(self) -> dict[str, Standing]:
        """Where each app stood when it was first heard of."""
        found: dict[str, Standing] = {}
        for event in self.events:
            found = {**event.standing, **found}
        return found

    @property
    def apps(self) -> list[str]:
        return list(self.standings[-1])

    def old(self, app: str) -> str:
        """The color that an app's traffic comes from."""
        return _other(self.new(app))

    def new(self, app: str) -> str:
        """The color that an app's traffic goes to."""
        return self.note.get("to") or _other(self.start[app].active)

    def tag(self, app: str, color: str) -> str:
        """What a color runs, as last heard."""
        return self.standings[-1][app].tags.get(color, "?")

    @property
    def changes(self) -> dict[tuple[str, str], list[str]]:
        """The apps by what changes for them: from one tag to another."""
        found: dict[tuple[str, str], list[str]] = {}
        for app in self.apps:
            found.setdefault((self.tag(app, self.old(app)), self.tag(app, self.new(app))), []).append(app)
        return found

    def share(self, standing: Mapping[str, Standing], app: str) -> float:
        """The new color's share of an app's live traffic in percent, where the apps stand as told."""
        there = standing[app]
        return 100 - there.percent if there.active == self.new(app) else there.percent

    def shares(self, app: str) -> list[tuple[float, float]]:
        """The new color's share of the live traffic in percent, as corners of a line over seconds.

        While something moves it is only known before and after, so the line slopes; at any other time it is level.
        """
        corners: list[tuple[float, float]] = []
        for number, at in enumerate(self.times):
            if app not in self.standings[number]:
                continue
            share = self.share(self.standings[number], app)
            stage = next((stage for stage in reversed(self.stages) if stage.end == at), None)
            if corners and stage and stage.act in {Act.MOVING, Act.BACK, Act.AWAY}:
                corners.append((stage.begin, corners[-1][1]))
            elif corners:
                corners.append((at, corners[-1][1]))
            corners.append((at, share))
        return [*corners, (self.seconds, corners[-1][1])]

    @cached_property
    def judged(self) -> list[Judged]:
        """All checks; those that an `up` itself made stood before its move, all others watched what it had moved."""
        return [
            Judged(
                self.times[number],
                self._lasted(number),
                event.step,
                check,
                in_gate=number > 0 and self.events[number - 1].kind is Kind.MOVING,
            )
            for number, event in enumerate(self.events)
            if number == 0 or event.checks != self.events[number - 1].checks  # a failure may say again what failed
            for check in event.checks
        ]

    @property
    def rounds(self) -> list[list[Judged]]:
        """The checks that were made together, in one gate or one watch."""
        return [list(round_) for _, round_ in groupby(self.judged, key=lambda each: (each.at, each.in_gate))]

    def _lasted(self, number: int) -> float:
        """How long that which ended with an event took: what it says, else the time since the event before."""
        said = self.events[number].seconds
        return said if said is not None else self.times[number] - self.times[max(number - 1, 0)]

    @property
    def series(self) -> dict[tuple[str, str, str], list[Judged]]:
        """What was measured, by app, color and name."""
        found: dict[tuple[str, str, str], list[Judged]] = {}
        for judged in self.judged:
            if judged.check.values:
                check = judged.check
                found.setdefault((check.app, check.color, check.name), []).append(judged)
        return found

    @property
    def failure(self) -> Event | None:
        """The first failure."""
        return next((event for event in self.events if event.kind in _FAILURES), None)

    @property
    def return_seconds(self) -> float | None:
        """From the first failure until the traffic was back; None if it never was."""
        failed = next((at for at, event in zip(self.times, self.events, strict=True) if event is self.failure), None)
        back = next((at for at, event in zip(self.times, self.events, strict=True) if event.kind is Kind.BACK), None)
        return None if failed is None or back is None else back - failed

    @property
    def hands(self) -> Iterator[tuple[float, str]]:
        """Who was at it, and since when, in seconds since it began."""
        before = ""
        for at, event in zip(self.times, self.events, strict=True):
            if event.by and event.by != before:
                yield at, event.by
                before = event.by


def worst(checks: Sequence[Check]) -> str:
    """The outcome that counts among several."""
    outcomes = {check.outcome for check in checks}
    return "failed" if "failed" in outcomes else "passed" if outcomes == {"passed"} else "inconclusive"


def _other(color: str) -> str:
    return "blue" if color == "green" else "green"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
