"""What a preview means for apps of one version."""

from __future__ import annotations

from typing import Any

import pytest

from cutover.plan import Cost, Plan, read
from cutover.rollouts import Version, WorkloadChange
from tests.unit.driver.previews import NEW, OLD, WEB, position, preview
from tests.unit.driver.test_plan import acts, dangers, drawn
from tests.unit.workloads.apps import CLAIMS

IMAGE = "registry.local/podinfo"
SCALED = {"autoscaling": {"minReplicas": 2, "maxReplicas": 8}, "resources": {"requests": {"cpu": "10m"}}}


def rolling(**keys: Any) -> dict[str, Any]:
    return {"component": "RollingApp", "image": IMAGE, "tag": OLD, "replicas": 4} | keys


def stateful(**keys: Any) -> dict[str, Any]:
    claims = {"volumeClaimTemplates": CLAIMS}
    return {"component": "StatefulApp", "image": IMAGE, "tag": OLD, "replicas": 3, **claims} | keys


def daemon(**keys: Any) -> dict[str, Any]:
    return {"component": "DaemonApp", "image": IMAGE, "tag": OLD} | keys


def change(before: dict[str, Any] | None, after: dict[str, Any] | None, *told: str) -> tuple[WorkloadChange, Plan]:
    """What becomes of `db`, of which the program has `told` something."""
    old, new = (app and {"apps": {"db": app}} for app in (before, after))
    plan = read(preview(old, new, *(("db", text) for text in told)))
    (found,) = plan.workloads
    return found, plan


def test_a_version_that_replaces_another() -> None:
    told = "pods of 6.9.0 are replaced by 6.9.1"
    db, plan = change(rolling(), rolling(tag=NEW, maxSurge="30%"), f"plan: roll: {told}")
    assert db.headline == "6.9.1 replaces 6.9.0"
    assert (db.before, db.after) == (
        Version(OLD, 4, strategy="RollingUpdate", surge=1),
        Version(NEW, 4, strategy="RollingUpdate", surge=2),
    )
    assert "spec.containers[0].image" in db.template
    assert acts(plan, "db") == [("roll", told)]
    assert plan.warnings == ()
    assert plan.cost == Cost(now=4, peak=6, after=4)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, rolling(), "is made, with 4 pods of 6.9.0"),
        (
            None,
            stateful(canaryReplicas=1, canary={"tag": NEW}),
            "is made, with 3 pods of 6.9.0; a canary of 6.9.1 on ordinal 2",
        ),
        (None, daemon(), "is made, with a pod of 6.9.0 on every node"),
        (daemon(), None, "is removed"),
        (rolling(), rolling(), "stays on 6.9.0"),
        (rolling(), rolling(env={"A": "1"}), "its pods are replaced, and stay at 6.9.0"),
        (rolling(), rolling(tag=NEW, paused=True), "6.9.1 replaces 6.9.0; its rollout is paused"),
        (rolling(paused=True), rolling(), "its rollout goes on"),
        (rolling(), rolling(replicas=6), "6 pods, after 4"),
        (rolling(replicas=None, **SCALED), rolling(replicas=None, **SCALED, tag=NEW), "6.9.1 replaces 6.9.0"),
        (stateful(), stateful(canaryReplicas=1, canary={"tag": NEW}), "a canary of 6.9.1 on ordinal 2"),
        (
            stateful(canaryReplicas=1, canary={"tag": NEW}),
            stateful(canaryReplicas=2, canary={"tag": NEW}),
            "a canary of 6.9.1 on ordinals 1-2, after 6.9.1 on ordinal 2",
        ),
        (
            stateful(canaryReplicas=1, canary={"tag": NEW}),
            stateful(canaryReplicas=1, canary={"tag": NEW}),
            "stays on 6.9.0, with a canary of 6.9.1 on ordinal 2",
        ),
        (stateful(canaryReplicas=1, canary={"tag": NEW}), stateful(tag=NEW), "6.9.1 replaces 6.9.0"),
        (stateful(canaryReplicas=1, canary={"tag": NEW}), stateful(), "the canary of 6.9.1 goes"),
    ],
)
def test_the_headline(before: dict[str, Any] | None, after: dict[str, Any] | None, told: str) -> None:
    assert change(before, after)[0].headline == told


@pytest.mark.parametrize(
    ("before", "after", "cost"),
    [
        (rolling(), rolling(tag=NEW, strategy="Recreate"), Cost(4, 4, 4)),
        (rolling(), rolling(tag=NEW, paused=True), Cost(4, 4, 4)),
        (rolling(paused=True), rolling(), Cost(4, 5, 4)),
        (rolling(), rolling(replicas=6), Cost(4, 6, 6)),
        (rolling(), rolling(tag=NEW, maxSurge=3, replicas=2), Cost(4, 5, 2)),
        (stateful(), stateful(tag=NEW), Cost(3, 3, 3)),
        (daemon(), daemon(tag=NEW), Cost(0, 0, 0)),
        (None, rolling(), Cost(0, 4, 4)),
    ],
    ids=["recreate", "paused", "goes on", "larger", "smaller", "stateful", "daemon", "made"],
)
def test_pods_that_come_on_top(before: dict[str, Any] | None, after: dict[str, Any], cost: Cost) -> None:
    assert change(before, after)[1].cost == cost


def test_what_is_made_and_what_goes() -> None:
    _, plan = change(None, stateful(migration={"command": ["migrate"]}))
    (first, text), second = acts(plan, "db")
    assert (first, text.startswith("migration db-migrate-")) == ("prepare", True)
    assert second == ("roll", "3 pods of 6.9.0")
    _, plan = change(rolling(), rolling(replicas=1))
    assert acts(plan, "db") == [("roll", "1 pod, after 4")]
    _, plan = change(rolling(), None)
    assert acts(plan, "db") == [("remove", "Deployment db goes, with 4 pods of 6.9.0")]


def test_recreate_leaves_a_gap() -> None:
    _, plan = change(rolling(strategy="Recreate"), rolling(strategy="Recreate", tag=NEW))
    assert [(each.danger, each.text) for each in plan.warnings] == [
        ("gap", "all pods of 6.9.0 end before those of 6.9.1 start: nobody answers meanwhile")
    ]
    assert change(rolling(strategy="Recreate"), rolling(strategy="Recreate", replicas=2))[1].warnings == ()
    assert change(rolling(strategy="Recreate"), rolling(strategy="Recreate", tag=NEW, paused=True))[1].warnings == ()


def test_what_becomes_of_storage_is_told_first() -> None:
    _, plan = change(stateful(), None)
    assert [each.text for each in plan.warnings if each.app] == [
        "StatefulSet db is deleted, with its pods; their storage stays",
        "Service db is deleted",
    ]
    gone = stateful(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete", "whenScaled": "Delete"})
    assert change(gone, None)[1].warnings[1].text.endswith("; their storage is deleted with it")
    _, plan = change(gone, gone | {"replicas": 2})
    assert [each.text for each in plan.warnings] == ["the storage of 1 pod is deleted with it"]
    assert change(stateful(), stateful(replicas=2))[1].warnings == ()


def test_a_replace_is_told_first() -> None:
    apps = {"db": stateful(), "web": WEB}
    document = preview(position(apps=apps), position(apps=apps, idleReplicas=0))
    next(step for step in document["steps"] if "StatefulSet::db" in step["urn"])["op"] = "replace"
    plan = read(document)
    assert dangers(plan) == [("replaced", "db"), ("cold", "web")]
    assert plan.warnings[0].text == "StatefulSet db is replaced: its pods end before others are; their storage stays"
    assert acts(plan, "db") == [("roll", "StatefulSet db is made anew: 3 pods of 6.9.0")]


def test_an_object_of_somebody_else_is_of_no_app() -> None:
    document = preview({"apps": {"db": rolling()}}, {"apps": {"db": rolling(tag=NEW)}})
    for step in document["steps"]:
        for state in ("oldState", "newState"):
            step.get(state, {"inputs": {"metadata": {"labels": {}}}})["inputs"]["metadata"]["labels"].pop(
                "cutover/component", None
            )
    plan = read(document)
    assert (plan.apps, plan.workloads) == ((), ())


def test_it_rolls_beside_the_release_of_the_colors() -> None:
    apps = {"web": WEB, "db": stateful(canaryReplicas=1, canary={"tag": NEW}), "agent": daemon()}
    to = apps | {"db": stateful(canaryReplicas=2, canary={"tag": NEW}), "agent": daemon(tag=NEW)}
    told = [("db", "plan: roll: ordinals 1 to 2 get 6.9.1"), ("agent", "plan: roll: pods are replaced")]
    plan = read(preview(position(apps=apps), position(apps=to, activeColor="green"), *told))
    assert [each.name for each in plan.apps] == ["web"]
    assert len({act.release for act in plan.acts}) == 3
    lines = [line.rstrip() for line in drawn(plan).splitlines()]
    assert lines[lines.index("In this order (web):") - 3 :] == [
        "app    kind         tag            pods          canary  ordinals  rollout",
        "agent  DaemonSet    6.9.0 → 6.9.1  one per node                    RollingUpdate",
        "db     StatefulSet  6.9.0          3             6.9.1   2 → 1-2   RollingUpdate",
        "In this order (web):",
        "  move     web: all traffic to green, from blue",
        "Meanwhile, in this order (agent):",
        "  roll     agent: pods are replaced",
        "Meanwhile, in this order (db):",
        "  roll     db: ordinals 1 to 2 get 6.9.1",
        "Pods: 9, as now",
    ]


def test_an_app_that_becomes_one_of_two_colors() -> None:
    plan = read(preview(position(apps={"web": rolling()}), position(apps={"web": WEB})))
    assert [each.headline for each in plan.workloads] == ["is removed"]
    assert [each.headline for each in plan.apps] == ["is made, with blue (6.9.0) live"]


def test_what_a_secret_hides_is_left_out() -> None:
    document = preview({"apps": {"db": rolling()}}, {"apps": {"db": rolling(tag=NEW)}})
    for step in document["steps"]:
        if step["urn"].endswith("Deployment::db"):
            step["oldState"]["inputs"]["spec"] = step["newState"]["inputs"]["spec"] = "[secret]"
    read(document)
