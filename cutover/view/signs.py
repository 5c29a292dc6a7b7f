"""What stands for what: signs, letters for them where there is no Unicode, and colors, which only repeat them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.color import Color
from components.planner import BASELINE
from cutover.pods import PodState
from cutover.seen import OTHERS
from cutover.workloads import Part

STYLES: Mapping[str, str] = {
    Color.BLUE: "bright_blue",
    Color.GREEN: "green",
    BASELINE: "cyan",
    OTHERS: "magenta",
    Part.PRESENT: "green",
    Part.CANARY: "cyan",
    Part.EARLIER: "bright_blue",
    PodState.STARTING: "yellow",
    PodState.FAILING: "red",
    PodState.ENDING: "dim",
}


@dataclass(frozen=True)
class Signs:
    """What stands for what; `blue` and `green` are the halves of the bar."""

    blue: str = "█"
    green: str = "░"
    baseline: str = "▓"
    others: str = "▚"
    empty: str = "·"
    ok: str = "✔"
    ready: str = "●"
    starting: str = "◔"
    failing: str = "✖"
    ending: str = "◌"
    active: str = "▸"
    to: str = "→"
    warning: str = "▲"

    def of(self, name: str) -> str:
        sign: str = getattr(self, name)
        return sign


PLAIN = Signs("#", "=", "+", "?", ".", "*", "o", ".", "x", "-", ">", "->", "!")
"""For terminals and files without Unicode."""
