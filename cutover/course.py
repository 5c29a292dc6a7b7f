"""What a release does to the apps that it is about: of two colors, whose traffic moves, or of one version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from components.problems import Path
from cutover.journal import Check
from cutover.position import Edit
from cutover.release import Release, Step

Say = Callable[[str], None]


@dataclass(frozen=True)
class Way:
    """The way back to an earlier version: `to` is its color or tag; `first` must have gone through an `up` before."""

    to: str
    edit: Edit
    first: Edit | None = None
    back: Mapping[str, Any] | None = None


class Course(Protocol):
    """The apps of a release, as the configuration stands. Whatever cannot be raises RefusedError."""

    @property
    def to(self) -> str:
        """What a release leads to: a color, or the tag of a canary."""

    def staged(self, tag: str, changes: Mapping[Path, Any]) -> Edit:
        """Return what makes a version ready to be released, with no traffic on it."""

    def back(self, steps: Sequence[Step]) -> Mapping[str, Any] | None:
        """Return what the way back from any of these steps has to put back; None where the other color is the way."""

    def edit(self, release: Release) -> Edit:
        """Return what puts the configuration where the release is."""

    def before(self, release: Release) -> Mapping[str, Any]:
        """Return what takes that write back, by path; None: to be removed."""

    def undone(self, steps: int, history: Callable[[], Sequence[Mapping[str, Any]]]) -> Way:
        """Return the way to what was live `steps` changes ago by the engine's history; 0: back from what is new now."""

    def adopted(self, keys: Mapping[str, Any]) -> Edit:
        """Return what puts the configuration where another one, of the same stack, has these apps."""

    def can_hold(self, release: Release) -> bool:
        """Tell whether what a release moves can be held in the middle."""

    def watch(self, release: Release, say: Say) -> Sequence[Check]:
        """Check what the release has changed, for as many seconds as it says."""

    def judged(self, release: Release, since: str, reason: str) -> Sequence[Check]:
        """Return what gates found in an `up` that began at `since`; `reason` tells what a failed one failed for."""
