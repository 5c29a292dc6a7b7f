"""The two colors of an app and the roles they take."""

from enum import StrEnum


class Color(StrEnum):
    """A color names one of an app's two Deployments, for life."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> "Color":
        return Color.GREEN if self is Color.BLUE else Color.BLUE


class Role(StrEnum):
    """What the position makes of a color."""

    ACTIVE = "active"
    CANARY = "canary"
    IDLE = "idle"
