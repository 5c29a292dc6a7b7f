"""The release driver on apps of one version, typed as a person types it, on a real cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap

from bench.traffic import Load, running
from tests.e2e.census import census
from tests.e2e.stacks import CUTOVER, NEW, NEXT, OLD, Stack, client, until
from tests.e2e.test_rolling import rolling
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


def test_a_version_is_rolled_held_taken_back_and_undone(stack: Callable[..., Stack], port: int) -> None:
    app = rolling(port, config={"data": {"GREETING": "hello"}}, minReadySeconds=2)
    web = stack({"web": app})
    web.up("--skip-preview")
    with (
        running(Load(f"http://127.0.0.1:{port}/version", seconds=600), "rolled") as traffic,
        census(web, "web") as pods,
    ):
        web.drive("roll", NEW, "--app", "web", "--set", "config.data.GREETING=good day")
        assert greeting(web) == "good day"

        told = web.drive("roll", "0.0.404", "--app", "web", ends=3).output
        assert "Rolled back to what ran before" in told
        assert described(web, "web")["tag"] == NEW

        driver = web.start("roll", NEXT, "--app", "web", program=CUTOVER)
        until(lambda: updated(web) == 1, "a pod is replaced")
        web.drive("pause")
        output, _ = driver.communicate(timeout=120)
        assert driver.returncode == 5, output
        assert client(web.namespace).get(Deployment, "web").spec.paused
        web.drive("abort")
        assert described(web, "web") == app | {"tag": NEW, "config": {"data": {"GREETING": "good day"}}}

        web.drive("undo", "--app", "web")
        answers, seen = traffic.stop(), pods.stop()
    assert described(web, "web") == app
    assert greeting(web) == "hello"
    assert answers.errors == {}
    assert answers.records[-1].version == OLD
    assert seen.least("ready") == 3
    web.run("preview", "--expect-no-changes")


def test_a_stateful_canary_goes_by_ordinal(stack: Callable[..., Stack]) -> None:
    db = stack({"db": stateful()})
    db.up("--skip-preview")
    db.drive("stage", NEW, "--app", "db")
    db.drive("canary", "1", "--app", "db", "--pause", "resume", ends=5)
    assert tags(db) == [OLD, OLD, NEW]
    db.drive("resume")
    assert tags(db) == [NEW] * 3
    assert described(db, "db")["tag"] == NEW
    assert "canary" not in described(db, "db")
    db.run("preview", "--expect-no-changes")
