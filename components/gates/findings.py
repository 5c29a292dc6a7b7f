"""What one part of a gate found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """`inconclusive` blames nobody: the question could not be asked or had no answer."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Finding:
    """An outcome and the sentence that tells it; a dry run is told and does not count.

    `name` and `values` are a metric's: what was measured of the judged color, as far as it was a finite number.
    """

    outcome: Outcome
    text: str
    dry_run: bool = False
    name: str = ""
    values: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} (dry run)" if self.dry_run else self.text
