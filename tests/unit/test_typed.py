"""What the pages tell people to type besides our own verbs: `pulumi`, `make` and modules of the project.

That the commands do what the pages say is the end-to-end tests' to show; here none of them is mistyped or out of date.
"""

from __future__ import annotations

import re
from functools import reduce
from importlib.util import find_spec
from typing import Any

import click
import pytest

from components.config import load
from components.errors import ConfigError
from components.plan import Component
from engine.commands.root import pulumi
from engine.errors import UnsupportedError, UsageError
from tests.unit.typed import PROJECT, of_pages, parse

CLI_ONLY = {("deployment", "settings"), ("package", "add"), ("preview", "--policy-pack")}
"""What only the real CLI knows, and the embedded engine refuses by name."""

TOLD = sorted(
    {
        (where, *words)
        for where, words in of_pages(r"pulumi|(?:\.\.?/)?pulumiw")
        if where != "benchmarks.md" and words != ["config", "set"]  # names of what was measured, and of the command
    }
)
SETTINGS = [told for told in TOLD if told[1:3] == ("config", "set") and len(told) > 4]


@pytest.mark.parametrize("told", TOLD, ids=" ".join)
def test_what_people_are_told_to_type_can_be_typed(told: tuple[str, ...]) -> None:
    words = list(told[1:])
    if tuple(words[:2]) in CLI_ONLY:
        with pytest.raises((click.UsageError, UnsupportedError)):
            parse(pulumi, words)
    else:
        parse(pulumi, words)


@pytest.mark.parametrize("told", SETTINGS, ids=" ".join)
def test_what_people_are_told_to_set_is_taken(told: tuple[str, ...]) -> None:
    *_, key, value = told[: told.index("--stack")] if "--stack" in told else told
    if not key.startswith("kubernetes:"):
        assert any(taken(key.split("."), value, component) for component in Component)


def taken(path: list[str], value: str, component: Component) -> bool:
    """Whether a stack with an app of the component can have the key."""
    app: dict[str, Any] = {"component": component, "image": "registry.local/web"}
    if path == ["canaryWeight"] and component is Component.CANARY:
        app["canaryReplicas"] = 1
        app["router"] = {"gateway": {"parents": [{"name": "edge"}], "hostnames": ["web.example.com"]}}
    name = path[1] if path[0] == "apps" else "web"
    values: dict[str, Any] = {"tag": "1.0", "imageTag": {"blue": "1.0", "green": "2.0"}, "apps": {name: app}}
    *above, key = path
    reduce(lambda holder, part: holder.setdefault(part, {}), above, values)[key] = value
    try:
        load(values)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("wrong", ["upp", "up --refrehs", "config sett tag 1", "stack init a b"])
def test_what_cannot_be_typed_is_found(wrong: str) -> None:
    with pytest.raises((click.UsageError, UsageError)):
        parse(pulumi, wrong.split())


def test_every_target_that_people_are_told_to_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    told = {words[0] for _, words in of_pages("make")}
    assert {"demo", "test"} <= told <= targets


def test_every_module_that_people_are_told_to_run_is_there() -> None:
    told = {words[0] for _, words in of_pages(r"(?:\.venv/bin/)?python3? -m") if words[0] not in {"venv", "pip"}}
    assert "cluster" in told
    assert not {name for name in told if find_spec(name) is None}


@pytest.mark.parametrize("wrong", ["activColor green", "apps.web.canary.teg 1", "canaryReplicas many"])
def test_what_is_not_taken_is_found(wrong: str) -> None:
    key, value = wrong.split()
    assert not any(taken(key.split("."), value, component) for component in Component)
