"""What the user sees of a run: rows that change, diagnostics, outputs, counts; words and layout are the CLI's.

`Display` collects; its subclasses here and in live.py and json_display.py show.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TextIO

from engine.details import changes, diff_summary, properties, same, step_details
from engine.provider import Diff
from engine.provider import Severity as StatusSeverity
from engine.steps import Op, Step
from engine.urn import ROOT_STACK_TYPE, Urn
from engine.values import Properties


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Action(StrEnum):
    """What a run does; the value is what history calls it."""

    UPDATE = "update"
    REFRESH = "refresh"
    DESTROY = "destroy"

    @property
    def doing(self) -> str:
        return {"update": "updating", "refresh": "refreshing", "destroy": "destroying"}[self]


MARKS: Final = {
    Op.SAME: "  ",
    Op.CREATE: "+ ",
    Op.UPDATE: "~ ",
    Op.DELETE: "- ",
    Op.REPLACE: "+-",
    Op.CREATE_REPLACEMENT: "++",
    Op.DELETE_REPLACED: "--",
    Op.READ: "> ",
    Op.READ_REPLACEMENT: ">>",
    Op.REFRESH: "~ ",
    Op.REMOVE_PENDING_REPLACE: "- ",
}

_WORDS: Final = {
    Op.SAME: ("", "", ""),
    Op.CREATE: ("create", "creating", "created"),
    Op.UPDATE: ("update", "updating", "updated"),
    Op.DELETE: ("delete", "deleting", "deleted"),
    Op.REPLACE: ("replace", "replacing", "replaced"),
    Op.CREATE_REPLACEMENT: ("create replacement", "creating replacement", "created replacement"),
    Op.DELETE_REPLACED: ("delete original", "deleting original", "deleted original"),
    Op.READ: ("read", "reading", "read"),
    Op.READ_REPLACEMENT: ("read for replacement", "reading for replacement", "read for replacement"),
    Op.REFRESH: ("refreshing", "refreshing", "refresh"),
    Op.REMOVE_PENDING_REPLACE: ("discard", "discarding", "discarded"),
}
"""In a preview, while it runs, when it is done."""

_COUNTED: Final = (Op.CREATE, Op.UPDATE, Op.DELETE, Op.REPLACE, Op.READ)


@dataclass(slots=True)
class Row:
    """A step as it is shown. Times are from `time.monotonic()`, in seconds."""

    step: Step
    op: Op
    diff: Diff
    began: float
    ended: float | None = None
    failed: bool = False
    status: str = ""


class Display:
    """Collects what happens; safe to call from many threads."""

    def __init__(self, action: Action, stack: str, root: Urn, *, dry_run: bool) -> None:
        self.action = action
        self.dry_run = dry_run
        self.stack = stack
        self.root = root
        self.rows: dict[Urn, Row] = {}
        self.config: dict[str, Any] = {}
        self.shows_sames = False
        """Whether what stays as it is is shown, too."""
        self.diagnostics: dict[str, list[tuple[Severity, str]]] = {}
        self.counts: Counter[Op] = Counter()
        self.outputs_before: Properties = {}
        self.outputs_after: Properties | None = None
        self.started = time.monotonic()
        self._lock = threading.RLock()

    # --- what happens

    def open(self) -> None:
        """Start to show."""

    def began(self, step: Step) -> None:
        with self._lock:
            before = self.rows.get(step.urn)
            diff = before.diff if before and not step.diff.detailed else step.diff
            row = Row(step, step.op, diff, time.monotonic(), status=before.status if before else "")
            self.rows[step.urn] = row
            self._changed(row)

    def ended(self, step: Step, *, failed: bool = False) -> None:
        with self._lock:
            row = self.rows[step.urn]
            # The stack itself is under way as long as the run is.
            row.ended = None if step.urn == self.root and not failed else time.monotonic()
            row.failed = failed
            row.diff = step.diff if step.diff.detailed else row.diff
            if self.action is Action.REFRESH:
                row.op = step.result_op or step.op
            if not failed and not step.hidden and self._counts(step):
                self.counts[Op.SAME if row.op is Op.REFRESH else row.op] += 1
            self._changed(row)

    def _counts(self, step: Step) -> bool:
        return step.op in (Op.SAME, *_COUNTED) or (step.op is Op.REFRESH and self.action is Action.REFRESH)

    def outputs(self, step: Step) -> None:
        """Take note that a component registered its outputs."""

    def status(self, urn: str, severity: Severity | StatusSeverity, text: str) -> None:
        """Show a passing line beside a resource; "" clears it."""
        with self._lock:
            row = self.rows.get(Urn(urn or self.root))
            if row:
                line = text.strip().split("\n", 1)[0]
                row.status = f"{severity}: {line}" if severity != "info" and line else line
                self._changed(row)

    def diagnostic(self, urn: str, severity: Severity, text: str) -> None:
        """Take a lasting message about a resource, or about the whole stack when `urn` is ""."""
        with self._lock:
            self.diagnostics.setdefault(urn or self.root, []).append((severity, text.strip("\n")))
            row = self.rows.get(Urn(urn or self.root))
            if row:
                line = text.strip().split("\n", 1)[0]
                row.status = line if severity is Severity.INFO else f"{severity}: {line}"
                self._changed(row)

    def close(self) -> None:
        """Show what is left to show: diagnostics, outputs, counts."""
        if (root := self.rows.get(self.root)) and root.ended is None:
            root.ended = time.monotonic()

    def _changed(self, row: Row) -> None:
        """Show a row anew."""

    # --- words

    @property
    def banner(self) -> str:
        what = f"Previewing {self.action}" if self.dry_run else self.action.doing.capitalize()
        return f"{what} ({self.stack}):"

    @property
    def ticking(self) -> str:
        return f"previewing {self.action}" if self.dry_run else self.action.doing

    def row_status(self, row: Row) -> str:
        """Return the status of a row: `creating (3s)`, `created (0.05s)`, `**creating failed**`."""
        planned, doing, done = _WORDS[row.op]
        if row.failed:
            return f"**{doing.split(maxsplit=1)[0] if doing else self.action.doing} failed**"
        if row.op is Op.SAME:
            return ""
        if self.dry_run:
            return planned if row.ended is None or row.op is not Op.REFRESH else ""
        if row.ended is None:
            return f"{doing} ({int(time.monotonic() - row.began)}s){_retained(row)}"
        seconds = row.ended - row.began
        return (
            f"{done} ({seconds:.2f}s){_retained(row)}" if seconds < 1 else f"{done} ({int(seconds)}s){_retained(row)}"
        )

    def row_info(self, row: Row) -> str:
        info = "" if row.op is Op.SAME else diff_summary(row.diff)
        if row.op is Op.SAME and row.step.old and row.step.new and row.step.old.protect != row.step.new.protect:
            info = "[diff: ~protect]"
        return f"{info}; {row.status}" if info and row.status else info or row.status

    def diagnostics_text(self) -> str:
        lines = ["Diagnostics:"]
        for urn, messages in self.diagnostics.items():
            lines.append(f"  {Urn(urn).type} ({Urn(urn).name}):")
            for severity, text in messages:
                shown = text if severity is Severity.INFO else f"{severity}: {text}"
                lines += [f"    {line}" for line in shown.split("\n")]
            lines.append("")
        return "\n".join([*lines, ""]) if self.diagnostics else ""

    def outputs_lines(self) -> list[str]:
        """Return the stack's outputs: in a preview those that change, otherwise all."""
        before, after = self.outputs_before, self.outputs_after
        if after is None:
            return []
        root = self.rows.get(self.root)
        if root and root.op is Op.CREATE:
            return list(properties(after, 4))
        keys = {*before, *after}
        if self.dry_run:
            keys = {key for key in keys if not (key in before and key in after and same(before[key], after[key]))}
        return list(changes(before, after, keys, 4))

    def resources_lines(self) -> list[str]:
        lines = ["Resources:"]
        for op in _COUNTED:
            if count := self.counts[op]:
                words = f"to {_WORDS[op][0]}" if self.dry_run else _WORDS[op][2]
                lines.append(f"    {MARKS[op]}{count} {words}")
        changed = sum(self.counts[op] for op in _COUNTED)
        same_ = self.counts[Op.SAME]
        parts = [f"{same_} unchanged"] if same_ else []
        if sum(1 for op in _COUNTED if self.counts[op]) > 1:
            parts.insert(0, f"{changed} changes")
        if parts:
            lines.append("    " + ". ".join(parts))
        if errors := sum(any(s is Severity.ERROR for s, _ in found) for found in self.diagnostics.values()):
            lines.append(f"    {errors} errored")
        return lines

    @property
    def changed(self) -> bool:
        return any(self.counts[op] for op in _COUNTED)

    @property
    def failed(self) -> bool:
        return any(severity is Severity.ERROR for found in self.diagnostics.values() for severity, _ in found)

    @property
    def duration(self) -> int:
        return round(time.monotonic() - self.started)

    def footer(self) -> str:
        """Return what ends a run: diagnostics, outputs, counts, duration."""
        text = self.diagnostics_text()
        if outputs := self.outputs_lines():
            text += "\n".join(["Outputs:", *outputs, "", ""])
        text += "\n".join([*self.resources_lines(), "", ""])
        return text if self.dry_run else f"{text}Duration: {self.duration}s\n\n"


def _retained(row: Row) -> str:
    deleting = row.op in (Op.DELETE, Op.DELETE_REPLACED)
    return "[retain]" if deleting and row.step.resource.retain_on_delete else ""


class PlainDisplay(Display):
    """A line per change, for logs and pipes."""

    _SILENCE: Final = 10.0

    def __init__(self, action: Action, stack: str, root: Urn, *, dry_run: bool, out: TextIO | None = None) -> None:
        super().__init__(action, stack, root, dry_run=dry_run)
        self._out = out or sys.stdout
        self._shown: dict[Urn, str] = {}
        self._spoke = time.monotonic()
        self._closed = threading.Event()

    def open(self) -> None:
        self._write(f"{self.banner}\n@ {self.ticking}....\n\n")
        threading.Thread(target=self._tick, daemon=True).start()

    def _tick(self) -> None:
        while not self._closed.wait(1):
            with self._lock:
                if time.monotonic() - self._spoke >= self._SILENCE and not self._closed.is_set():
                    self._write(f"@ {self.ticking}{'.' * int(self._SILENCE)}....\n")

    def _write(self, text: str) -> None:
        self._spoke = time.monotonic()
        self._out.write(text)
        self._out.flush()

    def _changed(self, row: Row) -> None:
        if row.step.hidden or row.step.urn == self.root or self._is_quiet(row):
            return
        line = self._line(row)
        if self._shown.get(row.step.urn) != line:
            self._shown[row.step.urn] = line
            self._write(line)

    def _is_quiet(self, row: Row) -> bool:
        """Tell whether a row says nothing: same as before, a component that is done, a preview that has just begun."""
        component = not row.step.resource.custom
        if row.failed or row.status.startswith("error"):
            return False
        if row.op is Op.SAME:
            return not self.shows_sames and not self.row_info(row) and row.step.op is not Op.REFRESH
        if component:
            return row.ended is not None and not row.status
        return self.dry_run and row.ended is None

    def _line(self, row: Row) -> str:
        urn = row.step.urn
        return f" {MARKS[row.op]} {urn.type} {urn.name} {self.row_status(row)} {self.row_info(row)}\n"

    def close(self) -> None:
        with self._lock:
            super().close()
            self._closed.set()
            root = self.rows.get(self.root)
            if root:
                status = "**failed**" if self.failed else self.row_status(root)
                line = f" {MARKS[root.op]} {ROOT_STACK_TYPE} {self.root.name} {status} {self._counts_of_messages()}"
                self._write(f"{line.rstrip()}\n")
            self._write(self.footer())

    def _counts_of_messages(self) -> str:
        found = Counter(severity for messages in self.diagnostics.values() for severity, _ in messages)
        words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "message"}
        return "; ".join(f"{found[s]} {word}{'s' * (found[s] > 1)}" for s, word in words.items() if found[s])


class DiffDisplay(PlainDisplay):
    """Every changed resource with its properties (`--diff`)."""

    def open(self) -> None:
        self._write(f"{self.banner}\n")

    def _changed(self, row: Row) -> None:
        step = row.step
        planned = self.dry_run and row.ended is None
        if step.hidden or step.urn in self._shown or (planned and step.urn != self.root):
            return
        if row.op is Op.SAME and step.urn != self.root and not self.shows_sames:
            return
        if row.op in (Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED):
            return
        self._shown[step.urn] = "shown"
        self._write("\n".join(self._resource(step)) + "\n")

    def _resource(self, step: Step) -> list[str]:
        indent = 4 * self._depth(step)
        here = " " * indent
        resource = step.resource
        lines = [f"{here}{MARKS[step.op]}{resource.type}: ({step.result_op or step.op})"]
        if step.old and step.old.id:
            lines.append(f"{here}    [id={step.old.id}]")
        lines.append(f"{here}    [urn={resource.urn}]")
        if resource.provider:
            lines.append(f"{here}    [provider={resource.provider}]")
        return [*lines, *step_details(step, indent + 4)]

    def _depth(self, step: Step) -> int:
        depth, parent = 0, step.resource.parent
        while parent:
            depth += 1
            above = self.rows.get(Urn(parent))
            parent = above.step.resource.parent if above else ""
        return depth

    def close(self) -> None:
        self._closed.set()
        text = ""
        if outputs := self.outputs_lines():
            text += "\n".join(["    --outputs:--", *outputs, ""])
        text = self.diagnostics_text() + text + "\n".join([*self.resources_lines(), ""])
        self._write(text if self.dry_run else f"{text}\nDuration: {self.duration}s\n")
