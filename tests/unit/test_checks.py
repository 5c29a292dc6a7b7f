"""The checks between the layers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components import traffic
from components.color import Color, Role
from components.errors import NoEndpointsError, NotReadyError, NotSeenError
from components.kube import Endpoint
from components.plan import Component
from tests.unit.clock import in_no_time
from tests.unit.plans import app_plan, color_plan
from tests.unit.world import World, checks


@pytest.fixture
def drains(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    drained: list[int] = []

    async def drain(seconds: int, _: object) -> None:
        drained.append(seconds)

    monkeypatch.setattr(traffic, "drain", drain)
    return drained


SERVED_BLUE = {"cutover/served": "template-of-blue"}
LIVE_GREEN = {"cutover/served": "template-of-green", "cutover/live": "seen"}


def test_a_color_that_is_not_ready_gets_no_traffic() -> None:
    world = World(live="green", ready={"web-blue": 2})
    check, _ = checks(world, progress_deadline_seconds=0)
    with pytest.raises(NotReadyError, match="2 of 3"):
        in_no_time(check.ready_to_serve())


def test_a_ready_color_whose_service_lists_no_pod_gets_no_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> list[Endpoint]:
        return []

    monkeypatch.setattr(World, "endpoints", none)
    with pytest.raises(NoEndpointsError, match="0 ready endpoints and needs 3"):
        in_no_time(checks(World())[0].ready_to_serve())


def test_what_ails_the_live_color_does_not_stop_its_cure() -> None:
    world = World(live="blue", ready={"web-blue": 0}, memory={"web-blue": SERVED_BLUE})
    check, warnings = checks(world)
    in_no_time(check.ready_to_serve())
    assert warnings == ["web-blue (active): 0 of 3 pods ready"]


def test_a_live_color_with_a_template_that_never_served_must_become_ready() -> None:
    world = World(live="blue", ready={"web-blue": 0}, memory={"web-blue": {"cutover/served": "another"}})
    with pytest.raises(NotReadyError):
        in_no_time(checks(world, progress_deadline_seconds=0)[0].ready_to_serve())


def test_a_color_scaled_by_hand_gets_its_size_again() -> None:
    world = World(live="green", sizes={"web-blue": 1, "web-green": 3})
    in_no_time(checks(world)[0].ready_to_serve())
    assert world.log == ["scale web-blue to 3"]


def test_under_an_autoscaler_the_next_color_gets_the_size_of_the_live_one() -> None:
    world = World(live="green", sizes={"web-blue": 3, "web-green": 8})
    in_no_time(checks(world, active=color_plan(Color.BLUE, Role.ACTIVE, hpa=True))[0].ready_to_serve())
    assert world.log == ["scale web-blue to 8"]


@pytest.mark.parametrize(("blue", "green"), [(2, 1), (5, 3), (6, 3), (20, 8)])
def test_under_an_autoscaler_the_share_of_a_canary_without_a_router_stays(blue: int, green: int) -> None:
    world = World(live="blue", sizes={"web-blue": blue, "web-green": 2}, memory={"web-blue": SERVED_BLUE})
    active = color_plan(Color.BLUE, Role.ACTIVE, replicas=2, hpa=True)
    other = color_plan(Color.GREEN, Role.CANARY, replicas=1, hpa=True)
    in_no_time(checks(world, component=Component.CANARY, active=active, other=other)[0].ready_to_serve())
    assert world.sizes == {"web-blue": blue, "web-green": green}


def test_the_size_of_a_live_color_is_its_autoscalers() -> None:
    world = World(live="blue", sizes={"web-blue": 8, "web-green": 3}, memory={"web-blue": SERVED_BLUE})
    in_no_time(checks(world, active=color_plan(Color.BLUE, Role.ACTIVE, hpa=True))[0].ready_to_serve())
    assert world.log == []


@pytest.mark.parametrize("serving", [[], ["web-blue-0", "web-green-0"], ["web-green-0"], ["stranger"]])
def test_traffic_that_is_not_on_the_active_color_alone_has_not_moved(serving: list[str]) -> None:
    with pytest.raises(NotSeenError):
        in_no_time(checks(World(live="blue", serving=serving))[0].moved())


ALL_OF_BLUE = ["web-blue-0", "web-blue-1", "web-blue-2"]
LIVE_BLUE = {"cutover/served": "template-of-blue", "cutover/live": "seen"}


def test_a_canary_app_has_moved_when_every_active_pod_serves() -> None:
    world = World(live="blue", serving=[*ALL_OF_BLUE[:2], "web-green-0"])
    with pytest.raises(NotSeenError):
        in_no_time(checks(world, component=Component.CANARY)[0].moved())
    world.serving = [*ALL_OF_BLUE, "web-green-0"]
    in_no_time(checks(world, component=Component.CANARY)[0].moved())


def test_a_canary_is_dropped_when_no_pod_of_it_serves() -> None:
    world = World(live="blue", serving=[*ALL_OF_BLUE, "web-green-0"])
    with pytest.raises(NotSeenError, match="3 of blue, 1 of green"):
        in_no_time(checks(world, component=Component.CANARY)[0].settled())
    world.serving = ALL_OF_BLUE
    in_no_time(checks(world, component=Component.CANARY)[0].settled())


def test_a_live_color_that_is_down_has_not_lost_its_place() -> None:
    world = World(live="blue", ready={"web-blue": 0}, serving=[], memory={"web-blue": LIVE_BLUE})
    in_no_time(checks(world)[0].moved())
    world.serving = ["web-green-0"]
    with pytest.raises(NotSeenError, match="1 of green"):
        in_no_time(checks(world)[0].moved())


def test_the_color_that_traffic_left_drains_and_is_recycled_once(drains: list[int]) -> None:
    world = World(live="blue", memory={"web-green": LIVE_GREEN})
    check, _ = checks(world)
    in_no_time(check.moved())
    assert drains == [2]
    assert world.log == ["end web-green-0", "end web-green-1", "end web-green-2"]
    assert world.memory == {
        "web-blue": {**SERVED_BLUE, "cutover/live": "seen"},
        "web-green": {"cutover/served": "template-of-green"},
    }
    in_no_time(check.moved())
    assert drains == [2]


def test_after_an_outage_the_old_color_is_left_whole_until_nodes_must_have_heard(drains: list[int]) -> None:
    world = World(live="blue", memory={"web-green": LIVE_GREEN}, was_away=True)
    in_no_time(checks(world)[0].moved())
    assert drains == [90]


def test_a_color_that_never_had_traffic_has_nothing_to_drain(drains: list[int]) -> None:
    in_no_time(checks(World(live="blue"))[0].moved())
    assert drains == []


def test_nothing_waits_where_no_pod_will_end(drains: list[int]) -> None:
    world = World(live="blue", memory={"web-green": LIVE_GREEN})
    in_no_time(checks(world, recycle=False)[0].moved())
    assert drains == []


def test_pods_that_will_end_are_drained_without_a_recycle_too(drains: list[int]) -> None:
    world = World(live="blue", memory={"web-green": LIVE_GREEN})
    in_no_time(checks(world, recycle=False, other=color_plan(Color.GREEN, Role.IDLE, replicas=0))[0].moved())
    assert (drains, world.log) == ([2], [])


@pytest.mark.usefixtures("drains")
def test_a_replacement_that_does_not_come_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing_comes_back(self: World, name: str) -> None:
        self.log.append(f"end {name}")
        self.births += 1
        self.ready["web-green"] = 2

    monkeypatch.setattr(World, "delete_pod", nothing_comes_back)
    world = World(live="blue", memory={"web-green": LIVE_GREEN})
    check, warnings = checks(world)
    in_no_time(check.moved())
    assert world.log == ["end web-green-0"]
    assert "2 of its pods keep the connections they have" in warnings[0]


def test_a_staged_color_that_cannot_become_ready_fails_every_time() -> None:
    check, _ = checks(World(live="blue", ready={"web-green": 0}), progress_deadline_seconds=0)
    for _ in range(2):
        with pytest.raises(NotReadyError):
            in_no_time(check.settled())


def test_an_idle_color_that_has_served_may_be_ill() -> None:
    world = World(live="blue", ready={"web-green": 0}, memory={"web-green": {"cutover/served": "template-of-green"}})
    check, warnings = checks(world)
    in_no_time(check.settled())
    assert warnings == ["web-green (idle): 0 of 3 pods ready"]


def test_an_idle_color_without_pods_is_not_ill() -> None:
    served = {"web-green": {"cutover/served": "template-of-green"}}
    check, warnings = checks(
        World(live="blue", ready={"web-green": 2}, memory=served), other=replace(app_plan().other, replicas=0)
    )
    in_no_time(check.settled())
    assert warnings == []


def test_a_canary_is_not_settled_as_an_idle_color() -> None:
    plan = app_plan()
    world = World(live="blue", ready={"web-green": 0})
    check, _ = checks(world, other=replace(plan.other, role=Role.CANARY), progress_deadline_seconds=0)
    in_no_time(check.settled())
