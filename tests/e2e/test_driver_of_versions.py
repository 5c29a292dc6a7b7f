"""The release driver on apps of one version, typed as a person types it, on a real cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap

from bench.traffic import Load, running
from tests.e2e.census import census
from tests.e2e.stacks import CUTOVER, NEW, NEXT, OLD, Stack, client, until
from tests.e2e.test_rolling import SLOW_SECONDS, rolling, template
from tests.e2e.test_stateful import stateful, tags


def described(stack: Stack, app: str) -> dict[str, Any]:
    """An app's keys as they stand, with no note of a release left."""
    config: dict[str, Any] = yaml.safe_load(stack.settings.read_text())["config"]
    assert "cutover:release" not in config
    found: dict[str, Any] = config["cutover:apps"][app]
    return found


def greeting(stack: Stack) -> str | None:
    """What the ConfigMap says that the Deployment's present template names."""
    here = client(stack.namespace)
    (container,) = here.get(Deployment, "web").to_dict()["spec"]["template"]["spec"]["containers"]
    (source,) = container["envFrom"]
    name: str = source["configMapRef"]["name"]
    return (here.get(ConfigMap, name).data or {}).get("GREETING")


def updated(stack: Stack) -> int:
    status = client(stack.namespace).get(Deployment, "web").status
    return (status and status.updatedReplicas) or 0


def held(stack: Stack, tag: str, *changes: str) -> None:
    """Roll a tag, and pause it once the first pod is replaced."""
    driver = stack.start("roll", tag, "--app", "web", *changes, program=CUTOVER)
    until(lambda: updated(stack) == 1, "a pod is replaced")
    stack.drive("pause")
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode == 5, output
    assert client(stack.namespace).get(Deployment, "web").spec.paused


@pytest.mark.alone  # on a busy machine the node may refuse a connection while its proxy writes rules
def test_a_version_is_rolled_held_taken_back_and_undone(stack: Callable[..., Stack], port: int) -> None:
    app = rolling(port, config={"data": {"GREETING": "hello"}})
    web = stack({"web": app})
    web.up()
    first = template(web)
    with (
        running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=600), "rolled") as traffic,
        census(web, "web") as pods,
    ):
        web.drive("roll", NEW, "--app", "web", "--set", "config.data.GREETING=good day")
        assert greeting(web) == "good day"
        rolled = described(web, "web")
        assert rolled == app | {"tag": NEW, "config": {"data": {"GREETING": "good day"}}}

        held(web, NEXT, "--set", f"minReadySeconds={SLOW_SECONDS}")
        pods.until({NEW: 3, NEXT: 1, "ready": 4, "pods": 4}, 10)
        web.drive("abort")
        assert described(web, "web") == rolled

        web.drive("undo", "--app", "web")
        answers, seen = traffic.stop(), pods.stop()
    assert described(web, "web") == app
    assert greeting(web) == "hello"
    assert template(web) == first
    assert answers.errors == {}
    assert answers.records[-1].version == OLD
    assert seen.least("ready") == 3
    web.run("preview", "--expect-no-changes")


@pytest.mark.full
def test_a_bad_version_is_taken_back_and_a_held_one_goes_on(stack: Callable[..., Stack]) -> None:
    app = rolling(config={"data": {"GREETING": "hello"}}, minReadySeconds=2)
    web = stack({"web": app})
    web.up()
    with census(web, "web") as pods:
        told = web.drive("roll", "0.0.404", "--app", "web", "--set", "config.data.GREETING=good day", ends=3).output
        assert "Rolled back to what ran before" in told
        assert described(web, "web") == app
        assert greeting(web) == "hello"
        held(web, NEW)
        web.drive("resume")
        seen = pods.stop()
    assert described(web, "web") == app | {"tag": NEW}
    assert seen.states[-1].colors == {NEW: 3, "ready": 3, "pods": 3}
    assert seen.least("ready") == 3


@pytest.mark.full
def test_a_stateful_canary_goes_by_ordinal(stack: Callable[..., Stack]) -> None:
    db = stack({"db": stateful()})
    db.up()
    db.drive("stage", NEW, "--app", "db")
    db.drive("canary", "1", "--app", "db", "--pause", "resume", ends=5)
    assert tags(db) == [OLD, OLD, NEW]
    db.drive("resume")
    assert tags(db) == [NEW] * 3
    assert described(db, "db")["tag"] == NEW
    assert "canary" not in described(db, "db")
    db.run("preview", "--expect-no-changes")
