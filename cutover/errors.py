"""How a command of the driver ends when it does not end well.

    DriverError
    ├── NotStartedError     1   there is no project, no stack or no engine to work with; nothing was changed
    ├── RefusedError        2   what was asked for would hurt or cannot be; nothing was changed
    │   └── UnderWayError   2   another release, or another driver, is at work on the stack
    ├── UpFailedError       4   an `up` failed, and nobody has put it right
    ├── RolledBackError     3   the release failed, and traffic is back on the version that it came from
    ├── StuckError          4   the release failed, and so did the way back: somebody must look
    ├── StoppedError      130   Ctrl-C, or the process was told to end; the release stands where the text says
    └── CourseError             never leaves the driver, whose release takes another course
        ├── StepFailedError 3   it has to go back
        └── WishedHeldError 5   somebody has asked for its rollout to be held where it is

The exit codes are stable: 0 done, 1 could not start, 2 refused, 3 failed and rolled back, 4 failed and needs a person,
5 paused (which is no error), 130 interrupted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes, for pipelines."""

    DONE = 0
    NOT_STARTED = 1
    REFUSED = 2
    ROLLED_BACK = 3
    NEEDS_PERSON = 4
    PAUSED = 5
    INTERRUPTED = 130


class DriverError(Exception):
    """Anything at which a command of the driver ends; its text names the object, the reason and the way out."""

    exit: ClassVar[Exit]


class NotStartedError(DriverError):
    exit = Exit.NOT_STARTED


class RefusedError(DriverError):
    exit = Exit.REFUSED


class UnderWayError(RefusedError):
    pass


class UpFailedError(DriverError):
    """`output` is what the engine said."""

    exit = Exit.NEEDS_PERSON

    def __init__(self, command: str, code: int, output: str) -> None:
        self.command, self.code, self.output = command, code, output
        super().__init__(f"`{command}` ended with {code}:\n{output.strip()}")


class RolledBackError(DriverError):
    exit = Exit.ROLLED_BACK


class StuckError(DriverError):
    exit = Exit.NEEDS_PERSON


class StoppedError(DriverError):
    exit = Exit.INTERRUPTED


class CourseError(DriverError):
    pass


class StepFailedError(CourseError):
    """The text says why."""

    exit = Exit.ROLLED_BACK


class WishedHeldError(CourseError):
    exit = Exit.PAUSED
