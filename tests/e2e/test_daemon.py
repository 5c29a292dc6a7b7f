"""DaemonApp: a pod on every node, which Kubernetes replaces by itself or when somebody deletes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lightkube.resources.core_v1 import Pod

from bench.watch import tag
from tests.e2e.census import census
from tests.e2e.conftest import podinfo
from tests.e2e.stacks import NEW, NEXT, OLD, Stack, client


def daemon(**keys: Any) -> dict[str, Any]:
    app = podinfo("DaemonApp", tag=OLD, preStop={"sleep": 0}) | keys
    return {key: value for key, value in app.items() if key not in {"drainSeconds", "replicas"}}


def configure(stack: Stack, app: dict[str, Any]) -> None:
    stack.write(namespace=stack.namespace, apps={"agent": app})


def running(stack: Stack) -> dict[str, str]:
    """The pods that are not ending, and what they run."""
    pods = client(stack.namespace).list(Pod, labels={"app": "agent"})
    alive = [pod for pod in pods if pod.metadata and not pod.metadata.deletionTimestamp]
    return {pod.metadata.name: tag(pod) for pod in alive if pod.metadata and pod.metadata.name}


def test_a_surge_leaves_no_node_without_a_pod(stack: Callable[..., Stack]) -> None:
    app = daemon(maxSurge=1, maxUnavailable=0)
    agent = stack({"agent": app})
    agent.up()
    with census(agent, "agent") as pods:
        configure(agent, app | {"tag": NEW})
        agent.up()
        configure(agent, app | {"tag": "0.0.0"})
        failed = agent.fail_up()
        configure(agent, app | {"tag": NEW})
        agent.up()
        seen = pods.stop()
    assert "ImagePull" in failed.output
    assert f"Ready now: 1 of {NEW}" in failed.output
    assert seen.least("ready") == 1
    assert seen.most("pods") == 2
    assert list(running(agent).values()) == [NEW]
    assert agent.outputs()["agent"]["tag"] == NEW


def test_pods_wait_for_their_deletion_and_keep_their_configuration(stack: Callable[..., Stack]) -> None:
    app = daemon(updateStrategy="OnDelete", config={"data": {"GREETING": "hello"}})
    agent = stack({"agent": app})
    agent.up()
    (name,) = running(agent)
    configure(agent, app | {"tag": NEXT, "config": {"data": {"GREETING": "hi"}}})
    told = agent.up()
    assert "somebody deletes" in told.output
    assert running(agent) == {name: OLD}
    client(agent.namespace).delete(Pod, name)
    give_up = time.monotonic() + 60
    while list(running(agent).values()) != [NEXT]:
        assert time.monotonic() < give_up, "no pod took its place"
        time.sleep(0.2)
    agent.up()
    assert list(running(agent).values()) == [NEXT]
