"""What the next `up` means in the words of a release: where each app's traffic goes, in which order, at which cost.

All of it is read from the engine's preview (`pulumi preview --json --show-sames`), so that it is what the engine is
going to do and not what a reader of the configuration would expect; what steps cannot show, the program says itself in
it. Without `--show-sames` the preview tells nothing of what stays, and neither can this.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import msgspec
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from components.color import Color, Role
from components.guards import changed_paths
from components.plan import ACTIVE, ROLE, SHARE, SOURCE, TAG, TAGS, Manifest
from components.planner import BASELINE
from cutover import rollouts
from cutover.dangers import Danger, Warned
from cutover.journal import Standing, percent
from cutover.previews import Object, Op, Phase, annotations_of, at, said
from cutover.rollouts import WorkloadChange


class Pods(msgspec.Struct, frozen=True):
    """A Deployment's pods at one time: `role` is what the position makes of them.

    `replicas` is how many there are, or with an autoscaler the fewest, up to `most`. Pods of the same `source` are
    configured alike.
    """

    tag: str
    role: str
    replicas: int
    most: int | None = None
    source: str = ""

    @property
    def count(self) -> str:
        return f"{self.replicas}-{self.most}" if self.most and self.replicas else str(self.replicas)

    def __str__(self) -> str:
        return f"{self.count} pod{'' if self.count == '1' else 's'}" + (f" of {self.tag}" if self.tag else "")


class Side(msgspec.Struct, frozen=True):
    """A color of an app, or the baseline beside a canary, before and after.

    None: it is not there, or with `op` same, the preview does not tell. `template` are the paths at which the pod
    template of a Deployment changes that stays.
    """

    name: str
    op: Op
    before: Pods | None
    after: Pods | None
    template: tuple[str, ...] = ()

    @property
    def rolls(self) -> bool:
        """Whether pods make room for pods of another template."""
        return bool(self.template and self.before and self.before.replicas and self.after and self.after.replicas)


class AppChange(msgspec.Struct, frozen=True):
    """An app before and after; `before` is None for a new one and `after` for one that goes."""

    name: str
    component: str
    before: Standing | None
    after: Standing | None
    sides: tuple[Side, ...]

    @property
    def headline(self) -> str:
        """What happens to the app, in one sentence."""
        return _headline(self)

    @property
    def stays(self) -> bool:
        """Whether all of it stays as it is."""
        return self.before == self.after and not any(each.template or each.before != each.after for each in self.sides)


class Act(msgspec.Struct, frozen=True):
    """One thing that happens in a phase. Apps of the same `release` (from 0) wait for each other; others do not."""

    release: int
    phase: Phase
    app: str
    text: str


class Cost(msgspec.Struct, frozen=True):
    """Pods of all apps: now, at most while the `up` lasts, and afterwards.

    Autoscalers count with their fewest, and what every node has one of is not counted.
    """

    now: int
    peak: int
    after: int


class Plan(msgspec.Struct, frozen=True):
    """What the next `up` does: `apps` have two colors, `workloads` one version.

    `changes` are the engine's counts of objects by what happens to them.
    """

    apps: tuple[AppChange, ...]
    workloads: tuple[WorkloadChange, ...]
    acts: tuple[Act, ...]
    warnings: tuple[Warned, ...]
    cost: Cost
    changes: dict[str, int]

    @property
    def is_empty(self) -> bool:
        """Whether the `up` changes nothing at all."""
        return not any(count for op, count in self.changes.items() if op != Op.SAME)


def read(preview: Mapping[str, Any]) -> Plan:
    """Read a preview of either engine."""
    objects = [found for step in preview.get("steps", ()) if (found := Object.of(step))]
    standing, sizes = _outputs(preview), dict(_sizes(preview))
    colored = _by_app(each for each in objects if each.component not in rollouts.COMPONENTS)
    apps = [_App(name, own, standing.get(name), sizes.get(name, {})) for name, own in colored.items()]
    of_one_version = _by_app(each for each in objects if each.component in rollouts.COMPONENTS)
    workloads = [_Workload(change, own) for name, own in of_one_version.items() if (change := rollouts.read(name, own))]
    changes, told = [app.change for app in apps], list(said(preview))
    warnings = [*_warnings(changes, objects, preview), *(each for workload in workloads for each in workload.warnings)]
    return Plan(
        apps=tuple(changes),
        workloads=tuple(workload.change for workload in workloads),
        acts=tuple(_acts(apps, workloads, told)),
        warnings=tuple(sorted(warnings, key=lambda each: [*Danger].index(each.danger))),
        cost=_cost(apps, workloads),
        changes=dict(preview.get("changeSummary", {})),
    )


def _by_app(objects: Iterable[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for each in sorted(objects, key=lambda each: each.app):
        if each.app:
            found.setdefault(each.app, []).append(each)
    return found


@dataclass(frozen=True)
class _Workload:
    """The objects of one app of one version, and what becomes of it."""

    change: WorkloadChange
    objects: Sequence[Object]

    @property
    def warnings(self) -> Iterator[Warned]:
        for danger, text in rollouts.dangers(self.change, self.objects):
            yield Warned(danger, self.change.name, text)


@dataclass(frozen=True)
class _App:
    """The objects of one app.

    `stood` is where it stood by the stack's outputs. `sizes` are its colors' by age (`oldState`, `newState`) where the
    program tells them: those of a Deployment under an autoscaler are not its own.
    """

    name: str
    objects: Sequence[Object]
    stood: Standing | None
    sizes: Mapping[str, Mapping[str, float]]

    @property
    def change(self) -> AppChange:
        movers = self._movers
        before = next(filter(None, (_standing(mover.old) for mover in movers)), None)
        after = next(filter(None, (_standing(mover.new) for mover in movers)), None)
        if not movers:
            before = after = self.stood
        component = next((each.label["cutover/component"] for each in self.objects), "")
        sides = [self._side(name) for name in (*map(str, Color), BASELINE)]
        return AppChange(self.name, component, before, after, tuple(side for side in sides if side))

    @property
    def _movers(self) -> list[Object]:
        """What says where traffic is: the route, if there is one, before the live Service."""
        told = [each for each in self.objects if any(ACTIVE in annotations_of(item) for item in (each.old, each.new))]
        return sorted(told, key=lambda each: each.kind == "Service")

    def deployment(self, side: str) -> Object | None:
        kind = "Deployment"
        return next((each for each in self.objects if each.kind == kind and each.label.get("color") == side), None)

    def phase(self, deployment: Object) -> Phase:
        """Whether a Deployment is written before traffic moves or after, by what waits for what."""
        if deployment.op is Op.DELETE:
            return Phase.REMOVE
        waits = any(mover.urn in deployment.waits_for for mover in self._movers)
        return Phase.SETTLE if waits or annotations_of(deployment.new).get(ROLE) == Role.IDLE else Phase.GROW

    def release(self, others: Sequence[_App]) -> int:
        """The number of the first app whose pods this one's traffic waits for; all of a release wait for all."""
        awaited = frozenset().union(*(mover.waits_for for mover in self._movers))
        return next(number for number, other in enumerate(others) if other is self or awaited & other.pods)

    @property
    def pods(self) -> frozenset[str]:
        """The URNs of this app's Deployments."""
        return frozenset(each.urn for each in self.objects if each.kind == "Deployment")

    def _side(self, name: str) -> Side | None:
        found = self.deployment(name)
        if found is None:
            return Side(name, Op.SAME, None, None) if name in set(Color) and self.stood else None
        before = self._pods(found.old, self._limits(name, "old"), self.sizes.get("oldState", {}).get(name))
        after = self._pods(found.new, self._limits(name, "new"), self.sizes.get("newState", {}).get(name))
        template: tuple[str, ...] = ()
        if before and after and found.op in {Op.UPDATE, Op.SAME}:
            paths = changed_paths(at(found.old, "spec", "template"), at(found.new, "spec", "template"))
            template = tuple(sorted(set(paths)))
        return Side(name, found.op, before, after, template)

    def _pods(self, deployment: Manifest, limits: Manifest, size: float | None) -> Pods | None:
        if not deployment:
            return None
        notes = annotations_of(deployment)
        replicas = size if limits and size is not None else at(deployment, "spec", "replicas")
        return Pods(
            tag=notes.get(TAG, ""),
            role=notes.get(ROLE, ""),
            replicas=int(replicas) if isinstance(replicas, int | float) else 1,
            most=int(limits["maxReplicas"]) if limits else None,
            source=notes.get(SOURCE, ""),
        )

    def _limits(self, side: str, age: str) -> Manifest:
        """What a side's autoscaler says; nothing where there is none."""
        scalers = [each for each in self.objects if each.kind == "HorizontalPodAutoscaler"]
        found = (getattr(each, age).get("spec") for each in scalers if each.label.get("color") == side)
        return next(filter(None, found), {})


def _sizes(preview: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Mapping[str, float]]]]:
    """How many pods each color of an app is to have, as its component tells."""
    for step in preview.get("steps", ()):
        kind = at(step, "newState", "type") or at(step, "oldState", "type") or ""
        if kind.startswith("cutover:index:"):
            ages = {age: at(step, age, "inputs", "replicas") or {} for age in ("oldState", "newState")}
            yield step["urn"].rpartition("::")[2], ages


def _outputs(preview: Mapping[str, Any]) -> dict[str, Standing]:
    """Where each app stands by the stack's outputs, which are in every preview but the first."""
    roots = [step for step in preview.get("steps", ()) if "::pulumi:pulumi:Stack::" in step["urn"]]
    outputs = at(roots[0], "oldState", "outputs") if roots else None
    found = {}
    for name, told in (outputs or {}).items():
        if isinstance(told, Mapping) and {"activeColor", "imageTag", "otherShare"} <= told.keys():
            share = str(told["otherShare"])
            found[name] = Standing(told["activeColor"], dict(told["imageTag"]), share, percent(share))
    return found


def _standing(mover: Manifest) -> Standing | None:
    """What a mover says of where traffic is."""
    told = annotations_of(mover)
    if not {ACTIVE, TAGS, SHARE} <= told.keys():
        return None
    return Standing(told[ACTIVE], json.loads(told[TAGS]), told[SHARE], percent(told[SHARE]))


def _acts(apps: Sequence[_App], workloads: Sequence[_Workload], told: Sequence[tuple[str, Phase, str]]) -> list[Act]:
    """What happens, of each release in order; an app of one version is a release by itself."""
    acts: list[Act] = []
    for app in apps:
        acts += _of_app(app.release(apps), app.name, [*_migrations(app.objects), *_happens(app)], told)
    for release, each in enumerate(workloads, len(apps)):
        happens = [*_migrations(each.objects), *rollouts.happens(each.change)]
        acts += _of_app(release, each.change.name, happens, told)
    return sorted(acts, key=lambda act: (act.release, [*Phase].index(act.phase)))


def _of_app(
    release: int, name: str, happens: Iterable[tuple[Phase, str]], told: Iterable[tuple[str, Phase, str]]
) -> Iterator[Act]:
    for phase, text in [*happens, *((phase, text) for app, phase, text in told if app == name)]:
        yield Act(release, phase, name, text)


def _migrations(objects: Iterable[Object]) -> Iterator[tuple[Phase, str]]:
    for each in objects:
        if each.kind == "Job" and each.op is Op.CREATE:
            yield Phase.PREPARE, f"migration {each.name} runs"


def _happens(app: _App) -> Iterator[tuple[Phase, str]]:
    """What the steps of an app do to its colors and its traffic, in the words of a release."""
    change = app.change
    for side in change.sides:
        deployment = app.deployment(side.name)
        if deployment and (text := _resized(side)):
            yield app.phase(deployment), text
    before, after = change.before, change.after
    if after and (before is None or before.active != after.active):
        yield Phase.MOVE, f"all traffic to {after.active}" + (f", from {before.active}" if before else "")
    elif before and after and before.share != after.share:
        yield Phase.MOVE, f"{_other(after)} has {after.share} of the traffic, after {before.share}"


def _resized(side: Side) -> str:
    """What happens to a Deployment's pods; "" if nothing does."""
    before, after = side.before, side.after
    if after is None:
        return f"{side.name} goes, with its {before}" if before else ""
    if side.op is Op.REPLACE:
        return f"{side.name} is made anew: {after}"
    if before is None:
        return f"{side.name}: {after}" if after.replicas else ""
    if side.rolls:
        return f"{side.name}: {after}, new ones in the place of {before.count}"
    return f"{side.name}: {after}, after {before.count}" if before.count != after.count else ""


def _warnings(apps: Iterable[AppChange], objects: Iterable[Object], preview: Mapping[str, Any]) -> Iterator[Warned]:
    for each in objects:
        if each.op in {Op.REPLACE, Op.DELETE} and (each.kind == "Namespace" or ACTIVE in annotations_of(each.old)):
            danger = Danger.REPLACED if each.op is Op.REPLACE else Danger.DELETED
            yield Warned(danger, each.app, f"{each.kind} {each.name} is {danger}")
    for app in apps:
        for side in app.sides:
            yield from _dangers(app, side)
        before, after = app.before, app.after
        if before and after and before.active == after.active and after.percent < before.percent:
            text = f"{_other(after)}'s share goes down from {before.share} to {after.share}"
            yield Warned(Danger.SHARE_DOWN, app.name, text)
    for note in preview.get("diagnostics", ()):
        text = note.get("message", "").strip().removeprefix("warning: ")
        if note.get("severity") == "warning" and text:
            yield Warned(Danger.ENGINE, "", text)


def _dangers(app: AppChange, side: Side) -> Iterator[Warned]:
    before, after = side.before, side.after
    if before is None:
        return
    if side.op is Op.REPLACE:
        yield Warned(Danger.REPLACED, app.name, f"{side.name}'s Deployment is replaced: its pods end before others are")
    if side.op is Op.DELETE and before.replicas:
        yield Warned(Danger.DELETED, app.name, f"{side.name}'s Deployment is deleted, with its {before}")
    if after is None or app.before is None or app.after is None:
        return
    shared = min(app.before.percent, app.after.percent) > 0
    stays = app.before.active == app.after.active
    if side.rolls and stays and (side.name == app.after.active or (side.name != BASELINE and shared)):
        what = ", ".join(path.removeprefix("spec.") for path in side.template)
        yield Warned(Danger.LIVE_CHANGED, app.name, f"{side.name} takes live traffic and changes in place: {what}")
    alike = [each for each in app.sides if each.after and each.after.source == after.source and each is not side]
    if after.role == Role.IDLE and before.replicas and not after.replicas and not alike:
        text = f"{side.name} ({after.tag}) ends with no pods: going back to it takes as long as they take to start"
        yield Warned(Danger.COLD, app.name, text)


def _cost(apps: Sequence[_App], workloads: Iterable[_Workload]) -> Cost:
    """Count pods: what takes traffic has grown before an idle color shrinks or grows, and a rollout adds its surge.

    Apps of different releases may be at their peaks at the same time.
    """
    moments: dict[int, Counter[str]] = {}
    for app in apps:
        count = moments.setdefault(app.release(apps), Counter())
        for side in app.change.sides:
            deployment = app.deployment(side.name)
            settles = deployment is not None and app.phase(deployment) is not Phase.GROW
            old, new = (pods.replicas if pods else 0 for pods in (side.before, side.after))
            surge = math.ceil(new / 4) if side.rolls else 0  # the Deployment's maxSurge
            count["before"] += old
            count["moving"] += old if settles else max(old, new + surge)
            count["settling"] += new + surge if settles else new
            count["after"] += new
    each = [(count["before"], max(count.values()), count["after"]) for count in moments.values()]
    each += [workload.change.pods for workload in workloads]
    now, peak, after = (sum(counts) for counts in zip((0, 0, 0), *each, strict=True))
    return Cost(now, peak, after)


def _headline(app: AppChange) -> str:
    before, after = app.before, app.after
    if after is None:
        return "is removed"
    live, other = f"{after.active} ({after.tags[after.active]})", _other(after)
    if before is None:
        return f"is made, with {live} live"
    if before.active != after.active:
        return f"traffic moves from {before.active} ({before.tags[before.active]}) to {live}"
    told = []
    if before.share != after.share:
        told.append(f"{other} ({after.tags[other]}) has {after.share} of the traffic, after {before.share}")
    told += [
        f"{color} gets {after.tags[color]}, after {before.tags[color]}"
        for color in (after.active, other)
        if before.tags[color] != after.tags[color]
    ]
    if not told:
        told = [text for side in app.sides if (text := _resized(side))]
    return "; ".join(told or [f"stays on {live}"])


def _other(standing: Standing) -> Color:
    return Color(standing.active).other


# --- for a terminal


@dataclass(frozen=True)
class Picture:
    """A plan as rich draws it: warnings, then each app, then what happens when."""

    plan: Plan

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        to = "->" if options.ascii_only else "→"
        plan = self.plan
        if plan.is_empty:
            yield Text("The next up changes nothing.")
        for warning in plan.warnings:
            where = f"{warning.app}: " if warning.app else ""
            yield Text(f"! {where}{warning.text}", "bold yellow")
        headlines = [(app.name, app.headline) for app in plan.apps]
        headlines += [(app.name, app.headline) for app in plan.workloads]
        for name, headline in headlines:
            yield Text.assemble((name, "bold"), f": {headline}")
        if plan.is_empty:
            return
        if plan.apps:
            yield self._colors(to)
        if plan.workloads:
            yield self._workloads(to)
        yield from (Text(line, "" if line.startswith(" ") else "bold") for line in order(plan))
        yield Text(f"Pods: {told(plan.cost)}")

    def _colors(self, to: str) -> Table:
        table = _table("app", "color", "tag", "pods", "role", "traffic")
        for app in self.plan.apps:
            for side in app.sides:
                before = cells(side.before, app.before, side.name)
                after = cells(side.after, app.after, side.name)
                table.add_row(app.name, side.name, *map(partial(_pair, to=to), before, after))
        return table

    def _workloads(self, to: str) -> Table:
        table = _table("app", "kind", "tag", "pods", "canary", "ordinals", "rollout")
        for app in self.plan.workloads:
            before, after = (
                (side.tag, side.count, side.canary_tag or "", side.ordinals, side.strategy) if side else ("",) * 5
                for side in (app.before, app.after)
            )
            table.add_row(app.name, app.kind, *map(partial(_pair, to=to), before, after))
        return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


def order(plan: Plan) -> Iterator[str]:
    """What happens when, a line for each release and, with spaces before it, for each act of it."""
    begins = "In"
    for release in sorted({act.release for act in plan.acts}):
        acts = [act for act in plan.acts if act.release == release]
        yield f"{begins} this order ({', '.join(dict.fromkeys(act.app for act in acts))}):"
        begins = "Meanwhile, in"
        yield from (f"  {act.phase:<7}  {act.app}: {act.text}" for act in acts)


def told(cost: Cost) -> str:
    """A cost as a phrase."""
    if cost.now == cost.peak == cost.after:
        return f"{cost.now}, as now"
    return f"{cost.now} now, {cost.peak} at most meanwhile ({cost.peak - cost.now:+d}), {cost.after} afterwards"


class Cells(NamedTuple):
    """A side's cells of the table; "" for what is not there or not told."""

    tag: str
    pods: str
    role: str
    traffic: str


def cells(pods: Pods | None, standing: Standing | None, side: str) -> Cells:
    """What is to be told of a side at one time."""
    traffic = ""
    if standing and side in set(Color):
        share = standing.percent
        traffic = f"{100 - share if side == standing.active else share:.3g}%"
    tag = (standing.tags.get(side) if standing else None) or ""
    return Cells(pods.tag or tag, pods.count, pods.role, traffic) if pods else Cells(tag, "", "", traffic)


def _pair(before: str, after: str, to: str) -> Text:
    if before == after:
        return Text(after, "dim")
    return Text(f"{before or '-'} {to} {after or '-'}", "bold")
