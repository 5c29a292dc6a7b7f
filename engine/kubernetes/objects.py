"""Kubernetes objects as plain JSON, and the way to read them without tripping over what is absent or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from engine.values import UNKNOWN

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as JSON; in a preview a value may also be `UNKNOWN`."""

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
REPLACE_UNREADY = "pulumi.com/replaceUnready"
PATCH_FORCE = "pulumi.com/patchForce"
PATCH_FIELD_MANAGER = "pulumi.com/patchFieldManager"
DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy"


def dig(value: Any, *path: str) -> Any:
    """Return what stands at `path`, or None where anything on the way is absent or no mapping."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Any, *path: str) -> str:
    """Return the string at `path`, or "" where there is none (or it is unknown)."""
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def number(value: Any, *path: str) -> int:
    """Return the integer at `path`, or 0 where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, int) else 0


def items(value: Any, *path: str) -> list[Object]:
    """Return the list at `path`, or an empty one."""
    found = dig(value, *path)
    return found if isinstance(found, list) else []


def name_of(obj: Object) -> str:
    return text(obj, "metadata", "name")


def namespace_of(obj: Object) -> str:
    return text(obj, "metadata", "namespace")


def id_of(obj: Object) -> str:
    """Return the resource id: `namespace/name`, or `name` when the object has no namespace."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def annotation(obj: Object, key: str) -> str:
    return text(obj, "metadata", "annotations", key)


def is_true(obj: Object, key: str) -> bool:
    """Tell whether the annotation `key` says `"true"`; nothing else counts, as in Pulumi's provider."""
    return annotation(obj, key) == "true"


def is_named(obj: Object) -> bool:
    """Tell whether the object has a name, be it one that is not known yet."""
    return bool(name_of(obj)) or dig(obj, "metadata", "name") is UNKNOWN or obj.get("metadata") is UNKNOWN


def kind_of(obj: Object) -> tuple[str, str]:
    """Return apiVersion and kind."""
    return text(obj, "apiVersion"), text(obj, "kind")


def group_of(api_version: str) -> str:
    """Return the API group; "" for the core group."""
    return api_version.rpartition("/")[0]


def owned_by(obj: Object, uid: str) -> bool:
    """Tell whether the object names `uid` among its owners (direct ones only)."""
    return any(owner.get("uid") == uid for owner in items(obj, "metadata", "ownerReferences"))


def condition(obj: Object, kind: str) -> Object:
    """Return the status condition of that type, or an empty one."""
    return next((found for found in items(obj, "status", "conditions") if found.get("type") == kind), {})


def remove(obj: Object, path: Sequence[str]) -> None:
    """Remove what stands at `path`, if anything does."""
    parent = dig(obj, *path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def put(obj: Object, path: Sequence[str], value: Any) -> None:
    """Set what stands at `path`, making the mappings on the way; does nothing where something else is in the way."""
    parent: Any = obj
    for key in path[:-1]:
        parent = parent.setdefault(key, {})
        if not isinstance(parent, dict):
            return
    parent[path[-1]] = value
