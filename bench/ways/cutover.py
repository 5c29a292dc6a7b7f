"""Cutover: a stack's config is changed, and `up` run, by hand or by the release driver.

All settings that concern a release are the defaults.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from bench.command import PASSPHRASE, ROOT, read
from bench.ways.kubectl import ADVICE, FOLDER, SECONDS, kubectl
from bench.ways.objects import BLUE, COLORS, GREEN, IMAGE
from bench.ways.way import BlueGreen, Canary, Way
from cluster import layout

PAUSED: Final = 5
"""The exit code of the release driver for a release that waits to be resumed."""


class Stack(Way):
    """A stack of its own, with one app of this component."""

    name = "Cutover"
    component: str

    @property
    def _folder(self) -> Path:
        return FOLDER / self.namespace

    def set_up(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        for name in ("Pulumi.yaml", "__main__.py", "components", ".venv"):
            (self._folder / name).symlink_to(ROOT / name)
        app = {
            "component": self.component,
            "image": IMAGE,
            "port": 9898,
            "args": ["--level=error"],
            "replicas": self.replicas,
            "expose": {"type": "NodePort", "nodePort": self.port},
            "probes": {"readiness": {"path": "/readyz", "periodSeconds": 1}},
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            "topologySpread": [],
        }
        config = {
            "kubernetes:kubeconfig": str(layout.kubeconfig()),
            "kubernetes:context": layout.NAME,
            "cutover:namespace": self.namespace,
            "cutover:activeColor": COLORS[BLUE],
            "cutover:imageTag": {COLORS[BLUE]: BLUE, COLORS[GREEN]: GREEN},
            "cutover:apps": {"web": app},
        }
        (self._folder / "Pulumi.compare.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
        self._run("stack", "init", "compare")
        self._up()

    def promote(self, version: str) -> None:
        self._set("activeColor", COLORS[version])
        self._up()

    def template(self) -> dict[str, Any]:
        """The pod template that it has made."""
        deployment: dict[str, Any] = json.loads(
            kubectl(self.namespace, "get", "deployment", "web-blue", "--output=json")
        )
        return dict(deployment["spec"]["template"])

    def _set(self, *arguments: str) -> None:
        self._run("config", "set", *arguments)

    def _up(self) -> None:
        self._run("up", "--yes", "--skip-preview")

    def _run(self, *arguments: str) -> None:
        self._read(str(ROOT / "pulumiw"), *arguments)

    def _drive(self, *arguments: str, ends: int = 0) -> None:
        self._read(sys.executable, "-m", "cutover", *arguments, ends=ends)

    def _read(self, *command: str, ends: int = 0) -> None:
        backend = f"file://{self._folder}"
        variables = {"PULUMI_BACKEND_URL": backend, PASSPHRASE: "compare", "PYTHONPATH": str(ROOT)}
        read(command, SECONDS, ADVICE, self._folder, variables=variables, ends=ends)


class Cutover(Stack, BlueGreen):
    """A BlueGreenApp."""

    namespace = "compare-cutover"
    port = 30073
    component = "BlueGreenApp"


class CutoverCanary(Stack, Canary):
    """A CanaryApp without a router: its canary is a pod more."""

    namespace = "canary-cutover"
    port = 30075
    component = "CanaryApp"
    beside = Canary.replicas

    def begin(self, version: str) -> None:
        self._set("--path", f"imageTag.{COLORS[version]}", version)
        self._set("canaryReplicas", "1")
        self._up()

    def promote(self, version: str) -> None:
        self._set("activeColor", COLORS[version])
        self.drop(version)

    def drop(self, version: str) -> None:  # noqa: ARG002  # there is one canary
        self._set("canaryReplicas", "0")
        self._up()


class Driven(Cutover):
    """A BlueGreenApp, by the release driver."""

    def stage(self, version: str) -> None:
        self._drive("stage", version)

    def promote(self, version: str) -> None:  # noqa: ARG002  # it knows which one is staged
        self._drive("promote", "--watch", "0")

    def roll_back(self, version: str) -> None:  # noqa: ARG002  # it knows which one was live
        self._drive("undo")


class DrivenCanary(CutoverCanary):
    """A CanaryApp without a router, by the release driver."""

    def begin(self, version: str) -> None:
        self._drive("stage", version)
        self._drive("canary", "1", "--pause", "resume", ends=PAUSED)

    def drop(self, version: str) -> None:  # noqa: ARG002  # there is one canary
        self._drive("abort")
