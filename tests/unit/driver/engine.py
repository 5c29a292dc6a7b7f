"""An engine whose stack is a file and whose `up` is told what to do."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components.config import load
from components.planner import plan
from cutover.engine import Engine
from cutover.errors import UpFailedError

PROJECT = "shop"


class FakeEngine(Engine):
    """Keeps the configuration as Pulumi does; `ups` are the positions that an `up` was run at."""

    def __init__(self, folder: Path, keys: Mapping[str, Any]) -> None:
        (folder / "Pulumi.yaml").write_text(f"name: {PROJECT}\n")
        (folder / "pulumiw").write_text("")
        self.shown: list[str] = []
        super().__init__(folder, "dev", self.shown.append)
        self.ups: list[dict[str, Any]] = []
        self.fails: dict[int, Callable[[], None]] = {}
        """What happens in an `up`, by its number from 1."""
        self.canceled = 0
        self.past: list[tuple[dict[str, Any], str]] = []
        """The configurations of earlier `up`s, newest first, and how each ended."""
        self.sealed: set[str] = set()
        self.save(keys)

    @property
    def keys(self) -> dict[str, Any]:
        found = yaml.safe_load(self.file.read_text())["config"]
        return {key.removeprefix(f"{PROJECT}:"): value for key, value in found.items()}

    def save(self, keys: Mapping[str, Any]) -> None:
        config = {f"{PROJECT}:{key}": value for key, value in keys.items()}
        new = self.file.with_suffix(".new")
        new.write_text(yaml.safe_dump({"config": config}))
        new.replace(self.file)  # whoever reads meanwhile finds the whole of one or the other

    def config(self) -> dict[str, Any]:
        return {"kubernetes:context": "none"} | {f"{PROJECT}:{key}": value for key, value in self.keys.items()}

    def change(self, values: Mapping[str, Any], remove: Sequence[str] = (), secret: Collection[str] = ()) -> None:
        self.sealed |= set(secret)
        keys = copy.deepcopy(self.keys)
        for path in remove:
            *above, key = path.split(".")
            at = keys
            for part in above:
                at = at[part]
            at.pop(key, None)
        for path, value in values.items():
            *above, key = path.split(".")
            at = keys
            for part in above:
                at = at.setdefault(part, {})
            at[key] = value
        self.save(keys)

    def preview(self) -> dict[str, Any]:
        load(self.keys)
        return {"steps": []}

    def up(self, message: str, stop: Callable[[], bool] = lambda: False) -> str:  # noqa: ARG002  # it takes no time
        keys = self.keys
        self.ups.append({key: keys[key] for key in ("activeColor", "canaryReplicas", "canaryWeight") if key in keys})
        self.past.insert(0, (keys, "failed"))
        self.fails.get(len(self.ups), lambda: None)()
        self.past[0] = keys, "succeeded"
        return message

    def cancel(self) -> None:
        self.canceled += 1

    def history(self, count: int = 100) -> Iterator[dict[str, Any]]:  # noqa: ARG002  # all of it is at hand
        for keys, result in self.past:
            config = {f"{PROJECT}:{key}": {"objectValue": value} for key, value in keys.items()}
            yield {"config": config, "result": result, "kind": "update", "startTime": "2026-03-04T10:00:00Z"}

    def outputs(self) -> dict[str, Any]:
        settings = load(self.keys)
        return {
            app.name: {
                "activeColor": app.active.color,
                "imageTag": {color: app.colors[color].tag for color in app.colors},
                "otherShare": app.share,
            }
            for app in plan(settings, owner=f"{PROJECT}/dev").apps
        }


def failing(output: str = "error: web: green (1.1.0) did not pass its gate") -> Callable[[], None]:
    def fail() -> None:
        raise UpFailedError("pulumi up", 255, output)

    return fail


def interrupted() -> None:
    raise KeyboardInterrupt
