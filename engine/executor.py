"""Runs one step: hooks, the provider's operation, and the journal's entries around it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Final

from engine.display import Display, Severity
from engine.errors import StepError
from engine.hooks import HookArgs, Hooks
from engine.journal import Journal
from engine.provider import PartialFailureError, ProviderError
from engine.providers import UNKNOWN_ID, Providers
from engine.state import Operation, Resource, now
from engine.steps import Op, Step
from engine.urn import is_provider
from engine.values import UNKNOWN, Properties
from engine.wire import secret

_PROTECTED: Final = (
    'resource "{urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, either remove the '
    "`protect` flag from the resource in your Pulumi program and run `pulumi up`, or use the command:\n"
    "`pulumi state unprotect '{urn}'`"
)


class Executor:
    """Runs steps from several threads. A preview asks providers for previews and writes nothing."""

    def __init__(
        self, journal: Journal, providers: Providers, hooks: Hooks, display: Display, *, dry_run: bool
    ) -> None:
        self._journal = journal
        self._providers = providers
        self._hooks = hooks
        self._display = display
        self._dry_run = dry_run

    def run(self, step: Step) -> None:
        """Run a step; `step.new` is then what came out. Raises StepError, shown already."""
        self._display.began(step)
        try:
            self._apply(step)
        except (ProviderError, StepError) as error:
            message = _explain(error)
            self._display.diagnostic(
                step.urn, Severity.ERROR, f"Preview failed: {message}" if self._dry_run else message
            )
            self._display.ended(step, failed=True)
            raise StepError(step.urn, str(error), shown=True) from error
        self._display.ended(step)

    def _apply(self, step: Step) -> None:
        match step.op:
            case Op.SAME:
                self._same(step)
            case Op.CREATE | Op.CREATE_REPLACEMENT:
                self._create(step)
            case Op.UPDATE:
                self._update(step)
            case Op.DELETE | Op.DELETE_REPLACED:
                self._delete(step)
            case Op.READ | Op.READ_REPLACEMENT:
                self._read(step)
            case Op.REMOVE_PENDING_REPLACE:
                self._journal.forget(_old(step))
            case Op.REPLACE | Op.REFRESH:
                pass

    def _same(self, step: Step) -> None:
        old, new = _old(step), _new(step)
        self._finish(
            step,
            replace(
                new, id=old.id, outputs=old.outputs, created=old.created, modified=old.modified, import_id=old.import_id
            ),
        )

    def _create(self, step: Step) -> None:
        new = _new(step)
        self._hooks_of(new, "BeforeCreate", HookArgs(urn=new.urn, new_inputs=new.inputs))
        moment = now()
        new = replace(new, created=moment, modified=moment)
        if is_provider(new.type):
            new = replace(new, id=UNKNOWN_ID if self._dry_run else str(uuid.uuid4()), outputs=_provider_outputs(new))
        elif new.custom:
            new = self._create_custom(step, new)
        self._finish(step, new)
        if new.custom:
            self._hooks_of(
                new, "AfterCreate", HookArgs(urn=new.urn, id=new.id, new_inputs=new.inputs, new_outputs=new.outputs)
            )

    def _create_custom(self, step: Step, new: Resource) -> Resource:
        provider = self._providers.get(new.provider)
        with self._journal.operation(new, Operation.CREATING):
            try:
                id_, outputs = provider.create(
                    new.urn, new.inputs, timeout=new.custom_timeouts.get("create"), preview=self._dry_run
                )
            except PartialFailureError as error:
                self._finish(
                    step,
                    replace(new, id=error.id, outputs=_with_secrets(new, error.outputs), init_errors=error.reasons),
                )
                raise
        return replace(new, id=id_, outputs=_with_secrets(new, outputs))

    def _update(self, step: Step) -> None:
        old, new = _old(step), _new(step)
        before = HookArgs(urn=new.urn, id=old.id, new_inputs=new.inputs, old_inputs=old.inputs, old_outputs=old.outputs)
        self._hooks_of(new, "BeforeUpdate", before)
        new = replace(new, id=old.id, created=old.created, modified=now(), import_id=old.import_id)
        if is_provider(new.type):
            new = replace(new, outputs=_provider_outputs(new))
        elif new.custom:
            new = self._update_custom(step, old, new)
        self._finish(step, new)
        if new.custom:
            self._hooks_of(new, "AfterUpdate", replace(before, new_outputs=new.outputs))

    def _update_custom(self, step: Step, old: Resource, new: Resource) -> Resource:
        provider = self._providers.get(new.provider)
        with self._journal.operation(new, Operation.UPDATING):
            try:
                outputs = provider.update(
                    new.urn,
                    old.id,
                    old.inputs,
                    old.outputs,
                    new.inputs,
                    timeout=new.custom_timeouts.get("update"),
                    ignore=new.ignore_changes,
                    preview=self._dry_run,
                )
            except PartialFailureError as error:
                outputs = _with_secrets(new, error.outputs)
                self._finish(step, replace(new, inputs=old.inputs, outputs=outputs, init_errors=error.reasons))
                raise
        return replace(new, outputs=_with_secrets(new, outputs))

    def _delete(self, step: Step) -> None:
        old = _old(step)
        if old.protect and step.op is Op.DELETE:
            raise StepError(old.urn, _PROTECTED.format(urn=old.urn))
        args = HookArgs(urn=old.urn, id=old.id, old_inputs=old.inputs, old_outputs=old.outputs)
        self._hooks_of(old, "BeforeDelete", args)
        if _is_ours(old) and not step.forget and not self._dry_run:
            with self._journal.operation(old, Operation.DELETING):
                self._providers.get(old.provider).delete(
                    old.urn, old.id, old.inputs, old.outputs, timeout=old.custom_timeouts.get("delete")
                )
        if step.op is Op.DELETE or step.delete_after:
            self._journal.forget(old)
        else:
            self._journal.await_replacement(old)
        self._hooks_of(old, "AfterDelete", args)

    def _read(self, step: Step) -> None:
        new = _new(step)
        if new.id == "":
            step.new = replace(new, outputs={**new.inputs, "__unknown": UNKNOWN})
            return
        result = self._providers.get(new.provider).read(new.urn, new.id, {}, new.inputs)
        if result is None:
            raise StepError(new.urn, f"resource '{new.id}' does not exist")
        outputs = _with_secrets(new, result.outputs)
        moment = now()
        created = step.old.created if step.old else moment
        self._finish(step, replace(new, inputs=result.inputs, outputs=outputs, created=created, modified=moment))

    # --- around a step

    def _finish(self, step: Step, resource: Resource) -> None:
        step.new = resource
        if is_provider(resource.type):
            self._providers.add(resource)
        self._journal.put(resource, step.old, delete_old=step.delete_after)

    def _hooks_of(self, resource: Resource, phase: str, args: HookArgs) -> None:
        if names := resource.resource_hooks.get(phase):
            self._hooks.run(phase, names, args)


def _explain(error: Exception) -> str:
    """Return what to say about a failure: with several reasons, each on a line of its own, as the CLI does."""
    if not isinstance(error, PartialFailureError) or not error.reasons:
        return str(error)
    count = len(error.reasons)
    return f"{count} error{'s' * (count > 1)} occurred:\n" + "\n".join(f"\t* {reason}" for reason in error.reasons)


def _is_ours(old: Resource) -> bool:
    """Tell whether a provider must delete: neither what was only read nor what is to be kept."""
    return old.custom and not is_provider(old.type) and not old.external and not old.retain_on_delete


def _old(step: Step) -> Resource:
    if step.old is None:
        raise ValueError(f"{step.op} needs an old resource")
    return step.old


def _new(step: Step) -> Resource:
    if step.new is None:
        raise ValueError(f"{step.op} needs a new resource")
    return step.new


def _provider_outputs(resource: Resource) -> Properties:
    return {key: value for key, value in resource.inputs.items() if key != "__internal"}


def _with_secrets(resource: Resource, outputs: Properties) -> Properties:
    """Mark the outputs that `additionalSecretOutputs` names."""
    return {
        key: secret(value) if key in resource.additional_secret_outputs else value for key, value in outputs.items()
    }
