"""The checks of an app whose traffic a route carries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from components.color import Color, Role
from components.errors import GateFailedError, RouteNotTakenError
from components.plan import Component
from tests.unit.clock import in_no_time
from tests.unit.plans import color_plan
from tests.unit.test_gated_checks import FAILED, Judges, gated, judges, verdict
from tests.unit.world import World, checks

__all__ = ["judges"]

ROUTES = ({"kind": "HTTPRoute", "metadata": {"name": "web"}},)


def canary(weight: int, replicas: int = 1) -> dict[str, Any]:
    """A routed CanaryApp: blue is live, green its canary."""
    other = color_plan(Color.GREEN, Role.CANARY if replicas else Role.IDLE, replicas=replicas)
    return {"component": Component.CANARY, "other": other, "weight": weight, "routes": ROUTES}


def world(share: str = "0%", **known: Any) -> World:
    served = {"cutover/served": "template-of-blue", "cutover/live": "seen"}
    return World(live="blue", share=share, memory={"web-blue": served}, sizes={"web-blue": 3, "web-green": 1}, **known)


@pytest.mark.parametrize(("share", "weight"), [("0%", 5), ("5%", 25), ("0%", 100)])
def test_a_canary_is_judged_before_its_share_grows(judges: Judges, share: str, weight: int) -> None:
    in_no_time(gated(world(share), **canary(weight)).ready_to_serve())
    assert judges.asked == ["web-green"]


def test_a_canary_that_fails_gets_no_greater_share(judges: Judges) -> None:
    judges.found = [FAILED]
    here = world("5%")
    with pytest.raises(GateFailedError):
        in_no_time(gated(here, **canary(25)).ready_to_serve())
    assert not verdict(here, "web-green")["passed"]


@pytest.mark.parametrize(("share", "weight"), [("0%", 0), ("25%", 25), ("25%", 5), ("25%", 0)])
def test_a_canary_that_passed_is_not_asked_again_for_no_more(judges: Judges, share: str, weight: int) -> None:
    here = world(share)
    in_no_time(gated(here, **canary(1)).ready_to_serve())
    judges.asked.clear()
    in_no_time(gated(here, **canary(weight)).ready_to_serve())
    assert judges.asked == []


@pytest.mark.parametrize(
    ("share", "changes", "unjudged"),
    [
        ("25%", {}, 25),
        ("0%", {}, 0),
        ("25%", {"gate": None}, 0),
        ("25%", {"force": "1.0"}, 0),
        ("25%", canary(0, replicas=0), 0),
        ("25%", {"active": color_plan(Color.BLUE, Role.ACTIVE, template="template-of-green")}, 25),
    ],
    ids=["a share", "no share", "no gate", "force", "dropped", "as the live one that never served"],
)
def test_a_third_version_does_not_inherit_a_share(share: str, changes: dict[str, Any], unjudged: int) -> None:
    mine = gated(world(share), **canary(25) | changes)
    assert [asyncio.run(mine.unjudged_share(color)) for color in mine.plan.colors.values()] == [0, unjudged]


def test_a_version_that_has_served_may_take_a_share_over() -> None:
    mine = gated(
        world("25%"), **canary(25) | {"other": color_plan(Color.GREEN, Role.CANARY, template="template-of-blue")}
    )
    assert asyncio.run(mine.unjudged_share(mine.plan.other)) == 0


def test_a_third_version_is_judged_at_the_share_that_it_takes_over(judges: Judges) -> None:
    here = world("25%")
    in_no_time(gated(here, **canary(25)).ready_to_serve())
    assert judges.asked == ["web-green"]


def test_a_cluster_rebuilt_in_the_middle_of_a_canary_is_not_judged_again(judges: Judges) -> None:
    in_no_time(gated(World(), **canary(25)).ready_to_serve())
    assert judges.asked == []


def test_a_promotion_is_judged_before_the_route_moves(judges: Judges) -> None:
    here = World(live="green", share="0%")
    in_no_time(gated(here, routes=ROUTES).ready_to_serve())
    assert judges.asked == ["web-blue"]


def test_a_route_that_no_gateway_takes_leaves_the_old_color_alone() -> None:
    here = world(taken=False)
    mine, _ = checks(here, routes=ROUTES)
    with pytest.raises(RouteNotTakenError, match=r"HTTPRoute web .* Gateway edge says Accepted=False: because"):
        in_no_time(mine.moved())
    assert here.log == []


def test_pods_of_a_warm_color_are_not_ended_behind_a_route() -> None:
    here = World(live="blue", memory={"web-green": {"cutover/served": "template-of-green", "cutover/live": "seen"}})
    mine, _ = checks(here, routes=ROUTES)
    in_no_time(mine.moved())
    assert here.log == []
    assert "cutover/live" not in here.memory["web-green"]


def test_a_dropped_canary_has_time_for_what_it_is_answering() -> None:
    here = world("5%")
    in_no_time(checks(here, **canary(5))[0].ready_to_serve())
    assert here.memory["web-green"]["cutover/live"] == "expected"
    said: list[str] = []
    mine, _ = checks(here, **canary(0, replicas=0))
    mine.say = lambda _, text: said.append(text)
    in_no_time(mine.moved())
    assert said == ["green: connections have 2 s to end", "green: connections have 1 s to end"]
    assert "cutover/live" not in here.memory["web-green"]


@pytest.mark.parametrize(
    ("share", "sizes", "weight", "size"),
    [
        ("0%", (8, 1), 50, 4),
        ("0%", (8, 1), 1, 1),
        ("0%", (7, 1), 99, 7),
        ("0%", (8, 3), 5, 1),
        ("50%", (4, 4), 75, 6),
        ("50%", (4, 4), 5, 4),
        ("50%", (2, 5), 50, 5),
    ],
    ids=["half", "least", "most", "too many", "of both colors", "not before it loses its share", "its autoscaler's"],
)
def test_a_canary_under_an_autoscaler_is_sized_for_its_share_before_it_gets_it(
    share: str, sizes: tuple[int, int], weight: int, size: int
) -> None:
    here = world(share)
    here.sizes = dict(zip(("web-blue", "web-green"), sizes, strict=True))
    position = canary(weight) | {
        "active": color_plan(Color.BLUE, Role.ACTIVE, hpa=True),
        "other": color_plan(Color.GREEN, Role.CANARY, replicas=1, hpa=True),
    }
    in_no_time(checks(here, **position)[0].ready_to_serve())
    assert here.sizes == {"web-blue": sizes[0], "web-green": size}


@pytest.mark.parametrize(
    ("share", "sizes", "size"), [("0%", (7, 1), 7), ("50%", (3, 3), 6), ("99%", (2, 7), 8)], ids=["all", "half", "max"]
)
def test_a_canary_is_promoted_at_the_size_of_all_that_takes_traffic(
    share: str, sizes: tuple[int, int], size: int
) -> None:
    here = world(share)
    here.sizes = dict(zip(("web-blue", "web-green"), sizes, strict=True))
    active = color_plan(Color.GREEN, Role.ACTIVE, hpa=True)
    other = color_plan(Color.BLUE, Role.IDLE, replicas=0, hpa=True)
    position = canary(0) | {"active": active, "other": other}
    in_no_time(checks(here, **position)[0].ready_to_serve())
    assert here.sizes == {"web-blue": sizes[0], "web-green": size}
