"""What an update would change: the stored live object, as far as inputs shaped it, against the new inputs.

Live means the last state that was written, not the cluster of today: drift shows after a refresh, as with
pulumi-kubernetes (`diff.go`, `convertPatchToDiff`), whose paths and kinds these are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from engine import paths
from engine.kubernetes.normal import normal
from engine.kubernetes.objects import AUTONAMED, Object, dig, is_named, is_true, kind_of, name_of, namespace_of, put
from engine.kubernetes.objects import text as text_at
from engine.kubernetes.settings import Settings
from engine.provider import Diff, DiffKind, PropertyDiff
from engine.values import UNKNOWN

Path: TypeAlias = tuple[str | int, ...]
Change: TypeAlias = tuple[Path, DiffKind, Any]
"""Where, what kind of change, and the new value."""

IDENTITY: Final = (("metadata", "name"), ("metadata", "namespace"))

_CONTAINER = (
    "args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe",
    "resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty",
    "volumeDevices", "volumeMounts", "workingDir",
)  # fmt: skip
_POD = (
    "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "hostAliases",
    "hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName", "nodeSelector", "overhead",
    "preemptionPolicy", "priority", "priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName",
    "schedulerName", "securityContext", "serviceAccount", "serviceAccountName", "shareProcessNamespace", "subdomain",
    "terminationGracePeriodSeconds", "volumes",
)  # fmt: skip
_VOLUME_SOURCES = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker",
    "gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk", "portworxVolume",
    "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
)  # fmt: skip


def _spec(*fields: str) -> tuple[Path, ...]:
    return tuple(("spec", field) for field in fields)


IMMUTABLE: Final[dict[tuple[str, str], tuple[Path, ...]]] = {
    ("apps/v1", "DaemonSet"): _spec("selector"),
    ("apps/v1", "Deployment"): _spec("selector"),
    ("apps/v1", "StatefulSet"): _spec(
        "podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates"
    ),
    ("batch/v1", "Job"): _spec("completions", "parallelism", "selector", "template"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): (("roleRef",),),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): (("roleRef",),),
    ("storage.k8s.io/v1", "StorageClass"): (("parameters",), ("provisioner",)),
    ("v1", "PersistentVolume"): _spec(*_VOLUME_SOURCES),
    ("v1", "PersistentVolumeClaim"): _spec("accessModes", "selector", "storageClassName", "volumeName"),
    ("v1", "Pod"): _spec(*_POD)
    + tuple(("spec", kind, "*", field) for kind in ("containers", "initContainers") for field in _CONTAINER),
    ("v1", "ResourceQuota"): _spec("scopes"),
    ("v1", "Secret"): (("type",),),
    ("v1", "Service"): _spec("clusterIP"),
}
"""Fields whose change replaces the object, by apiVersion and kind; name and namespace do for every kind."""


def immutable_fields(obj: Object, settings: Settings) -> tuple[Path, ...]:
    """Return the paths whose change replaces this object.

    The contents of a ConfigMap or Secret are among them unless the provider was told that they may change and the
    object itself is not `immutable`.
    """
    fields = IDENTITY + IMMUTABLE.get(kind_of(obj), ())
    frozen = obj.get("immutable") is True
    if kind_of(obj) == ("v1", "ConfigMap") and (frozen or not settings.enable_config_map_mutable):
        fields += (("binaryData",), ("data",))
    if kind_of(obj) == ("v1", "Secret") and (frozen or not settings.enable_secret_mutable):
        fields += (("stringData",), ("data",))
    return fields


def compare(
    old_inputs: Object, live: Object, new: Object, ignore: Sequence[str], settings: Settings, *, namespaced: bool
) -> Diff:
    """Compare the stored live object with the new inputs.

    Raises:
        ValueError: a path in `ignore` is none.
    """
    old_inputs, new = normal(old_inputs), normal(new)
    old = prune(live, old_inputs)
    _align_identity(old, new, live, namespaced=namespaced)
    immutable = immutable_fields(new, settings)
    ignored = [paths.parse(path) for path in ignore]
    detailed: dict[str, PropertyDiff] = {}
    replaces: list[str] = []
    for path, kind, value in _changes(old, new, old_inputs, ()):
        if any(paths.covers(outer, path) for outer in ignored):
            continue
        replacing = any(_touches(path, value, field) for field in immutable)
        change = DiffKind(f"{kind}-replace") if replacing else kind
        detailed[paths.show(path)] = PropertyDiff(change, input_diff=kind is DiffKind.DELETE)
        if replacing or (kind is DiffKind.DELETE and path == ("metadata",)):
            replaces.append(paths.show(path))
    same_place = (name_of(new), namespace_of(new)) == (name_of(live), namespace_of(live))
    in_the_way = is_named(new) and not is_true(new, AUTONAMED) and same_place
    return Diff(detailed, replaces, delete_before_replace=bool(replaces) and in_the_way)


def _align_identity(old: Object, new: Object, live: Object, *, namespaced: bool) -> None:
    """Make the two sides agree where they only differ in how they say the same."""
    for obj in (old, new):
        if obj.get("metadata") is UNKNOWN or dig(obj, "metadata", "namespace") is UNKNOWN:
            continue
        if namespaced:
            put(obj, ("metadata", "namespace"), namespace_of(obj) or "default")
        elif isinstance(obj.get("metadata"), dict):
            obj["metadata"].pop("namespace", None)
    if name_of(new):
        put(old, ("metadata", "name"), name_of(live))
    for key in ("apiVersion", "kind"):
        if key in new:
            old.setdefault(key, text_at(live, key) or new[key])


def prune(live: Any, shape: Any) -> Any:
    """Return of `live` only what has a counterpart in `shape`; lists by position. Shares nothing with `live`."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: prune(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        return [prune(value, wanted) for value, wanted in zip(live, shape, strict=False)]
    return live


def _changes(old: Any, new: Any, sent: Any, path: Path) -> Iterator[Change]:
    """Yield what differs, as deep as both sides have the same shape.

    Args:
        old: what of the live object was shaped by the old inputs.
        new: the new inputs.
        sent: the old inputs.
        path: where all of them stand.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _change(_at(old, key), _at(new, key), _at(sent, key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _change(_at(old, index), _at(new, index), _at(sent, index), (*path, index))
    elif not _equal(old, new):
        yield path, DiffKind.UPDATE, new


def _change(old: Any, new: Any, sent: Any, path: Path) -> Iterator[Change]:
    was_dropped = new in (0, "", [], {}) and _equal(new, sent)  # an empty value that the server did not keep
    if new is None:
        if old is not None:
            yield path, DiffKind.DELETE, None
    elif old is not None:
        yield from _changes(old, new, sent, path)
    elif not was_dropped:
        yield path, DiffKind.ADD, new


def _at(value: Any, step: str | int) -> Any:
    """Return what stands at a key or index; None, which counts as absent, where nothing does."""
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None


def _equal(one: Any, other: Any) -> bool:
    """Compare JSON values: 2 is 2.0, but 1 is not true; what is unknown equals nothing."""
    if UNKNOWN in (one, other) or isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


def _touches(path: Path, value: Any, field: Path) -> bool:
    """Tell whether a change at `path` to `value` sets or removes the immutable `field` (`*` is any list item)."""
    if len(path) >= len(field):
        return all(want in ("*", step) for step, want in zip(path, field, strict=False))
    if not all(want in ("*", step) for step, want in zip(path, field, strict=False)):
        return False
    return _has(value, field[len(path) :])


def _has(value: Any, steps: Path) -> bool:
    if not steps:
        return True
    if steps[0] == "*":
        return isinstance(value, list) and any(_has(item, steps[1:]) for item in value)
    return isinstance(value, dict) and steps[0] in value and _has(value[steps[0]], steps[1:])
