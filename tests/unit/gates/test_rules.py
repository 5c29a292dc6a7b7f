"""What a gate and a migration may say, and what is said back when they may not."""

from __future__ import annotations

from typing import Any

import pytest

from components.config import load
from components.gates.rules import broken
from components.gates.settings import Gate
from components.problems import written
from tests.unit.configs import problems, web

URL = {"url": "http://prometheus:9090"}
INSIDE = {"service": "prometheus"}
METRIC = {"query": "up", "max": 1}


def smoke(**keys: Any) -> dict[str, Any]:
    return web(gate={"smoke": {"home": {"path": "/", **keys}}})


def load_of(**keys: Any) -> dict[str, Any]:
    return web(gate={"load": {"path": "/", **keys}})


def metric(**keys: Any) -> dict[str, Any]:
    return web(gate={"prometheus": URL, "metrics": {"errors": {**METRIC, **keys}}})


def compared(**keys: Any) -> dict[str, Any]:
    return metric(**{"max": None, "query": "up{{color}}", "against": "stable", "maxRatio": 2} | keys)


def prometheus(where: dict[str, Any] | None) -> dict[str, Any]:
    return web(gate={"metrics": {"errors": METRIC}} | ({"prometheus": where} if where is not None else {}))


# what is written, the key that is named under apps.web, a part of what is said, the command or place that puts it right
BROKEN: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a smoke test of nothing": (web(gate={"smoke": {"home": {}}}), "gate.smoke.home.path", "is missing", "'/<path>'"),
    "a path that is none": (smoke(path="home"), "gate.smoke.home.path", "/healthz", "gate.smoke.home.path '/<path>'"),
    "a name that is none": (
        web(gate={"smoke": {"Home": {"path": "/"}}}),
        "gate.smoke.Home",
        "cannot be called so; it must be a name of lower-case letters",
        "rename it",
    ),
    "a way that is none": (
        smoke(via="portfoward"),
        "gate.smoke.home.via",
        "it must be proxy, portforward or job",
        "pulumi config set --path apps.web.gate.smoke.home.via portforward",
    ),
    "a status that is none": (smoke(status=600), "gate.smoke.home.status", "from 100 to 599", "home.status 599"),
    "an expression that is none": (
        smoke(body="("),
        "gate.smoke.home.body",
        "it is no regular expression: missing ), unterminated subpattern",
        "home.body <expression>",
    ),
    "a header that is none": (smoke(headers={"a b": "c"}), 'gate.smoke.home.headers["a b"]', "of a header", "rename"),
    **{
        f"a header's value {value!r}": (
            smoke(headers={"X-Test": value}),
            "gate.smoke.home.headers.X-Test",
            "the value of a header, of ASCII characters",
            "pulumi config set --path apps.web.gate.smoke.home.headers.X-Test <value>",
        )
        for value in ("grün", "a\nb", "a\0")
    },
    "a header's value for Prometheus": (
        prometheus(URL | {"headers": {"Authorization": "Bearer ü"}}),
        "gate.prometheus.headers.Authorization",
        "of ASCII characters",
        "<value>",
    ),
    "no request": (smoke(count=0), "gate.smoke.home.count", "of 1 or more", "home.count 1"),
    "a test that cannot fail": (
        smoke(count=3, allowedFailures=3),
        "gate.smoke.home.allowedFailures",
        "is 3; of 3 requests all may fail, so nothing is tested",
        "pulumi config set --path apps.web.gate.smoke.home.allowedFailures 2",
    ),
    "a job without image": (
        smoke(via="job"),
        "gate.smoke.home.image",
        "is missing; `via: job` needs an image with curl",
        "pulumi config set --path apps.web.gate.smoke.home.image <image>:<tag>",
    ),
    "an image without job": (
        smoke(image="curlimages/curl:8.11.0"),
        "gate.smoke.home.image",
        "it is for `via: job` alone",
        "pulumi config rm --path apps.web.gate.smoke.home.image",
    ),
    "an image without tag": (
        smoke(via="job", image="curlimages/curl"),
        "gate.smoke.home.image",
        "an image with its tag or digest",
        "home.image <image>:<tag>",
    ),
    **{
        f"the header {header}": (
            smoke(headers={header: "x"}),
            f"gate.smoke.home.headers.{header}",
            "does not arrive: the API server's proxy takes it for itself",
            "pulumi config set --path apps.web.gate.smoke.home.via portforward",
        )
        for header in ("Authorization", "HOST", "X-Forwarded-For", "Impersonate-User", "te")
    },
    "a load of nothing": (web(gate={"load": {}}), "gate.load.path", "is missing", "apps.web.gate.load.path"),
    "a load by a job": (
        load_of(via="job"),
        "gate.load.via",
        "a load goes by proxy or portforward",
        "pulumi config set --path apps.web.gate.load.via proxy",
    ),
    "a load's header that does not arrive": (
        load_of(headers={"Host": "example.com"}),
        "gate.load.headers.Host",
        "does not arrive",
        "pulumi config set --path apps.web.gate.load.via portforward",
    ),
    "a load of no rate": (load_of(rate=0), "gate.load.rate", "of 1 or more", "load.rate 1"),
    "a job of no image": (web(gate={"job": {}}), "gate.job.image", "is missing", "apps.web.gate.job.image"),
    "a job as root": (
        web(gate={"job": {"image": "a:1", "runAsUser": 0}}),
        "gate.job.runAsUser",
        "no root",
        "runAsUser 1",
    ),
    "a job's unknown key": (
        web(gate={"job": {"image": "a:1", "comand": ["x"]}}),
        "gate.job.comand",
        "did you mean command?",
        "rename it to command",
    ),
    "metrics of nowhere": (
        prometheus(None),
        "gate.prometheus",
        "is missing; metrics need it",
        "pulumi config set --path apps.web.gate.prometheus.url 'http://<host>:9090'",
    ),
    "a Prometheus of nowhere": (
        prometheus({}),
        "gate.prometheus",
        "needs one of url and service",
        "pulumi config set --path apps.web.gate.prometheus.url 'http://<host>:9090'",
    ),
    "a Prometheus of two places": (
        prometheus(URL | INSIDE),
        "gate.prometheus",
        "needs one of url and service",
        "pulumi config rm --path apps.web.gate.prometheus.url",
    ),
    "a URL that is none": (
        prometheus({"url": "prometheus:9090"}),
        "gate.prometheus.url",
        "an http or https URL without query",
        "http://<host>:<port>",
    ),
    "headers that go nowhere": (
        prometheus(INSIDE | {"headers": {"Authorization": "x"}}),
        "gate.prometheus.headers",
        "go to a url alone; a service is asked through the API server",
        "pulumi config rm --path apps.web.gate.prometheus.headers",
    ),
    "a metric without query": (
        web(gate={"prometheus": URL, "metrics": {"errors": {"max": 1}}}),
        "gate.metrics.errors.query",
        "is missing",
        "<text>",
    ),
    "a metric without bound": (
        metric(max=None),
        "gate.metrics.errors.max",
        "is missing; a metric needs `max`, `min` or both, or `against` and a ratio",
        "pulumi config set --path apps.web.gate.metrics.errors.max <number>",
    ),
    "a bound that is none": (metric(max="1%"), "gate.metrics.errors.max", 'is "1%"; it must be a number', "<number>"),
    "a bound beyond all": (metric(max="inf"), "gate.metrics.errors.max", "a number", "<number>"),
    "bounds the wrong way": (
        metric(min=2),
        "gate.metrics.errors.min",
        "it is above max, 1",
        "apps.web.gate.metrics.errors.min <number>",
    ),
    "a metric that cannot fail": (
        metric(count=2, failureLimit=2),
        "gate.metrics.errors.failureLimit",
        "of 2 measurements all may fail, so nothing is judged",
        "pulumi config set --path apps.web.gate.metrics.errors.failureLimit 1",
    ),
    "a side that is none": (
        compared(against="stabel"),
        "gate.metrics.errors.against",
        "it must be stable or baseline",
        "pulumi config set --path apps.web.gate.metrics.errors.against stable",
    ),
    "a side without ratio": (
        compared(max=1, maxRatio=None),
        "gate.metrics.errors.maxRatio",
        "is missing; `against: stable` needs `maxRatio`, `minRatio` or both",
        "pulumi config set --path apps.web.gate.metrics.errors.maxRatio <number>",
    ),
    "a side without any bound": (compared(maxRatio=None), "gate.metrics.errors.maxRatio", "is missing", "<number>"),
    "a ratio without side": (
        compared(against=None),
        "gate.metrics.errors.against",
        "is missing; maxRatio is a ratio to another side's value",
        "pulumi config set --path apps.web.gate.metrics.errors.against stable",
    ),
    "ratios the wrong way": (
        compared(minRatio=3),
        "gate.metrics.errors.minRatio",
        "is 3.0; it is above maxRatio, 2",
        "apps.web.gate.metrics.errors.minRatio <number>",
    ),
    "bounds the wrong way beside a ratio": (compared(min=2, max=1), "gate.metrics.errors.min", "above max, 1", "<"),
    **{
        f"a negative {key}": (
            compared(**{key: -1}),
            f"gate.metrics.errors.{key}",
            "is -1.0; it must be 0 or more",
            f"pulumi config set --path apps.web.gate.metrics.errors.{key} <number>",
        )
        for key in ("minRatio", "maxRatio", "tolerance")
    },
    "a tolerance beside no ratio": (
        metric(tolerance=0.1),
        "gate.metrics.errors.tolerance",
        "it is beside the ratio to another side, and there is no `against`",
        "pulumi config rm --path apps.web.gate.metrics.errors.tolerance",
    ),
    "the same query of both sides": (
        compared(query="up"),
        "gate.metrics.errors.query",
        'is "up"; without {{color}} in it, it asks the same of both sides',
        "pulumi config set --path apps.web.gate.metrics.errors.query <text>",
    ),
    "a baseline that is none": (
        compared(against="baseline"),
        "gate.metrics.errors.against",
        'is "baseline"; the app has no baseline beside its canary',
        "pulumi config set --path apps.web.baseline true",
    ),
    "an emptiness that is none": (
        metric(onEmpty="ignore"),
        "gate.metrics.errors.onEmpty",
        "fail, pass or inconclusive",
        "<fail|pass|inconclusive>",
    ),
    "a gate's unknown key": (web(gate={"smoek": {}}), "gate.smoek", "did you mean smoke?", "rename it to smoke"),
    "a gate of one color": (
        web(colors={"green": {"gate": {}}}),
        "colors.green.gate",
        "cannot differ by color",
        "move it to apps.web",
    ),
    "a migration's unknown key": (
        web(migration={"command": ["migrate"], "image": "a:1"}),
        "migration.image",
        "known here are command, args, retries, deadlineSeconds",
        "pulumi config rm --path apps.web.migration.image",
    ),
    "a migration that never ends": (
        web(migration={"deadlineSeconds": 0}),
        "migration.deadlineSeconds",
        "of 1 or more",
        "pulumi config set --path apps.web.migration.deadlineSeconds 1",
    ),
    "fewer than no retries": (web(migration={"retries": -1}), "migration.retries", "of 0 or more", "retries 0"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_says_where_why_and_what_to_type(case: str) -> None:
    values, key, reason, remedy = BROKEN[case]
    (problem,) = problems(values)
    assert written(problem.path) == f"apps.web.{key}"
    assert reason in problem.fault
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    "values",
    [
        smoke(via="portforward", headers={"Host": "example.com"}),
        smoke(via="job", image="curl@sha256:" + "0" * 64, headers={"Authorization": "x"}),
        smoke(headers={"X-Test": "1", "Accept": "*/*", "X-Tab": "a\t~", "X-None": "", "X-True": True}),
        smoke(count="10", allowedFailures="9"),
        metric(max=0, min=0),
        metric(max="0.5", min=None),
        metric(max=None, min=-1),
        compared(minRatio=0, tolerance="0.001"),
        compared(maxRatio=None, minRatio="0.9", min=0.5, max=1),
        prometheus(INSIDE | {"namespace": "monitoring", "port": 80}),
        prometheus(URL | {"headers": {"Authorization": "Bearer x"}}),
        web(gate={}, migration={}),
    ],
)
def test_what_is_allowed(values: dict[str, Any]) -> None:
    assert load(values).apps["web"].gate is not None


def test_an_app_with_a_baseline_can_be_compared_with_it() -> None:
    gate = Gate.model_validate(
        {"prometheus": URL, "metrics": {"errors": {"query": "{{color}}", "against": "baseline", "minRatio": 1}}}
    )
    assert not list(broken(("apps", "web", "gate"), gate, baseline=True))
    assert len(list(broken(("apps", "web", "gate"), gate, baseline=False))) == 1
