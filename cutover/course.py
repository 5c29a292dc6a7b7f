"""What a release does to the apps that it is about: apps of two colors, whose traffic moves, or of one version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from lightkube.resources.apps_v1 import Deployment

from components.color import Color
from components.gates.findings import Outcome
from components.kube import Cluster
from components.memory import Memory
from components.plan import AppPlan
from components.problems import written
from cutover import watch
from cutover.crew import PAUSED, Crew
from cutover.desk import Desk
from cutover.journal import Check
from cutover.position import Edit, Scope
from cutover.release import Release, State, Step

Say = Callable[[str], None]


class Course(Protocol):
    """The apps of a release, as the configuration stands."""

    def edit(self, release: Release) -> Edit:
        """Return what puts the configuration where the release is. Raises RefusedError for a step that cannot be."""

    def watch(self, release: Release, say: Say) -> Sequence[Check]:
        """Check what the release has changed, for as many seconds as it says."""

    def judged(self, release: Release, since: str, reason: str) -> Sequence[Check]:
        """Return what gates found in an `up` that began at `since`; `reason` tells what a failed one failed for."""


def course(desk: Desk, release: Release) -> Course:
    return Colors(desk, release.app) if release.back is None else Versions(desk, release.app)


@dataclass(frozen=True)
class Colors:
    """Apps of two colors."""

    desk: Desk
    app: str

    @cached_property
    def scope(self) -> Scope:
        return Scope(self.desk.settings, self.desk.keys, self.app, self.desk.secrets)

    def edit(self, release: Release) -> Edit:
        if release.state is State.BACK:
            return Edit(self.scope.at(Step(), Color(release.old)))
        return Edit(self.scope.at(release.step, Color(release.to)))

    def watch(self, release: Release, say: Say) -> Sequence[Check]:
        return asyncio.run(watch.watch(self._plans, Color(release.to), self.desk.cluster, release.watch, say))

    def judged(self, release: Release, since: str, reason: str) -> Sequence[Check]:
        color = Color(release.to)
        apps = [app for app in self._plans if app.gate]

        async def look(cluster: Cluster) -> list[Deployment | None]:
            return await asyncio.gather(*(cluster.deployment(app.colors[color].name) for app in apps))

        verdicts = [Memory.of(found).verdict for found in self.desk.cluster.wait_for(look)] if apps else []
        return [
            Check(Outcome.FAILED if finding in reason else Outcome.PASSED, finding, app.name, color)
            for app, verdict in zip(apps, verdicts, strict=True)
            if verdict and verdict.at >= since[:19]
            for finding in verdict.findings
        ]

    @property
    def _plans(self) -> list[AppPlan]:
        return [app for app in self.desk.plan.apps if app.name in self.scope.apps]


@dataclass(frozen=True)
class Versions:
    """Apps of one version."""

    desk: Desk
    app: str

    @cached_property
    def crew(self) -> Crew:
        return Crew(self.desk.settings, self.desk.keys, self.app, self.desk.secrets)

    def edit(self, release: Release) -> Edit:
        """A tag and what goes with it was written when the release began; only a canary's steps are still to come."""
        if release.state is State.BACK:
            back = release.back or {}
            held = [written(("apps", name, PAUSED)) for name in self.crew.apps if PAUSED in self.crew.trees[name]]
            values = {path: value for path, value in back.items() if value is not None}
            return Edit(values, [path for path in (*back, *held) if back.get(path) is None])
        if release.verb in {"roll", "undo"}:
            return Edit({})
        return self.crew.edit(self.crew.at(release.step))

    def watch(self, release: Release, say: Say) -> Sequence[Check]:
        plans = [plan for plan in self.desk.plan.workloads if plan.name in self.crew.apps]
        return asyncio.run(watch.watch_workloads(plans, self.desk.cluster, release.watch, say))

    def judged(self, release: Release, since: str, reason: str) -> Sequence[Check]:  # noqa: ARG002  # they have none
        return ()
