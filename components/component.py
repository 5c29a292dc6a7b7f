"""What the components have in common: their objects as resources, and where they answer."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi import Output
from pulumi import ResourceOptions as Options

from components.inputs import Held, fill, seal
from components.kube import Cluster
from components.plan import AppPlan, Manifest, WorkloadPlan
from components.resource import After, KubernetesObject


class Component(pulumi.ComponentResource):
    """An app, of which every object is a resource.

    Args:
        plan: what the app is to be.
        props: what the engine shows of it.
        cluster: the cluster that the Kubernetes provider writes to.
        namespace: the app's namespace where the program makes it.
        opts: options of the component.
        held: the Outputs whose places words hold in `plan`.
        sealed: whether the configuration has secrets, which must stay so.
    """

    def __init__(
        self,
        plan: AppPlan | WorkloadPlan,
        props: dict[str, Any],
        cluster: Cluster,
        *,
        namespace: KubernetesObject | None,
        opts: Options | None,
        held: Held | None,
        sealed: bool,
    ) -> None:
        super().__init__(f"cutover:index:{plan.component}", plan.name, props, opts)
        self.namespace = namespace
        self.held = held or {}
        self.outputs: dict[str, Any] = {}
        self._cluster = cluster
        self._sealed = sealed
        if pulumi.runtime.is_dry_run():
            for text in plan.foretold:
                pulumi.log.info(f"plan: {text}", resource=self)

    def _resource(self, manifest: Manifest, after: After = (), **options: Any) -> KubernetesObject:
        manifest = fill(seal(manifest) if self._sealed else manifest, self.held)
        if self.namespace is None:
            return KubernetesObject(manifest, self._cluster, Options(parent=self, depends_on=after, **options))
        namespace = self.namespace
        before = Output.from_input(after).apply(lambda waited_for: [*waited_for, namespace])
        opts = Options(parent=self, depends_on=before, deleted_with=namespace, **options)
        return KubernetesObject(manifest, self._cluster, opts)


def url(live: KubernetesObject, plan: AppPlan | WorkloadPlan, cluster: Cluster) -> pulumi.Input[str]:
    """Return where an app answers, as its live Service has it."""
    if plan.host:
        return f"http://{plan.host}"
    spec = plan.live_service["spec"]
    match spec["type"]:
        case "NodePort":
            return f"http://{cluster.node_host}:{spec['ports'][0]['nodePort']}"
        case "LoadBalancer":
            return Output.from_input(live.status).apply(lambda status: f"http://{_address(status)}:{plan.port}")
        case _:
            return f"http://{plan.name}.{plan.namespace}.svc:{plan.port}"


def _address(status: Any) -> str:
    for ingress in status.get("loadBalancer", {}).get("ingress") or []:
        return str(ingress.get("ip") or ingress.get("hostname"))
    return "<no address yet>"
