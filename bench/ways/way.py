"""What a way of releasing can do, whoever's it is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from bench.switches import Kind
from bench.ways.kubectl import kubectl


class Way(ABC):
    """A way of releasing an app of two versions; `name` is what the table calls it."""

    name: str
    namespace: str
    port: int
    replicas: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/version"

    @abstractmethod
    def set_up(self) -> None:
        """Make the app: BLUE live, all pods ready."""

    @abstractmethod
    def promote(self, version: str) -> None:
        """Make a version live that is staged, or that has a canary."""

    def remove(self) -> None:
        kubectl(self.namespace, "delete", "namespace", self.namespace, "--ignore-not-found", "--wait")


class Replacement(Way):
    """A version takes the place of another, for all clients."""

    replicas = 3

    def stage(self, version: str) -> None:
        """Be ready for the version's promotion; most are, at all times."""

    @abstractmethod
    def roll_back(self, version: str) -> None:
        """Go back to the version that was live a moment ago."""


class BlueGreen(Replacement):
    """All traffic moves at once, between two versions that both have all their pods."""

    def roll_back(self, version: str) -> None:
        self.promote(version)

    def roll_back_later(self, version: str) -> None:
        """Go back to the version that was live before, when all is over that follows a promotion by itself."""
        self.roll_back(version)


class Canary(Way):
    """One pod of a version gets its share of the live traffic, beside so many pods of the live version."""

    replicas = 10
    beside: int

    @abstractmethod
    def begin(self, version: str) -> None:
        """Start the canary."""

    @abstractmethod
    def drop(self, version: str) -> None:
        """Take the canary away."""

    def settle(self, kind: Kind) -> None:
        """Wait until the next command is taken, after one of this kind, and put right what that has left undone.

        There is nothing to it where a command waits by itself.
        """
