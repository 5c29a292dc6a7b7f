"""A small cluster that has one controller and its pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lightkube.resources.apps_v1 import ControllerRevision, ReplicaSet
from lightkube.resources.core_v1 import ConfigMap, Pod

from components.plan import TEMPLATE, Manifest, WorkloadPlan
from components.reach import Answer, Ask
from tests.unit.jobs import Jobs
from tests.unit.plans import an

WAITING = {"name": "app", "image": "", "imageID": "", "ready": False, "restartCount": 0}


def pod(
    name: str,
    template: str,
    *,
    ready: bool = True,
    ending: bool = False,
    waits: str = "",
    tag: str = "1.0",
    **spec: Any,
) -> Pod:
    container = {"name": "app", "image": f"registry.local/podinfo:{tag}"}
    status: dict[str, Any] = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    if waits:
        status["containerStatuses"] = [{**WAITING, "state": {"waiting": {"reason": waits, "message": "because"}}}]
    meta: dict[str, Any] = {"name": name, "labels": {TEMPLATE: template}}
    if ending:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return an(Pod, {"metadata": meta, "spec": {"containers": [{**container, **spec}]}, "status": status})


def stands(plan: WorkloadPlan, **status: Any) -> dict[str, Any]:
    """The plan's StatefulSet or DaemonSet as the cluster has it once all is done, but for `status`."""
    meta = {**plan.controller["metadata"], "generation": 2}
    counts = ("replicas", "availableReplicas", "updatedReplicas")
    if plan.kind == "DaemonSet":
        counts = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    done = {"observedGeneration": 2, "currentRevision": "one"} | dict.fromkeys(counts, plan.replicas or 1)
    return {**plan.controller, "metadata": meta, "status": done | status}


@dataclass
class Pods:
    """Pods that are asked through the API server, and answer with a status."""

    status: int = 200
    asked: list[str] = field(default_factory=list)

    def pods(self, namespace: str, pods: Sequence[str], port: int) -> Ask:
        async def ask(path: str, _: Mapping[str, str], __: float) -> Answer:
            self.asked.append(f"{namespace} {' '.join(pods)} {port} {path}")
            return Answer(self.status)

        return ask


@dataclass
class World(Jobs):
    """What answers like a cluster; what is done to it is noted in `log`.

    `revisions` are names of templates by the names of revisions. A pod that is ended comes back as `reborn`.
    """

    found: Manifest | None = None
    there: list[Pod] = field(default_factory=list)
    revisions: Mapping[str, str] = field(default_factory=dict)
    config_maps: Sequence[ConfigMap] = ()
    reborn: list[Pod] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    warning: str = ""
    reach: Any = None

    async def find(self, _: Manifest) -> Manifest | None:
        return self.found

    async def pods(self, labels: Mapping[str, Any]) -> list[Pod]:
        return await super().pods(labels) if "job-name" in labels else self.there

    async def objects(self, kind: Any, _: Mapping[str, Any]) -> Sequence[Any]:
        if kind is ConfigMap:
            return self.config_maps
        assert kind in {ReplicaSet, ControllerRevision}
        data: dict[str, Any] = {"revision": 1, "data": {}, "spec": {"selector": {}}}
        return [
            an(kind, {"metadata": {"name": name, "labels": {TEMPLATE: template}}, **data})
            for name, template in self.revisions.items()
        ]

    async def apply(self, manifest: Manifest, manager: str) -> None:
        self.log.append(f"apply {manifest['metadata']['annotations']['cutover/tag']} as {manager}")
        self.found = {
            **manifest,
            "metadata": {**manifest["metadata"], "generation": 2},
            "status": self.status(manifest),
        }

    def status(self, manifest: Manifest) -> dict[str, Any]:
        counts = dict.fromkeys(("replicas", "availableReplicas", "updatedReplicas"), manifest["spec"]["replicas"])
        return {"observedGeneration": 2, **counts}

    async def delete_pod(self, name: str) -> None:
        self.log.append(f"end {name}")
        self.there, self.reborn = self.reborn or self.there, []

    async def last_warning(self, _: str) -> str:
        return self.warning
