"""Kubernetes' strategic merge patch, for pod templates.

Maps merge key by key and null removes a key. A list replaces the old one unless Kubernetes gives it a merge key: then
its elements merge with those of the same key, and new ones come last (the API server puts them first, so that an added
container would be the one that `kubectl logs` shows). `$patch` and `$retainKeys` mean what they mean to kubectl.
Source: "Update API Objects in Place Using kubectl patch" and the `patchMergeKey` tags in k8s.io/api core/v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "env": "name",
    "ephemeralContainers": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ports": "containerPort",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}


class MergeKeyMissingError(ValueError):
    """An element of a patch's list does not say which element it is about."""

    def __init__(self, field: str, merge_key: str) -> None:
        self.field, self.merge_key = field, merge_key
        super().__init__(f"each element of {field} needs its {merge_key}, to say which one it is about")


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `patch` merged into it; neither is changed.

    Raises:
        MergeKeyMissingError: an element of a list with a merge key lacks it.
    """
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    result = {} if directive == "replace" else dict(base)
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        old = result.pop(key, None)
        if isinstance(value, Mapping):
            result[key] = merged(old if isinstance(old, Mapping) else {}, value)
        elif isinstance(value, list) and key in MERGE_KEYS:
            result[key] = _merged_list(old or [], value, key)
        elif value is not None:
            result[key] = value
    return result


def _merged_list(base: Sequence[Mapping[str, Any]], patch: Sequence[Mapping[str, Any]], field: str) -> list[Any]:
    merge_key = MERGE_KEYS[field]
    if {"$patch": "replace"} in patch:
        return [element for element in patch if element != {"$patch": "replace"}]
    elements = {element[merge_key]: element for element in base}
    for element in patch:
        if merge_key not in element:
            raise MergeKeyMissingError(field, merge_key)
        key = element[merge_key]
        if element.get("$patch") == "delete":
            elements.pop(key, None)
        else:
            elements[key] = merged(elements.get(key, {}), element)
    return list(elements.values())
