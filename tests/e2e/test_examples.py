"""Every example, small, released by the cookbook's own commands under traffic."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bench.strategies.cookbook import CLUSTER, EXAMPLES, PAGE, Example, recipes
from bench.strategies.figures import ready, there
from bench.strategies.plays import PLAYS, Step
from bench.strategies.run import READY, Seen, run
from cluster import layout
from tests.e2e.stacks import NEW, OLD, remove_namespace

RATE = 50
TIMEOUT = 10
"""Seconds for a request: a machine that is busy with other tests stands still for some."""


@dataclass(frozen=True)
class Release:
    """What is typed of an example, and what must be seen of each of its apps, which have two pods here.

    `ends` are its ready pods at the end, by version, and `bounds` the fewest that are ready at any time, and the most
    that there are. `first` is the one version that each group gets after the first step.
    """

    steps: tuple[Step, ...]
    ends: Mapping[str, int]
    bounds: tuple[int, int]
    first: Mapping[str, str] = field(default_factory=dict)
    gap: bool = False


ALWAYS = {"canary-route", "recreate", "rolling"}
"""The others are in `make test-full`: what each of them shows has an end-to-end test of its own as well."""


def typed(*wishes: str) -> tuple[Step, ...]:
    return tuple(Step(wish, hold=1) for wish in wishes)


RELEASES = {
    "ramped": Release((Step("release", 0, interrupt=6), *typed("pause", "resume")), {NEW: 2}, (2, 3)),
    "stateful": Release(typed("try it", "drop it", "promote"), {NEW: 2}, (1, 2)),
    "blue-green": Release(typed("stage", "promote", "free the pods"), {NEW: 2}, (2, 4), {"users of web": OLD}),
    "blue-green-apps": Release(
        typed("stage", "promote"), {OLD: 2, NEW: 2}, (2, 4), {"users of web": OLD, "users of api": OLD}
    ),
    "canary": Release(typed("try it", "promote"), {NEW: 2}, (2, 4)),
    "canary-route": Release(typed("try it", "drop it"), {OLD: 2}, (2, 3)),
    "testers": Release(typed("let them in", "promote"), {NEW: 2}, (2, 4), {"users of web": OLD, "testers of web": NEW}),
    "shadow": Release(typed("begin", "promote"), {NEW: 2}, (2, 4), {"users of web": OLD}),
    "rolling": Release(typed("release"), {NEW: 2}, (2, 3)),
    "recreate": Release(typed("release"), {NEW: 2}, (0, 2), gap=True),
    "daemon": Release(typed("release"), {NEW: 1}, (1, 2)),
}


def released(name: str, folder: Path, ports: Iterator[int]) -> Seen:
    """Go through an example in a stack and a namespace, at ports and under a host name of the test's own."""
    namespace = f"e2e-{name}-{uuid.uuid4().hex[:6]}"
    text = (EXAMPLES / f"Pulumi.{name}.yaml").read_text()
    replaced = {CLUSTER: layout.NAME, f"namespace: {name}\n": f"namespace: {namespace}\n"}
    replaced |= dict.fromkeys(re.findall(r"replicas: \d", text), "replicas: 2")
    replaced |= {port: str(next(ports)) for port in re.findall(r"nodePort: (\d+)", text)}
    replaced |= {"example.com": f"{namespace}.example.com", "drainSeconds: 5": "drainSeconds: 1"}
    play = replace(next(play for play in PLAYS if play.stack == name), steps=RELEASES[name].steps)
    example = Example(name, folder / "project", replaced, stack=namespace)
    try:
        example.set_up()
        return run(play, example, recipes(PAGE.read_text())[name].lines, rate=RATE, timeout=TIMEOUT, calm=0.5)
    finally:
        remove_namespace(namespace)


@pytest.mark.usefixtures("envoy")
@pytest.mark.parametrize(
    "name", [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.full) for name in RELEASES]
)
def test_an_example_is_released(name: str, tmp_path: Path, ports: Iterator[int]) -> None:
    found, release = released(name, tmp_path, ports), RELEASES[name]
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
