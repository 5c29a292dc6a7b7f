"""Where an app of one version stands: what its pods run, and how far its rollout is."""

from __future__ import annotations

from enum import StrEnum
from functools import partial

import msgspec

from components.kube import Cluster
from components.plan import Component, WorkloadPlan
from components.workloads.rollout import Standing, tag_of
from cutover.autoscaling import Autoscaling
from cutover.drift import Drift, rollout_differences, rollout_drifts
from cutover.events import WarningEvent, newest
from cutover.pods import PodState, PodStatus, born, reasons
from cutover.seen import SeenWorkload, name_of

PAUSED = "DeploymentPaused"
"""The reason of a Deployment's condition `Progressing` while it is paused."""


class RolloutState(StrEnum):
    """How far a rollout is.

    ABSENT: there is no controller. DONE. UNDER_WAY. STOPPED: new pods cannot become ready. PAUSED. WAITING: pods are
    replaced when somebody deletes them. UNREADY: every pod is as it was written, and not all of them are ready.
    """

    ABSENT = "absent"
    DONE = "done"
    UNDER_WAY = "under way"
    STOPPED = "stopped"
    PAUSED = "paused"
    WAITING = "waiting"
    UNREADY = "unready"


class Part(StrEnum):
    """What pods of a version are: of the PRESENT one, the CANARY beside it, or of an EARLIER one that goes."""

    PRESENT = "present"
    CANARY = "canary"
    EARLIER = "earlier"


class VersionStatus(msgspec.Struct, frozen=True):
    """The pods of one version, and how many of it there are to be."""

    tag: str
    part: Part
    wanted: int
    pods: tuple[PodStatus, ...]

    @property
    def ready(self) -> int:
        return sum(pod.state is PodState.READY for pod in self.pods)


class WorkloadStatus(msgspec.Struct, frozen=True):
    """One app of one version, by its controller, which is a `kind`.

    `tag` and `canary_tag` are what it was last written with, and `configured` what the configuration says. `wanted` is
    how many pods it is to have, `updated` how many are as it was written, and `ready` how many of these are ready;
    `partition` is the lowest ordinal of a canary. `since` is since when it is paused, as RFC 3339 has it, "" if
    unknown. `reasons` say why pods are not ready, and `differences` go on from "the next `up`".
    """

    name: str
    component: Component
    kind: str
    tag: str | None
    canary_tag: str | None
    configured: str
    wanted: int
    updated: int
    ready: int
    state: RolloutState
    since: str
    partition: int
    versions: tuple[VersionStatus, ...]
    autoscaler: Autoscaling | None
    reasons: tuple[str, ...]
    differences: tuple[str, ...]
    drifts: tuple[Drift, ...]
    warnings: tuple[WarningEvent, ...]

    @property
    def pods(self) -> list[PodStatus]:
        return [pod for version in self.versions for pod in version.pods]


async def workload_status(seen: SeenWorkload, cluster: Cluster) -> WorkloadStatus:
    """Tell of one app; only the end of a crashed container's log is asked for."""
    standing, written = seen.standing, seen.written
    there = seen.controller is not None
    versions = tuple(_versions(seen, written, standing)) if there else ()
    # not those that are available: a pod may be ready, and not have been so for its `minReadySeconds`
    ready = sum(pod.present and pod.state is PodState.READY for each in versions for pod in each.pods)
    state = _state(standing, written, ready) if there else RolloutState.ABSENT
    why = tuple(await reasons(cluster, standing.progress, seen.pods, seen.found.events)) if there else ()
    return WorkloadStatus(
        name=seen.plan.name,
        component=seen.plan.component,
        kind=seen.plan.kind,
        tag=written.tag if there else None,
        canary_tag=written.canary_tag if there else None,
        configured=seen.plan.tag,
        wanted=standing.progress.wanted,
        updated=standing.made,
        ready=ready,
        state=state,
        since=_paused_since(seen) if state is RolloutState.PAUSED else "",
        partition=written.partition if there else 0,
        versions=versions,
        autoscaler=Autoscaling.of(seen.found.autoscalers.get(seen.plan.name)),
        reasons=why,
        differences=tuple(rollout_differences(seen)),
        drifts=tuple(rollout_drifts(seen)),
        warnings=newest(seen.found.events, partial(_owner, seen), [pod for each in versions for pod in each.pods], why),
    )


def _state(standing: Standing, written: WorkloadPlan, ready: int) -> RolloutState:
    progress, replaced = standing.progress, standing.others == 0 and standing.made >= standing.progress.wanted
    if written.holds and written.kind == "Deployment":
        return RolloutState.PAUSED
    if written.holds and standing.others:
        return RolloutState.WAITING
    if progress.done:
        return RolloutState.DONE
    if replaced and ready < progress.wanted:
        return RolloutState.UNREADY
    return RolloutState.STOPPED if progress.troubles else RolloutState.UNDER_WAY


def _versions(seen: SeenWorkload, written: WorkloadPlan, standing: Standing) -> list[VersionStatus]:
    """The pods by the template and the tag that they are of; those that are to be come first, even without a pod."""
    wanted = standing.progress.wanted
    parts = {(written.template_hash, written.tag): (Part.PRESENT, wanted)}
    if written.base:
        parts = {
            (written.base_hash, written.tag): (Part.PRESENT, written.partition),
            (written.template_hash, written.canary_tag or written.tag): (Part.CANARY, wanted - written.partition),
        }
    pods: dict[tuple[str, str], list[PodStatus]] = {version: [] for version in parts}
    for pod in sorted(seen.pods, key=born):
        version = seen.template(pod), tag_of(pod)
        pods.setdefault(version, []).append(PodStatus.of(pod, present=seen.is_present(pod)))
    return [
        VersionStatus(tag, *parts.get((template, tag), (Part.EARLIER, 0)), tuple(own))
        for (template, tag), own in pods.items()
    ]


def _paused_since(seen: SeenWorkload) -> str:
    conditions = (seen.controller or {}).get("status", {}).get("conditions", [])
    return next((str(each.get("lastUpdateTime", "")) for each in conditions if each.get("reason") == PAUSED), "")


def _owner(seen: SeenWorkload, name: str) -> str | None:
    """The app, if something of it is called so: its controller, a ReplicaSet, a pod or a pod's storage."""
    pods = [name_of(pod.metadata) for pod in seen.pods]
    own = {seen.plan.name, *pods, *(name_of(item.metadata) for item in seen.replica_sets)}
    return seen.plan.name if name in own or any(name.endswith(f"-{pod}") for pod in pods) else None
