"""Sizes that an autoscaler owns. It is given no metrics here: it keeps the size that it finds within its bounds, and
what load would do to it is done by writing the scale subresource, as it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import DeploymentScale
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler

from bench import watch
from bench.traffic import Load, running
from tests.e2e.conftest import blue_green, canary
from tests.e2e.sites import Site
from tests.e2e.stacks import NEW, OLD, Stack, await_ready, client, kubeconfig, size

BOUNDS = {"minReplicas": 2, "maxReplicas": 8}


def scaled(app: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in app.items() if key != "replicas"} | {"autoscaling": BOUNDS}


def scale(stack: Stack, deployment: str, replicas: int) -> None:
    """Scale as an autoscaler does, and see so many pods ready."""
    here = client(stack.namespace)
    here.replace(
        DeploymentScale(
            metadata=ObjectMeta(name=deployment, namespace=stack.namespace), spec=ScaleSpec(replicas=replicas)
        ),
        deployment,
    )
    await_ready(here, deployment, replicas)


def test_a_rollback_at_peak_never_has_fewer_pods_than_the_peak_needs(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": scaled(blue_green(port))})
    web.up()
    web.set("activeColor", "green")
    web.up()
    scale(web, "web-green", 6)
    with (
        running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "peak") as traffic,
        watch.endpoints(kubeconfig(), web.namespace, "web") as endpoints,
    ):
        web.set("activeColor", "blue")
        web.up()
        answers, counts = traffic.stop(), endpoints.stop()
    assert answers.errors == {}
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(NEW, OLD)]
    blue = [state.colors["blue"] for state in counts.states if state.colors["blue"]]
    assert min(blue) >= 6
    assert counts.mixed == []


def test_a_color_goes_live_from_nothing(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": scaled(blue_green(port))}, idleReplicas=0)
    web.up()
    assert size(web, "web-green") == 0
    scale(web, "web-blue", 5)
    with watch.endpoints(kubeconfig(), web.namespace, "web") as endpoints:
        web.set("activeColor", "green")
        web.up()
        counts = endpoints.stop()
    assert min(state.colors["green"] for state in counts.states if state.colors["green"]) >= 5
    assert size(web, "web-blue") == 0


def test_between_a_fixed_size_and_an_autoscaler_no_ready_pod_is_lost(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    with watch.pods(kubeconfig(), web.namespace, "web") as pods:
        web.write(namespace=web.namespace, apps={"web": scaled(blue_green(port))})
        web.up()
        assert size(web, "web-blue") == 3
        scale(web, "web-blue", 5)
        web.up()
        assert size(web, "web-blue") == 5
        web.write(namespace=web.namespace, apps={"web": blue_green(port)})
        web.up()
        counts = pods.stop()
    assert size(web, "web-blue") == 3
    assert counts.least("blue") >= 3
    assert not list(client(web.namespace).list(HorizontalPodAutoscaler))


@pytest.mark.usefixtures("envoy")
def test_a_canary_is_sized_for_its_share_before_it_gets_it(stack: Callable[..., Stack]) -> None:
    site = Site(stack, scaled(canary()), canaryReplicas=1)
    site.stack.up()
    scale(site.stack, "web-blue", 6)
    with (
        running(site.load(rate=50, seconds=300), "sized") as traffic,
        watch.endpoints(kubeconfig(), site.stack.namespace, "web-green") as endpoints,
    ):
        site.up(canaryWeight=50)
        for color in ("blue", "green"):
            scale(site.stack, f"web-{color}", 4)
        share = site.answers(2000).share(NEW)
        assert share.fits(0.5), f"{share.value:.4f} is outside {share.band(0.5)}"
        site.up(activeColor="green", canaryWeight=0, canaryReplicas=0)
        answers, counts = traffic.stop(), endpoints.stop()
    assert answers.errors == {}
    shared, moved = answers.first(NEW), answers.last(OLD)
    assert shared
    assert moved
    assert counts.between(shared.start).least() >= 3, "half of what six pods carried"
    assert counts.between(moved.start).least() >= 8, "all of what four and four pods carried"


def test_without_a_router_a_canary_has_its_share_again_at_the_next_up(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": scaled(canary(port))}, canaryReplicas=1)
    api.up()
    scale(api, "api-blue", 6)
    api.up()
    assert (size(api, "api-blue"), size(api, "api-green")) == (6, 3)
    assert api.outputs()["api"]["otherShare"] == "1/3"
    with running(Load(f"http://127.0.0.1:{port}/version", rate=500, count=3000), "scaled-canary") as traffic:
        share = traffic.wait().share(NEW)
    assert share.fits(1 / 3), f"{share.value:.4f} is outside {share.band(1 / 3)}"
