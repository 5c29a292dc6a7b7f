"""From configuration to plan, for an app of one version. Pure; no Pulumi here.

Pods carry the name of their template's content as a label, and so do the ReplicaSets and ControllerRevisions that
Kubernetes makes of it: whoever looks can tell which pods are as the configuration wants them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components import objects, pod
from components.labels import label_value
from components.plan import CANARY_TAG, MANAGED_BY, TAG, TEMPLATE, Manifest, WorkloadPlan, template_of
from components.schema import AppKeys, DaemonApp, RollingApp, Settings, StatefulApp, UpdateStrategy, Workload
from components.workloads import controllers

HASH_LABELS: Mapping[type[AppKeys], str] = {RollingApp: "pod-template-hash"}
"""The label by which a controller tells its pods' templates apart, where it is not `controller-revision-hash`."""

CHANGE_CAUSE = "kubernetes.io/change-cause"
"""What `kubectl rollout history` shows of a revision."""


@dataclass(frozen=True)
class Planner:
    """Plans one app.

    Args:
        name: its name.
        app: what the configuration says of it.
        settings: the stack's configuration.
        stack_labels: labels of every object of the stack.
    """

    name: str
    app: Workload
    settings: Settings
    namespace: str
    stack_labels: Mapping[str, str]

    def plan(self) -> WorkloadPlan:
        match self.app:
            case RollingApp():
                return self._rolling(self.app)
            case StatefulApp():
                return self._stateful(self.app)
            case DaemonApp():
                return self._daemon(self.app)

    def _rolling(self, app: RollingApp) -> WorkloadPlan:
        template = self._template(app)
        paused = self.settings.paused if app.paused is None else app.paused
        autoscaler = app.autoscaling and objects.autoscaler(
            self._metadata(self.name), app.autoscaling, deployment=self.name, least=app.size, may_shrink=True
        )
        return self._plan(
            controllers.deployment(self._told(app, template), app, self._selector, template, paused=paused),
            replicas=app.size,
            disruption_budget=self._disruption_budget,
            autoscaler=autoscaler,
            holds=paused,
        )

    def _stateful(self, app: StatefulApp) -> WorkloadPlan:
        headless, claims = f"{self.name}-pods", controllers.claims_patch(app)

        def controller(pods: StatefulApp, patches: list[Manifest], partition: int) -> Manifest:
            template = self._template(pods, claims, *patches)
            meta = self._told(pods, template)
            return controllers.stateful_set(
                meta, app, selector=self._selector, template=template, service=headless, partition=partition
            )

        base, canary = controller(app, [app.pod_template], 0), app.canary_pod
        with_canary = controller(
            canary, [app.pod_template, app.canary.pod_template], app.replicas - app.canary_replicas
        )
        return self._plan(
            with_canary if app.canary_replicas else base,
            controllers.headless_service(self._metadata(headless), app, self._selector),
            versions=(app, canary) if app.canary_replicas else (app,),
            replicas=app.replicas,
            disruption_budget=self._disruption_budget,
            holds=app.update_strategy is UpdateStrategy.ON_DELETE,
            base=base if app.canary_replicas else None,
            canary_tag=self._tag(canary) if app.canary_replicas else None,
            gate=app.gate,
        )

    def _daemon(self, app: DaemonApp) -> WorkloadPlan:
        template = self._template(app)
        return self._plan(
            controllers.daemon_set(self._told(app, template), app, self._selector, template),
            replicas=None,
            holds=app.update_strategy is UpdateStrategy.ON_DELETE,
        )

    def _plan(
        self, controller: Manifest, *services: Manifest, versions: tuple[Workload, ...] = (), **rest: Any
    ) -> WorkloadPlan:
        """Plan an app; of its `versions`, if there are two, the last is the one that the controller updates to."""
        versions = versions or (self.app,)
        live = objects.live_service(self._metadata(self.name), self.app, {**self._selector, **MANAGED_BY})
        configs = {pod.config_map_name(self.name, each.config): each.config for each in versions if each.config}
        return WorkloadPlan(
            name=self.name,
            namespace=self.namespace,
            component=self.app.component,
            tag=self._tag(self.app),
            tag_key=("tag",) if self.app.tag is None else ("apps", self.name, "tag"),
            controller=controller,
            services=(live, *services),
            config_maps=tuple(objects.config_map(self._metadata(name), config) for name, config in configs.items()),
            migration=self._migration(controller["spec"]["template"], self._tag(versions[-1])),
            progress_deadline_seconds=self.app.progress_deadline_seconds,
            **rest,
        )

    def _template(self, app: Workload, *patches: Mapping[str, Any]) -> Manifest:
        """A pod template, labelled with the name of its content."""
        tag = self._tag(app)
        template = pod.template(
            self.name,
            tag,
            app,
            selector=self._selector,
            labels={**MANAGED_BY, "app.kubernetes.io/name": self.name, "app.kubernetes.io/version": label_value(tag)},
            patches=patches or (app.pod_template,),
            spread_by=HASH_LABELS.get(type(app), "controller-revision-hash"),
        )
        meta = template["metadata"]
        return {**template, "metadata": {**meta, "labels": {**meta["labels"], TEMPLATE: pod.digest(template)}}}

    def _migration(self, template: Manifest, tag: str) -> Manifest | None:
        """A Job that is named by what it runs, so that it runs once."""
        settings = self.app.migration
        if settings is None:
            return None
        name = f"{self.name}-migrate-{pod.digest([self.app.image, tag, settings.model_dump(mode='json')])}"
        job = pod.migration_template(template, settings)
        return objects.job(self._metadata(name), job, seconds=settings.deadline_seconds, retries=settings.retries)

    def _tag(self, app: Workload) -> str:
        tag = app.tag or self.settings.tag
        if tag is None:
            raise LookupError("there is no tag")
        return tag

    @property
    def _selector(self) -> dict[str, str]:
        return {"app": self.name}

    @property
    def _disruption_budget(self) -> Manifest:
        return objects.disruption_budget(self._metadata(self.name), self._selector)

    def _told(self, app: Workload, template: Manifest) -> Manifest:
        """Metadata of a controller, which say what it runs."""
        tag, own = self._tag(app), self._tag(self.app)
        cause = f"{app.image}:{tag}, template {template_of(template['metadata'])}"
        canary = {} if app is self.app else {CANARY_TAG: tag}
        return self._metadata(self.name, {TAG: own, **canary, CHANGE_CAUSE: cause})

    def _metadata(self, name: str, annotations: Mapping[str, str] | None = None) -> Manifest:
        labels = {
            **self.stack_labels,
            "cutover/component": str(self.app.component),
            "app.kubernetes.io/name": self.name,
            "app": self.name,
        }
        return objects.metadata(name, self.namespace, labels, annotations)
