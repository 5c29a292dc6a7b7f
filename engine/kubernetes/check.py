"""From what the program says to the inputs that are stored: names, namespaces, what is refused."""

from __future__ import annotations

import secrets
from typing import Final

from engine.kubernetes.checkpoint import inputs_of, to_object
from engine.kubernetes.normal import normal
from engine.kubernetes.objects import (
    AUTONAMED,
    Object,
    dig,
    is_named,
    is_true,
    kind_of,
    name_of,
    namespace_of,
    put,
    text,
)
from engine.kubernetes.readiness import rule_of
from engine.provider import ProviderError
from engine.urn import Urn
from engine.values import UNKNOWN, Properties

REFUSED_GROUPS: Final = {
    "helm.sh": "Helm charts and releases",
    "yaml": "YAML components",
    "kustomize": "Kustomize components",
}


def kind_of_type(urn: str) -> tuple[str, str]:
    """Return apiVersion and kind as the type names them; the core group is written `core/v1` there."""
    _, version, kind = Urn(urn).type.split(":")
    return version.removeprefix("core/"), kind


def refuse(urn: str, inputs: Object) -> None:
    """Refuse the kinds that the embedded engine does not do.

    Raises:
        ProviderError: it is one of them.
    """
    version, kind = kind_of_type(urn)
    what = REFUSED_GROUPS.get(version.partition("/")[0])
    if kind == f"{text(inputs, 'kind')}Patch":
        what = "Patch resources"
    if what is not None:
        raise ProviderError(f"{Urn(urn).type}: {what} are not supported by the embedded engine; use the Pulumi CLI")
    if kind.endswith("List") and isinstance(inputs.get("items"), list):
        raise ProviderError(
            "list resources exist for compatibility with YAML manifests and Helm charts, "
            "and cannot be created directly. Use the underlying resource type instead"
        )


def check(
    urn: str, old_inputs: Properties | None, program: Properties, default_namespace: str, *, namespaced: bool
) -> Properties:
    """Return the checked inputs of a resource.

    An object without a name keeps the generated one it had, or gets `<resource name>-<8 hex digits>` and the
    annotation `pulumi.com/autonamed`.

    Raises:
        ProviderError: the kind or a field is refused.
    """
    obj = to_object(program)
    refuse(urn, obj)
    obj = normal(obj)
    rule_of(obj)  # a `waitFor` that cannot be read is said now, not after the create
    if not is_named(obj):
        old = to_object(old_inputs or {})
        if dig(obj, "metadata", "generateName"):
            raise ProviderError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
        if not old or is_true(old, AUTONAMED):
            put(obj, ("metadata", "name"), name_of(old) or f"{Urn(urn).name}-{secrets.token_hex(4)}")
            put(obj, ("metadata", "annotations", AUTONAMED), "true")
    is_open = isinstance(dig(obj, "metadata"), dict) and dig(obj, "metadata", "namespace") is not UNKNOWN
    if namespaced and is_open and not namespace_of(obj):
        put(obj, ("metadata", "namespace"), default_namespace)
    return inputs_of(obj, program)


def scope_in(definition: Object) -> tuple[tuple[str, str], bool]:
    """Return group and kind that a CustomResourceDefinition defines, and whether its objects have a namespace."""
    spec = definition.get("spec")
    return (text(spec, "group"), text(spec, "names", "kind")), text(spec, "scope") != "Cluster"


def is_definition(obj: Object) -> bool:
    return kind_of(obj) == ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
