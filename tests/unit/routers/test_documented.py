"""The splits of the projects' own documents, written by us: the same, but for the names of Services.

- Gateway API: examples/standard/traffic-splitting/traffic-split-2.yaml in kubernetes-sigs/gateway-api
- Istio: samples/bookinfo/networking/virtual-service-reviews-90-10.yaml in istio/istio; a version there is a subset of
  one host, here it is a Service of its own, so that no DestinationRule is needed
- ingress-nginx: docs/examples/canary/README.md in kubernetes/ingress-nginx
"""

from __future__ import annotations

from typing import Any

from components.config import load
from components.plan import Manifest
from components.planner import plan
from tests.unit.configs import GATEWAY, canary, stack


def routes(app: str, router: dict[str, Any], weight: int, port: int = 80) -> list[Manifest]:
    apps = {app: canary(router=router, expose={"port": port})}
    (planned,) = plan(load(stack(apps, canaryReplicas=1, canaryWeight=weight)), owner="cutover/unit").apps
    return list(planned.routes)


def test_gateway_api() -> None:
    gateway = GATEWAY["gateway"] | {"hostnames": ["foo.example.com"]}
    (route,) = routes("foo", {"gateway": gateway}, weight=10, port=8080)
    split = [{"name": "foo-blue", "port": 8080, "weight": 90}, {"name": "foo-green", "port": 8080, "weight": 10}]
    every_path = [{"path": {"type": "PathPrefix", "value": "/"}}]  # the default, written out
    assert (route["apiVersion"], route["kind"]) == ("gateway.networking.k8s.io/v1", "HTTPRoute")
    assert route["spec"] == {
        "parentRefs": gateway["parents"],
        "hostnames": ["foo.example.com"],
        "rules": [{"matches": every_path, "backendRefs": split}],
    }


def test_istio() -> None:
    (route,) = routes("reviews", {"istio": {}}, weight=10)
    split = [
        {"destination": {"host": "reviews-blue", "port": {"number": 80}}, "weight": 90},
        {"destination": {"host": "reviews-green", "port": {"number": 80}}, "weight": 10},
    ]
    every_path = [{"uri": {"prefix": "/"}}]  # the default, written out
    assert (route["apiVersion"], route["kind"]) == ("networking.istio.io/v1", "VirtualService")
    assert route["spec"] == {"hosts": ["reviews"], "http": [{"match": every_path, "route": split}]}


def test_ingress_nginx() -> None:
    canary_ingress, main = routes("echo", {"nginx": {"hosts": ["echo.prod.mydomain.com"]}}, weight=50)

    def spec(service: str) -> Manifest:
        backend = {"service": {"name": service, "port": {"number": 80}}}
        http = {"paths": [{"pathType": "Prefix", "path": "/", "backend": backend}]}
        return {"ingressClassName": "nginx", "rules": [{"host": "echo.prod.mydomain.com", "http": http}]}

    prefix = "nginx.ingress.kubernetes.io/"
    assert main["spec"] == spec("echo-blue")
    assert not [key for key in main["metadata"]["annotations"] if key.startswith(prefix)]
    assert canary_ingress["spec"] == spec("echo-green")
    told = {key: value for key, value in canary_ingress["metadata"]["annotations"].items() if key.startswith(prefix)}
    assert told == {f"{prefix}canary": "true", f"{prefix}canary-weight": "50"}
