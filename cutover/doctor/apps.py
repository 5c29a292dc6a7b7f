"""The apps: what they run, where they stand beside what is configured, and whose hand was there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from components.kube import Cluster
from components.plan import StackPlan, WorkloadPlan
from components.problems import Path, set_to
from cutover import status
from cutover.doctor.findings import Finding, Found, kubectl, ok, problem, warning
from cutover.drift import Drift
from cutover.errors import DriverError
from cutover.status import AppStatus
from cutover.workloads import Part, RolloutState, WorkloadStatus

PAUSED_LONG = timedelta(hours=1)
"""For so long a rollout may be paused without being forgotten."""
LATEST = "`latest`, which is another version tomorrow: there is no way back to it"


def check_tags(plan: StackPlan) -> Found:
    """Look for versions that there is no way back to, and for apps that have but one."""
    found = []
    for app in plan.apps:
        moving = [color.color for color in app.colors.values() if color.tag == "latest"]
        if moving:
            key: Path = (*(() if app.coupled else ("apps", app.name)), "imageTag", moving[0])
            found.append(warning("versions", f"{app.name}: {moving[0]} runs {LATEST}", set_to(key, "<version>")))
        elif app.active.template_hash == app.other.template_hash:
            text = f"{app.name}: both colors are {app.active.tag}; nothing is staged, and there is nothing to return to"
            found.append(ok("versions", text))
    for workload in plan.workloads:
        tags = {workload.tag_key: workload.tag, ("apps", workload.name, "canary", "tag"): workload.canary_tag}
        found += [
            warning("versions", f"{workload.name} runs {LATEST}", set_to(key, "<version>"))
            for key, tag in tags.items()
            if tag == "latest"
        ]
    return found


async def check_standing(plan: StackPlan, cluster: Cluster) -> Found:
    """See what another hand has changed, and what the next `up` is going to do."""
    try:
        found = await status.read(plan, cluster)
    except DriverError as error:
        return [warning("position", str(error), "cutover status")]
    told = [_drift(drift) for app in found.apps for drift in app.drifts]
    told += [_drift(drift) for workload in found.workloads for drift in workload.drifts]
    for app in found.apps:
        told += [*_colors(app, cluster), *_differences(app)]
    for workload, wanted in zip(found.workloads, plan.workloads, strict=True):
        told += [*_rollout(workload, wanted, cluster), *_differences(workload)]
    return told or [ok("position", "all apps stand as configured, and nobody else has had a hand in it")]


def _drift(drift: Drift) -> Finding:
    since = f" at {drift.at}" if drift.at else ""
    return warning("drift", f"{drift.text} (by {drift.by}{since})", drift.remedy)


def _differences(app: AppStatus | WorkloadStatus) -> Iterator[Finding]:
    if app.differences:
        yield ok("position", f"{app.name}: the next `up` {'; '.join(app.differences)}")


def _colors(app: AppStatus, cluster: Cluster) -> Iterator[Finding]:
    """Tell of a route that is not in effect, and of colors whose pods are not ready."""
    if app.active and app.route and app.route.trouble:
        kind, name = app.route.kind, app.route.name
        look = kubectl(cluster, f"describe {kind.lower()} {name}", cluster.namespace)
        yield problem("router", f"{app.name}: {kind} {name} is not in effect: {app.route.trouble}", look)
    for color in app.colors:
        if color.reasons:
            told = problem if color.color == app.active else warning
            ready = f"{color.color} has {color.ready} of {color.wanted} pods ready"
            look = kubectl(cluster, f"get pods --selector app={app.name},color={color.color}", cluster.namespace)
            yield told("pods", f"{app.name}: {ready}. {color.reasons[0].strip()}", look)


def _rollout(app: WorkloadStatus, plan: WorkloadPlan, cluster: Cluster) -> Iterator[Finding]:
    """Tell of a rollout that does not go on, with what makes it."""
    reason = f". {app.reasons[0].strip()}" if app.reasons else ""
    updated = f"{app.updated} of {app.wanted} pods are updated to {app.canary_tag or app.tag}"
    pods = kubectl(cluster, f"get pods --selector app={app.name}", cluster.namespace)
    match app.state:
        case RolloutState.STOPPED:
            before = next((each.tag for each in app.versions if each.part is Part.EARLIER and each.ready), None)
            back = set_to(plan.tag_key, before) if before else ""
            if app.canary_tag:
                back = set_to(("apps", app.name, "canaryReplicas"), "0")
            text = f"{app.name}: its rollout has stopped, {updated}{reason}"
            yield problem("rollout", text, f"{back} && pulumi up" if back else pods)
        case RolloutState.UNREADY:
            yield problem("pods", f"{app.name}: {app.ready} of {app.wanted} pods are ready{reason}", pods)
        case RolloutState.PAUSED if app.since and _age(app.since) >= PAUSED_LONG:
            text = f"{app.name}: its rollout is paused since {app.since}, {updated}"
            yield warning("rollout", text, f"{set_to(('apps', app.name, 'paused'), 'false')} && pulumi up")
        case RolloutState.PAUSED | RolloutState.WAITING | RolloutState.UNDER_WAY:
            text = f"{app.name}: its rollout is {app.state}, {updated}{reason}"
            yield warning("rollout", text) if app.reasons else ok("rollout", text)


def _age(moment: str) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(moment)
