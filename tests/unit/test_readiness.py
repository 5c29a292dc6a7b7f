"""When a Deployment is ready, and what is said when it cannot be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod

from components.errors import NotReadyError
from components.readiness import judge, wait_until_ready
from tests.unit.plans import an

REVISION = {"deployment.kubernetes.io/revision": "2"}
READY = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}


def deployment(**status: Any) -> Deployment:
    return an(
        Deployment,
        {
            "metadata": {"name": "web-green", "generation": 2, "annotations": REVISION},
            "spec": {"replicas": 3, "selector": {}, "template": {}},
            "status": READY | status,
        },
    )


def replica_set(available: int = 3) -> ReplicaSet:
    labels = {"pod-template-hash": "present"}
    metadata = {"name": "web-green-2", "annotations": REVISION, "labels": labels}
    status = {"replicas": 3, "availableReplicas": available}
    return an(ReplicaSet, {"metadata": metadata, "spec": {"selector": {}}, "status": status})


def pod(
    *, waiting: tuple[str, str] | None = None, condition: dict[str, str] | None = None, template: str = "present"
) -> Pod:
    state = {"waiting": {"reason": waiting[0], "message": waiting[1]}} if waiting else {"running": {}}
    status = {"name": "app", "state": state, "image": "", "imageID": "", "ready": waiting is None, "restartCount": 0}
    return an(
        Pod,
        {
            "metadata": {"name": "web-green-1", "labels": {"pod-template-hash": template}},
            "status": {"conditions": [condition] if condition else [], "containerStatuses": [status]},
        },
    )


def test_ready_is_every_pod_of_the_present_template_and_none_of_another() -> None:
    assert judge(deployment(), [replica_set()], []).done


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"observedGeneration": 1}, id="the controller has not seen the new spec"),
        pytest.param({"availableReplicas": 2}, id="a pod is not available"),
        pytest.param({"replicas": 4}, id="a pod of the old template is left"),
        pytest.param({"updatedReplicas": 2}, id="a pod is still of the old template"),
        pytest.param(
            {"replicas": 0, "updatedReplicas": 0, "availableReplicas": 0}, id="it was just scaled up from none"
        ),
    ],
)
def test_not_ready_yet(status: dict[str, int]) -> None:
    assert not judge(deployment(**status), [replica_set()], []).done


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
}
UNREADY = {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": ""}
QUOTA = {
    "type": "ReplicaFailure",
    "status": "True",
    "reason": "FailedCreate",
    "message": 'pods "web-green-1" is forbidden: exceeded quota: small',
}


@pytest.mark.parametrize(
    ("found", "pods", "told"),
    [
        (
            deployment(availableReplicas=0),
            [pod(waiting=("ImagePullBackOff", "Back-off pulling image app:9"))],
            "Pod web-green-1: ImagePullBackOff (Back-off pulling image app:9).",
        ),
        (
            deployment(availableReplicas=0),
            [pod(waiting=("CreateContainerConfigError", 'secret "keys" not found'))],
            'Pod web-green-1: CreateContainerConfigError (secret "keys" not found).',
        ),
        (
            deployment(availableReplicas=0),
            [pod(condition=UNSCHEDULABLE)],
            "Pod web-green-1: Unschedulable (0/1 nodes are available: 1 Insufficient cpu.).",
        ),
        (
            deployment(replicas=0, availableReplicas=0, conditions=[QUOTA]),
            [],
            'Deployment web-green: FailedCreate (pods "web-green-1" is forbidden: exceeded quota: small).',
        ),
    ],
)
def test_a_cause_is_told_with_its_object(found: Deployment, pods: list[Pod], told: str) -> None:
    assert [str(trouble) for trouble in judge(found, [replica_set(0)], pods).troubles] == [told]


def test_what_ails_a_pod_of_an_older_template_is_no_matter() -> None:
    old = pod(waiting=("ImagePullBackOff", ""), template="older")
    assert judge(deployment(availableReplicas=2), [replica_set(2)], [old]).troubles == ()


def test_only_pods_of_the_present_template_count() -> None:
    assert judge(deployment(updatedReplicas=1, replicas=4), [replica_set(0)], []).available == 0


def test_a_deployment_of_no_pods_is_ready() -> None:
    none = {"replicas": None, "updatedReplicas": None, "availableReplicas": None}
    empty = deployment(**none)
    empty.spec.replicas = 0
    assert judge(empty, [replica_set(0)], []).done


class Stuck:
    """A cluster in which a Deployment stays as it is, with pods that wait for one reason."""

    def __init__(self, reason: str | None) -> None:
        self.reason = reason

    async def deployment(self, _: str) -> Deployment:
        return deployment(availableReplicas=1)

    async def replica_sets(self, _: dict[str, str]) -> list[ReplicaSet]:
        return [replica_set(1)]

    async def pods(self, _: dict[str, str]) -> list[Pod]:
        return [pod(waiting=(self.reason, "why"))] if self.reason else [pod(condition=UNREADY)]

    async def log_tail(self, *_: str) -> list[str]:
        return ["panic: no database"]

    async def last_warning(self, _: str) -> str:
        return "Readiness probe failed: HTTP probe failed with statuscode: 503"


def wait(cluster: Any, seconds: float) -> None:
    asyncio.run(wait_until_ready(cluster, "web", "web-green", {}, seconds=seconds, say=lambda _: None))


def test_a_crash_is_told_with_the_end_of_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.readiness.PATIENCE_SECONDS", {"CrashLoopBackOff": 0.0})
    with pytest.raises(NotReadyError, match="1 of 3 pods ready") as failed:
        wait(Stuck("CrashLoopBackOff"), seconds=60)
    assert "panic: no database" in str(failed.value)


def test_a_cause_that_may_heal_is_waited_for_until_its_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.readiness.PATIENCE_SECONDS", {"ErrImagePull": 60.0})
    with pytest.raises(NotReadyError, match=r"ErrImagePull \(why\)") as failed:
        wait(Stuck("ErrImagePull"), seconds=0.1)
    assert failed.value.ready == 1


def test_a_pod_that_runs_and_is_not_ready_tells_its_probe() -> None:
    with pytest.raises(NotReadyError, match=r"Pod web-green-1: NotReady \(Readiness probe failed: .*503"):
        wait(Stuck(None), seconds=0.1)
