"""Writing to the cluster: create, update, delete of one object, and their dry runs."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from engine import paths
from engine.kubernetes import managed_fields
from engine.kubernetes.check import is_definition
from engine.kubernetes.client import Cluster
from engine.kubernetes.errors import ApiError, ClusterError, NoMatchError, StoppedError
from engine.kubernetes.objects import (
    PATCH_FORCE,
    Object,
    dig,
    is_true,
    kind_of,
    name_of,
    namespace_of,
    put,
    remove,
    text,
)
from engine.kubernetes.settings import Settings
from engine.kubernetes.waiting import Show
from engine.provider import Severity

CREATE_DELAYS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to create what has no namespace or definition yet."""
ADOPT_ATTEMPTS: Final = 5

EXISTS_HINT: Final = """

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use `pulumi import`. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create."""

CONFLICT_HELP: Final = (
    "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/kubernetes/"
    "how-to-guides/managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources "
    "for troubleshooting help"
)


def create(cluster: Cluster, obj: Object, manager: str, settings: Settings, show: Show, *, preview: bool) -> Object:
    """Create the object, or with `upsertExistingObjects` apply it; a namespace or kind to come is waited for.

    Raises:
        ClusterError: it was not created (an `ApiError` or `NoMatchError` when the server said so).
    """
    for attempt, delay in enumerate((*CREATE_DELAYS, 0.0)):
        try:
            if settings.upsert_existing_objects:
                return _upsert(cluster, obj, manager, settings, show, preview=preview)
            return cluster.create(obj, dry_run=preview)
        except (ApiError, NoMatchError) as error:
            to_come = isinstance(error, NoMatchError) or error.not_found
            if not (preview and isinstance(error, ApiError) and error.namespace_missing):
                show(Severity.INFO, f"Retry #{attempt}; creation failed: {error}")
            if not to_come or preview or not delay:
                raise
            cluster.forget(kind_of(obj)[0])
        if cluster.stopped.wait(delay):
            break
    raise StoppedError(f'Resource operation was cancelled for "{name_of(obj)}"')


def update(
    cluster: Cluster, obj: Object, manager: str, settings: Settings, ignore: Sequence[str], *, preview: bool
) -> tuple[Object, Object]:
    """Bring a live object to `obj`; return it before and after.

    Fields in `ignore` keep their live value: left to whoever owns them, or sent back as they are when it is us.

    Raises:
        ClusterError: it was not updated.
    """
    before = cluster.live(obj)
    if is_definition(obj):
        version = {"resourceVersion": text(before, "metadata", "resourceVersion")}
        replacement = obj | {"metadata": obj["metadata"] | version}
        return before, cluster.replace(replacement, manager, dry_run=preview)
    live = before if preview else _adopt(cluster, before, manager)
    for path in ignore:
        _keep(obj, live, manager, path)
    force = (
        settings.enable_patch_force
        or is_true(obj, PATCH_FORCE)
        or not dig(live, "metadata", "managedFields")
        or (preview and managed_fields.is_from_create(live))
    )
    return before, _apply(cluster, obj, manager, force=force, preview=preview)


def relinquish(cluster: Cluster, obj: Object, manager: str) -> None:
    """Give up what a former manager of ours owned, by applying nothing in its name."""
    api_version, kind = kind_of(obj)
    metadata = {"name": name_of(obj)} | ({"namespace": namespace_of(obj)} if namespace_of(obj) else {})
    cluster.apply({"apiVersion": api_version, "kind": kind, "metadata": metadata}, manager, force=True)


def _upsert(cluster: Cluster, obj: Object, manager: str, settings: Settings, show: Show, *, preview: bool) -> Object:
    """Apply an object that may be there already; what a replacement takes the place of is in the way of its preview."""
    force = preview or settings.enable_patch_force or is_true(obj, PATCH_FORCE)
    try:
        return _apply(cluster, obj, manager, force=force, preview=preview)
    except ApiError as error:
        if not (preview and error.code == 422 and "field is immutable" in str(error)):
            raise
    name = f"{name_of(obj)[:58]}{secrets.token_hex(3)[:5]}"
    show(Severity.INFO, f'Preview creation failed due to immutable fields; retrying with name "{name}"')
    renamed = obj | {"metadata": obj["metadata"] | {"name": name}}
    return _apply(cluster, renamed, manager, force=force, preview=preview)


def _apply(cluster: Cluster, obj: Object, manager: str, *, force: bool, preview: bool) -> Object:
    try:
        return cluster.apply(obj, manager, force=force, dry_run=preview)
    except ApiError as error:
        if not error.conflict:
            raise
        raise ClusterError(
            f'{CONFLICT_HELP}\nThe resource managed by field manager "{manager}" had an apply conflict: {error}'
        ) from error


def _adopt(cluster: Cluster, live: Object, manager: str) -> Object:
    """Move the fields of the create (and of kubectl) to `manager`; others may write to the object meanwhile."""
    for attempt in range(ADOPT_ATTEMPTS):
        entries = managed_fields.adopt(live, manager)
        if entries is None:
            return live
        version = text(live, "metadata", "resourceVersion")
        operations: list[Object] = [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        try:
            return cluster.patch(live, operations)
        except ApiError as error:
            if not error.conflict or attempt == ADOPT_ATTEMPTS - 1:
                raise
        live = cluster.live(live)
    return live


def _keep(obj: Object, live: Object, manager: str, path: str) -> None:
    steps = paths.parse(path)
    fields = tuple(step for step in steps if isinstance(step, str) and step != "*")
    if len(fields) < len(steps):
        return  # inside lists the engine has put the old inputs back already; that is all pulumi-kubernetes does too
    if managed_fields.belongs_to_others(live, manager, fields):
        remove(obj, fields)
    elif (value := dig(live, *fields)) is not None:
        put(obj, fields, value)
