"""What an `up` or a preview refuses where the cluster stands, and what it keeps."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from components.color import Color, Role
from components.errors import GateFailedError, NamespaceLostError, NotAsItIsError, NotOursError
from components.gates.settings import Gate
from components.plan import AppPlan, StackPlan
from components.standing import confront
from tests.unit.plans import app_plan, color_plan
from tests.unit.world import World


def confronted(world: World, *apps: AppPlan, **changes: Any) -> StackPlan:
    cluster: Any = world
    plan = StackPlan(owner="cutover.unit", namespace="shop", namespace_manifest={"kind": "Namespace"}, apps=apps)
    return asyncio.run(confront(replace(plan, **changes), cluster))


def app_of(world: World, **changes: Any) -> AppPlan:
    (app,) = confronted(world, app_plan(**{"gate": Gate(), "gate_hash": "the-gate"} | changes)).apps
    return app


@pytest.mark.parametrize(
    ("changes", "change"),
    [
        ({"namespace": "store"}, "`namespace: store` would leave the namespace shop"),
        ({"namespace_manifest": None}, "`createNamespace: false` would give up the namespace"),
        ({"namespace": "store", "namespace_manifest": None}, "`namespace: store` would leave the namespace shop"),
    ],
    ids=["another name", "not ours any more", "both"],
)
def test_a_namespace_that_the_stack_made_is_not_given_up(changes: dict[str, Any], change: str) -> None:
    with pytest.raises(NamespaceLostError) as refused:
        confronted(World(made=["shop"]), **changes)
    assert change in str(refused.value)
    assert "pulumi config set namespace shop && pulumi config set createNamespace true" in str(refused.value)


@pytest.mark.parametrize(
    ("made", "changes"),
    [(["shop"], {}), ([], {}), ([], {"namespace": "store"}), ([], {"namespace_manifest": None})],
    ids=["as before", "the first time", "another one at first", "somebody else's"],
)
def test_other_namespaces_are_fine(made: list[str], changes: dict[str, Any]) -> None:
    confronted(World(made=made), **changes)


def test_a_service_of_others_is_refused_before_anything_is_touched() -> None:
    labels = {"cutover/stack": "cutover.unit", "cutover/component": "BlueGreenApp"}
    service = {"kind": "Service", "metadata": {"name": "web", "labels": labels}, "spec": {"ports": [{"port": 80}]}}
    with pytest.raises(NotOursError, match="Service web is in context unit already"):
        app_of(World(others=True), live_service=service)
    with pytest.raises(NotAsItIsError, match="portName '' would become 'app'"):
        app_of(
            World(others=True, labels=labels),
            live_service={**service, "spec": {"ports": [{"port": 80, "name": "app"}], "type": "ClusterIP"}},
        )


def failed(template: str = "template-of-blue", gate: str = "the-gate", *, passed: bool = False) -> dict[str, str]:
    known = {"template": template, "gate": gate, "passed": passed, "at": "2026-01-02T03:04:05Z", "findings": ["it did"]}
    return {"cutover/verdict": json.dumps(known)}


def test_what_failed_is_refused_before_anything_is_touched() -> None:
    with pytest.raises(GateFailedError, match="did not pass its gate on 2026-01-02T03:04:05Z") as refused:
        app_of(World(live="green", memory={"web-blue": failed()}))
    assert refused.value.findings == ("it did",)


@pytest.mark.parametrize(
    ("world", "changes"),
    [
        (World(live="green"), {}),
        (World(live="blue", memory={"web-blue": failed()}), {}),
        (World(memory={"web-blue": failed()}), {}),
        (World(live="green", memory={"web-green": failed()}), {}),
        (World(live="green", memory={"web-blue": failed(passed=True)}), {}),
        (World(live="green", memory={"web-blue": failed(template="another")}), {}),
        (World(live="green", memory={"web-blue": failed(gate="another")}), {}),
        (World(live="green", memory={"web-blue": failed()}), {"force": "1.0"}),
    ],
    ids=["no verdict", "live", "no live color", "the other's", "passed", "another template", "another gate", "force"],
)
def test_nothing_else_is_refused(world: World, changes: dict[str, Any]) -> None:
    app_of(world, **changes)


@pytest.mark.parametrize("color", Color)
def test_what_has_served_as_either_color_may_come_back_whatever_its_verdict(color: Color) -> None:
    memory = {"web-blue": failed()}
    memory[f"web-{color}"] = {**memory.get(f"web-{color}", {}), "cutover/served": "template-of-blue"}
    app_of(World(live="green", memory=memory))


JOB = {"metadata": {"name": "web-migrate-1"}}
SERVED_GREEN = {"cutover/served": "template-of-green"}


def migrations(world: World) -> list[Any]:
    """The migrations of the active color and of the other."""
    plan = app_plan()
    app = app_of(world, active=replace(plan.active, migration=JOB), other=replace(plan.other, migration=JOB))
    return [app.active.migration, app.other.migration]


@pytest.mark.parametrize(
    ("memory", "gone", "left"),
    [
        ({}, True, [JOB, JOB]),
        ({"web-green": SERVED_GREEN}, True, [JOB, None]),
        ({"web-blue": SERVED_GREEN}, True, [JOB, None]),
        ({"web-green": SERVED_GREEN}, False, [JOB, JOB]),
        ({"web-blue": {"cutover/served": "template-of-blue"}}, True, [None, JOB]),
        ({"web-blue": {"cutover/served": "another"}}, True, [JOB, JOB]),
    ],
    ids=["new", "has served", "as the other color", "its Job is there", "live", "another template"],
)
def test_a_rollback_waits_for_no_migration(memory: dict[str, Any], gone: bool, left: list[Any]) -> None:  # noqa: FBT001
    assert migrations(World(live="blue", memory=memory, gone=gone)) == left


def test_a_kept_template_has_served() -> None:
    """Its hash is the old one, so its migration is spared by that name."""
    assert migrations(World(live="blue", memory={"web-blue": SEEN}, gone=True)) == [None, JOB]


SEEN = {"cutover/served": "older", "cutover/live": "seen"}


def test_a_live_color_keeps_a_template_that_only_cutover_writes_differently() -> None:
    app = app_of(World(live="blue", memory={"web-blue": SEEN}))
    assert (app.active.kept, app.active.template_hash) == (True, "older")
    assert not app.other.kept


@pytest.mark.parametrize(
    ("world", "changes"),
    [
        (World(live="blue", memory={"web-blue": {**SEEN, "cutover/served": "template-of-blue"}}), {}),
        (World(live="blue", memory={"web-blue": SEEN}, sources={"web-blue": "another"}), {}),
        (World(live="blue", memory={"web-blue": SEEN}), {"in_place": "1.0"}),
        (World(live="blue", memory={"web-blue": {**SEEN, "cutover/live": "expected"}}), {}),
        (World(live="green", memory={"web-blue": {"cutover/served": "older"}}), {}),
        (World(live="blue", memory={"web-green": SEEN}), {}),
        (World(live="blue"), {}),
        (World(sizes={}), {}),
    ],
    ids=[
        "no other template",
        "another source",
        "in place",
        "not seen yet",
        "not live any more",
        "the other color's",
        "nothing remembered",
        "nothing there",
    ],
)
def test_no_other_template_is_kept(world: World, changes: dict[str, Any]) -> None:
    app = app_of(world, **changes)
    assert (app.active.kept, app.active.template_hash) == (False, "template-of-blue")


def test_in_place_of_another_tag_takes_nothing_in_place() -> None:
    assert app_of(World(live="blue", memory={"web-blue": SEEN}), in_place="2.0").active.kept


def test_each_app_is_confronted_by_itself() -> None:
    world = World(live="blue", memory={"web-blue": SEEN})
    kept, changed = confronted(world, app_plan(), app_plan(active=color_plan(Color.GREEN, Role.ACTIVE))).apps
    assert (kept.active.kept, changed.active.kept) == (True, False)
