"""What each verb makes of apps of one version: RollingApp, StatefulApp, DaemonApp. Pure.

They have no other color to go back to, so that a release notes what it has to put back.
"""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from components.problems import Path, remove, set_to, written
from components.schema import RollingApp, Settings, StatefulApp, Workload
from cutover.edit import Edit, difference, put, values_of
from cutover.errors import RefusedError
from cutover.release import Step

CANARY = "canary"
CANARY_REPLICAS = "canaryReplicas"
PAUSED = "paused"
TAG = "tag"
_PASSING = (CANARY, CANARY_REPLICAS, PAUSED)
"""What says how far an app is on its way, rather than what it runs."""

Trees: TypeAlias = dict[str, dict[str, Any]]
"""What the configuration says of each app, by name, as it is written; under `""` the tag that they share."""


@dataclass(frozen=True)
class Crew:
    """The apps of one version that are replaced together: those that share the stack's tag, or one with its own.

    Args:
        settings: the configuration as it stands.
        keys: the same as it is written, secrets in plain.
        app: an app with a tag of its own; "" for those that share the stack's.
        secrets: where secrets stand in `keys`.

    Raises:
        RefusedError: there is no such app, or none at all.
    """

    settings: Settings
    keys: Mapping[str, Any]
    app: str = ""
    secrets: frozenset[Path] = frozenset()
    apps: Mapping[str, Workload] = field(init=False)

    def __post_init__(self) -> None:
        known = self.settings.workloads
        own = known.get(self.app)
        if own and not own.tag:
            raise RefusedError(
                f"{self.app} shares the stack's tag and is replaced with the others, by `cutover roll TAG`. With a tag "
                f"of its own it is released by itself: `{set_to(('apps', self.app, TAG), str(self.settings.tag))}`"
            )
        found = {self.app: own} if own else {name: app for name, app in known.items() if not (app.tag or self.app)}
        if not found:
            raise RefusedError(f"which app is meant? Name one with --app: {', '.join(known) or 'there is none'}")
        object.__setattr__(self, "apps", found)

    @property
    def tag(self) -> str:
        """What they run."""
        return str(self.apps[self.app].tag if self.app else self.settings.tag)

    @property
    def canary_tag(self) -> str:
        """What the canary is to run. Raises RefusedError where nothing is staged."""
        canary = self._stateful().canary
        if not canary.model_fields_set:
            raise RefusedError(
                f"{self.app} has nothing staged. `cutover stage TAG --app {self.app}` says what its canary runs, "
                f"`cutover roll TAG --app {self.app}` replaces all of its pods."
            )
        return canary.tag or self.tag

    @property
    def trees(self) -> Trees:
        """What the configuration says of them."""
        return self.trees_in(self.keys) or {}

    def trees_in(self, keys: Mapping[str, Any]) -> Trees | None:
        """What a configuration says of them; None where it has not all of them."""
        described = keys.get("apps") or {}
        if not described.keys() >= self.apps.keys() or not (self.app or TAG in keys):
            return None
        shared = {} if self.app else {"": {TAG: keys[TAG]}}
        return copy.deepcopy({**{name: described[name] for name in self.apps}, **shared})

    def ran(self, keys: Mapping[str, Any]) -> Trees | None:
        """What another configuration says of them, canaries and pauses apart; None where it has not all of them."""
        found = self.trees_in(keys)
        return found and {name: _without(tree, _PASSING) for name, tree in found.items()}

    def rolled(self, tag: str, changes: Mapping[Path, Any]) -> Trees:
        """Run a tag, with `changes` (paths below an app, or below every one). Raises RefusedError for a paused one."""
        for name, app in self.apps.items():
            if isinstance(app, RollingApp) and (self.settings.paused if app.paused is None else app.paused):
                key = ("apps", name, PAUSED) if app.paused else (PAUSED,)
                raise RefusedError(f"{name} is paused, so that none of its pods would be replaced: `{remove(key)}`")
        trees = self.trees
        trees[self.app][TAG] = tag
        return self._changed(trees, (), changes)

    def staged(self, tag: str, changes: Mapping[Path, Any]) -> Trees:
        """Say what the canary of a StatefulApp is, without giving it pods. Raises RefusedError where it has some."""
        if self._stateful().canary_replicas:
            raise RefusedError(
                f"{self.app} has a canary, whose pods would change as they are. `cutover promote --app {self.app}` "
                f"promotes it, `cutover undo --app {self.app}` drops it."
            )
        trees = self.trees
        trees[self.app][CANARY] = {TAG: tag}
        return self._changed(trees, (CANARY,), changes)

    def at(self, step: Step) -> Trees:
        """Stand at a step of a StatefulApp's canary; live makes its keys the app's own. Raises RefusedError."""
        app, trees = self._stateful(), self.trees
        tree = trees[self.app]
        if step.is_live:
            for path, value in values_of(tree.pop(CANARY, {}), ()):
                put(tree, path, value)
            tree.pop(CANARY_REPLICAS, None)
        elif step.pods is None or step.pods >= app.replicas:
            raise RefusedError(f"the step {step} is none for {self.app}: give pods, fewer than its {app.replicas}")
        else:
            tree[CANARY_REPLICAS] = step.pods
        return trees

    def without_canary(self) -> Trees:
        """Have no canary's pods."""
        return {name: _without(tree, [CANARY_REPLICAS]) for name, tree in self.trees.items()}

    def paused(self, *, yes: bool) -> Trees:
        """Hold the rollout at the pods that it has come to, or let it go on. Raises RefusedError."""
        for name, app in self.apps.items():
            if not isinstance(app, RollingApp):
                raise RefusedError(f"{name} is no RollingApp: Kubernetes holds the rollout of a Deployment alone")
        trees = self.trees
        for name in self.apps:
            trees[name].pop(PAUSED, None)
            trees[name] |= {PAUSED: True} if yes else {}
        return trees

    def edit(self, trees: Trees) -> Edit:
        """Return what makes the configuration say this; what is secret in it stays so."""
        edit = _between(self.trees, trees)
        return Edit(edit.values, edit.remove, frozenset(map(written, self.secrets)) & edit.values.keys())

    def back(self, steps: Sequence[Trees], ran: Trees | None = None) -> Edit:
        """Return what makes of any of these what `ran` before (default what is there).

        Raises:
            RefusedError: it would hold a secret, and is to be noted in plain.
        """
        present = self.trees
        passing = {name: {key: tree[key] for key in _PASSING if key in tree} for name, tree in present.items()}
        before = {name: tree | passing[name] for name, tree in ran.items()} if ran else present
        back = functools.reduce(operator.or_, (_between(trees, before) for trees in steps), Edit())
        if secret := sorted(path for path in map(written, self.secrets) if path in back.values):
            raise RefusedError(
                f"the way back would have to know {secret[0]}, which is a secret; release this by hand: `pulumi config "
                f"set --path --secret {secret[0]}`, then `pulumi up`"
            )
        return back

    def _stateful(self) -> StatefulApp:
        app = self.apps.get(self.app)
        if not isinstance(app, StatefulApp):
            raise RefusedError(
                f"{', '.join(self.apps)} can have no canary, for which something would be staged; `cutover roll TAG` "
                "replaces its pods"
            )
        return app

    def _changed(self, trees: Trees, above: Path, changes: Mapping[Path, Any]) -> Trees:
        for path, value in changes.items():
            for name in [str(path[0])] if path[0] in self.apps else self.apps:
                put(trees[name], (*above, *(path[1:] if path[0] == name else path)), value)
        return trees


def _between(old: Trees, new: Trees) -> Edit:
    """What makes one configuration of the apps the other."""
    values: dict[str, Any] = {}
    gone: list[str] = []
    for name in old.keys() & new.keys():
        edit = difference(old[name], new[name], ("apps", name) if name else ())
        values |= edit.values
        gone += edit.remove
    return Edit(values, gone)


def _without(tree: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if key not in keys}
