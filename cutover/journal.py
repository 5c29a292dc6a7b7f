"""What happened in a release: one event after the other, kept beside the stack's configuration as lines of JSON.

The driver goes on from the configuration alone; the journal is what reports, notifications and metrics are made of.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import msgspec

from components.color import Color


class Kind(StrEnum):
    """What an event tells.

    BEGAN (on a machine that takes over: RESUMED), then for each step MOVING, MOVED and, where there are checks,
    CHECKED; PAUSED and RESUMED between steps; FAILED when a check or an `up` fails, then BACK when traffic is on the
    old version again; at the end one of DONE, ROLLED_BACK, STUCK (a person is needed) and INTERRUPTED (the release can
    be resumed, and then goes on).
    """

    BEGAN = "began"
    MOVING = "moving"
    MOVED = "moved"
    CHECKED = "checked"
    PAUSED = "paused"
    RESUMED = "resumed"
    FAILED = "failed"
    BACK = "back"
    DONE = "done"
    ROLLED_BACK = "rolled-back"
    STUCK = "stuck"
    INTERRUPTED = "interrupted"


class Standing(msgspec.Struct, frozen=True):
    """Where an app stands: the active color, each color's tag, and the other color's share of the live traffic.

    `share` is what the app's outputs say (`25%`, `1 of 11 pods`), and `percent` the same as a number.
    """

    active: str
    tags: dict[str, str]
    share: str
    percent: float

    def __str__(self) -> str:
        other = Color(self.active).other
        share = f" + {self.share}" if self.percent else ""
        return f"{self.active} {self.tags[self.active]} ({other} {self.tags[other]}{share})"


def percent(share: str) -> float:
    """The other color's share, `25%` or `1/11` (pods), as a number from 0 to 100."""
    if share.endswith("%"):
        return float(share.removesuffix("%"))
    part, _, whole = share.partition("/")
    return 100 * int(part) / int(whole)


class Check(msgspec.Struct, frozen=True):
    """One finding of a gate or a watch: `outcome` is passed, failed or inconclusive; `values` are what it measured."""

    outcome: str
    text: str
    app: str = ""
    color: str = ""
    name: str = ""
    values: tuple[float, ...] = ()


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of a release.

    `at` is RFC 3339 in UTC with milliseconds; `release` names the release (its beginning, in the same form); `verb` is
    what was typed; `text` is a sentence. `standing` is where each app stands after the event; `seconds` how long that
    which ended here took; `step` of `steps` counts from 1; `note`, in the first event of a journal, is the whole
    release.
    """

    at: str
    release: str
    stack: str
    verb: str
    kind: Kind
    text: str
    by: str = ""
    step: int = 0
    steps: int = 0
    standing: dict[str, Standing] = {}
    checks: tuple[Check, ...] = ()
    seconds: float | None = None
    note: dict[str, str] = {}


Listener: TypeAlias = Callable[[Event], None]
"""Told of every event once it is on the disk; must neither block nor raise."""


class Journal:
    """The events of a stack's releases, in `releases/<stack>/journal.jsonl`.

    Args:
        folder: the project's folder.
        stack: the stack's name.
        listeners: told of every event.
    """

    def __init__(self, folder: Path, stack: str, *listeners: Listener) -> None:
        self.folder = folder / "releases" / stack
        self.path = self.folder / "journal.jsonl"
        self._listeners = listeners

    @property
    def size(self) -> int:
        """How many bytes there are of it."""
        return self.path.stat().st_size if self.path.exists() else 0

    def tell(self, event: Event) -> None:
        """Write an event down, so that it stays whatever happens next, then pass it on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(event) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        for listener in self._listeners:
            listener(event)

    def events(self, release: str | None = None) -> Iterator[Event]:
        """Yield what was written down, oldest first, of one release or of all, without a line that a crash cut off."""
        if not self.path.exists():
            return
        decoder = msgspec.json.Decoder(Event)
        for line in self.path.read_bytes().splitlines():
            try:
                event = decoder.decode(line)
            except msgspec.DecodeError:
                continue
            if release in {None, event.release}:
                yield event

    @property
    def releases(self) -> dict[str, list[Event]]:
        """All releases by name, oldest first."""
        found: dict[str, list[Event]] = {}
        for event in self.events():
            found.setdefault(event.release, []).append(event)
        return found
