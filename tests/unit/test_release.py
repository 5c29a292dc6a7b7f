"""The components under Pulumi's mocks: which resources a configuration registers, and what each waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.config import load
from components.plan import StackPlan
from components.planner import plan
from components.release import Release
from tests.unit.recorder import Echo, Nowhere, Recorder

IMAGE = "registry.local/podinfo"
BLUE_GREEN = {"component": "BlueGreenApp", "image": IMAGE, "replicas": 3}
CANARY = {"component": "CanaryApp", "image": IMAGE, "replicas": 10}
SCALED = {"component": "BlueGreenApp", "image": IMAGE, "autoscaling": {"minReplicas": 2, "maxReplicas": 8}}
SCALED["resources"] = {"requests": {"cpu": "10m"}}


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


def register(
    loop: asyncio.AbstractEventLoop,
    apps: dict[str, Any],
    *,
    found: Callable[[StackPlan], StackPlan] = lambda wished: wished,
    **position: Any,
) -> Recorder:
    recorder = Recorder()
    tags = {"imageTag": {"blue": "1.0", "green": "2.0"}}

    async def program() -> None:
        pulumi.runtime.set_mocks(Echo(), project="cutover", stack="unit", preview=True, monitor=recorder)
        cluster: Any = Nowhere()
        Release(found(plan(load({"apps": apps, **tags, **position}), owner="cutover/unit")), cluster)
        await pulumi.runtime.stack.wait_for_rpcs()

    loop.run_until_complete(program())
    return recorder


@pytest.mark.parametrize(("active", "other"), [("blue", "green"), ("green", "blue")])
@pytest.mark.parametrize("app", [BLUE_GREEN, CANARY, SCALED], ids=lambda app: app["component"])
def test_the_arrows_flip_with_the_color(
    loop: asyncio.AbstractEventLoop, app: dict[str, Any], active: str, other: str
) -> None:
    recorder = register(loop, {"web": app}, activeColor=active)
    assert recorder.waits_for(f"Deployment web-{active}") == set()
    assert recorder.waits_for("Service web") == {f"Deployment web-{active}"}
    assert recorder.waits_for(f"Deployment web-{other}") == {"Service web"}
    assert recorder.waits_for("Service web-preview") == {"Service web"}


def test_a_canary_is_ready_before_the_live_service_tells_its_share(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"api": CANARY}, canaryReplicas=1)
    assert recorder.waits_for("Service api") == {"Deployment api-blue", "Deployment api-green"}
    assert recorder.waits_for("Deployment api-green") == set()


def test_no_app_moves_before_all_are_ready_and_none_settles_before_all_moved(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": BLUE_GREEN, "api": CANARY})
    for app in ("web", "api"):
        assert recorder.waits_for(f"Service {app}") == {"Deployment web-blue", "Deployment api-blue"}
        assert recorder.waits_for(f"Deployment {app}-green") == {"Service web", "Service api"}


def test_an_app_with_a_position_of_its_own_waits_for_no_other(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": BLUE_GREEN, "api": {**CANARY, "activeColor": "green"}})
    assert recorder.waits_for("Service web") == {"Deployment web-blue"}
    assert recorder.waits_for("Service api") == {"Deployment api-green"}


def test_only_apps_that_share_a_position_are_one_release(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[list[str]] = []
    monkeypatch.setattr("components.release.roll_out", lambda apps: groups.append([app.plan.name for app in apps]))
    register(loop, {"web": {**BLUE_GREEN, "activeColor": "blue"}, "api": {**CANARY, "activeColor": "green"}})
    assert groups == [["api"], ["web"]]


def test_an_autoscaler_follows_traffic_and_owns_the_size(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": SCALED})
    for color in ("blue", "green"):
        assert recorder.requests[f"Deployment web-{color}"].ignoreChanges == ["spec.replicas"]
        assert recorder.waits_for(f"HorizontalPodAutoscaler web-{color}") == {"Service web"}


def test_every_deployment_is_guarded_in_previews_too(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": BLUE_GREEN})
    for color in ("blue", "green"):
        hooks = recorder.requests[f"Deployment web-{color}"].hooks
        assert list(hooks.before_update) == [f"web-{color}-guard"]
        assert list(hooks.before_create)[1:] == [f"web-{color}-guard"]


def test_nothing_is_made_before_it_is_seen_that_nobody_else_has_it(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": SCALED | {"config": {"data": {"GREETING": "hello"}}}})
    made = {name: request for name, request in recorder.requests.items() if request.custom}
    assert len(made) == 13
    for name, request in made.items():
        assert request.hooks.before_create[0] == f"{name.replace(' ', '-')}-ours"


def test_a_colors_config_is_there_before_its_pods(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": {**BLUE_GREEN, "config": {"data": {"GREETING": "hello"}}}})
    waits = recorder.waits_for("Deployment web-green")
    assert "Service web" in waits
    assert any(name.startswith("ConfigMap web-green-") for name in waits)


def test_all_goes_with_the_namespace(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": BLUE_GREEN})
    namespace = [name for name in recorder.requests if name.startswith("Namespace ")]
    assert len(namespace) == 1
    for name, request in recorder.requests.items():
        if request.custom and name not in namespace:
            assert any(":Namespace::" in urn for urn in request.dependencies), name
            assert ":Namespace::" in request.deletedWith, name


def test_a_namespace_that_is_there_already_is_left_alone(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": BLUE_GREEN}, createNamespace=False)
    assert not any(name.startswith("Namespace ") for name in recorder.requests)


MIGRATING = {**BLUE_GREEN, "migration": {"command": ["migrate"]}, "config": {"data": {"DATABASE": "db"}}}


@pytest.mark.parametrize(("active", "other"), [("blue", "green"), ("green", "blue")])
def test_migrations_come_before_any_pod(loop: asyncio.AbstractEventLoop, active: str, other: str) -> None:
    recorder = register(loop, {"web": MIGRATING, "api": {**CANARY, "migration": {}}}, activeColor=active)
    jobs = {name for name in recorder.requests if name.startswith("Job ")}
    config_maps = {name for name in recorder.requests if name.startswith("ConfigMap ")}
    assert len(jobs) == 4
    for app in ("web", "api"):
        assert recorder.waits_for(f"Deployment {app}-{active}") - config_maps == jobs
        assert recorder.waits_for(f"Deployment {app}-{other}") - config_maps == {"Service web", "Service api"}
    for job in jobs:
        assert recorder.waits_for(job) == (config_maps if job.startswith("Job web-") else set())


def test_a_migration_that_has_run_is_left_alone(loop: asyncio.AbstractEventLoop) -> None:
    recorder = register(loop, {"web": MIGRATING})
    jobs = [request for name, request in recorder.requests.items() if name.startswith("Job ")]
    assert [list(request.ignoreChanges) for request in jobs] == [["spec"], ["spec"]]


@pytest.mark.parametrize(("app", "size"), [(BLUE_GREEN, []), (SCALED, ["spec.replicas"])], ids=["plain", "scaled"])
def test_a_template_that_is_kept_is_left_alone(
    loop: asyncio.AbstractEventLoop, app: dict[str, Any], size: list[str]
) -> None:
    def kept(plan: StackPlan) -> StackPlan:
        return replace(plan, apps=tuple(replace(app, active=replace(app.active, kept=True)) for app in plan.apps))

    recorder = register(loop, {"web": app}, found=kept)
    assert recorder.requests["Deployment web-blue"].ignoreChanges == [*size, "spec.template"]
    assert recorder.requests["Deployment web-green"].ignoreChanges == size
