"""A gate asks its parts in order, by the way that each says, and stops after the first that did not pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_plus

import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, Service

from components.color import Role
from components.config import load
from components.gates import gate
from components.gates.findings import Finding, Outcome
from components.gates.gate import Judge
from components.gates.settings import Gate
from components.planner import plan
from components.reach import Answer, Ask, CannotAskError, Reach
from tests.unit.clock import in_no_time
from tests.unit.configs import web
from tests.unit.gates.asks import Way, value
from tests.unit.jobs import Jobs
from tests.unit.plans import an

OK, ERROR, NONE = Answer(200), Answer(500), Answer(error="refused")
INSIDE = {"service": "prometheus", "namespace": "monitoring"}


@dataclass
class There(Jobs):
    """A cluster with the color, and every way into it; what is asked by which way is noted in `asked`."""

    said: dict[str, Answer] = field(default_factory=dict)
    forbidden: str = ""
    asked: list[str] = field(default_factory=list)
    names: Sequence[str] = ("web-green-b", "web-green-a")
    baseline: Sequence[str] = ("web-baseline-a",)
    address: str = "10.0.0.7"
    begin: float = 0
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def reach(self) -> There:
        return self

    def proxy(self, namespace: str, service: str, port: int) -> Ask:
        return self._ask(f"proxy {namespace}/{service}:{port}")

    @asynccontextmanager
    async def forward(self, namespace: str, pods: Sequence[str], port: int) -> AsyncIterator[Ask]:
        yield self._ask(f"forward {namespace}/{','.join(pods)}:{port}")

    def _ask(self, way: str) -> Ask:
        async def ask(path: str, headers: Any, seconds: float) -> Answer:
            self.asked.append(f"{way} {unquote_plus(path)}")
            if path == self.forbidden:
                raise CannotAskError("services/proxy is forbidden")
            return await Way([self.said.get(path, value("1") if "/api/v1/" in path else OK)])(path, headers, seconds)

        return ask

    async def service(self, _: str) -> Service:
        return an(Service, {"spec": {"clusterIP": self.address}})

    async def deployment(self, name: str) -> Deployment:
        spec: dict[str, Any] = {"selector": {}, "template": {}}
        return an(Deployment, {"metadata": {"name": name, "uid": "the-uid"}, "spec": spec})

    async def size(self, name: str) -> int | None:
        return self.sizes.get(name)

    async def pods(self, labels: Any) -> list[Pod]:
        if "job-name" in labels:
            return await super().pods(labels)
        assert labels["app"] == "web"
        found = {"green": self.names, "baseline": self.baseline}[labels["color"]]
        return [an(Pod, {"metadata": {"name": name}}) for name in found]


def judged(there: There, **keys: Any) -> list[Finding]:
    settings = load(web(port=8080, expose={"port": 81}, gate=keys))
    (app,) = plan(settings, owner="cutover/unit").apps
    cluster: Any = there
    asked = app.gate
    assert asked

    async def judge() -> list[Finding]:
        await asyncio.sleep(100)  # what was before is no part of a gate's time
        return await Judge(cluster, app, app.other, lambda _: None).judge(asked)

    return in_no_time(judge())


METRIC = {"query": "up", "max": 1, "initialDelaySeconds": 3}
FULL: dict[str, Any] = {
    "metrics": {"errors": METRIC, "latency": METRIC},
    "prometheus": INSIDE,
    "job": {"image": "tests:1"},
    "load": {"path": "/load", "rate": 1, "seconds": 2},
    "smoke": {"home": {"path": "/home"}, "about": {"path": "/about"}},
}
PARTS = ["smoke home", "smoke about", "load", "job tests:1", "metric errors", "metric latency"]


@pytest.mark.parametrize(
    ("there", "asked", "passed", "failed"),
    [
        (There(), 6, True, False),
        (There(said={"/home": ERROR}), 1, False, True),
        (There(said={"/about": ERROR}), 2, False, True),
        (There(said={"/load": ERROR}), 6, True, False),
        (There(said={"/load": NONE}), 3, False, False),
        (There(code=1), 4, False, True),
        (There(code=None), 4, False, False),
        (There(said={"/api/v1/query?query=up": value("2")}), 6, False, True),
        (There(said={"/api/v1/query?query=up": NONE}), 6, False, False),
        (There(forbidden="/home"), 1, False, False),
        (There(forbidden="/load"), 3, False, False),
        (There(forbidden="/api/v1/query?query=up"), 6, False, False),
    ],
)
def test_asks_in_order_and_stops_after_what_did_not_pass(there: There, asked: int, passed: bool, failed: bool) -> None:  # noqa: FBT001
    found = judged(there, **FULL)
    assert [finding.text.partition(":")[0] for finding in found] == [part.partition(":")[0] for part in PARTS[:asked]]
    assert (gate.passed(found), gate.failed(found)) == (passed, failed)


def test_smoke_tests_alone_ask_nothing_else() -> None:
    (app,) = plan(load(web(gate=FULL)), owner="cutover/unit").apps
    there: Any = There()
    assert app.gate
    found = in_no_time(Judge(there, app, app.other, lambda _: None).smoke(app.gate))
    assert [finding.outcome for finding in found] == [Outcome.PASSED] * 2
    assert there.asked == ["proxy test/web-green:80 /home", "proxy test/web-green:80 /about"]


def test_a_dry_run_stops_nothing() -> None:
    dry = {"errors": METRIC | {"max": 0, "dryRun": True}, "latency": METRIC}
    found = judged(There(), **FULL | {"metrics": dry})
    assert [finding.outcome for finding in found[4:]] == [Outcome.FAILED, Outcome.PASSED]
    assert (gate.passed(found), gate.failed(found)) == (True, False)


def test_a_dry_run_that_is_forbidden_stops_nothing() -> None:
    dry = {"errors": METRIC | {"dryRun": True}}
    assert gate.passed(judged(There(forbidden="/api/v1/query?query=up"), **FULL | {"metrics": dry}))


def test_the_ways_there() -> None:
    there = There()
    by_port = {"path": "/by-port", "via": "portforward"}
    judged(there, smoke={"a": {"path": "/by-proxy"}, "b": by_port}, metrics={"m": METRIC}, prometheus=INSIDE)
    assert there.asked == [
        "proxy test/web-green:81 /by-proxy",
        "forward test/web-green-a,web-green-b:8080 /by-port",
        "proxy monitoring/prometheus:9090 /api/v1/query?query=up",
    ]


def test_a_prometheus_by_its_url_is_asked_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    way = Way([value("1")])
    monkeypatch.setattr(gate, "direct", {"http://prometheus:9090": way}.__getitem__)
    where = {"url": "http://prometheus:9090", "headers": {"Authorization": "Bearer x"}}
    assert gate.passed(judged(There(), metrics={"m": METRIC}, prometheus=where))
    assert [headers for *_, headers in way.asked] == [{"Authorization": "Bearer x"}]


def test_queries_know_what_is_judged_and_since_when() -> None:
    there = There()
    metric = METRIC | {"query": "{{app}} {{namespace}} {{color}} {{live}} {{window}} {{other}}"}
    judged(there, **FULL | {"job": None, "metrics": {"m": metric}})
    # a second between the two requests of the load, three before the measurement
    assert there.asked[-1].endswith("/api/v1/query?query=web test green blue 4s {{other}}")


def judged_as(role: Role, there: There, **keys: Any) -> list[Finding]:
    """The same of green in a role of its own, beside a blue that listens on another port."""
    (app,) = plan(load(web(port=8080, colors={"blue": {"port": 7070}})), owner="cutover/unit").apps
    cluster: Any = there
    judge = Judge(cluster, app, replace(app.other, role=role), lambda _: None)
    return in_no_time(judge.judge(Gate.model_validate({"prometheus": INSIDE} | keys)))


@pytest.mark.parametrize(
    ("against", "role", "baseline", "side"),
    [
        ("stable", Role.CANARY, 1, "blue"),
        ("baseline", Role.CANARY, 1, "baseline"),
        ("baseline", Role.CANARY, None, "baseline"),
        ("baseline", Role.ACTIVE, 1, "baseline"),
        ("baseline", Role.ACTIVE, 0, "blue"),
        ("baseline", Role.ACTIVE, None, "blue"),
    ],
)
@pytest.mark.parametrize("via", ["proxy", "portforward"])
def test_compares_with_the_side_that_is_there(
    against: str, role: Role, baseline: int | None, side: str, via: str
) -> None:
    there = There(sizes={} if baseline is None else {"web-baseline": baseline})
    metric = METRIC | {"query": "{{color}} of {{app}} beside {{live}} {{window}}", "against": against, "maxRatio": 1}
    gentle = {"path": "/load", "rate": 1, "seconds": 1, "via": via}
    found = judged_as(role, there, metrics={"m": metric}, load=gentle)
    assert gate.passed(found)
    ways = {
        "proxy": ["proxy test/web-green:80 /load", "proxy test/web-baseline:80 /load"],
        "portforward": ["forward test/web-green-a,web-green-b:8080 /load", "forward test/web-baseline-a:7070 /load"],
    }
    # a baseline gets the load that the judged color gets; the live color has its own
    loaded = ways[via] if side == "baseline" else ways[via][:1]
    assert sorted(there.asked[:-2]) == sorted(loaded * 2)
    assert [finding.text.partition(":")[0] for finding in found[:-1]] == ["load", "load on baseline"][: len(loaded)]
    judged, beside = [text.partition("/api/v1/query?")[2] for text in there.asked[-2:]]
    assert judged == "query=green of web beside blue 3s"
    assert beside == f"query={side} of web beside blue 3s&time=1760000000.123"


def test_a_baseline_that_cannot_be_asked_blames_nobody() -> None:
    metric = METRIC | {"query": "{{color}}", "against": "baseline", "maxRatio": 1}
    gentle = {"path": "/", "rate": 1, "seconds": 1, "via": "portforward"}
    found = judged_as(Role.CANARY, There(baseline=[]), metrics={"m": metric}, load=gentle)
    assert [finding.outcome for finding in found] == [Outcome.PASSED, Outcome.INCONCLUSIVE]
    assert found[-1].text == "load on baseline: web-baseline has no pods"


def test_jobs_ask_the_colors_own_service_and_go_with_its_deployment() -> None:
    there = There(printed=["cutover-answer 200 "])
    by_job = {"path": "/by-job", "via": "job", "image": "curl:1"}
    assert gate.passed(judged(there, smoke={"a": by_job}, job={"image": "tests:1"}))
    smoke, test = there.started
    assert smoke["metadata"]["name"] != test["metadata"]["name"]
    assert smoke["spec"]["template"]["spec"]["containers"][0]["args"][-1] == "http://10.0.0.7:81/by-job"
    assert test["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "http://10.0.0.7:81"
    for manifest in there.started:
        assert manifest["metadata"]["ownerReferences"][0]["uid"] == "the-uid"
        assert len(manifest["metadata"]["name"]) <= 63


@pytest.mark.parametrize(
    ("there", "keys", "why"),
    [
        (There(names=[]), {"via": "portforward"}, "smoke a: web-green has no pods"),
        (There(address=""), {"via": "job", "image": "curl:1"}, "smoke a: Service web-green has no address"),
        (There(forbidden="/"), {}, "smoke a: services/proxy is forbidden"),
    ],
)
def test_what_cannot_be_asked_blames_nobody(there: There, keys: dict[str, Any], why: str) -> None:
    (finding,) = judged(there, smoke={"a": {"path": "/", **keys}})
    assert (finding.outcome, finding.text) == (Outcome.INCONCLUSIVE, why)


def test_a_job_that_starts_late_blames_nobody() -> None:
    by_job = {"path": "/", "via": "job", "image": "curl:1", "deadlineSeconds": 5}
    (finding,) = judged(There(seconds=30, printed=["cutover-answer 200 "]), smoke={"a": by_job})
    assert finding.outcome is Outcome.PASSED


def test_an_api_server_that_is_away_blames_nobody() -> None:
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}
    config = KubeConfig.from_dict({"clusters": [cluster], "users": [{"name": "u", "user": {}}], "contexts": [context]})
    named: Any = config.get("c")

    @dataclass
    class Away(There):
        @property
        def reach(self) -> Any:
            return Reach(named)

    (finding,) = judged(Away(), smoke={"a": {"path": "/"}})
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.text.startswith("smoke a: the API server does not answer (")
