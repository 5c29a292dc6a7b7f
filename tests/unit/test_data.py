"""What a configuration says is data: nothing expands it, and nothing runs it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.config import load
from components.errors import ConfigError
from components.planner import plan
from tests.unit.configs import app, stack

PROJECT = Path(__file__).parents[2]
HOSTILE = "$(touch /tmp/owned) `id` ${HOME} {{ 7*7 }} {% raw %} %s $text; rm -rf ~ && <script>'\"\\"
NAMES = ["$(id)", "a;b", "a b", "{{7*7}}", "../a", "a\nb", "`id`", "--help", "-x"]
TEXTS: dict[str, Any] = {
    "env": {"TEXT": HOSTILE},
    "config": {"data": {"TEXT": HOSTILE}},
    "args": [HOSTILE],
    "command": ["./app", HOSTILE],
    "podAnnotations": {"text": HOSTILE},
}


@pytest.mark.parametrize("component", ["BlueGreenApp", "CanaryApp", "RollingApp", "StatefulApp"])
def test_texts_reach_their_pods_as_they_are(component: str) -> None:
    manifests = plan(load(stack({"web": app(component, **TEXTS)}, tag="6.9.0")), owner="cutover/unit").manifests
    written = json.dumps(HOSTILE)
    (owner, *_) = (each for each in manifests if each["kind"] in {"Deployment", "StatefulSet"})
    assert json.dumps(owner["spec"]["template"]).count(written) == 4
    assert any(written in json.dumps(each) for each in manifests if each["kind"] == "ConfigMap")


@pytest.mark.parametrize("name", NAMES)
def test_names_and_tags_have_a_grammar_of_their_own(name: str) -> None:
    for values in (
        stack({name: app()}),
        stack(imageTag={"blue": name, "green": "1"}),
        stack({"web": app("RollingApp", tag=name)}),
        stack({"web": app(image=f"registry.local/{name}")}),
        stack(namespace=name),
    ):
        with pytest.raises(ConfigError):
            load(values)


def test_the_cause_of_a_change_is_the_image_and_nothing_that_was_written_freely() -> None:
    (workload,) = plan(load(stack({"web": app("RollingApp", **TEXTS)}, tag="6.9.0")), owner="cutover/unit").workloads
    cause = workload.controller["metadata"]["annotations"]["kubernetes.io/change-cause"]
    assert cause == f"registry.local/podinfo:6.9.0, template {workload.template_hash}"


def calls(folder: str) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted((PROJECT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield str(path.relative_to(PROJECT)), node


def test_programs_are_started_by_lists_of_words_from_two_modules() -> None:
    starters = {"Popen", "run", "call", "check_call", "check_output", "system", "popen", "create_subprocess_shell"}
    starters |= {"create_subprocess_exec", "execv", "execvp", "spawnv", "posix_spawn"}
    found = {
        (path, ast.unparse(call.func))
        for folder in ("components", "cutover", "plugin")
        for path, call in calls(folder)
        if isinstance(call.func, ast.Attribute) and call.func.attr in starters
        if ast.unparse(call.func) != "asyncio.run"
    }
    assert found == {
        ("cutover/driver.py", "subprocess.run"),  # git
        ("cutover/engine.py", "subprocess.Popen"),  # the engine
        ("cutover/engine.py", "subprocess.run"),
    }
    shells = [
        path
        for folder in ("components", "cutover", "plugin", "engine", "cluster")
        for path, call in calls(folder)
        if any(keyword.arg == "shell" for keyword in call.keywords)
    ]
    assert not shells
