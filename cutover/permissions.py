"""What a stack may need to do in its cluster: one table, which the doctor asks for and a Role can be made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from components.gates.settings import Gate, Via
from components.plan import AppPlan, StackPlan

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


def _any(asks: Callable[[AppPlan], object]) -> Callable[[StackPlan], bool]:
    return lambda plan: any(asks(app) for app in plan.apps)


def _routed(kind: str) -> Callable[[StackPlan], bool]:
    return _any(lambda app: any(route["kind"] == kind for route in app.routes))


def _gates(app: AppPlan) -> Iterator[Gate]:
    if app.gate:
        yield app.gate


def _has_job(app: AppPlan) -> bool:
    return any(gate.job or any(test.via is Via.JOB for test in gate.smoke.values()) for gate in _gates(app))


def _asks_via(app: AppPlan, via: Via) -> bool:
    for gate in _gates(app):
        ways = [test.via for test in gate.smoke.values()] + ([gate.load.via] if gate.load else [])
        if via in ways or (via is Via.PROXY and gate.prometheus and gate.prometheus.service):
            return True
    return False


PERMISSIONS = (
    Permission("apps", "deployments", OWN, "the colors"),
    Permission("apps", "deployments/scale", ("patch",), "sizes that an autoscaler or a hand has written"),
    Permission("apps", "replicasets", ("list",), "whether a color is ready"),
    Permission("", "pods", ("list",), "whether a color is ready, and if not, why"),
    Permission("", "pods/log", ("get",), "why a pod crashes"),
    Permission("", "services", OWN, "live, preview and color Services"),
    Permission("discovery.k8s.io", "endpointslices", ("list",), "where traffic goes"),
    Permission("policy", "poddisruptionbudgets", OWN, "evictions of one pod at a time"),
    Permission("", "pods", ("delete",), "the end of open connections", when=_any(lambda app: app.recycle)),
    Permission(
        "", "configmaps", OWN, "`config`", when=_any(lambda app: any(each.config_maps for each in app.colors.values()))
    ),
    Permission(
        "autoscaling",
        "horizontalpodautoscalers",
        OWN,
        "`autoscaling`",
        when=_any(lambda app: app.active.autoscaler),
    ),
    Permission("batch", "jobs", OWN, "migrations and tests", when=_any(lambda app: app.migrations or _has_job(app))),
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
        when=_any(lambda app: _asks_via(app, Via.PORT_FORWARD)),
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
