"""What is in the cluster: all objects of a stack that tell where its apps stand, read at once, app by app.

It takes a handful of requests, however many apps there are.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from lightkube import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import DaemonSet, Deployment, ReplicaSet, StatefulSet
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import Event, Pod, Service
from lightkube.resources.discovery_v1 import EndpointSlice

from components import readiness
from components.color import Color
from components.kube import Cluster, Kind, endpoints_in, size_of
from components.memory import Memory, Traffic, notes_on
from components.plan import (
    ACTIVE,
    CANARY_TAG,
    SOURCE,
    TAG,
    TEMPLATE,
    AppPlan,
    ColorPlan,
    Manifest,
    StackPlan,
    WorkloadPlan,
    template_of,
)
from components.planner import BASELINE
from components.readiness import Progress
from components.routers.nginx import PREFIX
from components.workloads.rollout import Standing, counted, is_wanted, judge

OTHERS = "others"
"""Pods behind a live Service that are of neither color."""
SERVICE = "kubernetes.io/service-name"
REVISION = "controller-revision-hash"

Labels: TypeAlias = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Found:
    """What is in the cluster, by name; routes by the app that they are of."""

    deployments: Mapping[str, Deployment]
    stateful_sets: Mapping[str, StatefulSet]
    daemon_sets: Mapping[str, DaemonSet]
    replica_sets: Sequence[ReplicaSet]
    pods: Sequence[Pod]
    slices: Sequence[EndpointSlice]
    autoscalers: Mapping[str, HorizontalPodAutoscaler]
    events: Sequence[Event]
    services: Mapping[str, Manifest]
    routes: Mapping[str, Manifest | None]


async def look(plan: StackPlan, cluster: Cluster) -> Found:
    """Read the cluster.

    Raises:
        ClusterUnreachableError: it is away.
        lightkube.ApiError: it does not let us look.
    """
    apps, kinds = [app.name for app in plan.apps], {workload.kind for workload in plan.workloads}
    labels: Labels = {"app": [*apps, *(workload.name for workload in plan.workloads)]}
    routed = [app for app in plan.apps if app.routes]
    scaled = any(color.autoscaler for app in plan.apps for color in app.colors.values())
    scaled = scaled or any(workload.autoscaler for workload in plan.workloads)
    deployed = bool(apps) or "Deployment" in kinds
    (deployments, replica_sets), (stateful_sets, daemon_sets), (services, slices), rest, routes = await asyncio.gather(
        asyncio.gather(
            _objects(cluster, Deployment, labels, asked=deployed), _objects(cluster, ReplicaSet, labels, asked=deployed)
        ),
        asyncio.gather(
            _objects(cluster, StatefulSet, labels, asked="StatefulSet" in kinds),
            _objects(cluster, DaemonSet, labels, asked="DaemonSet" in kinds),
        ),
        # a Service that is to be taken over has no label of ours yet
        asyncio.gather(
            _objects(cluster, Service, asked=bool(apps)),
            _objects(cluster, EndpointSlice, {SERVICE: apps}, asked=bool(apps)),
        ),
        asyncio.gather(
            cluster.objects(Pod, labels),
            _objects(cluster, HorizontalPodAutoscaler, labels, asked=scaled),
            _events(cluster),
        ),
        asyncio.gather(*(cluster.find(app.mover) for app in routed)),
    )
    pods, autoscalers, events = rest
    return Found(
        deployments=_named(deployments),
        stateful_sets=_named(stateful_sets),
        daemon_sets=_named(daemon_sets),
        replica_sets=replica_sets,
        pods=pods,
        slices=slices,
        autoscalers=_named(autoscalers),
        events=events,
        services={name: item.to_dict() for name, item in _named(services).items()},
        routes=dict(zip([app.name for app in routed], routes, strict=True)),
    )


async def _objects(cluster: Cluster, kind: type[Kind], labels: Labels | None = None, *, asked: bool) -> list[Kind]:
    return await cluster.objects(kind, labels) if asked else []


def _named(items: Iterable[Kind]) -> dict[str, Kind]:
    return {name_of(getattr(item, "metadata", None)): item for item in items}


async def _events(cluster: Cluster) -> list[Event]:
    """Recent warnings of the namespace; none where we may not see events, which nothing else needs."""
    try:
        return await cluster.objects(Event, fields={"type": "Warning"})
    except ApiError:
        return []


@dataclass(frozen=True)
class SeenApp:
    """One app in what was found."""

    plan: AppPlan
    found: Found

    @property
    def service(self) -> Manifest | None:
        return self.found.services.get(self.plan.name)

    @property
    def route(self) -> Manifest | None:
        return self.found.routes.get(self.plan.name)

    @property
    def told(self) -> Mapping[str, str]:
        """What the object that moved traffic last says of it; an app that has just got a router has no route yet."""
        noted = (annotations_of(item) for item in (self.route, self.service) if item)
        return next((notes for notes in noted if ACTIVE in notes), {})

    @property
    def active(self) -> Color | None:
        """The color that the last move has made active; None before the first."""
        return Color(self.told[ACTIVE]) if self.told else None

    @property
    def traffic(self) -> Mapping[str, int]:
        """Who gets live traffic: weights of the route, or ready pods behind the live Service."""
        return _weights(self.route, self.plan.name) if self.route else self._endpoints()

    def deployment(self, color: ColorPlan) -> Deployment | None:
        return self.found.deployments.get(color.name)

    def size(self, color: ColorPlan) -> int | None:
        """How many pods a color is to have by its Deployment."""
        return size_of(self.deployment(color))

    def share(self, side: str) -> float:
        """What a side has of the live traffic, in percent."""
        return round(100 * self.traffic.get(side, 0) / (sum(self.traffic.values()) or 1), 1)

    def memory(self, color: ColorPlan) -> Memory:
        return Memory.of(self.deployment(color))

    def template(self, color: ColorPlan) -> str:
        """The template that is configured for a color; a live one may keep what an older Cutover has written."""
        memory = self.memory(color)
        kept = self.is_as_configured(color) and memory.live is Traffic.SEEN and self.plan.in_place != color.tag
        return (kept and memory.served) or color.template_hash

    def is_as_configured(self, color: ColorPlan) -> bool:
        """Whether a color's pods were made from what the configuration says of them now."""
        return notes_on(self.deployment(color)).get(SOURCE) == color.source

    def _endpoints(self) -> Mapping[str, int]:
        colors = {name_of(pod.metadata): labels_of(pod).get("color", OTHERS) for pod in self.found.pods}
        own = [piece for piece in self.found.slices if labels_of(piece)[SERVICE] == self.plan.name]
        return Counter(colors.get(endpoint.pod, OTHERS) for endpoint in endpoints_in(own) if endpoint.ready)


@dataclass(frozen=True)
class SeenWorkload:
    """One app of one version in what was found."""

    plan: WorkloadPlan
    found: Found

    @cached_property
    def controller(self) -> Manifest | None:
        by_kind: Mapping[str, Mapping[str, Deployment | StatefulSet | DaemonSet]] = {
            "Deployment": self.found.deployments,
            "StatefulSet": self.found.stateful_sets,
            "DaemonSet": self.found.daemon_sets,
        }
        found = by_kind[self.plan.kind].get(self.plan.name)
        return {**found.to_dict(), "kind": self.plan.kind} if found else None

    @cached_property
    def pods(self) -> list[Pod]:
        return [pod for pod in self.found.pods if self.plan.labels.items() <= labels_of(pod).items()]

    @cached_property
    def replica_sets(self) -> list[ReplicaSet]:
        return [item for item in self.found.replica_sets if self.plan.labels.items() <= labels_of(item).items()]

    @cached_property
    def written(self) -> WorkloadPlan:
        """What the controller was last written for, as it says itself; the plan where there is none."""
        found = self.controller
        if found is None:
            return self.plan
        notes, spec = annotations_of(found), found["spec"]
        update = spec.get("updateStrategy", {})
        partition = (update.get("rollingUpdate") or {}).get("partition", 0)
        return replace(
            self.plan,
            controller=found,
            tag=notes.get(TAG, ""),
            canary_tag=notes.get(CANARY_TAG),
            replicas=spec.get("replicas"),
            base=self._base(found) if partition else None,
            holds=bool(spec.get("paused")) or update.get("type") == "OnDelete",
        )

    @cached_property
    def standing(self) -> Standing:
        """How far the controller is with what was written last."""
        found, deployment = self.controller, self.found.deployments.get(self.plan.name)
        if self.plan.kind == "Deployment" and deployment:
            progress = readiness.judge(deployment, self.replica_sets, self.pods)
            return counted(self.written, progress, self.pods)
        if found:
            return judge(self.written, found, self.pods)
        return Standing(Progress(0, 0, done=False, troubles=()), 0, len(self.pods))

    def is_present(self, pod: Pod) -> bool:
        """Whether a pod is as the controller was last written for."""
        return is_wanted(self.written, pod)

    @staticmethod
    def template(pod: Pod) -> str:
        """The name of the template that a pod was made of."""
        return template_of({"labels": labels_of(pod)})

    def _base(self, found: Manifest) -> Manifest:
        """A StatefulSet as it is without its canary: what Kubernetes makes the pods below the partition of."""
        revision = found.get("status", {}).get("currentRevision")
        like = [pod for pod in self.pods if labels_of(pod).get(REVISION) == revision]
        name = self.template(like[0]) if like else self.plan.base_hash
        return {**found, "spec": {**found["spec"], "template": {"metadata": {"labels": {TEMPLATE: name}}}}}


def _weights(route: Manifest, app: str) -> Mapping[str, int]:
    """The weights of a route's last rule, which is the one that splits, by the side that each is for."""
    spec = route["spec"]
    match route["kind"]:
        case "HTTPRoute":
            backends = (spec.get("rules") or [{}])[-1].get("backendRefs", [])
            named = {each["name"]: each.get("weight", 1) for each in backends}
        case "VirtualService":
            backends = (spec.get("http") or [{}])[-1].get("route", [])
            named = {each["destination"]["host"]: each.get("weight", 100) for each in backends}
        case _:  # the canary Ingress of ingress-nginx, which is green's
            green = int(annotations_of(route).get(f"{PREFIX}canary-weight", 0))
            named = {f"{app}-{Color.BLUE}": 100 - green, f"{app}-{Color.GREEN}": green}
    sides: Counter[str] = Counter()
    for name, weight in named.items():
        side = name.removeprefix(f"{app}-")
        sides[side if side in {*Color, BASELINE} else OTHERS] += weight
    return sides


def labels_of(item: Pod | ReplicaSet | EndpointSlice) -> Mapping[str, str]:
    return (item.metadata and item.metadata.labels) or {}


def annotations_of(item: Manifest) -> Mapping[str, str]:
    return item["metadata"].get("annotations") or {}


def name_of(metadata: ObjectMeta | None) -> str:
    return (metadata and metadata.name) or ""
