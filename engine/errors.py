"""The engine's exceptions.

EngineError
├── UsageError            the command line is wrong (exit code 2)
├── UnsupportedError      something that this engine does not do, refused by name
├── ProjectError          Pulumi.yaml, a stack file or a config value is wrong
├── StackNotFoundError    no such stack, or none selected
├── LockedError           another process holds the stack
├── SecretsError          no passphrase, or the wrong one
├── StateError            a checkpoint that Pulumi would not accept either
├── StepError             an operation on one resource failed
├── FailedError           the update failed; what was wrong has been shown already
├── UnexpectedChangesError  `--expect-no-changes`, and there were some (exit code 7)
└── CancelledError        the user pressed Ctrl-C or said no (exit code 8)

Exit codes are those of the Pulumi CLI (pkg/cmd/pulumi/cmd/exit_codes.go).
"""

from __future__ import annotations

from typing import ClassVar


class EngineError(Exception):
    """Something the user can read and act upon; never a bug of ours."""

    exit_code: ClassVar[int] = 1


class UsageError(EngineError):
    exit_code: ClassVar[int] = 2


class UnsupportedError(EngineError):
    """Names what was asked for.

    Attributes:
        what: the command, flag, resource kind or feature.
    """

    def __init__(
        self, what: str, instead: str = "use the Pulumi CLI for it (https://www.pulumi.com/docs/install)"
    ) -> None:
        super().__init__(f"the embedded engine does not do {what}; {instead}")
        self.what = what


class ProjectError(EngineError):
    pass


class StackNotFoundError(EngineError):
    pass


class LockedError(EngineError):
    pass


class SecretsError(EngineError):
    pass


class StateError(EngineError):
    pass


class StepError(EngineError):
    """One resource's operation failed.

    Attributes:
        urn: the resource; "" when it is the whole deployment.
        shown: whether the display has it already.
    """

    def __init__(self, urn: str, message: str, *, shown: bool = False) -> None:
        super().__init__(message)
        self.urn = urn
        self.shown = shown


class FailedError(EngineError):
    pass


class UnexpectedChangesError(EngineError):
    exit_code: ClassVar[int] = 7


class CancelledError(EngineError):
    exit_code: ClassVar[int] = 8
