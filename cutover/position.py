"""What each verb writes into the stack's configuration. Pure: from what is configured to paths and values."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.color import Color
from components.plan import Component
from components.position import Position, position
from components.problems import Path, written
from components.schema import App, Settings
from cutover.edit import Edit, difference, put
from cutover.errors import RefusedError
from cutover.release import Step

POSITION_KEYS = ("activeColor", "imageTag", "canaryReplicas", "canaryWeight")


@dataclass(frozen=True)
class Scope:
    """The apps that a release moves together: those that share the stack's position, or one that has its own.

    Args:
        settings: the configuration as it stands.
        keys: the same as it is written, secrets in plain.
        app: an app with position keys of its own; "" for the stack's.
        secrets: where secrets stand in `keys`.

    Raises:
        RefusedError: there is no such app, or no app at all.
    """

    settings: Settings
    keys: Mapping[str, Any]
    app: str = ""
    secrets: frozenset[Path] = frozenset()

    def __post_init__(self) -> None:
        known = ", ".join(self.settings.apps) or "none"
        if self.app and self.app not in self.settings.apps:
            raise RefusedError(f"there is no app {self.app!r}; there are: {known}")
        if self.app and self._of(self.app).coupled:
            raise RefusedError(
                f"{self.app} shares the stack's position and moves with the others; leave --app out, or give it a "
                f"position of its own: `pulumi config set --path apps.{self.app}.activeColor "
                f"{self.settings.active_color}`"
            )
        if not self.apps:
            raise RefusedError(f"no app shares the stack's position; name one with --app: {known}")

    @property
    def apps(self) -> Mapping[str, App]:
        """The apps in it by name."""
        found = self.settings.apps
        return {name: found[name] for name in found if name == self.app or (not self.app and self._of(name).coupled)}

    @property
    def where(self) -> Position:
        """Where they stand."""
        return self._of(next(iter(self.apps)))

    def path(self, *key: str) -> str:
        """Where a position key stands in the configuration."""
        return written((*(("apps", self.app) if self.app else ()), *key))

    def at(self, step: Step, to: Color) -> dict[str, Any]:
        """What to write for a step of a release to a color. Raises RefusedError when its apps cannot take it."""
        if step.is_live:
            return {self.path("activeColor"): str(to), **self._without_canary()}
        self._refuse_step(step)
        if step.weight is None:
            return {self.path("canaryReplicas"): step.pods}
        pods = max(math.ceil(app.size * step.weight / 100) for app in self.apps.values() if app.router)
        return {self.path("canaryReplicas"): max(pods, 1), self.path("canaryWeight"): step.weight}

    def staged(self, tag: str, changes: Mapping[Path, Any]) -> Edit:
        """Run a tag on the other color.

        The other color gets what only the live color has (`colors.<color>`), with `changes` (paths below an app, or
        below every app) over it, so that nothing but what was asked for differs between what is live and what is
        staged.
        """
        wanted: dict[str, Any] = {name: copy.deepcopy(self.overlay(name, self.where.active)) for name in self.apps}
        for path, value in changes.items():
            for name in self.apps if path[0] not in self.apps else [str(path[0])]:
                put(wanted[name], path[1:] if path[0] == name else path, value)
        return self.other_color(tag, wanted)

    def other_color(self, tag: str, overlays: Mapping[str, Mapping[str, Any]]) -> Edit:
        """Make the other color run a tag, with `overlays` by app as what it alone has."""
        other = self.where.active.other
        values: dict[str, Any] = {self.path("imageTag", other): tag}
        gone: list[str] = []
        secret: set[str] = set()
        for name in self.apps:
            at: Path = ("apps", name, "colors", str(other))
            edit = difference(self.overlay(name, other), overlays.get(name, {}), at)
            values |= edit.values
            gone += edit.remove
            # what is secret for the app or for either color stays so, whichever color it is written for
            own = [path[2:] for path in self.secrets if path[:2] == at[:2]]
            secret |= {written((*at, *(path[2:] if path[0] == "colors" else path))) for path in own}
        return Edit(values, gone, frozenset(secret & values.keys()))

    def overlay(self, app: str, color: Color) -> dict[str, Any]:
        """What only one color of an app has, as it is written."""
        found: dict[str, Any] = self.keys["apps"][app].get("colors", {}).get(color, {})
        return found

    def _without_canary(self) -> dict[str, Any]:
        """Position keys that speak of a canary, and must not outlive it."""
        present = {"canaryReplicas": self.where.canary_replicas, "canaryWeight": self.where.canary_weight}
        return {self.path(key): 0 for key, value in present.items() if value}

    def _refuse_step(self, step: Step) -> None:
        canaries = {name: app for name, app in self.apps.items() if app.component is Component.CANARY}
        if not canaries:
            raise RefusedError(
                f"none of {', '.join(self.apps)} is a CanaryApp, so that traffic moves at once; use `cutover promote`"
            )
        for name, app in canaries.items():
            if step.weight is not None and not app.router:
                raise RefusedError(
                    f"{name} has no router, so that its canary's share is its share of the pods: give steps in pods "
                    f"(1,3,5), or a router under apps.{name}.router"
                )
            if step.pods is not None and app.router:
                raise RefusedError(f"{name} has a router, which splits by weight: give steps in percent (5%,25%,50%)")

    def _of(self, app: str) -> Position:
        return position(self.settings.apps[app], self.settings)
