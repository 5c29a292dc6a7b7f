"""RollingApp: a Deployment that Kubernetes updates by itself, with its pods watched throughout."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap

from bench.traffic import Load, Traffic, running
from tests.e2e.census import census
from tests.e2e.conftest import podinfo
from tests.e2e.stacks import NEW, NEXT, OLD, Stack, ask, client

SLOW_SECONDS = 30
"""For so long a new pod must be ready before the next old one may go, while a rollout is interrupted."""

HOLD_SECONDS = 4
"""For so long a rollout that is paused is seen to stand."""


def rolling(port: int | None = None, **keys: Any) -> dict[str, Any]:
    app = podinfo("RollingApp", port, tag=OLD, maxSurge=1, maxUnavailable=0) | keys
    return {key: value for key, value in app.items() if key != "drainSeconds"}


def under_load(port: int, name: str) -> Traffic:
    return running(Load(f"http://127.0.0.1:{port}/version", rate=100, seconds=300), name)


def configure(stack: Stack, app: dict[str, Any]) -> None:
    stack.write(namespace=stack.namespace, apps={"web": app})


def config_maps(stack: Stack) -> set[str]:
    found = client(stack.namespace).list(ConfigMap, labels={"app": "web"})
    return {item.metadata.name for item in found if item.metadata and item.metadata.name}


def template(stack: Stack) -> Any:
    return client(stack.namespace).get(Deployment, "web").spec.template.to_dict()


def test_pods_stay_within_the_bounds_of_the_strategy(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": rolling(port)})
    web.up()
    with under_load(port, "surge") as traffic, census(web, "web") as pods:
        configure(web, rolling(port, tag=NEW))
        web.up()
        seen, answers = pods.stop(), traffic.stop()
    assert answers.errors == {}
    assert [(switch.old, switch.new) for switch in answers.switches()][-1][1] == NEW
    assert seen.least("ready") == 3
    assert seen.most("pods") == 4
    assert seen.states[-1].colors == {NEW: 3, "ready": 3, "pods": 3}
    outputs = web.outputs()["web"]
    assert (outputs["tag"], outputs["replicas"], outputs["paused"]) == (NEW, 3, False)
    assert outputs["image"].endswith(f":{NEW}")

    before = template(web)
    lacking = rolling(port, tag=NEXT, maxSurge=0, maxUnavailable=1)
    configure(web, lacking)
    with census(web, "web") as pods:
        web.up()
        seen = pods.stop()
    assert seen.least("ready") == 2
    assert seen.most("pods") == 3
    assert NEXT in ask(web.namespace, "web")

    # what `kubectl rollout undo` and `kubectl rollout pause` do
    by_hand = {"spec": {"template": before, "paused": True}}
    client(web.namespace).patch(Deployment, "web", by_hand, field_manager="kubectl-rollout")
    assert "pulumi up --refresh" in web.fail_up().output
    web.up("--refresh")
    assert not client(web.namespace).get(Deployment, "web").spec.paused
    assert NEXT in ask(web.namespace, "web")


def test_recreate_shows_its_gap_and_never_two_versions(stack: Callable[..., Stack], port: int) -> None:
    app = rolling(port, strategy="Recreate", preStop={"sleep": 1})
    app = {key: value for key, value in app.items() if not key.startswith("max")}
    web = stack({"web": app})
    web.up()
    with under_load(port, "recreate") as traffic, census(web, "web") as pods:
        configure(web, app | {"tag": NEW})
        web.up()
        seen, answers = pods.stop(), traffic.stop()
    assert answers.lost > 0
    assert seen.least("ready") == 0
    assert seen.most("pods") == 3
    assert not [state for state in seen.states if state.colors[OLD] and state.colors[NEW]]


def test_pause_holds_the_pods_and_resume_goes_on(stack: Callable[..., Stack]) -> None:
    app = rolling(config={"data": {"GREETING": "hello"}}, minReadySeconds=0)
    web = stack({"web": app})
    web.up()
    first, (old_map,) = template(web), config_maps(web)
    with census(web, "web") as pods:
        changed = {"tag": NEW, "config": {"data": {"GREETING": "hi"}}, "minReadySeconds": SLOW_SECONDS}
        configure(web, app | changed)
        going = web.start("up", "--yes", "--skip-preview")
        pods.until({OLD: 3, NEW: 1, "ready": 4, "pods": 4}, 60)
        going.send_signal(signal.SIGINT)
        assert going.wait(60) != 0
        configure(web, app | changed | {"paused": True})
        told = web.up()
        assert "paused" in told.output
        paused = time.monotonic()
        time.sleep(HOLD_SECONDS)
        held = pods.stop().between(paused)
    assert len({tuple(sorted(state.colors.items())) for state in held.states}) == 1
    standing = held.states[-1].colors
    assert standing[OLD] >= 1
    assert standing[NEW] >= 1
    # the old pods' configuration stays as long as they do
    assert old_map in config_maps(web)
    assert len(config_maps(web)) == 2
    assert web.outputs()["web"]["paused"] is True

    # several changes while it stands, and no `up` of them waits
    configure(web, app | changed | {"tag": NEXT, "paused": True})
    web.up(deadline=SLOW_SECONDS)
    configure(web, app | changed | {"tag": NEXT, "minReadySeconds": 0})
    web.up()
    assert NEXT in ask(web.namespace, "web")
    assert old_map not in config_maps(web)
    assert len(config_maps(web)) == 1

    configure(web, app)
    web.up()
    assert template(web) == first
    assert config_maps(web) == {old_map}


def test_a_bad_version_stops_at_its_first_pod(stack: Callable[..., Stack]) -> None:
    app = rolling(config={"data": {"GREETING": "hello"}})
    web = stack({"web": app})
    web.up()
    (old_map,) = config_maps(web)

    def fail(**bad: Any) -> str:
        configure(web, app | {"config": {"data": {"GREETING": "hi"}}} | bad)
        return web.fail_up().output

    with census(web, "web") as pods:
        assert "Its last log lines" in fail(tag=NEW, args=["--no-such-flag"])
        for _ in range(2):
            told = fail(tag="0.0.0")
            assert "ImagePull" in told
            assert f"Ready now: 3 of {OLD}" in told
            assert f"pulumi config set --path apps.web.tag {OLD}" in told
        # those that serve on may yet be started again
        assert old_map in config_maps(web)
        configure(web, app)
        web.up()
        seen = pods.stop()
    assert seen.least(OLD) == 3
    assert seen.most("pods") == 4
    assert config_maps(web) == {old_map}
    assert OLD in ask(web.namespace, "web")
