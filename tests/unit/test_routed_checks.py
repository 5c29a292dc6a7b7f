"""The checks of an app whose traffic a route carries."""

from __future__ import annotations

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


@pytest.mark.parametrize(("weight", "size"), [(50, 4), (1, 1), (99, 8)])
def test_a_canary_under_an_autoscaler_is_sized_for_its_share_before_it_gets_it(weight: int, size: int) -> None:
    here = world()
    here.sizes = {"web-blue": 8, "web-green": 1}
    position = canary(weight) | {
        "active": color_plan(Color.BLUE, Role.ACTIVE, hpa=True),
        "other": color_plan(Color.GREEN, Role.CANARY, replicas=1, hpa=True),
    }
    in_no_time(checks(here, **position)[0].ready_to_serve())
    assert here.sizes["web-green"] == size
