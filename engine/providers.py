"""The providers of a run: configured once each, found by the reference that resources name."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from engine.errors import StepError
from engine.provider import CheckFailure, Diff, DiffKind, PropertyDiff, Provider, ProviderFactory, ReadResult, Report
from engine.state import Resource
from engine.urn import package
from engine.values import Properties, Unknown, contains, reveal
from engine.wire import UNKNOWN_TEXT

UNKNOWN_ID: Final = UNKNOWN_TEXT
"""The id of a provider that a preview would create."""


class Providers:
    """Configures providers with `factories[package]` and remembers them."""

    def __init__(self, factories: Mapping[str, ProviderFactory], report: Report, old: Sequence[Resource]) -> None:
        self._factories = factories
        self._report = report
        self._known = {
            resource.reference: resource for resource in old if resource.type.startswith("pulumi:providers:")
        }
        self._configured: dict[str, Provider] = {}
        self._lock = threading.Lock()

    def add(self, resource: Resource) -> None:
        """Make a provider resource of this run known; its inputs win over those in state."""
        with self._lock:
            known = self._known.get(resource.reference)
            self._known[resource.reference] = resource
            if known is None or config_of(known.inputs) != config_of(resource.inputs):
                self._configured.pop(resource.reference, None)

    def resource(self, reference: str) -> Resource:
        """Return the provider resource that is referred to. Raises StepError when there is none."""
        try:
            return self._known[reference]
        except KeyError:
            raise StepError("", f"unknown provider '{reference}'") from None

    def get(self, reference: str) -> Provider:
        """Return the provider that is referred to, configured."""
        with self._lock:
            if reference not in self._configured:
                resource = self.resource(reference)
                self._configured[reference] = self._configure(resource.type, config_of(resource.inputs))
            return self._configured[reference]

    def diff_config(self, old: Resource, new: Resource) -> Diff:
        """Compare two configurations; decides whether a provider, and so all its resources, must be replaced."""
        before, after = config_of(old.inputs), config_of(new.inputs)
        if before == after:
            return Diff()
        if contains(after, Unknown):
            return diff_inputs(before, after)
        return self._configure(new.type, after).diff_config(before, after)

    def _configure(self, kind: str, config: Properties) -> Provider:
        if contains(config, Unknown):
            return _Unconfigured()
        return self._factories[package(kind)](reveal(config), self._report)

    def cancel(self) -> None:
        """Make the waits of all providers end soon."""
        for provider in list(self._configured.values()):
            provider.cancel()


def config_of(inputs: Properties) -> Properties:
    """Return a provider resource's own config: its inputs without what the engine keeps there."""
    return {key: value for key, value in inputs.items() if key not in ("version", "__internal")}


def diff_inputs(old: Properties, new: Properties) -> Diff:
    """Compare two maps by their top-level keys."""
    before, after = reveal(old), reveal(new)
    detailed = {}
    for key in sorted({*before, *after}):
        if key not in after:
            detailed[key] = PropertyDiff(DiffKind.DELETE)
        elif key not in before:
            detailed[key] = PropertyDiff(DiffKind.ADD)
        elif before[key] != after[key]:
            detailed[key] = PropertyDiff(DiffKind.UPDATE)
    return Diff(detailed)


class _Unconfigured:
    """Stands in, during a preview, for a provider whose own config is not known yet: it changes nothing."""

    def check(self, _urn: str, _old: Properties | None, inputs: Properties) -> tuple[Properties, list[CheckFailure]]:
        return inputs, []

    def diff(
        self, _urn: str, old_inputs: Properties, _old_outputs: Properties, inputs: Properties, _ignore: Sequence[str]
    ) -> Diff:
        return diff_inputs(old_inputs, inputs)

    def create(self, _urn: str, inputs: Properties, *, timeout: float | None, preview: bool) -> tuple[str, Properties]:
        del timeout, preview
        return "", inputs

    def update(
        self,
        _urn: str,
        _id: str,
        _old_inputs: Properties,
        _old_outputs: Properties,
        inputs: Properties,
        *,
        timeout: float | None,
        ignore: Sequence[str],
        preview: bool,
    ) -> Properties:
        del timeout, ignore, preview
        return inputs

    def read(self, _urn: str, id: str, inputs: Properties, outputs: Properties) -> ReadResult:  # noqa: A002
        return ReadResult(id, inputs, outputs)

    def delete(self, _urn: str, _id: str, _inputs: Properties, _outputs: Properties, *, timeout: float | None) -> None:
        del timeout

    def diff_config(self, old: Properties, new: Properties) -> Diff:
        return diff_inputs(old, new)

    def cancel(self) -> None:
        pass
