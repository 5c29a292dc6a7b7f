"""kubectl alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bench.ways import objects
from bench.ways.kubectl import READY, apply, kubectl
from bench.ways.objects import BLUE, COLORS, GREEN
from bench.ways.way import BlueGreen


@dataclass(frozen=True)
class Patch(BlueGreen):
    """Two Deployments, and `kubectl patch` of the Service's selector."""

    template: dict[str, Any]
    name = "kubectl patch"
    namespace = "compare-kubectl"
    port = 30071

    def set_up(self) -> None:
        def labels(version: str) -> dict[str, str]:
            return {"app": "web", "color": COLORS[version]}

        deployments = [
            objects.deployment(
                f"web-{COLORS[version]}", self.replicas, objects.pods(self.template, version, labels(version))
            )
            for version in (BLUE, GREEN)
        ]
        service = objects.service("web", labels(BLUE), self.port)
        apply(self.namespace, objects.namespace(self.namespace), *deployments, service)
        for version in (BLUE, GREEN):
            kubectl(self.namespace, "rollout", "status", f"deployment/web-{COLORS[version]}", READY)

    def promote(self, version: str) -> None:
        selector = json.dumps({"spec": {"selector": {"color": COLORS[version]}}})
        kubectl(self.namespace, "patch", "service", "web", "--patch", selector)
