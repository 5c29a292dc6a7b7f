"""Everything that a release needs, looked at one thing after the other: what was found, and what puts it right.

Nothing is changed. What cannot be looked at because something before it is wrong is left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import yaml
from lightkube import ApiError
from lightkube import ConfigError as KubeConfigError

from components import guards
from components.config import load
from components.errors import ConfigError, CutoverError, NotOursError
from components.gates.settings import Prometheus
from components.kube import Cluster
from components.plan import AppPlan, Manifest, StackPlan, WorkloadPlan
from components.problems import set_to, written
from components.reach import Answer, CannotAskError, direct
from cutover import permissions, status
from cutover.desk import Desk
from cutover.engine import Engine
from cutover.errors import DriverError
from cutover.permissions import Permission
from cutover.status import AppStatus
from cutover.workloads import Part, RolloutState, WorkloadStatus

SECONDS = 5.0
"""How long anything in the cluster may take to answer."""
SLOW_SECONDS = 1.0
PAUSED_LONG = timedelta(hours=1)
"""For so long a rollout may be paused without being forgotten."""
LATEST = "`latest`, which is another version tomorrow: there is no way back to it"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1"
ISTIO = "/apis/networking.istio.io/v1"


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `remedy` is a command, "" where none is needed."""

    name: str
    state: State
    text: str
    remedy: str = ""


Found: TypeAlias = list[Finding]


def examine(engine: Engine) -> Iterator[Finding]:
    """Look at all of it, and tell each part as soon as it is known."""
    yield from check_engine(engine)
    try:
        engine.stack  # noqa: B018  # it is asked for once, before the threads ask
    except DriverError as error:
        yield Finding("stack", State.PROBLEM, str(error), "pulumi stack select <name>")
        return
    with ThreadPoolExecutor() as threads:
        config = threads.submit(check_config, engine)
        others = [threads.submit(look, engine) for look in (check_state, check_locks)]
        found, desk = config.result()
        yield from found
        for other in others:
            yield from other.result()
    if desk is not None:
        yield from check_tags(desk.plan)
        try:
            cluster = desk.cluster
        except DriverError as error:
            yield Finding("context", State.PROBLEM, *_with_remedy(str(error)))
            return
        yield Finding("context", State.OK, f"{cluster.context}, namespace {cluster.namespace}")
        yield from asyncio.run(_all(check_cluster(desk.plan, cluster.within(SECONDS))))


def check_engine(engine: Engine) -> Found:
    """Find out which engine runs here, of which version."""
    for command in ("version", "--version"):  # the embedded engine has the flag alone
        done = engine.ask(command)
        if done.returncode == 0:
            chosen = [
                line.removeprefix("pulumiw: ") for line in done.stderr.splitlines() if line.startswith("pulumiw: ")
            ]
            return [Finding("engine", State.OK, ", ".join([done.stdout.strip(), *chosen]))]
    said = (done.stderr or done.stdout).strip()
    return [Finding("engine", State.PROBLEM, f"it does not run: {said}", "pulumi version")]


def check_config(engine: Engine) -> tuple[Found, Desk | None]:
    """Read the configuration; what it means, unless there is something wrong with it."""
    try:
        desk = Desk.of(engine)
        load(desk.keys)
    except DriverError as error:
        return [Finding("configuration", State.PROBLEM, str(error), f"pulumi stack select {engine.stack}")], None
    except ConfigError as error:
        return [
            Finding("configuration", State.PROBLEM, f"{written(problem.path)} {problem.fault}", problem.remedy)
            for problem in error.problems
        ], None
    apps = ", ".join(sorted(desk.settings.described)) or "none"
    return [Finding("configuration", State.OK, f"stack {engine.stack} of {engine.project}; apps: {apps}")], desk


def check_state(engine: Engine) -> Found:
    """See whether an `up` was cut off in the middle of a write."""
    done = engine.ask("stack", "export", "--stack", engine.stack)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        return [Finding("state", State.PROBLEM, f"it cannot be read: {said}", f"pulumi stack init {engine.stack}")]
    deployment = json.loads(done.stdout).get("deployment") or {}
    pending = deployment.get("pending_operations") or []
    if not pending:
        return [Finding("state", State.OK, f"{len(deployment.get('resources') or [])} resources, none left half done")]
    told = ", ".join(f"{each['type']} {each['resource']['urn'].rpartition('::')[2]}" for each in pending)
    text = f"an `up` was cut off, unless it is still at work: {told}"
    return [Finding("state", State.WARNING, text, "pulumi cancel --yes && pulumi up")]


def check_locks(engine: Engine) -> Found:
    """See whether somebody is at work on the stack, or has died there."""
    url = _backend(engine)
    if not url.startswith("file://"):
        done = engine.ask("stack", "ls", "--json")
        stacks = json.loads(done.stdout) if done.returncode == 0 else []
        busy = any(each.get("updateInProgress") and each["name"].split("/")[-1] == engine.stack for each in stacks)
        if busy:
            return [
                Finding("lock", State.WARNING, "an update is in progress", "pulumi cancel --yes  # once it is dead")
            ]
        return [Finding("lock", State.OK, "nobody is at work on the stack")]
    folder = Path(url.removeprefix("file://").partition("?")[0]).expanduser()
    locks = sorted((folder / ".pulumi" / "locks" / "organization" / engine.project / engine.stack).glob("*.json"))
    return [_lock(path) for path in locks] or [Finding("lock", State.OK, "nobody is at work on the stack")]


def check_tags(plan: StackPlan) -> Found:
    """Look for versions that there is no way back to, and for apps that have but one."""
    found = []
    for app in plan.apps:
        moving = [color for color in app.colors.values() if color.tag == "latest"]
        if moving:
            color = moving[0].color
            text = f"{app.name}: {color} runs {LATEST}"
            key = f"{'' if app.coupled else f'apps.{app.name}.'}imageTag.{color}"
            found.append(Finding("versions", State.WARNING, text, f"pulumi config set --path {key} <version>"))
        elif app.active.template_hash == app.other.template_hash:
            text = f"{app.name}: both colors are {app.active.tag}; nothing is staged, and there is nothing to return to"
            found.append(Finding("versions", State.OK, text))
    for workload in plan.workloads:
        tags = {workload.tag_key: workload.tag, ("apps", workload.name, "canary", "tag"): workload.canary_tag}
        found += [
            Finding("versions", State.WARNING, f"{workload.name} runs {LATEST}", set_to(key, "<version>"))
            for key, tag in tags.items()
            if tag == "latest"
        ]
    return found


async def check_cluster(plan: StackPlan, cluster: Cluster) -> AsyncIterator[Finding]:
    """Look at all that is in the cluster, unless it does not answer."""
    reachable = await check_api(cluster)
    yield reachable
    if reachable.state is State.PROBLEM:
        return
    try:
        for check in (
            check_namespace,
            check_permissions,
            check_ownership,
            check_routers,
            check_metrics,
            check_standing,
        ):
            for finding in await check(plan, cluster):
                yield finding
    except CutoverError as error:
        yield Finding("API server", State.PROBLEM, str(error), _kubectl(cluster, "version"))


async def check_api(cluster: Cluster) -> Finding:
    """Ask for the API server's version, and see how long that takes."""
    again = _kubectl(cluster, "version")
    begin = time.monotonic()
    try:
        answer = await cluster.reach.ask("/version", SECONDS)
    except (KubeConfigError, OSError) as error:
        return Finding("API server", State.PROBLEM, f"context {cluster.context} cannot be used: {error}", again)
    seconds = time.monotonic() - begin
    if answer.status != 200:
        said = answer.error or f"it answers {answer.status}: {_message(answer)}"
        return Finding("API server", State.PROBLEM, f"context {cluster.context}: {said}", again)
    text = f"{json.loads(answer.body)['gitVersion']}, answered within {1000 * seconds:.0f} ms"
    return Finding(
        "API server", State.WARNING if seconds > SLOW_SECONDS else State.OK, text, again * (seconds > SLOW_SECONDS)
    )


async def check_namespace(plan: StackPlan, cluster: Cluster) -> Found:
    """See whether the namespace is there, and stays."""
    name = plan.namespace
    answer = await cluster.reach.ask(f"/api/v1/namespaces/{name}", SECONDS)
    if answer.status == 404:
        if plan.namespace_manifest:
            return [Finding("namespace", State.OK, f"{name} is not there yet; the next `up` makes it")]
        text = f"{name} is not there, and `createNamespace` is false"
        return [Finding("namespace", State.PROBLEM, text, _kubectl(cluster, f"create namespace {name}"))]
    if answer.status == 200 and json.loads(answer.body)["metadata"].get("deletionTimestamp"):
        text = f"{name} is ending, with all that is in it"
        return [Finding("namespace", State.PROBLEM, text, _kubectl(cluster, f"get namespace {name} --output yaml"))]
    return [Finding("namespace", State.OK, name if answer.status == 200 else f"{name} (we may not look at it)")]


async def check_permissions(plan: StackPlan, cluster: Cluster) -> Found:
    """Ask whether we may do all that the stack needs."""
    asked = permissions.needed(plan)
    missing = await asyncio.gather(*(_missing(permission, cluster) for permission in asked))
    found = [_refused(permission, verbs, cluster) for permission, verbs in zip(asked, missing, strict=True) if verbs]
    return found or [Finding("permissions", State.OK, f"all that the stack needs, in namespace {plan.namespace}")]


async def check_ownership(plan: StackPlan, cluster: Cluster) -> Found:
    """See whether an object of ours would take the name of somebody else's."""
    manifests = [manifest for app in plan.apps for manifest in _manifests(app)]
    manifests += [manifest for workload in plan.workloads for manifest in _objects(workload)]
    if plan.namespace_manifest:
        manifests.insert(0, plan.namespace_manifest)
    there = await asyncio.gather(*(_there(manifest, cluster) for manifest in manifests))
    found = []
    for manifest, item in zip(manifests, there, strict=True):
        try:
            guards.check_ours(manifest, item and (item["metadata"].get("labels") or {}), cluster.context)
        except NotOursError as error:
            found.append(Finding("ownership", State.PROBLEM, *_with_remedy(str(error))))
    count = sum(item is not None for item in there)
    text = f"of {len(manifests)} objects {count} are there, and nothing else has their names"
    return found or [Finding("ownership", State.OK, text)]


async def check_routers(plan: StackPlan, cluster: Cluster) -> Found:
    """See whether the cluster knows the routes' kinds, and whether what they are attached to is at work."""
    found = [finding for app in plan.apps if app.routes for finding in await _router(app, cluster)]
    return list(dict.fromkeys(found))


async def check_metrics(plan: StackPlan, cluster: Cluster) -> Found:
    """Ask every Prometheus that a gate needs for nothing in particular."""
    asked = {
        repr(app.gate.prometheus): (app, app.gate.prometheus) for app in plan.apps if app.gate and app.gate.prometheus
    }
    return [await _prometheus(app, server, cluster) for app, server in asked.values()]


async def check_standing(plan: StackPlan, cluster: Cluster) -> Found:
    """See what another hand has changed, and what the next `up` is going to do."""
    try:
        found = await status.read(plan, cluster)
    except DriverError as error:
        return [Finding("position", State.WARNING, str(error), "cutover status")]
    drifts = [drift for app in found.apps for drift in app.drifts]
    drifts += [drift for app in found.workloads for drift in app.drifts]
    told = [
        Finding(
            "drift", State.WARNING, f"{drift.text} (by {drift.by}{f' at {drift.at}' * bool(drift.at)})", drift.remedy
        )
        for drift in drifts
    ]
    told += [finding for app in found.apps for finding in _standing(app, cluster)]
    for workload, wanted in zip(found.workloads, plan.workloads, strict=True):
        told += _rollout(workload, wanted, cluster)
    return told or [Finding("position", State.OK, "all apps stand as configured, and nobody else has had a hand in it")]


def _standing(app: AppStatus, cluster: Cluster) -> Iterator[Finding]:
    if app.active and app.route and app.route.trouble:
        kind, name = app.route.kind, app.route.name
        text = f"{app.name}: {kind} {name} is not in effect: {app.route.trouble}"
        yield Finding(
            "router", State.PROBLEM, text, _kubectl(cluster, f"describe {kind.lower()} {name}", cluster.namespace)
        )
    for color in app.colors:
        if color.reasons:
            bad = State.PROBLEM if color.color == app.active else State.WARNING
            text = (
                f"{app.name}: {color.color} has {color.ready} of {color.wanted} pods ready. {color.reasons[0].strip()}"
            )
            yield Finding(
                "pods",
                bad,
                text,
                _kubectl(cluster, f"get pods --selector app={app.name},color={color.color}", cluster.namespace),
            )
    if app.differences:
        yield Finding("position", State.OK, f"{app.name}: the next `up` {'; '.join(app.differences)}")


def _rollout(app: WorkloadStatus, plan: WorkloadPlan, cluster: Cluster) -> Iterator[Finding]:
    """Tell of a rollout that does not go on, with what makes it."""
    reason = f". {app.reasons[0].strip()}" if app.reasons else ""
    updated = f"{app.updated} of {app.wanted} pods are as {app.canary_tag or app.tag} wants them"
    pods = _kubectl(cluster, f"get pods --selector app={app.name}", cluster.namespace)
    match app.state:
        case RolloutState.STOPPED:
            before = next((each.tag for each in app.versions if each.part is Part.EARLIER and each.ready), None)
            back = set_to(plan.tag_key, before) if before else ""
            if app.canary_tag:
                back = set_to(("apps", app.name, "canaryReplicas"), "0")
            text = f"{app.name}: its rollout has stopped, {updated}{reason}"
            yield Finding("rollout", State.PROBLEM, text, f"{back} && pulumi up" if back else pods)
        case RolloutState.UNREADY:
            text = f"{app.name}: {app.ready} of {app.wanted} pods are ready{reason}"
            yield Finding("pods", State.PROBLEM, text, pods)
        case RolloutState.PAUSED if app.since and _age(app.since) >= PAUSED_LONG:
            text = f"{app.name}: its rollout is paused since {app.since}, {updated}"
            go_on = f"{set_to(('apps', app.name, 'paused'), 'false')} && pulumi up"
            yield Finding("rollout", State.WARNING, text, go_on)
        case RolloutState.PAUSED | RolloutState.WAITING | RolloutState.UNDER_WAY:
            text = f"{app.name}: its rollout is {app.state}, {updated}{reason}"
            yield Finding("rollout", State.WARNING if app.reasons else State.OK, text)
    if app.differences:
        yield Finding("position", State.OK, f"{app.name}: the next `up` {'; '.join(app.differences)}")


def _age(moment: str) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(moment)


async def _there(manifest: Manifest, cluster: Cluster) -> Manifest | None:
    try:
        return await cluster.find(manifest)
    except ApiError:  # that we may not look is told among the permissions
        return None


async def _missing(permission: Permission, cluster: Cluster) -> list[str]:
    allowed = await asyncio.gather(
        *(
            cluster.may(verb, permission.resource, group=permission.group, everywhere=permission.everywhere)
            for verb in permission.verbs
        )
    )
    return [verb for verb, may in zip(permission.verbs, allowed, strict=True) if not may]


def _refused(permission: Permission, verbs: list[str], cluster: Cluster) -> Finding:
    kind, namespace = ("clusterrole", "") if permission.everywhere else ("role", cluster.namespace)
    where = f"in namespace {namespace}" if namespace else "in the cluster"
    text = f"we may not {', '.join(verbs)} {permission.full_resource} {where}, which is for {permission.purpose}"
    role = f"cutover-{permission.resource.replace('/', '-')}"
    rule = f"create {kind} {role} --verb {','.join(permission.verbs)} --resource {permission.full_resource}"
    binding = f"create {kind}binding {role} --{kind} {role} --user <you>"
    remedy = f"{_kubectl(cluster, rule, namespace)} && {_kubectl(cluster, binding, namespace)}"
    return Finding("permissions", State.WARNING if permission.optional else State.PROBLEM, text, remedy)


def _manifests(app: AppPlan) -> Iterator[Manifest]:
    """All objects of an app."""
    for color in app.colors.values():
        yield from (color.deployment, color.service, color.disruption_budget, *color.config_maps)
        if color.autoscaler:
            yield color.autoscaler
    yield from (app.live_service, app.preview_service, *app.routes)
    if app.baseline:
        yield from (app.baseline.deployment, app.baseline.service, *app.baseline.config_maps)


def _objects(workload: WorkloadPlan) -> Iterator[Manifest]:
    """All objects of an app of one version."""
    yield from (workload.controller, *workload.services, *workload.config_maps)
    yield from filter(None, (workload.disruption_budget, workload.autoscaler))


async def _router(app: AppPlan, cluster: Cluster) -> Found:
    route = app.mover
    match route["kind"]:
        case "HTTPRoute":
            place = "kubectl apply --filename <standard-install.yaml>  # https://gateway-api.sigs.k8s.io/guides/"
            if missing := await _kind_missing(cluster, GATEWAYS, "httproutes", "the Gateway API", place):
                return [missing]
            return [await _gateway(parent, app, cluster) for parent in route["spec"]["parentRefs"]]
        case "VirtualService":
            missing = await _kind_missing(cluster, ISTIO, "virtualservices", "Istio", "istioctl install")
            return [missing or Finding("router", State.OK, "Istio's kinds are there")]
        case _:
            name = route["spec"]["ingressClassName"]
            answer = await cluster.reach.ask(f"/apis/networking.k8s.io/v1/ingressclasses/{name}", SECONDS)
            if answer.status == 404:
                text = f"there is no IngressClass {name}, so that nothing reads the Ingresses of {app.name}"
                return [Finding("router", State.PROBLEM, text, _kubectl(cluster, "get ingressclasses"))]
            return [Finding("router", State.OK, f"IngressClass {name}")]


async def _kind_missing(cluster: Cluster, group: str, resource: str, whose: str, way: str) -> Finding | None:
    answer = await cluster.reach.ask(group, SECONDS)
    known = json.loads(answer.body).get("resources", []) if answer.status == 200 else []
    if any(each["name"] == resource for each in known):
        return None
    return Finding("router", State.PROBLEM, f"the cluster does not know {resource}: {whose} is not installed", way)


async def _gateway(parent: Mapping[str, Any], app: AppPlan, cluster: Cluster) -> Finding:
    """See whether a Gateway is accepted and programmed."""
    namespace, name = parent.get("namespace", app.namespace), parent["name"]
    answer = await cluster.reach.ask(f"{GATEWAYS}/namespaces/{namespace}/gateways/{name}", SECONDS)
    look = _kubectl(cluster, f"describe gateway {name}", namespace)
    match answer.status:
        case 200:
            conditions = json.loads(answer.body).get("status", {}).get("conditions", [])
            bad = [
                each for each in conditions if each["type"] in {"Accepted", "Programmed"} and each["status"] != "True"
            ]
            if bad:
                why = "; ".join(f"{each['type']} is {each['status']} ({each.get('message', '')})" for each in bad)
                return Finding("router", State.PROBLEM, f"Gateway {namespace}/{name} is not at work: {why}", look)
            if not conditions:
                text = f"no controller has looked at Gateway {namespace}/{name}"
                return Finding("router", State.PROBLEM, text, look)
            return Finding("router", State.OK, f"Gateway {namespace}/{name} is at work")
        case 404:
            text = f"{app.name}: there is no Gateway {namespace}/{name}"
            return Finding("router", State.PROBLEM, text, _kubectl(cluster, "get gateways --all-namespaces"))
        case _:
            text = f"we may not look at Gateway {namespace}/{name}: {_message(answer)}"
            return Finding("router", State.WARNING, text, look)


async def _prometheus(app: AppPlan, server: Prometheus, cluster: Cluster) -> Finding:
    namespace = server.namespace or app.namespace
    name = server.url or f"Service {namespace}/{server.service}"
    ask = direct(server.url) if server.url else cluster.reach.proxy(namespace, server.service or "", server.port)
    key = f"apps.{app.name}.gate.prometheus"
    remedy = f"pulumi config set --path {key}.{'url <url>' if server.url else 'service <name>'}"
    try:
        answer = await ask("/api/v1/query?query=1", server.headers, SECONDS)
    except CannotAskError as error:
        return Finding("metrics", State.PROBLEM, f"Prometheus at {name}: {error}", remedy)
    if answer.status != 200 or '"success"' not in answer.body:
        said = answer.error or f"it answers {answer.status}: {answer.body[:200]}"
        return Finding("metrics", State.PROBLEM, f"Prometheus at {name}: {said}", remedy)
    return Finding("metrics", State.OK, f"Prometheus at {name}")


def _backend(engine: Engine) -> str:
    """Where the state is kept, found as Pulumi finds it: the environment, the project, the last login."""
    if url := os.environ.get("PULUMI_BACKEND_URL"):
        return url
    project = yaml.safe_load((engine.folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    if url := (project.get("backend") or {}).get("url"):
        return str(url)
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        return str(json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current") or "file://~")
    except (OSError, ValueError):
        return "file://~"


def _lock(path: Path) -> Finding:
    """Who holds a lock; one whose process is gone holds up everybody."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        pid, host = int(held["pid"]), str(held["hostname"])
        who = f"{held['username']}@{host} (pid {pid}) since {held['timestamp']}"
    except (OSError, ValueError, KeyError):
        return Finding("lock", State.WARNING, f"{path} cannot be read", "pulumi cancel --yes")
    if host == socket.gethostname() and not _lives(pid):
        return Finding("lock", State.PROBLEM, f"held by a process that is dead: {who}", "pulumi cancel --yes")
    return Finding("lock", State.WARNING, f"held by {who}", "pulumi cancel --yes  # once it is dead")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _with_remedy(text: str) -> tuple[str, str]:
    """Split a text of components' own from the first command that it ends with."""
    told, _, commands = text.partition("\n    ")
    command = commands.partition("\n")[0].strip() or next(iter(re.findall(r"`([^`]+)`", text)), "")
    return told.strip(), command


def _kubectl(cluster: Cluster, words: str, namespace: str = "") -> str:
    """The command for a person, who may be looking at another cluster by default."""
    where = f" --namespace {namespace}" if namespace else ""
    return f"kubectl --context {cluster.context}{where} {words}"


def _message(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.error or answer.body[:200]


async def _all(findings: AsyncIterator[Finding]) -> Found:
    return [finding async for finding in findings]
