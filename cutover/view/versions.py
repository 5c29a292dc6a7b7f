"""Apps of one version: how far a rollout is, and a line for each version that pods run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cutover.pods import PodStatus
from cutover.view.pen import Pen
from cutover.view.remarks import around, reasons, restarts, scaling
from cutover.view.signs import STYLES
from cutover.workloads import Part, RolloutState, VersionStatus, WorkloadStatus


@dataclass(frozen=True)
class Versions:
    """Draws the apps of one version of a stack, in columns that are the same for all of them."""

    apps: Sequence[WorkloadStatus]
    pen: Pen

    def draw(self, app: WorkloadStatus) -> Group:
        line = self.pen.line(app.name, app.component)
        for told in (self._rollout(app), scaling(app.autoscaler) if app.autoscaler else Text()):
            if told.plain:
                line.append("  ").append_text(told)
        return Group(line, self._table(app), self.pen.listed((*reasons(app.reasons, self.pen), *around(app, self.pen))))

    @property
    def pods(self) -> list[PodStatus]:
        return [pod for app in self.apps for pod in app.pods]

    def _table(self, app: WorkloadStatus) -> Table:
        """A line for each version."""
        versions = [version for each in self.apps for version in each.versions]
        tag = max((len(version.tag) for version in versions), default=0)
        count = max((len(_count(version)) for version in versions), default=0)
        table = self.pen.table(tag + 2, 8, count, tag=0)
        for version in app.versions:
            mark = self.pen.signs.active if version.part is Part.PRESENT else " "
            table.add_row(
                Text(f"{mark} {version.tag}", STYLES[version.part]),
                version.part,
                Text(_count(version), "yellow" if version.ready < version.wanted else ""),
                self.pen.pods(version.part, version.pods),
                Text(", ").join(_notes(version, app)),
            )
        return table

    def _rollout(self, app: WorkloadStatus) -> Text:
        """How far a rollout is; nothing once it is done."""
        updated = f"{app.updated} of {app.wanted} pods updated"
        since = f" {self.pen.age(app.since)} ago" if app.since else ""
        text, style = {
            RolloutState.ABSENT: ("not there", "yellow"),
            RolloutState.DONE: ("", ""),
            RolloutState.UNDER_WAY: (f"rolling out: {updated}, {app.ready} ready", "yellow"),
            RolloutState.STOPPED: (f"stopped: {updated}, {app.ready} ready", "bold red"),
            RolloutState.PAUSED: (f"paused{since}: {updated}", "yellow"),
            RolloutState.WAITING: (f"{updated}; the others wait to be deleted", "yellow"),
            RolloutState.UNREADY: (f"{app.ready} of {app.wanted} pods ready", "red"),
        }[app.state]
        return Text(text, style)


def _count(version: VersionStatus) -> str:
    """How many pods of a version are ready, of how many that are to be; those that go are to be none."""
    return f"{version.ready}/{version.wanted}" if version.wanted else str(version.ready)


def _notes(version: VersionStatus, app: WorkloadStatus) -> Iterator[Text]:
    if version.part is Part.CANARY:
        last = app.wanted - 1
        ordinals = f"ordinal {last}" if app.partition == last else f"ordinals {app.partition} to {last}"
        yield Text(ordinals, "dim")
    yield from restarts(version.pods)
