"""Istio: a VirtualService with weights (networking.istio.io/v1)."""

from __future__ import annotations

from collections.abc import Iterator

from components.color import Color
from components.plan import Manifest
from components.routers.gateway import cookie_pattern, set_cookie
from components.routers.settings import Istio, Router
from components.routers.split import Split

API_VERSION = "networking.istio.io/v1"


def routes(meta: Manifest, router: Router, istio: Istio, split: Split) -> list[Manifest]:
    """Write the VirtualService of a split."""
    spec: Manifest = {
        "hosts": istio.hosts or [meta["name"]],
        "http": [*istio.rules, *_http(router, istio, split)],
    }
    if istio.gateways:
        spec["gateways"] = istio.gateways
    return [{"apiVersion": API_VERSION, "kind": "VirtualService", "metadata": meta, "spec": spec}]


def _http(router: Router, istio: Istio, split: Split) -> Iterator[Manifest]:
    common = {"timeout": istio.timeout} if istio.timeout else {}
    path = {"uri": {"prefix": istio.path}}

    def to(color: Color, *headers: Manifest) -> Manifest:
        matches = [{**path, "headers": header} for header in headers]
        return {"match": matches, "route": [{"destination": _destination(color, split)}], **common}

    if router.testers and split.canary:
        exact = [{name.lower(): {"exact": value}} for name, value in router.testers.headers.items()]
        yield to(split.other, *exact, *(_cookie(name, value) for name, value in router.testers.cookies.items()))
    affinity = router.affinity if split.weight else None
    if affinity:
        for color in (split.other, split.active):
            yield to(color, _cookie(affinity.cookie, split.cookie(color)))
    default: Manifest = {"match": [path], "route": [], **common}
    for color, weight in split.weights.items():
        route: Manifest = {"destination": _destination(color, split), "weight": weight}
        if affinity:
            header = {"Set-Cookie": set_cookie(affinity, split.cookie(color), istio.path)}
            route["headers"] = {"response": {"add": header}}
        default["route"].append(route)
    if split.baseline:
        destination = {"host": split.baseline, "port": {"number": split.port}}
        default["route"].append({"destination": destination, "weight": split.weight})
    if router.mirror and split.canary:
        default["mirror"] = _destination(split.other, split)
        default["mirrorPercentage"] = {"value": router.mirror}
    yield default


def _destination(color: Color, split: Split) -> Manifest:
    return {"host": split.services[color], "port": {"number": split.port}}


def _cookie(name: str, value: str) -> Manifest:
    return {"cookie": {"regex": cookie_pattern(name, value)}}
