"""Routers: whether the cluster knows the routes' kinds, and whether what they are attached to is at work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from components.kube import Cluster
from components.plan import AppPlan, StackPlan
from cutover.doctor.cluster import SECONDS, message
from cutover.doctor.findings import Finding, Found, kubectl, ok, problem, warning

GATEWAYS = "/apis/gateway.networking.k8s.io/v1"
ISTIO = "/apis/networking.istio.io/v1"
INGRESS_CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"


async def check_routers(plan: StackPlan, cluster: Cluster) -> Found:
    """See to the router of each app that has one."""
    found = [finding for app in plan.apps if app.routes for finding in await _router(app, cluster)]
    return list(dict.fromkeys(found))


async def _router(app: AppPlan, cluster: Cluster) -> Found:
    route = app.mover
    match route["kind"]:
        case "HTTPRoute":
            way = "kubectl apply --filename <standard-install.yaml>  # https://gateway-api.sigs.k8s.io/guides/"
            if missing := await _kind_missing(cluster, GATEWAYS, "httproutes", "the Gateway API", way):
                return [missing]
            return [await _gateway(parent, app, cluster) for parent in route["spec"]["parentRefs"]]
        case "VirtualService":
            missing = await _kind_missing(cluster, ISTIO, "virtualservices", "Istio", "istioctl install")
            return [missing or ok("router", "Istio's kinds are there")]
        case _:
            name = route["spec"]["ingressClassName"]
            answer = await cluster.reach.ask(f"{INGRESS_CLASSES}/{name}", SECONDS)
            if answer.status != 404:
                return [ok("router", f"IngressClass {name}")]
            text = f"there is no IngressClass {name}, so that nothing reads the Ingresses of {app.name}"
            return [problem("router", text, kubectl(cluster, "get ingressclasses"))]


async def _kind_missing(cluster: Cluster, group: str, resource: str, whose: str, way: str) -> Finding | None:
    answer = await cluster.reach.ask(group, SECONDS)
    known = json.loads(answer.body).get("resources", []) if answer.status == 200 else []
    if any(each["name"] == resource for each in known):
        return None
    return problem("router", f"the cluster does not know {resource}: {whose} is not installed", way)


async def _gateway(parent: Mapping[str, Any], app: AppPlan, cluster: Cluster) -> Finding:
    """See whether a Gateway is accepted and programmed."""
    namespace, name = parent.get("namespace", app.namespace), parent["name"]
    answer = await cluster.reach.ask(f"{GATEWAYS}/namespaces/{namespace}/gateways/{name}", SECONDS)
    gateway, look = f"Gateway {namespace}/{name}", kubectl(cluster, f"describe gateway {name}", namespace)
    if answer.status == 404:
        return problem(
            "router", f"{app.name}: there is no {gateway}", kubectl(cluster, "get gateways --all-namespaces")
        )
    if answer.status != 200:
        return warning("router", f"we may not look at {gateway}: {message(answer)}", look)
    conditions = json.loads(answer.body).get("status", {}).get("conditions", [])
    if not conditions:
        return problem("router", f"no controller has looked at {gateway}", look)
    bad = [each for each in conditions if each["type"] in {"Accepted", "Programmed"} and each["status"] != "True"]
    if bad:
        why = "; ".join(f"{each['type']} is {each['status']} ({each.get('message', '')})" for each in bad)
        return problem("router", f"{gateway} is not at work: {why}", look)
    return ok("router", f"{gateway} is at work")
