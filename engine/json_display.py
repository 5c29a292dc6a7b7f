"""Runs as JSON: `preview --json`, one object (pkg/display/json.go), and `up --json`, one engine event per line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TextIO

from engine.config import setting
from engine.display import Action, Display, Row, Severity
from engine.state import Codec, Resource
from engine.steps import Op, Step
from engine.urn import Urn
from engine.values import SECRET, SIGNATURE, Secret, Unknown, Value
from engine.wire import UNKNOWN_TEXT


class _Blind(Codec):
    """Writes resources as state does, with unknowns spelled and `hidden` in the place of secrets."""

    def __init__(self, hidden: str | dict[str, str]) -> None:
        super().__init__(None)
        self._hidden = hidden

    def value(self, value: Value) -> Any:
        match value:
            case Secret():
                return self._hidden
            case Unknown():
                return UNKNOWN_TEXT
            case _:
                return super().value(value)


class JsonPreview(Display):
    """Collects the steps and writes one object at the end."""

    def __init__(self, action: Action, stack: str, root: Urn, *, dry_run: bool, out: TextIO | None = None) -> None:
        super().__init__(action, stack, root, dry_run=dry_run)
        self._out = out or sys.stdout
        self._codec = _Blind("[secret]")
        self._steps: list[dict[str, Any]] = []
        self._messages: list[dict[str, Any]] = []

    def ended(self, step: Step, *, failed: bool = False) -> None:
        super().ended(step, failed=failed)
        with self._lock:
            if not step.hidden and self._is_shown(step):
                self._steps.append(self._step(step))

    def _is_shown(self, step: Step) -> bool:
        if step.op is Op.SAME:
            changed = step.old and step.new and step.old.protect != step.new.protect
            return self.shows_sames or step.urn == self.root or bool(changed)
        return step.op not in (Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED)

    def _step(self, step: Step) -> dict[str, Any]:
        document: dict[str, Any] = {"op": step.result_op or step.op, "urn": step.urn}
        if step.resource.provider:
            document["provider"] = step.resource.provider
        if step.old:
            document["oldState"] = self._codec.resource(step.old)
        if step.new:
            document["newState"] = self._codec.resource(_as_wanted(step.new, step.old))
        if step.diff.replaces:
            document["replaceReasons"] = sorted({path.split(".", 1)[0].split("[", 1)[0] for path in step.diff.replaces})
        document["detailedDiff"] = detailed_diff(step)
        return document

    def diagnostic(self, urn: str, severity: Severity, text: str) -> None:
        super().diagnostic(urn, severity, text)
        with self._lock:
            prefix = "" if severity is Severity.INFO else f"{severity}: "
            message = {"message": f"{prefix}{text}\n", "severity": severity}
            self._messages.append({"urn": urn, **message} if urn else message)

    def close(self) -> None:
        document: dict[str, Any] = {"config": shown_config(self.config), "steps": self._steps}
        if self._messages:
            document["diagnostics"] = self._messages
        document["duration"] = int((time.monotonic() - self.started) * 1e9)
        document["changeSummary"] = {op: self.counts[op] for op in sorted(self.counts) if self.counts[op]}
        self._out.write(json.dumps(document, indent=4, ensure_ascii=False) + "\n")
        self._out.flush()


class JsonEvents(Display):
    """Writes each event as it happens."""

    def __init__(self, action: Action, stack: str, root: Urn, *, dry_run: bool, out: TextIO | None = None) -> None:
        super().__init__(action, stack, root, dry_run=dry_run)
        self._out = out or sys.stdout
        self._codec = _Blind({SIGNATURE: SECRET, "ciphertext": "[secret]"})
        self._sequence = 0

    def _emit(self, kind: str, event: Mapping[str, Any]) -> None:
        with self._lock:
            self._sequence += 1
            document = {"sequence": self._sequence, "timestamp": int(time.time()), kind: event}
            self._out.write(json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n")
            self._out.flush()

    def open(self) -> None:
        self._emit("preludeEvent", {"config": shown_config(self.config)})

    def began(self, step: Step) -> None:
        super().began(step)
        if not step.hidden:
            self._emit("resourcePreEvent", {"metadata": self._metadata(step)})

    def ended(self, step: Step, *, failed: bool = False) -> None:
        super().ended(step, failed=failed)
        if step.hidden:
            return
        if failed:
            self._emit("resOpFailedEvent", {"metadata": self._metadata(step), "status": 0, "steps": 0})
        elif step.resource.custom or step.op is not Op.SAME:
            self._emit("resOutputsEvent", {"metadata": self._metadata(step)})

    def outputs(self, step: Step) -> None:
        self._emit("resOutputsEvent", {"metadata": self._metadata(step)})

    def _metadata(self, step: Step) -> dict[str, Any]:
        return {
            "op": step.result_op or step.op,
            "urn": step.urn,
            "type": step.urn.type,
            "old": self._state(step.old),
            "new": self._state(step.new),
            "detailedDiff": detailed_diff(step),
            "logical": step.op not in (Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED),
            "provider": step.resource.provider,
        }

    def _state(self, resource: Resource | None) -> dict[str, Any] | None:
        if resource is None:
            return None
        state: dict[str, Any] = {"type": resource.type, "urn": resource.urn}
        if resource.custom:
            state["custom"] = True
        return {
            **state,
            "id": resource.id,
            "parent": resource.parent,
            "inputs": self._codec.value(resource.inputs),
            "outputs": self._codec.value(resource.outputs),
            "provider": resource.provider,
        }

    def diagnostic(self, urn: str, severity: Severity, text: str) -> None:
        super().diagnostic(urn, severity, text)
        self._emit_message(urn, severity, text)

    def status(self, urn: str, severity: Any, text: str) -> None:
        super().status(urn, severity, text)
        self._emit_message(urn, Severity(str(severity)), text, ephemeral=True)

    def _emit_message(self, urn: str, severity: Severity, text: str, *, ephemeral: bool = False) -> None:
        event: dict[str, Any] = {"urn": urn} if urn else {}
        event |= {
            "prefix": "" if severity is Severity.INFO else f"{severity}: ",
            "message": f"{text}\n",
            "color": "never",
            "severity": severity if severity is not Severity.INFO else "info",
        }
        self._emit("diagnosticEvent", {**event, "ephemeral": True} if ephemeral else event)

    def _changed(self, row: Row) -> None:
        pass

    def close(self) -> None:
        summary = {
            "maybeCorrupt": False,
            "durationSeconds": self.duration,
            "resourceChanges": {op: self.counts[op] for op in sorted(self.counts) if self.counts[op]},
            "PolicyPacks": {},
            "isPreview": self.dry_run,
            "result": "failed" if self.failed else "succeeded",
        }
        self._emit("summaryEvent", summary)
        self._emit("cancelEvent", {})


def _as_wanted(resource: Resource, old: Resource | None) -> Resource:
    """Return a resource without what only the operation itself brings: a preview shows what is wanted."""
    times = (old.created, old.modified) if old else ("", "")
    return replace(resource, id="", outputs={}, created=times[0], modified=times[1])


def detailed_diff(step: Step) -> dict[str, Any] | None:
    if not step.diff.detailed or not step.resource.custom:
        return None
    return {
        path: {"kind": entry.kind, "inputDiff": entry.input_diff} for path, entry in sorted(step.diff.detailed.items())
    }


def shown_config(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the config as the prelude shows it: text, JSON text, or [secret]."""
    settings = {key: setting(value, lambda _: "[secret]") for key, value in sorted(config.items())}
    return {key: "[secret]" if value.secret else value.text for key, value in settings.items()}
