"""What an `up` or a preview refuses where an app of one version stands, what it keeps, and what it foretells."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap

from components.errors import CanaryBaseError, ClaimsChangedError
from components.plan import WorkloadPlan
from components.workloads.standing import confront_workload
from tests.unit.plans import an
from tests.unit.workloads.apps import CLAIMS, daemon, rolling, stateful, with_canary
from tests.unit.workloads.world import World, pod, stands


def confronted(plan: WorkloadPlan, before: WorkloadPlan | None = None, **there: Any) -> WorkloadPlan:
    """The plan as it can be done where `before` stands."""
    cluster: Any = World(found=stands(before) if before else None, **there)
    return asyncio.run(confront_workload(plan, cluster))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"volumeClaimTemplates": {"data": {**CLAIMS["data"], "size": "2Gi"}}}, "volumeClaimTemplates.data"),
        ({"volumeClaimTemplates": {}}, "volumeClaimTemplates.data"),
        ({"podManagementPolicy": "Parallel"}, "podManagementPolicy"),
    ],
    ids=["larger", "none", "another policy"],
)
def test_what_kubernetes_never_changes_is_refused_with_the_way_out(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ClaimsChangedError, match=told) as refused:
        confronted(stateful(**keys), stateful())
    assert "kubectl --namespace test delete statefulset web --cascade=orphan" in str(refused.value)
    assert list(refused.value.changes) == [told]


def test_the_same_size_in_other_words_is_no_change() -> None:
    confronted(stateful(volumeClaimTemplates={"data": {**CLAIMS["data"], "size": "1024Mi"}}), stateful())


def test_a_canary_needs_pods_beside_it_that_are_as_the_app_says() -> None:
    confronted(with_canary(), stateful(), revisions={"one": stateful().template_hash})
    with pytest.raises(CanaryBaseError) as refused:
        confronted(with_canary(tag="1.5"), stateful(), revisions={"one": stateful().template_hash})
    assert "pulumi config set --path apps.web.canaryReplicas 0 && pulumi up" in str(refused.value)
    assert refused.value.canary_replicas == 1


def test_a_canary_may_become_another_one() -> None:
    there = {"one": with_canary().base_hash, "two": with_canary().template_hash}
    confronted(with_canary(canary={"tag": "3.0"}), with_canary(), revisions=there)


def config_map(name: str) -> ConfigMap:
    meta = {"name": name, "labels": {"app": "web"}, "annotations": {"note": "kept"}}
    return an(ConfigMap, {"metadata": meta, "data": {"GREETING": name}})


@pytest.mark.parametrize("holds", [{"paused": True}, {}], ids=["paused", "rolling"])
def test_what_pods_still_need_stays_while_they_wait(holds: dict[str, Any]) -> None:
    uses = [{"configMapRef": {"name": "web-used"}}]
    plan = confronted(
        rolling(config={"data": {"GREETING": "new"}}, **holds),
        rolling(),
        there=[pod("web-x1", "old", envFrom=uses)],
        config_maps=[config_map("web-used"), config_map("web-unused")],
    )
    kept = [each for each in plan.config_maps if each["metadata"]["name"] == "web-used"]
    assert len(plan.config_maps) == (2 if holds else 1)
    if holds:
        assert kept[0]["data"] == {"GREETING": "web-used"}
        assert kept[0]["metadata"]["annotations"] == {"note": "kept"}
        assert kept[0]["immutable"] is True


def test_a_version_that_has_been_here_needs_no_migration() -> None:
    plan = rolling(migration={})
    assert confronted(plan, rolling(tag="2.0"), revisions={"one": plan.template_hash}, gone=True).migration is None
    assert confronted(plan, rolling(tag="2.0"), gone=True).migration
    assert confronted(plan, rolling(tag="2.0"), revisions={"one": plan.template_hash}).migration


@pytest.mark.parametrize(
    ("plan", "before", "told"),
    [
        (
            rolling(tag="2.0"),
            rolling(),
            "pods of 1.0 are replaced by 2.0, with up to 25% more and none fewer",
        ),
        (rolling(env={"A": "1"}), rolling(), "pods of 1.0 are replaced, with"),
        (rolling(), rolling(paused=True), "roll: the rollout goes on, with up to 25% more"),
        (daemon(tag="2.0"), daemon(), "with none more and up to 1 fewer of them"),
        (rolling(tag="2.0", strategy="Recreate"), rolling(), "nobody answers meanwhile"),
        (rolling(tag="2.0", paused=True), rolling(), "the rollout is paused; pods stay as they are"),
        (stateful(tag="2.0"), stateful(), "one by one from the highest ordinal; storage stays"),
        (with_canary(), stateful(), "ordinal 2 gets 2.0, and the others 1.0"),
        (with_canary(canaryReplicas=2), stateful(), "ordinals 2 and 1 get 2.0, and the others 1.0"),
        (with_canary(canaryReplicas=2), with_canary(), "ordinals 2 and 1 get 2.0, and the others 1.0"),
        (with_canary(replicas=5, canaryReplicas=3), stateful(replicas=5), "ordinals 4 to 2 get 2.0, and the others"),
        (stateful(), with_canary(), "pods of 2.0 are replaced by 1.0"),
        (stateful(tag="2.0"), with_canary(), "pods of 1.0 are replaced by 2.0, one by one"),
        (stateful(tag="3.0"), with_canary(), "pods of 2.0 and 1.0 are replaced by 3.0, one by one"),
        (stateful(), stateful(updateStrategy="OnDelete"), "pods that are still of an earlier template are replaced"),
        (daemon(tag="2.0", updateStrategy="OnDelete"), daemon(), "each when somebody deletes it"),
        (with_canary(), None, "all pods are made with 1.0 first; then ordinal 2 gets 2.0, as"),
        (rolling(paused=True), None, "no pod is made"),
    ],
)
def test_what_becomes_of_the_pods_is_foretold(plan: WorkloadPlan, before: WorkloadPlan | None, told: str) -> None:
    revisions = {"one": stateful().template_hash}
    (text,) = confronted(plan, before, revisions=revisions).foretold
    assert told in text


@pytest.mark.parametrize(
    ("plan", "before"),
    [(stateful(updateStrategy="OnDelete"), stateful()), (daemon(maxUnavailable=2), daemon())],
    ids=["from now on pods wait", "more at a time"],
)
def test_how_pods_are_replaced_replaces_none(plan: WorkloadPlan, before: WorkloadPlan) -> None:
    assert confronted(plan, before).foretold == ()


@pytest.mark.parametrize("plan", [rolling(), stateful(), with_canary(), daemon()], ids=lambda plan: plan.component)
def test_of_what_stays_nothing_is_foretold(plan: WorkloadPlan) -> None:
    assert confronted(plan, plan, revisions={"one": plan.base_hash}).foretold == ()
