"""What the watchers count, and what they make of it."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
from lightkube import KubeConfig
from lightkube.models.core_v1 import Container, ObjectReference, PodCondition, PodSpec, PodStatus
from lightkube.models.discovery_v1 import Endpoint, EndpointConditions
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod
from lightkube.resources.discovery_v1 import EndpointSlice

from bench.errors import WatchError
from bench.watch import Count, Counts, pods, ready_endpoints, ready_pods, tag


def pod(color: str, *, ready: str = "True", deleted: datetime | None = None) -> Pod:
    return Pod(
        metadata=ObjectMeta(labels={"app": "web", "color": color}, deletionTimestamp=deleted),
        status=PodStatus(conditions=[PodCondition("True", "Initialized"), PodCondition(ready, "Ready")]),
    )


def endpoint(pod: str, *, ready: bool | None) -> Endpoint:
    return Endpoint(["10.244.0.9"], conditions=EndpointConditions(ready=ready), targetRef=ObjectReference(name=pod))


def test_a_pod_counts_while_it_is_ready_and_not_being_deleted() -> None:
    pods = [
        pod("blue"),
        pod("blue", ready="False"),
        pod("blue", deleted=datetime.now(UTC)),
        pod("green"),
        Pod(metadata=ObjectMeta(labels={"color": "green"})),
    ]
    assert ready_pods(pods) == {"blue": 1, "green": 1}


def test_pods_without_colors_are_told_apart_by_what_they_run() -> None:
    blue, green = pod("none"), pod("none")
    blue.spec = PodSpec(containers=[Container("app", image="registry.local:5000/podinfo:6.9.0")])
    green.spec = PodSpec(containers=[Container("app", image="podinfo:6.9.1")])
    assert ready_pods([blue, green, blue], tag) == {"6.9.0": 2, "6.9.1": 1}


def test_it_is_waited_for_what_is_to_stand() -> None:
    watched = pods(KubeConfig.from_server("http://127.0.0.1:1"), "shop", "web")
    watched._states = [Count(10, 10, Counter(blue=3)), Count(20, 20, Counter(blue=3, green=1))]
    threading.Timer(0.1, watched._states.append, [Count(30, 30, Counter(green=4))]).start()
    assert watched.until({"green": 4}, seconds=5).at == 30
    with pytest.raises(WatchError, match=r"namespace shop: {'green': 4} and not {'green': 3} after 0 s"):
        watched.until({"green": 3}, seconds=0)


def test_endpoints_count_over_all_slices_unless_known_not_to_be_ready() -> None:
    blue = [endpoint("my-web-blue-7d4b9c-x2x1z", ready=True), endpoint("my-web-blue-7d4b9c-p2", ready=False)]
    green = [endpoint("my-web-green-56f-a", ready=None)]
    slices = [EndpointSlice("IPv4", endpoints=endpoints) for endpoints in (blue, green, [])]
    assert ready_endpoints(slices) == {"blue": 1, "green": 1}


@pytest.fixture
def counts() -> Counts:
    states = [(10, {"blue": 3}), (20, {"blue": 3, "green": 1}), (30, {}), (40, {"green": 2, "blue": 0})]
    return Counts(tuple(Count(at, at, Counter(colors)) for at, colors in states))


def test_least_and_most(counts: Counts) -> None:
    assert (counts.least(), counts.most()) == (0, 4)
    assert (counts.least("green"), counts.most("green")) == (0, 2)


def test_a_period_begins_with_the_state_that_was_in_force(counts: Counts) -> None:
    assert counts.between(25, 35).most() == 4
    assert counts.between(41).least() == 2
    assert counts.between(20, 30).least() == 3
    assert counts.between(0, 15).most() == 3


def test_empty_and_mixed(counts: Counts) -> None:
    assert [state.at for state in counts.empty] == [30]
    assert [state.at for state in counts.mixed] == [20]
