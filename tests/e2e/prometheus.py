"""A Prometheus in the cluster. Debian's build finds no pods by itself, so it is told where they are."""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from lightkube import Client, codecs
from lightkube.resources.core_v1 import Service

from tests.e2e.stacks import await_ready

PORT = 9090


def start(
    api: Client, namespace: str, image: str, app: str, *, sides: Sequence[str] = ("blue", "green"), seconds: float = 90
) -> None:
    """Start a Prometheus that scrapes the Services of an app's sides once a second, and wait until it is ready.

    A side must have a single pod: behind a Service, counters of several would be taken for one.
    """
    targets = [{"targets": [_address(api, f"{app}-{side}")], "labels": {"color": side}} for side in sides]
    scrape = {"job_name": app, "scrape_interval": "1s", "static_configs": targets}
    for item in codecs.load_all_yaml(_documents(namespace, image, yaml.safe_dump({"scrape_configs": [scrape]}))):
        api.create(item)
    await_ready(api, "prometheus", seconds=seconds)


def _address(api: Client, service: str) -> str:
    spec = api.get(Service, service).spec
    assert spec
    assert spec.ports
    return f"{spec.clusterIP}:{spec.ports[0].port}"


def _documents(namespace: str, image: str, config: str) -> str:
    labels = {"part": "prometheus"}
    head = {"name": "prometheus", "namespace": namespace, "labels": labels}
    container = {
        "name": "prometheus",
        "image": image,
        "args": ["--config.file=/config/prometheus.yml", "--storage.tsdb.path=/data"],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": PORT}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "config", "mountPath": "/config"}, {"name": "data", "mountPath": "/data"}],
    }
    spec = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "config", "configMap": {"name": "prometheus"}}, {"name": "data", "emptyDir": {}}],
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    kinds = (
        ("v1", "ConfigMap", {"data": {"prometheus.yml": config}}),
        ("apps/v1", "Deployment", {"spec": {"selector": {"matchLabels": labels}, "template": template}}),
        ("v1", "Service", {"spec": {"selector": labels, "ports": [{"port": PORT}]}}),
    )
    return yaml.safe_dump_all(
        {"apiVersion": version, "kind": kind, "metadata": head, **rest} for version, kind, rest in kinds
    )
