"""Apps of two colors: a bar of traffic, and a line for each color."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from components.color import Color, Role
from components.planner import BASELINE
from cutover.pods import PodState, PodStatus
from cutover.seen import OTHERS
from cutover.status import AppStatus, ColorStatus, PodsStatus
from cutover.view.pen import Pen, Remark
from cutover.view.remarks import around, reasons, restarts, scaling
from cutover.view.signs import STYLES

SIDES = (Color.BLUE, BASELINE, OTHERS, Color.GREEN)
"""From left to right in the bar."""
MOST_FINDINGS = 3


@dataclass(frozen=True)
class Colors:
    """Draws the apps of two colors of a stack, in columns that are the same for all of them."""

    apps: Sequence[AppStatus]
    pen: Pen

    def draw(self, app: AppStatus) -> Group:
        route = [f"{app.route.kind} {app.route.name}"] if app.route else []
        line = self.pen.line(app.name, app.component, *route)
        return Group(line, self._bar(app), self._table(app), self.pen.listed(self._remarks(app)))

    @property
    def pods(self) -> list[PodStatus]:
        return [pod for app in self.apps for side in _sides(app).values() for pod in side.pods]

    def _bar(self, app: AppStatus) -> Text:
        """Traffic from blue on the left to green on the right."""
        whole = sum(app.traffic.values())
        blue, green = (_percent(app.traffic.get(color, 0), whole) for color in Color)
        left, right = f"{Color.BLUE} {blue:>4}", f"{green:>4} {Color.GREEN}"
        room = max(self.pen.width - len(left) - len(right) - 2, 10)
        line = Text(no_wrap=True, overflow="crop")
        line.append(left, _bold(Color.BLUE, is_on=bool(app.traffic.get(Color.BLUE)))).append(" ")
        if not whole:
            behind = "" if app.route else f" behind Service {app.name}"
            line.append(f" no traffic: nothing ready{behind} ".center(room, self.pen.signs.empty), "yellow")
        for side, cells in _cells(app.traffic, room).items():
            line.append(self.pen.signs.of(side) * cells, STYLES[side])
        return line.append(" ").append(right, _bold(Color.GREEN, is_on=bool(app.traffic.get(Color.GREEN))))

    def _table(self, app: AppStatus) -> Table:
        """A line for each Deployment."""
        colors = [color for each in self.apps for color in each.colors]
        tags, counts = [color.tag or "-" for color in colors], [_count(color) for color in colors]
        table = self.pen.table(8, 8, max(map(len, tags)), max(map(len, counts)), tag=2)
        for name, side in _sides(app).items():
            role, tag, mark, notes = BASELINE, "", " ", Text()
            if isinstance(side, ColorStatus):
                role, tag, notes = side.role, side.tag or "-", Text(", ").join(self._notes(side, app))
                mark = self.pen.signs.active if side.role is Role.ACTIVE else " "
            title = Text(f"{mark} {name}", _bold(name, is_on=side.share > 0))
            count = Text(_count(side), "yellow" if side.wanted is not None and side.ready < side.wanted else "")
            table.add_row(title, role, tag, count, self.pen.pods(name, side.pods), notes)
        return table

    def _notes(self, color: ColorStatus, app: AppStatus) -> Iterator[Text]:
        verdict = color.verdict
        if verdict:
            word = "passed" if verdict.passed else "failed"
            earlier = "" if verdict.gate else ", by an earlier gate"
            if not (verdict.template or color.changed):
                earlier = ", with an earlier template"
            style = "dim" if earlier else "" if verdict.passed else "red"
            yield Text(f"gate {word} {self.pen.age(verdict.at)} ago{earlier}", style)
        if color.served and color.color != app.active:
            yield Text("has served", "dim")
        if color.autoscaler:
            yield scaling(color.autoscaler)
        yield from restarts(color.pods)
        if old := sum(not pod.present and pod.state is not PodState.ENDING for pod in color.pods):
            yield Text(f"{old} of an earlier template", "yellow")

    def _remarks(self, app: AppStatus) -> Iterator[Remark]:
        for side in _sides(app).values():
            yield from reasons(side.reasons, self.pen)
        for color in app.colors:
            if color.verdict and not color.verdict.passed:
                for finding in color.verdict.findings[:MOST_FINDINGS]:
                    yield self.pen.signs.failing, f"gate of {color.color}: {finding}", "red"
        if app.route and app.route.trouble:
            text = f"{app.route.kind} {app.route.name} is not in effect: {app.route.trouble}"
            yield self.pen.signs.warning, text, "red"
        yield from around(app, self.pen)


def _sides(app: AppStatus) -> Mapping[str, PodsStatus]:
    """The Deployments of an app by the side that they are of; a baseline while it has pods."""
    found: dict[str, PodsStatus] = {str(color.color): color for color in app.colors}
    if app.baseline and app.baseline.wanted:
        found[BASELINE] = app.baseline
    return found


def _count(side: PodsStatus) -> str:
    return "not there" if side.wanted is None else f"{side.ready}/{side.wanted}"


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
