"""The rules as a policy pack: `pulumi preview --policy-pack policy`, on either engine's stack files.

The CLI runs this folder as a program of its own, without the project around it.
"""

from __future__ import annotations

from collections.abc import Callable

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from rules import OBJECT_RULES, STACK_RULES, Manifest, ObjectRule, StackRule


def is_object(resource_type: str, props: Manifest) -> bool:
    """Whether a resource is a whole Kubernetes object: no patch of one, no provider, no chart, no component."""
    return resource_type.startswith("kubernetes:") and not resource_type.endswith("Patch") and "kind" in props


def description(rule: ObjectRule | StackRule) -> str:
    """The first paragraph of what a rule says of itself, on one line."""
    return " ".join((rule.__doc__ or "").partition("\n\n")[0].split())


def of_object(rule: ObjectRule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(resource: ResourceValidationArgs, report: ReportViolation) -> None:
        if is_object(resource.resource_type, resource.props):
            for text in rule(resource.props):
                report(f"{_name(resource.props)}: {text}", None)

    return validate


def of_stack(rule: StackRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(stack: StackValidationArgs, report: ReportViolation) -> None:
        objects = [each for each in stack.resources if is_object(each.resource_type, each.props)]
        urns = {id(each.props): each.urn for each in objects}
        for manifest, text in rule([each.props for each in objects]):
            report(f"{_name(manifest)}: {text}", urns[id(manifest)])

    return validate


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


PolicyPack(
    name="cutover",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        *(ResourceValidationPolicy(name, description(rule), of_object(rule)) for name, rule in OBJECT_RULES.items()),
        *(StackValidationPolicy(name, description(rule), of_stack(rule)) for name, rule in STACK_RULES.items()),
    ],
)
