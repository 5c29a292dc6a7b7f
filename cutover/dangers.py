"""Reasons to look twice at what the next `up` does."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Danger(StrEnum):
    """A reason to look twice; the worst first."""

    REPLACED = "replaced"
    DELETED = "deleted"
    LIVE_CHANGED = "live-changed"
    GAP = "gap"
    SHARE_DOWN = "share-down"
    COLD = "cold"
    ENGINE = "engine"


GRAVE: Final = frozenset({Danger.REPLACED, Danger.DELETED, Danger.LIVE_CHANGED, Danger.GAP})
"""Those by which live traffic may suffer."""


class Warned(msgspec.Struct, frozen=True):
    """A reason to look twice at an app ("" for the whole stack), and the sentence that tells it."""

    danger: Danger
    app: str
    text: str
