"""A play as a picture: pods and answers by version over time, and when each command was typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench.answers import Answers
from bench.strategies.run import ENDING, RATE, READY, STARTING, Mark, Seen
from bench.watch import Counts

_WIDTH: Final = 880
_LEFT, _RIGHT, _COMMAND = 44, 866, 134
_HEAD, _TOP, _TITLE, _LANE, _LINE = 48, 62, 30, 84, 19
_SLICE: Final = 0.5
"""Seconds of traffic that a column stands for."""
_TICKS: Final = (5, 10, 15, 30, 60)
_VERSIONS: Final = ("#1f77b4", "#2ca02c", "#9467bd")
"""For the versions in their order."""
_INK, _GREY, _BAD = "#222222", "#666666", "#d62728"
_WORK: Final = "#f1f1f1"
_FONT: Final = 'font-family="sans-serif" font-size="13"'
_DOTS: Final = 'stroke-dasharray="1 3"'
_LOST: Final = "failed"
_COPIES: Final = "copies"


@dataclass(frozen=True)
class Column:
    """What there was from `begin` to `end`, in seconds: so much of each key."""

    begin: float
    end: float
    heights: Mapping[str, float]


@dataclass(frozen=True)
class Lane:
    """A diagram: its title, its columns, what its axis names, and the keys from the ground up with their styles."""

    title: str
    columns: Sequence[Column]
    level: float
    unit: str
    styles: Mapping[str, str]

    @property
    def most(self) -> float:
        return max([self.level, *(sum(column.heights.values()) for column in self.columns)])


def save(seen: Seen, path: Path) -> None:
    """Draw what was seen as an SVG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_draw(seen)) + "\n", encoding="utf-8")


def versions(seen: Seen) -> list[str]:
    """The versions of a play, in order."""
    tags = {key.split()[0] for counts in seen.pods.values() for state in counts.states for key in state.colors}
    return sorted(tags)


def lanes(seen: Seen) -> Iterator[Lane]:
    """The diagrams of a play, from top to bottom."""
    paint = dict(zip(versions(seen), _VERSIONS, strict=False))
    for app, counts in seen.pods.items():
        columns = pod_columns(counts, seen.begin, seen.end)
        size = sum(amount for key, amount in columns[0].heights.items() if key.endswith(READY))
        solid = {f"{version} {READY}": f'fill="{color}"' for version, color in paint.items()}
        light = {
            f"{version} {state}": f'fill="{color}" fill-opacity="0.3"'
            for state in (STARTING, ENDING)
            for version, color in paint.items()
        }
        yield Lane(f"pods of {app}", columns, size, f"{size:.0f}", solid | light)
    solid = {version: f'fill="{color}"' for version, color in paint.items()} | {_LOST: f'fill="{_BAD}"'}
    for group, answers in seen.answers.items():
        columns = answer_columns(answers, seen.begin, seen.end)
        yield Lane(f"answers per second to {group}", columns, RATE, f"{RATE}/s", solid)
    if seen.copies:
        columns, new = copy_columns(seen.copies, seen.begin), versions(seen)[-1]
        title = f"copies per second that {new} answered, to nobody"
        yield Lane(title, columns, RATE, f"{RATE}/s", {_COPIES: f'fill="{paint[new]}"'})


def pod_columns(counts: Counts, begin: float, end: float) -> list[Column]:
    """What there was of pods, from one change to the next."""
    states = counts.between(begin, end).states
    times = [max(0.0, state.at - begin) for state in states] + [end - begin]
    return [Column(*span, state.colors) for span, state in zip(pairwise(times), states, strict=True)]


def answer_columns(answers: Answers, begin: float, end: float) -> list[Column]:
    """Answers per second by version, and failures, of the requests that started in each slice of time."""
    slices = [Counter[str]() for _ in range(max(1, round((end - begin) / _SLICE)))]
    width = (end - begin) / len(slices)
    for answer in answers.between(begin, end):
        slices[int((answer.start - begin) / width)][answer.version or _LOST] += 1
    return [
        Column(number * width, (number + 1) * width, {key: count / width for key, count in each.items()})
        for number, each in enumerate(slices)
    ]


def copy_columns(copies: Sequence[tuple[float, float]], begin: float) -> list[Column]:
    """Copies per second between two looks at a count, which falls when a pod ends."""
    return [
        Column(start - begin, end - begin, {_COPIES: max(0.0, after - before) / (end - start)})
        for (start, before), (end, after) in pairwise(copies)
    ]


def _draw(seen: Seen) -> Iterator[str]:
    every = list(lanes(seen))
    floor = _TOP + (_TITLE + _LANE) * len(every)
    height = floor + 44 + _LINE * len(seen.marks)
    scale = (_RIGHT - _LEFT) / (seen.end - seen.begin)

    def x(seconds: float) -> float:
        return _LEFT + seconds * scale

    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_FONT}>'
    yield f'<rect width="{_WIDTH}" height="{height}" rx="6" fill="#ffffff"/>'
    yield from _legend(seen)
    for number, mark in enumerate(seen.marks, 1):
        begin, end = x(mark.begin - seen.begin), x(mark.end - seen.begin)
        yield f'<path d="M{begin:.1f} {_HEAD}H{end:.1f}V{floor}H{begin:.1f}Z" fill="{_WORK}"/>'
        yield f'<path d="M{begin:.1f} {_HEAD}V{floor}" stroke="{_GREY}" stroke-dasharray="3 3"/>'
        yield _badge(begin, _HEAD, number)
    for number, lane in enumerate(every):
        yield from _lane(lane, _TOP + _TITLE + (_TITLE + _LANE) * number, x)
    yield from _axis(seen, floor, x)
    for number, mark in enumerate(seen.marks, 1):
        yield from _line(number, mark, floor + 44 + _LINE * (number - 1))
    yield "</svg>"


def _line(number: int, mark: Mark, y: float) -> Iterator[str]:
    """What was typed, and how long it took."""
    took = f"Ctrl-C after {mark.end - mark.begin:.0f} s" if mark.step.interrupt else f"{mark.end - mark.begin:.1f} s"
    yield _badge(28, y - 4, number)
    yield _text(_LEFT, y, mark.step.wish, "font-weight='bold'")
    yield _text(_COMMAND, y, mark.line.replace("pulumi ", ""), "font-family='monospace' font-size='11'")
    yield _text(_RIGHT, y, took, f"text-anchor='end' fill='{_GREY}'")


def _legend(seen: Seen) -> Iterator[str]:
    x = _LEFT
    entries = [(version, f'fill="{color}"') for version, color in zip(versions(seen), _VERSIONS, strict=False)]
    entries += [("lighter: starting or ending", f'fill="{_GREY}" fill-opacity="0.3"')]
    if any(answers.lost for answers in seen.answers.values()):
        entries += [(_LOST, f'fill="{_BAD}"')]
    entries += [("a command is at work", 'fill="#e4e4e4"')]
    for text, style in entries:
        yield f'<rect x="{x}" y="12" width="12" height="12" {style}/>'
        yield _text(x + 17, 22.5, text)
        x += 17 + round(6.4 * len(text)) + 18


def _lane(lane: Lane, top: float, x: Callable[[float], float]) -> Iterator[str]:
    def y(amount: float) -> float:
        return top + _LANE * (1 - amount / lane.most)

    yield _text(_LEFT, top - 7, lane.title, f"fill='{_GREY}' paint-order='stroke' stroke='#fff' stroke-width='4'")
    floor = [0.0] * len(lane.columns)
    for key, style in lane.styles.items():
        ceiling = [low + column.heights.get(key, 0.0) for low, column in zip(floor, lane.columns, strict=True)]
        boxes = [
            f"M{x(column.begin):.1f} {y(low):.1f}V{y(high):.1f}H{x(column.end):.1f}V{y(low):.1f}Z"
            for column, low, high in zip(lane.columns, floor, ceiling, strict=True)
            if high > low
        ]
        if boxes:
            yield f'<path d="{"".join(boxes)}" {style}/>'
        floor = ceiling
    yield f'<path d="M{_LEFT} {y(lane.level):.1f}H{_RIGHT}" stroke="{_INK}" stroke-opacity="0.4" {_DOTS}/>'
    yield f'<path d="M{_LEFT} {y(0):.1f}H{_RIGHT}" stroke="{_GREY}"/>'
    yield _text(_LEFT - 6, y(lane.level) + 4, lane.unit, "text-anchor='end' font-size='11'")
    yield _text(_LEFT - 6, y(0) + 4, "0", "text-anchor='end' font-size='11'")


def _axis(seen: Seen, y: float, x: Callable[[float], float]) -> Iterator[str]:
    """Seconds since the first command began."""
    first = seen.marks[0].begin - seen.begin
    step = next((step for step in _TICKS if x(step) - x(0) >= 60), _TICKS[-1])
    for second in range(0, int(seen.end - seen.begin - first) + 1, step):
        yield f'<path d="M{x(first + second):.1f} {y}v4" stroke="{_GREY}"/>'
        yield _text(x(first + second), y + 17, f"{second} s", f"text-anchor='middle' font-size='11' fill='{_GREY}'")


def _badge(x: float, y: float, number: int) -> str:
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8.5" fill="{_INK}"/>'
    return circle + _text(x, y + 4, str(number), "text-anchor='middle' font-size='11' font-weight='bold' fill='#fff'")


def _text(x: float, y: float, text: str, style: str = "") -> str:
    fill = "" if "fill=" in style else f' fill="{_INK}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{fill} {style}>{escape(text)}</text>'
