"""A small world that answers like a cluster; `share` is what its route says, and `taken` whether a Gateway took it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod, Service

from components.checks import Checks, Tell
from components.kube import Endpoint
from tests.unit.jobs import Jobs
from tests.unit.plans import an, app_plan

REVISION = {"deployment.kubernetes.io/revision": "1"}


@dataclass
class World(Jobs):
    """Deployments by color and the color that the live Service selects, or `others`; writes are noted in `log`."""

    live: str | None = None
    others: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    context: str = "unit"
    sizes: dict[str, int] = field(default_factory=lambda: {"web-blue": 3, "web-green": 3})
    ready: dict[str, int] = field(default_factory=dict)
    memory: dict[str, dict[str, str]] = field(default_factory=dict)
    serving: list[str] | None = None
    log: list[str] = field(default_factory=list)
    births: int = 0
    was_away: bool = False
    sources: dict[str, str] = field(
        default_factory=lambda: {"web-blue": "source-of-blue", "web-green": "source-of-green"}
    )
    made: list[str] = field(default_factory=list)
    share: str = "0%"
    taken: bool = True

    async def namespaces(self, _: str) -> list[str]:
        return self.made

    async def find(self, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
        if self.live is None:
            return None
        conditions = [
            {"type": kind, "status": str(self.taken), "observedGeneration": 1, "message": "because"}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        return {
            "kind": manifest.get("kind"),
            "metadata": {"generation": 1, "annotations": {"cutover/active": self.live, "cutover/share": self.share}},
            "spec": {"parentRefs": [{"name": "edge"}]},
            "status": {"parents": [{"parentRef": {"name": "edge"}, "conditions": conditions}]},
        }

    async def service(self, _: str) -> Service | None:
        if self.live is None:
            spec = {"ports": [{"port": 80}]}
            return an(Service, {"metadata": {"labels": self.labels}, "spec": spec}) if self.others else None
        return an(Service, {"metadata": {"name": "web", "annotations": {"cutover/active": self.live}}})

    async def deployment(self, name: str) -> Deployment | None:
        if name not in self.sizes:
            return None
        size, ready = self.sizes[name], self._ready(name)
        status = {
            "observedGeneration": 1,
            "replicas": size,
            "updatedReplicas": size,
            "availableReplicas": ready,
        }
        source = self.sources.get(name, f"source-of-{name.removeprefix('web-')}")
        annotations = {**self.memory.get(name, {}), **REVISION, "cutover/source": source}
        metadata = {"name": name, "generation": 1, "annotations": annotations}
        spec = {"replicas": size, "selector": {}, "template": {}}
        return an(Deployment, {"metadata": metadata, "spec": spec, "status": status})

    async def replica_sets(self, labels: Mapping[str, str]) -> list[ReplicaSet]:
        status = {"replicas": 0, "availableReplicas": self._ready(f"web-{labels['color']}")}
        metadata = {"annotations": REVISION}
        return [an(ReplicaSet, {"metadata": metadata, "spec": {"selector": {}}, "status": status})]

    async def size(self, name: str) -> int | None:
        return self.sizes.get(name)

    async def pods(self, labels: Mapping[str, str]) -> list[Pod]:
        if "job-name" in labels:
            return await super().pods(labels)
        return [an(Pod, {"metadata": {"name": name}}) for name in self._pods(f"web-{labels['color']}")]

    async def endpoints(self, service: str) -> list[Endpoint]:
        if service != "web":
            return [Endpoint(name, ready=True) for name in self._pods(service)]
        names = self.serving if self.serving is not None else self._pods(f"web-{self.live}")
        return [Endpoint(name, ready=True) for name in names]

    async def scale(self, name: str, replicas: int) -> None:
        self.log.append(f"scale {name} to {replicas}")
        self.sizes[name] = replicas

    async def delete_pod(self, name: str) -> None:
        self.log.append(f"end {name}")
        self.births += 1

    async def remember(self, name: str, annotations: dict[str, str]) -> None:
        self.memory[name] = annotations

    async def last_warning(self, _: str) -> str:
        return ""

    def _ready(self, name: str) -> int:
        return self.ready.get(name, self.sizes.get(name, 0))

    def _pods(self, name: str) -> list[str]:
        # a pod that was ended is replaced by one of a new name
        return [f"{name}-{number}" for number in range(self.births, self.births + self._ready(name))]


def checks(world: World, **changes: Any) -> tuple[Checks, list[str]]:
    warnings: list[str] = []
    cluster: Any = world
    silent: Tell = lambda *_: None  # noqa: E731
    warn: Tell = lambda _, text: warnings.append(text)  # noqa: E731
    return Checks(app_plan(**changes), cluster, say=silent, note=silent, warn=warn), warnings
