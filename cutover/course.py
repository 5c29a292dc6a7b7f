"""What a release does to the apps that it is about: of two colors, whose traffic moves, or of one version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.problems import Path
from cutover.desk import Desk
from cutover.edit import Edit
from cutover.journal import Check
from cutover.release import Release, Step

Say = Callable[[str], None]
Updates = Callable[[], Iterable[Mapping[str, Any]]]
"""Asks for what `pulumi stack history --json` has, newest first."""


@dataclass(frozen=True)
class Way:
    """The way back to an earlier version: `to` is its color or tag; `first` must have gone through an `up` before."""

    to: str
    edit: Edit
    first: Edit | None = None
    back: Edit | None = None


@dataclass(frozen=True)
class Course(ABC):
    """The apps of a release, as the configuration stands. Whatever cannot be raises RefusedError.

    Args:
        desk: the stack.
        app: an app that is released by itself; "" for those that share the stack's position or tag.
    """

    desk: Desk
    app: str

    @property
    @abstractmethod
    def live(self) -> str:
        """What is live: a color, or a tag."""

    @property
    @abstractmethod
    def to(self) -> str:
        """What a release leads to: a color, or the tag of a canary."""

    @abstractmethod
    def staged(self, tag: str, changes: Mapping[Path, Any]) -> Edit:
        """Return what makes a version ready to be released, with no traffic on it."""

    @abstractmethod
    def back(self, steps: Sequence[Step]) -> Edit | None:
        """Return what the way back from any of these steps has to put back; None where the other color is the way."""

    @abstractmethod
    def edit(self, release: Release) -> Edit:
        """Return what puts the configuration where the release is."""

    @abstractmethod
    def before(self, release: Release) -> Edit:
        """Return what takes that write back."""

    @abstractmethod
    def has_changed_since(self, keys: Mapping[str, Any]) -> bool:
        """Tell whether what is live is another than by an earlier configuration; False where that does not tell."""

    @abstractmethod
    def undone(self, steps: int, updates: Updates) -> Way:
        """Return the way to what was live `steps` changes ago; 0: back from what is new now."""

    @abstractmethod
    def adopted(self, keys: Mapping[str, Any]) -> Edit:
        """Return what puts the configuration where another one, of the same stack, has these apps."""

    def can_hold(self, _: Release) -> bool:
        """Tell whether what a release moves can be held in the middle."""
        return False

    @abstractmethod
    def watch(self, to: str, seconds: float, say: Say) -> Sequence[Check]:
        """Check what a release to a color or a tag has changed, for some seconds; once at least."""

    def judged(self, _release: Release, _since: str, _reason: str) -> Sequence[Check]:
        """Return what gates found in an `up` that began at `since`; `reason` tells what a failed one failed for."""
        return ()
