"""Who owns which field of a live object: `metadata.managedFields`.

A create is a plain POST, whose fields belong to the manager `pulumi-kubernetes`. Before the first server-side apply
they are moved to the resource's own manager; otherwise a field that leaves the program would stay in the cluster,
still owned by the create. What kubectl wrote is moved as well: a hand's edit in an emergency does not block the next
update. (pulumi-kubernetes `fixCSAFieldManagers`, by way of fluxcd/pkg/ssa, which compares managers by prefix.)
"""

from __future__ import annotations

from typing import Any, Final

from engine.kubernetes.objects import Object, dig, items

ADOPTED: Final = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    ("pulumi-kubernetes", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)
"""Managers (by prefix) and operations whose fields an update takes over; writes to a subresource are left alone."""


def adopt(live: Object, manager: str) -> list[Object] | None:
    """Return the entries with all adopted ones merged into an apply of `manager`; None when there are none."""
    entries = items(live, "metadata", "managedFields")
    adopted = [entry for entry in entries if _is_adopted(entry)]
    if not adopted:
        return None
    own = [entry for entry in entries if entry["manager"] == manager and entry["operation"] == "Apply"]
    rest = [entry for entry in entries if entry not in adopted and entry not in own]
    merged = {**(own or adopted)[0], "manager": manager, "operation": "Apply"}
    for entry in [*own, *adopted]:
        merged["fieldsV1"] = _union(merged.get("fieldsV1") or {}, entry.get("fieldsV1") or {})
    return [*rest, merged]


def is_from_create(live: Object) -> bool:
    """Tell whether some fields still belong to the plain create of this provider."""
    return any(
        entry["operation"] == "Update"
        and entry["manager"] in {"pulumi-kubernetes", "pulumi-kubernetes.exe", "pulumi-resource-kubernetes"}
        for entry in items(live, "metadata", "managedFields")
    )


def belongs_to_others(live: Object, manager: str, path: tuple[str, ...]) -> bool:
    """Tell whether somebody owns the field at `path`, and `manager` does not."""
    owners = {
        entry["manager"] for entry in items(live, "metadata", "managedFields") if _holds(entry.get("fieldsV1"), path)
    }
    return bool(owners) and manager not in owners


def _is_adopted(entry: Object) -> bool:
    return not entry.get("subresource") and any(
        entry["manager"].startswith(prefix) and entry["operation"] == operation for prefix, operation in ADOPTED
    )


def _holds(fields: Any, path: tuple[str, ...]) -> bool:
    return dig(fields, *(f"f:{step}" for step in path)) is not None


def _union(one: Object, other: Object) -> Object:
    both = dict(one)
    for key, value in other.items():
        both[key] = _union(both[key], value) if key in both else value
    return both
