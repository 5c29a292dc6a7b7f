"""How a Job in the cluster ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lightkube.resources.core_v1 import Pod

from components.kube import Cluster
from components.readiness import Patience, Say, explain, pod_troubles

POLL_SECONDS = 0.4
LOG_LINES = 2000


@dataclass(frozen=True)
class JobEnd:
    """How a Job ended: `code` is its last container's, None where none ran to an end, and `trouble` says why.

    `overdue`: it ran, and its own deadline ended it.
    """

    complete: bool
    code: int | None
    log: Sequence[str]
    trouble: str = ""
    overdue: bool = False


async def wait_until_ended(cluster: Cluster, name: str, *, seconds: float, say: Say) -> JobEnd:
    """Wait until Job `name` has ended, or cannot."""
    clock = asyncio.get_running_loop().time
    give_up, patience = clock() + seconds, Patience()
    while True:
        job = await cluster.job(name)
        conditions = (job and job.status and job.status.conditions) or []
        ended = {condition.type for condition in conditions if condition.status == "True"}
        pods = sorted(await cluster.pods({"job-name": name}), key=_born)
        if "Complete" in ended or "Failed" in ended:
            failure = next((condition for condition in conditions if condition.type == "Failed"), None)
            end = await _end(cluster, pods, complete="Complete" in ended)
            if failure is None:
                return end
            return replace(end, trouble=failure.message or "", overdue=failure.reason == "DeadlineExceeded")
        lasting = patience.lasting((trouble for pod in pods for trouble in pod_troubles(pod)), clock())
        if lasting:
            return JobEnd(complete=False, code=None, log=[], trouble=" ".join(await explain(cluster, lasting)))
        if clock() >= give_up:
            where = "is not there" if job is None else "has not ended"
            return JobEnd(complete=False, code=None, log=[], trouble=f"Job {name} {where} after {seconds:.0f} s.")
        say(f"Job {name} runs")
        await asyncio.sleep(POLL_SECONDS)


async def _end(cluster: Cluster, pods: Sequence[Pod], *, complete: bool) -> JobEnd:
    """Read the code and the log of the last pod."""
    for pod in reversed(pods):
        for status in (pod.status and pod.status.containerStatuses) or []:
            ended = status.state and status.state.terminated
            if ended and pod.metadata and pod.metadata.name:
                log = await cluster.log_tail(pod.metadata.name, status.name, LOG_LINES)
                return JobEnd(complete, ended.exitCode, log)
    return JobEnd(complete, None, [])


def _born(pod: Pod) -> str:
    return str((pod.metadata and pod.metadata.creationTimestamp) or "")
