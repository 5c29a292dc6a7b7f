"""What can go wrong with the embedded cluster.

ClusterError
├── MachineError      the machine cannot carry a cluster: system, user, memory, port, network range
├── PackageError      a package of Debian or PyPI is missing and cannot be had
├── BuildError        a program could not be built from its Go module
├── CommandError      a system command failed; carries its output
├── ObjectError       the API server refused an object; carries its path and the answer
├── ProcessError      one of the cluster's processes ended or never became ready; carries its name and log
├── BusyError         another run holds the lock
└── LeftoverError     something of the cluster could not be removed; carries what
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SHOWN_LOG_LINES = 8


class ClusterError(Exception):
    """The base of every error of this package; its message names the object, the reason and the way out."""


class MachineError(ClusterError):
    """The machine cannot carry the cluster; `reasons` holds all that was found, one sentence each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("the embedded cluster cannot start here:\n" + "\n".join(f"  - {r}" for r in reasons))
        self.reasons = tuple(reasons)


class PackageError(ClusterError):
    """Packages are missing; `packages` names them, `command` is what has to work with their names behind it."""

    def __init__(self, packages: Sequence[str], reason: str, command: str) -> None:
        names = " ".join(packages)
        super().__init__(
            f"the embedded cluster needs the packages {names}: {reason}\n"
            f"make this work and try again: {command} {names}",
        )
        self.packages = tuple(packages)


class BuildError(ClusterError):
    """`go build` failed, or there is no Go."""


class CommandError(ClusterError):
    """A system command ended with an error; `output` is what it said."""

    def __init__(self, command: Sequence[str], code: int, output: str) -> None:
        super().__init__(f"`{' '.join(command)}` ended with exit code {code}: {output.strip()}")
        self.command = tuple(command)
        self.code = code
        self.output = output


class ObjectError(ClusterError):
    """The API server did not take or does not serve an object; `answer` is what it said."""

    def __init__(self, path: str, answer: str) -> None:
        super().__init__(
            f"the API server does not have {path} as it should: {answer.strip()}; `python -m cluster up` tries again, "
            "`python -m cluster down` removes all",
        )
        self.path = path
        self.answer = answer


class ProcessError(ClusterError):
    """A process of the cluster ended, or was not ready in time."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines()[-_SHOWN_LOG_LINES:] if log.exists() else []
        tail = "".join(f"\n    {line[:300]}" for line in lines)
        super().__init__(
            f"{name} {reason}; `python -m cluster up` tries again, `python -m cluster down` removes all; "
            f"the end of its log {log}:{tail}",
        )
        self.name = name
        self.log = log


class BusyError(ClusterError):
    """Another run of this command is at work."""


class LeftoverError(ClusterError):
    """`down` could not remove all; `leftovers` names what is still there."""

    def __init__(self, kind: str, leftovers: Sequence[str]) -> None:
        shown = ", ".join(leftovers[:5]) + (f" and {len(leftovers) - 5} more" if len(leftovers) > 5 else "")
        super().__init__(f"could not remove these {kind}: {shown}; run `python -m cluster down` again")
        self.kind = kind
        self.leftovers = tuple(leftovers)
