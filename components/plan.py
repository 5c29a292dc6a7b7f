"""What a configuration means: plain dataclasses that hold Kubernetes manifests. Pure; no Pulumi here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from components.color import Color, Role

ROLE = "cutover/role"
TAG = "cutover/tag"
SOURCE = "cutover/source"
ACTIVE = "cutover/active"
TAGS = "cutover/tags"
SHARE = "cutover/share"

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
    `template_hash` names the pod template's content apart from the color label, so equal templates hash equal.
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

    @property
    def name(self) -> str:
        name: str = self.deployment["metadata"]["name"]
        return name

    @property
    def labels(self) -> dict[str, str]:
        """The labels that select this color's pods, and never change."""
        labels: dict[str, str] = self.deployment["spec"]["selector"]["matchLabels"]
        return labels


@dataclass(frozen=True)
class AppPlan:
    """One app: its two colors and the Services that carry its traffic. `share` is the other color's, as text."""

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

    @property
    def port(self) -> int:
        """The port of the live Service."""
        port: int = self.live_service["spec"]["ports"][0]["port"]
        return port

    @property
    def colors(self) -> Mapping[Color, ColorPlan]:
        return {plan.color: plan for plan in (self.active, self.other)}


@dataclass(frozen=True)
class StackPlan:
    """Everything a stack's configuration means. `namespace_manifest` is None when the namespace is there already."""

    namespace: str
    namespace_manifest: Manifest | None
    apps: tuple[AppPlan, ...]
