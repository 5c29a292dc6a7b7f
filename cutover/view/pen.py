"""What draws: lines, tables, pods and remarks look the same whatever they tell of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from rich.console import OverflowMethod
from rich.table import Table
from rich.text import Text

from cutover.pods import PodState, PodStatus
from cutover.view.signs import PLAIN, STYLES, Signs

MOST_PODS = 24
"""More pods than these are counted, not shown."""

Remark: TypeAlias = tuple[str, str, str]
"""A line below an app: a sign, a text and a style."""


@dataclass(frozen=True)
class Pen:
    """Draws with `signs` in `width` columns; ages are counted to `now`."""

    signs: Signs
    now: datetime
    width: int

    @property
    def overflow(self) -> OverflowMethod:
        """What a line does that is too long for the terminal; the sign of an ellipsis is not everywhere to be had."""
        return "crop" if self.signs is PLAIN else "ellipsis"

    def line(self, head: str, *rest: str) -> Text:
        """A line that begins with what it is about."""
        line = Text(no_wrap=True, overflow=self.overflow).append(head, "bold")
        for text in rest:
            line.append(f"  {text}", "dim")
        return line

    def table(self, *widths: int, tag: int) -> Table:
        """Columns of at least these widths, of which that of the `tag` may wrap; then one of pods and one of notes."""
        table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        for number, width in enumerate(widths):
            table.add_column(min_width=width, no_wrap=number != tag, overflow=self.overflow)
        table.add_column(no_wrap=True, overflow=self.overflow)
        table.add_column()
        return table

    def pods(self, side: str, pods: Sequence[PodStatus]) -> Text:
        """Pods as signs; those that are ready in the style of the side that they are of."""
        count = Counter(pod.state for pod in pods)
        line = Text()
        for state in PodState:
            style = STYLES[side if state is PodState.READY else state]
            if len(pods) <= MOST_PODS:
                line.append(self.signs.of(state) * count[state], style)
            elif count[state]:
                line.append(f"{self.signs.of(state)}x{count[state]} ", style)
        return line

    def listed(self, remarks: Iterable[Remark]) -> Table:
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=3, justify="right")
        table.add_column()
        for sign, text, style in remarks:
            table.add_row(sign, Text(text, no_wrap=style == "dim", overflow=self.overflow), style=style)
        return table

    def age(self, moment: str) -> str:
        """How long ago that was, in the largest unit that is not 0."""
        try:
            seconds = int((self.now - datetime.fromisoformat(moment)).total_seconds())
        except ValueError:
            return moment
        for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
            if seconds >= size:
                return f"{seconds // size} {unit}"
        return f"{max(seconds, 0)} s"
