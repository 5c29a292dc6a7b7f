"""What the real provider was recorded to see between two states of one resource."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engine.passphrase import Crypter
from engine.state import Codec, Resource, salt_of

GOLDEN = Path(__file__).parents[1] / "golden"
"""Recordings of the Pulumi CLI with pulumi-kubernetes 4.34.2 on Kubernetes 1.34; their passphrase is `golden`."""


@dataclass(frozen=True)
class Transition:
    """One resource between two recorded states.

    Attributes:
        op: what `preview --json` announced for it.
        changes: the paths and kinds of its detailed diff.
    """

    name: str
    before: Path
    after: Path
    urn: str
    op: str
    changes: dict[str, str]

    @property
    def old(self) -> Resource:
        return _decrypted(self.before, self.urn)

    @property
    def new(self) -> Resource:
        return _decrypted(self.after, self.urn)


def _deployment(path: Path) -> dict[str, Any]:
    latest: dict[str, Any] = json.loads(path.read_text())["checkpoint"]["latest"]
    return latest


@cache
def _codec(salt: str) -> Codec:
    return Codec(Crypter(salt, "dev"))


def _decrypted(path: Path, urn: str) -> Resource:
    deployment = _deployment(path)
    found = next(document for document in deployment["resources"] if document["urn"] == urn)
    return _codec(salt_of(deployment) or "").read_resource(found)


def transitions() -> Iterator[Transition]:
    switched = [["update", "kubernetes:core/v1:Service::probe", {"spec.selector.color": "update"}]]
    yield from _between(
        "promotion", GOLDEN / "checkpoint-03-created.json", GOLDEN / "checkpoint-07-promoted.json", switched
    )
    for steps in sorted(GOLDEN.glob("cases/*/steps.json")):
        previews = {step["step"]: step["preview"]["ops"] for step in json.loads(steps.read_text()) if "preview" in step}
        paths = sorted(steps.parent.glob("*-checkpoint.json"))
        for before, after in itertools.pairwise(paths):
            number = int(after.name[:2])
            yield from _between(f"{steps.parent.name} {number}", before, after, previews[number])


def _between(case: str, before: Path, after: Path, operations: list[list[Any]]) -> Iterator[Transition]:
    """Yield the Kubernetes objects that both states hold; nothing is announced for those that stay the same."""
    announced = {name.rpartition("$")[2]: (op, changes) for op, name, changes in operations}
    later = {found["urn"] for found in _deployment(after)["resources"] if not found.get("pendingReplacement")}
    for found in _deployment(before)["resources"]:
        name = found["urn"].split("::", 2)[2].rpartition("$")[2]
        if found["type"].startswith("kubernetes:") and found["urn"] in later:
            op, changes = announced.get(name, ("same", {}))
            yield Transition(f"{case}, {name}", before, after, found["urn"], op, changes or {})
