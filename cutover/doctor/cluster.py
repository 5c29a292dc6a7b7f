"""The cluster: whether it answers, lets us do what the stack needs, and has our objects' names to give."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

from lightkube import ApiError
from lightkube import ConfigError as KubeConfigError

from components import guards
from components.errors import NotOursError
from components.kube import Cluster
from components.plan import Manifest, StackPlan
from components.reach import Answer
from cutover.doctor import permissions
from cutover.doctor.findings import Finding, Found, kubectl, ok, problem, refusal, warning
from cutover.doctor.permissions import Permission

SECONDS = 5.0
"""How long anything in the cluster may take to answer."""
SLOW_SECONDS = 1.0


async def check_api(cluster: Cluster) -> Finding:
    """Ask for the API server's version, and see how long that takes."""
    name, again = "API server", kubectl(cluster, "version")
    begin = time.monotonic()
    try:
        answer = await cluster.reach.ask("/version", SECONDS)
    except (KubeConfigError, OSError) as error:
        return problem(name, f"context {cluster.context} cannot be used: {error}", again)
    seconds = time.monotonic() - begin
    if answer.status != 200:
        said = answer.error or f"it answers {answer.status}: {message(answer)}"
        return problem(name, f"context {cluster.context}: {said}", again)
    text = f"{json.loads(answer.body)['gitVersion']}, answered within {1000 * seconds:.0f} ms"
    return warning(name, text, again) if seconds > SLOW_SECONDS else ok(name, text)


async def check_namespace(plan: StackPlan, cluster: Cluster) -> Found:
    """See whether the namespace is there, and stays."""
    name = plan.namespace
    answer = await cluster.reach.ask(f"/api/v1/namespaces/{name}", SECONDS)
    if answer.status == 404:
        if plan.namespace_manifest:
            return [ok("namespace", f"{name} is not there yet; the next `up` makes it")]
        text = f"{name} is not there, and `createNamespace` is false"
        return [problem("namespace", text, kubectl(cluster, f"create namespace {name}"))]
    if answer.status == 200 and json.loads(answer.body)["metadata"].get("deletionTimestamp"):
        text = f"{name} is ending, with all that is in it"
        return [problem("namespace", text, kubectl(cluster, f"get namespace {name} --output yaml"))]
    return [ok("namespace", name if answer.status == 200 else f"{name} (we may not look at it)")]


async def check_permissions(plan: StackPlan, cluster: Cluster) -> Found:
    """Ask whether we may do all that the stack needs."""
    asked = permissions.needed(plan)
    missing = await asyncio.gather(*(_missing(permission, cluster) for permission in asked))
    found = [_refused(permission, verbs, cluster) for permission, verbs in zip(asked, missing, strict=True) if verbs]
    return found or [ok("permissions", f"all that the stack needs, in namespace {plan.namespace}")]


async def check_ownership(plan: StackPlan, cluster: Cluster) -> Found:
    """See whether an object of ours would take the name of somebody else's."""
    manifests = list(filter(None, _manifests(plan)))
    there = await asyncio.gather(*(_there(manifest, cluster) for manifest in manifests))
    found = []
    for manifest, item in zip(manifests, there, strict=True):
        try:
            guards.check_ours(manifest, item and (item["metadata"].get("labels") or {}), cluster.context)
        except NotOursError as error:
            found.append(refusal("ownership", error))
    count = sum(item is not None for item in there)
    text = f"of {len(manifests)} objects {count} are there, and nothing else has their names"
    return found or [ok("ownership", text)]


def message(answer: Answer) -> str:
    """What the API server says of an answer that is none."""
    try:
        return str(json.loads(answer.body)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.error or answer.body[:200]


async def _missing(permission: Permission, cluster: Cluster) -> list[str]:
    """The verbs of a permission that we have not got."""
    group, resource, everywhere = permission.group, permission.resource, permission.everywhere
    asked = (cluster.may(verb, resource, group=group, everywhere=everywhere) for verb in permission.verbs)
    allowed = await asyncio.gather(*asked)
    return [verb for verb, may in zip(permission.verbs, allowed, strict=True) if not may]


def _refused(permission: Permission, verbs: list[str], cluster: Cluster) -> Finding:
    kind, namespace = ("clusterrole", "") if permission.everywhere else ("role", cluster.namespace)
    where = f"in namespace {namespace}" if namespace else "in the cluster"
    text = f"we may not {', '.join(verbs)} {permission.full_resource} {where}, which is for {permission.purpose}"
    role = f"cutover-{permission.resource.replace('/', '-')}"
    rule = f"create {kind} {role} --verb {','.join(permission.verbs)} --resource {permission.full_resource}"
    binding = f"create {kind}binding {role} --{kind} {role} --user <you>"
    remedy = f"{kubectl(cluster, rule, namespace)} && {kubectl(cluster, binding, namespace)}"
    return (warning if permission.optional else problem)("permissions", text, remedy)


def _manifests(plan: StackPlan) -> Iterator[Manifest | None]:
    """All objects of a stack; None for what it has not."""
    yield plan.namespace_manifest
    for app in plan.apps:
        for color in app.colors.values():
            yield from (color.deployment, color.service, color.disruption_budget, *color.config_maps, color.autoscaler)
        yield from (app.live_service, app.preview_service, *app.routes)
        if app.baseline:
            yield from (app.baseline.deployment, app.baseline.service, *app.baseline.config_maps)
    for workload in plan.workloads:
        yield from (workload.controller, *workload.services, *workload.config_maps)
        yield from (workload.disruption_budget, workload.autoscaler)


async def _there(manifest: Manifest, cluster: Cluster) -> Manifest | None:
    try:
        return await cluster.find(manifest)
    except ApiError:  # that we may not look is told among the permissions
        return None
