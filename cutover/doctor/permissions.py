"""What a stack may need to do in its cluster: one table, which the doctor asks for and a Role can be made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from components.gates.settings import Via
from components.plan import AppPlan, Manifest, StackPlan, WorkloadPlan

OWN = ("get", "list", "watch", "create", "patch", "delete")
"""What the Kubernetes provider does with an object of the program; it lists and watches one that it deletes."""


@dataclass(frozen=True)
class Permission:
    """Verbs on a resource (`deployments`, `pods/log`) of an API group, and what for.

    `when` tells whether a stack needs them; `everywhere`: not in the namespace, but in the cluster; `optional`: without
    them only less is told.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    purpose: str
    when: Callable[[StackPlan], bool] = lambda _: True
    everywhere: bool = False
    optional: bool = False

    @property
    def full_resource(self) -> str:
        """The resource as kubectl names it: `deployments.apps/scale`."""
        resource, slash, subresource = self.resource.partition("/")
        return f"{resource}{'.' if self.group else ''}{self.group}{slash}{subresource}"


def needed(plan: StackPlan) -> list[Permission]:
    """Return what a stack needs to be allowed."""
    return [permission for permission in PERMISSIONS if permission.when(plan)]


def manifests(permissions: Iterable[Permission], account: str, namespace: str) -> list[Manifest]:
    """Return a ServiceAccount, its Role and their binding: what may be done in a namespace that is there, no more.

    What is about the whole cluster is left out.
    """
    verbs: dict[tuple[str, str], dict[str, None]] = {}
    for each in permissions:
        if not each.everywhere:
            verbs.setdefault((each.group, each.resource), {}).update(dict.fromkeys(each.verbs))
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": [*allowed]}
        for (group, resource), allowed in verbs.items()
    ]
    role, rbac = f"{account}-releases", "rbac.authorization.k8s.io"
    meta = {"name": role, "namespace": namespace}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    reference = {"apiGroup": rbac, "kind": "Role", "name": role}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": reference,
            "subjects": [subject],
        },
    ]


def _any(asks: Callable[[AppPlan], object]) -> Callable[[StackPlan], bool]:
    return lambda plan: any(asks(app) for app in plan.apps)


def _either(asks: Callable[[AppPlan | WorkloadPlan], object]) -> Callable[[StackPlan], bool]:
    return lambda plan: any(map(asks, plan.apps)) or any(map(asks, plan.workloads))


def _kinds(*kinds: str) -> Callable[[StackPlan], bool]:
    """Whether a stack has a controller of these kinds; colors are Deployments."""
    return _either(lambda app: ("Deployment" if isinstance(app, AppPlan) else app.kind) in kinds)


def _routed(kind: str) -> Callable[[StackPlan], bool]:
    return _any(lambda app: any(route["kind"] == kind for route in app.routes))


def _has_config(app: AppPlan | WorkloadPlan) -> bool:
    parts = app.colors.values() if isinstance(app, AppPlan) else [app]
    return any(part.config_maps for part in parts)


def _has_job(app: AppPlan | WorkloadPlan) -> bool:
    if isinstance(app, WorkloadPlan):
        return app.migration is not None
    gate = app.gate
    tests = gate is not None and (gate.job or any(test.via is Via.JOB for test in gate.smoke.values()))
    return bool(app.migrations or tests)


def _waits(plan: StackPlan) -> bool:
    """Whether pods may wait to be replaced, and keep the configuration that they have; `config` tells of it before."""
    return any(each.holds for each in plan.workloads) and not _either(_has_config)(plan)


def _asks_via(app: AppPlan, via: Via) -> bool:
    gate = app.gate
    if gate is None:
        return False
    ways = [test.via for test in gate.smoke.values()] + ([gate.load.via] if gate.load else [])
    return via in ways or (via is Via.PROXY and bool(gate.prometheus and gate.prometheus.service))


def _canary_via(plan: StackPlan, via: Via) -> bool:
    gates = [each.gate for each in plan.workloads if each.gate]
    return any(test.via is via for gate in gates for test in gate.smoke.values())


def _deletes_pods(plan: StackPlan) -> bool:
    return _any(lambda app: app.recycle)(plan) or _kinds("StatefulSet")(plan)


PERMISSIONS = (
    Permission("apps", "deployments", OWN, "the colors and RollingApp", when=_kinds("Deployment")),
    Permission(
        "apps", "deployments/scale", ("patch",), "sizes that an autoscaler or a hand has written", when=_any(bool)
    ),
    Permission("apps", "replicasets", ("list",), "whether a Deployment is ready", when=_kinds("Deployment")),
    Permission("apps", "statefulsets", OWN, "StatefulApp", when=_kinds("StatefulSet")),
    Permission("apps", "daemonsets", OWN, "DaemonApp", when=_kinds("DaemonSet")),
    Permission(
        "apps",
        "controllerrevisions",
        ("list",),
        "which versions have been there",
        when=_kinds("StatefulSet", "DaemonSet"),
    ),
    Permission("", "pods", ("list",), "whether they are ready, and if not, why"),
    Permission("", "pods/log", ("get",), "why a pod crashes"),
    Permission("", "services", OWN, "live, preview and color Services"),
    Permission("discovery.k8s.io", "endpointslices", ("list",), "where traffic goes", when=_any(bool)),
    Permission(
        "policy",
        "poddisruptionbudgets",
        OWN,
        "evictions of one pod at a time",
        when=_kinds("Deployment", "StatefulSet"),
    ),
    Permission("", "pods", ("delete",), "the end of open connections, and of ill pods", when=_deletes_pods),
    Permission("", "configmaps", OWN, "`config`", when=_either(_has_config)),
    Permission("", "configmaps", ("list",), "what pods that wait to be replaced still need", when=_waits),
    Permission(
        "autoscaling",
        "horizontalpodautoscalers",
        OWN,
        "`autoscaling`",
        when=_either(lambda app: (app.active if isinstance(app, AppPlan) else app).autoscaler),
    ),
    Permission("batch", "jobs", OWN, "migrations and tests", when=_either(_has_job)),
    Permission("gateway.networking.k8s.io", "httproutes", OWN, "`router.gateway`", when=_routed("HTTPRoute")),
    Permission("networking.istio.io", "virtualservices", OWN, "`router.istio`", when=_routed("VirtualService")),
    Permission("networking.k8s.io", "ingresses", OWN, "`router.nginx`", when=_routed("Ingress")),
    Permission(
        "", "services/proxy", ("get",), "smoke tests and metrics", when=_any(lambda app: _asks_via(app, Via.PROXY))
    ),
    Permission(
        # a WebSocket is a GET; newer API servers ask for the verb of the POST that it stands for as well
        "",
        "pods/portforward",
        ("get", "create"),
        "`via: portforward`",
        when=lambda plan: (
            any(_asks_via(app, Via.PORT_FORWARD) for app in plan.apps) or _canary_via(plan, Via.PORT_FORWARD)
        ),
    ),
    Permission(
        "", "pods/proxy", ("get",), "smoke tests of a canary's pods", when=lambda plan: _canary_via(plan, Via.PROXY)
    ),
    Permission(
        "",
        "namespaces",
        ("get", "create", "patch", "delete"),
        "`createNamespace`",
        when=lambda plan: plan.namespace_manifest is not None,
        everywhere=True,
    ),
    Permission("", "namespaces", ("list",), "namespaces that the stack has left", everywhere=True, optional=True),
    Permission("", "events", ("list",), "why a pod is not ready", optional=True),
)
