"""Rules that tie several keys of a gate together. Each yields what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.gates.settings import Gate, Via
from components.problems import Path, Problem, remove, set_to, wrong
from components.reach import SPENT_BY_PROXY, SPENT_PREFIXES


def broken(path: Path, gate: Gate) -> Iterator[Problem]:
    """Yield every rule that the gate at `path` breaks."""
    for name, smoke in gate.smoke.items():
        at = (*path, "smoke", name)
        yield from _way(at, smoke.via, smoke.headers)
        if smoke.via is Via.JOB and smoke.image is None:
            key = (*at, "image")
            yield Problem(key, None, "is missing; `via: job` needs an image with curl", set_to(key, "<image>:<tag>"))
        if smoke.via is not Via.JOB and smoke.image:
            yield wrong((*at, "image"), smoke.image, "it is for `via: job` alone", remove((*at, "image")))
        if smoke.allowed_failures >= smoke.count:
            key, reason = (*at, "allowedFailures"), f"of {smoke.count} requests all may fail, so nothing is tested"
            yield wrong(key, smoke.allowed_failures, reason, set_to(key, str(smoke.count - 1)))
    if gate.load:
        at = (*path, "load")
        yield from _way(at, gate.load.via, gate.load.headers)
        if gate.load.via is Via.JOB:
            yield wrong((*at, "via"), Via.JOB, "a load goes by proxy or portforward", set_to((*at, "via"), Via.PROXY))
    yield from _metrics(path, gate)


def _way(path: Path, via: Via, headers: Mapping[str, str]) -> Iterator[Problem]:
    """A header that would not arrive is refused, since the test would then be of something else."""
    for name in headers if via is Via.PROXY else ():
        if name.lower() in SPENT_BY_PROXY or name.lower().startswith(SPENT_PREFIXES):
            fault = "does not arrive: the API server's proxy takes it for itself"
            yield Problem((*path, "headers", name), headers[name], fault, set_to((*path, "via"), Via.PORT_FORWARD))


def _metrics(path: Path, gate: Gate) -> Iterator[Problem]:
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
    for name, metric in gate.metrics.items():
        at = (*path, "metrics", name)
        if metric.min is None and metric.max is None:
            fault = "is missing; a metric needs `max`, `min` or both"
            yield Problem((*at, "max"), None, fault, set_to((*at, "max"), "<number>"))
        if metric.min is not None and metric.max is not None and metric.min > metric.max:
            yield wrong((*at, "min"), metric.min, f"it is above max, {metric.max:g}", set_to((*at, "min"), "<number>"))
        if metric.failure_limit >= metric.count:
            key, reason = (*at, "failureLimit"), f"of {metric.count} measurements all may fail, so nothing is judged"
            yield wrong(key, metric.failure_limit, reason, set_to(key, str(metric.count - 1)))
