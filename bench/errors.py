"""What can go wrong here.

BenchError
├── LoadError      a load that this client does not send (a target off this machine, no bound, a bad pattern)
├── TrafficError   the traffic process did not start, died or did not stop
├── WatchError     a watch has a gap, so what it saw proves nothing
└── CommandError   a command of the demo or of a benchmark failed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class BenchError(Exception):
    """Everything that this package raises on purpose."""


class LoadError(BenchError, ValueError):
    """A load that cannot be sent: which setting, and what is allowed."""


class TrafficError(BenchError):
    """The traffic process failed; `output` is what it printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(f"{message}\n{output}".rstrip())
        self.output = output


class WatchError(BenchError):
    """A watch did not see everything."""


class CommandError(BenchError):
    """A command ended with an exit code other than 0, or not in time (`code` is None)."""

    def __init__(self, command: Sequence[str], code: int | None, advice: str) -> None:
        ending = "was ended" if code is None else f"ended with exit code {code}"
        super().__init__(f"`{' '.join(command)}` {ending}. {advice}")
        self.command = tuple(command)
        self.code = code
