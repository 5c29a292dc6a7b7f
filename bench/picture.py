"""What clients saw, second by second, drawn in the terminal."""

from __future__ import annotations

import io
import math
import re
import time
from typing import TYPE_CHECKING

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.answers import Answers

BAR = 24
"""Cells of the fullest second's bar."""

WIDTH = 84
"""Columns of a saved picture."""

LOST = "bold red"

COLORS = ("dodger_blue1", "green3", "magenta", "cyan")
"""For the versions in their order, where the caller names none."""


def picture(answers: Answers, title: str, colors: Mapping[str, str] | None = None) -> Table:
    """One row per second: requests, a bar of who answered, answers per version, requests lost, latencies.

    `colors` names a terminal color per version. Whatever occurred at all has a cell of the bar, so that one answer in
    a hundred is seen; what was lost is red.
    """
    colors = colors or dict(zip(sorted(answers.versions), COLORS, strict=False))
    versions = [version for version in colors if version in answers.versions]
    versions += sorted(set(answers.versions) - set(versions))
    seconds = answers.per_second()
    most = max((second.requests for second in seconds), default=0)
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("time", no_wrap=True)
    table.add_column("requests", justify="right", no_wrap=True)
    table.add_column("answered by", no_wrap=True, min_width=BAR)
    for version in versions:
        table.add_column(Text(version, colors.get(version, "")), justify="right", no_wrap=True)
    for heading in ("lost", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for second in seconds:
        parts = [(second.versions[version], colors.get(version, "")) for version in versions]
        table.add_row(
            time.strftime("%H:%M:%S", time.localtime(second.wall)),
            str(second.requests),
            _bar([*parts, (second.errors.total(), LOST)], most),
            *(Text(str(count), color if count else "dim") for count, color in parts),
            Text(_counts(second.errors), LOST) if second.errors else Text("0", "dim"),
            _milliseconds(second.p50),
            _milliseconds(second.p99),
        )
    return table


def save(table: Table, path: Path, title: str) -> None:
    """Save a picture as an SVG that asks no other server for fonts."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    own_fonts = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    console.save_svg(str(path), title=title, code_format=own_fonts)


def _bar(parts: Sequence[tuple[int, str]], most: int) -> Text:
    """A bar of `BAR` cells for `most` requests; the largest part gives up the cells that small ones need to be seen."""
    requests = sum(count for count, _ in parts)
    if not requests:
        return Text()
    cells = [max(1, round(BAR * count / most)) if count else 0 for count, _ in parts]
    largest = max(range(len(cells)), key=cells.__getitem__)
    cells[largest] = max(1, cells[largest] + round(BAR * requests / most) - sum(cells))
    return Text.assemble(*(("█" * width, color) for width, (_, color) in zip(cells, parts, strict=True)))


def _counts(errors: Counter[str]) -> str:
    return ", ".join(f"{count} {error}" for error, count in errors.most_common())


def _milliseconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1000:.1f}"
