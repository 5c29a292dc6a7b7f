"""What the configuration of an app of one version makes of it."""

from __future__ import annotations

import pytest

from components.plan import TEMPLATE, Manifest, WorkloadPlan
from tests.unit.pod_security import violations
from tests.unit.workloads.apps import CLAIMS, daemon, rolling, stateful, with_canary


def template(plan: WorkloadPlan) -> Manifest:
    made: Manifest = plan.controller["spec"]["template"]
    return made


def image(made: Manifest) -> str:
    (container,) = made["spec"]["containers"]
    return str(container["image"])


@pytest.mark.parametrize("plan", [rolling(), stateful(), with_canary(), daemon()], ids=lambda plan: plan.component)
class TestEveryKind:
    def test_pods_carry_the_name_of_their_template(self, plan: WorkloadPlan) -> None:
        assert template(plan)["metadata"]["labels"][TEMPLATE] == plan.template_hash
        assert TEMPLATE not in plan.labels

    def test_the_live_service_selects_them(self, plan: WorkloadPlan) -> None:
        labels = template(plan)["metadata"]["labels"]
        assert plan.live_service["metadata"]["name"] == plan.name
        assert plan.live_service["spec"]["selector"].items() <= labels.items()

    def test_they_are_as_secure_as_any(self, plan: WorkloadPlan) -> None:
        assert list(violations(template(plan)["spec"])) == []

    def test_the_provider_neither_waits_nor_stops_at_a_hand(self, plan: WorkloadPlan) -> None:
        annotations = plan.controller["metadata"]["annotations"]
        assert annotations["pulumi.com/skipAwait"] == "true"
        assert annotations["pulumi.com/patchForce"] == "true"

    def test_the_cause_of_a_revision_is_what_configuration_says(self, plan: WorkloadPlan) -> None:
        cause = plan.controller["metadata"]["annotations"]["kubernetes.io/change-cause"]
        assert cause == f"{image(template(plan))}, template {plan.template_hash}"


def test_a_template_is_named_by_all_that_is_in_it() -> None:
    assert rolling().template_hash == rolling().template_hash
    assert len({rolling(**keys).template_hash for keys in ({}, {"env": {"A": "1"}}, {"tag": "2.0"})}) == 3
    assert rolling(replicas=5, maxSurge=2).template_hash == rolling().template_hash


def test_a_rolling_update_has_its_bounds_and_recreate_none() -> None:
    spec = rolling(maxSurge="1", maxUnavailable="50%").controller["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": "50%"}
    assert rolling(strategy="Recreate").controller["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("paused", [True, False])
def test_paused_is_always_written_so_that_a_pause_by_hand_can_be_taken_back(*, paused: bool) -> None:
    plan = rolling(paused=paused)
    assert plan.controller["spec"]["paused"] is paused
    assert plan.holds is paused


def test_an_autoscaler_sizes_a_rolling_app() -> None:
    aims = {"minReplicas": 2, "maxReplicas": 5, "metrics": [{"type": "External"}]}
    plan = rolling(replicas=None, autoscaling=aims)
    assert plan.autoscaler
    assert plan.autoscaler["spec"]["scaleTargetRef"]["name"] == "web"
    assert (plan.autoscaler["spec"]["minReplicas"], plan.replicas) == (2, 2)


def test_configuration_data_are_released_under_a_name_of_their_content() -> None:
    one, two = (rolling(config={"data": {"GREETING": text}}) for text in ("hello", "hi"))
    assert one.config_maps[0]["metadata"]["name"] != two.config_maps[0]["metadata"]["name"]
    (source,) = template(one)["spec"]["containers"][0]["envFrom"]
    assert source["configMapRef"]["name"] == one.config_maps[0]["metadata"]["name"]


def test_a_plain_tag_updates_every_ordinal() -> None:
    plan = stateful(tag="2.0")
    assert plan.partition == 0
    assert plan.base is None


def test_a_canary_is_the_highest_ordinals_and_the_base_all_others() -> None:
    plan = with_canary()
    assert plan.partition == 2
    assert plan.base
    assert image(template(plan)).endswith(":2.0")
    assert image(plan.base["spec"]["template"]).endswith(":1.0")
    assert (plan.tag, plan.canary_tag) == ("1.0", "2.0")
    annotations = plan.controller["metadata"]["annotations"]
    assert (annotations["cutover/tag"], annotations["cutover/canary-tag"]) == ("1.0", "2.0")


def test_a_promoted_canary_is_the_very_template_that_was_tried() -> None:
    promoted = stateful(tag="2.0", canary={"tag": "2.0"})
    assert promoted.template_hash == with_canary().template_hash
    assert with_canary().base_hash == stateful().template_hash


def test_both_versions_of_a_canary_have_their_configuration() -> None:
    canary = {"tag": "2.0", "config": {"data": {"GREETING": "hi"}}}
    plan = with_canary(config={"data": {"GREETING": "hello"}}, canary=canary)
    assert [each["data"]["GREETING"] for each in plan.config_maps] == ["hello", "hi"]


def test_a_canarys_patch_comes_after_the_apps() -> None:
    patch = {"spec": {"priorityClassName": "high", "hostname": "one"}}
    plan = with_canary(podTemplate=patch, canary={"podTemplate": {"spec": {"hostname": "two"}}})
    assert plan.base
    made, beside = template(plan)["spec"], plan.base["spec"]["template"]["spec"]
    assert (made["priorityClassName"], made["hostname"]) == ("high", "two")
    assert beside["hostname"] == "one"


def test_storage_is_mounted_and_may_be_written() -> None:
    plan = stateful(volumeClaimTemplates={"data": {**CLAIMS["data"], "storageClass": "fast"}})
    spec = template(plan)["spec"]
    (claim,) = plan.controller["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert {"name": "data", "mountPath": "/data"} in spec["containers"][0]["volumeMounts"]
    assert spec["securityContext"]["fsGroup"] == 1000
    assert "fsGroup" not in template(stateful(volumeClaimTemplates={}))["spec"]["securityContext"]


def test_members_find_each_other_before_they_are_ready() -> None:
    plan = stateful()
    (headless,) = plan.services[1:]
    assert headless["metadata"]["name"] == plan.controller["spec"]["serviceName"] == "web-pods"
    assert headless["spec"]["clusterIP"] == "None"
    assert headless["spec"]["publishNotReadyAddresses"] is True


def test_a_daemon_has_no_size_and_its_bounds() -> None:
    spec = daemon(maxSurge="10%", maxUnavailable=0).controller["spec"]
    assert "replicas" not in spec
    assert spec["updateStrategy"]["rollingUpdate"] == {"maxSurge": "10%", "maxUnavailable": 0}
    assert daemon(updateStrategy="OnDelete").controller["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_a_migration_runs_the_tag_that_pods_are_updated_to() -> None:
    job = with_canary(migration={"command": ["migrate"]}).migration
    assert job
    assert image(job["spec"]["template"]).endswith(":2.0")
