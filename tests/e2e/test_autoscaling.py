"""Sizes that an autoscaler owns. It is given no metrics here: it keeps the size that it finds within its bounds, and
what load would do to it is done by writing the scale subresource, as it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import DeploymentScale
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler

from bench import watch
from bench.traffic import Load, running
from tests.e2e.conftest import blue_green
from tests.e2e.stacks import NEW, OLD, Stack, client, kubeconfig, size

BOUNDS = {"minReplicas": 2, "maxReplicas": 8}


def scaled(port: int, **keys: Any) -> dict[str, Any]:
    return blue_green(port, **keys) | {"replicas": None, "autoscaling": BOUNDS}


def without_none(app: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in app.items() if value is not None}


def scale(stack: Stack, deployment: str, replicas: int) -> None:
    here = client(stack.namespace)
    here.replace(
        DeploymentScale(
            metadata=ObjectMeta(name=deployment, namespace=stack.namespace), spec=ScaleSpec(replicas=replicas)
        ),
        deployment,
    )


def test_a_rollback_at_peak_never_has_fewer_pods_than_the_peak_needs(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": without_none(scaled(port))})
    web.up()
    web.set("activeColor", "green")
    web.up("--skip-preview")
    scale(web, "web-green", 6)
    with (
        running(Load(f"http://127.0.0.1:{port}/version", seconds=300), "peak") as traffic,
        watch.endpoints(kubeconfig(), web.namespace, "web") as endpoints,
    ):
        web.set("activeColor", "blue")
        web.up("--skip-preview")
        answers, counts = traffic.stop(), endpoints.stop()
    assert answers.errors == {}
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(NEW, OLD)]
    blue = [state.colors["blue"] for state in counts.states if state.colors["blue"]]
    assert min(blue) >= 6
    assert counts.mixed == []


def test_a_color_goes_live_from_nothing(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": without_none(scaled(port))}, idleReplicas=0)
    web.up()
    assert size(web, "web-green") == 0
    scale(web, "web-blue", 5)
    with watch.endpoints(kubeconfig(), web.namespace, "web") as endpoints:
        web.set("activeColor", "green")
        web.up("--skip-preview")
        counts = endpoints.stop()
    assert min(state.colors["green"] for state in counts.states if state.colors["green"]) >= 5
    assert size(web, "web-blue") == 0


def test_between_a_fixed_size_and_an_autoscaler_no_ready_pod_is_lost(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    with watch.pods(kubeconfig(), web.namespace, "web") as pods:
        web.write(namespace=web.namespace, apps={"web": without_none(scaled(port))})
        web.up("--skip-preview")
        assert size(web, "web-blue") == 3
        scale(web, "web-blue", 5)
        web.up("--skip-preview")
        assert size(web, "web-blue") == 5
        web.write(namespace=web.namespace, apps={"web": blue_green(port)})
        web.up("--skip-preview")
        counts = pods.stop()
    assert size(web, "web-blue") == 3
    assert counts.least("blue") >= 3
    assert not list(client(web.namespace).list(HorizontalPodAutoscaler))
