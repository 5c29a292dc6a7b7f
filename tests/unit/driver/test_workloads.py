"""What is told of apps of one version, and of their rollouts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from components.plan import StackPlan
from cutover import status
from cutover.doctor import permissions
from cutover.doctor.apps import check_standing, check_tags
from cutover.doctor.cluster import check_ownership
from cutover.doctor.findings import Finding
from cutover.status import Status
from cutover.workloads import Part, RolloutState, WorkloadStatus
from tests.unit.configs import app
from tests.unit.driver.store import REVISION, SOON, Store, managed, stack_plan, unready, waiting
from tests.unit.driver.test_doctor import checked, everything, the
from tests.unit.driver.test_status import stand
from tests.unit.driver.test_view import shown
from tests.unit.workloads.apps import CLAIMS, stack

CANARY: dict[str, Any] = {"canaryReplicas": 1, "canary": {"tag": "2.0"}}


def rolling(**keys: Any) -> StackPlan:
    return stack_plan(stack("RollingApp", **keys))


def stateful(**keys: Any) -> StackPlan:
    return stack_plan(stack("StatefulApp", name="db", **{"volumeClaimTemplates": CLAIMS} | keys))


def daemon(**keys: Any) -> StackPlan:
    return stack_plan(stack("DaemonApp", name="agent", **keys))


def told(store: Store, wished: StackPlan | None = None) -> WorkloadStatus:
    (found,) = stand(store, wished).workloads
    return found


def versions(found: WorkloadStatus) -> list[tuple[str, str, int, int]]:
    return [(each.tag, str(each.part), each.ready, each.wanted) for each in found.versions]


def roll(store: Store, before: StackPlan) -> None:
    """Let the last pod of a Deployment be one of the plan's, beside two that another plan has made."""
    (old,), (new,) = before.workloads, store.plan.workloads
    first, second, _ = store.pods_of("web")
    for pod in (first, second):
        pod["metadata"]["labels"] |= {"cutover/template": old.template_hash, "pod-template-hash": "before"}
        pod["spec"] = old.controller["spec"]["template"]["spec"]
    deployment = store.items["deployments"]["web"]
    deployment["status"] |= {"updatedReplicas": 1}
    (present,) = store.items["replicasets"].values()
    present["status"]["availableReplicas"] = 1
    assert new.template_hash != old.template_hash


@pytest.mark.parametrize("plan", [rolling(), stateful(), daemon()], ids=["rolling", "stateful", "daemon"])
def test_an_app_that_stands_as_configured(plan: StackPlan) -> None:
    found = told(Store(plan))
    assert (found.state, found.tag, found.canary_tag) == (RolloutState.DONE, "1.0", None)
    assert (found.wanted, found.updated, found.ready) == (3, 3, 3)
    assert versions(found) == [("1.0", "present", 3, 3)]
    assert (found.differences, found.drifts, found.warnings, found.reasons) == ((), (), (), ())


@pytest.mark.parametrize(
    ("plan", "count"), [(rolling(), 4), (stateful(), 3), (daemon(), 3)], ids=["rolling", "stateful", "daemon"]
)
def test_only_what_there_is_is_asked_for(plan: StackPlan, count: int) -> None:
    store = Store(plan)
    stand(store)
    assert len(store.api.asked) == count


def test_the_json_reads_back_whole() -> None:
    values = stack("RollingApp")
    values["apps"] |= {"api": app()}
    found = stand(Store(stack_plan(values | {"imageTag": {"blue": "1.0", "green": "2.0"}})))
    assert msgspec.json.decode(found.to_json(), type=Status) == found
    assert json.loads(found.to_json())["workloads"][0]["versions"][0]["pods"][0]["state"] == "ready"


def test_a_rollout_under_way() -> None:
    store = Store(rolling(tag="2.0"))
    roll(store, rolling())
    found = told(store)
    assert (found.state, found.updated, found.ready, found.wanted) == (RolloutState.UNDER_WAY, 1, 1, 3)
    assert versions(found) == [("2.0", "present", 1, 3), ("1.0", "earlier", 2, 0)]
    assert found.differences == ()
    assert shown(stand(store))[2:] == [
        "web  RollingApp  rolling out: 1 of 3 pods updated, 1 ready",
        "▸ 2.0  present   1/3  ●",
        "  1.0  earlier   2    ●●",
    ]


def test_a_pod_that_has_not_been_ready_for_long_enough_is_ready_and_under_way() -> None:
    store = Store(rolling(minReadySeconds=30))
    store.items["deployments"]["web"]["status"]["availableReplicas"] = 2
    found = told(store)
    assert (found.state, found.ready) == (RolloutState.UNDER_WAY, 3)


def test_a_rollout_that_has_stopped_and_what_puts_it_right() -> None:
    store = Store(rolling(tag="2.0"))
    roll(store, rolling())
    waiting(store.pods_of("web")[2], "ImagePullBackOff", "no such image")
    found = told(store)
    assert found.state is RolloutState.STOPPED
    assert found.reasons == ("Pod web-now-2: ImagePullBackOff (no such image).",)
    assert shown(stand(store))[2:] == [
        "web  RollingApp  stopped: 1 of 3 pods updated, 0 ready",
        "▸ 2.0  present   0/3  ✖   2 restarts",
        "  1.0  earlier   2    ●●",
        "  ✖ Pod web-now-2: ImagePullBackOff (no such image).",
        "",
        "pods: ● ready  ✖ failing",
    ]
    finding = the(checked(check_standing, store))
    assert finding.text == (
        "web: its rollout has stopped, 1 of 3 pods are updated to 2.0. Pod web-now-2: ImagePullBackOff (no such image)."
    )
    assert (finding.state, finding.remedy) == ("problem", "pulumi config set --path apps.web.tag 1.0 && pulumi up")


def test_a_rollout_that_is_paused() -> None:
    store = Store(rolling(tag="2.0", paused=True))
    roll(store, rolling())
    since = f"{datetime.now(UTC) - timedelta(hours=2):%FT%TZ}"
    condition = {"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused", "lastUpdateTime": since}
    store.items["deployments"]["web"]["status"]["conditions"] = [condition]
    found = told(store)
    assert (found.state, found.since, found.updated) == (RolloutState.PAUSED, since, 1)
    assert found.differences == ()
    finding = the(checked(check_standing, store))
    assert (finding.state, finding.name) == ("warning", "rollout")
    assert finding.remedy == "pulumi config set --path apps.web.paused false && pulumi up"
    condition["lastUpdateTime"] = SOON
    assert the(checked(check_standing, store)).state == "ok"
    assert told(store, rolling(tag="2.0")).differences == ("lets its rollout go on",)


def test_a_canary_by_ordinal() -> None:
    store = Store(stateful(**CANARY))
    found = told(store)
    assert (found.state, found.tag, found.canary_tag, found.partition) == (RolloutState.DONE, "1.0", "2.0", 2)
    assert versions(found) == [("1.0", "present", 2, 2), ("2.0", "canary", 1, 1)]
    assert all(pod.present for pod in found.pods)
    assert shown(stand(store))[2:] == [
        "db  StatefulApp",
        "▸ 1.0  present   2/2  ●●",
        "  2.0  canary    1/1  ●   ordinal 2",
    ]
    assert told(store, stateful(**CANARY | {"canaryReplicas": 2})).differences == (
        "has a canary of 2.0 on ordinals 1-2, after one of 2.0 on ordinal 2",
    )
    assert told(store, stateful(tag="2.0")).differences == (
        "replaces 1.0 by 2.0",
        "has no canary any more, after one of 2.0 on ordinal 2",
    )


def test_a_canary_that_cannot_start_is_stopped_beside_pods_that_are_well() -> None:
    store = Store(stateful(**CANARY))
    db = store.items["statefulsets"]["db"]
    pod = store.pods_of("db")[2]
    waiting(pod, "ImagePullBackOff")
    db["status"]["availableReplicas"] = 2
    found = told(store)
    assert (found.state, versions(found)[1]) == (RolloutState.UNREADY, ("2.0", "canary", 0, 1))
    del store.items["pods"]["db-1"]
    assert told(store).state is RolloutState.STOPPED
    assert the(checked(check_standing, store)).remedy == (
        "pulumi config set --path apps.db.canaryReplicas 0 && pulumi up"
    )


def test_a_base_is_what_kubernetes_makes_pods_of_whatever_is_configured() -> None:
    store = Store(stateful(**CANARY))
    found = told(store, stateful(**CANARY, env={"A": "1"}))
    assert versions(found) == [("1.0", "present", 2, 2), ("2.0", "canary", 1, 1)]
    assert found.state is RolloutState.DONE
    assert found.differences == ("replaces its pods, whose configuration is another one",)


def test_pods_that_wait_for_their_deletion() -> None:
    store = Store(daemon(tag="2.0", updateStrategy="OnDelete"))
    (old,) = daemon().workloads
    for pod in store.pods_of("agent")[:2]:
        pod["metadata"]["labels"]["cutover/template"] = old.template_hash
        pod["spec"] = old.controller["spec"]["template"]["spec"]
    store.items["daemonsets"]["agent"]["status"]["updatedNumberScheduled"] = 1
    found = told(store)
    assert found.state is RolloutState.WAITING
    assert versions(found) == [("2.0", "present", 1, 3), ("1.0", "earlier", 2, 0)]
    assert shown(stand(store))[2] == "agent  DaemonApp  1 of 3 pods updated; the others wait to be deleted"


def test_pods_that_nobody_has_to_delete_any_more() -> None:
    assert told(Store(daemon(updateStrategy="OnDelete"))).state is RolloutState.DONE


def test_pods_that_are_as_written_and_not_ready() -> None:
    store = Store(stateful())
    unready(store.pods_of("db")[1])
    store.items["statefulsets"]["db"]["status"]["availableReplicas"] = 2
    store.warn("Pod", "db-1", "Unhealthy", "Readiness probe failed: 503", SOON)
    store.warn("PersistentVolumeClaim", "data-db-1", "ProvisioningFailed", "no space", SOON)
    store.warn("Pod", "db-backup-1", "Failed", "of somebody else", SOON)
    found = told(store)
    assert (found.state, found.ready) == (RolloutState.UNREADY, 2)
    assert found.reasons == ("Pod db-1: NotReady (Readiness probe failed: 503).",)
    assert [warning.reason for warning in found.warnings] == ["ProvisioningFailed"]
    assert the(checked(check_standing, store)).state == "problem"


def test_what_is_not_there_yet() -> None:
    store = Store(rolling())
    store.items.clear()
    found = told(store)
    assert (found.state, found.tag, found.versions) == (RolloutState.ABSENT, None, ())
    assert found.differences == ("makes it",)
    assert shown(stand(store))[2:] == ["web  RollingApp  not there", "  → the next `up` makes it"]


def test_what_the_next_up_would_do() -> None:
    store = Store(rolling())

    def differences(**keys: Any) -> tuple[str, ...]:
        return told(store, rolling(**keys)).differences

    assert differences(tag="2.0") == ("replaces 1.0 by 2.0",)
    assert differences(env={"A": "1"}) == ("replaces its pods, whose configuration is another one",)
    assert differences(replicas=5) == ("scales it from 3 to 5",)
    assert differences(paused=True) == ("pauses its rollout",)


def owns(by: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"manager": by, "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": spec}}


def image(*more: str) -> dict[str, Any]:
    container: dict[str, Any] = {"f:image": {}, **{key: {} for key in more}}
    return {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, **container}}}}}


def test_a_template_that_a_hand_has_changed() -> None:
    store = Store(rolling())
    web = store.items["deployments"]["web"]
    web["metadata"]["managedFields"] = [owns("pulumi-cutover", image("f:ports")), owns("kubectl-set", image())]
    assert told(store).drifts == ()  # both have written the same
    ours: dict[str, Any] = {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:ports": {}}}}}}
    web["metadata"]["managedFields"][0] = owns("pulumi-cutover", ours)
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.local/podinfo:3.0"
    (one,) = told(store).drifts
    assert one.text == ("the pod template of Deployment web was changed: it runs 3.0, and its last `up` wrote 1.0")
    assert (one.by, one.at, one.remedy) == ("kubectl-set", "2026-01-01T00:00:00Z", "pulumi up --refresh")
    finding = everything(store)["drift"][0]
    assert (finding.state, finding.remedy) == ("warning", "pulumi up --refresh")


def test_a_restart_is_no_drift() -> None:
    store = Store(rolling())
    restarted: dict[str, Any] = {
        "f:template": {"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}}
    }
    store.items["deployments"]["web"]["metadata"]["managedFields"] = [owns("kubectl-rollout", restarted)]
    assert told(store).drifts == ()


@pytest.mark.parametrize(
    ("change", "text", "remedy"),
    [
        (
            lambda web: web["spec"].update(paused=True) or managed("kubectl-rollout", "paused"),
            "Deployment web was paused",
            "pulumi up --refresh",
        ),
        (
            lambda web: web["spec"].update(replicas=1) or managed("kubectl", "replicas"),
            "Deployment web was scaled to 1 and is to have 3",
            "pulumi up --refresh",
        ),
        (
            lambda _: managed("kubectl-edit", "strategy"),
            "how Deployment web replaces its pods was changed",
            "pulumi up --refresh",
        ),
    ],
    ids=["paused", "scaled", "strategy"],
)
def test_what_else_a_hand_has_changed(change: Callable[[Any], Any], text: str, remedy: str) -> None:
    store = Store(rolling())
    web = store.items["deployments"]["web"]
    web["metadata"]["managedFields"] = change(web)
    found = told(store)
    (one,) = found.drifts
    assert (one.text, one.remedy) == (text, remedy)
    assert found.differences == ()


def test_an_autoscaler_is_told_and_its_size_is_no_difference() -> None:
    scaled: dict[str, Any] = {"autoscaling": {"minReplicas": 2, "maxReplicas": 8}, "replicas": None}
    store = Store(rolling(**scaled, resources={"requests": {"cpu": "10m"}}))
    scaler = store.items["horizontalpodautoscalers"]["web"]
    scaler["status"] = {"currentReplicas": 2, "desiredReplicas": 4}
    store.scale("web", 4, by="kube-controller-manager")
    found = told(store)
    assert found.autoscaler is not None
    assert (found.autoscaler.most, found.autoscaler.wanted) == (8, 4)
    assert (found.differences, found.drifts) == ((), ())


def test_a_present_version_without_a_pod_is_told() -> None:
    store = Store(rolling(tag="2.0"))
    roll(store, rolling())
    del store.items["pods"]["web-now-2"]
    assert versions(told(store))[0] == ("2.0", Part.PRESENT, 0, 3)


def resources(plan: StackPlan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in permissions.needed(plan):
        found.setdefault(each.full_resource, set()).update(each.verbs)
    return found


def test_only_what_the_kinds_of_a_stack_need_is_asked_for() -> None:
    own = set(permissions.OWN)
    assert resources(daemon()).keys() == {
        "daemonsets.apps",
        "controllerrevisions.apps",
        "pods",
        "pods/log",
        "services",
        "namespaces",
        "events",
    }
    assert resources(daemon(updateStrategy="OnDelete"))["configmaps"] == {"list"}
    config = {"config": {"data": {"a": "b"}}}
    of_config = permissions.needed(daemon(updateStrategy="OnDelete", **config))
    assert [set(each.verbs) for each in of_config if each.resource == "configmaps"] == [own]
    of_stateful = resources(stateful())
    assert of_stateful.keys() - resources(daemon()).keys() == {"statefulsets.apps", "poddisruptionbudgets.policy"}
    assert (of_stateful["statefulsets.apps"], of_stateful["pods"]) == (own, {"list", "delete"})
    of_rolling = resources(rolling())
    assert of_rolling.keys() - resources(daemon()).keys() == {
        "deployments.apps",
        "replicasets.apps",
        "poddisruptionbudgets.policy",
    }
    assert of_rolling["pods"] == {"list"}
    gate = {"smoke": {"a": {"path": "/"}, "b": {"path": "/", "via": "portforward"}}}
    gated = resources(stateful(**CANARY, gate=gate))
    assert gated.keys() - of_stateful.keys() == {"pods/proxy", "pods/portforward"}
    assert "jobs.batch" in resources(rolling(migration={}))


def test_every_object_is_looked_for() -> None:
    store = Store(stateful())
    assert the(checked(check_ownership, store)).text.startswith("of 5 objects 5 are there")
    store.items["statefulsets"]["db"]["metadata"]["labels"]["cutover/stack"] = "other.prod"
    assert the(checked(check_ownership, store)).state == "problem"


def test_versions_that_there_is_no_way_back_to() -> None:
    found: list[Finding] = check_tags(stateful(**CANARY | {"canary": {"tag": "latest"}}))
    assert the(found).remedy == "pulumi config set --path apps.db.canary.tag <version>"
    assert check_tags(rolling()) == []


def test_a_cluster_in_which_all_is_well() -> None:
    found = everything(Store(stateful(**CANARY)))
    assert {each.state for several in found.values() for each in several} == {"ok"}


def test_a_template_of_the_cluster_and_not_of_the_configuration_is_judged() -> None:
    store = Store(rolling())
    assert store.items["replicasets"]["web-now"]["metadata"]["annotations"] == {REVISION: "1"}
    found = store.read(lambda cluster: status.read(rolling(tag="2.0"), cluster))
    (web,) = found.workloads
    assert (web.state, web.tag, web.configured) == (RolloutState.DONE, "1.0", "2.0")
