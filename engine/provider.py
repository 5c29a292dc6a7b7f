"""What the engine asks of a resource provider; the shape is Pulumi's `ResourceProvider` service.

Values on both sides may hold `Secret`; inputs may hold `UNKNOWN` during a preview. A provider blocks until an
operation is done and is called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from engine.values import Properties


class DiffKind(StrEnum):
    """How one property changes; the names are those of `preview --json`."""

    ADD = "add"
    ADD_REPLACE = "add-replace"
    DELETE = "delete"
    DELETE_REPLACE = "delete-replace"
    UPDATE = "update"
    UPDATE_REPLACE = "update-replace"


@dataclass(frozen=True, slots=True)
class PropertyDiff:
    """One changed path; `input_diff` says that inputs were compared, not outputs."""

    kind: DiffKind
    input_diff: bool = True


@dataclass(frozen=True, slots=True)
class Diff:
    """What would change. `detailed` maps paths such as `spec.containers[0].image` to their kind."""

    detailed: dict[str, PropertyDiff] = field(default_factory=dict)
    replaces: list[str] = field(default_factory=list)
    delete_before_replace: bool = False

    @property
    def changes(self) -> bool:
        return bool(self.detailed)


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """An input that the provider refuses; `path` may be empty."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A live resource: its id, its inputs as the provider would have them today, its outputs."""

    id: str
    inputs: Properties
    outputs: Properties
    reasons: list[str] = field(default_factory=list)


class ProviderError(Exception):
    """The operation failed and changed nothing."""


class PartialFailureError(ProviderError):
    """The object exists (or was changed) but did not become ready; the engine stores it with these reasons.

    Attributes:
        id: the resource's id.
        outputs: its live outputs.
        reasons: why it is not ready, one line each; kept in state as `initErrors`.
    """

    def __init__(self, message: str, *, id: str, outputs: Properties, reasons: list[str]) -> None:  # noqa: A002
        super().__init__(message)
        self.id = id
        self.outputs = outputs
        self.reasons = reasons


class Severity(StrEnum):
    """Of a status line, which the display shows beside a resource while its step runs."""

    INFO = "info"
    WARNING = "warning"


Report: TypeAlias = Callable[[str, Severity, str], None]
"""`report(urn, severity, message)`: a status line about a running step."""


class Provider(Protocol):
    """A configured provider. Timeouts are seconds; None means the provider's default.

    Every operation raises `ProviderError` when it failed and changed nothing; create, update raise
    `PartialFailureError` when the object is there but not ready.
    """

    def check(
        self, urn: str, old_inputs: Properties | None, inputs: Properties
    ) -> tuple[Properties, list[CheckFailure]]: ...

    def diff(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, inputs: Properties, ignore: Sequence[str]
    ) -> Diff: ...

    def create(self, urn: str, inputs: Properties, *, timeout: float | None, preview: bool) -> tuple[str, Properties]:
        """Return id and outputs; a preview returns the id "" and the outputs as far as they can be known."""
        ...

    def update(
        self,
        urn: str,
        id: str,  # noqa: A002
        old_inputs: Properties,
        old_outputs: Properties,
        inputs: Properties,
        *,
        timeout: float | None,
        ignore: Sequence[str],
        preview: bool,
    ) -> Properties: ...

    def read(self, urn: str, id: str, inputs: Properties, outputs: Properties) -> ReadResult | None:  # noqa: A002
        """Return the live resource, or None when it is gone. Empty `inputs` means: none are known (a `get`)."""
        ...

    def delete(
        self,
        urn: str,
        id: str,  # noqa: A002
        inputs: Properties,
        outputs: Properties,
        *,
        timeout: float | None,
    ) -> None:
        """Delete and wait until it is gone; gone already is done."""
        ...

    def diff_config(self, old: Properties, new: Properties) -> Diff:
        """Compare two configurations of the provider itself; `replaces` when it is another cluster."""
        ...

    def cancel(self) -> None:
        """Make every wait of a running operation end soon with an error."""
        ...


ProviderFactory: TypeAlias = Callable[[Properties, Report], Provider]
"""`factory(inputs_of_the_provider_resource, report)`; every input is a string, as Pulumi has it."""
