"""One app as a Pulumi component: a plan's manifests become resources, in three layers that a release puts in order."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import Output, ResourceHook, ResourceHookArgs, ResourceHookBinding, ResourceHookOptions
from pulumi import ResourceOptions as Options

from components import guards
from components.checks import Checks
from components.color import Color, Role
from components.component import Component, url
from components.errors import CutoverError
from components.inputs import Held
from components.kube import Cluster
from components.plan import ACTIVE, SHARE, TAGS, AppPlan, ColorPlan
from components.resource import After, KubernetesObject

SLOW_SECONDS = 5.0
"""A write that took longer was not one write: the API server was away, and the provider tried again."""


class App(Component):
    """The two colors of one app and the Services that carry its traffic.

    Its layers, in order: `prepare` what pods need, `grow` the Deployments that take live traffic, `move` the live
    Service, `settle` the color that takes none. `checks` has what must hold between them.

    Args:
        plan: what the app is to be.
        cluster: the cluster that the Kubernetes provider writes to.
        namespace: the app's namespace where the program makes it.
        opts: options of the component.
        held: the Outputs whose places words hold in `plan`.
        sealed: whether the configuration has secrets, which must stay so.
    """

    def __init__(
        self,
        plan: AppPlan,
        cluster: Cluster,
        namespace: KubernetesObject | None = None,
        opts: Options | None = None,
        held: Held | None = None,
        *,
        sealed: bool = False,
    ) -> None:
        props = {
            "active": plan.active.color,
            "tags": {color: plan.colors[color].tag for color in plan.colors},
            "replicas": {color: plan.colors[color].replicas for color in plan.colors},
        }
        super().__init__(plan, props, cluster, namespace=namespace, opts=opts, held=held, sealed=sealed)
        self.plan = plan
        self.checks = Checks(plan, cluster, say=self._say, note=self._note, warn=self._warn)
        self._config_maps: dict[Color, list[KubernetesObject]] = {}
        self._written: dict[Color | None, KubernetesObject] = {}

    def prepare(self) -> list[KubernetesObject]:
        """Register all that moves no traffic and starts no pod of an app by being written; return the migrations."""
        for color in self._colors:
            self._resource(color.service)
            self._resource(color.disruption_budget)
            self._config_maps[color.color] = [self._resource(manifest) for manifest in color.config_maps]
        if self.plan.baseline:
            self._resource(self.plan.baseline.service)
            for manifest in self.plan.baseline.config_maps:
                self._resource(manifest)
        config_maps = [item for items in self._config_maps.values() for item in items]
        # one that has run is never changed: a change of its spec would run it again
        return [self._resource(job, config_maps, ignore_changes=["spec"]) for job in self.plan.migrations]

    def grow(self, after: After) -> list[KubernetesObject]:
        """Register the Deployments that take or will take live traffic."""
        grown = [self._deployment(color, after) for color in self._colors if color.role is not Role.IDLE]
        baseline = self.plan.baseline
        return [*grown, self._resource(baseline.deployment, after)] if baseline and baseline.replicas else grown

    def move(self, after: After) -> list[KubernetesObject]:
        """Register what moves traffic by being written: the routes, and the live Service."""
        begin = 0.0

        def move(_: ResourceHookArgs) -> None:
            nonlocal begin
            begin = time.monotonic()

        def moved(_: ResourceHookArgs) -> None:
            cluster.was_away |= bool(begin) and time.monotonic() - begin > SLOW_SECONDS
            what = "the route" if self.plan.routes else "the live Service"
            self._note(None, f"{self.plan.name}: {what} is on {self.plan.active.color}")

        cluster = self.checks.cluster
        before, done = ResourceHook(f"{self.plan.name}-move", move), ResourceHook(f"{self.plan.name}-moved", moved)
        told = ResourceHookBinding(before_update=[before], after_create=[done], after_update=[done])
        mover, *others = [*self.plan.routes, self.plan.live_service]
        first = self._written[None] = self._resource(mover, after, hooks=told)
        movers = [first, *(self._resource(other, after) for other in others)]
        self.outputs = _outputs(first, movers[-1], self.plan, self.checks.cluster)
        return movers

    def settle(self, after: After) -> list[KubernetesObject]:
        """Register what follows traffic: the preview Service, the autoscalers, the Deployment of an idle color."""
        self._resource(self.plan.preview_service, after)
        for color in self._colors:
            if color.autoscaler:
                self._resource(color.autoscaler, after)
        self.register_outputs(self.outputs)
        if self.plan.baseline and not self.plan.baseline.replicas:
            self._resource(self.plan.baseline.deployment, after)
        return [self._deployment(color, after) for color in self._colors if color.role is Role.IDLE]

    @property
    def _colors(self) -> list[ColorPlan]:
        return [self.plan.active, self.plan.other]

    def _deployment(self, color: ColorPlan, after: After) -> KubernetesObject:
        async def guard(args: ResourceHookArgs) -> None:
            old, new = await _plain(args.old_inputs), await _plain(args.new_inputs)
            try:
                # a preview moves nothing, so that what is selected there may yet be left
                moved_by_hand = not pulumi.runtime.is_dry_run() and await self.checks.selects(color)
                stays = color.role is not Role.IDLE and await self.checks.is_live(color)
                if old:
                    share = await self.checks.unjudged_share(color)
                    guards.check(self.plan, color, old, new, live=moved_by_hand or stays, unjudged_share=share)
                else:
                    found = await self.checks.source(color)
                    guards.check_unknown(self.plan, color, found, live=moved_by_hand or stays)
            except CutoverError as error:
                raise pulumi.RunError(str(error)) from error

        config_maps = self._config_maps[color.color]
        before = Output.from_input(after).apply(lambda waited_for: [*waited_for, *config_maps])
        hook = ResourceHook(f"{color.name}-guard", guard, ResourceHookOptions(on_dry_run=True))
        deployment = self._written[color.color] = self._resource(
            color.deployment,
            before,
            hooks=ResourceHookBinding(before_create=[hook], before_update=[hook]),
            ignore_changes=_left_alone(color),
        )
        return deployment

    def _say(self, color: Color | None, text: str) -> None:
        pulumi.log.info(text, resource=self._written.get(color), ephemeral=True)

    def _note(self, color: Color | None, text: str) -> None:
        pulumi.log.info(text, resource=self._written.get(color))

    def _warn(self, color: Color | None, text: str) -> None:
        pulumi.log.warn(text, resource=self._written.get(color))


def _left_alone(color: ColorPlan) -> list[str]:
    """What of a Deployment is not Pulumi's to write: a size that is an autoscaler's, a template that is kept."""
    return [*(["spec.replicas"] if color.autoscaler else []), *(["spec.template"] if color.kept else [])]


def _outputs(
    mover: KubernetesObject, live_service: KubernetesObject, plan: AppPlan, cluster: Cluster
) -> dict[str, Any]:
    """What the object that moves traffic says of itself: the position that the last move wrote, no wish of config."""
    written = mover.metadata["annotations"]
    return {
        "activeColor": written[ACTIVE],
        "imageTag": Output.json_loads(written[TAGS]),
        "otherShare": written[SHARE],
        "url": url(live_service, plan, cluster),
        "previewUrl": f"http://{plan.name}-preview.{plan.namespace}.svc:{plan.port}",
    }


async def _plain(inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Hook arguments as plain values: what holds a secret arrives as an Output."""
    return {key: await Output.from_input(value).future() for key, value in (inputs or {}).items()}
