"""The checks between the layers, on a small world that answers like a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod, Service

from components import traffic
from components.checks import Checks
from components.color import Color, Role
from components.errors import NoEndpointsError, NotReadyError, NotSeenError
from components.kube import Endpoint
from components.plan import Component
from tests.unit.plans import an, app_plan, color_plan

REVISION = {"deployment.kubernetes.io/revision": "1"}


@dataclass
class World:
    """Deployments by color and the color that the live Service selects; writes are noted in `log`."""

    live: str | None = None
    sizes: dict[str, int] = field(default_factory=lambda: {"web-blue": 3, "web-green": 3})
    ready: dict[str, int] = field(default_factory=dict)
    memory: dict[str, dict[str, str]] = field(default_factory=dict)
    serving: list[str] | None = None
    log: list[str] = field(default_factory=list)
    births: int = 0

    async def service(self, _: str) -> Service | None:
        if self.live is None:
            return None
        return an(Service, {"metadata": {"name": "web", "annotations": {"cutover/active": self.live}}})

    async def deployment(self, name: str) -> Deployment | None:
        if name not in self.sizes:
            return None
        size, ready = self.sizes[name], self._ready(name)
        status = {
            "observedGeneration": 1,
            "replicas": size,
            "updatedReplicas": size,
            "availableReplicas": ready,
        }
        metadata = {"name": name, "generation": 1, "annotations": self.memory.get(name, {}) | REVISION}
        spec = {"replicas": size, "selector": {}, "template": {}}
        return an(Deployment, {"metadata": metadata, "spec": spec, "status": status})

    async def replica_sets(self, labels: Mapping[str, str]) -> list[ReplicaSet]:
        status = {"replicas": 0, "availableReplicas": self._ready(f"web-{labels['color']}")}
        metadata = {"annotations": REVISION}
        return [an(ReplicaSet, {"metadata": metadata, "spec": {"selector": {}}, "status": status})]

    async def size(self, name: str) -> int | None:
        return self.sizes.get(name)

    async def pods(self, labels: Mapping[str, str]) -> list[Pod]:
        return [an(Pod, {"metadata": {"name": name}}) for name in self._pods(f"web-{labels['color']}")]

    async def endpoints(self, service: str) -> list[Endpoint]:
        if service != "web":
            return [Endpoint(name, ready=True) for name in self._pods(service)]
        names = self.serving if self.serving is not None else self._pods(f"web-{self.live}")
        return [Endpoint(name, ready=True) for name in names]

    async def scale(self, name: str, replicas: int) -> None:
        self.log.append(f"scale {name} to {replicas}")
        self.sizes[name] = replicas

    async def delete_pod(self, name: str) -> None:
        self.log.append(f"end {name}")
        self.births += 1

    async def remember(self, name: str, annotations: dict[str, str]) -> None:
        self.memory[name] = annotations

    async def last_warning(self, _: str) -> str:
        return ""

    async def log_tail(self, *_: Any) -> list[str]:
        return []

    def _ready(self, name: str) -> int:
        return self.ready.get(name, self.sizes.get(name, 0))

    def _pods(self, name: str) -> list[str]:
        # a pod that was ended is replaced by one of a new name
        return [f"{name}-{number}" for number in range(self.births, self.births + self._ready(name))]


def checks(world: World, **changes: Any) -> tuple[Checks, list[str]]:
    warnings: list[str] = []
    cluster: Any = world
    return Checks(app_plan(**changes), cluster, lambda *_: None, lambda _, text: warnings.append(text)), warnings


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEEN_SECONDS", "RECYCLE_SECONDS", "POLL_SECONDS"):
        monkeypatch.setattr(traffic, name, 0.01)


@pytest.fixture
def drains(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    drained: list[int] = []

    async def drain(seconds: int, _: object) -> None:
        drained.append(seconds)

    monkeypatch.setattr(traffic, "drain", drain)
    return drained


SERVED_BLUE = {"cutover/served": "template-of-blue"}
LIVE_GREEN = {"cutover/served": "template-of-green", "cutover/live": "true"}


def test_a_color_that_is_not_ready_gets_no_traffic() -> None:
    world = World(live="green", ready={"web-blue": 2})
    check, _ = checks(world, progress_deadline_seconds=0)
    with pytest.raises(NotReadyError, match="2 of 3"):
        asyncio.run(check.ready_to_serve())


def test_a_ready_color_whose_service_lists_no_pod_gets_no_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> list[Endpoint]:
        return []

    monkeypatch.setattr(World, "endpoints", none)
    with pytest.raises(NoEndpointsError, match="0 ready endpoints and needs 3"):
        asyncio.run(checks(World())[0].ready_to_serve())


def test_what_ails_the_live_color_does_not_stop_its_cure() -> None:
    world = World(live="blue", ready={"web-blue": 0}, memory={"web-blue": SERVED_BLUE})
    check, warnings = checks(world)
    asyncio.run(check.ready_to_serve())
    assert warnings == ["web-blue (active): 0 of 3 pods ready"]


def test_a_live_color_with_a_template_that_never_served_must_become_ready() -> None:
    world = World(live="blue", ready={"web-blue": 0}, memory={"web-blue": {"cutover/served": "another"}})
    with pytest.raises(NotReadyError):
        asyncio.run(checks(world, progress_deadline_seconds=0)[0].ready_to_serve())


def test_a_color_scaled_by_hand_gets_its_size_again() -> None:
    world = World(live="green", sizes={"web-blue": 1, "web-green": 3})
    asyncio.run(checks(world)[0].ready_to_serve())
    assert world.log == ["scale web-blue to 3"]


def test_under_an_autoscaler_the_next_color_gets_the_size_of_the_live_one() -> None:
    world = World(live="green", sizes={"web-blue": 3, "web-green": 8})
    asyncio.run(checks(world, active=color_plan(Color.BLUE, Role.ACTIVE, hpa=True))[0].ready_to_serve())
    assert world.log == ["scale web-blue to 8"]


def test_the_size_of_a_live_color_is_its_autoscalers() -> None:
    world = World(live="blue", sizes={"web-blue": 8, "web-green": 3}, memory={"web-blue": SERVED_BLUE})
    asyncio.run(checks(world, active=color_plan(Color.BLUE, Role.ACTIVE, hpa=True))[0].ready_to_serve())
    assert world.log == []


@pytest.mark.parametrize("serving", [[], ["web-blue-0", "web-green-0"], ["web-green-0"], ["stranger"]])
def test_traffic_that_is_not_on_the_active_color_alone_has_not_moved(serving: list[str]) -> None:
    with pytest.raises(NotSeenError):
        asyncio.run(checks(World(live="blue", serving=serving))[0].moved())


ALL_OF_BLUE = ["web-blue-0", "web-blue-1", "web-blue-2"]
LIVE_BLUE = {"cutover/served": "template-of-blue", "cutover/live": "true"}


def test_a_canary_app_has_moved_when_every_active_pod_serves() -> None:
    world = World(live="blue", serving=[*ALL_OF_BLUE[:2], "web-green-0"])
    with pytest.raises(NotSeenError):
        asyncio.run(checks(world, component=Component.CANARY)[0].moved())
    world.serving = [*ALL_OF_BLUE, "web-green-0"]
    asyncio.run(checks(world, component=Component.CANARY)[0].moved())


def test_a_canary_is_dropped_when_no_pod_of_it_serves() -> None:
    world = World(live="blue", serving=[*ALL_OF_BLUE, "web-green-0"])
    with pytest.raises(NotSeenError, match="3 of blue, 1 of green"):
        asyncio.run(checks(world, component=Component.CANARY)[0].settled())
    world.serving = ALL_OF_BLUE
    asyncio.run(checks(world, component=Component.CANARY)[0].settled())


def test_a_live_color_that_is_down_has_not_lost_its_place() -> None:
    world = World(live="blue", ready={"web-blue": 0}, serving=[], memory={"web-blue": LIVE_BLUE})
    asyncio.run(checks(world)[0].moved())
    world.serving = ["web-green-0"]
    with pytest.raises(NotSeenError, match="1 of green"):
        asyncio.run(checks(world)[0].moved())


def test_the_color_that_traffic_left_drains_and_is_recycled_once(drains: list[int]) -> None:
    world = World(live="blue", memory={"web-green": LIVE_GREEN})
    check, _ = checks(world)
    asyncio.run(check.moved())
    assert drains == [2]
    assert world.log == ["end web-green-0", "end web-green-1", "end web-green-2"]
    assert world.memory == {
        "web-blue": {**SERVED_BLUE, "cutover/live": "true"},
        "web-green": {"cutover/served": "template-of-green"},
    }
    asyncio.run(check.moved())
    assert drains == [2]


def test_a_color_that_never_had_traffic_has_nothing_to_drain(drains: list[int]) -> None:
    asyncio.run(checks(World(live="blue"))[0].moved())
    assert drains == []


def test_nothing_waits_where_no_pod_will_end(drains: list[int]) -> None:
    world = World(live="blue", memory={"web-green": LIVE_GREEN})
    asyncio.run(checks(world, recycle=False)[0].moved())
    assert drains == []


def test_pods_that_will_end_are_drained_without_a_recycle_too(drains: list[int]) -> None:
    world = World(live="blue", memory={"web-green": LIVE_GREEN})
    asyncio.run(checks(world, recycle=False, other=color_plan(Color.GREEN, Role.IDLE, replicas=0))[0].moved())
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
    asyncio.run(check.moved())
    assert world.log == ["end web-green-0"]
    assert "2 of its pods keep the connections they have" in warnings[0]


def test_a_staged_color_that_cannot_become_ready_fails_every_time() -> None:
    check, _ = checks(World(live="blue", ready={"web-green": 0}), progress_deadline_seconds=0)
    for _ in range(2):
        with pytest.raises(NotReadyError):
            asyncio.run(check.settled())


def test_an_idle_color_that_has_served_may_be_ill() -> None:
    world = World(live="blue", ready={"web-green": 0}, memory={"web-green": {"cutover/served": "template-of-green"}})
    check, warnings = checks(world)
    asyncio.run(check.settled())
    assert warnings == ["web-green (idle): 0 of 3 pods ready"]


def test_a_canary_is_not_settled_as_an_idle_color() -> None:
    plan = app_plan()
    world = World(live="blue", ready={"web-green": 0})
    check, _ = checks(world, other=replace(plan.other, role=Role.CANARY), progress_deadline_seconds=0)
    asyncio.run(check.settled())
