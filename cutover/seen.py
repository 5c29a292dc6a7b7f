"""What is in the cluster: all objects of a stack that tell where its apps stand, read at once, app by app.

It takes a handful of requests, however many apps there are.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lightkube import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import Event, Pod, Service
from lightkube.resources.discovery_v1 import EndpointSlice

from components.color import Color
from components.kube import Cluster, endpoints_in, size_of
from components.memory import Memory, Traffic, notes_on
from components.plan import ACTIVE, SOURCE, AppPlan, ColorPlan, Manifest, StackPlan
from components.planner import BASELINE
from components.routers.nginx import PREFIX

OTHERS = "others"
"""Pods behind a live Service that are of neither color."""
SERVICE = "kubernetes.io/service-name"

Labels: TypeAlias = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Found:
    """What is in the cluster, by name; routes by the app that they are of."""

    deployments: Mapping[str, Deployment]
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
    apps = [app.name for app in plan.apps]
    labels: Labels = {"app": apps}
    routed = [app for app in plan.apps if app.routes]
    scaled = any(color.autoscaler for app in plan.apps for color in app.colors.values())
    (deployments, replica_sets, pods), (services, slices), (autoscalers, events), routes = await asyncio.gather(
        asyncio.gather(
            cluster.objects(Deployment, labels),
            cluster.objects(ReplicaSet, labels),
            cluster.objects(Pod, labels),
        ),
        # a Service that is to be taken over has no label of ours yet
        asyncio.gather(cluster.objects(Service), cluster.objects(EndpointSlice, {SERVICE: apps})),
        asyncio.gather(_autoscalers(cluster, labels, asked=scaled), _events(cluster)),
        asyncio.gather(*(cluster.find(app.mover) for app in routed)),
    )
    return Found(
        deployments={name_of(item.metadata): item for item in deployments},
        replica_sets=replica_sets,
        pods=pods,
        slices=slices,
        autoscalers={name_of(item.metadata): item for item in autoscalers},
        events=events,
        services={name_of(item.metadata): item.to_dict() for item in services},
        routes=dict(zip([app.name for app in routed], routes, strict=True)),
    )


async def _autoscalers(cluster: Cluster, labels: Labels, *, asked: bool) -> list[HorizontalPodAutoscaler]:
    return await cluster.objects(HorizontalPodAutoscaler, labels) if asked else []


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
