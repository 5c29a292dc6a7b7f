"""Stacks side by side: reviews of pull requests, made of one template."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from components.config import load
from components.labels import namespace_name
from components.plan import StackPlan
from components.planner import plan
from components.schema import Settings
from tests.unit.configs import stack

ROOT = Path(__file__).parents[2]
NAMES = some.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)
"""What Pulumi takes as the name of a project or a stack."""


def template() -> Settings:
    config: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.pr.yaml").read_text())["config"]
    return load({key.removeprefix("cutover:"): value for key, value in config.items() if key.startswith("cutover:")})


def objects(of: StackPlan) -> set[tuple[str, str, str]]:
    """What tells the objects of a cluster apart."""
    found = [(each["kind"], each["metadata"]) for each in of.manifests]
    return {(kind, where.get("namespace", ""), where["name"]) for kind, where in found}


def test_two_reviews_have_nothing_in_common() -> None:
    first, second = (plan(template(), owner=f"cutover/pr-shop-{number}") for number in (7, 8))
    assert (first.namespace, second.namespace) == ("cutover-pr-shop-7", "cutover-pr-shop-8")
    assert len(objects(first)) > 10
    assert not objects(first) & objects(second)


def test_a_review_takes_nothing_of_which_a_cluster_has_one() -> None:
    settings = template()
    assert settings.create_namespace
    for app in settings.apps.values():
        assert (app.expose.node_port, app.router) == (None, None)


def test_a_namespace_that_is_named_is_the_one() -> None:
    assert plan(load(stack()), owner="cutover/dev").namespace == "test"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("cutover/dev", "cutover-dev"),
        ("shop/pr-shop-web-17", "shop-pr-shop-web-17"),
        ("Shop/dev", "shop-dev-4a2a24a885"),
        ("shop/feature_x", "shop-feature-x-" + sha256(b"shop/feature_x").hexdigest()[:10]),
        ("_/_", sha256(b"_/_").hexdigest()[:10]),
        ("shop/" + "x" * 90, "shop-" + "x" * 47 + "-" + sha256(b"shop/" + b"x" * 90).hexdigest()[:10]),
    ],
)
def test_a_stack_that_names_no_namespace_has_its_own(owner: str, name: str) -> None:
    assert namespace_name(owner) == name


@given(NAMES, NAMES, NAMES)
def test_any_name_makes_a_namespace_of_its_own(project: str, one: str, other: str) -> None:
    names = [namespace_name(f"{project}/{each}") for each in (one, other)]
    assert (names[0] == names[1]) is (one == other)
    for name in names:
        assert load(stack(namespace=name)).namespace == name
