"""Gateway API: an HTTPRoute with weights (gateway.networking.k8s.io/v1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.color import Color
from components.plan import Manifest
from components.routers.settings import Affinity, Gateway, Router
from components.routers.split import Split

API_VERSION = "gateway.networking.k8s.io/v1"


def routes(meta: Manifest, router: Router, gateway: Gateway, split: Split) -> list[Manifest]:
    """Write the HTTPRoute of a split."""
    parents = [parent.model_dump(by_alias=True, exclude_none=True) for parent in gateway.parents]
    spec: Manifest = {"parentRefs": parents, "rules": [*gateway.rules, *_rules(router, gateway, split)]}
    if gateway.hostnames:
        spec["hostnames"] = gateway.hostnames
    return [{"apiVersion": API_VERSION, "kind": "HTTPRoute", "metadata": meta, "spec": spec}]


def trouble(route: Mapping[str, Any]) -> str | None:
    """Say why a route in the cluster is not in effect yet; None when every one of its Gateways has taken it."""
    generation = route["metadata"].get("generation", 0)
    told = {_parent(entry["parentRef"]): entry for entry in route.get("status", {}).get("parents", [])}
    for parent in route["spec"]["parentRefs"]:
        conditions = {each["type"]: each for each in told.get(_parent(parent), {}).get("conditions", [])}
        for name in ("Accepted", "ResolvedRefs"):
            found = conditions.get(name)
            if found is None or found.get("observedGeneration", 0) < generation:
                return f"Gateway {parent['name']} has not looked at it yet"
            if found["status"] != "True":
                return f"Gateway {parent['name']} says {name}={found['status']}: {found.get('message', '')}"
    return None


def cookie_pattern(name: str, value: str) -> str:
    """A regular expression of RE2 for a whole Cookie header that holds this cookie."""
    return rf"(.*;\s*)?{re.escape(name)}={re.escape(value)}(;.*)?"


def set_cookie(affinity: Affinity, value: str, path: str) -> str:
    """A Set-Cookie header (RFC 6265, 4.1)."""
    return f"{affinity.cookie}={value}; Max-Age={affinity.seconds}; Path={path}; HttpOnly"


def _rules(router: Router, gateway: Gateway, split: Split) -> Iterator[Manifest]:
    common = {"timeouts": {"request": gateway.timeout}} if gateway.timeout else {}
    path = {"path": {"type": "PathPrefix", "value": gateway.path}}

    def to(color: Color, *headers: Manifest) -> Manifest:
        matches = [{**path, "headers": [header]} for header in headers]
        return {"matches": matches, "backendRefs": [_backend(color, split)], **common}

    if router.testers and split.canary:
        exact = [{"type": "Exact", "name": name, "value": value} for name, value in router.testers.headers.items()]
        yield to(split.other, *exact, *(_cookie(name, value) for name, value in router.testers.cookies.items()))
    affinity = router.affinity if split.weight else None
    if affinity:
        for color in (split.other, split.active):
            yield to(color, _cookie(affinity.cookie, split.cookie(color)))
    backends = []
    for color, weight in split.weights.items():
        backend: Manifest = {**_backend(color, split), "weight": weight}
        if affinity:
            cookie = {"name": "Set-Cookie", "value": set_cookie(affinity, split.cookie(color), gateway.path)}
            backend["filters"] = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [cookie]}}]
        backends.append(backend)
    if split.baseline:
        backends.append({"name": split.baseline, "port": split.port, "weight": split.weight})
    default: Manifest = {"matches": [path], "backendRefs": backends, **common}
    if router.mirror and split.canary:
        mirror: Manifest = {"backendRef": _backend(split.other, split)}
        if router.mirror < 100:
            mirror["percent"] = router.mirror
        default["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    yield default


def _backend(color: Color, split: Split) -> Manifest:
    return {"name": split.services[color], "port": split.port}


def _cookie(name: str, value: str) -> Manifest:
    return {"type": "RegularExpression", "name": "Cookie", "value": cookie_pattern(name, value)}


def _parent(reference: Mapping[str, Any]) -> tuple[Any, ...]:
    return reference["name"], reference.get("sectionName"), reference.get("port")
