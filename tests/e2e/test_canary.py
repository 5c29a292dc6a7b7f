"""A CanaryApp: shares by ready pods, and promotions that never fall below the size of the app."""

from __future__ import annotations

import time
from collections.abc import Callable

from lightkube import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod, PodEviction

from bench import watch
from bench.traffic import Load, running
from components.kube import names
from tests.e2e.conftest import canary
from tests.e2e.stacks import NEW, Stack, client, kubeconfig

REQUESTS = 5000


def test_the_share_is_the_ratio_of_ready_pods(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port, replicas=10)})
    api.up()
    for replicas, of in ((3, 10), (1, 10), (2, 5)):
        api.set("canaryReplicas", replicas)
        api.set("apps.api.replicas", of)
        api.up()
        load = Load(f"http://127.0.0.1:{port}/version", rate=500, count=REQUESTS, seconds=60)
        with running(load, f"canary-{replicas}-of-{of}") as traffic:
            answers = traffic.wait()
        assert (len(answers), answers.errors) == (REQUESTS, {})
        share, expected = answers.share(NEW), replicas / (of + replicas)
        assert share.fits(expected), f"{share.value:.4f} is outside {share.band(expected)}"
        assert api.outputs()["api"]["otherShare"] == f"{replicas}/{of + replicas}"


def pods_of(namespace: str, color: str) -> list[str]:
    return sorted(names(client(namespace).list(Pod, labels={"color": color})))


def evict(namespace: str, pod: str) -> bool:
    """Evict a pod as a node drain would, and tell whether its budget let it go."""
    try:
        client(namespace).create(PodEviction(metadata=ObjectMeta(name=pod)), pod)
    except ApiError as error:
        if error.status.code != 429:
            raise
        return False
    return True


def evict_one(namespace: str, color: str) -> None:
    """Evict a pod of a color; a budget that forbids it for the moment is asked again."""
    deadline = time.monotonic() + 60
    while not evict(namespace, pods_of(namespace, color)[0]):
        assert time.monotonic() < deadline, f"no pod of {color} may be evicted"
        time.sleep(0.5)


def test_each_color_has_a_budget_of_its_own(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port)}, canaryReplicas=2)
    api.up()
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "budgets") as traffic:
        for color in ("blue", "green"):
            first, second, *_ = pods_of(api.namespace, color)
            evict_one(api.namespace, color)
            assert not evict(api.namespace, second), f"{second} was evicted beside {first}"
        answers = traffic.stop()
    assert answers.errors == {}


def test_a_canary_is_promoted_at_full_size_while_pods_are_evicted(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port, replicas=10)})
    api.up()
    with (
        running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=600), "canary-promotion") as traffic,
        watch.pods(kubeconfig(), api.namespace, "api") as pods,
    ):
        evict_one(api.namespace, "blue")
        api.set("canaryReplicas", 1)
        api.up()
        evict_one(api.namespace, "blue")
        evict_one(api.namespace, "green")
        api.set("activeColor", "green")
        api.set("canaryReplicas", 0)
        promotion = api.start("up", "--yes", "--skip-preview")
        while promotion.poll() is None:
            evict_one(api.namespace, "green")
            time.sleep(2)
        evict_one(api.namespace, "green")
        answers, counts = traffic.stop(), pods.stop()
    assert promotion.returncode == 0
    assert answers.errors == {}
    assert answers.records[-1].version == NEW
    # an eviction takes one pod at a time (the budget of each color), so ten and a promotion's own may miss one
    assert counts.least() >= 9


def test_a_promotion_never_has_fewer_ready_pods_than_the_app_needs(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port, replicas=10)}, canaryReplicas=1)
    api.up()
    with watch.pods(kubeconfig(), api.namespace, "api") as pods:
        api.set("activeColor", "green")
        api.set("canaryReplicas", 0)
        api.up()
        api.set("activeColor", "blue")
        api.up()
        counts = pods.stop()
    assert counts.least() >= 10
    assert counts.most() >= 20


def test_dropping_a_canary_takes_it_off_the_live_service(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port, replicas=3)}, canaryReplicas=1)
    api.up()
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "drop-canary") as traffic:
        api.set("canaryReplicas", 0)
        api.up()
        gone = time.monotonic()
        time.sleep(3)
        answers = traffic.stop()
    assert not answers.errors
    assert NEW in answers.versions
    # the node's proxy writes its rules at most once a second
    assert NEW not in answers.between(gone + 1).versions
