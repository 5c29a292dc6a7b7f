"""What a color must pass before it takes traffic: each part of a gate alone stops a version that is not good enough."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from lightkube.resources.batch_v1 import Job

from bench.traffic import Load, running
from cluster import Cluster
from tests.e2e.conftest import blue_green, canary
from tests.e2e.prometheus import start as start_prometheus
from tests.e2e.stacks import IMAGE, NEW, NEXT, OLD, Stack, client, live, size


def refuse(stack: Stack, *told: str) -> None:
    """Try to promote green; it must fail, twice, and leave all traffic on blue."""
    stack.set("activeColor", "green")
    for _ in range(2):
        output = stack.fail_up().output
        for words in told:
            assert words in output, output
        assert "Traceback" not in output
    assert stack.outputs()["web"]["activeColor"] == "blue"


@pytest.mark.parametrize("via", ["proxy", "portforward"])
def test_a_smoke_test_asks_the_staged_version(stack: Callable[..., Stack], via: str) -> None:
    smoke = {"path": "/version", "via": via, "body": NEW, "count": 6, "headers": {"X-Tester": "yes"}}
    web = stack({"web": blue_green(gate={"smoke": {"version": smoke}})})
    web.up()
    web.set("activeColor", "green")
    assert f"smoke version: GET /version via {via}: 6 of 6 requests answered 200" in web.up().output
    assert web.outputs()["web"]["activeColor"] == "green"


@pytest.mark.parametrize("via", ["proxy", "portforward"])
def test_a_smoke_test_that_fails_keeps_traffic_where_it_is(stack: Callable[..., Stack], port: int, via: str) -> None:
    smoke = {"path": "/status/500", "via": via, "count": 3, "allowedFailures": 1}
    web = stack({"web": blue_green(port, gate={"smoke": {"broken": smoke}})})
    web.up()
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), f"refused-{via}") as traffic:
        refuse(web, "web: green (6.9.1) did not pass its gate", "2 of 2 requests failed, 1 may: status 500")
        assert "did not pass its gate on 20" in web.attempt("preview").output
        answers = traffic.stop()
    assert not answers.errors
    assert set(answers.versions) == {OLD}
    web.set("apps.web.force", NEW)
    assert "goes on without its gate, as `force` says" in web.up().output
    assert web.outputs()["web"]["activeColor"] == "green"


def test_a_smoke_test_can_be_sent_from_inside_the_cluster(stack: Callable[..., Stack], cluster: Cluster) -> None:
    smoke = {"path": "/version", "via": "job", "image": cluster.image("curl"), "body": NEW, "count": 5}
    web = stack({"web": blue_green(gate={"smoke": {"version": smoke}})})
    web.up()
    web.set("activeColor", "green")
    assert "smoke version: GET /version via job: 5 of 5 requests answered 200" in web.up().output
    web.set("apps.web.gate.smoke.version.body", "no such version")
    web.set("imageTag.blue", NEXT)
    web.set("activeColor", "blue")
    assert "the body has no match of 'no such version'" in web.fail_up().output


def tenth(image: str) -> dict[str, Any]:
    """Green's overlay: a version that answers 500 to every tenth request."""
    return {"green": {"image": image, "args": []}}


def test_one_error_in_ten_requests_fails_the_smoke_test(stack: Callable[..., Stack], faulty: str) -> None:
    smoke = {"path": "/version", "count": 40}
    web = stack(
        {"web": blue_green(gate={"smoke": {"version": smoke}}, colors=tenth(faulty))},
        imageTag={"blue": OLD, "green": "1.0.0"},
    )
    web.up()
    refuse(web, "status 500, expected 200")


def test_one_error_in_ten_requests_is_out_of_a_metrics_bounds(
    stack: Callable[..., Stack], faulty: str, cluster: Cluster
) -> None:
    failed = 'sum(increase(http_requests_total{color="{{color}}",status=~"5.."}[{{window}}]))'
    all_of_them = 'sum(increase(http_requests_total{color="{{color}}"}[{{window}}]))'
    # a version without an error has no series of errors
    errors = {"query": f"({failed} or vector(0)) / {all_of_them}", "max": 0.02, "count": 3, "intervalSeconds": 2}
    load = {"path": "/version", "rate": 20, "seconds": 10}
    gate = {"load": load, "prometheus": {"service": "prometheus"}, "metrics": {"errors": errors}}
    web = stack(
        {"web": blue_green(replicas=1, gate=gate, colors=tenth(faulty))}, imageTag={"blue": OLD, "green": "1.0.0"}
    )
    web.up()
    start_prometheus(client(web.namespace), web.namespace, cluster.image("prometheus"), "web")
    refuse(web, "metric errors: 0.", "at most 0.02; 1 of 1 measurements out of bounds, 0 may be", "; query: (sum(")
    web.set("apps.web.colors.green.image", IMAGE)
    web.set("imageTag.green", NEW)
    assert "passed: metric errors: 0, 0, 0 (at most 0.02" in web.up().output
    assert web.outputs()["web"]["activeColor"] == "green"


def test_a_canary_with_many_times_the_errors_of_the_live_version_grows_no_further(
    stack: Callable[..., Stack], port: int, faulty: str, cluster: Cluster
) -> None:
    failed = 'sum(increase(http_requests_total{color="{{color}}",status=~"5.."}[{{window}}]))'
    all_of_them = 'sum(increase(http_requests_total{color="{{color}}"}[{{window}}]))'
    query = {"query": f"({failed} or vector(0)) / {all_of_them}", "initialDelaySeconds": 5}
    ratio = {"against": "stable", "maxRatio": 3, "tolerance": 0.03}
    gate = {"prometheus": {"service": "prometheus"}, "metrics": {"errors": query | {"max": 0.3} | ratio}}
    web = stack(
        {"web": canary(port, replicas=1, gate=gate, colors=tenth(faulty))},
        imageTag={"blue": OLD, "green": "1.0.0"},
        canaryReplicas=1,
    )
    web.up()
    start_prometheus(client(web.namespace), web.namespace, cluster.image("prometheus"), "web")
    url = f"http://127.0.0.1:{port}"
    # one request in a hundred is the clients' own fault, so the live version has errors as well
    bad = Load(f"{url}/status/500", rate=2, clients=1, seconds=300)
    with running(Load(f"{url}/version", seconds=300), "compared"), running(bad, "compared-bad"):
        web.set("canaryReplicas", 2)
        told = web.fail_up().output
        assert re.search(r"metric errors: 0\.\d+ on green against 0\.?\d* on blue, ratio ", told), told
        assert "(at most 0.3 and at most 3 times stable or within 0.03 of it; 1 of 1 measurements out of" in told
        assert size(web, "web-green") == 1
        web.set("apps.web.colors.green.image", IMAGE)
        web.set("imageTag.green", NEW)
        web.set("canaryReplicas", 1)
        web.up()
        web.set("canaryReplicas", 2)
        assert "passed: metric errors: 0" in web.up().output
        assert size(web, "web-green") == 2


def test_a_job_tests_the_staged_version(stack: Callable[..., Stack]) -> None:
    job = {"image": f"{IMAGE}:{OLD}", "command": ["./podinfo", "--no-such-flag"]}
    web = stack({"web": blue_green(gate={"job": job})})
    web.up()
    refuse(web, "status 2; its last log lines:", "get version number")
    web.set("apps.web.gate.job.image", f"{IMAGE}:0.0.404")
    refuse(web, "the gate of green (6.9.1) came to no conclusion", "could not run", "image")
    web.set("apps.web.gate.job.image", f"{IMAGE}:{OLD}")
    web.set("apps.web.gate.job.command[1]", "--version")
    assert f"passed: job {IMAGE}:{OLD}: status 0" in web.up().output
    assert not list(client(web.namespace).list(Job))


def test_what_cannot_be_asked_blames_nobody(stack: Callable[..., Stack]) -> None:
    errors = {"query": "up", "max": 0, "intervalSeconds": 1}
    gate = {"prometheus": {"url": "http://127.0.0.1:1"}, "metrics": {"errors": errors}}
    web = stack({"web": blue_green(gate=gate)})
    web.up()
    refuse(web, "came to no conclusion", "metric errors: Prometheus gave no answer")
    web.set("apps.web.gate.metrics.errors.dryRun", "true")
    web.up()
    web.set("apps.web.gate.metrics.errors.dryRun", "false")
    web.set("activeColor", "blue")
    web.up()
    web.set("activeColor", "green")
    web.up()


def test_a_canary_grows_no_further_than_its_gate_lets_it(stack: Callable[..., Stack]) -> None:
    smoke = {"path": "/version", "body": NEW}
    api = stack({"web": canary(replicas=3, gate={"smoke": {"version": smoke}})}, canaryReplicas=1)
    api.up()
    api.set("imageTag.green", NEXT)
    api.up()
    assert size(api, "web-green") == 1
    api.set("canaryReplicas", 2)
    for _ in range(2):
        assert "web: green (6.9.2) did not pass its gate" in api.fail_up().output
    assert size(api, "web-green") == 1
    api.set("imageTag.green", NEW)
    api.set("canaryReplicas", 1)
    api.up()
    api.set("canaryReplicas", 2)
    api.up()
    assert size(api, "web-green") == 2


def test_a_canary_at_full_size_passes_its_gate_before_the_old_color_shrinks(stack: Callable[..., Stack]) -> None:
    smoke = {"path": "/version", "body": NEXT}
    api = stack({"web": canary(replicas=2, gate={"smoke": {"version": smoke}})})
    api.up()
    api.set("activeColor", "green")
    for _ in range(2):
        failure = api.fail_up().output
        assert "web: green (6.9.1) did not pass its gate" in failure
        assert "Both colors are at full size and take about half of the traffic each" in failure
        assert (size(api, "web-blue"), size(api, "web-green")) == (2, 2)
    api.set("activeColor", "blue")
    api.up()
    assert (size(api, "web-blue"), size(api, "web-green")) == (2, 0)


def test_no_app_moves_while_one_has_not_passed(stack: Callable[..., Stack]) -> None:
    smoke = {"path": "/status/500"}
    stack_ = stack({"web": blue_green(replicas=1), "api": blue_green(replicas=1, gate={"smoke": {"broken": smoke}})})
    stack_.up()
    refuse(stack_, "api: green (6.9.1) did not pass its gate")
    assert {live(stack_, app) for app in ("web", "api")} == {"blue"}
