"""Rules that tie several keys of a gate together. Each yields what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.gates.settings import CanaryGate, Gate, Metric, Side, Smoke, Via
from components.problems import Path, Problem, remove, set_to, wrong
from components.reach import SPENT_BY_PROXY, SPENT_PREFIXES


def broken(path: Path, gate: Gate, *, baseline: bool = False) -> Iterator[Problem]:
    """Yield every rule that the gate at `path`, a key of its app, breaks; `baseline`: whether the app has one."""
    for name, smoke in gate.smoke.items():
        yield from smoke_broken((*path, "smoke", name), smoke)
    if gate.load:
        at = (*path, "load")
        yield from _way(at, gate.load.via, gate.load.headers)
        if gate.load.via is Via.JOB:
            yield wrong((*at, "via"), Via.JOB, "a load goes by proxy or portforward", set_to((*at, "via"), Via.PROXY))
    yield from _prometheus(path, gate)
    for name, metric in gate.metrics.items():
        at = (*path, "metrics", name)
        yield from _metric(at, metric)
        if metric.against is Side.BASELINE and not baseline:
            fault = "the app has no baseline beside its canary"
            yield wrong((*at, "against"), metric.against, fault, set_to((*path[:-1], "baseline"), "true"))


def canary_broken(path: Path, gate: CanaryGate) -> Iterator[Problem]:
    """Yield every rule that the gate of a StatefulApp's canary, at `path`, breaks."""
    for name, smoke in gate.smoke.items():
        at = (*path, "smoke", name)
        yield from smoke_broken(at, smoke)
        if smoke.via is Via.JOB:
            reason = "a Job asks a Service, and the canary has none of its own"
            yield wrong((*at, "via"), smoke.via, reason, set_to((*at, "via"), Via.PROXY))


def smoke_broken(path: Path, smoke: Smoke) -> Iterator[Problem]:
    """Yield every rule that the smoke test at `path` breaks."""
    yield from _way(path, smoke.via, smoke.headers)
    if smoke.via is Via.JOB and smoke.image is None:
        key = (*path, "image")
        yield Problem(key, None, "is missing; `via: job` needs an image with curl", set_to(key, "<image>:<tag>"))
    if smoke.via is not Via.JOB and smoke.image:
        yield wrong((*path, "image"), smoke.image, "it is for `via: job` alone", remove((*path, "image")))
    if smoke.allowed_failures >= smoke.count:
        key, reason = (*path, "allowedFailures"), f"of {smoke.count} requests all may fail, so nothing is tested"
        yield wrong(key, smoke.allowed_failures, reason, set_to(key, str(smoke.count - 1)))


def _way(path: Path, via: Via, headers: Mapping[str, str]) -> Iterator[Problem]:
    """A header that would not arrive is refused, since the test would then be of something else."""
    for name in headers if via is Via.PROXY else ():
        if name.lower() in SPENT_BY_PROXY or name.lower().startswith(SPENT_PREFIXES):
            fault = "does not arrive: the API server's proxy takes it for itself"
            yield Problem((*path, "headers", name), headers[name], fault, set_to((*path, "via"), Via.PORT_FORWARD))


def _prometheus(path: Path, gate: Gate) -> Iterator[Problem]:
    where = gate.prometheus
    if gate.metrics and where is None:
        key = (*path, "prometheus", "url")
        yield Problem((*path, "prometheus"), None, "is missing; metrics need it", set_to(key, "http://<host>:9090"))
    if where and (where.url is None) == (where.service is None):
        at = (*path, "prometheus", "url")
        remedy = remove(at) if where.url else set_to(at, "http://<host>:9090")
        yield Problem((*path, "prometheus"), None, "needs one of url and service", remedy)
    if where and where.service and where.headers:
        fault = "go to a url alone; a service is asked through the API server"
        yield Problem((*path, "prometheus", "headers"), None, fault, remove((*path, "prometheus", "headers")))


def _metric(path: Path, metric: Metric) -> Iterator[Problem]:
    yield from _bounds(path, metric)
    if metric.against and "{{color}}" not in metric.query:
        fault = "without {{color}} in it, it asks the same of both sides"
        yield wrong((*path, "query"), metric.query, fault, set_to((*path, "query"), "<text>"))
    if metric.tolerance and not metric.against:
        at, fault = (*path, "tolerance"), "it is beside the ratio to another side, and there is no `against`"
        yield wrong(at, metric.tolerance, fault, remove(at))
    if metric.failure_limit >= metric.count:
        key, reason = (*path, "failureLimit"), f"of {metric.count} measurements all may fail, so nothing is judged"
        yield wrong(key, metric.failure_limit, reason, set_to(key, str(metric.count - 1)))


def _bounds(path: Path, metric: Metric) -> Iterator[Problem]:
    values = {"min": metric.min, "max": metric.max}
    ratios = {"minRatio": metric.min_ratio, "maxRatio": metric.max_ratio}
    compared = [key for key, ratio in ratios.items() if ratio is not None]
    if metric.against and not compared:
        fault = f"is missing; `against: {metric.against}` needs `maxRatio`, `minRatio` or both"
        yield Problem((*path, "maxRatio"), None, fault, set_to((*path, "maxRatio"), "<number>"))
    elif not compared and set(values.values()) == {None}:
        fault = "is missing; a metric needs `max`, `min` or both, or `against` and a ratio"
        yield Problem((*path, "max"), None, fault, set_to((*path, "max"), "<number>"))
    if compared and not metric.against:
        fault = f"is missing; {compared[0]} is a ratio to another side's value"
        yield Problem((*path, "against"), None, fault, set_to((*path, "against"), Side.STABLE))
    for bounds in (values, ratios):
        (low, least), (high, most) = bounds.items()
        if least is not None and most is not None and least > most:
            yield wrong((*path, low), least, f"it is above {high}, {most:g}", set_to((*path, low), "<number>"))
    for key, number in {**ratios, "tolerance": metric.tolerance}.items():
        if number is not None and number < 0:
            yield wrong((*path, key), number, "it must be 0 or more", set_to((*path, key), "<number>"))
