"""A status as rich draws it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from cutover.errors import DriverError
from cutover.pods import PodState
from cutover.release import Release
from cutover.status import Status
from cutover.view.colors import Colors
from cutover.view.pen import Pen
from cutover.view.signs import PLAIN, Signs
from cutover.view.versions import Versions


@dataclass(frozen=True)
class Picture:
    """A status as rich draws it.

    Args:
        status: what to draw.
        now: the moment that ages are counted to; None for that of drawing.
        away: why the last look at the cluster told nothing; the status is then an older one.
    """

    status: Status
    now: datetime | None = None
    away: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        signs = PLAIN if options.ascii_only else Signs()
        pen = Pen(signs, self.now or datetime.now(UTC), options.max_width)
        colors, versions = Colors(self.status.apps, pen), Versions(self.status.workloads, pen)
        yield from self._heading(pen)
        for app in (*map(colors.draw, colors.apps), *map(versions.draw, versions.apps)):
            yield Text()
            yield app
        states = {pod.state for pod in (*colors.pods, *versions.pods)}
        if states - {PodState.READY}:
            told = [f"{signs.of(state)} {state}" for state in PodState if state in states]
            yield Text()
            yield Text(f"pods: {'  '.join(told)}", "dim")

    def _heading(self, pen: Pen) -> Iterator[Text]:
        status = self.status
        where = f"namespace {status.namespace}  context {status.context}"
        yield pen.line(status.stack, f"{where}  {status.at[11:19]} UTC")
        if self.away:
            yield Text(f"{pen.signs.warning} this is {pen.age(status.at)} old: {self.away}", "bold red")
        try:
            release = Release.of_note(status.release or {})
        except DriverError as error:
            yield Text(f"{pen.signs.warning} {error}", "red")
        else:
            if release:
                yield _release(release, pen)


def _release(release: Release, pen: Pen) -> Text:
    of = f" of {release.app}" if release.app else ""
    line = Text(f"{release.verb} to {release.to}{of}, {release.place}, {release.state}", "bold")
    return line.append(f"; begun {pen.age(release.began)} ago by {release.by}", "dim")
