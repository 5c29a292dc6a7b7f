"""How pods are, and why they are not all ready."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from lightkube.resources.core_v1 import Event, Pod

from components.kube import Cluster
from components.readiness import Progress, Trouble, explain, pod_troubles
from cutover.seen import name_of

LOG_SECONDS = 1.0
"""What the end of a crashed container's log may take; a node that is away must not hold up the rest."""


class PodState(StrEnum):
    """READY; STARTING, or running and not ready yet; FAILING for a reason that Kubernetes names; ENDING."""

    READY = "ready"
    STARTING = "starting"
    FAILING = "failing"
    ENDING = "ending"


class PodStatus(msgspec.Struct, frozen=True):
    """One pod; `present`: whether it is of its controller's present template."""

    name: str
    state: PodState
    reason: str
    restarts: int
    present: bool

    @classmethod
    def of(cls, pod: Pod, *, present: bool = True) -> PodStatus:
        statuses = (pod.status and pod.status.containerStatuses) or []
        ready = any(
            each.type == "Ready" and each.status == "True" for each in (pod.status and pod.status.conditions) or []
        )
        reason = next((trouble.reason for trouble in pod_troubles(pod)), "")
        ended = next((each.state.terminated for each in statuses if each.state and each.state.terminated), None)
        if pod.metadata and pod.metadata.deletionTimestamp:
            state = PodState.ENDING
        elif ready:
            state, reason = PodState.READY, ""
        elif reason or ended or (pod.status and pod.status.phase == "Failed"):
            state = PodState.FAILING
            reason = reason or (ended and ended.reason) or (pod.status and pod.status.reason) or "Failed"
        else:
            state = PodState.STARTING
        restarts = sum(each.restartCount for each in statuses)
        return cls(name_of(pod.metadata), state, reason, restarts, present)

    @property
    def is_ill(self) -> bool:
        return self.state in {PodState.STARTING, PodState.FAILING}


async def reasons(cluster: Cluster, progress: Progress, pods: Sequence[Pod], events: Iterable[Event]) -> list[str]:
    """Say why pods are not all ready, with the end of the log of one that crashes; nothing once they are."""
    if progress.done:
        return []
    troubles = progress.troubles or _ailments(pods, events)
    try:
        async with asyncio.timeout(LOG_SECONDS):
            return await explain(cluster, troubles)
    except TimeoutError:
        return [str(trouble) for trouble in {each.reason: each for each in troubles}.values()]


def born(pod: Pod) -> tuple[str, str]:
    """What puts pods in the order in which they came."""
    return str((pod.metadata and pod.metadata.creationTimestamp) or ""), name_of(pod.metadata)


def when(event: Event) -> datetime:
    last = event.series.lastObservedTime if event.series else None
    return last or event.lastTimestamp or event.eventTime or datetime.min.replace(tzinfo=UTC)


def _ailments(pods: Iterable[Pod], events: Iterable[Event]) -> list[Trouble]:
    """What ails a pod that says nothing itself, by the last warning about it: which probe fails, and how."""
    ill = {pod.name: pod.reason or "NotReady" for pod in map(PodStatus.of, pods) if pod.is_ill}
    about = {event.involvedObject.name: event.message or "" for event in sorted(events, key=when)}
    return [Trouble(ill[name], f"Pod {name}", about[name].strip()) for name in ill if name in about][:1]
