"""From configuration to plan: which objects a stack's configuration means. Pure; no Pulumi here.

A color's size is the position's business, never the pod template's: promoting a canary promotes the very pods that
were tested, and nothing is rolled twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from components import objects, pod
from components.color import Color, Role
from components.labels import label_value, namespace_name
from components.plan import (
    ACTIVE,
    MANAGED_BY,
    ROLE,
    SHARE,
    SOURCE,
    STACK,
    TAG,
    TAGS,
    AppPlan,
    BaselinePlan,
    ColorPlan,
    Component,
    Manifest,
    StackPlan,
)
from components.position import Position, position
from components.routers import router
from components.routers.split import Split
from components.schema import App, Config, Pod, Settings
from components.workloads.planner import Planner as WorkloadPlanner

BASELINE = "baseline"
"""Where a color's name stands in labels and names, for the pods beside a canary."""


def plan(settings: Settings, *, owner: str) -> StackPlan:
    """Say which objects `settings` mean.

    Args:
        settings: a configuration that `config.load` has passed.
        owner: the stack as `<project>/<stack>`; every object carries it as a label.
    """
    labels = {**MANAGED_BY, STACK: label_value(owner)}
    namespace = settings.namespace or namespace_name(owner)
    manifest = objects.namespace(namespace, labels, settings.pod_security)
    return StackPlan(
        owner=labels[STACK],
        namespace=namespace,
        namespace_manifest=manifest if settings.create_namespace else None,
        apps=tuple(
            _Planner(name, app, position(app, settings), namespace, labels).plan()
            for name, app in sorted(settings.apps.items())
        ),
        workloads=tuple(
            WorkloadPlanner(name, app, settings, namespace, labels).plan()
            for name, app in sorted(settings.workloads.items())
        ),
    )


@dataclass(frozen=True)
class _Planner:
    """Plans one app."""

    name: str
    app: App
    where: Position
    namespace: str
    stack_labels: Mapping[str, str]

    def plan(self) -> AppPlan:
        active, other = self.where.active, self.where.active.other
        other_role, other_size = self._of_other()
        weight = self.where.canary_weight if self.app.router and other_role is Role.CANARY else 0
        by_pods = other_role is Role.CANARY and not self.app.router
        beside = other_size if self.app.baseline else 0
        share = f"{other_size}/{self.app.size + other_size + beside}" if by_pods else f"{weight}%"
        return AppPlan(
            name=self.name,
            namespace=self.namespace,
            component=self.app.component,
            active=self._color(active, Role.ACTIVE, self.app.size),
            other=self._color(other, other_role, other_size),
            live_service=self._live_service(share),
            preview_service=objects.inner_service(
                self._metadata(f"{self.name}-preview"), self.app, self._selector(other), forced=True
            ),
            share=share,
            routes=self._routes(share, weight, canary=other_role is Role.CANARY),
            weight=weight,
            baseline=self._baseline(other_size if other_role is Role.CANARY else 0) if self.app.baseline else None,
            host=router.host(self.app.router) if self.app.router else None,
            drain_seconds=self.app.drain_seconds,
            recycle=self.app.recycle,
            progress_deadline_seconds=self.app.progress_deadline_seconds,
            in_place=self.app.in_place,
            force=self.app.force,
            coupled=self.where.coupled,
            gate=self.app.gate,
            gate_hash=pod.digest(self.app.gate.model_dump(mode="json")) if self.app.gate else "",
        )

    def _of_other(self) -> tuple[Role, int]:
        """What the position makes of the other color, and how many pods that is.

        Without a router every ready pod behind a CanaryApp's live Service takes traffic, so its other color has the
        canary's pods and no more; with one it has idle pods where `idleReplicas` says so. An idle color that runs what
        the live one runs has none: there is nothing to test and nothing to return to.
        """
        if self.app.component is Component.CANARY:
            idle = (self.where.idle_replicas or 0) if self.app.router else 0
            canary = self.where.canary_replicas
            return (Role.CANARY, canary) if canary else (Role.IDLE, idle)
        if self._template_hash(Color.BLUE) == self._template_hash(Color.GREEN):
            return Role.IDLE, 0
        return Role.IDLE, self.app.size if self.where.idle_replicas is None else self.where.idle_replicas

    def _color(self, color: Color, role: Role, size: int) -> ColorPlan:
        app, name, selector = self.app, f"{self.name}-{color}", self._selector(color)
        config = app.pod(color).config
        tag = self.where.tags.of(color)
        told = {ROLE: str(role), TAG: tag, SOURCE: self._source_hash(color)}
        return ColorPlan(
            color=color,
            role=role,
            tag=tag,
            replicas=size,
            template_hash=self._template_hash(color),
            deployment=objects.deployment(
                self._metadata(name, told, color), app, selector, self._template(color, str(color)), size
            ),
            service=objects.inner_service(self._metadata(name, color=color), app, selector),
            disruption_budget=objects.disruption_budget(self._metadata(name, color=color), selector),
            autoscaler=self._autoscaler(color, role, size),
            config_maps=(self._config_map(color, config),) if config else (),
            migration=self._migration(color, tag),
        )

    def _baseline(self, size: int) -> BaselinePlan:
        """The live version once more, in pods of their own; without a canary there are none of them."""
        active, name, selector = self.where.active, f"{self.name}-{BASELINE}", self._selector(BASELINE)
        config = self.app.pod(active).config
        template = self._template(active, BASELINE)
        return BaselinePlan(
            replicas=size,
            deployment=objects.deployment(self._metadata(name, color=BASELINE), self.app, selector, template, size),
            service=objects.inner_service(self._metadata(name, color=BASELINE), self.app, selector),
            config_maps=(self._config_map(BASELINE, config),) if config else (),
        )

    def _autoscaler(self, color: Color, role: Role, size: int) -> Manifest | None:
        if not self.app.autoscaling:
            return None
        name = f"{self.name}-{color}"
        least, may_shrink = max(size, 1), role is Role.ACTIVE
        meta = self._metadata(name, color=color)
        return objects.autoscaler(meta, self.app.autoscaling, deployment=name, least=least, may_shrink=may_shrink)

    def _config_map(self, color: str, config: Config) -> Manifest:
        name = pod.config_map_name(f"{self.name}-{color}", config)
        return objects.config_map(self._metadata(name, color=color), config)

    def _migration(self, color: Color, tag: str) -> Manifest | None:
        """A Job that is named by what it runs, so that it runs once, whatever color has the tag."""
        settings = self.app.migration
        if settings is None:
            return None
        name = f"{self.name}-migrate-{pod.digest([self.app.pod(color).image, tag, settings.model_dump(mode='json')])}"
        template = pod.migration_template(self._template(color, str(color)), settings)
        return objects.job(self._metadata(name), template, seconds=settings.deadline_seconds, retries=settings.retries)

    def _told(self, share: str) -> dict[str, str]:
        """What the objects that move traffic say of where it is."""
        tags = {str(color): self.where.tags.of(color) for color in Color}
        return {ACTIVE: str(self.where.active), TAGS: json.dumps(tags, separators=(",", ":")), SHARE: share}

    def _live_service(self, share: str) -> Manifest:
        by_pods = self.app.component is Component.CANARY and not self.app.router
        selector = {"app": self.name, **MANAGED_BY} if by_pods else self._selector(self.where.active)
        return objects.live_service(self._metadata(self.name, self._told(share)), self.app, selector)

    def _routes(self, share: str, weight: int, *, canary: bool) -> tuple[Manifest, ...]:
        if not self.app.router:
            return ()
        split = Split(
            active=self.where.active,
            weight=weight,
            canary=canary,
            services={color: f"{self.name}-{color}" for color in Color},
            versions={color: self._template_hash(color) for color in Color},
            port=self.app.expose.port,
            baseline=f"{self.name}-{BASELINE}" if self.app.baseline and weight else None,
        )
        meta = objects.route_metadata(self._metadata(self.name, self._told(share)))
        return tuple(router.routes(meta, self.app.router, split))

    def _template(self, color: Color, written_as: str) -> Manifest:
        """A color's pod template, with `written_as` wherever the color's name goes."""
        tag = self.where.tags.of(color)
        return pod.template(
            f"{self.name}-{written_as}",
            tag,
            self.app.pod(color),
            selector=self._selector(written_as),
            labels={**MANAGED_BY, "app.kubernetes.io/name": self.name, "app.kubernetes.io/version": label_value(tag)},
            patches=(self.app.pod_template, self.app.colors.of(color).pod_template),
        )

    def _template_hash(self, color: Color) -> str:
        return pod.digest(self._template(color, pod.ANY_COLOR))

    def _source_hash(self, color: Color) -> str:
        """Names what the configuration says of a color's pods; it stays when a newer Cutover makes more of it."""
        said = self.app.pod(color).model_dump(mode="json", include=set(Pod.model_fields), exclude_unset=True)
        return pod.digest([self.where.tags.of(color), said, self.app.colors.of(color).pod_template])

    def _selector(self, color: str) -> dict[str, str]:
        return {"app": self.name, "color": str(color)}

    def _metadata(self, name: str, annotations: Mapping[str, str] | None = None, color: str | None = None) -> Manifest:
        labels = {
            **self.stack_labels,
            "cutover/component": str(self.app.component),
            "app.kubernetes.io/name": self.name,
            "app": self.name,
        }
        if color:
            labels["color"] = str(color)
        return objects.metadata(name, self.namespace, labels, annotations)
