"""Who gets which color: what every router writes down in its own words. Pure; no Pulumi here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.color import Color


@dataclass(frozen=True)
class Split:
    """How live traffic is split between the Services of the colors.

    `weight` is the other color's share in percent; `canary` says whether it takes any traffic, be it testers' alone.
    `baseline` is the Service of pods of the live version that get as much as the canary.
    `versions` name what each color runs, apart from its color: a cookie says which one it means.
    """

    active: Color
    weight: int
    canary: bool
    services: Mapping[Color, str]
    versions: Mapping[Color, str]
    port: int
    baseline: str | None = None

    @property
    def other(self) -> Color:
        return self.active.other

    @property
    def weights(self) -> Mapping[Color, int]:
        """Percent for each color, always both and in the same order."""
        rest = 100 - self.weight * (2 if self.baseline else 1)
        return {color: self.weight if color is self.other else rest for color in Color}

    def cookie(self, color: Color) -> str:
        """The value that keeps a user on a color.

        It ends with the version of a canary, and on the live color with the present share, so that all but a canary's
        users are asked again when the share changes.
        """
        version = f"{color}-{self.versions[color]}"
        return version if color is self.other else f"{version}-{self.weight}"
