"""What a configuration means: plain dataclasses that hold Kubernetes manifests. Pure; no Pulumi here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from components.color import Color, Role
from components.gates.settings import CanaryGate, Gate
from components.problems import Path

ROLE = "cutover/role"
TAG = "cutover/tag"
CANARY_TAG = "cutover/canary-tag"
TEMPLATE = "cutover/template"
SOURCE = "cutover/source"
ACTIVE = "cutover/active"
TAGS = "cutover/tags"
SHARE = "cutover/share"
STACK = "cutover/stack"
MANAGED_BY: Mapping[str, str] = {"app.kubernetes.io/managed-by": "cutover"}
"""A label of every object and pod of ours, which pods that were there before lack."""

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object as the API writes it: camelCase keys, `apiVersion`, `kind`, `metadata`, …"""


class Component(StrEnum):
    """How an app is released."""

    BLUE_GREEN = "BlueGreenApp"
    CANARY = "CanaryApp"
    ROLLING = "RollingApp"
    STATEFUL = "StatefulApp"
    DAEMON = "DaemonApp"


@dataclass(frozen=True)
class ColorPlan:
    """One color of one app.

    `replicas` is the size the position gives it; with an HPA, the smallest one.
    `template_hash` names the pod template's content apart from the color label, so equal templates hash equal. With
    `kept` the Deployment keeps the template it has, and that is the one `template_hash` names. `migration` is the Job
    that must have ended well before the color's pods are there.
    """

    color: Color
    role: Role
    tag: str
    replicas: int
    template_hash: str
    deployment: Manifest
    service: Manifest
    disruption_budget: Manifest
    autoscaler: Manifest | None
    config_maps: tuple[Manifest, ...]
    migration: Manifest | None = None
    kept: bool = False

    @property
    def name(self) -> str:
        name: str = self.deployment["metadata"]["name"]
        return name

    @property
    def source(self) -> str:
        """The hash of what the configuration says of this color's pods, which the Deployment carries."""
        source: str = self.deployment["metadata"]["annotations"][SOURCE]
        return source

    @property
    def manifests(self) -> list[Manifest]:
        """The color's objects but for its migration, which another color of the same tag may share."""
        autoscaler = [self.autoscaler] if self.autoscaler else []
        return [*self.config_maps, self.deployment, self.service, self.disruption_budget, *autoscaler]

    @property
    def labels(self) -> dict[str, str]:
        """The labels that select this color's pods, and never change."""
        labels: dict[str, str] = self.deployment["spec"]["selector"]["matchLabels"]
        return labels

    @property
    def pod_port(self) -> int:
        """The port that the app listens on, in a pod."""
        return _pod_port(self.deployment)


@dataclass(frozen=True)
class BaselinePlan:
    """Pods of the live version beside a canary, as many and with as much traffic, for metrics to compare it with."""

    replicas: int
    deployment: Manifest
    service: Manifest
    config_maps: tuple[Manifest, ...]

    @property
    def name(self) -> str:
        name: str = self.deployment["metadata"]["name"]
        return name

    @property
    def manifests(self) -> list[Manifest]:
        return [*self.config_maps, self.deployment, self.service]

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.deployment["spec"]["selector"]["matchLabels"]
        return labels


@dataclass(frozen=True)
class AppPlan:
    """One app: its two colors and the Services that carry its traffic.

    `share` is the other color's, as text, and `weight` in percent where a router splits; `routes` are the router's
    objects, of which the first one moves traffic, and `host` the name that they are for; `gate_hash` names what the
    gate asks. `foretold` is what an `up` does with it beside its writes, for a preview to tell.
    """

    name: str
    namespace: str
    component: Component
    active: ColorPlan
    other: ColorPlan
    live_service: Manifest
    preview_service: Manifest
    share: str
    drain_seconds: int
    recycle: bool
    progress_deadline_seconds: int
    in_place: str | None
    force: str | None
    coupled: bool
    routes: tuple[Manifest, ...] = ()
    weight: int = 0
    host: str | None = None
    baseline: BaselinePlan | None = None
    gate: Gate | None = None
    gate_hash: str = ""
    foretold: tuple[str, ...] = ()

    @property
    def mover(self) -> Manifest:
        """The object whose writing moves traffic, and which says where it is."""
        return self.routes[0] if self.routes else self.live_service

    @property
    def splits_by_pods(self) -> bool:
        """Whether every ready pod of either color takes a share of the live traffic, as it is ready."""
        return self.component is Component.CANARY and not self.routes

    @property
    def port(self) -> int:
        """The port of the live Service."""
        port: int = self.live_service["spec"]["ports"][0]["port"]
        return port

    @property
    def migrations(self) -> Sequence[Manifest]:
        """The migrations of both colors, each once."""
        found = {plan.migration["metadata"]["name"]: plan.migration for plan in self.colors.values() if plan.migration}
        return list(found.values())

    @property
    def manifests(self) -> list[Manifest]:
        """All objects of the app, in an order in which they could be written."""
        colors = [manifest for plan in self.colors.values() for manifest in plan.manifests]
        baseline = self.baseline.manifests if self.baseline else []
        return [*colors, *self.migrations, *baseline, *self.routes, self.live_service, self.preview_service]

    @property
    def colors(self) -> Mapping[Color, ColorPlan]:
        return {plan.color: plan for plan in (self.active, self.other)}


@dataclass(frozen=True)
class WorkloadPlan:
    """One app of one version, and the controller (Deployment, StatefulSet, DaemonSet) that replaces its pods.

    `replicas` is None where every node has a pod. `tag_key` is where the configuration has the tag. With `holds` pods
    are not replaced by themselves: the rollout is paused, or waits for somebody to delete them. `base` is the
    controller as it is without its canary, where it has one, `canary_tag` what that runs, and `gate` what it must pass.
    """

    name: str
    namespace: str
    component: Component
    tag: str
    tag_key: Path
    replicas: int | None
    controller: Manifest
    services: tuple[Manifest, ...]
    config_maps: tuple[Manifest, ...]
    progress_deadline_seconds: int
    disruption_budget: Manifest | None = None
    autoscaler: Manifest | None = None
    migration: Manifest | None = None
    holds: bool = False
    base: Manifest | None = None
    canary_tag: str | None = None
    gate: CanaryGate | None = None
    foretold: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        kind: str = self.controller["kind"]
        return kind

    @property
    def template_hash(self) -> str:
        """The name of the pod template's content, which pods and revisions carry as the label `TEMPLATE`."""
        return template_of(self.controller["spec"]["template"]["metadata"])

    @property
    def base_hash(self) -> str:
        """The same of the pods beside a canary."""
        return template_of((self.base or self.controller)["spec"]["template"]["metadata"])

    @property
    def labels(self) -> dict[str, str]:
        """The labels that select the app's pods, and never change."""
        labels: dict[str, str] = self.controller["spec"]["selector"]["matchLabels"]
        return labels

    @property
    def live_service(self) -> Manifest:
        return self.services[0]

    @property
    def manifests(self) -> list[Manifest]:
        """All objects of the app, in an order in which they could be written."""
        once = (self.migration, self.disruption_budget, self.controller, self.autoscaler)
        return [*self.services, *self.config_maps, *(manifest for manifest in once if manifest)]

    @property
    def host(self) -> str | None:
        """A name that only a router would give it."""
        return None

    @property
    def pod_port(self) -> int:
        """The port that the app listens on, in a pod."""
        return _pod_port(self.controller)

    @property
    def partition(self) -> int:
        """The lowest ordinal that is as the controller's template has it; those below are as `base` has it."""
        rolling = self.controller["spec"].get("updateStrategy", {}).get("rollingUpdate", {})
        partition: int = rolling.get("partition", 0)
        return partition

    @property
    def port(self) -> int:
        """The port of the live Service."""
        port: int = self.live_service["spec"]["ports"][0]["port"]
        return port


@dataclass(frozen=True)
class StackPlan:
    """Everything a stack's configuration means: `apps` have two colors, `workloads` one version.

    `owner` is the stack, as the label of all its objects has it; `namespace_manifest` is None when the namespace is
    there already.
    """

    owner: str
    namespace: str
    namespace_manifest: Manifest | None
    apps: tuple[AppPlan, ...]
    workloads: tuple[WorkloadPlan, ...] = ()

    @property
    def manifests(self) -> list[Manifest]:
        """All objects of the stack, in an order in which they could be written."""
        namespace = [self.namespace_manifest] if self.namespace_manifest else []
        apps: tuple[AppPlan | WorkloadPlan, ...] = (*self.apps, *self.workloads)
        return [*namespace, *(manifest for app in apps for manifest in app.manifests)]


def template_of(meta: Mapping[str, Any]) -> str:
    """Return the name of the template that an object with this metadata was made of; "" if it is not said."""
    name: str = (meta.get("labels") or {}).get(TEMPLATE, "")
    return name


def _pod_port(controller: Manifest) -> int:
    containers = controller["spec"]["template"]["spec"]["containers"]
    ports = next(container["ports"] for container in containers if container["name"] == "app")
    number: int = next(port["containerPort"] for port in ports if port["name"] == "app")
    return number
