"""One app as a Pulumi component: a plan's manifests become resources, in three layers that a release puts in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi import CustomResource, Output, ResourceHook, ResourceHookArgs, ResourceHookBinding, ResourceHookOptions
from pulumi import ResourceOptions as Options

from components import guards
from components.checks import Checks
from components.color import Color, Role
from components.errors import CutoverError
from components.inputs import Held, fill
from components.kube import Cluster
from components.plan import ACTIVE, SHARE, TAGS, AppPlan, ColorPlan, Manifest

KINDS: Mapping[str, type[CustomResource]] = {
    "ConfigMap": k8s.core.v1.ConfigMap,
    "Deployment": k8s.apps.v1.Deployment,
    "HorizontalPodAutoscaler": k8s.autoscaling.v2.HorizontalPodAutoscaler,
    "Namespace": k8s.core.v1.Namespace,
    "PodDisruptionBudget": k8s.policy.v1.PodDisruptionBudget,
    "Service": k8s.core.v1.Service,
}

After = pulumi.Input[Sequence[pulumi.Input[pulumi.Resource]]]
"""What a layer waits for: resources that are written and, as an Output, what was then checked of them."""


def resource(manifest: Manifest, opts: Options) -> CustomResource:
    """Make the Pulumi resource of a manifest, under the object's own name."""
    fields = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind"}}
    return KINDS[manifest["kind"]](manifest["metadata"]["name"], **fields, opts=opts)


def uid(item: CustomResource) -> Output[str]:
    """The uid that the cluster gave to the object of a resource made here."""
    name: Output[str] = item.metadata["uid"]  # type: ignore[attr-defined]
    return name


class App(pulumi.ComponentResource):
    """The two colors of one app and the Services that carry its traffic.

    Its layers, in order: `grow` the Deployments that take live traffic, `move` the live Service, `settle` the color
    that takes none. `checks` has what must hold between them.

    Args:
        plan: what the app is to be.
        cluster: the cluster that the Kubernetes provider writes to.
        namespace: the app's namespace where the program makes it.
        opts: options of the component.
        held: the Outputs whose places words hold in `plan`.
    """

    def __init__(
        self,
        plan: AppPlan,
        cluster: Cluster,
        namespace: CustomResource | None = None,
        opts: Options | None = None,
        held: Held | None = None,
    ) -> None:
        props = {"active": plan.active.color, "tags": {color: plan.colors[color].tag for color in plan.colors}}
        super().__init__(f"cutover:index:{plan.component}", plan.name, props, opts)
        self.plan = plan
        self.namespace = namespace
        self.held = held or {}
        self.checks = Checks(plan, cluster, say=self._say, warn=self._warn)
        self.outputs: dict[str, Any] = {}
        self._written: dict[Color | None, CustomResource] = {}

    def grow(self) -> list[CustomResource]:
        """Register the Deployments that take or will take live traffic, and all that moves none by being written."""
        for color in self._colors:
            self._resource(color.service)
            self._resource(color.disruption_budget)
        return [self._deployment(color) for color in self._colors if color.role is not Role.IDLE]

    def move(self, after: After) -> CustomResource:
        """Register the live Service: the write that moves traffic."""
        live = self._written[None] = self._resource(self.plan.live_service, after)
        self.outputs = _outputs(live, self.plan, self.checks.cluster)
        return live

    def settle(self, after: After) -> list[CustomResource]:
        """Register what follows traffic: the preview Service, the autoscalers, the Deployment of an idle color."""
        self._resource(self.plan.preview_service, after)
        for color in self._colors:
            if color.autoscaler:
                self._resource(color.autoscaler, after)
        self.register_outputs(self.outputs)
        return [self._deployment(color, after) for color in self._colors if color.role is Role.IDLE]

    @property
    def _colors(self) -> list[ColorPlan]:
        return [self.plan.active, self.plan.other]

    def _deployment(self, color: ColorPlan, after: After = ()) -> CustomResource:
        async def guard(args: ResourceHookArgs) -> None:
            old, new = await _plain(args.old_inputs), await _plain(args.new_inputs)
            try:
                selected = not pulumi.runtime.is_dry_run() and await self.checks.selects(color)
                guards.check(self.plan, color, old, new, selected=selected)
            except CutoverError as error:
                raise pulumi.RunError(str(error)) from error

        config_maps = [self._resource(manifest) for manifest in color.config_maps]
        before = Output.from_input(after).apply(lambda waited_for: [*waited_for, *config_maps])
        hook = ResourceHook(f"{color.name}-guard", guard, ResourceHookOptions(on_dry_run=True))
        deployment = self._written[color.color] = self._resource(
            color.deployment,
            before,
            hooks=ResourceHookBinding(before_update=[hook]),
            ignore_changes=["spec.replicas"] if color.autoscaler else None,
        )
        return deployment

    def _resource(self, manifest: Manifest, after: After = (), **options: Any) -> CustomResource:
        manifest = fill(manifest, self.held)
        if self.namespace is None:
            return resource(manifest, Options(parent=self, depends_on=after, **options))
        namespace = self.namespace
        before = Output.from_input(after).apply(lambda waited_for: [*waited_for, namespace])
        return resource(manifest, Options(parent=self, depends_on=before, deleted_with=namespace, **options))

    def _say(self, color: Color | None, text: str) -> None:
        pulumi.log.info(text, resource=self._written[color], ephemeral=True)

    def _warn(self, color: Color | None, text: str) -> None:
        pulumi.log.warn(text, resource=self._written[color])


def _outputs(live: Any, plan: AppPlan, cluster: Cluster) -> dict[str, Any]:
    """What the live Service says of itself: the position that the last move wrote, never what config wishes."""
    written = live.metadata["annotations"]
    return {
        "activeColor": written[ACTIVE],
        "imageTag": Output.json_loads(written[TAGS]),
        "otherShare": written[SHARE],
        "url": _url(live, plan, cluster),
        "previewUrl": f"http://{plan.name}-preview.{plan.namespace}.svc:{plan.port}",
    }


def _url(live: Any, plan: AppPlan, cluster: Cluster) -> pulumi.Input[str]:
    spec = plan.live_service["spec"]
    match spec["type"]:
        case "NodePort":
            return f"http://{cluster.node_host}:{spec['ports'][0]['nodePort']}"
        case "LoadBalancer":
            return Output.from_input(live.status).apply(lambda status: f"http://{_address(status)}:{plan.port}")
        case _:
            return f"http://{plan.name}.{plan.namespace}.svc:{plan.port}"


def _address(status: Any) -> str:
    for ingress in status.get("load_balancer", {}).get("ingress") or []:
        return str(ingress.get("ip") or ingress.get("hostname"))
    return "<no address yet>"


async def _plain(inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Hook arguments as plain values: what holds a secret arrives as an Output."""
    return {key: await Output.from_input(value).future() for key, value in (inputs or {}).items()}
