"""Decides what to do with each registered resource, and what to delete at the end.

The rules are those of pkg/resource/deploy/step_generator.go. One registration is planned at a time; the caller holds a
lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from engine import paths
from engine.display import Display, Severity
from engine.errors import StepError
from engine.goal import Alias, Goal
from engine.provider import CheckFailure, Diff, DiffKind, PropertyDiff
from engine.providers import Providers, config_of, diff_inputs
from engine.state import Resource
from engine.steps import Op, Step
from engine.urn import Target, Urn, is_provider, package
from engine.values import UNKNOWN, Properties, Secret, contains, reveal


class Planner:
    """Plans one run over one stack."""

    def __init__(
        self, target: Target, old: Sequence[Resource], providers: Providers, display: Display, *, dry_run: bool
    ) -> None:
        self._target = target
        self._resources = old
        self._old = {resource.urn: resource for resource in old if not resource.delete}
        self._providers = providers
        self._display = display
        self._dry_run = dry_run
        self._goals: dict[str, Goal] = {}
        self._wanted: dict[str, Resource] = {}
        self._aliased: dict[str, Urn] = {}
        self._alias_of: dict[str, Urn] = {}
        self._handled: set[str] = set()
        self._replaced: set[str] = set()
        self._deleted: set[Resource] = set()
        self._superseded: set[Resource] = set()
        self.protected: list[StepError] = []
        """Protected resources that a preview would have had to delete or replace."""

    # --- names and inheritance

    def claim(self, parent: str, kind: str, name: str) -> Urn:
        """Give a registration its URN. Raises StepError when it is taken."""
        urn = Urn.of(self._target.stack, self._target.project, parent, kind, name)
        if urn in self._handled:
            raise StepError(urn, f"Duplicate resource URN '{urn}'; try giving it a unique name")
        if urn in self._aliased:
            raise StepError(
                urn,
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN '{self._aliased[urn]}'",
            )
        self._handled.add(urn)
        return urn

    def inherit(self, goal: Goal) -> Goal:
        """Complete a goal with what its parent passes on: protect, retain, deletedWith, provider."""
        above = self._goals.get(goal.parent)
        if above is None:
            return goal
        return replace(
            goal,
            protect=above.protect if goal.protect is None else goal.protect,
            retain_on_delete=above.retain_on_delete if goal.retain_on_delete is None else goal.retain_on_delete,
            deleted_with=goal.deleted_with or above.deleted_with,
            providers={**above.providers, **goal.providers},
            provider=goal.provider
            or (above.providers.get(package(goal.type), "") if goal.custom and not is_provider(goal.type) else ""),
        )

    def _find_old(self, urn: Urn, goal: Goal) -> Resource | None:
        """Find the resource in state: by its URN first, then by its aliases in order."""
        if urn in self._old:
            return self._old[urn]
        for alias in self._aliases(goal):
            if alias not in self._old:
                continue
            if alias in self._handled:
                raise StepError(urn, f"Duplicate resource alias '{alias}' applied to resource with URN '{urn}'")
            self._aliased[alias] = urn
            self._alias_of[urn] = alias
            self._handled.add(alias)
            return self._old[alias]
        return None

    def _aliases(self, goal: Goal) -> Iterator[Urn]:
        for alias in goal.aliases:
            yield self._collapse(goal, alias)
        inherited = self._alias_of.get(goal.parent)
        if inherited is None:
            return
        parent_name = Urn(goal.parent).name
        own = [(goal.type, goal.name), *((u.type, u.name) for u in (self._collapse(goal, a) for a in goal.aliases))]
        for kind, name in own:
            renamed = inherited.name + name.removeprefix(parent_name) if name.startswith(parent_name) else name
            yield Urn.of(self._target.stack, self._target.project, inherited, kind, renamed)

    def _collapse(self, goal: Goal, alias: Alias) -> Urn:
        if alias.urn:
            return Urn(alias.urn)
        parent: str = goal.parent
        if alias.no_parent:
            parent = ""
        elif alias.parent:
            parent = self._alias_of.get(alias.parent, Urn(alias.parent))
        return Urn.of(
            alias.stack or self._target.stack,
            alias.project or self._target.project,
            parent,
            alias.type or goal.type,
            alias.name or goal.name,
        )

    # --- registrations

    def plan(self, goal: Goal) -> list[Step]:
        """Return the steps that make `goal` true, in order; the last one answers the program.

        Raises StepError when the resource is not valid or must not be replaced.
        """
        urn = self.claim(goal.parent, goal.type, goal.name)
        old = self._find_old(urn, goal)
        self._goals[urn] = goal
        recreating = old is not None and old in self._deleted
        known = None if old is None or recreating or old.external else old
        inputs = goal.properties if known is None else self._ignore(urn, goal, known)
        new = self._resource(urn, goal, self._check(urn, goal, known, inputs))
        self._wanted[urn] = new
        if old is None:
            return [Step(Op.CREATE, None, new)]
        if recreating:
            self._replaced.add(urn)
            return [Step(Op.REPLACE, old, new), Step(Op.CREATE_REPLACEMENT, old, new)]
        if old.external:
            self._superseded.add(old)
            return [Step(Op.CREATE_REPLACEMENT, old, new, delete_after=True), Step(Op.REPLACE, old, new)]
        return self._plan_change(goal, old, new)

    def _resource(self, urn: Urn, goal: Goal, inputs: Properties) -> Resource:
        return Resource(
            urn=urn,
            custom=goal.custom,
            type=goal.type,
            inputs=inputs,
            parent=goal.parent,
            protect=bool(goal.protect),
            dependencies=goal.dependencies,
            provider=goal.provider,
            property_dependencies=goal.property_dependencies,
            additional_secret_outputs=goal.additional_secret_outputs,
            custom_timeouts=goal.custom_timeouts,
            retain_on_delete=bool(goal.retain_on_delete),
            deleted_with=goal.deleted_with,
            replace_with=goal.replace_with,
            source_position=goal.source_position,
            stack_trace=goal.stack_trace,
            ignore_changes=goal.ignore_changes,
            hide_diff=goal.hide_diff,
            replace_on_changes=goal.replace_on_changes,
            replacement_trigger=goal.replacement_trigger,
            resource_hooks=goal.hooks,
        )

    def _check(self, urn: Urn, goal: Goal, old: Resource | None, inputs: Properties) -> Properties:
        if not goal.custom:
            return inputs
        if is_provider(goal.type):
            return {**inputs, "version": goal.version, "__internal": {}}
        checked, failures = self._providers.get(goal.provider).check(urn, old.inputs if old else None, inputs)
        if failures:
            raise StepError(urn, "\n".join(_failure(goal, failure, inputs) for failure in failures))
        return checked

    def _ignore(self, urn: Urn, goal: Goal, old: Resource) -> Properties:
        """Set what `ignoreChanges` names back to what state has."""
        inputs = goal.properties
        for text in goal.ignore_changes:
            try:
                inputs = paths.reset(paths.parse(text), old.inputs, inputs)
            except ValueError as error:
                raise StepError(urn, f"ignoreChanges: {error}") from error
        return inputs

    def _plan_change(self, goal: Goal, old: Resource, new: Resource) -> list[Step]:
        diff = _replace_on_changes(self._diff(old, new), goal.replace_on_changes)
        trigger = (
            reveal(old.replacement_trigger) != reveal(new.replacement_trigger) and old.replacement_trigger is not None
        )
        if diff.replaces or old.pending_replacement or trigger:
            return self._plan_replacement(goal, old, new, diff)
        if diff.changes or old.init_errors:
            return [Step(Op.UPDATE, old, new, diff)]
        return [Step(Op.SAME, old, new)]

    def _diff(self, old: Resource, new: Resource) -> Diff:
        reason = next((u for u in new.replace_with if u in self._replaced), None) and "replaceWith"
        reason = reason or ("deletedWith" if new.deleted_with in self._replaced else None)
        if reason or self._provider_replaced(old, new):
            return Diff(replaces=[reason or "provider"])
        if is_provider(new.type):
            return self._diff_provider(old, new)
        if not new.custom:
            return diff_inputs(old.inputs, new.inputs) if reveal(old.inputs) != reveal(new.inputs) else Diff()
        return self._providers.get(new.provider).diff(new.urn, old.inputs, old.outputs, new.inputs, new.ignore_changes)

    def _diff_provider(self, old: Resource, new: Resource) -> Diff:
        if config_of(old.inputs) != config_of(new.inputs):
            return self._providers.diff_config(old, new)
        return diff_inputs({"version": old.inputs.get("version")}, {"version": new.inputs.get("version")})

    def _provider_replaced(self, old: Resource, new: Resource) -> bool:
        """Tell whether another provider serves the resource now, of which the old one says: another cluster."""
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return True
        before, after = self._providers.resource(old.provider), self._providers.resource(new.provider)
        return bool(self._providers.diff_config(before, after).replaces)

    # --- replacements

    def _plan_replacement(self, goal: Goal, old: Resource, new: Resource, diff: Diff) -> list[Step]:
        if old.protect and new.protect:
            self._refuse(
                new.urn,
                f'unable to replace resource "{new.urn}"\nas it is currently marked for protection. To unprotect the '
                "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`",
            )
        self._replaced.add(new.urn)
        new = replace(new, inputs=self._check(new.urn, goal, None, goal.properties))
        self._wanted[new.urn] = new
        before = diff.delete_before_replace if goal.delete_before_replace is None else goal.delete_before_replace
        if not before:
            self._superseded.add(old)
            return [
                Step(Op.CREATE_REPLACEMENT, old, new, diff, delete_after=True),
                Step(Op.REPLACE, old, new, diff),
            ]
        dependents = self._dependents_to_replace(old)
        gone = {old.urn} | {dependent.urn for dependent in dependents}
        steps = [self._condemn(dependent, gone) for dependent in reversed(dependents)]
        if not old.pending_replacement:
            self._deleted.add(old)
            steps.append(Step(Op.DELETE_REPLACED, old, None))
        return [*steps, Step(Op.REPLACE, old, new, diff), Step(Op.CREATE_REPLACEMENT, old, new, diff)]

    def _condemn(self, dependent: Resource, gone: set[Urn]) -> Step:
        if dependent.protect:
            self._refuse(
                dependent.urn,
                f'unable to replace resource "{dependent.urn}"\nas it is currently marked for protection. To unprotect '
                "the resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`",
            )
        self._deleted.add(dependent)
        return Step(Op.DELETE_REPLACED, dependent, None, forget=dependent.deleted_with in gone)

    def _dependents_to_replace(self, root: Resource) -> list[Resource]:
        """Return the old resources that must go before `root`.

        They are those whose own diff, with what they take from `root` unknown, asks for a replacement.
        """
        condemned = {root.urn}
        found = []
        for resource in self._resources:
            if resource.delete or resource.urn in self._handled or not resource.custom or resource.external:
                continue
            if resource not in self._deleted and self._must_follow(resource, condemned):
                condemned.add(resource.urn)
                found.append(resource)
        return found

    def _must_follow(self, resource: Resource, condemned: set[Urn]) -> bool:
        if resource.deleted_with in condemned or condemned.intersection(resource.replace_with):
            return True
        provider = resource.provider.rpartition("::")[0]
        if provider in condemned:
            return True
        changed = {key for key, urns in resource.property_dependencies.items() if condemned.intersection(urns)}
        if not changed.intersection(resource.inputs) or is_provider(resource.type):
            return False
        inputs = {key: UNKNOWN if key in changed else value for key, value in resource.inputs.items()}
        diff = self._providers.get(resource.provider).diff(
            resource.urn, resource.inputs, resource.outputs, inputs, resource.ignore_changes
        )
        return bool(_replace_on_changes(diff, resource.replace_on_changes).replaces)

    def _refuse(self, urn: str, message: str) -> None:
        """A preview shows everything that is protected; an update stops at the first."""
        error = StepError(urn, message)
        if not self._dry_run:
            raise error
        self._display.diagnostic(urn, Severity.ERROR, message)
        self.protected.append(error)

    # --- reads

    def plan_read(self, new: Resource) -> Step:
        """Plan a `get`: the resource is looked at, never managed."""
        old = self._old.get(new.urn)
        self._handled.add(new.urn)
        if old is not None and (not old.external or old.id != new.id):
            self._superseded.add(old)
            return Step(Op.READ_REPLACEMENT, old, new, delete_after=True)
        return Step(Op.READ, old, new)

    # --- deletes

    def plan_deletes(self) -> list[list[Step]]:
        """Return the deletes of all that the program no longer has, in rounds: each round's steps are independent."""
        doomed = []
        for resource in self._resources:
            if resource in self._deleted:
                if resource.urn not in self._handled:
                    doomed.append(Step(Op.REMOVE_PENDING_REPLACE, resource, None))
            elif resource.delete or resource in self._superseded:
                doomed.append(Step(Op.DELETE_REPLACED, resource, None, delete_after=True))
            elif resource.urn not in self._handled:
                op = Op.REMOVE_PENDING_REPLACE if resource.pending_replacement else Op.DELETE
                doomed.append(Step(op, resource, None))
        gone = {step.urn for step in doomed} | {resource.urn for resource in self._deleted}
        for step in doomed:
            step.forget = step.resource.deleted_with in gone
        return delete_rounds(doomed)


def delete_rounds(steps: Iterable[Step]) -> list[list[Step]]:
    """Order deletes so that nothing goes before what depends on it; each round can run at once.

    Built as Pulumi builds it, from what depends on nothing upwards, and then turned round.
    """
    remaining = list(steps)
    rounds = []
    while remaining:
        doomed = {step.urn for step in remaining}
        ready = [step for step in remaining if doomed.isdisjoint(step.resource.depends_on())] or remaining[:1]
        rounds.append(ready)
        remaining = [step for step in remaining if step not in ready]
    return rounds[::-1]


def _failure(goal: Goal, failure: CheckFailure, inputs: Properties) -> str:
    if not failure.path:
        return f"{goal.type} resource '{goal.name}' has a problem: {failure.reason}"
    value = inputs.get(failure.path)
    shown = "[secret]" if contains(value, Secret) else value
    return f"{goal.type} resource '{goal.name}': property {failure.path} value {shown} has a problem: {failure.reason}"


def _replace_on_changes(diff: Diff, patterns: Sequence[str]) -> Diff:
    """Upgrade the changes that `replaceOnChanges` names."""
    if not patterns or not diff.changes:
        return diff
    wanted = [paths.parse(pattern) for pattern in patterns]
    detailed, replaces = {}, list(diff.replaces)
    for text, change in diff.detailed.items():
        path = paths.parse(text)
        kind = change.kind
        if not kind.endswith("-replace") and any(paths.covers(pattern, path) for pattern in wanted):
            kind = DiffKind(f"{kind}-replace")
            replaces.append(text)
        detailed[text] = PropertyDiff(kind, change.input_diff)
    return Diff(detailed, replaces, diff.delete_before_replace)
