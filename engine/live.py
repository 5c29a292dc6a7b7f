"""A run in a terminal: a tree of the resources, redrawn as they change."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from engine.display import MARKS, Action, Display, Row, Severity
from engine.steps import Op
from engine.urn import Urn

_STYLES = {
    "+ ": "green",
    "- ": "red",
    "~ ": "yellow",
    "+-": "magenta",
    "++": "green",
    "--": "red",
    "> ": "cyan",
    ">>": "cyan",
    "  ": "",
}


class LiveDisplay(Display):
    """Draws with rich; keeps what is unchanged out of sight, as the CLI does."""

    def __init__(self, action: Action, stack: str, root: Urn, *, dry_run: bool, console: Console | None = None) -> None:
        super().__init__(action, stack, root, dry_run=dry_run)
        self._console = console or Console(highlight=False)
        self._spinner = Spinner("dots")
        self._live = Live(
            console=self._console, get_renderable=self._draw, refresh_per_second=8, vertical_overflow="crop"
        )

    def open(self) -> None:
        self._console.print(Text(self.banner, style="bold magenta"))
        self._live.start()

    def close(self) -> None:
        with self._lock:
            super().close()
            self._live.vertical_overflow = "visible"
            self._live.stop()
        self._console.print()
        self._console.print(self._colored(self.footer()), end="", soft_wrap=True)

    def _colored(self, text: str) -> Text:
        colored = Text(text)
        colored.highlight_regex(r"(?m)^(Diagnostics|Outputs|Resources|Duration):", "bold magenta")
        colored.highlight_regex(r"(?m)^ +error:", "red")
        colored.highlight_regex(r"(?m)^ +warning:", "yellow")
        colored.highlight_regex(r"(?m)^    \+ .*$", "green")
        colored.highlight_regex(r"(?m)^    - .*$", "red")
        colored.highlight_regex(r"(?m)^    (~ |\+-).*$", "yellow")
        return colored

    # --- drawing

    def _draw(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column()
        table.add_row("", "[bold]Type[/]", "[bold]Name[/]", "[bold]Plan[/]" if self.dry_run else "[bold]Status[/]", "")
        with self._lock:
            shown = self._shown()
            for urn, lead in _tree(shown):
                row = shown[urn]
                style = "red" if row.failed else _STYLES[MARKS[row.op]]
                busy = row.ended is None and not self.dry_run and row.op is not Op.SAME
                table.add_row(
                    self._spinner if busy else Text(MARKS[row.op], style),
                    Text(lead + urn.type),
                    Text(urn.name),
                    Text(self._status_of(row), style),
                    # The last column gives way when the terminal is narrow.
                    Text(self.row_info(row), "red" if row.failed else "", no_wrap=True, overflow="ellipsis"),
                )
        return table

    def _status_of(self, row: Row) -> str:
        failed = any(severity is Severity.ERROR for severity, _ in self.diagnostics.get(row.step.urn, ()))
        return "**failed**" if failed and row.step.urn == self.root else self.row_status(row)

    def _shown(self) -> dict[Urn, Row]:
        """Return the rows that are not the same, with all that stands above them."""
        wanted: set[str] = {self.root}
        for urn, row in self.rows.items():
            if row.step.hidden or (row.op is Op.SAME and not self.row_info(row)):
                continue
            above: str = urn
            while above and above not in wanted:
                wanted.add(above)
                holder = self.rows.get(Urn(above))
                above = holder.step.resource.parent if holder else ""
        return {urn: row for urn, row in self.rows.items() if urn in wanted}


def _tree(rows: dict[Urn, Row]) -> list[tuple[Urn, str]]:
    """Order rows as a tree; each with the lines that lead to it."""
    children: dict[str, list[Urn]] = {}
    for urn, row in rows.items():
        parent = row.step.resource.parent
        children.setdefault(parent if Urn(parent or "::::::") in rows else "", []).append(urn)
    ordered: list[tuple[Urn, str]] = []

    def walk(urn: Urn, lead: str, below: str) -> None:
        ordered.append((urn, lead))
        nested = children.get(urn, [])
        for index, child in enumerate(nested):
            last = index == len(nested) - 1
            walk(child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))

    for urn in children.get("", []):
        walk(urn, "", "")
    return ordered
