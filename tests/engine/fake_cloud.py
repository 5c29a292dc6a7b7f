"""The engine's command line with a cloud that is a folder: one JSON file per object, and a log of what was done.

Inputs steer it: `name` fixes an object's name, a change of `immutable` replaces it, `sleep` makes an operation take
that many seconds, `fail` makes it fail, `unready` leaves it half done; `check` refuses `invalid` and fails on `away`.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from engine import operations
from engine.commands.root import main
from engine.provider import (
    CheckFailure,
    Diff,
    DiffKind,
    PartialFailureError,
    PropertyDiff,
    ProviderError,
    ReadResult,
    Report,
    Severity,
)
from engine.urn import Urn
from engine.values import Properties, Unknown, contains, reveal


class Cloud:
    """Implements `engine.provider.Provider`."""

    def __init__(self, config: Properties, report: Report) -> None:
        self._region = config.get("context", "")
        self._report = report
        self._folder = Path(os.environ["FAKE_CLOUD"])
        self._folder.mkdir(parents=True, exist_ok=True)
        self._cancelled = False

    def _log(self, line: str) -> None:
        with (self._folder / "log").open("a") as log:
            log.write(f"{line}\n")

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def check(
        self, urn: str, old_inputs: Properties | None, inputs: Properties
    ) -> tuple[Properties, list[CheckFailure]]:
        if "away" in inputs:
            raise ProviderError("the cloud does not answer")
        if "invalid" in inputs:
            return inputs, [CheckFailure("invalid", "this cloud refuses it")]
        if "name" not in inputs:
            name = (old_inputs or {}).get("name") or f"{Urn(urn).name}-{uuid.uuid4().hex[:8]}"
            inputs = {**inputs, "name": name, "autonamed": True}
        return inputs, []

    def diff(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, inputs: Properties, ignore: Sequence[str]
    ) -> Diff:
        del urn, old_outputs, ignore
        before, after = reveal(old_inputs), reveal(inputs)
        detailed, replaces = {}, []
        for key in sorted({*before, *after}):
            if before.get(key) == after.get(key):
                continue
            kind = "add" if key not in before else "delete" if key not in after else "update"
            if key in ("immutable", "name"):
                kind += "-replace"
                replaces.append(key)
            detailed[key] = PropertyDiff(DiffKind(kind), input_diff=False)
        return Diff(detailed, replaces, delete_before_replace="autonamed" not in inputs)

    def create(self, urn: str, inputs: Properties, *, timeout: float | None, preview: bool) -> tuple[str, Properties]:
        if preview:
            return "", inputs
        name = inputs["name"]
        self._log(f"create {name} timeout={timeout}")
        if self._path(name).exists():
            raise ProviderError(f"{name} already exists")
        return name, self._write(urn, name, inputs)

    def _write(self, urn: str, name: str, inputs: Properties) -> Properties:
        assert not contains(inputs, Unknown)
        self._work(urn, inputs)
        if inputs.get("fail"):
            raise ProviderError(f"{name} failed: {inputs['fail']}")
        live = reveal(inputs)
        self._path(name).write_text(json.dumps(live))
        outputs = {**inputs, "live": self._region or "here"}
        if inputs.get("unready"):
            raise PartialFailureError(f"{name} is not ready", id=name, outputs=outputs, reasons=["not ready"])
        self._log(f"done {name}")
        return outputs

    def _work(self, urn: str, inputs: Properties) -> None:
        deadline = time.monotonic() + float(inputs.get("sleep", 0))
        while time.monotonic() < deadline:
            self._report(urn, Severity.INFO, "working")
            if self._cancelled:
                raise ProviderError("cancelled")
            time.sleep(0.02)

    def update(
        self,
        urn: str,
        id: str,  # noqa: A002
        old_inputs: Properties,
        old_outputs: Properties,
        inputs: Properties,
        *,
        timeout: float | None,
        ignore: Sequence[str],
        preview: bool,
    ) -> Properties:
        del old_inputs, old_outputs, timeout, ignore
        if preview:
            return inputs
        self._log(f"update {id}")
        return self._write(urn, id, inputs)

    def read(self, urn: str, id: str, inputs: Properties, outputs: Properties) -> ReadResult | None:  # noqa: A002
        del urn, outputs
        if not self._path(id).exists():
            return None
        live = json.loads(self._path(id).read_text())
        return ReadResult(id, {**inputs, **live} if inputs else live, {**live, "live": self._region or "here"})

    def delete(
        self,
        urn: str,
        id: str,  # noqa: A002
        inputs: Properties,
        outputs: Properties,
        *,
        timeout: float | None,
    ) -> None:
        del outputs, timeout
        self._log(f"delete {id}")
        self._work(urn, inputs)
        self._path(id).unlink(missing_ok=True)
        self._log(f"deleted {id}")

    def diff_config(self, old: Properties, new: Properties) -> Diff:
        changed = old.get("context") != new.get("context")
        replace = {"context": PropertyDiff(DiffKind.UPDATE_REPLACE)} if changed else {}
        return Diff(replace, list(replace))

    def cancel(self) -> None:
        self._cancelled = True


if __name__ == "__main__":
    operations.FACTORIES = {"kubernetes": Cloud}  # type: ignore[misc]
    main()
