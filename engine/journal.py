"""The stack's state while it changes.

What is written at any moment (pkg/backend/snapshot.go): the resources dealt with in this run, in order of completion,
then the old ones still to come, and the operations under way. So a killed run loses nothing, and the order in which
a resource follows what it depends on holds without sorting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from engine.state import Operation, PendingOperation, Resource, Snapshot, now
from engine.urn import split_reference
from engine.version import VERSION

_COSMETIC = {"source_position", "stack_trace"}


class Journal:
    """Keeps the snapshot and hands it to `save` whenever it changed."""

    def __init__(self, base: Snapshot, save: Callable[[Snapshot], None]) -> None:
        self._save = save
        self._metadata = base.metadata
        self._old: dict[Resource, Resource] = {resource: resource for resource in base.resources}
        self._new: dict[str, Resource] = {}
        self._pending: list[PendingOperation] = []
        self._interrupted = {p.resource.urn: p for p in base.pending if p.operation is Operation.CREATING}
        self._renamed: dict[str, str] = {}
        self._lock = threading.RLock()

    def new(self, urn: str) -> Resource | None:
        return self._new.get(urn)

    @contextmanager
    def operation(self, resource: Resource, operation: Operation) -> Iterator[None]:
        """Write that `operation` is under way; the next change of the journal writes that it is over."""
        pending = PendingOperation(resource, operation)
        with self._lock:
            self._pending.append(pending)
            self.write()
        try:
            yield
        finally:
            with self._lock:
                self._pending.remove(pending)

    def put(self, resource: Resource, old: Resource | None = None, *, delete_old: bool = False) -> None:
        """Record a resource as dealt with, in place of `old`; `delete_old`: beside it, which waits for its delete."""
        with self._lock:
            before = None if old is None else self._old.get(old)
            if old is not None and before is not None and delete_old:
                self._old[old] = replace(before, delete=True)
                before = None
            elif old is not None:
                self._old.pop(old, None)
            if old is not None and old.urn != resource.urn:
                self._renamed[old.urn] = resource.urn
            self._new[resource.urn] = resource
            self._interrupted.pop(resource.urn, None)
            if before is None or not _same(before, resource):
                self.write()

    def revise(self, resource: Resource) -> None:
        """Change what was recorded in this run, such as a component's outputs."""
        with self._lock:
            changed = not _same(self._new[resource.urn], resource)
            self._new[resource.urn] = resource
            if changed:
                self.write()

    def await_replacement(self, old: Resource) -> None:
        """Record that an old resource has been deleted and its replacement is still to be made."""
        with self._lock:
            if old in self._old:
                self._old[old] = replace(self._old[old], pending_replacement=True)
                self.write()

    def forget(self, old: Resource) -> None:
        """Record that an old resource is gone."""
        with self._lock:
            if self._old.pop(old, None) is not None:
                self.write()

    def write(self) -> Snapshot:
        with self._lock:
            resources = [*self._new.values(), *(_rename(old, self._renamed) for old in self._old.values())]
            begun_again = {operation.resource.urn for operation in self._pending}
            interrupted = [op for urn, op in self._interrupted.items() if urn not in begun_again]
            snapshot = Snapshot(resources, [*interrupted, *self._pending], self._metadata, now(), VERSION)
            self._save(snapshot)
            return snapshot


def _same(one: Resource, other: Resource) -> bool:
    """Tell whether two states differ in nothing but the place in the program that they come from."""
    return all(getattr(one, name) == getattr(other, name) for name in Resource.__slots__ if name not in _COSMETIC)


def _rename(resource: Resource, renamed: Mapping[str, str]) -> Resource:
    """Make an old resource's references follow the aliases that this run resolved."""
    if not any(needed in renamed for needed in resource.depends_on()):
        return resource

    def follow(urn: str) -> str:
        return renamed.get(urn, urn)

    provider, id_ = split_reference(resource.provider)
    return replace(
        resource,
        parent=follow(resource.parent),
        dependencies=[follow(urn) for urn in resource.dependencies],
        property_dependencies={k: [follow(u) for u in urns] for k, urns in resource.property_dependencies.items()},
        deleted_with=follow(resource.deleted_with),
        replace_with=[follow(urn) for urn in resource.replace_with],
        provider=f"{follow(provider)}::{id_}" if resource.provider else "",
    )
