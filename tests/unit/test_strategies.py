"""The cookbook, its examples and its pictures say the same."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from lightkube.models.core_v1 import Container, PodCondition, PodSpec, PodStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from bench.answers import Answer, Answers
from bench.strategies import drawing, figures
from bench.strategies.cookbook import EXAMPLES, PAGE, Recipe, recipes
from bench.strategies.plays import PLAYS, Step
from bench.strategies.run import Mark, Seen, answered, census
from bench.watch import Count, Counts
from tests.e2e.test_examples import RELEASES

TEXT = PAGE.read_text()
RECIPES = recipes(TEXT)
STACKS = [path.suffixes[0][1:] for path in sorted(EXAMPLES.glob("Pulumi.?*.yaml"))]


def config(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def section(stack: str) -> str:
    (found,) = (part for part in TEXT.split("\n## ") if f"examples/Pulumi.{stack}.yaml" in part)
    return found


def test_every_example_has_a_section_a_play_and_a_test() -> None:
    assert set(STACKS) == set(RECIPES) == {play.stack for play in PLAYS} == set(RELEASES)
    assert len(STACKS) == 11


def test_every_line_is_run_by_a_play_or_a_test() -> None:
    run = {
        RECIPES[play.stack].lines[step.wish] for play in PLAYS for step in (*play.steps, *RELEASES[play.stack].steps)
    }
    assert {line for recipe in RECIPES.values() for line in recipe.lines.values()} == run


@pytest.mark.parametrize("stack", STACKS)
def test_a_section_shows_what_its_example_says(stack: str) -> None:
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", section(stack), re.DOTALL | re.MULTILINE)
    example = config((EXAMPLES / f"Pulumi.{stack}.yaml").read_text())["config"]
    assert contains(example, config(shown))


def contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    return bool(whole == part)


@pytest.mark.parametrize("stack", STACKS)
def test_an_example_names_commands_of_its_section(stack: str) -> None:
    text = (EXAMPLES / f"Pulumi.{stack}.yaml").read_text()
    named = re.findall(r"^#   (pulumi .*? && pulumi up)(?: |$)", text, re.MULTILINE)
    assert named
    assert set(named) <= set(RECIPES[stack].lines.values())


def test_examples_share_no_port_and_no_namespace() -> None:
    texts = [(EXAMPLES / f"Pulumi.{stack}.yaml").read_text() for stack in STACKS]
    ports = [port for text in texts for port in re.findall(r"nodePort: (\d+)", text)]
    assert len(ports) == len(set(ports))
    assert [config(text)["config"]["cutover:namespace"] for text in texts] == STACKS


def test_a_recipe_is_read_from_its_section() -> None:
    page = (
        "# Page\n\n## One\n\n**For** this and\nthat. More.\n[`a`](../examples/Pulumi.a-b.yaml).\n\n"
        "| to | type |\n|---|---|\n| go | `pulumi config set x y && pulumi up` |\n| pause | nothing `x` |\n\n## Two\n"
    )
    assert recipes(page) == {"a-b": Recipe("One", "this and that", {"go": "pulumi config set x y && pulumi up"})}


def pod(tag: str, *, ready: bool, ending: bool = False) -> Pod:
    condition = PodCondition(type="Ready", status=str(ready))
    meta = ObjectMeta(name=tag, deletionTimestamp=None if not ending else "2026-01-01T00:00:00Z")  # type: ignore[arg-type]
    spec = PodSpec(containers=[Container(name="app", image=f"registry.local/podinfo:{tag}")])
    return Pod(metadata=meta, spec=spec, status=PodStatus(conditions=[condition]))


def test_pods_are_counted_by_tag_and_state() -> None:
    there = [pod("1", ready=True), pod("1", ready=True, ending=True), pod("2", ready=False), pod("2", ready=True)]
    assert census(there) == {"1 ready": 1, "1 ending": 1, "2 starting": 1, "2 ready": 1}


def test_copies_are_what_podinfo_says_that_it_answered() -> None:
    metrics = (
        'http_request_duration_seconds_count{method="GET",path="readyz",status="200"} 7\n'
        'http_request_duration_seconds_count{method="GET",path="version",status="200"} 41\n'
        'http_request_duration_seconds_count{method="GET",path="version",status="500"} 1\n'
    )
    assert answered(metrics) == 42


def answer(at: float, version: str | None) -> Answer:
    return Answer(at, at, 0.002, 0, version, None if version else "refused")


def made() -> Seen:
    """From 100 to 110: 6.9.0 until 104, a failure, and then 6.9.1, with a command from 102 to 106 and one at 108."""
    answers = [answer(100 + tenth / 10, "6.9.0" if tenth < 40 else "6.9.1") for tenth in range(100) if tenth != 40]
    states = (
        Count(99, 99, Counter({"6.9.0 ready": 2})),
        Count(103, 103, Counter({"6.9.0 ready": 2, "6.9.1 starting": 1})),
        Count(104, 104, Counter({"6.9.0 ready": 1, "6.9.1 ready": 1, "6.9.0 ending": 1})),
        Count(105, 105, Counter({"6.9.1 ready": 2})),
    )
    marks = (
        Mark(Step("release"), "pulumi config set tag 6.9.1 && pulumi up", 102, 106),
        Mark(Step("roll back"), "pulumi up", 108, 109),
    )
    every = Answers.of([*answers, answer(104, None)])
    return Seen(100, 110, marks, {"web": Counts(states)}, {"users of web": every})


def test_the_tables_tell_what_was_seen() -> None:
    seen = made()
    *_, release, back = (line.split(" | ") for line in figures.steps(seen).splitlines())
    assert release == ["| release", "4.0", "6.9.0 34%, 6.9.1 66%", "1 (1 refused) / 60", "2 / 2", "2 to 2", "3 |"]
    assert back == ["| roll back", "1.0", "6.9.1 100%", "0 / 20", "2 / 2", "2 to 2", "2 |"]
    told = figures.comparison({"rolling": seen}, {"rolling": Recipe("A/B by header", "this", {})}).splitlines()[-1]
    row = "| [A/B by header](#ab-by-header) | this | never | 1 (1 refused) / 100 | 2 | 2 of 2 | 1 | 4 | 1 |"
    assert told == row


def test_what_is_there_for_a_blink_is_not_told() -> None:
    states = [(1.0, 2), (2.0, 4), (2.05, 3), (2.5, 2)]
    counts = Counts(tuple(Count(at, at, Counter({"6.9.0 ready": number})) for at, number in states))
    assert figures.there(counts) == [2, 3, 2]
    assert figures.ready(counts) == [2, 4, 3, 2]


def test_both_versions_answer_for_a_time_or_as_long_as_one_likes() -> None:
    seen = made()
    mixed = [answer(100 + tenth / 10, ("6.9.0", "6.9.1")[tenth % 2]) for tenth in range(40, 60)]
    others = [each for each in seen.answers["users of web"] if not 104 <= each.start < 106]
    for_a_time = Seen(100, 110, seen.marks, seen.pods, {"users": Answers.of([*others, *mixed])})
    assert figures.both(for_a_time) == "1.7 s"
    later = [answer(109.5 + tenth / 100, "6.9.0") for tenth in range(10)]
    assert figures.both(Seen(100, 110, seen.marks, seen.pods, {"users": Answers.of([*others, *later])})) == (
        "until you go on"
    )


def test_a_picture_shows_all_pods_and_all_answers() -> None:
    seen = made()
    pods, answers = drawing.lanes(seen)
    assert [(column.begin, column.end) for column in pods.columns] == [(0, 3), (3, 4), (4, 5), (5, 10)]
    assert [sum(column.heights.values()) for column in pods.columns] == [2, 3, 3, 2]
    counted = sum(sum(column.heights.values()) * (column.end - column.begin) for column in answers.columns)
    assert math.isclose(counted, 100)
    assert {key for column in pods.columns for key in column.heights} <= pods.styles.keys()
    assert {key for column in answers.columns for key in column.heights} <= answers.styles.keys()


def test_a_picture_is_an_image_with_a_line_for_each_command(tmp_path: Any) -> None:
    path = tmp_path / "a" / "picture.svg"
    drawing.save(made(), path)
    # three pods, one upon the other, reach the top of their lane
    assert f"V{drawing._TOP + drawing._TITLE:.1f}" in path.read_text()
    texts = [node.text for node in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314  # our own
    assert "config set tag 6.9.1 && up" in texts
    assert {"1", "2", "release", "roll back", "failed"} <= set(texts)
