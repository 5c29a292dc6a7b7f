"""ingress-nginx: the app's Ingress stays on blue, its canary Ingress on green, whose share is the canary's weight.

So one write moves traffic, and no host is without an Ingress for a moment. (Swapping the two would: ingress-nginx
refuses two plain Ingresses of one host and path, and two canaries without a plain one answer 404.)
"""

from __future__ import annotations

from components.color import Color
from components.plan import Manifest
from components.routers.settings import Nginx, Router
from components.routers.split import Split

API_VERSION = "networking.k8s.io/v1"
PREFIX = "nginx.ingress.kubernetes.io/"


def routes(meta: Manifest, router: Router, nginx: Nginx, split: Split) -> list[Manifest]:
    """Write the Ingresses of a split; the first one moves traffic."""
    canary = {"canary": "true", "canary-weight": str(split.weights[Color.GREEN])}
    plain = {}
    if router.testers and split.canary:
        # ingress-nginx sends `always` to the canary Ingress and `never` to the other one
        for name in router.testers.headers:
            canary["canary-by-header"] = name
        for name in router.testers.cookies:
            canary["canary-by-cookie"] = name
    if router.affinity and split.weight:
        plain = {
            "affinity": "cookie",
            "affinity-canary-behavior": "sticky",
            "session-cookie-name": router.affinity.cookie,
            "session-cookie-max-age": str(router.affinity.seconds),
        }
    return [
        _ingress({**meta, "name": f"{meta['name']}-canary"}, nginx, split, Color.GREEN, canary),
        _ingress(meta, nginx, split, Color.BLUE, plain),
    ]


def _ingress(meta: Manifest, nginx: Nginx, split: Split, color: Color, told: dict[str, str]) -> Manifest:
    annotations = {**nginx.annotations, **meta["annotations"], **{PREFIX + key: told[key] for key in told}}
    service = {"name": split.services[color], "port": {"number": split.port}}
    http = {"paths": [{"path": nginx.path, "pathType": "Prefix", "backend": {"service": service}}]}
    spec: Manifest = {
        "ingressClassName": nginx.class_name,
        "rules": [{"host": host, "http": http} for host in nginx.hosts],
    }
    if nginx.tls_secret:
        spec["tls"] = [{"hosts": nginx.hosts, "secretName": nginx.tls_secret}]
    return {
        "apiVersion": API_VERSION,
        "kind": "Ingress",
        "metadata": {**meta, "annotations": annotations},
        "spec": spec,
    }
