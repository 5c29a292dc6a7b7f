"""The course of a release of apps of one version: their pods are replaced, and the way back is what ran before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from components.problems import Path, written
from components.schema import RollingApp
from cutover import watch
from cutover.course import Course, Say, Updates, Way
from cutover.crew import PAUSED, TAG, Crew
from cutover.edit import Edit
from cutover.errors import RefusedError
from cutover.history import ran_before
from cutover.journal import Check
from cutover.release import Release, State, Step


@dataclass(frozen=True)
class Versions(Course):
    """Apps of one version that are replaced together."""

    @cached_property
    def crew(self) -> Crew:
        return Crew(self.desk.settings, self.desk.keys, self.app, self.desk.secrets)

    @property
    def live(self) -> str:
        return self.crew.tag

    @property
    def to(self) -> str:
        return self.crew.canary_tag

    def staged(self, tag: str, changes: Mapping[Path, Any]) -> Edit:
        return self.crew.edit(self.crew.staged(tag, changes))

    def back(self, steps: Sequence[Step]) -> Edit:
        return self.crew.back([self.crew.at(step) for step in steps])

    def edit(self, release: Release) -> Edit:
        """A tag and what goes with it was written when the release began; a canary's steps are still to come."""
        if release.state is State.BACK:
            back = release.back or Edit()
            held = [written(("apps", name, PAUSED)) for name in self.crew.apps if PAUSED in self.crew.trees[name]]
            return back | Edit(remove=[path for path in held if path not in back.values])
        if release.verb in {"canary", "promote"}:
            return self.crew.edit(self.crew.at(release.step))
        if self.can_hold(release):
            return self.crew.edit(self.crew.paused(yes=release.state is State.PAUSED))
        return Edit()

    def before(self, release: Release) -> Edit:
        return self.crew.back([self.crew.at(release.step)])

    def has_changed_since(self, keys: Mapping[str, Any]) -> bool:
        return self.crew.ran(keys) not in (None, self.crew.ran(self.desk.keys))

    def undone(self, steps: int, updates: Updates) -> Way:
        crew = self.crew
        trees, tag = crew.without_canary(), crew.tag
        if steps or trees == crew.trees:
            trees = ran_before(updates(), self.desk.engine.project, steps or 1, crew)
            tag = str(trees[self.app][TAG])
        if trees == crew.trees:
            raise RefusedError(f"{', '.join(crew.apps)}: {tag} is just what runs.")
        return Way(tag, crew.edit(trees), back=Edit())

    def adopted(self, keys: Mapping[str, Any]) -> Edit:
        return self.crew.edit(self.crew.trees_in(keys) or self.crew.trees)

    def can_hold(self, release: Release) -> bool:
        return release.verb == "roll" and all(isinstance(app, RollingApp) for app in self.crew.apps.values())

    def watch(self, _to: str, seconds: float, say: Say) -> Sequence[Check]:
        plans = [plan for plan in self.desk.plan.workloads if plan.name in self.crew.apps]
        return asyncio.run(watch.watch_workloads(plans, self.desk.cluster, seconds, say))
