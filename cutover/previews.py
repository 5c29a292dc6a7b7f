"""What an engine's preview holds: Kubernetes objects before and after, and what the program says of its apps.

What steps cannot show, the program says itself in a preview, as diagnostics of an app that begin with `plan:` and the
phase that they belong to:

    plan: check: green (6.9.1) must pass its gate before it takes traffic: smoke test version
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from components.plan import Manifest


class Op(StrEnum):
    """What happens to an object, in the engine's word."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class Phase(StrEnum):
    """When something happens in an `up`: each phase begins when the one before it has ended for all apps of a release.

    PREPARE (migrations), GROW the colors that take traffic, CHECK them, MOVE traffic, LEAVE the old color (connections
    end), SETTLE the idle color, ROLL the pods of an app of one version, REMOVE what is no longer wanted.
    """

    PREPARE = "prepare"
    GROW = "grow"
    CHECK = "check"
    MOVE = "move"
    LEAVE = "leave"
    SETTLE = "settle"
    ROLL = "roll"
    REMOVE = "remove"


@dataclass(frozen=True)
class Object:
    """A Kubernetes object of a preview: what Pulumi's state has of it, and what the program wants."""

    urn: str
    op: Op
    old: Manifest
    new: Manifest
    waits_for: frozenset[str]

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> Object | None:
        """Read a step; None for what is no Kubernetes object, or what only the engine does."""
        old, new = (step.get(key) or {} for key in ("oldState", "newState"))
        kind = (new or old).get("type", "")
        if step["op"] not in set(Op) or not kind.startswith("kubernetes:"):
            return None
        waits_for = frozenset(new.get("dependencies", ()))
        return cls(step["urn"], Op(step["op"]), old.get("inputs") or {}, new.get("inputs") or {}, waits_for)

    @property
    def kind(self) -> str:
        kind: str = (self.new or self.old).get("kind", "")
        return kind

    @property
    def name(self) -> str:
        return str(at(self.new or self.old, "metadata", "name") or "")

    @property
    def label(self) -> Mapping[str, str]:
        found = at(self.new or self.old, "metadata", "labels")
        return found if isinstance(found, Mapping) else {}

    @property
    def app(self) -> str:
        """The app that it belongs to; "" where it is of none."""
        return self.label.get("app", "") if self.component else ""

    @property
    def component(self) -> str:
        return self.label.get("cutover/component", "")


_SAID: Final = re.compile(r"plan: (\w+): (.+)", re.DOTALL)


def said(preview: Mapping[str, Any]) -> Iterator[tuple[str, Phase, str]]:
    """What the program says of an app: the app, the phase and the sentence."""
    for note in preview.get("diagnostics", ()):
        found = _SAID.fullmatch(note.get("message", "").strip())
        if found and found[1] in set(Phase):
            yield note.get("urn", "").rpartition("::")[2], Phase(found[1]), found[2]


def annotations_of(item: Manifest) -> Mapping[str, str]:
    found = at(item, "metadata", "annotations")
    return found if isinstance(found, Mapping) else {}


def at(item: Any, *path: str) -> Any:
    """What is at a path; None where there is nothing, or where a secret hides it."""
    for key in path:
        item = item.get(key) if isinstance(item, Mapping) else None
    return item
