"""Refresh: makes state say what the cluster says."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from engine.display import Display, Severity
from engine.errors import StepError
from engine.provider import Diff, DiffKind, PropertyDiff, ProviderError
from engine.providers import Providers
from engine.state import Operation, Resource, Snapshot, now
from engine.steps import Op, Step
from engine.urn import is_provider

_INVERSE = {
    DiffKind.ADD: DiffKind.DELETE,
    DiffKind.DELETE: DiffKind.ADD,
    DiffKind.ADD_REPLACE: DiffKind.DELETE_REPLACE,
    DiffKind.DELETE_REPLACE: DiffKind.ADD_REPLACE,
}


class Refresh:
    """Reads every resource of a snapshot."""

    def __init__(
        self, snapshot: Snapshot, providers: Providers, display: Display, *, parallel: int, clear_creates: bool = False
    ) -> None:
        self._snapshot = snapshot
        self._providers = providers
        self._display = display
        self._parallel = parallel
        self._clear_creates = clear_creates
        self.stopping = threading.Event()
        self.errors: list[StepError] = []

    def run(self) -> Snapshot:
        """Return the snapshot as it should be: the gone dropped, pending operations other than creates cleared."""
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="refresh") as pool:
            found = list(pool.map(self._refresh, self._snapshot.resources))
        kept = _without(found, {old.urn for old, new in zip(self._snapshot.resources, found, strict=True) if not new})
        creates = [p for p in self._snapshot.pending if p.operation is Operation.CREATING and not self._clear_creates]
        return replace(self._snapshot, resources=kept, pending=creates, time=now())

    def _refresh(self, old: Resource) -> Resource | None:
        if self.stopping.is_set():
            return old
        step = Step(Op.REFRESH, old, old)
        self._display.began(step)
        try:
            step.new = self._read(step, old)
        except (ProviderError, StepError) as error:
            self.errors.append(StepError(old.urn, str(error), shown=True))
            self._display.diagnostic(old.urn, Severity.ERROR, str(error))
            self._display.ended(step, failed=True)
            return old
        self._display.ended(step)
        return step.new

    def _read(self, step: Step, old: Resource) -> Resource | None:
        step.result_op = Op.SAME
        if not old.custom or is_provider(old.type) or old.pending_replacement:
            return old
        provider = self._providers.get(old.provider)
        result = provider.read(old.urn, old.id, old.inputs, old.outputs)
        if result is None:
            step.result_op = Op.DELETE
            return None
        if result.reasons:
            lines = "\n".join(f"* {reason}" for reason in result.reasons)
            self._display.diagnostic(
                old.urn, Severity.WARNING, f"Refreshed resource is in an unhealthy state:\n{lines}"
            )
        step.diff = _inverse(provider.diff(old.urn, result.inputs, result.outputs, old.inputs, old.ignore_changes))
        if step.diff.changes:
            step.result_op = Op.UPDATE
        changed = step.diff.changes or result.outputs != old.outputs
        return replace(
            old,
            id=result.id,
            inputs=result.inputs,
            outputs=result.outputs,
            init_errors=result.reasons,
            modified=now() if changed else old.modified,
        )


def _inverse(diff: Diff) -> Diff:
    """Turn the difference from the cluster to state into the one from state to the cluster."""
    return Diff({path: PropertyDiff(_INVERSE.get(d.kind, d.kind), d.input_diff) for path, d in diff.detailed.items()})


def _without(found: Sequence[Resource | None], gone: set[str]) -> list[Resource]:
    """Drop what is gone from the list and from what the others depend on."""
    kept = []
    for resource in found:
        if resource is None:
            continue
        if gone.isdisjoint(resource.depends_on()):
            kept.append(resource)
            continue
        kept.append(
            replace(
                resource,
                dependencies=[urn for urn in resource.dependencies if urn not in gone],
                property_dependencies={
                    key: [urn for urn in urns if urn not in gone]
                    for key, urns in resource.property_dependencies.items()
                },
                deleted_with="" if resource.deleted_with in gone else resource.deleted_with,
                replace_with=[urn for urn in resource.replace_with if urn not in gone],
            )
        )
    return kept
