"""The course of a release of apps of two colors: traffic moves from one to the other, and back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lightkube.resources.apps_v1 import Deployment

from components.checks import LONGEST_FINDING
from components.color import Color
from components.gates.findings import Outcome
from components.kube import Cluster
from components.memory import Memory, Verdict
from components.plan import AppPlan, ColorPlan
from components.problems import Path, written
from cutover import watch
from cutover.course import Course, Say, Updates, Way
from cutover.desk import Desk
from cutover.edit import Edit, leaves_of, value_at
from cutover.errors import RefusedError
from cutover.history import Live, live_before
from cutover.journal import Check
from cutover.position import POSITION_KEYS, Scope
from cutover.release import Release, State, Step


@dataclass(frozen=True)
class Colors(Course):
    """Apps of two colors that share a position."""

    @cached_property
    def scope(self) -> Scope:
        return Scope(self.desk.settings, self.desk.keys, self.app, self.desk.secrets)

    @property
    def live(self) -> str:
        return self._active

    @property
    def to(self) -> str:
        return self._active.other

    def staged(self, tag: str, changes: Mapping[Path, Any]) -> Edit:
        where = self.scope.where
        if self._has_canary:
            raise RefusedError(
                f"A canary of {where.tags.of(where.active.other)} takes traffic, which no other version may inherit. "
                "`cutover promote` promotes it, `cutover undo` drops it."
            )
        return self.scope.staged(tag, changes)

    def back(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self.scope.at(step, self._active.other)
        tags, active = self.scope.where.tags, self._active
        alike = all(app.pod(active) == app.pod(active.other) for app in self.scope.apps.values())
        if tags.of(active) == tags.of(active.other) and alike:
            raise RefusedError(
                f"{active.other} runs what {active} runs, {tags.of(active)}: there is nothing to release. Stage a "
                "version first: `cutover stage TAG`"
            )

    def edit(self, release: Release) -> Edit:
        if release.state is State.BACK:
            return Edit(self.scope.at(Step(), Color(release.old)))
        return Edit(self.scope.at(release.step, Color(release.to)))

    def before(self, release: Release) -> Edit:
        there = {path: value_at(self.scope.keys, path.split(".")) for path in self.edit(release).values}
        values = {path: value for path, value in there.items() if value is not None}
        return Edit(values, [path for path in there if path not in values])

    def has_changed_since(self, keys: Mapping[str, Any]) -> bool:
        then, now = Live.of(keys, self.app), Live.of(self.desk.keys, self.app)
        return then is not None and now is not None and not (now.is_as(then) and now.has_canary == then.has_canary)

    def undone(self, steps: int, updates: Updates) -> Way:
        first = self._staged_again(live_before(updates(), self.desk.engine.project, steps, self.app)) if steps else None
        to = self._active if self._has_canary and not steps else self._active.other
        if not (steps or self._has_canary):
            for name in self.scope.apps:
                _refuse_unserved(self.desk, name, to)
        return Way(to, Edit(self.scope.at(Step(), to)), first)

    def adopted(self, keys: Mapping[str, Any]) -> Edit:
        paths: list[Path] = [(*(("apps", self.app) if self.app else ()), key) for key in POSITION_KEYS]
        there = {path: value for path in paths if (value := value_at(keys, path)) is not None}
        new = [path for path in there if there[path] != value_at(self.desk.keys, path)]
        return Edit({written(leaf): value for path in new for leaf, value in leaves_of(there[path], path)})

    def watch(self, to: str, seconds: float, say: Say) -> Sequence[Check]:
        return asyncio.run(watch.watch(self._plans, Color(to), self.desk.cluster, seconds, say))

    def judged(self, release: Release, since: str, reason: str) -> Sequence[Check]:
        color = Color(release.to)
        apps = [app for app in self._plans if app.gate]

        async def look(cluster: Cluster) -> list[Deployment | None]:
            return await asyncio.gather(*(cluster.deployment(app.colors[color].name) for app in apps))

        verdicts = [Memory.of(found).verdict for found in self.desk.cluster.wait_for(look)] if apps else []
        return [
            Check(Outcome.FAILED if finding in blamed else Outcome.PASSED, finding, app.name, color)
            for app, verdict in zip(apps, verdicts, strict=True)
            if verdict and verdict.at >= since[:19]
            for blamed in [_blamed(app.name, app.colors[color], verdict, reason)]
            for finding in verdict.findings
        ]

    @property
    def _active(self) -> Color:
        return self.scope.where.active

    @property
    def _has_canary(self) -> bool:
        return bool(self.scope.where.canary_replicas or self.scope.where.canary_weight)

    @property
    def _plans(self) -> list[AppPlan]:
        return [app for app in self.desk.plan.apps if app.name in self.scope.apps]

    def _staged_again(self, version: Live) -> Edit | None:
        """Stage what was live on the other color, unless it is there still. Raises RefusedError if it is live."""
        tag = next(iter(version.tags.values()))
        if self._runs(self._active, version):
            raise RefusedError(f"{self._active} ({tag}) is live and runs just that.")
        return None if self._runs(self._active.other, version) else self.scope.other_color(tag, version.overlays)

    def _runs(self, color: Color, version: Live) -> bool:
        """Tell whether a color runs a version that was live."""
        overlays = {name: self.scope.overlay(name, color) for name in self.scope.apps if name in version.overlays}
        return {self.scope.where.tags.of(color)} == set(version.tags.values()) and overlays == version.overlays


def _blamed(app: str, plan: ColorPlan, verdict: Verdict, reason: str) -> set[str]:
    """The findings of a gate for which an `up` says that it has failed; what is long is cut in the verdict alone."""
    begun = re.search(rf"(?<![\w-]){app}: {plan.color} \({re.escape(plan.tag)}\) did not pass its gate(?=: )", reason)
    if verdict.passed or begun is None:
        return set()
    found, at, said = set(), 0, reason[begun.end() :].partition(f"{plan.color} is not promoted")[0]
    for finding in verdict.findings:
        after = "" if len(finding) == LONGEST_FINDING else r"(?=\.?; |\. |\n)"
        if named := re.compile(f"(?<=: |; ){re.escape(finding.rstrip('.'))}{after}").search(said, at):
            found.add(finding)
            at = named.end()
    return found


def _refuse_unserved(desk: Desk, name: str, color: Color) -> None:
    """Refuse to go back to what has never been live."""
    (app,) = (app for app in desk.plan.apps if app.name == name)
    plan = app.colors[color]
    memory = Memory.of(desk.cluster.wait_for(lambda here: here.deployment(plan.name)))
    if memory.served != plan.template_hash:
        raise RefusedError(
            f"{name}: {color} ({plan.tag}) has not been live as it is now, so there is nothing to go back to there. "
            "`cutover history` lists what was live, `cutover undo --to N` goes back to it."
        )
