"""An app of one version as a Pulumi component."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi import Output
from pulumi import ResourceOptions as Options

from components.component import Component, url
from components.inputs import Held
from components.kube import Cluster
from components.plan import CANARY_TAG, TAG, TEMPLATE, WorkloadPlan
from components.pod import CONTAINER
from components.resource import After, KubernetesObject
from components.workloads.rollout import Rollout


class Workload(Component):
    """An app of one version, and the controller that replaces its pods.

    Its layers, in order: `prepare` data for the version, `roll` the controller. `checks` has what must hold around it.

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
        plan: WorkloadPlan,
        cluster: Cluster,
        namespace: KubernetesObject | None = None,
        opts: Options | None = None,
        held: Held | None = None,
        *,
        sealed: bool = False,
    ) -> None:
        props = {"tag": plan.tag, "canaryTag": plan.canary_tag, "replicas": plan.replicas}
        super().__init__(plan, props, cluster, namespace=namespace, opts=opts, held=held, sealed=sealed)
        self.plan = plan
        self.checks = Rollout(plan, cluster, say=self._say, note=self._note, warn=self._warn)
        self._controller: KubernetesObject | None = None
        self._live, *services = [self._resource(service) for service in plan.services]
        self._config_maps = [self._resource(manifest) for manifest in plan.config_maps]
        self._needed = [*services, *self._config_maps]
        if plan.disruption_budget:
            self._resource(plan.disruption_budget)

    def prepare(self) -> list[KubernetesObject]:
        """Register and return the migration, if there is one."""
        migration = self.plan.migration
        # one that has run is never changed: a change of its spec would run it again
        return [self._resource(migration, self._config_maps, ignore_changes=["spec"])] if migration else []

    def roll(self, after: After) -> list[KubernetesObject]:
        """Register the controller, and the autoscaler that sizes it."""
        before = Output.from_input(after).apply(lambda waited_for: [*waited_for, *self._needed])
        sized = ["spec.replicas"] if self.plan.autoscaler else []
        self._controller = controller = self._resource(self.plan.controller, before, ignore_changes=sized)
        if self.plan.autoscaler:
            self._resource(self.plan.autoscaler, [controller])
        self.outputs = _outputs(controller, self._live, self.plan, self._cluster)
        self.register_outputs(self.outputs)
        return [controller]

    def _say(self, text: str) -> None:
        pulumi.log.info(text, resource=self._controller, ephemeral=True)

    def _note(self, text: str) -> None:
        pulumi.log.info(text, resource=self._controller)

    def _warn(self, text: str) -> None:
        pulumi.log.warn(text, resource=self._controller)


def _outputs(
    controller: KubernetesObject, live: KubernetesObject, plan: WorkloadPlan, cluster: Cluster
) -> dict[str, Any]:
    """What the controller says of itself as it was written: no wish of config."""
    # what is told of the spec is no secret, whatever else it holds
    written, spec = controller.metadata["annotations"], Output.unsecret(controller.spec)
    outputs = {
        "tag": written[TAG],
        "image": spec["template"]["spec"]["containers"].apply(_image),
        "revision": spec["template"]["metadata"]["labels"][TEMPLATE],
        "url": url(live, plan, cluster),
    }
    if plan.kind != "DaemonSet":
        outputs["replicas"] = spec["replicas"]
    match plan.kind:
        case "Deployment":
            outputs["paused"] = spec.apply(lambda said: bool(said.get("paused", False)))
        case "StatefulSet":
            outputs["canaryTag"] = written.apply(lambda said: said.get(CANARY_TAG))
            outputs["partition"] = spec.apply(_partition)
    return outputs


def _image(containers: Any) -> str:
    return next(str(each["image"]) for each in containers if each["name"] == CONTAINER)


def _partition(spec: Any) -> int:
    return int(spec["updateStrategy"].get("rollingUpdate", {}).get("partition", 0))
