"""A stack's state: what Pulumi calls a checkpoint, read and written exactly as Pulumi does.

Sources: sdk/go/common/apitype/core.go (ResourceV3, DeploymentV3), pkg/resource/stack (serialisation, features),
pkg/resource/deploy/snapshot.go (VerifyIntegrity).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from engine.errors import StateError, UnsupportedError
from engine.passphrase import Crypter
from engine.urn import Urn, is_provider, split_reference
from engine.values import SECRET, SIGNATURE, Properties, Secret, Unknown, Value, reveal

_FEATURES: Final = {
    "resourceHooks": "hooks",
    "replaceWith": "replaceWith",
    "refreshBeforeUpdate": "refreshBeforeUpdate",
    "taint": "taint",
    "viewOf": "views",
}


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Resource:
    """One resource as state remembers it. Timeouts are seconds; `created`, `modified` are RFC 3339 in UTC.

    The fields stand in the order in which Pulumi writes them.
    """

    urn: Urn
    custom: bool = False
    delete: bool = False
    id: str = ""
    type: str
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    external: bool = False
    dependencies: Sequence[str] = ()
    init_errors: Sequence[str] = ()
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    pending_replacement: bool = False
    additional_secret_outputs: Sequence[str] = ()
    aliases: Sequence[str] = ()
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    import_id: str = ""
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: Sequence[str] = ()
    created: str = ""
    modified: str = ""
    source_position: str = ""
    stack_trace: Sequence[dict[str, str]] = ()
    ignore_changes: Sequence[str] = ()
    hide_diff: Sequence[str] = ()
    replace_on_changes: Sequence[str] = ()
    replacement_trigger: Value = None
    resource_hooks: dict[str, list[str]] = field(default_factory=dict)
    unknown_fields: dict[str, Any] = field(default_factory=dict)
    """What a newer Pulumi wrote and this engine does not use; written back as it was."""

    @property
    def name(self) -> str:
        return self.urn.name

    @property
    def reference(self) -> str:
        """Of a provider resource: what its users name it by."""
        return f"{self.urn}::{self.id}"

    def depends_on(self) -> Iterator[str]:
        """Every URN that must stand before this resource: parent, dependencies, provider, deletedWith."""
        if self.parent:
            yield self.parent
        yield from self.dependencies
        for urns in self.property_dependencies.values():
            yield from urns
        if self.deleted_with:
            yield self.deleted_with
        yield from self.replace_with
        if self.provider:
            yield split_reference(self.provider)[0]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


_KEYS: Final = {
    f.name: {"import_id": "importID"}.get(f.name, _camel(f.name))
    for f in fields(Resource)
    if f.name != "unknown_fields"
}
_VALUES: Final = frozenset({"inputs", "outputs", "replacement_trigger"})


class Operation(StrEnum):
    """What was being done when a pending operation was written."""

    CREATING = "creating"
    UPDATING = "updating"
    DELETING = "deleting"
    READING = "reading"


@dataclass(frozen=True, eq=False, slots=True)
class PendingOperation:
    resource: Resource
    operation: Operation


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of a stack's resources, each after those it depends on, and what was under way."""

    resources: Sequence[Resource] = ()
    pending: Sequence[PendingOperation] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    time: str = ""
    version: str = ""

    def root(self) -> Resource | None:
        """Return the stack's own resource, whose outputs are the stack's."""
        return next((r for r in self.resources if r.type == "pulumi:pulumi:Stack" and not r.delete), None)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


class Codec:
    """Turns a stack's snapshots into JSON and back, secrets encrypted.

    A resource is immutable, so its JSON is made once; a secret whose text was seen before keeps its ciphertext, so
    that files only change where something changed.
    """

    def __init__(self, crypter: Crypter | None) -> None:
        self._crypter = crypter
        self._ciphertexts: dict[str, str] = {}
        self._resources: dict[Resource, dict[str, Any]] = {}

    # --- writing

    def deployment(self, snapshot: Snapshot) -> dict[str, Any]:
        """Return the JSON of a deployment. Raises StateError when Pulumi would refuse it."""
        verify(snapshot.resources)
        self._resources = {r: self._resources.get(r) or self.resource(r) for r in snapshot.resources}
        document: dict[str, Any] = {
            "manifest": {
                "time": snapshot.time,
                "magic": hashlib.sha256(snapshot.version.encode()).hexdigest() if snapshot.version else "",
                "version": snapshot.version,
            }
        }
        if self._crypter:
            document["secrets_providers"] = {"type": "passphrase", "state": {"salt": self._crypter.salt}}
        if snapshot.resources:
            document["resources"] = list(self._resources.values())
        if snapshot.pending:
            document["pending_operations"] = [
                {"resource": self.resource(pending.resource), "type": pending.operation} for pending in snapshot.pending
            ]
        document["metadata"] = snapshot.metadata
        return document

    def resource(self, resource: Resource) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for name, key in _KEYS.items():
            value = getattr(resource, name)
            if name == "custom" or value:
                document[key] = self.value(value) if name in _VALUES else value
        return document | resource.unknown_fields

    def value(self, value: Value) -> Any:
        """Return a property value as state has it: keys in order, secrets sealed."""
        match value:
            case Secret():
                return {SIGNATURE: SECRET, "ciphertext": self._seal(value)}
            case dict():
                return {key: self.value(value[key]) for key in sorted(value)}
            case list():
                return [self.value(item) for item in value]
            case Unknown():
                raise StateError("an unknown value would have been written to state; this is a bug of the engine")
            case _:
                return value

    def _seal(self, secret: Secret) -> str:
        if self._crypter is None:
            raise StateError("the stack has no secrets provider but holds a secret; run `pulumi stack init` again")
        text = json.dumps(reveal(secret), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        if text not in self._ciphertexts:
            self._ciphertexts[text] = self._crypter.encrypt(text)
        return self._ciphertexts[text]

    # --- reading

    def snapshot(self, deployment: dict[str, Any]) -> Snapshot:
        """Read a deployment. Raises StateError when Pulumi would refuse it."""
        manifest = deployment.get("manifest", {})
        version = manifest.get("version", "")
        if manifest.get("magic", "") != (hashlib.sha256(version.encode()).hexdigest() if version else ""):
            raise StateError("the state's magic number does not match its version; it was changed by hand")
        resources = [self.read_resource(document) for document in deployment.get("resources") or ()]
        pending = [
            PendingOperation(self.read_resource(item["resource"]), Operation(item["type"]))
            for item in deployment.get("pending_operations") or ()
        ]
        verify(resources)
        return Snapshot(resources, pending, deployment.get("metadata") or {}, manifest.get("time", ""), version)

    def read_resource(self, document: dict[str, Any]) -> Resource:
        try:
            known = {
                name: self.read_value(document[key]) if name in _VALUES else document[key]
                for name, key in _KEYS.items()
                if key in document
            }
            known["urn"] = Urn(known["urn"])
            rest = {key: value for key, value in document.items() if key not in _KEYS.values()}
            return Resource(**known, unknown_fields=rest)
        except KeyError as error:
            raise StateError(f"a resource in the state has no {error}") from error

    def read_value(self, value: Any) -> Value:
        match value:
            case {"4dabf18193072939515e22adb298388d": str() as mark, "ciphertext": str() as ciphertext} if (
                mark == SECRET
            ):
                return Secret(self._open(ciphertext))
            case {"4dabf18193072939515e22adb298388d": str() as mark, "plaintext": str() as plaintext} if mark == SECRET:
                return Secret(json.loads(plaintext))
            case dict():
                return {key: self.read_value(item) for key, item in value.items()}
            case list():
                return [self.read_value(item) for item in value]
            case _:
                return value

    def _open(self, ciphertext: str) -> Value:
        if self._crypter is None:
            raise StateError("the state holds a secret but names no secrets provider")
        text = self._crypter.decrypt(ciphertext)
        self._ciphertexts.setdefault(text, ciphertext)
        return json.loads(text)


def salt_of(deployment: dict[str, Any]) -> str | None:
    """Return the salt of the deployment's passphrase provider. Raises UnsupportedError for other providers."""
    provider = deployment.get("secrets_providers") or {}
    kind = provider.get("type", "passphrase")
    if kind != "passphrase":
        raise UnsupportedError(f"secrets provider '{kind}'", "only passphrase stacks are supported")
    salt: str | None = provider.get("state", {}).get("salt")
    return salt


def envelope(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the version and features that a file with this deployment must declare."""
    documents = [*deployment.get("resources", ()), *(p["resource"] for p in deployment.get("pending_operations", ()))]
    features = sorted({_FEATURES[key] for document in documents for key in _FEATURES if document.get(key)})
    return {"version": 4, "features": features} if features else {"version": 3}


def check_envelope(document: dict[str, Any]) -> None:
    """Raises UnsupportedError when a file is of a version or uses a feature that is not known here."""
    version = document.get("version")
    if version not in (3, 4):
        raise UnsupportedError(f"state files of version {version}", "versions 3 and 4 are supported")
    if unknown := sorted(set(document.get("features") or ()) - {"hooks", "replaceWith"}):
        raise UnsupportedError(f"state that needs the following features: {', '.join(unknown)}")


def verify(resources: Sequence[Resource]) -> None:
    """Check what Pulumi checks at every load and save. Raises StateError with the first fault."""
    seen: dict[str, Resource] = {}
    providers: set[str] = set()
    for resource in resources:
        urn = resource.urn
        if not resource.custom and resource.id:
            raise StateError(f"resource {urn} is a component but has the ID {resource.id}")
        if resource.provider and not resource.pending_replacement and resource.provider not in providers:
            raise StateError(f"resource {urn} refers to unknown provider {resource.provider}")
        if is_provider(resource.type):
            if not resource.id:
                raise StateError(f"provider {urn} has no ID")
            providers.add(resource.reference)
        for needed in resource.depends_on():
            if needed not in seen:
                raise StateError(f"resource {urn} needs {needed}, which does not stand before it in the state")
        if not resource.delete and urn in seen and not seen[urn].delete:
            raise StateError(f"duplicate resource {urn}")
        if urn not in seen or seen[urn].delete:
            seen[urn] = resource
