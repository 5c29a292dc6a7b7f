"""The routers behind one door: what a split is written as, and whether it is in effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.plan import Manifest
from components.routers import gateway, istio, nginx
from components.routers.settings import Router
from components.routers.split import Split


def routes(meta: Manifest, router: Router, split: Split) -> list[Manifest]:
    """Write a split as its router has it; the first object is the one that moves traffic.

    Args:
        meta: the metadata of the first object.
        router: the app's router, which has one of its kinds.
        split: who gets which color.
    """
    if router.gateway:
        return gateway.routes(meta, router, router.gateway, split)
    if router.istio:
        return istio.routes(meta, router, router.istio, split)
    if router.nginx:
        return nginx.routes(meta, router, router.nginx, split)
    raise LookupError("the router has no kind")


def host(router: Router) -> str | None:
    """The first host name that the router has for the app; None where it takes its Gateway's."""
    names = [
        *(router.gateway.hostnames if router.gateway else []),
        *(router.istio.hosts if router.istio else []),
        *(router.nginx.hosts if router.nginx else []),
    ]
    return next(iter(names), None)


def trouble(route: Mapping[str, Any]) -> str | None:
    """Say why a route in the cluster is not in effect yet; None when it is, or when its router tells nothing."""
    return gateway.trouble(route) if route["kind"] == "HTTPRoute" else None
