"""Every example, released by the cookbook's own commands under traffic, several at a time: most of it is waiting."""

from __future__ import annotations

import itertools
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from lightkube.resources.core_v1 import Service

from bench.strategies.cookbook import CLUSTER, EXAMPLES, PAGE, Example, recipes
from bench.strategies.figures import ready, there
from bench.strategies.plays import PLAYS, Step
from bench.strategies.run import READY, Seen, run
from cluster import layout
from tests.e2e.stacks import NEW, OLD, client, remove_namespace

AT_A_TIME = 3
DEADLINE = 240
"""Seconds within which an example has gone through, those before it included."""

_first_port = 31800 + 50 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@dataclass(frozen=True)
class Release:
    """What is typed of an example, and what must be seen of each of its apps.

    `ends` are its ready pods at the end, by version, and `bounds` the fewest that are ready at any time, and the most
    that there are. `first` is the one version that each group gets after the first step.
    """

    steps: tuple[Step, ...]
    ends: Mapping[str, int]
    bounds: tuple[int, int]
    first: Mapping[str, str] = field(default_factory=dict)
    gap: bool = False


def typed(*wishes: str) -> tuple[Step, ...]:
    return tuple(Step(wish, hold=1) for wish in wishes)


RELEASES = {
    "ramped": Release((Step("release", 0, interrupt=6), *typed("pause", "resume")), {NEW: 4}, (4, 5)),
    "stateful": Release(typed("try it", "drop it", "promote"), {NEW: 3}, (2, 3)),
    "blue-green": Release(typed("stage", "promote", "free the pods"), {NEW: 3}, (3, 6), {"users of web": OLD}),
    "blue-green-apps": Release(
        typed("stage", "promote"), {OLD: 2, NEW: 2}, (2, 4), {"users of web": OLD, "users of api": OLD}
    ),
    "canary": Release(typed("try it", "more", "promote"), {NEW: 4}, (4, 8)),
    "canary-route": Release(typed("try it", "more", "drop it"), {OLD: 3}, (3, 4)),
    "testers": Release(typed("let them in", "promote"), {NEW: 3}, (3, 6), {"users of web": OLD, "testers of web": NEW}),
    "shadow": Release(typed("begin", "promote"), {NEW: 3}, (3, 6), {"users of web": OLD}),
    "rolling": Release(typed("release"), {NEW: 4}, (4, 6)),
    "recreate": Release(typed("release"), {NEW: 3}, (0, 3), gap=True),
    "daemon": Release(typed("release"), {NEW: 1}, (1, 2)),
}
"""The long ones first."""


@pytest.fixture(scope="module")
def seen(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    envoy: None,  # noqa: ARG001  # it must be up
) -> Iterator[Mapping[str, Future[Seen]]]:
    """What comes of each example that is asked for."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    asked = [str(item.callspec.params["name"]) for item in items if item.function is test_an_example_is_released]
    ports = free_ports()
    pool = ThreadPoolExecutor(AT_A_TIME)
    yield {name: pool.submit(released, name, tmp_path_factory.mktemp(name), ports) for name in asked}
    pool.shutdown(cancel_futures=True)


def free_ports() -> Iterator[str]:
    services = client("default").list(Service, namespace="*")
    taken = {port.nodePort for service in services for port in (service.spec and service.spec.ports) or []}
    return (str(port) for port in itertools.count(_first_port) if port not in taken)


def released(name: str, folder: Path, ports: Iterator[str]) -> Seen:
    """Go through an example in a namespace, at ports and under a host name of the test's own."""
    namespace = f"e2e-{name}-{uuid.uuid4().hex[:6]}"
    text = (EXAMPLES / f"Pulumi.{name}.yaml").read_text()
    replaced = {CLUSTER: layout.NAME, f"namespace: {name}\n": f"namespace: {namespace}\n"}
    replaced |= {port: next(ports) for port in re.findall(r"nodePort: (\d+)", text)}
    replaced |= {"example.com": f"{namespace}.example.com", "drainSeconds: 5": "drainSeconds: 1"}
    play = replace(next(play for play in PLAYS if play.stack == name), steps=RELEASES[name].steps)
    example = Example(name, folder / "project", replaced)
    try:
        example.set_up()
        return run(play, example, recipes(PAGE.read_text())[name].lines)
    finally:
        remove_namespace(namespace)


@pytest.mark.parametrize("name", RELEASES)
def test_an_example_is_released(name: str, seen: Mapping[str, Future[Seen]]) -> None:
    found, release = seen[name].result(DEADLINE), RELEASES[name]
    lost = {group: answers.errors for group, answers in found.answers.items() if answers.lost}
    assert bool(lost) is release.gap, lost
    least, most = release.bounds
    for app, counts in found.pods.items():
        ends = {key.split()[0]: number for key, number in counts.states[-1].colors.items() if key.endswith(READY)}
        assert ends == release.ends, app
        assert min(ready(counts)) >= least, app
        assert max(there(counts)) <= most, app
    staged, going_on = found.marks[0].end, found.marks[1].begin if release.first else 0
    for group, version in release.first.items():
        assert set(found.answers[group].between(staged, going_on).versions) == {version}, group
    assert {answers.records[-1].version for answers in found.answers.values()} == {max(release.ends)}
    if found.copies:
        assert max(count for _, count in found.copies) > 0
