"""What the program asks for: one registration, read from the SDK's request."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from pulumi.runtime.proto import alias_pb2, resource_pb2, source_pb2

from engine import wire
from engine.errors import UnsupportedError
from engine.urn import package
from engine.values import Properties, Value

_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

HOOK_PHASES: Final = {
    "before_create": "BeforeCreate",
    "after_create": "AfterCreate",
    "before_update": "BeforeUpdate",
    "after_update": "AfterUpdate",
    "before_delete": "BeforeDelete",
    "after_delete": "AfterDelete",
}
"""The SDK's name of each hook phase, and state's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """An earlier identity; what is "" is as it is now."""

    urn: str = ""
    name: str = ""
    type: str = ""
    project: str = ""
    stack: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One wanted resource. None stands for what the program left open; timeouts are seconds."""

    type: str
    name: str
    custom: bool
    parent: str = ""
    properties: Properties = field(default_factory=dict)
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    provider: str = ""
    providers: dict[str, str] = field(default_factory=dict)
    version: str = ""
    plugin_url: str = ""
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    replacement_trigger: Value = None
    hide_diff: list[str] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list)
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    additional_secret_outputs: list[str] = field(default_factory=list)
    hooks: dict[str, list[str]] = field(default_factory=dict)
    source_position: str = ""
    stack_trace: list[dict[str, str]] = field(default_factory=list)


def read_goal(request: resource_pb2.RegisterResourceRequest, root: Path) -> Goal:
    """Read a registration; source positions become relative to the project's `root`.

    Raises UnsupportedError for what this engine does not do, by name.
    """
    what = f"{request.type} '{request.name}'"
    if request.remote:
        raise UnsupportedError(f"remote components ({what})")
    if request.importId:
        raise UnsupportedError(f"import ({what})")
    if request.packageRef:
        raise UnsupportedError(f"parameterized providers ({what})")
    if request.hooks.on_error:
        raise UnsupportedError(f"error hooks ({what})")
    if request.custom:
        refuse_unsupported(request.type, request.name)
    position, trace = read_source(request.sourcePosition, request.stackTrace, root)
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        properties=wire.from_struct(request.object),
        dependencies=list(request.dependencies),
        property_dependencies={key: list(value.urns) for key, value in sorted(request.propertyDependencies.items())},
        provider=request.provider,
        providers=dict(request.providers),
        version=request.version,
        plugin_url=request.pluginDownloadURL,
        protect=request.protect if request.HasField("protect") else None,
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        ignore_changes=list(request.ignoreChanges),
        replace_on_changes=list(request.replaceOnChanges),
        replacement_trigger=(
            wire.from_value(request.replacement_trigger) if request.HasField("replacement_trigger") else None
        ),
        hide_diff=list(request.hideDiffs),
        aliases=[*map(_alias, request.aliases), *(Alias(urn=urn) for urn in request.aliasURNs)],
        deleted_with=request.deletedWith,
        replace_with=list(request.replace_with),
        custom_timeouts={
            name: seconds(text)
            for name in ("create", "update", "delete", "read")
            if (text := getattr(request.customTimeouts, name))
        },
        additional_secret_outputs=list(request.additionalSecretOutputs),
        hooks={
            phase: names for field_, phase in HOOK_PHASES.items() if (names := list(getattr(request.hooks, field_)))
        },
        source_position=position,
        stack_trace=trace,
    )


def refuse_unsupported(kind: str, name: str) -> None:
    """Raise UnsupportedError for a custom resource that no provider here can manage."""
    if package(kind) != "kubernetes":
        raise UnsupportedError(
            f"the provider '{package(kind)}' ({kind} '{name}')", "'kubernetes' is the only one it has"
        )
    if re.match(r"kubernetes:(helm|yaml|kustomize)", kind) or kind.endswith(("Patch", "List")):
        raise UnsupportedError(f"the resource kind {kind} ('{name}')")


def seconds(duration: str) -> float:
    """Read a Go duration such as `1m30s`. Raises ValueError."""
    total, end = 0.0, 0
    for part in _DURATION.finditer(duration):
        if part.start() != end:
            break
        total += float(part[1]) * _SECONDS[part[2]]
        end = part.end()
    if end != len(duration) or not duration:
        raise ValueError(f"'{duration}' is no duration; write one such as 90s, 5m or 1h30m")
    return int(total) if total.is_integer() else total


def _alias(alias: alias_pb2.Alias) -> Alias:
    if alias.WhichOneof("alias") == "urn":
        return Alias(urn=alias.urn)
    spec = alias.spec
    return Alias(
        name=spec.name,
        type=spec.type,
        project=spec.project,
        stack=spec.stack,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )


def _position(position: source_pb2.SourcePosition, root: Path) -> str:
    url = urlsplit(position.uri)
    if url.scheme != "file":
        return ""
    relative = os.path.relpath(unquote(url.path), root)
    column = f",{position.column}" if position.column else ""
    return f"project:///{quote(relative)}#{position.line}{column}"


def read_source(
    position: source_pb2.SourcePosition, trace: source_pb2.StackTrace, root: Path
) -> tuple[str, list[dict[str, str]]]:
    """Return where in the program a request came from, and through what; relative to the project's `root`."""
    frames = [_position(frame.pc, root) for frame in trace.frames]
    return _position(position, root), [{"sourcePosition": frame} if frame else {} for frame in frames]
