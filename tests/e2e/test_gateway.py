"""Routes through a real data plane, Contour and Envoy, with clients that keep their connections."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import httpx2
import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.types import PatchType

from bench import figures
from bench.answers import Answers
from bench.traffic import running
from cluster import Cluster, gateway
from tests.e2e.conftest import blue_green, canary
from tests.e2e.prometheus import start as start_prometheus
from tests.e2e.sites import Site
from tests.e2e.stacks import IMAGE, NEW, NEXT, OLD, Stack, ask, client, size

pytestmark = pytest.mark.usefixtures("envoy")
WEIGHTS = (1, 5, 25, 50, 99)


def release_again_and_again(site: Site, *, changes: int, promotions: int, requests: int) -> Answers:
    """Change weights and promote under keep-alive clients, and see that every request was answered."""
    weights = itertools.cycle(WEIGHTS)
    colors = itertools.cycle(("green", "blue"))
    with running(site.load(rate=800, clients=16, seconds=3600, count=requests), "weights") as traffic:
        for number in range(promotions):
            site.up(canaryReplicas=1)
            for _ in range(changes * number // promotions, changes * (number + 1) // promotions):
                site.up(canaryWeight=next(weights))
            site.stack.set("canaryWeight", 0)
            site.up(canaryReplicas=0, activeColor=next(colors))
        answers = traffic.wait()
    assert answers.errors == {}
    assert len(answers) >= requests
    return answers


def test_weights_and_promotions_lose_no_request(canary_site: Callable[..., Site]) -> None:
    release_again_and_again(canary_site(), changes=5, promotions=2, requests=50_000)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_fifty_weights_and_twenty_promotions_lose_no_request(canary_site: Callable[..., Site]) -> None:
    counts = {"changes": 50, "promotions": 20}
    answers = release_again_and_again(canary_site(), **counts, requests=500_000)
    notes = "CanaryApp of 3 pods behind the Gateway (Contour, Envoy), weights of 1, 5, 25, 50 and 99 percent in turn."
    figures.weights("weights", "Fifty weights and twenty promotions behind a route", answers, **counts, notes=notes)


def test_the_share_is_the_weight(canary_site: Callable[..., Site]) -> None:
    site = canary_site(position={"canaryReplicas": 1})
    for weight in WEIGHTS:
        site.up(canaryWeight=weight)
        share = site.answers(5000).share(NEW)
        assert share.fits(weight / 100), f"{share.value:.4f} is outside {share.band(weight / 100)}"
        assert site.stack.outputs()["web"]["otherShare"] == f"{weight}%"
        assert size(site.stack, "web-green") == 1


def test_the_share_stays_when_a_color_is_scaled(canary_site: Callable[..., Site]) -> None:
    site = canary_site(position={"canaryReplicas": 1, "canaryWeight": 25})
    for replicas in (6, 1):
        scale = {"spec": {"replicas": replicas}}
        client(site.stack.namespace).patch(Deployment, "web-blue", scale, patch_type=PatchType.MERGE)
        share = site.answers(4000).share(NEW)
        assert share.fits(0.25), f"{share.value:.4f} is outside {share.band(0.25)} with {replicas} pods of blue"


def test_testers_get_the_canary_and_nobody_else_does(canary_site: Callable[..., Site]) -> None:
    testers = {"headers": {"X-Canary": "yes"}, "cookies": {"beta": "1"}}
    site = canary_site(router={"testers": testers, "mirror": 100}, position={"canaryReplicas": 1})
    for marks, version in (
        ({"X-Canary": "yes"}, NEW),
        ({"Cookie": "a=b; beta=1"}, NEW),
        ({"X-Canary": "no", "Cookie": "beta=11"}, OLD),
    ):
        assert site.answers(500, headers=marks).versions == {version: 500}
    before = served(site, "green")
    assert site.answers(500).versions == {OLD: 500}
    assert served(site, "green") - before >= 500, "the canary gets a copy of what clients ask"


def served(site: Site, color: str) -> int:
    """How many requests for /version podinfo has counted on a color of one pod."""
    metrics = ask(site.stack.namespace, f"web-{color}", "/metrics")
    counted = [line for line in metrics.splitlines() if line.startswith("http_requests_total")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in counted))


def test_a_user_stays_on_one_side(canary_site: Callable[..., Site]) -> None:
    site = canary_site(router={"affinity": {"cookie": "side"}}, position={"canaryReplicas": 1})
    site.up(canaryWeight=50)
    users = [httpx2.Client(base_url=gateway.URL, headers={"Host": site.host}, trust_env=False) for _ in range(40)]

    def versions() -> list[str]:
        return [user.get("/version").raise_for_status().json()["version"] for user in users]

    first = versions()
    assert set(first) == {OLD, NEW}
    assert all(versions() == first for _ in range(5))
    site.up(canaryWeight=60)
    assert all(after == NEW for before, after in zip(first, versions(), strict=True) if before == NEW)
    site.stack.set("canaryWeight", 0)
    site.up(canaryReplicas=0)
    assert set(versions()) == {OLD}


def test_an_old_color_that_goes_to_zero_loses_nothing(stack: Callable[..., Stack]) -> None:
    site = Site(stack, blue_green(), idleReplicas=0)
    site.stack.up()
    with running(site.load(rate=400, seconds=300), "to-zero") as traffic:
        site.up(activeColor="green")
        assert size(site.stack, "web-blue") == 0
        site.up(activeColor="blue")
        answers = traffic.stop()
    assert answers.errors == {}
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEW), (NEW, OLD)]


def test_a_third_version_takes_the_place_of_a_canary(canary_site: Callable[..., Site]) -> None:
    site = canary_site(position={"canaryReplicas": 1})
    site.up(canaryWeight=50)
    with running(site.load(rate=200, seconds=120), "third") as traffic:
        site.up(**{"imageTag.green": NEXT})
        answers = traffic.stop()
    assert answers.errors == {}
    assert set(site.answers(200).versions) == {OLD, NEXT}


def test_a_cluster_rebuilt_in_the_middle_of_a_canary_stands_at_the_same_split(
    canary_site: Callable[..., Site],
) -> None:
    smoke = {"version": {"path": "/version", "body": NEW}}
    site = canary_site(gate={"smoke": smoke}, position={"canaryReplicas": 2, "canaryWeight": 25})
    before = site.stack.outputs()["web"]
    site.stack.run("destroy", "--yes", "--skip-preview", deadline=180)
    site.up()
    assert site.stack.outputs()["web"] == before
    share = site.answers(4000).share(NEW)
    assert share.fits(0.25), f"{share.value:.4f} is outside {share.band(0.25)}"
    assert (size(site.stack, "web-blue"), size(site.stack, "web-green")) == (3, 2)


def test_a_canary_worse_than_its_baseline_gets_no_share(
    stack: Callable[..., Stack], faulty: str, cluster: Cluster
) -> None:
    failed = 'sum(increase(http_requests_total{color="{{color}}",status=~"5.."}[{{window}}]))'
    all_of_them = 'sum(increase(http_requests_total{color="{{color}}"}[{{window}}]))'
    errors = {
        "query": f"({failed} or vector(0)) / {all_of_them}",
        "against": "baseline",
        "maxRatio": 3,
        "tolerance": 0.03,
        "initialDelaySeconds": 3,
    }
    load = {"path": "/version", "rate": 20, "seconds": 5}
    gate = {"prometheus": {"service": "prometheus"}, "load": load, "metrics": {"errors": errors}}
    overlay = {"green": {"image": faulty, "args": []}}
    site = Site(
        stack,
        canary(replicas=1, baseline=True, gate=gate, colors=overlay),
        imageTag={"blue": OLD, "green": "1.0.0"},
        canaryReplicas=1,
    )
    site.stack.up()
    namespace = site.stack.namespace
    sides = ("blue", "green", "baseline")
    start_prometheus(client(namespace), namespace, cluster.image("prometheus"), "web", sides=sides)
    site.stack.set("canaryWeight", 10)
    told = site.stack.fail_up().output
    assert re.search(r"metric errors: 0\.\d+ on green against 0 on baseline, ratio inf", told), told
    assert site.stack.outputs()["web"]["otherShare"] == "0%"
    assert site.answers(200).versions == {OLD: 200}
    site.stack.set("apps.web.colors.green.image", IMAGE)
    site.up(**{"imageTag.green": NEW})
    share = site.answers(2000).share(NEW)
    assert share.fits(0.1), f"{share.value:.4f} is outside {share.band(0.1)}"
    site.stack.set("canaryWeight", 0)
    site.up(canaryReplicas=0)
    assert size(site.stack, "web-baseline") == 0


def test_a_route_that_no_gateway_takes_is_told(canary_site: Callable[..., Site]) -> None:
    site = canary_site()
    site.stack.set("apps.web.router.gateway.parents[0].name", "nowhere")
    site.stack.set("activeColor", "green")
    for _ in range(2):
        failure = site.stack.fail_up().output
        assert "HTTPRoute web was written" in failure
        assert "Gateway nowhere has not looked at it yet" in failure
        assert size(site.stack, "web-blue") == 3
    site.stack.set("apps.web.router.gateway.parents[0].name", "edge")
    site.up()
    assert site.answers(200).versions == {NEW: 200}
