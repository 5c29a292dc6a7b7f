"""What a configuration means: plain dataclasses that hold Kubernetes manifests. Pure; no Pulumi here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from components.color import Color, Role
from components.gates.settings import Gate

ROLE = "cutover/role"
TAG = "cutover/tag"
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
    def labels(self) -> dict[str, str]:
        """The labels that select this color's pods, and never change."""
        labels: dict[str, str] = self.deployment["spec"]["selector"]["matchLabels"]
        return labels

    @property
    def pod_port(self) -> int:
        """The port that the app listens on, in a pod."""
        containers = self.deployment["spec"]["template"]["spec"]["containers"]
        ports = next(container["ports"] for container in containers if container["name"] == "app")
        number: int = next(port["containerPort"] for port in ports if port["name"] == "app")
        return number


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
    def colors(self) -> Mapping[Color, ColorPlan]:
        return {plan.color: plan for plan in (self.active, self.other)}


@dataclass(frozen=True)
class StackPlan:
    """Everything a stack's configuration means.

    `owner` is the stack, as the label of all its objects has it; `namespace_manifest` is None when the namespace is
    there already.
    """

    owner: str
    namespace: str
    namespace_manifest: Manifest | None
    apps: tuple[AppPlan, ...]
