"""The comparison as a picture: every switch a dot, at the second of the old version's last answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from bench.switches import Kind, Seen, Switch

_WIDTH = 880
_LEFT, _RIGHT = 340, 770
"""Where the axis begins and ends; the names are to its left, the failures to its right."""
_ROW, _HEAD, _TOP = 24, 34, 56
_TICK = 10
_COLORS = {"new": "#1f77b4", "kept": "#2ca02c"}
_CLIENTS = {"new": "a connection per request", "kept": "kept connections"}
_INK, _GREY, _PALE, _BAD = "#222222", "#666666", "#cccccc", "#d62728"


def save(switches: Sequence[Switch], path: Path, patience: float) -> None:
    """Draw the switches as an SVG; the axis goes to `patience` seconds, or as far as there are dots."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_draw(switches, patience)) + "\n", encoding="utf-8")


def _draw(switches: Sequence[Switch], patience: float) -> Iterator[str]:
    groups = list(_groups(switches))
    longest = max([patience, *(seen.last or 0.0 for _, rows in groups for _, _, group in rows for seen in group)])
    height = _TOP + sum(_HEAD + _ROW * len(rows) for _, rows in groups) + 30
    box = f'viewBox="0 0 {_WIDTH} {height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="13">'
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    yield _text(20, 26, "Seconds from the command to the last answer of the version that it leaves", weight="bold")
    yield _text(20, 46, "a dot for each switch; an arrow where it still answered when the watch ended", color=_GREY)
    yield _text(_RIGHT + 40, 46, "failed requests", color=_GREY, anchor="middle")

    def place(seconds: float | None) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (1.0 if seconds is None else seconds / longest)

    for second in range(0, int(longest) + 1, _TICK):
        x = place(second)
        yield f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{_TOP}" y2="{height - 24}" stroke="{_PALE}" stroke-width="0.5"/>'
        yield _text(x, height - 10, f"{second} s", anchor="middle")
    y = _TOP
    for kind, rows in groups:
        yield _text(20, y + 22, kind.capitalize(), weight="bold")
        y += _HEAD
        for way, clients, seen in rows:
            yield _text(20, y + 16, way)
            yield _text(_LEFT - 12, y + 16, _CLIENTS[clients], anchor="end", color=_COLORS[clients])
            for each in seen:
                yield _dot(place(each.last), y + 12, _COLORS[clients], stays=each.last is None)
            failed = sum(sum(each.errors.values()) for each in seen)
            yield _text(_RIGHT + 30, y + 16, f"{failed:,}", color=_BAD if failed else _INK)
            y += _ROW
    yield "</svg>"


def _groups(switches: Sequence[Switch]) -> Iterator[tuple[Kind, list[tuple[str, str, list[Seen]]]]]:
    """Per kind, a row for every way and group of clients; a canary that comes leaves no version."""
    ways = list(dict.fromkeys(switch.way for switch in switches))
    for kind in (kind for kind in Kind if kind is not Kind.CANARY):
        of_kind = [switch for switch in switches if switch.kind is kind]
        rows = [
            (way, clients, [seen for seen in group if seen])
            for way in ways
            for clients, group in (
                ("new", [switch.new for switch in of_kind if switch.way == way]),
                ("kept", [switch.kept for switch in of_kind if switch.way == way]),
            )
        ]
        if any(seen for _, _, seen in rows):
            yield kind, [row for row in rows if row[2]]


def _dot(x: float, y: float, color: str, *, stays: bool) -> str:
    if stays:  # an arrow to the right
        return f'<path d="M {x - 6:.1f} {y - 5} l 10 5 l -10 5 z" fill="{color}" fill-opacity="0.5"/>'
    return f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="{color}" fill-opacity="0.5"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", color: str = _INK) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="{color}"'
    return f'<text x="{x:.0f}" y="{y}" {style}>{escape(text)}</text>'
