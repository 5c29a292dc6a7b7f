"""Steps: what is to be done with one resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from engine.provider import Diff
from engine.state import Resource
from engine.urn import Urn, is_provider


class Op(StrEnum):
    """The operations and their names in `preview --json` (pkg/resource/deploy/step.go)."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    CREATE_REPLACEMENT = "create-replacement"
    DELETE_REPLACED = "delete-replaced"
    READ = "read"
    READ_REPLACEMENT = "read-replacement"
    REFRESH = "refresh"
    REMOVE_PENDING_REPLACE = "remove-pending-replace"


@dataclass(eq=False, slots=True)
class Step:
    """One operation on one resource: from `old`, which state has, to `new`, which is wanted.

    `new` is replaced by what came out once the step has run. `delete_after` says, of a replacement's parts, that the
    old resource is deleted at the end and not before.
    """

    op: Op
    old: Resource | None
    new: Resource | None
    diff: Diff = field(default_factory=Diff)
    delete_after: bool = False
    forget: bool = False
    """Of a delete: the resource goes with another one (`deletedWith`), so only state has to lose it."""
    result_op: Op | None = None
    """Of a refresh: what it turned out to be (update, delete, same)."""

    @property
    def resource(self) -> Resource:
        resource = self.new or self.old
        if resource is None:
            raise ValueError("a step has an old or a new resource")
        return resource

    @property
    def urn(self) -> Urn:
        return self.resource.urn

    @property
    def hidden(self) -> bool:
        """Tell whether displays leave the step out, as the CLI does with default providers."""
        return is_provider(self.urn.type) and self.urn.name.startswith("default")
