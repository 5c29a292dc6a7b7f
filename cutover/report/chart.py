"""Geometry of the pictures: from seconds and percent to places. The templates draw what is worked out here.

Each picture is laid out for a width, so that its text has the size of the page's text on a phone, too.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, groupby, pairwise
from operator import itemgetter

from cutover.journal import Kind
from cutover.report import figures
from cutover.report.story import Act, Judged, Stage, Story, worst

LEFT, RIGHT = 40, 14
"""Left of the time axis stand percents, right of it half a mark."""
LONG = 0.6
"""All pauses together get at most this multiple of the time that things went on, or the rest could not be seen."""
LETTER = 6.6
"""The width of an average letter, for finding out whether a text has room."""
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


class Axis:
    """Places along the time axis. Where nothing goes on for long (a pause, nobody at it) time is cut short.

    Args:
        story: whose time it is.
        begin: where it starts.
        end: where it ends.
    """

    def __init__(self, story: Story, begin: float, end: float) -> None:
        idle = [stage for stage in story.stages if _may_be_cut(stage)]
        busy = sum(stage.seconds for stage in story.stages) - sum(stage.seconds for stage in idle)
        most = max(busy * LONG / max(len(idle), 1), 1.0)
        self.begin, self.end = begin, end
        self._times, self._places = [0.0], [0.0]
        self.cuts: list[Stage] = []
        for stage in story.stages:
            shown = stage.seconds
            if _may_be_cut(stage) and shown > most:
                shown = most
                self.cuts.append(stage)
            self._times.append(stage.end)
            self._places.append(self._places[-1] + shown)
        scale = (end - begin) / (self._places[-1] or 1.0)
        self._places = [begin + place * scale for place in self._places]
        self.per_second = scale

    def place(self, seconds: float) -> float:
        """Where a time is."""
        number = min(max(bisect_right(self._times, seconds) - 1, 0), len(self._times) - 2) if self._times[1:] else 0
        if number + 1 >= len(self._times):
            return self._places[0]
        begin, end = self._times[number], self._times[number + 1]
        part = 0.0 if end == begin else min(max((seconds - begin) / (end - begin), 0.0), 1.0)
        return self._places[number] + part * (self._places[number + 1] - self._places[number])

    def ticks(self, room: float) -> list[tuple[float, str]]:
        """Places and texts of round times, at least `room` apart, none of them where time is cut short."""
        step = next((step for step in _TICKS if step * self.per_second >= room), _TICKS[-1])
        last = self._times[-1]
        found: list[tuple[float, str]] = []
        for count in range(min(math.floor(last / step), 2000) + 1):
            seconds, x = float(count * step), self.place(count * step)
            inside = any(stage.begin < seconds < stage.end for stage in self.cuts)
            if not inside and (not found or x - found[-1][0] >= room):
                found.append((x, figures.clock(seconds)))
        return found


def _may_be_cut(stage: Stage) -> bool:
    return stage.act in {Act.PAUSED, Act.AWAY} and stage.seconds > 1


@dataclass(frozen=True)
class Block:
    """A rectangle."""

    left: float
    right: float
    top: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True)
class Area:
    """A version's share of an app's traffic over time; `at` is where its tag has room, None where it has none."""

    color: str
    path: str
    tag: str
    at: tuple[float, float] | None


@dataclass(frozen=True)
class Share:
    """The new version's share as a text; `color` is what it stands on."""

    x: float
    y: float
    text: str
    color: str


@dataclass(frozen=True)
class Lane:
    """One app's traffic.

    `edge` is between its two versions, `slopes` are the blocks in which it moved or may have, and `shares` are the new
    version's, where they have room.
    """

    title: str
    app: str
    top: float
    height: float
    areas: tuple[Area, Area]
    edge: str
    slopes: list[Block]
    shares: list[Share]


@dataclass(frozen=True)
class Band:
    """A stage in the strip below the lanes."""

    stage: Stage
    x: float
    width: float
    text: str
    is_cut: bool


@dataclass(frozen=True)
class Mark:
    """What was judged at a time."""

    x: float
    outcome: str
    title: str


@dataclass(frozen=True)
class Timeline:
    """The picture of a whole release; texts are beside the places where they stand, and `foot` is below the lanes."""

    width: float
    height: float
    lanes: list[Lane]
    steps: list[tuple[float, str]]
    ticks: list[tuple[float, str]]
    bands: list[Band]
    marks: list[Mark]
    failures: list[float]
    hands: list[tuple[float, str]]
    foot: float


@dataclass(frozen=True)
class Dot:
    """One measured value."""

    x: float
    y: float
    outcome: str
    title: str


@dataclass(frozen=True)
class Plot:
    """One measured value over time, between `low` and `high`, with no line over time that was cut short.

    `moves` are the places of the traffic's moves.
    """

    width: float
    height: float
    lines: list[str]
    dots: list[Dot]
    moves: list[float]
    high: float
    low: float


HEAD, TITLE, GAP = 20.0, 22.0, 16.0
FOOT = 74.0
"""Below the lanes: the strip of stages with its marks, and the time."""
HAND = 18.0
"""A line that says who was at it, where that changed."""


def timeline(story: Story, width: float, height: float) -> Timeline:
    """Lay out the picture of a release for a width, each app's lane as high as told."""
    axis = Axis(story, LEFT, width - RIGHT)
    steps = _steps(story, axis)
    head = HEAD if steps else 0.0
    tops = [head + TITLE + number * (height + TITLE + GAP) for number in range(len(story.apps))]
    foot = head + len(tops) * (TITLE + height + GAP)
    hands = [(x, _cut(by, width - x)) for x, by in ((axis.place(at), by) for at, by in story.hands)]
    return Timeline(
        width=width,
        height=foot + FOOT + (HAND if len(hands) > 1 else 0),
        lanes=[_lane(story, app, axis, top, height) for app, top in zip(story.apps, tops, strict=True)],
        steps=steps,
        ticks=axis.ticks(LETTER * 9),
        bands=[_band(stage, axis) for stage in story.stages if stage.act is not Act.BETWEEN],
        marks=list(_marks(story, axis)),
        failures=[axis.place(stage.end) for stage in story.stages if stage.failed],
        hands=_apart(hands) if len(hands) > 1 else [],
        foot=foot,
    )


def _lane(story: Story, app: str, axis: Axis, top: float, height: float) -> Lane:
    old, new = story.old(app), story.new(app)
    corners = [(axis.place(at), share) for at, share in story.shares(app)]
    levels = [(*_ends(run), share) for share, run in groupby(corners, key=itemgetter(1))]

    def y(share: float) -> float:
        return top + height * (1 - share / 100)

    def area(color: str, base: float) -> Area:
        corners = [(edge[0][0], base), *edge, (edge[-1][0], base)]
        blocks = [Block(begin, end, min(y(share), base), max(y(share), base)) for begin, end, share in levels]
        tag = story.tag(app, color)
        return Area(color, f"{_line(corners)}Z", tag, _room(blocks, tag))

    edge = [(x, y(share)) for x, share in corners]
    shares = [
        Share((begin + end) / 2, y(share) - 5, text, old)
        if share < 80
        else Share((begin + end) / 2, y(share) + 14, text, new)
        for begin, end, share in levels
        if 0 < share < 100 and end - begin > LETTER * len(text := figures.percent(share))
    ]
    areas = (area(old, top), area(new, top + height))
    slopes = [
        Block(begin, end, min(high, low), max(high, low))
        for (begin, high), (end, low) in pairwise(edge)
        if begin < end and high != low
    ]
    if story.unsure_since is not None:
        slopes.append(Block(axis.place(story.unsure_since), axis.end, top, top + height))
    return Lane(_cut(app, (axis.end - axis.begin) * 0.85), app, top, height, areas, _line(edge), slopes, shares)


def _ends(run: Iterable[tuple[float, float]]) -> tuple[float, float]:
    places = [x for x, _ in run]
    return places[0], places[-1]


def _room(blocks: Iterable[Block], text: str) -> tuple[float, float] | None:
    """Where a text stands in the middle of the largest block that has room for it."""
    fitting = [block for block in blocks if block.width > LETTER * len(text) + 12 and block.height >= 20]
    if not fitting:
        return None
    block = max(fitting, key=lambda block: block.width * block.height)
    return (block.left + block.right) / 2, (block.top + block.bottom) / 2 + 4


def _steps(story: Story, axis: Axis) -> list[tuple[float, str]]:
    """Where each step began first."""
    found: dict[int, float] = {}
    for at, event in zip(story.times, story.events, strict=True):
        if event.kind is Kind.MOVING and event.steps > 1:
            found.setdefault(event.step, axis.place(at))
    return _apart([(x, f"step {step}") for step, x in found.items()])


def _band(stage: Stage, axis: Axis) -> Band:
    begin, end = axis.place(stage.begin), axis.place(stage.end)
    texts = [f"{stage.act} {figures.duration(stage.seconds)}", figures.duration(stage.seconds), ""]
    text = next(text for text in texts if end - begin > LETTER * len(text) + 6 or not text)
    return Band(stage, begin, max(end - begin, 1.0), text, is_cut=stage in axis.cuts)


def _marks(story: Story, axis: Axis) -> Iterator[Mark]:
    for made in story.rounds:
        first, checks = made[0], [each.check for each in made]
        head = f"{'gate' if first.in_gate else 'watch'} at {figures.clock(first.at)}"
        yield Mark(axis.place(first.at), worst(checks), "\n".join([head, *(each.text for each in checks)]))


def plot(story: Story, series: Sequence[Judged], width: float, height: float) -> Plot:
    """Lay out one measured value over the time of the release."""
    axis = Axis(story, LEFT, width - 6)
    values = [value for judged in series for value in judged.check.values]
    low, high = min(0.0, *values), figures.ceiling(max(values))

    def y(value: float) -> float:
        return 6 + (height - 12) * (1 - (value - low) / (high - low))

    dots = [
        Dot(axis.place(at), y(value), judged.check.outcome, f"{figures.clock(at)}: {figures.number(value)}")
        for judged in series
        for at, value in zip(judged.times, judged.check.values, strict=True)
    ]
    moved = [event.kind in {Kind.MOVED, Kind.BACK} for event in story.events]
    moves = [axis.place(at) for at in compress(story.times, moved)]
    edges = [axis.place(cut.end) for cut in axis.cuts]
    runs = [list(run) for _, run in groupby(dots, key=lambda dot: bisect_right(edges, dot.x))]
    lines = [_line([(dot.x, dot.y) for dot in run]) for run in runs]
    return Plot(width, height, lines, dots, moves, high, low)


def _apart(texts: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Those texts that do not stand in each other's way, from the left."""
    found: list[tuple[float, str]] = []
    for x, text in texts:
        if not found or x - found[-1][0] > LETTER * len(found[-1][1]) + 6:
            found.append((x, text))
    return found


def _cut(text: str, room: float) -> str:
    """As much of a text as there is room for."""
    most = max(int(room / LETTER), 2)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
