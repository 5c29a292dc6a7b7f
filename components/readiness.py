"""Whether a color is ready, and if it cannot become so, why.

The judgement is pure; only `wait_until_ready` reads the cluster. The provider's own wait is not used: it does not
fail before its ten minutes are over, and it lets a Deployment pass that was only scaled (pulumi-kubernetes,
provider/pkg/await/deployment.go).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lightkube.models.apps_v1 import DeploymentStatus
from lightkube.models.core_v1 import ContainerStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod

from components.errors import NotReadyError
from components.kube import Cluster

POLL_SECONDS = 0.4
# How long a cause may last before it counts as one that will not heal. Kubernetes repeats a pull or a start by
# itself; an unschedulable pod may be waiting for a node that is on its way.
PATIENCE_SECONDS = {
    "ImagePullBackOff": 8.0,
    "ErrImagePull": 8.0,
    "ErrImageNeverPull": 0.0,
    "InvalidImageName": 0.0,
    "CreateContainerConfigError": 8.0,
    "CreateContainerError": 8.0,
    "RunContainerError": 8.0,
    "CrashLoopBackOff": 4.0,
    "FailedCreate": 8.0,
    "Unschedulable": 20.0,
    "ProgressDeadlineExceeded": 0.0,
    "NotReady": math.inf,
}

Say = Callable[[str], None]
"""Shows a line of progress beside the resource that it is about."""


@dataclass(frozen=True)
class Trouble:
    """A cause that keeps a color from being ready; `container` is set where a log may tell more."""

    reason: str
    subject: str
    message: str
    container: str | None = None

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}" + (f" ({self.message})" if self.message else "") + "."


@dataclass(frozen=True)
class Progress:
    """How far a Deployment is: pods of its present template that are available, and what is in their way."""

    available: int
    wanted: int
    done: bool
    troubles: tuple[Trouble, ...]

    def __str__(self) -> str:
        return f"{self.available} of {self.wanted} pods ready" + (f"; {self.troubles[0]}" if self.troubles else "")


class Patience:
    """How long each cause has lasted by now."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def lasting(self, troubles: Iterable[Trouble], now: float) -> list[Trouble]:
        """Return the troubles that have lasted longer than Kubernetes needs to heal them, at the time `now`."""
        troubles = list(troubles)
        self._since = {trouble.reason: self._since.get(trouble.reason, now) for trouble in troubles}
        return [one for one in troubles if now - self._since[one.reason] >= PATIENCE_SECONDS[one.reason]]


def judge(deployment: Deployment, replica_sets: Sequence[ReplicaSet], pods: Sequence[Pod]) -> Progress:
    """Judge a Deployment by its status, and by the ReplicaSet and the pods of its present template.

    Done means that the controller has seen the present spec, that all pods are of the present template and available,
    and that none of an older template is left to be selected.
    """
    wanted = deployment.spec.replicas or 0
    status = deployment.status or DeploymentStatus()
    observed = (status.observedGeneration or 0) >= (_meta(deployment).generation or 0)
    present = next((each for each in replica_sets if _revision(each) == _revision(deployment)), None)
    if not observed or present is None:
        return Progress(0, wanted, done=False, troubles=())
    available = (present.status and present.status.availableReplicas) or 0
    own_pods = [pod for pod in pods if _template(pod) == _template(present)]
    return Progress(
        available,
        wanted,
        done={status.replicas or 0, status.updatedReplicas or 0, status.availableReplicas or 0} == {wanted},
        troubles=(*_deployment_troubles(deployment), *(trouble for pod in own_pods for trouble in pod_troubles(pod))),
    )


async def look(cluster: Cluster, name: str, labels: dict[str, str]) -> Progress:
    """Read Deployment `name` and the pods that `labels` select, and judge them."""
    deployment = await cluster.deployment(name)
    if deployment is None:
        return Progress(0, 1, done=False, troubles=())
    pods = await cluster.pods(labels)
    progress = judge(deployment, await cluster.replica_sets(labels), pods)
    if progress.done or progress.troubles:
        return progress
    return replace(progress, troubles=tuple(await not_ready(cluster, pods)))


async def wait_until_ready(
    cluster: Cluster, app: str, name: str, labels: dict[str, str], *, seconds: float, say: Say
) -> int:
    """Wait until every pod of Deployment `name` is ready and return how many there are.

    Args:
        cluster: where to look.
        app: the app's name, for the error.
        name: the Deployment.
        labels: select its pods.
        seconds: the deadline.
        say: shows progress.

    Raises:
        NotReadyError: a cause lasted longer than Kubernetes needs to heal it, or the deadline passed.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    patience = Patience()
    while True:
        progress = await look(cluster, name, labels)
        if progress.done:
            return progress.wanted
        now = clock()
        lasting = patience.lasting(progress.troubles, now)
        if lasting or now >= deadline:
            reasons = [] if lasting else [f"That is so after {seconds:.0f} s."]
            reasons += await explain(cluster, [*lasting, *progress.troubles])
            raise NotReadyError(app, name, ready=progress.available, wanted=progress.wanted, reasons=reasons)
        say(str(progress))
        await asyncio.sleep(POLL_SECONDS)


async def not_ready(cluster: Cluster, pods: Sequence[Pod]) -> list[Trouble]:
    """Return what Kubernetes last warned of a pod that runs and is not ready: which probe fails, and how."""
    for pod in pods:
        conditions = (pod.status and pod.status.conditions) or []
        name = _meta(pod).name or ""
        if any(condition.type == "Ready" and condition.status != "True" for condition in conditions):
            warning = await cluster.last_warning(name)
            return [Trouble("NotReady", f"Pod {name}", warning)] if warning else []
    return []


async def explain(cluster: Cluster, troubles: Sequence[Trouble]) -> list[str]:
    """One sentence per reason (the first pod speaks for the others), with the log's end where there is one."""
    told: dict[str, str] = {}
    for trouble in troubles:
        if trouble.reason in told:
            continue
        told[trouble.reason] = str(trouble)
        if trouble.container and trouble.reason == "CrashLoopBackOff":
            lines = await cluster.log_tail(trouble.subject.removeprefix("Pod "), trouble.container)
            if lines:
                told[trouble.reason] += " Its last log lines:\n" + "\n".join(f"    {line}" for line in lines) + "\n"
    return list(told.values())


def _revision(item: Deployment | ReplicaSet) -> str | None:
    return (_meta(item).annotations or {}).get("deployment.kubernetes.io/revision")


def _template(item: ReplicaSet | Pod) -> str | None:
    return (_meta(item).labels or {}).get("pod-template-hash")


def _meta(item: Deployment | ReplicaSet | Pod) -> ObjectMeta:
    return item.metadata or ObjectMeta()


def _deployment_troubles(deployment: Deployment) -> Iterator[Trouble]:
    name = _meta(deployment).name
    for condition in (deployment.status and deployment.status.conditions) or []:
        if condition.type == "ReplicaFailure" and condition.status == "True":
            yield Trouble("FailedCreate", f"Deployment {name}", condition.message or "")
        if condition.type == "Progressing" and condition.reason == "ProgressDeadlineExceeded":
            yield Trouble("ProgressDeadlineExceeded", f"Deployment {name}", condition.message or "")


def pod_troubles(pod: Pod) -> Iterator[Trouble]:
    """Yield what keeps a pod from running, as its status has it."""
    if _meta(pod).deletionTimestamp or pod.status is None:
        return
    subject = f"Pod {_meta(pod).name}"
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False" and condition.reason == "Unschedulable":
            yield Trouble("Unschedulable", subject, condition.message or "")
    statuses: list[ContainerStatus] = [*(pod.status.initContainerStatuses or []), *(pod.status.containerStatuses or [])]
    for status in statuses:
        waiting = status.state.waiting if status.state else None
        if waiting is not None and waiting.reason in PATIENCE_SECONDS:
            yield Trouble(waiting.reason or "", subject, waiting.message or "", container=status.name)
