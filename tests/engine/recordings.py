"""Recordings of the real Pulumi engine, and what our engine did, brought into one form that can be compared.

The recordings (golden/) were made with the Pulumi CLI (source of 3.260), pulumi 3.272 and pulumi-kubernetes 4.34.2 on
a Kubernetes 1.34 node in namespace `default`, with an image `registry.local/demo` that listens on 8080. Our cluster has
`registry.local/podinfo` on 9898, and each test a namespace of its own; `adapted` carries a text over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.passphrase import Crypter
from engine.state import Codec, Resource, salt_of
from engine.values import Secret, reveal

GOLDEN = Path(__file__).with_name("golden")
_DEMO, _PODINFO = "registry.local/demo:", "registry.local/podinfo:"
_TAGS = {"v1": "6.9.0", "v2": "6.9.1"}
_VOLATILE = frozenset(
    [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "clusterIP",
        "clusterIPs",
        "__fieldManager",
        "status",
        "nodePort",
        "time",
    ]
)
_CLOCK = {"created", "modified", "source_position", "stack_trace"}


def adapted(text: str) -> str:
    """Carry a recorded text over to our cluster's image."""
    for tag, ours in _TAGS.items():
        text = text.replace(_DEMO + tag, _PODINFO + ours)
    return text.replace(_DEMO, _PODINFO).replace("8080", "9898")


def adapted_program(text: str) -> str:
    """Carry a recorded program over: its tags v1 and v2 become podinfo's."""
    tags = "dict(v1='6.9.0', v2='6.9.1')"
    for tag in ("image", "tags[color]"):
        text = text.replace(f"{_DEMO}{{{tag}}}", f"{_PODINFO}{{{tags}.get({tag}, {tag})}}")
    return text.replace("8080", "9898")


def read(document: dict[str, Any]) -> list[Resource]:
    """Read a checkpoint's resources, secrets opened with the recordings' passphrase."""
    deployment = document["checkpoint"].get("latest") or {}
    salt = salt_of(deployment)
    with _passphrase("golden"):
        return list(Codec(Crypter(salt, "dev") if salt else None).snapshot(deployment).resources)


@contextmanager
def _passphrase(value: str) -> Iterator[None]:
    before = os.environ.get("PULUMI_CONFIG_PASSPHRASE")
    os.environ["PULUMI_CONFIG_PASSPHRASE"] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ["PULUMI_CONFIG_PASSPHRASE"]
        else:
            os.environ["PULUMI_CONFIG_PASSPHRASE"] = before


def recorded(path: Path) -> dict[str, dict[str, Any]]:
    return comparable(read(json.loads(adapted(path.read_text()))), "default")


def comparable(resources: list[Resource], namespace: str) -> dict[str, dict[str, Any]]:
    """Return resources by URN, every field that two runs must agree on, the namespace written as `default`."""
    return {
        str(resource.urn) + (" (delete)" if resource.delete else ""): _fields(resource, namespace)
        for resource in resources
    }


def _fields(resource: Resource, namespace: str) -> dict[str, Any]:
    fields = {name: settled(getattr(resource, name), namespace) for name in Resource.__slots__ if name not in _CLOCK}
    fields["dependencies"] = sorted(fields["dependencies"])
    if resource.type.startswith("pulumi:providers:"):
        # The recorded stacks had no provider config; ours name the test's cluster and namespace.
        for part in ("inputs", "outputs"):
            fields[part] = {k: v for k, v in fields[part].items() if k not in ("context", "kubeconfig", "namespace")}
        fields["id"] = "provider-id"
    return fields


def settled(value: Any, namespace: str) -> Any:
    """Take out of a value what differs from run to run: times, ids, made-up names, what the server chose."""
    match value:
        case Secret():
            return {"secret": settled(json.loads(adapted(json.dumps(reveal(value)))), namespace)}
        case {"managedFields": list() as entries, **rest}:
            return {**settled(rest, namespace), "managers": _managers(entries)}
        case dict():
            return {key: settled(item, namespace) for key, item in value.items() if key not in _VOLATILE}
        case list() | tuple():
            return [settled(item, namespace) for item in value]
        case str():
            return settled_text(value, namespace)
        case _:
            return value


def settled_text(text: str, namespace: str) -> str:
    text = re.sub(rf"^{re.escape(namespace)}(/|$)", r"default\1", text)
    text = text.replace(f'"{namespace}/', '"default/').replace(f"{namespace}/", "default/")
    text = re.sub(r"\b(\w[\w-]*)-[0-9a-f]{8}\b(?!-)", r"\1-********", text)
    text = re.sub(r"\[Pod (?:default/)?([\w-]+)-[0-9a-z]{6,10}-[0-9a-z]{5}\]", r"[Pod \1]", text)
    return re.sub(r"::[0-9a-f]{8}-[0-9a-f-]{27}$", "::provider-id", text)


def _managers(entries: list[dict[str, Any]]) -> list[Any]:
    """Return who manages which fields; the controllers' own come and go with the moment of the read."""
    ours = [entry for entry in entries if entry["manager"].startswith(("pulumi", "kubectl"))]
    return sorted(
        (
            re.sub(r"-[0-9a-f]{8}$", "", entry["manager"]),
            entry["operation"],
            json.dumps(entry["fieldsV1"], sort_keys=True),
        )
        for entry in ours
    )


def differences(ours: Any, expected: Any, where: str = "") -> list[str]:
    """Return each place where two values differ, one line each."""
    if isinstance(ours, dict) and isinstance(expected, dict):
        return [
            line
            for key in sorted({*ours, *expected})
            for line in differences(ours.get(key), expected.get(key), f"{where} {key}")
        ]
    if isinstance(ours, list) and isinstance(expected, list) and len(ours) == len(expected):
        return [
            line
            for index, (one, other) in enumerate(zip(ours, expected, strict=True))
            for line in differences(one, other, f"{where}[{index}]")
        ]
    return [] if ours == expected else [f"{where.strip()}: {ours!r} instead of {expected!r}"]


def planned(document: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Return what a `preview --json` announces: operation, resource, changed paths with their kind."""
    return {
        (step["op"], step["urn"].split("::", 2)[2], json.dumps(_kinds(step["detailedDiff"]), sort_keys=True))
        for step in document["steps"]
    }


def _kinds(detailed: dict[str, Any] | None) -> dict[str, str]:
    return {path: entry["kind"] for path, entry in (detailed or {}).items()}


def final_rows(text: str) -> set[str]:
    """Return how each resource ended in a run's plain output: mark, type, name, status without its time, diff."""
    rows: dict[str, str] = {}
    for line in text.split("\n"):
        row = re.match(r" (..) (\S+:\S+) (\S+) (.*)", line)
        if row and " running " not in line and row[2] != "pulumi:pulumi:Stack":
            mark, kind, name, rest = row.groups()
            status = re.sub(r"\(\d[\d.]*s\)", "", rest.split(";")[0]).split(" error:")[0]
            rows[f"{mark}{kind}{name}"] = re.sub(r"\s+", " ", f"{mark} {kind} {name} {status}").strip()
    return {row.replace("failed **", "failed**") for row in rows.values()}
