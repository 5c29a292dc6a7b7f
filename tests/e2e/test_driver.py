"""The release driver, typed as a person types it, on a real cluster with traffic that never retries."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from bench.traffic import Load, Traffic, running
from cluster import Cluster
from cutover.journal import Journal
from tests.e2e.conftest import blue_green, canary
from tests.e2e.prometheus import start as start_prometheus
from tests.e2e.sites import Site
from tests.e2e.stacks import CUTOVER, NEW, OLD, Stack, client, until

STEPS = "1,3,5,10"


def traffic(port: int, rate: int = 50) -> Traffic:
    return running(Load(f"http://127.0.0.1:{port}/version", rate=rate, seconds=3600, count=1_000_000), "driver")


def position(stack: Stack) -> tuple[str, int]:
    """The active color and the canary's size, with no note of a release left."""
    found = keys(stack)
    assert "release" not in found
    return found["activeColor"], int(found.get("canaryReplicas", 0))


def keys(stack: Stack) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(stack.settings.read_text())["config"]
    return {key.removeprefix("cutover:"): value for key, value in config.items()}


def await_event(stack: Stack, kind: str) -> None:
    """Wait until the driver has told of an event of a kind."""
    journal = Journal(stack.folder, stack.namespace)
    until(lambda: any(event.kind == kind for event in journal.events()), f"the driver tells of {kind}", seconds=120)


def test_stage_promote_and_undo(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)}, imageTag={"blue": OLD, "green": OLD})
    web.up()
    refused = web.drive("promote", ends=2)
    assert "there is nothing to release" in refused.output
    with traffic(port) as sent:
        web.drive("stage", NEW, "--set", "web.env.GREETING=hello")
        web.drive("promote", "--watch", "5")
        assert position(web) == ("green", 0)
        web.drive("undo")
        answers = sent.stop()
    assert position(web) == ("blue", 0)
    assert answers.errors == {}
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEW), (NEW, OLD)]
    web.run("preview", "--expect-no-changes")


@pytest.mark.alone  # it compares times
def test_status_answers_before_a_preview_would(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=1)})
    web.up()
    previews = [web.run("preview").seconds for _ in range(3)]
    assert min(web.drive("status").seconds for _ in range(3)) < 0.8 * min(previews)


def test_a_canary_goes_through_its_steps(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port, replicas=10)})
    api.up()
    with traffic(port) as sent:
        api.drive("canary", STEPS, "--pause", "2")
        answers = sent.stop()
    assert answers.errors == {}
    assert answers.records[-1].version == NEW
    assert position(api) == ("green", 0)
    api.run("preview", "--expect-no-changes")


def test_a_canary_is_aborted_in_the_middle(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port)})
    api.up()
    with traffic(port) as sent:
        api.drive("canary", "1,2", "--pause", "resume", ends=5)
        told = api.drive("promote", ends=2)
        assert "is at step 1 of 3 (green: 1 pod). `cutover resume` goes on with it, `cutover abort`" in told.output
        api.drive("resume", ends=5)
        found = json.loads(api.drive("status", "--json").output)
        assert [side["share"] for side in found["apps"][0]["colors"]] == [pytest.approx(60), pytest.approx(40)]
        api.drive("abort")
        answers = sent.stop()
    assert answers.errors == {}
    assert answers.records[-1].version == OLD
    assert position(api) == ("blue", 0)


@pytest.mark.parametrize(("verb", "ends"), [("pause", 5), ("abort", 3)])
def test_the_driver_at_work_is_reached_from_elsewhere(
    stack: Callable[..., Stack], port: int, verb: str, ends: int
) -> None:
    api = stack({"api": canary(port, replicas=2)})
    api.up()
    with traffic(port) as sent:
        driver = api.start("canary", "1", "--pause", "300", program=CUTOVER)
        await_event(api, "moved")
        assert "is at work on stack" in api.drive("promote", ends=2).output
        api.drive(verb)
        output, _ = driver.communicate(timeout=120)
        assert driver.returncode == ends, output
        if verb == "pause":
            api.drive("resume")
        answers = sent.stop()
    assert answers.errors == {}
    assert position(api) == (("green", 0) if verb == "pause" else ("blue", 0))


def test_ctrl_c_leaves_a_safe_state_and_says_which(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port, replicas=2)})
    api.up()
    with traffic(port) as sent:
        driver = api.start("canary", "1", program=CUTOVER)
        await_event(api, "moving")
        time.sleep(2)  # into the `up`
        os.kill(driver.pid, signal.SIGINT)
        output, _ = driver.communicate(timeout=120)
        assert driver.returncode == 130, output
        assert "Stopped at step 1 of 2 (green: 1 pod)" in output
        assert "Traceback" not in output
        api.drive("resume")
        answers = sent.stop()
    assert answers.errors == {}
    assert position(api) == ("green", 0)


@pytest.mark.usefixtures("envoy")
def test_a_canary_whose_third_step_fails_its_metric_goes_back(
    stack: Callable[..., Stack], faulty: str, cluster: Cluster
) -> None:
    """A tenth of the new version's answers are errors: few enough of them per second until it has half the traffic."""
    rate = 'sum(rate(http_requests_total{color="{{color}}",status=~"5.."}[5s])) or vector(0)'
    metric = {"query": rate, "max": 6, "initialDelaySeconds": 6}
    gate = {"prometheus": {"service": "prometheus"}, "metrics": {"errors-per-second": metric}}
    site = Site(
        stack,
        canary(replicas=1, gate=gate, colors={"green": {"image": faulty, "args": []}}),
        imageTag={"blue": OLD, "green": "1.0.0"},
    )
    site.stack.up()
    namespace = site.stack.namespace
    start_prometheus(client(namespace), namespace, cluster.image("prometheus"), "web")
    with running(site.load(rate=200, seconds=600), "metric") as sent:
        told = site.stack.drive("canary", "5%,25%,50%", ends=3).output
        answers = sent.stop()
    assert "Green has 25% of the traffic" in told
    assert "metric errors-per-second: " in told
    assert set(answers.errors) == {"http 500"}
    assert answers.records[-1].version == OLD
    assert position(site.stack) == ("blue", 0)
    assert int(keys(site.stack)["canaryWeight"]) == 0


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_driver_that_is_killed_is_resumed(stack: Callable[..., Stack], port: int, step: int) -> None:
    api = stack({"api": canary(port, replicas=2)})
    api.up()
    with traffic(port) as sent:
        driver = api.start("canary", "1,2", program=CUTOVER)
        until(lambda: keys(api).get("release", {}).get("at") == step - 1, f"step {step} begins", seconds=120)
        time.sleep(1.5)  # into the `up`
        os.kill(driver.pid, signal.SIGKILL)
        driver.communicate(timeout=120)
        assert int(keys(api)["release"]["at"]) == step - 1
        api.drive("resume")
        answers = sent.stop()
    assert answers.errors == {}
    assert answers.records[-1].version == NEW
    assert position(api) == ("green", 0)
    api.run("preview", "--expect-no-changes")
