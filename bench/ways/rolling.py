"""A plain Deployment, as Kubernetes rolls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.ways import objects
from bench.ways.kubectl import READY, apply, kubectl
from bench.ways.objects import BLUE, IMAGE
from bench.ways.way import Replacement


@dataclass(frozen=True)
class Rolling(Replacement):
    """A Deployment whose image is set: pods of the new version take the place of the old ones, one after the other."""

    template: dict[str, Any]
    name = "kubectl rollout"
    namespace = "compare-rolling"
    port = 30076

    def set_up(self) -> None:
        labels = {"app": "web"}
        deployment = objects.deployment("web", self.replicas, objects.pods(self.template, BLUE, labels))
        service = objects.service("web", labels, self.port)
        apply(self.namespace, objects.namespace(self.namespace), deployment, service)
        self._wait()

    def stage(self, version: str) -> None:  # noqa: ARG002  # it stages nothing
        """Wait for what is rolling."""
        self._wait()

    def promote(self, version: str) -> None:
        kubectl(self.namespace, "set", "image", "deployment/web", f"app={IMAGE}:{version}")
        self._wait()

    def roll_back(self, version: str) -> None:  # noqa: ARG002  # it knows which one was live
        kubectl(self.namespace, "rollout", "undo", "deployment/web")

    def _wait(self) -> None:
        kubectl(self.namespace, "rollout", "status", "deployment/web", READY)
