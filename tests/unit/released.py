"""What must stay as a release has made it: objects' names in the state, and their fields that Kubernetes cannot change.

An object of which one of these changes would be deleted and made anew, with all of its pods.
`python -m tests.unit.released` writes the record of the examples, once for each release.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final, TypeAlias

import pulumi

from components.plan import StackPlan
from components.release import Release
from engine.kubernetes.diff import IDENTITY, IMMUTABLE
from engine.kubernetes.objects import kind_of
from policy.lint import stacks
from tests.unit.recorder import Echo, Nowhere, Recorder

RECORD: Final = Path(__file__).with_name("released.json")

Made: TypeAlias = dict[str, dict[str, Any]]
"""Objects by `<type of the parent>$<type>::<name>`, each with its immutable fields by path."""


def register(plan: StackPlan, *, sealed: bool = False) -> Recorder:
    """Return what the program registers for a plan."""
    recorder = Recorder()
    cluster: Any = Nowhere()

    async def program() -> None:
        pulumi.runtime.set_mocks(Echo(), project="cutover", stack="unit", preview=True, monitor=recorder)
        Release(plan, cluster, sealed=sealed)
        await pulumi.runtime.stack.wait_for_rpcs()

    asyncio.run(program())
    return recorder


def present() -> dict[str, Made]:
    """Return what the examples make as they stand, by their names."""
    return {name: _made(plan) for name, plan in stacks().items() if "-promoted" not in name}


def _made(plan: StackPlan) -> Made:
    manifests = {(each["kind"], each["metadata"]["name"]): each for each in plan.manifests}
    made: Made = {}
    for request in register(plan).requests.values():
        if request.custom:
            parent = request.parent.split("::")[2] if request.parent else ""
            manifest = manifests[request.type.rpartition(":")[2], request.name]
            fields = {*IDENTITY, *IMMUTABLE.get(kind_of(manifest), ())}
            found = {".".join(map(str, path)): _at(manifest, path) for path in fields}
            made[f"{parent}${request.type}::{request.name}"] = {
                path: at for path, at in found.items() if at is not None
            }
    return made


def _at(manifest: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        manifest = manifest.get(part) if isinstance(manifest, dict) else None
    return manifest


if __name__ == "__main__":
    RECORD.write_text(json.dumps(present(), indent=1, sort_keys=True) + "\n")
