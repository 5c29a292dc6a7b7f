"""The rules of readiness, on objects as a cluster shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.kubernetes.readiness import RULES, Rule, Verdict, complaints_of, rule_of
from engine.provider import ProviderError, Severity

Object = dict[str, Any]


@dataclass
class Neighbours:
    """What stands beside the object under test."""

    objects: list[Object] = field(default_factory=list)

    def get(self, api_version: str, kind: str, name: str) -> Object | None:
        return next((found for found in self.find(api_version, kind, {}) if found["metadata"]["name"] == name), None)

    def find(self, api_version: str, kind: str, selector: Object) -> list[Object]:
        del selector
        return [found for found in self.objects if (found["apiVersion"], found["kind"]) == (api_version, kind)]


def judge(live: Object, *neighbours: Object, before: Object | None = None) -> Verdict:
    rule = RULES[live["apiVersion"], live["kind"]]
    return rule.judge(live, before, Neighbours(list(neighbours)))


def lines(verdict: Verdict) -> list[str]:
    return [("warning: " if severity is Severity.WARNING else "") + message for severity, message in verdict.status]


def condition(kind: str, status: str, reason: str = "", message: str = "") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


AVAILABLE = condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
UNAVAILABLE = condition(
    "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
)
ROLLED = condition("Progressing", "True", "NewReplicaSetAvailable")
ROLLING = condition("Progressing", "True", "ReplicaSetUpdated")
STUCK = condition("Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "web-2" has timed out progressing.')


def deployment(
    *conditions: Object, generation: int = 1, observed: int | None = None, revision: str = "1", **spec: Any
) -> Object:
    annotations = {"deployment.kubernetes.io/revision": revision} if revision else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "uid": "d", "generation": generation, "annotations": annotations},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
        "status": {"observedGeneration": generation if observed is None else observed, "conditions": list(conditions)},
    }


def replica_set(revision: str, wanted: int, ready: int | None, owner: str = "d") -> Object:
    annotations = {"deployment.kubernetes.io/revision": revision}
    metadata = {
        "name": f"web-{revision}",
        "uid": f"rs{revision}",
        "annotations": annotations,
        "ownerReferences": [{"uid": owner}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata,
        "spec": {"replicas": wanted},
        "status": {} if ready is None else {"readyReplicas": ready},
    }


def test_a_new_deployment_is_ready_when_available_with_all_pods() -> None:
    waiting = judge(deployment(UNAVAILABLE, ROLLING), replica_set("1", 2, None))
    assert not waiting.ready
    assert lines(waiting) == [
        "warning: [MinimumReplicasUnavailable] Deployment does not have minimum availability.",
        "Waiting for app ReplicaSet to be available (0/2 Pods available)",
    ]
    assert waiting.missing == (
        "[MinimumReplicasUnavailable] Deployment does not have minimum availability.",
        "Minimum number of live Pods was not attained",
    )
    half = judge(deployment(AVAILABLE, ROLLING), replica_set("1", 2, 1))
    assert not half.ready
    assert half.missing == ("Minimum number of Pods to consider the application live was not attained",)
    full = judge(deployment(AVAILABLE, ROLLING), replica_set("1", 2, 2))
    assert full.ready
    assert full.pods_of == "rs1"


def test_an_updated_deployment_must_have_rolled_to_its_new_replica_set() -> None:
    before = deployment(AVAILABLE, ROLLED)
    live = deployment(AVAILABLE, ROLLING, generation=2, revision="2")
    rolling = judge(live, replica_set("1", 2, 2), replica_set("2", 1, 0), before=before)
    assert not rolling.ready
    assert lines(rolling) == ["Waiting for app ReplicaSet to be available (0/1 Pods available)"]
    assert rolling.missing == ("Minimum number of Pods to consider the application live was not attained",)
    assert not judge(live, replica_set("2", 1, 1), before=before).ready
    rolled = deployment(AVAILABLE, ROLLED, generation=2, revision="2")
    short = judge(rolled, replica_set("2", 2, 1), before=before)
    assert short.missing == (
        "Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live",
    )
    assert judge(rolled, replica_set("1", 0, None), replica_set("2", 2, 2), before=before).ready


def test_a_deployment_that_its_controller_has_not_seen_is_not_ready() -> None:
    live = deployment(AVAILABLE, ROLLED, generation=3, observed=2, revision="2")
    assert not judge(live, replica_set("2", 2, 2)).ready


def test_the_replica_set_must_be_the_deployments_own() -> None:
    assert not judge(deployment(AVAILABLE), replica_set("1", 2, 2, owner="another")).ready
    assert not judge(deployment(AVAILABLE, revision=""), replica_set("1", 2, 2)).ready


def test_a_deployment_scaled_to_nothing_is_ready_with_a_warning() -> None:
    verdict = judge(deployment(AVAILABLE), replica_set("1", 0, None))
    assert verdict.ready
    assert lines(verdict) == ['warning: Replicas scaled to 0 for Deployment "web"']


def test_a_passed_progress_deadline_is_only_a_warning() -> None:
    verdict = judge(deployment(AVAILABLE, STUCK, revision="2"), replica_set("2", 2, 0))
    assert not verdict.ready
    assert not verdict.failed
    assert verdict.missing[0] == '[ProgressDeadlineExceeded] ReplicaSet "web-2" has timed out progressing.'


def test_a_deployment_waits_for_the_claims_of_its_pods() -> None:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    live = deployment(AVAILABLE, template={"spec": {"volumes": volumes}})
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "status": {"phase": "Pending"},
    }
    pending = judge(live, replica_set("1", 1, 1), claim)
    assert not pending.ready
    assert pending.missing[0] == 'Failed to bind PersistentVolumeClaim(s): "data"'
    assert judge(live, replica_set("1", 1, 1), claim | {"status": {"phase": "Bound"}}).ready


def stateful_set(generation: int = 1, observed: int = 1, strategy: str = "RollingUpdate", **status: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db", "uid": "s", "generation": generation},
        "spec": {"replicas": 2, "updateStrategy": {"type": strategy}},
        "status": {"observedGeneration": observed, **status},
    }


DONE: Object = {
    "replicas": 2,
    "readyReplicas": 2,
    "currentReplicas": 2,
    "updatedReplicas": 2,
    "currentRevision": "a",
    "updateRevision": "a",
}


@pytest.mark.parametrize(
    ("live", "missing", "line"),
    [
        (stateful_set(**DONE), (), ""),
        (
            stateful_set(**DONE | {"readyReplicas": 1}),
            ("1 out of 2 replicas succeeded readiness checks",),
            "[1/2] Waiting for StatefulSet to create Pods (1/2 Pods ready)",
        ),
        (
            stateful_set(2, 2, **DONE | {"updateRevision": "b", "currentReplicas": 1, "updatedReplicas": 1}),
            (
                "1 out of 2 replicas succeeded readiness checks",
                'StatefulSet controller failed to advance from revision "a" to revision "b"',
            ),
            "[1/3] Waiting for StatefulSet update to roll out (1/2 Pods ready)",
        ),
        (
            stateful_set(2, 2, **DONE | {"updateRevision": "b"}),
            ('StatefulSet controller failed to advance from revision "a" to revision "b"',),
            "[2/3] Waiting for StatefulSet to update .status.currentRevision",
        ),
        (stateful_set(2, 2, "OnDelete", **DONE | {"updateRevision": "b", "currentReplicas": 0}), (), ""),
    ],
)
def test_stateful_sets(live: Object, missing: tuple[str, ...], line: str) -> None:
    verdict = judge(live)
    assert verdict.missing == missing
    assert verdict.ready == (not missing)
    assert lines(verdict) == ([line] if line else [])


def test_a_stateful_set_that_its_controller_has_not_seen_is_not_ready() -> None:
    assert not judge(stateful_set(2, 1, **DONE)).ready


def test_daemon_sets() -> None:
    def daemon_set(**status: Any) -> Object:
        metadata = {"name": "n", "uid": "n", "generation": 1}
        return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "status": status}

    counts = {
        "observedGeneration": 1,
        "desiredNumberScheduled": 1,
        "currentNumberScheduled": 1,
        "updatedNumberScheduled": 1,
    }
    assert judge(daemon_set(**counts, numberAvailable=1, numberReady=1)).ready
    assert lines(judge(daemon_set(**counts))) == ["Available: 0/1"]
    assert lines(judge(daemon_set())) == ["DaemonSet generation is 1, but latest observed generation is None"]


def test_jobs() -> None:
    def job(**status: Any) -> Object:
        metadata = {"name": "j", "namespace": "team", "uid": "j"}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "status": status}

    assert lines(judge(job())) == ['Waiting for Job "team/j" to start']
    running = judge(job(startTime="now", active=1))
    assert lines(running) == ['Waiting for Job "team/j" to succeed (Active: 1 | Succeeded: 0 | Failed: 0)']
    assert judge(job(startTime="now", conditions=[condition("Complete", "True")])).ready
    failed = judge(job(startTime="now", conditions=[condition("Failed", "True", "BackoffLimitExceeded", "no more")]))
    assert failed.failed
    assert failed.missing == ("[BackoffLimitExceeded] no more",)


def service(kind: str = "ClusterIP", **more: Any) -> Object:
    spec = {"type": kind, "clusterIP": "10.0.0.1", "selector": {"app": "web"}}
    metadata = {"name": "web"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": spec | more.pop("spec", {}),
        "status": more,
    }


def endpoints(version: str, **subset: Any) -> Object:
    metadata = {"name": "web", "resourceVersion": version}
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": [subset] if subset else []}


READY, UNREADY = [{"ip": "10.0.0.2"}], [{"ip": "10.0.0.3"}]


def test_a_service_is_ready_once_its_endpoints_settle_and_none_is_unready() -> None:
    verdict = judge(service(), endpoints("7", addresses=READY))
    assert verdict.ready
    assert verdict.settle == "7"
    assert not judge(service(), endpoints("8", addresses=READY, notReadyAddresses=UNREADY)).ready


def test_a_service_without_any_endpoint_is_ready_too() -> None:
    verdict = judge(service(), endpoints("7"))
    assert verdict.ready
    assert verdict.settle == "7"


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName"}, {"selector": None}])
def test_a_service_without_pods_to_look_for_is_ready_at_once(spec: Object) -> None:
    verdict = judge(service(spec=spec))
    assert verdict.ready
    assert verdict.settle == ""


def test_a_load_balancer_needs_an_address() -> None:
    waiting = judge(service("LoadBalancer"), endpoints("7", addresses=READY))
    assert not waiting.ready
    assert waiting.missing == ("Service was not allocated an IP address; does your cloud provider support this?",)
    assert lines(waiting) == ["[2/3] Attempting to allocate IP address to Service"]
    given = service("LoadBalancer", loadBalancer={"ingress": [{"ip": "1.2.3.4"}]})
    assert judge(given, endpoints("7", addresses=READY)).ready


def test_an_ingress_needs_an_address_and_warns_of_a_lost_backend() -> None:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rules = [{"host": "a.example", "http": {"paths": [{"path": "/x", "backend": backend}]}}]
    live = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "i"},
        "spec": {"rules": rules},
    }
    waiting = judge(live, endpoints("1"))
    assert not waiting.ready
    assert lines(waiting) == ["[2/3] Waiting for update of .status.loadBalancer with hostname/IP"]
    live["status"] = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}
    assert judge(live, endpoints("1")) == Verdict(ready=True, done="Ingress initialization complete")
    lost = judge(live)
    assert lost.ready
    assert lost.settle == "web"
    assert lines(lost) == ['warning: No matching service found for ingress rule: "a.example/x" -> "web"']


def pod(
    *conditions: Object, containers: list[Object] | None = None, phase: str = "Pending", namespace: str = "default"
) -> Object:
    status = {"phase": phase, "conditions": list(conditions), "containerStatuses": containers or []}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "status": status}


PLACED, INITIALIZED = condition("PodScheduled", "True"), condition("Initialized", "True")
NOT_READY = condition("Ready", "False", "ContainersNotReady", "containers with unready status: [app]")


def test_pods() -> None:
    assert lines(judge(pod())) == ['Waiting for Pod "p" to be scheduled']
    assert lines(judge(pod(PLACED, INITIALIZED, NOT_READY))) == ['Waiting for Pod "p" to be ready']
    assert judge(pod(PLACED, INITIALIZED, condition("Ready", "True"))).ready
    assert judge(pod(PLACED, INITIALIZED, NOT_READY, phase="Succeeded")).ready


@pytest.mark.parametrize(
    ("container", "said"),
    [
        (
            {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image: manifest unknown"}}},
            "[ErrImagePull] no such image",
        ),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, ""),
        ({"state": {"terminated": {"reason": "Error", "exitCode": 3}}}, 'container "app" completed with exit code 3'),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                "lastState": {"terminated": {"reason": "Error", "exitCode": 1, "finishedAt": "2026-01-01T00:00:00Z"}},
            },
            '[CrashLoopBackOff] back-off 10s\ncontainer "app" terminated at 2026-01-01T00:00:00Z (Error: exit code 1)',
        ),
        ({"ready": True}, ""),
    ],
)
def test_pods_say_why_they_are_not_ready(container: Object, said: str) -> None:
    found = pod(PLACED, INITIALIZED, NOT_READY, containers=[{"name": "app", **container}], namespace="team")
    assert complaints_of([found]) == [f"[Pod team/p]: containers with unready status: [app]{said}"]


def test_pods_without_a_node_or_with_nothing_to_say_are_silent() -> None:
    waiting = condition("PodScheduled", "False", "Unschedulable", "0/1 nodes are available")
    assert complaints_of([pod(waiting, NOT_READY), pod(PLACED, INITIALIZED, condition("Ready", "True"))]) == []


def test_a_claim_is_ready_when_bound_or_waits_for_its_first_consumer() -> None:
    metadata, spec = {"name": "c"}, {"storageClassName": "lazy"}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": "Pending"},
    }
    storage = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "lazy"}}
    assert not judge(claim, storage).ready
    lazy = storage | {"volumeBindingMode": "WaitForFirstConsumer"}
    assert judge(claim, lazy).ready
    assert not judge(claim, lazy, before=claim).ready
    assert judge(claim | {"status": {"phase": "Bound"}}, before=claim).ready


def thing(annotation: str, **status: Any) -> Object:
    metadata = {"name": "t", "generation": 2, "annotations": {"pulumi.com/waitFor": annotation}}
    return {"apiVersion": "g.example/v1", "kind": "Thing", "metadata": metadata, "status": status}


@pytest.mark.parametrize(
    ("annotation", "status", "ready"),
    [
        ("condition=Ready", {"conditions": [condition("Ready", "True")]}, True),
        ("condition=Ready", {"conditions": [condition("Ready", "False")]}, False),
        ("condition=Ready=False", {"conditions": [condition("Ready", "False")]}, True),
        ("condition=Ready", {}, False),
        ("condition=Ready", {"conditions": [condition("Ready", "True")], "observedGeneration": 1}, False),
        ("jsonpath={.status.phase}=Running", {"phase": "Running"}, True),
        ("jsonpath={.status.phase}=Running", {"phase": "Pending"}, False),
        ("jsonpath={.status.phase}", {"phase": "Pending"}, True),
        ("jsonpath={$.status.list[0].ok}=true", {"list": [{"ok": True}]}, True),
        ("jsonpath={.status.list[1]}", {"list": [{"ok": True}]}, False),
        ('["condition=A", "jsonpath={.status.n}=3"]', {"conditions": [condition("A", "True")], "n": 3}, True),
        ('["condition=A", "jsonpath={.status.n}=3"]', {"conditions": [condition("A", "True")], "n": 4}, False),
    ],
)
def test_what_the_user_waits_for(annotation: str, status: Object, ready: bool) -> None:  # noqa: FBT001
    live = thing(annotation, **status)
    rule = rule_of(live)
    assert isinstance(rule, Rule)
    assert rule.judge(live, None, Neighbours()).ready == ready


def test_kinds_without_a_rule_are_not_waited_for() -> None:
    assert rule_of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}) is None


@pytest.mark.parametrize("annotation", ["Ready", "jsonpath=.status.phase", "jsonpath={.a}Running", "[]"])
def test_what_cannot_be_read_is_an_error(annotation: str) -> None:
    with pytest.raises(ProviderError, match="cannot read"):
        rule_of(thing(annotation))
