"""The picture of a status, at a glance and in little room: what carries traffic, which pods are well, what comes next.

    web  BlueGreenApp
    blue 100% ████████████████████████████████████████████████████   0% green
    ▸ blue    active    6.9.0  3/3  ●●●
      green   idle      6.9.1  3/3  ●●●  gate passed 4 min ago

Traffic moves along the bar, blue on the left and green on the right, whatever is active; the mark stands at the color
that is. A pod is ● ready, ◔ starting, ✖ failing or ◌ ending. Nothing is told by color alone, and what cannot show these
signs gets plain letters.

    db  StatefulApp  rolling out: 1 of 3 pods updated, 0 ready
    ▸ 6.9.0  present   2/2  ●●
      6.9.1  canary    0/1  ◔  ordinal 2

An app of one version has a line for each version that its pods run, of which the marked one is to stay.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import dedent
from typing import Any

from rich.console import Console, ConsoleOptions, Group, OverflowMethod, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from components.color import Color, Role
from components.planner import BASELINE
from cutover.autoscaling import Autoscaling
from cutover.doctor import Finding, State
from cutover.drift import Drift
from cutover.errors import DriverError
from cutover.events import WarningEvent
from cutover.pods import PodState, PodStatus
from cutover.release import Release
from cutover.seen import OTHERS
from cutover.status import AppStatus, ColorStatus, PodsStatus, Route, Status
from cutover.workloads import Part, RolloutState, VersionStatus, WorkloadStatus

SIDES = (Color.BLUE, BASELINE, OTHERS, Color.GREEN)
"""From left to right in the bar."""
STYLES: Mapping[str, str] = {
    Color.BLUE: "bright_blue",
    Color.GREEN: "green",
    BASELINE: "cyan",
    OTHERS: "magenta",
    PodState.STARTING: "yellow",
    PodState.FAILING: "red",
    PodState.ENDING: "dim",
}
PARTS: Mapping[Part, str] = {Part.PRESENT: "green", Part.CANARY: "cyan", Part.EARLIER: "bright_blue"}
MOST_PODS = 24
"""More pods than these are counted, not shown."""
MOST_FINDINGS = 3
WAIT_SECONDS = 1.5


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
        drawing = _Drawing(self.status, signs, self.now or datetime.now(UTC), options.max_width)
        yield drawing.heading(self.away)
        for app in self.status.apps:
            yield Text()
            yield drawing.app(app)
        for workload in self.status.workloads:
            yield Text()
            yield drawing.workload(workload)
        if legend := drawing.legend():
            yield Text()
            yield legend


def render(status: Status) -> RenderableType:
    """Draw a status."""
    return Picture(status)


@dataclass(frozen=True)
class Checked:
    """A finding of the doctor as rich draws it."""

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


def watch(look: Callable[[], Awaitable[Status]], console: Console) -> None:
    """Draw what `look` finds again and again, until Ctrl-C.

    While the cluster cannot be looked at, the last picture stays, with the reason. What is no terminal gets a picture
    each time that something has changed.

    Args:
        look: reads the status, with a deadline of its own; may raise DriverError.
        console: where to draw.
    """
    try:
        asyncio.run((_draw if console.is_terminal else _print)(_pictures(look), console))
    except KeyboardInterrupt:
        return


async def _draw(pictures: AsyncIterator[Picture], console: Console) -> None:
    with Live(
        Text("looking at the cluster", "dim"), console=console, refresh_per_second=2, vertical_overflow="crop"
    ) as live:
        async for picture in pictures:
            live.update(picture)


async def _print(pictures: AsyncIterator[Picture], console: Console) -> None:
    last: Picture | None = None
    async for picture in pictures:
        if last is None or _told(picture) != _told(last):
            console.print(picture)
        last = picture


def _told(picture: Picture) -> tuple[object, ...]:
    """What of a picture is worth another one."""
    return picture.status.apps, picture.status.workloads, picture.away


async def _pictures(look: Callable[[], Awaitable[Status]]) -> AsyncIterator[Picture]:
    """Yield what there is to see, for ever. Raises DriverError when there has never been anything."""
    picture: Picture | None = None
    while True:
        try:
            picture = Picture(await look())
        except DriverError as error:
            if picture is None:
                raise
            picture = Picture(picture.status, away=str(error))
        yield picture
        await asyncio.sleep(WAIT_SECONDS)


@dataclass(frozen=True)
class _Drawing:
    """Draws parts of a status in a number of columns."""

    status: Status
    signs: Signs
    now: datetime
    width: int

    def heading(self, away: str) -> RenderableType:
        status = self.status
        line = Text(no_wrap=True, overflow=self._overflow)
        line.append(status.stack, "bold")
        line.append(f"  namespace {status.namespace}  context {status.context}  {status.at[11:19]} UTC", "dim")
        lines: list[RenderableType] = [line]
        if away:
            text = f"{self.signs.warning} this is {self._age(status.at)} old: {away}"
            lines.append(Text(text, "bold red"))
        if status.release is not None:
            lines.append(self._release(status.release))
        return Group(*lines)

    def app(self, app: AppStatus) -> RenderableType:
        line = Text(no_wrap=True, overflow=self._overflow)
        line.append(app.name, "bold")
        line.append(f"  {app.component}", "dim")
        if app.route:
            line.append(f"  {_route(app.route)}", "dim")
        return Group(line, self._bar(app), self._colors(app), self._listed(self._remarks(app)))

    def workload(self, app: WorkloadStatus) -> RenderableType:
        line = Text(no_wrap=True, overflow=self._overflow)
        line.append(app.name, "bold")
        line.append(f"  {app.component}", "dim")
        rollout = self._rollout(app)
        if rollout.plain:
            line.append("  ").append_text(rollout)
        if app.autoscaler:
            line.append("  ").append_text(_scaling(app.autoscaler))
        return Group(line, self._versions(app), self._listed(self._workload_remarks(app)))

    def legend(self) -> Text | None:
        """What the signs mean, once there are others than of ready pods."""
        pods = [pod for app in self.status.apps for side in _sides(app).values() for pod in side.pods]
        pods += [pod for app in self.status.workloads for pod in app.pods]
        states = [state for state in PodState if any(pod.state is state for pod in pods)]
        if not set(states) - {PodState.READY}:
            return None
        return Text("pods: " + "  ".join(f"{self.signs.of(state)} {state}" for state in states), "dim")

    def _release(self, note: Mapping[str, Any]) -> Text:
        try:
            release = Release.of_note(note)
        except DriverError as error:
            return Text(f"{self.signs.warning} {error}", "red")
        if release is None:
            return Text()
        line = Text(f"{release.verb} to {release.to}", "bold")
        if release.app:
            line.append(f" of {release.app}")
        line.append(f", {release.place}, {release.state}")
        return line.append(f"; begun {self._age(release.began)} ago by {release.by}", "dim")

    def _bar(self, app: AppStatus) -> Text:
        """Traffic from blue on the left to green on the right."""
        whole = sum(app.traffic.values())
        blue, green = (_percent(app.traffic.get(color, 0), whole) for color in Color)
        left, right = f"{Color.BLUE} {blue:>4}", f"{green:>4} {Color.GREEN}"
        room = max(self.width - len(left) - len(right) - 2, 10)
        line = Text(no_wrap=True, overflow="crop")
        line.append(left, _bold(Color.BLUE, is_on=bool(app.traffic.get(Color.BLUE)))).append(" ")
        if not whole:
            behind = "" if app.route else f" behind Service {app.name}"
            line.append(f" no traffic: nothing ready{behind} ".center(room, self.signs.empty), "yellow")
        for side, cells in _cells(app.traffic, room).items():
            line.append(self.signs.of(side) * cells, STYLES[side])
        line.append(" ").append(right, _bold(Color.GREEN, is_on=bool(app.traffic.get(Color.GREEN))))
        return line

    def _colors(self, app: AppStatus) -> Table:
        """A line for each Deployment, in columns that are the same for all apps."""
        colors = [color for each in self.status.apps for color in each.colors]
        table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(min_width=8, no_wrap=True)
        table.add_column(min_width=8, no_wrap=True)
        table.add_column(min_width=max(len(color.tag or "-") for color in colors), overflow=self._overflow)
        table.add_column(min_width=max(len(_count(color)) for color in colors), no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column()
        for name, side in _sides(app).items():
            style = _bold(name, is_on=side.share > 0)
            role, tag, mark, notes = BASELINE, "", " ", Text()
            if isinstance(side, ColorStatus):
                role, tag, notes = side.role, side.tag or "-", Text(", ").join(self._notes(side, app))
                mark = self.signs.active if side.role is Role.ACTIVE else " "
            count = Text(_count(side), "yellow" if side.wanted is not None and side.ready < side.wanted else "")
            table.add_row(Text(f"{mark} {name}", style), role, tag, count, self._pods(STYLES[name], side.pods), notes)
        return table

    def _versions(self, app: WorkloadStatus) -> Table:
        """A line for each version of an app, in columns that are the same for all apps."""
        versions = [version for each in self.status.workloads for version in each.versions]
        table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(
            min_width=max((len(version.tag) for version in versions), default=0) + 2, overflow=self._overflow
        )
        table.add_column(min_width=8, no_wrap=True)
        table.add_column(min_width=max((len(_ready(version)) for version in versions), default=0), no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column()
        for version in app.versions:
            mark = self.signs.active if version.part is Part.PRESENT else " "
            count = Text(_ready(version), "yellow" if version.ready < version.wanted else "")
            notes = Text(", ").join(_restarts(version.pods))
            if version.part is Part.CANARY:
                notes = Text(", ").join([Text(_ordinals(app), "dim"), *_restarts(version.pods)])
            pods = self._pods(PARTS[version.part], version.pods)
            table.add_row(Text(f"{mark} {version.tag}", PARTS[version.part]), version.part, count, pods, notes)
        return table

    def _rollout(self, app: WorkloadStatus) -> Text:
        """How far a rollout is; nothing once it is done."""
        updated = f"{app.updated} of {app.wanted} pods updated"
        since = f" {self._age(app.since)} ago" if app.since else ""
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

    def _pods(self, ready: str, pods: Sequence[PodStatus]) -> Text:
        """Pods as signs; those that are `ready` in this style."""
        count = Counter(pod.state for pod in pods)
        line = Text()
        for state in PodState:
            style = ready if state is PodState.READY else STYLES[state]
            if len(pods) <= MOST_PODS:
                line.append(self.signs.of(state) * count[state], style)
            elif count[state]:
                line.append(f"{self.signs.of(state)}x{count[state]} ", style)
        return line

    def _notes(self, color: ColorStatus, app: AppStatus) -> Iterator[Text]:
        verdict = color.verdict
        if verdict:
            word = "passed" if verdict.passed else "failed"
            earlier = "" if verdict.gate else ", by an earlier gate"
            if not (verdict.template or color.changed):
                earlier = ", with an earlier template"
            style = "dim" if earlier else "" if verdict.passed else "red"
            yield Text(f"gate {word} {self._age(verdict.at)} ago{earlier}", style)
        if color.served and color.color != app.active:
            yield Text("has served", "dim")
        if color.autoscaler:
            yield _scaling(color.autoscaler)
        yield from _restarts(color.pods)
        if old := sum(not pod.present and pod.state is not PodState.ENDING for pod in color.pods):
            yield Text(f"{old} of an earlier template", "yellow")

    def _remarks(self, app: AppStatus) -> Iterator[tuple[str, str, str]]:
        """What there is to say of an app, line by line: a sign, a text and a style."""
        signs = self.signs
        for side in _sides(app).values():
            yield from self._reasons(side.reasons)
        for color in app.colors:
            if color.verdict and not color.verdict.passed:
                for finding in color.verdict.findings[:MOST_FINDINGS]:
                    yield signs.failing, f"gate of {color.color}: {finding}", "red"
        if app.route and app.route.trouble:
            yield signs.warning, f"{_route(app.route)} is not in effect: {app.route.trouble}", "red"
        yield from self._around(app.drifts, app.differences, app.warnings)

    def _workload_remarks(self, app: WorkloadStatus) -> Iterator[tuple[str, str, str]]:
        yield from self._reasons(app.reasons)
        yield from self._around(app.drifts, app.differences, app.warnings)

    def _reasons(self, reasons: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        for reason in reasons:
            told, _, log = reason.rstrip().partition("\n")
            yield self.signs.failing, told, "red"
            yield from (("", f"  {line}", "dim") for line in dedent(log).splitlines())

    def _around(
        self, drifts: Sequence[Drift], differences: Sequence[str], warnings: Sequence[WarningEvent]
    ) -> Iterator[tuple[str, str, str]]:
        """What a hand has done, what the next `up` does, and what Kubernetes warns of."""
        for drift in drifts:
            since = f", {self._age(drift.at)} ago" if drift.at else ""
            yield self.signs.warning, f"{drift.text} (by {drift.by}{since})", "yellow"
            yield "$", drift.remedy, "yellow"
        if differences:
            yield self.signs.to, f"the next `up` {'; '.join(differences)}", "cyan"
        for warning in warnings:
            many = f" x{warning.count}" if warning.count > 1 else ""
            text = " ".join(warning.text.split())
            yield "", f"{self._age(warning.at)} ago, {warning.reason}{many}, {warning.subject}: {text}", "dim"

    def _listed(self, remarks: Iterable[tuple[str, str, str]]) -> Table:
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=3, justify="right")
        table.add_column()
        for sign, text, style in remarks:
            table.add_row(sign, Text(text, no_wrap=style == "dim", overflow=self._overflow), style=style)
        return table

    @property
    def _overflow(self) -> OverflowMethod:
        """What a line does that is too long for the terminal; the sign of an ellipsis is not everywhere to be had."""
        return "crop" if self.signs is PLAIN else "ellipsis"

    def _age(self, moment: str) -> str:
        """How long ago that was, in the largest unit that is not 0."""
        try:
            seconds = int((self.now - datetime.fromisoformat(moment)).total_seconds())
        except ValueError:
            return moment
        for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
            if seconds >= size:
                return f"{seconds // size} {unit}"
        return f"{max(seconds, 0)} s"


def _sides(app: AppStatus) -> Mapping[str, PodsStatus]:
    """The Deployments of an app by the side that they are of; a baseline while it has pods."""
    found: dict[str, PodsStatus] = {str(color.color): color for color in app.colors}
    if app.baseline and app.baseline.wanted:
        found[BASELINE] = app.baseline
    return found


def _count(side: PodsStatus) -> str:
    return "not there" if side.wanted is None else f"{side.ready}/{side.wanted}"


def _ready(version: VersionStatus) -> str:
    """How many pods of a version are ready, of how many that are to be; those that go are to be none."""
    return f"{version.ready}/{version.wanted}" if version.wanted else str(version.ready)


def _ordinals(app: WorkloadStatus) -> str:
    last = app.wanted - 1
    return f"ordinal {last}" if app.partition == last else f"ordinals {app.partition} to {last}"


def _restarts(pods: Sequence[PodStatus]) -> Iterator[Text]:
    if restarts := sum(pod.restarts for pod in pods):
        yield Text(f"{restarts} restart{'s' if restarts > 1 else ''}", "yellow")


def _scaling(scaler: Autoscaling) -> Text:
    wants = f", wants {scaler.wanted}" if scaler.wanted != scaler.current else ""
    return Text(f"autoscaled {scaler.least} to {scaler.most}{wants}", "dim")


def _percent(part: int, whole: int) -> str:
    """A share without decimals, which is never said to be nothing, or all, when it is not."""
    share = 100 * part / whole if whole else 0
    if 0 < share < 1:
        return "<1%"
    return ">99%" if 99 < share < 100 else f"{share:.0f}%"


def _cells(traffic: Mapping[str, int], room: int) -> Mapping[str, int]:
    """How many of `room` cells each side gets; one with any traffic at all gets one at least."""
    whole = sum(traffic.values())
    cells = {side: max(round(room * traffic[side] / whole), 1) for side in SIDES if traffic.get(side)}
    if cells:
        largest = max(cells, key=lambda side: cells[side])
        cells[largest] += room - sum(cells.values())
    return cells


def _bold(name: str, *, is_on: bool) -> str:
    return f"{'bold ' if is_on else ''}{STYLES[name]}"


def _route(route: Route) -> str:
    return f"{route.kind} {route.name}"
