"""Argo Rollouts, as its documentation sets it up, promoted by hand."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from bench.errors import BenchError
from bench.switches import Kind
from bench.ways import objects
from bench.ways.kubectl import ADVICE, FOLDER, PEERS, READY, READY_SECONDS, apply, kubectl
from bench.ways.objects import BLUE, IMAGE
from bench.ways.way import BlueGreen, Canary, Way
from cluster import layout

_METRICS_PORT, _HEALTH_PORT = 20290, 20291


@dataclass(frozen=True)
class Rollout(Way):
    """A Rollout of some strategy, in front of whose pods stand these Services; see `controller`."""

    template: dict[str, Any]
    strategy: ClassVar[dict[str, Any]]
    services: ClassVar[tuple[str, ...]] = ("web",)
    name = f"Argo Rollouts {PEERS.versions[0]}"

    def set_up(self) -> None:
        labels = {"app": "web"}
        rollout = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": objects.pods(self.template, BLUE, labels),
                "strategy": self.strategy,
            },
        }
        services = [objects.service(name, labels, self.port if name == "web" else None) for name in self.services]
        apply(self.namespace, objects.namespace(self.namespace), *services, rollout)
        self._wait("phase", "Healthy")

    def promote(self, version: str) -> None:  # noqa: ARG002  # it knows which one is next
        self._plugin("promote", "web")

    def _set_image(self, version: str) -> None:
        self._plugin("set", "image", "web", f"app={IMAGE}:{version}")

    def _plugin(self, *arguments: str) -> None:
        kubectl(self.namespace, *arguments, program="kubectl-argo-rollouts")

    def _wait(self, field: str, value: object) -> None:
        kubectl(self.namespace, "wait", "rollout/web", f"--for=jsonpath={{.status.{field}}}={value}", READY)


class Rollouts(Rollout, BlueGreen):
    """Blue-green."""

    namespace = "compare-rollouts"
    port = 30072
    services = ("web", "web-preview")
    strategy: ClassVar = {
        "blueGreen": {"activeService": "web", "previewService": "web-preview", "autoPromotionEnabled": False}
    }

    def stage(self, version: str) -> None:
        """Set the image; what is left of an earlier version goes first, else this would be a roll back."""
        self._wait("replicas", self.replicas)
        self._set_image(version)
        self._wait("phase", "Paused")

    def roll_back(self, version: str) -> None:  # noqa: ARG002  # it knows which one was live
        """Undo; the old pods are still there, so that it does not stop for a promotion."""
        self._plugin("undo", "web")

    def roll_back_later(self, version: str) -> None:
        """Undo; the old pods are gone, so that they start anew and wait for a promotion."""
        self._plugin("undo", "web")
        self._wait("phase", "Paused")
        self.promote(version)


class RolloutsCanary(Rollout, Canary):
    """Canary without traffic routing: the canary takes the place of one of the pods, and a pause follows."""

    namespace = "canary-rollouts"
    port = 30074
    strategy: ClassVar = {"canary": {"steps": [{"setWeight": 10}, {"pause": {}}]}}
    beside = Canary.replicas - 1

    def begin(self, version: str) -> None:
        self._set_image(version)

    def drop(self, version: str) -> None:  # noqa: ARG002  # there is one canary
        self._plugin("abort", "web")

    def settle(self, kind: Kind) -> None:
        """Wait for the phase that follows; what was aborted stays Degraded until the image is set back, too."""
        self._wait("phase", {Kind.CANARY: "Paused", Kind.PROMOTION: "Healthy", Kind.DROP: "Degraded"}[kind])
        if kind is Kind.DROP:
            self._plugin("undo", "web")
            self._wait("phase", "Healthy")


@contextlib.contextmanager
def controller() -> Iterator[None]:
    """Run the controller of Argo Rollouts, on this machine and beside the cluster, as one that is not elected."""
    definitions = str(PEERS.folder / "manifests" / "crds")
    kubectl("default", "apply", "--server-side", "--filename", definitions)
    kubectl("default", "wait", "--for=condition=Established", "--filename", definitions)
    command = [
        str(PEERS.program("rollouts-controller")),
        f"--kubeconfig={layout.kubeconfig()}",
        f"--context={layout.NAME}",
        "--leader-elect=false",
        f"--metricsPort={_METRICS_PORT}",
        f"--healthzPort={_HEALTH_PORT}",
    ]
    with (FOLDER / "rollouts-controller.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _await_health(process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        kubectl("default", "delete", "--ignore-not-found", "--filename", definitions)


def _await_health(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", _HEALTH_PORT, timeout=2)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.client.OK:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"the controller of Argo Rollouts is not healthy after {READY_SECONDS:.0f} s. {ADVICE}")
        time.sleep(0.1)
