"""The versions that every way runs, and the objects around them that are not Cutover's."""

from __future__ import annotations

from typing import Any, Final

IMAGE: Final = "registry.local/podinfo"
BLUE, GREEN = "6.9.0", "6.9.1"
BAD: Final = "faulty"
"""The version that nobody wants; see `faulty`."""
COLORS: Final = {BLUE: "blue", GREEN: "green", BAD: "green"}


def namespace(name: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pods(template: dict[str, Any], version: str, labels: dict[str, str]) -> dict[str, Any]:
    """Cutover's pod template, of this version and with these labels."""
    (container,) = template["spec"]["containers"]
    spec = {**template["spec"], "containers": [{**container, "image": f"{IMAGE}:{version}"}]}
    return {"metadata": {"labels": labels}, "spec": spec}


def deployment(name: str, replicas: int, pods: dict[str, Any]) -> dict[str, Any]:
    """A Deployment of such pods, with the defaults of Kubernetes."""
    selector = {"matchLabels": pods["metadata"]["labels"]}
    spec = {"replicas": replicas, "selector": selector, "template": pods}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def service(name: str, selector: dict[str, str], port: int | None = None) -> dict[str, Any]:
    exposed = {"type": "NodePort"} if port else {}
    ports = [{"port": 80, "targetPort": 9898, **({"nodePort": port} if port else {})}]
    spec = {**exposed, "selector": selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
