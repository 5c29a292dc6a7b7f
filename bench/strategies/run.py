"""A play on the cluster: lines of the cookbook are typed under traffic, and all that is seen is kept."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import httpx2
from lightkube import Client, KubeConfig
from lightkube.resources.core_v1 import Pod, Service

from bench.answers import Answers
from bench.errors import BenchError
from bench.strategies.cookbook import Example
from bench.strategies.plays import Group, Play, Step
from bench.traffic import Load, running
from bench.watch import Counts, Watch, ready_pods, tag
from cluster import gateway, layout

RATE: Final = 100
"""Requests per second of each group of clients."""
TIMEOUT: Final = 2.0
"""Seconds for a request."""
CLIENTS: Final = 200
"""Enough to keep the rate while none is answered."""
CALM: Final = 3.0
"""Seconds before the first command."""
SETTLED: Final = 60.0
"""Seconds for an app that was just made to answer."""

READY, STARTING, ENDING = "ready", "starting", "ending"


@dataclass(frozen=True)
class Mark:
    """A line that was typed, and when (monotonic clock)."""

    step: Step
    line: str
    begin: float
    end: float


@dataclass(frozen=True)
class Seen:
    """What was seen from `begin` to `end` (monotonic clock).

    `pods` are counts of `<tag> <ready, starting or ending>` by app, `answers` what each group got, and `copies` the
    copies of requests that a color had answered by then.
    """

    begin: float
    end: float
    marks: Sequence[Mark]
    pods: Mapping[str, Counts]
    answers: Mapping[str, Answers]
    copies: Sequence[tuple[float, float]] = ()


def run(
    play: Play,
    example: Example,
    lines: Mapping[str, str],
    *,
    rate: float = RATE,
    timeout: float = TIMEOUT,
    calm: float = CALM,
) -> Seen:
    """Type the lines of a play's steps under the traffic of its groups, `calm` seconds after that has begun.

    Raises BenchError.
    """
    loads = {str(group): replace(_load(example, group), rate=rate, timeout=timeout) for group in play.groups}
    for load in loads.values():
        _await_answers(load)
    with contextlib.ExitStack() as stack:
        asking = {group: stack.enter_context(running(load, play.stack)) for group, load in loads.items()}
        watching = {app: stack.enter_context(_census(example.namespace, app)) for app in example.apps}
        copies = stack.enter_context(Copies(example.namespace, play.copied)) if play.copied else None
        begin = time.monotonic()
        time.sleep(calm)
        marks = [_do(example, step, lines[step.wish]) for step in play.steps]
        end = time.monotonic()
        answers = {name: traffic.stop() for name, traffic in asking.items()}
        pods = {app: watch.stop() for app, watch in watching.items()}
    return Seen(begin, end, marks, pods, answers, copies.counted if copies else ())


def _do(example: Example, step: Step, line: str) -> Mark:
    begin = time.monotonic()
    example.type(line, interrupt=step.interrupt)
    end = time.monotonic()
    time.sleep(step.hold)
    return Mark(step, line, begin, end)


def _load(example: Example, group: Group) -> Load:
    app = example.apps[group.app]
    url, headers = gateway.URL, {**group.headers}
    if "router" in app:
        headers["Host"] = app["router"]["gateway"]["hostnames"][0]
    else:
        url = f"http://127.0.0.1:{app['expose']['nodePort']}"
    return Load(f"{url}/version", rate=RATE, clients=CLIENTS, seconds=600, timeout=TIMEOUT, headers=headers)


def _await_answers(load: Load) -> None:
    """Wait until what was just made answers: proxies and routers take a moment to hear of it. Raises BenchError."""
    deadline = time.monotonic() + SETTLED
    while True:
        with running(replace(load, seconds=1), "settle") as traffic:
            answers = traffic.wait()
        if not answers.lost:
            return
        if time.monotonic() > deadline:
            raise BenchError(f"{load.url} does not answer after {SETTLED:.0f} s: {dict(answers.errors)}")


def _census(namespace: str, app: str) -> Watch[Pod]:
    return Watch(KubeConfig.from_file(layout.kubeconfig()), Pod, namespace, {"app": app}, census)


def census(pods: Iterable[Pod]) -> Counter[str]:
    """Count pods by tag and by whether they are ready, not yet, or ending."""
    return Counter(f"{tag(pod)} {_state(pod)}" for pod in pods)


def _state(pod: Pod) -> str:
    if pod.metadata and pod.metadata.deletionTimestamp:
        return ENDING
    return READY if ready_pods([pod]) else STARTING


class Copies:
    """Counts what podinfo behind a Service has answered, twice a second, in a thread of its own."""

    def __init__(self, namespace: str, service: str) -> None:
        self.counted: list[tuple[float, float]] = []
        self._ending = threading.Event()
        config = KubeConfig.from_file(layout.kubeconfig())
        found = Client(config).get(Service, service, namespace=namespace)
        self._url = f"http://{found.spec.clusterIP if found.spec else None}/metrics"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx2.Client(timeout=1, trust_env=False) as client:
            while not self._ending.wait(0.5):
                with contextlib.suppress(httpx2.HTTPError):  # no pod, no copies
                    self.counted.append((time.monotonic(), answered(client.get(self._url).text)))


def answered(metrics: str) -> float:
    """How many requests for /version podinfo says that it has answered."""
    counts = re.findall(r'^http_request_duration_seconds_count\{.*path="version".*\} (\S+)$', metrics, re.MULTILINE)
    return sum(map(float, counts))
