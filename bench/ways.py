"""The ways of switching that are compared, each by the commands that its users type.

They run the same pods: Cutover plans them, and the others get its pod template, with labels and a tag of their own.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from bench.command import PASSPHRASE, ROOT, read
from bench.errors import BenchError
from cluster import layout
from cluster.builds import Build

if TYPE_CHECKING:
    from collections.abc import Iterator

PEERS: Final = Build(
    module="rollouts",
    requirement="github.com/argoproj/argo-rollouts",
    variables=("github.com/argoproj/argo-rollouts/utils/version.version={version}",),
    expected="about 6 minutes on 2 cores",
    assets=tuple(
        f"manifests/crds/{kind}-crd.yaml"
        for kind in ("rollout", "experiment", "analysis-run", "analysis-template", "cluster-analysis-template")
    ),
    home=Path(__file__).parent,
)
"""Argo Rollouts' controller and its kubectl plugin, and kubectl itself."""

FOLDER: Final = ROOT / "build" / "compare"
IMAGE: Final = "registry.local/podinfo"
BLUE, GREEN = "6.9.0", "6.9.1"
REPLICAS: Final = 3

_SECONDS = 300.0
_READY_SECONDS = 60.0
_READY = f"--timeout={_READY_SECONDS:.0f}s"
_METRICS_PORT, _HEALTH_PORT = 20290, 20291
_ADVICE = f"The logs are in {FOLDER}; run `python -m bench.compare` again, it starts from nothing."


class Way(ABC):
    """A way of switching an app between two versions; `name` is what the table calls it."""

    name: str
    namespace: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/version"

    @abstractmethod
    def set_up(self) -> None:
        """Make the app: BLUE live, all pods ready."""

    def stage(self, version: str) -> None:  # noqa: B027  # most have both versions up at all times
        """Have all pods of the version ready, beside the live one's."""

    @abstractmethod
    def promote(self, version: str) -> None:
        """Make a staged version live."""

    def roll_back(self, version: str) -> None:
        """Go back to the version that was live a moment ago."""
        self.promote(version)

    def roll_back_later(self, version: str) -> None:
        """Go back to the version that was live before, when all is over that follows a promotion by itself."""
        self.roll_back(version)

    def remove(self) -> None:
        kubectl(self.namespace, "delete", "namespace", self.namespace, "--ignore-not-found", "--wait")


class Cutover(Way):
    """Changes the stack's config and runs `up`; all settings that concern a switch are the defaults."""

    name = "Cutover"
    namespace = "compare-cutover"
    port = 30073
    _folder = FOLDER / "stack"

    def set_up(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        for name in ("Pulumi.yaml", "__main__.py", "components", ".venv"):
            (self._folder / name).symlink_to(ROOT / name)
        app = {
            "component": "BlueGreenApp",
            "image": IMAGE,
            "port": 9898,
            "args": ["--level=error"],
            "replicas": REPLICAS,
            "expose": {"type": "NodePort", "nodePort": self.port},
            "probes": {"readiness": {"path": "/readyz", "periodSeconds": 1}},
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            "topologySpread": [],
        }
        config = {
            "kubernetes:kubeconfig": str(layout.kubeconfig()),
            "kubernetes:context": layout.NAME,
            "cutover:namespace": self.namespace,
            "cutover:activeColor": "blue",
            "cutover:imageTag": {"blue": BLUE, "green": GREEN},
            "cutover:apps": {"web": app},
        }
        (self._folder / "Pulumi.compare.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
        self._run("stack", "init", "compare")
        self._run("up", "--yes", "--skip-preview")

    def promote(self, version: str) -> None:
        self._run("config", "set", "activeColor", _color(version))
        self._run("up", "--yes", "--skip-preview")

    def template(self) -> dict[str, Any]:
        """The pod template that it has made."""
        deployment: dict[str, Any] = json.loads(
            kubectl(self.namespace, "get", "deployment", "web-blue", "--output=json")
        )
        return dict(deployment["spec"]["template"])

    def _run(self, *arguments: str) -> None:
        variables = {"PULUMI_BACKEND_URL": f"file://{self._folder}", PASSPHRASE: "compare"}
        read([str(ROOT / "pulumiw"), *arguments], _SECONDS, _ADVICE, self._folder, variables)


@dataclass(frozen=True)
class Patch(Way):
    """Two Deployments, and `kubectl patch` of the Service's selector."""

    template: dict[str, Any]
    name = "kubectl patch"
    namespace = "compare-kubectl"
    port = 30071

    def set_up(self) -> None:
        def labels(version: str) -> dict[str, str]:
            return {"app": "web", "color": _color(version)}

        deployments = [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": f"web-{_color(version)}"},
                "spec": {
                    "replicas": REPLICAS,
                    "selector": {"matchLabels": labels(version)},
                    "template": _pods(self.template, version, labels(version)),
                },
            }
            for version in (BLUE, GREEN)
        ]
        apply(self.namespace, _namespace(self.namespace), *deployments, _service("web", labels(BLUE), self.port))
        for version in (BLUE, GREEN):
            kubectl(
                self.namespace, "rollout", "status", f"deployment/web-{_color(version)}", f"--timeout={_READY_SECONDS}s"
            )

    def promote(self, version: str) -> None:
        selector = json.dumps({"spec": {"selector": {"color": _color(version)}}})
        kubectl(self.namespace, "patch", "service", "web", "--patch", selector)


@dataclass(frozen=True)
class Rollouts(Way):
    """Argo Rollouts, blue-green as its documentation sets it up, promoted by hand; see `controller`."""

    template: dict[str, Any]
    name = f"Argo Rollouts {PEERS.versions[0]}"
    namespace = "compare-rollouts"
    port = 30072

    def set_up(self) -> None:
        labels = {"app": "web"}
        rollout = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": REPLICAS,
                "selector": {"matchLabels": labels},
                "template": _pods(self.template, BLUE, labels),
                "strategy": {
                    "blueGreen": {
                        "activeService": "web",
                        "previewService": "web-preview",
                        "autoPromotionEnabled": False,
                    }
                },
            },
        }
        services = (_service("web", labels, self.port), _service("web-preview", labels))
        apply(self.namespace, _namespace(self.namespace), *services, rollout)
        self._wait("phase", "Healthy")

    def stage(self, version: str) -> None:
        """Set the image; what is left of an earlier version goes first, else this would be a roll back."""
        self._wait("replicas", REPLICAS)
        self._plugin("set", "image", "web", f"app={IMAGE}:{version}")
        self._wait("phase", "Paused")

    def promote(self, version: str) -> None:  # noqa: ARG002  # it knows which one is staged
        self._plugin("promote", "web")

    def roll_back(self, version: str) -> None:  # noqa: ARG002  # it knows which one was live
        """Undo; the old pods are still there, so that it does not stop for a promotion."""
        self._plugin("undo", "web")

    def roll_back_later(self, version: str) -> None:
        """Undo; the old pods are gone, so that they start anew and wait for a promotion."""
        self._plugin("undo", "web")
        self._wait("phase", "Paused")
        self.promote(version)

    def _plugin(self, *arguments: str) -> None:
        read([str(PEERS.program("kubectl-argo-rollouts")), *arguments, *_target(self.namespace)], _SECONDS, _ADVICE)

    def _wait(self, field: str, value: object) -> None:
        kubectl(self.namespace, "wait", "rollout/web", f"--for=jsonpath={{.status.{field}}}={value}", _READY)


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
            process.wait(_READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        kubectl("default", "delete", "--ignore-not-found", "--filename", definitions)


def kubectl(namespace: str, *arguments: str) -> str:
    return read([str(PEERS.program("kubectl")), *arguments, *_target(namespace)], _SECONDS, _ADVICE)


def apply(namespace: str, *objects: dict[str, Any]) -> None:
    """Create objects in the order given."""
    path = FOLDER / f"{namespace}.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2), encoding="utf-8")
    kubectl(namespace, "apply", "--server-side", "--filename", str(path))


def _target(namespace: str) -> tuple[str, ...]:
    return (f"--kubeconfig={layout.kubeconfig()}", f"--context={layout.NAME}", f"--namespace={namespace}")


def _color(version: str) -> str:
    return {BLUE: "blue", GREEN: "green"}[version]


def _namespace(name: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _pods(template: dict[str, Any], version: str, labels: dict[str, str]) -> dict[str, Any]:
    (container,) = template["spec"]["containers"]
    spec = {**template["spec"], "containers": [{**container, "image": f"{IMAGE}:{version}"}]}
    return {"metadata": {"labels": labels}, "spec": spec}


def _service(name: str, selector: dict[str, str], port: int | None = None) -> dict[str, Any]:
    exposed = {"type": "NodePort"} if port else {}
    ports = [{"port": 80, "targetPort": 9898, **({"nodePort": port} if port else {})}]
    spec = {**exposed, "selector": selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _await_health(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
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
            raise BenchError(f"the controller of Argo Rollouts is not healthy after {_READY_SECONDS:.0f} s. {_ADVICE}")
        time.sleep(0.1)
