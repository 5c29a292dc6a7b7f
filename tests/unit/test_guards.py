"""What the live color's Deployment may not do in one step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components import guards
from components.color import Color, Role
from components.errors import (
    CanaryChangedError,
    LeftOverCanaryError,
    LiveColorChangedError,
    NotAsItIsError,
    NotOursError,
)
from components.plan import Manifest
from tests.unit.plans import app_plan


def inputs(role: Role, image: str = "app:1", source: str = "s1", port: float = 8080) -> dict[str, Any]:
    return {
        "metadata": {"name": "web-blue", "annotations": {"cutover/role": role.value, "cutover/source": source}},
        "spec": {
            "replicas": 3,
            "template": {"spec": {"containers": [{"name": "app", "image": image, "ports": [{"containerPort": port}]}]}},
        },
    }


def check(
    old: dict[str, Any], new: dict[str, Any], *, role: Role = Role.ACTIVE, live: bool = True, **changes: Any
) -> None:
    app = app_plan(**changes)
    guards.check(app, replace(app.active, role=role), old, new, live=live)


def test_the_live_colors_template_may_not_change_in_place() -> None:
    with pytest.raises(LiveColorChangedError) as refused:
        check(inputs(Role.ACTIVE), inputs(Role.ACTIVE, image="app:2", source="s2"))
    assert refused.value.paths == ("spec.containers[0].image",)
    assert not refused.value.own_doing
    for command in (
        "pulumi config set --path imageTag.green 1.0 && pulumi up",
        "pulumi config set activeColor green && pulumi up",
        "pulumi config set --path apps.web.inPlace 1.0 && pulumi up",
    ):
        assert command in str(refused.value)


def test_a_template_that_only_cutover_writes_differently_is_named_as_such() -> None:
    with pytest.raises(LiveColorChangedError) as refused:
        check(inputs(Role.ACTIVE), inputs(Role.ACTIVE, port=8081))
    assert refused.value.own_doing
    assert "this version of Cutover writes the template differently" in str(refused.value)


def test_in_place_allows_the_tag_it_names_and_no_other() -> None:
    old, new = inputs(Role.ACTIVE), inputs(Role.ACTIVE, image="app:2")
    check(old, new, in_place="1.0")
    with pytest.raises(LiveColorChangedError):
        check(old, new, in_place="2.0")


def test_numbers_compare_by_value() -> None:
    check(inputs(Role.ACTIVE, port=8080), inputs(Role.ACTIVE, port=8080.0))


@pytest.mark.parametrize("old", Role)
def test_a_color_that_is_not_live_may_change_whatever_role_it_was_given(old: Role) -> None:
    check(inputs(old), inputs(Role.ACTIVE, image="app:2"), live=False)


def test_a_canarys_share_is_not_anothers() -> None:
    app = app_plan(other=replace(app_plan().other, role=Role.CANARY))
    old, new = inputs(Role.CANARY), inputs(Role.CANARY, image="app:2")
    guards.check(app, app.other, old, old, live=False, unjudged_share=25)
    guards.check(app, app.other, old, new, live=False)
    with pytest.raises(CanaryChangedError, match="web-green has 25% of the live traffic") as refused:
        guards.check(app, app.other, old, new, live=False, unjudged_share=25)
    assert refused.value.paths == ("spec.containers[0].image",)
    assert "pulumi config set canaryReplicas <number> && pulumi config set canaryWeight 25 &&" in str(refused.value)


def test_the_live_color_does_not_become_a_canary() -> None:
    with pytest.raises(LeftOverCanaryError) as refused:
        check(inputs(Role.ACTIVE), inputs(Role.CANARY), role=Role.CANARY)
    assert refused.value.color is Color.BLUE
    assert "pulumi config set canaryReplicas 0 && pulumi up" in str(refused.value)


def test_a_color_that_a_hand_made_live_is_live() -> None:
    with pytest.raises(LiveColorChangedError):
        check(inputs(Role.IDLE), inputs(Role.IDLE, image="app:2"), role=Role.IDLE)


@pytest.mark.parametrize(
    ("found", "changes", "live"),
    [
        (None, {}, True),
        ("source-of-blue", {}, True),
        ("another", {}, False),
        ("another", {"in_place": "1.0"}, True),
    ],
    ids=["nothing there", "the same", "not live", "in place"],
)
def test_what_pulumi_has_lost_is_taken_over(found: str | None, changes: dict[str, Any], *, live: bool) -> None:
    app = app_plan(**changes)
    guards.check_unknown(app, app.active, found, live=live)


@pytest.mark.parametrize(("found", "kept"), [("another", False), ("source-of-blue", True)], ids=["changed", "cutover"])
def test_what_pulumi_has_lost_is_not_changed_in_place(found: str, *, kept: bool) -> None:
    app = app_plan()
    with pytest.raises(LiveColorChangedError) as refused:
        guards.check_unknown(app, replace(app.active, kept=kept), found, live=True)
    assert refused.value.own_doing == kept


OURS = {"cutover/stack": "cutover.dev", "cutover/component": "BlueGreenApp"}


def manifest(kind: str = "Service") -> Manifest:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "web", "labels": {**OURS, "app": "web"}}}


@pytest.mark.parametrize("found", [None, OURS, {**OURS, "added": "by hand"}], ids=["nothing", "ours", "more"])
def test_what_a_killed_run_has_made_is_taken_over(found: dict[str, str] | None) -> None:
    guards.check_ours(manifest(), found, "kind")


@pytest.mark.parametrize(
    "found",
    [{}, {"app": "web"}, {**OURS, "cutover/stack": "cutover.prod"}, {**OURS, "cutover/component": "CanaryApp"}],
    ids=["none", "others", "stack", "component"],
)
def test_what_is_not_ours_is_left_alone(found: dict[str, str]) -> None:
    with pytest.raises(NotOursError, match="Service web is in context kind already"):
        guards.check_ours(manifest(), found, "kind")


def test_a_namespace_that_is_there_can_be_used_as_it_is() -> None:
    with pytest.raises(NotOursError, match="pulumi config set createNamespace false && pulumi up"):
        guards.check_ours(manifest("Namespace"), {}, "kind")


def exposed(kind: str = "ClusterIP", *ports: dict[str, Any]) -> Manifest:
    return {"spec": {"type": kind, "ports": list(ports or ({"port": 80, "name": "http", "protocol": "TCP"},))}}


@pytest.mark.parametrize(
    ("found", "planned"),
    [
        (exposed(), exposed()),
        (exposed("ClusterIP", {"port": 80}), exposed("ClusterIP", {"port": 80})),
        (
            exposed("ClusterIP", {"port": 80, "name": "more", "protocol": "UDP"}, {"port": 80, "name": "http"}),
            exposed(),
        ),
        (
            exposed("LoadBalancer", {"port": 80, "name": "http", "nodePort": 30001}),
            exposed("LoadBalancer", {"port": 80, "name": "http"}),
        ),
    ],
    ids=["the same", "without a name", "beside another", "a node port that nobody asked for"],
)
def test_a_service_is_taken_over_as_it_is(found: Manifest, planned: Manifest) -> None:
    guards.check_taken_over(app_plan(live_service=planned), found)


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (exposed("LoadBalancer"), "set --path apps.web.expose.type LoadBalancer"),
        (exposed("ClusterIP", {"port": 8080, "name": "http"}), "set --path apps.web.expose.port 8080"),
        (exposed("ClusterIP", {"port": 80, "name": "web"}), "set --path apps.web.expose.portName web"),
        (exposed("ClusterIP", {"port": 80}), "set --path apps.web.expose.portName ''"),
        (
            exposed("ClusterIP", {"port": 80, "name": "http", "nodePort": 30002}),
            "set --path apps.web.expose.nodePort 30002",
        ),
        (exposed("ClusterIP", {"port": 80, "name": "http"}), "rm --path apps.web.expose.nodePort"),
    ],
    ids=["type", "port", "name", "no name", "node port", "no node port"],
)
def test_a_service_that_would_be_exposed_otherwise_is_not_taken_over(found: Manifest, command: str) -> None:
    planned = exposed()
    if "nodePort" in command:
        planned["spec"]["ports"][0]["nodePort"] = 30001
    with pytest.raises(NotAsItIsError) as refused:
        guards.check_taken_over(app_plan(live_service=planned), found)
    assert str(refused.value).endswith(f"To keep what it has:\n    pulumi config {command}")


def test_the_refusal_of_a_service_says_how_to_allow_it() -> None:
    with pytest.raises(NotOursError) as refused:
        guards.check_ours(manifest(), {"app": "web"}, "kind")
    labels = "cutover/stack=cutover.dev cutover/component=BlueGreenApp"
    assert str(refused.value).endswith(f"\n    kubectl label service web {labels}")
