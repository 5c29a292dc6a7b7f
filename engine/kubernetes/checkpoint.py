"""Between property values (secrets marked, underscored keys) and Kubernetes objects; the form of stored outputs.

Outputs are the whole live object together with `__inputs` (the checked inputs), `__initialApiVersion` and
`__fieldManager`, as pulumi-kubernetes stores them: it reads ours and we read its.
"""

from __future__ import annotations

from typing import Any, Final

from engine.kubernetes.objects import PATCH_FIELD_MANAGER, Object, annotation, kind_of, text
from engine.values import Properties, Secret, contains, reveal

INPUTS: Final = "__inputs"
INITIAL_API_VERSION: Final = "__initialApiVersion"
FIELD_MANAGER: Final = "__fieldManager"

DASHED: Final = {
    f"x_kubernetes_{name}": f"x-kubernetes-{name.replace('_', '-')}"
    for name in (
        "embedded_resource", "int_or_string", "list_map_keys", "list_type", "map_type", "preserve_unknown_fields",
        "validations",
    )
}  # fmt: skip
"""Schema keys of a CustomResourceDefinition that no SDK can name with dashes."""
UNDERSCORED: Final = {dashed: name for name, dashed in DASHED.items()}


def to_object(properties: Properties) -> Object:
    """Return the Kubernetes object: no secrets marked, dashed keys, whole numbers as integers; shares nothing."""
    plain = _convert(reveal(properties), DASHED)
    return plain if isinstance(plain, dict) else {}


def inputs_of(obj: Object, program: Properties) -> Properties:
    """Return checked inputs: the object with the secrets that the program marked."""
    inputs: Properties = _convert(obj, {})
    mark_secrets(inputs, program)
    return inputs


def outputs_of(live: Object, sent: Object, inputs: Properties, manager: str, initial_api_version: str) -> Properties:
    """Return what is stored of a live object and of what was sent to make it so.

    Both get the secrets of the checked `inputs`. What was sent can lack a field of the inputs: one under
    `ignoreChanges` that somebody else owns.
    """
    outputs: Properties = _convert(live, UNDERSCORED)
    kept: Properties = _convert(sent, UNDERSCORED)
    mark_secrets(outputs, inputs)
    mark_secrets(kept, inputs)
    return outputs | {INPUTS: kept, INITIAL_API_VERSION: initial_api_version, FIELD_MANAGER: manager}


def parts_of(outputs: Properties) -> tuple[Object, Object]:
    """Return the old checked inputs and the live object of stored outputs."""
    live = to_object(outputs)
    for key in (INITIAL_API_VERSION, FIELD_MANAGER):
        live.pop(key, None)
    return live.pop(INPUTS, {}), live


def mark_secrets(outs: Properties, ins: Properties) -> None:
    """Mark in `outs` what is secret in `ins`, at the leaf; a list with a secret anywhere becomes secret as a whole.

    The data of a Secret is secret whatever the program said.
    """
    if outs.get("kind") == "Secret":
        for key in ("data", "stringData"):
            if key in outs and not isinstance(outs[key], Secret):
                outs[key] = Secret(outs[key])
        return
    for key, wanted in ins.items():
        value = outs.get(key)
        if isinstance(value, dict) and isinstance(wanted, dict):
            mark_secrets(value, wanted)
        elif key in outs and not isinstance(value, Secret) and contains(wanted, Secret):
            outs[key] = Secret(value)


def _convert(value: Any, keys: dict[str, str]) -> Any:
    match value:
        case dict():
            return {keys.get(key, key): _convert(item, keys) for key, item in value.items()}
        case list():
            return [_convert(item, keys) for item in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def field_manager(inputs: Object, outputs: Properties, fresh: str) -> str:
    """Return the manager to apply with: the annotation's, else the stored one, else `fresh`."""
    return annotation(inputs, PATCH_FIELD_MANAGER) or text(outputs, FIELD_MANAGER) or fresh


def initial_api_version(outputs: Properties, inputs: Object) -> str:
    return text(outputs, INITIAL_API_VERSION) or kind_of(inputs)[0]
