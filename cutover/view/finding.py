"""A finding of the doctor as rich draws it."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from cutover.doctor.findings import Finding, State
from cutover.view.signs import PLAIN, Signs


@dataclass(frozen=True)
class Checked:
    """A finding, with the command that puts it right."""

    finding: Finding

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        signs, finding = PLAIN if options.ascii_only else Signs(), self.finding
        sign, style = {
            State.OK: (signs.ok, "green"),
            State.WARNING: (signs.warning, "yellow"),
            State.PROBLEM: (signs.failing, "red"),
        }[finding.state]
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=1)
        table.add_column(width=13)
        table.add_column()
        table.add_row(Text(sign, style), finding.name, Text(finding.text, "" if finding.state is State.OK else style))
        if finding.remedy:
            table.add_row("", "", Text(f"$ {finding.remedy}", "bold"))
        yield table
