"""What a stack's configuration means, and the cluster that it names: the program's own reading, without Pulumi."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from components.config import load
from components.errors import CutoverError
from components.kube import Cluster
from components.plan import StackPlan
from components.planner import plan
from components.problems import Path
from components.schema import Settings
from cutover.engine import Engine
from cutover.errors import RefusedError


@dataclass(frozen=True)
class Desk:
    """A stack as its configuration stood when this was made.

    Every part is read when it is first asked for, and raises RefusedError where it cannot be used.
    """

    engine: Engine
    everything: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, engine: Engine) -> Desk:
        return cls(engine, engine.config())

    @cached_property
    def keys(self) -> dict[str, Any]:
        """The project's own keys, decoded."""
        prefix = f"{self.engine.project}:"
        found = {key.removeprefix(prefix): value for key, value in self.everything.items() if key.startswith(prefix)}
        return {key: _decoded(value) for key, value in found.items()}

    @cached_property
    def secrets(self) -> frozenset[Path]:
        """Where secrets stand in `keys`; only the file tells."""
        config = (yaml.safe_load(self.engine.file.read_text(encoding="utf-8")) or {}).get("config") or {}
        prefix = f"{self.engine.project}:"
        found = {key.removeprefix(prefix): value for key, value in config.items()}
        return frozenset(_secure(found, ()))

    @cached_property
    def settings(self) -> Settings:
        try:
            return load(self.keys)
        except CutoverError as error:
            raise RefusedError(str(error)) from error

    @cached_property
    def plan(self) -> StackPlan:
        return plan(self.settings, owner=f"{self.engine.project}/{self.engine.stack}")

    @cached_property
    def cluster(self) -> Cluster:
        kubeconfig = self.everything.get("kubernetes:kubeconfig") or "~/.kube/config"
        context = self.everything.get("kubernetes:context") or ""
        try:
            return Cluster(str(kubeconfig), str(context), self.plan.namespace)
        except CutoverError as error:
            raise RefusedError(str(error)) from error


def _secure(tree: Any, above: Path) -> Iterator[Path]:
    """The paths of values that are encrypted: `{secure: …}`."""
    if isinstance(tree, dict) and tree.keys() == {"secure"}:
        yield above
    elif isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _secure(value, (*above, key))


def _decoded(value: Any) -> Any:
    """Text that holds an object or a list, as the program reads it."""
    return json.loads(value) if isinstance(value, str) and value[:1] in {"{", "["} else value
