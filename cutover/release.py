"""A release under way: what it is to do, step by step, and how far it is.

It is kept as a note in the stack's configuration (`release`) for as long as it goes on, beside the position that it has
written, in one write with it; so whoever reads the configuration can go on from there, on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from components.color import Color
from cutover.edit import Edit
from cutover.errors import RefusedError

KEY = "release"
LIVE = "live"
RESUME = "resume"
"""A pause without an end: until `cutover resume`."""


class State(StrEnum):
    """MOVING: to the step's position, or watched there. PAUSED: after it. BACK: on the way back."""

    MOVING = "moving"
    PAUSED = "paused"
    BACK = "back"


@dataclass(frozen=True)
class Step:
    """One position of a release: `pods` of the new color, or `weight` percent for it, or (neither) all of it live."""

    pods: int | None = None
    weight: int | None = None

    @classmethod
    def read(cls, text: str) -> Step:
        """Read `3` (pods), `25%` (of a route) or `live`. Raises RefusedError."""
        if text == LIVE:
            return cls()
        found = re.fullmatch(r"(\d+)(%?)", text)
        if not found or int(found[1]) == 0 or (found[2] and int(found[1]) > 99):
            raise RefusedError(f"the step {text!r} is neither a number of pods (3) nor a share from 1% to 99% (25%)")
        number = int(found[1])
        return cls(weight=number) if found[2] else cls(pods=number)

    def __str__(self) -> str:
        if self.pods is not None:
            return str(self.pods)
        return LIVE if self.weight is None else f"{self.weight}%"

    @property
    def is_live(self) -> bool:
        return self.pods is None and self.weight is None

    @property
    def told(self) -> str:
        if self.pods is not None:
            return f"{self.pods} pod{'s' if self.pods > 1 else ''}"
        return "all traffic" if self.weight is None else f"{self.weight}% of the traffic"


@dataclass(frozen=True)
class Release:
    """A release: `to` takes over, in `steps`: a color, from the other one, or the tag of apps of one version.

    These have no other color; `back` is what puts the configuration back there.

    `at` is the number of the present step, from 0. `app` is the app whose own position moves ("" for the stack's).
    `pause` is what comes after each step but the last: seconds, or None for as long as nobody resumes it. `watch` is
    for how many seconds the checks go on after a step. `began` is RFC 3339 in UTC and names the release; `by` is who
    began it.
    """

    verb: str
    to: str
    steps: tuple[Step, ...]
    began: str
    by: str
    app: str = ""
    at: int = 0
    state: State = State.MOVING
    pause: float | None = 0
    watch: float = 0
    back: Edit | None = None

    @property
    def old(self) -> str:
        """What it leads away from, for a sentence."""
        return "what ran before" if self.back is not None else Color(self.to).other

    @property
    def told(self) -> str:
        """What its step gives, for a sentence."""
        return self.all if self.step.is_live else self.step.told

    @property
    def all(self) -> str:
        return "all traffic" if self.back is None else "all pods"

    @property
    def step(self) -> Step:
        return self.steps[self.at]

    @property
    def is_last(self) -> bool:
        return self.at == len(self.steps) - 1

    @property
    def place(self) -> str:
        """Where it is, for a sentence."""
        if self.state is State.BACK:
            return f"on its way back to {self.old}"
        return f"at step {self.at + 1} of {len(self.steps)} ({self.to}: {self.told})"

    @property
    def progress(self) -> tuple[bool, int]:
        """How far it is, to be compared; whatever is on its way back is further than what goes on."""
        return self.state is State.BACK, self.at

    def next(self) -> Release:
        return replace(self, at=self.at + 1, state=State.MOVING)

    def now(self, state: State) -> Release:
        return replace(self, state=state)

    def note(self) -> dict[str, str]:
        """The release as paths and values of configuration."""
        values = vars(self) | {
            "steps": ",".join(map(str, self.steps)),
            "pause": RESUME if self.pause is None else f"{self.pause:g}",
            "watch": f"{self.watch:g}",
            "back": "" if self.back is None else msgspec.json.encode(self.back).decode(),
        }
        return {f"{KEY}.{name}": str(value) for name, value in values.items() if value != ""}

    @classmethod
    def of_note(cls, note: Mapping[str, Any]) -> Release | None:
        """Read a note; None where there is none. Raises RefusedError when somebody has spoilt it."""
        if not note:
            return None
        try:
            told = {name: str(value) for name, value in note.items()}  # the engine makes numbers of some
            values = told | {
                "to": told["to"] if "back" in told else Color(told["to"]),
                "steps": [Step.read(text) for text in told["steps"].split(",")],
                "pause": None if told["pause"] == RESUME else told["pause"],
                "back": msgspec.json.decode(told["back"], type=Edit) if "back" in told else None,
            }
            return msgspec.convert(values, cls, strict=False)
        except (KeyError, ValueError, msgspec.MsgspecError, RefusedError) as error:
            raise RefusedError(
                f"the note of the release under way cannot be read ({error!r}). Put the position right by hand and "
                f"remove it: `pulumi config rm {KEY}`"
            ) from error
