"""Metrics: whether every Prometheus that a gate needs answers."""

from __future__ import annotations

from components.gates.settings import Prometheus
from components.kube import Cluster
from components.plan import AppPlan, StackPlan
from components.reach import CannotAskError, direct
from cutover.doctor.cluster import SECONDS
from cutover.doctor.findings import Finding, Found, ok, problem


async def check_metrics(plan: StackPlan, cluster: Cluster) -> Found:
    """Ask every Prometheus that a gate needs for nothing in particular."""
    asked = {
        repr(app.gate.prometheus): (app, app.gate.prometheus) for app in plan.apps if app.gate and app.gate.prometheus
    }
    return [await _prometheus(app, server, cluster) for app, server in asked.values()]


async def _prometheus(app: AppPlan, server: Prometheus, cluster: Cluster) -> Finding:
    namespace = server.namespace or app.namespace
    name = f"Prometheus at {server.url or f'Service {namespace}/{server.service}'}"
    ask = direct(server.url) if server.url else cluster.reach.proxy(namespace, server.service or "", server.port)
    key = f"apps.{app.name}.gate.prometheus"
    remedy = f"pulumi config set --path {key}.{'url <url>' if server.url else 'service <name>'}"
    try:
        answer = await ask("/api/v1/query?query=1", server.headers, SECONDS)
    except CannotAskError as error:
        return problem("metrics", f"{name}: {error}", remedy)
    if answer.status != 200 or '"success"' not in answer.body:
        said = answer.error or f"it answers {answer.status}: {answer.body[:200]}"
        return problem("metrics", f"{name}: {said}", remedy)
    return ok("metrics", name)
