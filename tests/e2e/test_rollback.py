"""Back to the version that worked, whatever state the release, the cluster or the gate is in."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, Service
from lightkube.types import PatchType

from bench.traffic import Load, running
from tests.e2e.conftest import blue_green
from tests.e2e.stacks import NEW, OLD, Stack, client, until

UNREACHABLE = {"prometheus": {"url": "http://127.0.0.1:1"}, "metrics": {"errors": {"query": "up", "max": 0}}}


def promoted(stack: Stack) -> Stack:
    stack.up()
    stack.set("activeColor", "green")
    stack.up()
    return stack


def roll_back(stack: Stack) -> None:
    stack.set("activeColor", "blue")
    stack.up()
    assert stack.outputs()["web"]["activeColor"] == "blue"


def restarts(stack: Stack) -> int:
    pods = client(stack.namespace).list(Pod, labels={"color": "green"})
    return sum(status.restartCount for pod in pods if pod.status for status in pod.status.containerStatuses or [])


def test_from_a_version_that_crashes_under_way(stack: Callable[..., Stack], port: int) -> None:
    # it becomes ready and takes traffic, and is killed over and over from then on
    dying = {"liveness": {"path": "/status/500", "initialDelaySeconds": 20, "periodSeconds": 1, "failureThreshold": 1}}
    green = {"probes": dying, "terminationGracePeriodSeconds": 1, "preStop": {"sleep": 0}}
    web = promoted(stack({"web": blue_green(port, colors={"green": green})}))
    until(lambda: restarts(web) >= 3, "green crashes three times", seconds=120)
    roll_back(web)
    with running(Load(f"http://127.0.0.1:{port}/version", seconds=2, count=400), "rolled-back") as traffic:
        answers = traffic.wait()
    assert not answers.errors
    assert set(answers.versions) == {OLD}


def test_while_the_gate_is_broken(stack: Callable[..., Stack], port: int) -> None:
    web = promoted(stack({"web": blue_green(port)}))
    web.write(namespace=web.namespace, apps={"web": blue_green(port, gate=UNREACHABLE)}, activeColor="green")
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "broken-gate") as traffic:
        roll_back(web)
        answers = traffic.stop()
    assert not answers.errors
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(NEW, OLD)]


def by_selector(stack: Stack) -> None:
    client(stack.namespace).patch(Service, "web", {"spec": {"selector": {"color": "blue"}}})


def by_edit(stack: Stack) -> None:
    """Change what the release writes, by a client that owns what it writes, as `kubectl edit` does."""
    here = client(stack.namespace)
    service = here.get(Service, "web")
    assert service.metadata
    assert service.spec
    service.metadata.labels = {**(service.metadata.labels or {}), "edited": "yes"}
    service.spec.selector = {"app": "web", "color": "blue"}
    here.replace(service, field_manager="kubectl-edit")


def by_scale(stack: Stack) -> None:
    here = client(stack.namespace)
    for color, replicas in (("blue", 1), ("green", 5)):
        scale = {"spec": {"replicas": replicas}}
        here.patch(Deployment.Scale, f"web-{color}", scale, patch_type=PatchType.MERGE, field_manager="kubectl")


@pytest.mark.parametrize("hand", [by_selector, by_edit, by_scale])
def test_after_changes_by_hand(stack: Callable[..., Stack], port: int, hand: Callable[[Stack], Any]) -> None:
    web = promoted(stack({"web": blue_green(port)}))
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), f"hand-{hand.__name__}") as traffic:
        hand(web)
        roll_back(web)
        answers = traffic.stop()
    assert not answers.errors
    assert answers.records[-1].version == OLD
    here = client(web.namespace)
    assert {here.get(Deployment, f"web-{color}").spec.replicas for color in ("blue", "green")} == {3}
    service = here.get(Service, "web")
    assert (service.spec and service.spec.selector) == {"app": "web", "color": "blue"}


STARTS_SECONDS = 5.0


@pytest.mark.alone
@pytest.mark.parametrize("stage", ["drain", "recycle", "done"])
def test_it_starts_within_seconds(stack: Callable[..., Stack], port: int, stage: str) -> None:
    """Whatever the promotion is doing when it is interrupted, users are back on the old version within seconds."""
    web = stack({"web": blue_green(port, drainSeconds=15)})
    web.up()
    web.set("activeColor", "green")
    promotion = web.start("up", "--yes", "--skip-preview")
    assert promotion.stdout
    if stage == "done":
        promotion.communicate(timeout=120)
    else:
        words = {"drain": "connections have", "recycle": "to end their open connections"}[stage]
        next(line for line in promotion.stdout if words in line)
        os.killpg(promotion.pid, signal.SIGKILL)
        promotion.communicate(timeout=30)
        web.run("cancel", "--yes")
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), f"back-from-{stage}") as traffic:
        begin = time.monotonic()
        web.set("activeColor", "blue")
        web.up()
        answers = traffic.stop()
    assert not answers.errors
    (switch,) = answers.switches()
    assert (switch.old, switch.new) == (NEW, OLD)
    back = next(answer.start for answer in answers if answer.version == OLD)
    assert back - begin < STARTS_SECONDS
