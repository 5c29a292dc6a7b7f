"""What is played of each strategy: the lines of the cookbook in their order, and who asks meanwhile. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

BACK: Final = ("roll back", "drop it", "end it")
"""What lines are for that lead back to the version before."""


@dataclass(frozen=True)
class Step:
    """A line by what it is for; `hold` seconds pass before the next one, and Ctrl-C comes after `interrupt` seconds."""

    wish: str
    hold: float = 4.0
    interrupt: float | None = None


@dataclass(frozen=True)
class Group:
    """Clients of an app; `headers` go with each of their requests."""

    app: str
    name: str = "users"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} of {self.app}"


@dataclass(frozen=True)
class Play:
    """Steps of an example's stack under the traffic of groups, the users first; `copied` is a Service for copies."""

    stack: str
    steps: tuple[Step, ...]
    groups: tuple[Group, ...]
    copied: str | None = None


_WEB, _API = Group("web"), Group("api")

PLAYS: Final = (
    Play("rolling", (Step("release"), Step("roll back")), (_WEB,)),
    Play("ramped", (Step("release", 0.5, 11), Step("pause"), Step("resume"), Step("roll back")), (_WEB,)),
    Play("recreate", (Step("release"), Step("roll back")), (_WEB,)),
    Play("blue-green", (Step("stage"), Step("promote"), Step("roll back")), (_WEB,)),
    Play("blue-green-apps", (Step("stage"), Step("promote"), Step("roll back")), (_WEB, _API)),
    Play("canary", (Step("try it"), Step("more"), Step("promote"), Step("roll back")), (_API,)),
    Play("canary-route", (Step("try it"), Step("more"), Step("promote"), Step("roll back")), (_API,)),
    Play(
        "testers",
        (Step("let them in"), Step("promote"), Step("roll back")),
        (_WEB, Group("web", "testers", {"X-Group": "b"})),
    ),
    Play("shadow", (Step("begin", 6), Step("end it")), (_WEB,), copied="web-green"),
    Play("stateful", (Step("try it"), Step("promote"), Step("roll back")), (Group("db"),)),
    Play("daemon", (Step("release"), Step("roll back")), (Group("agent"),)),
)
