"""Seventeen small programs, step by step as the real engine took them: same plans, same results, same state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.cluster_stack import ClusterStack
from tests.engine.recordings import GOLDEN, adapted, differences, final_rows, planned, recorded

pytestmark = pytest.mark.cluster

CASES = sorted(path.name for path in (GOLDEN / "cases").iterdir())

SHELL: dict[str, Callable[[ClusterStack], Any]] = {
    "kubectl create configmap x --from-literal=k=theirs": lambda s: s.create("configmap", "x", data={"k": "theirs"}),
    "kubectl delete configmap x": lambda s: s.delete("configmap", "x"),
    'kubectl patch service c -p {"spec":{"selector":{"color":"red"}}}': lambda s: s.patch(
        "service", "c", {"spec": {"selector": {"color": "red"}}}
    ),
    "kubectl get service c -o json --show-managed-fields": lambda s: s.get("service", "c"),
    "kubectl get things.probe.example t -o json": lambda s: s.get("things.probe.example", "t"),
    "kubectl scale deployment web --replicas=3": lambda s: s.scale("web", 3),
    "kubectl get deployment web -o json": lambda s: s.get("deployment", "web"),
    "kubectl get configmap r -o name": lambda s: s.get("configmap", "r"),
    "kubectl delete configmap r": lambda s: s.delete("configmap", "r"),
    "kubectl get service f -o json --show-managed-fields": lambda s: s.get("service", "f"),
}
"""What was done by hand between the steps, without kubectl."""


@pytest.fixture
def stack(case: str, tmp_path: Path) -> Iterator[ClusterStack]:
    made = ClusterStack(tmp_path, (GOLDEN / "cases" / case / "program.py").read_text(), f"case-{case}")
    made.project.must("config", "set", "--secret", "token", "s3cret")
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, stack: ClusterStack) -> None:
    folder = GOLDEN / "cases" / case
    for step in json.loads((folder / "steps.json").read_text()):
        number = f"{step['step']:02}"
        if "shell" in step:
            found = SHELL[step["shell"]](stack)
            if step["shell"].endswith(("-o json", "--show-managed-fields")):
                _check_object(found, json.loads(adapted((folder / f"{number}-kubectl.txt").read_text())))
        elif "destroy" in step:
            assert stack.project.run("destroy", "--yes", "--skip-preview").code == step["destroy"]["exit"]
        else:
            _check_step(stack, step, folder, number)


def _check_step(stack: ClusterStack, step: dict[str, Any], folder: Path, number: str) -> None:
    where = f"{folder.name} step {number}"
    stack.project.set(step=str(step["config"]["step"]))
    said = stack.project.run("preview", "--json")
    preview = said.json
    ops = {(op, urn, json.dumps(paths or {}, sort_keys=True)) for op, urn, paths in step["preview"]["ops"]}
    assert planned(preview) == ops, f"{where}: {said!r}"
    if said.code == 0:  # a step that fails ends the run: what goes on beside it may not be counted any more
        assert preview["changeSummary"] == step["preview"]["changeSummary"], where
    result = stack.project.run("up", "--yes", "--skip-preview")
    assert result.code == step["up"]["exit"], f"{where}: {result!r}"
    text = adapted((folder / f"{number}-up.txt").read_text())
    assert final_rows(result.out) == final_rows(text), where
    assert differences(stack.comparable(), recorded(folder / f"{number}-checkpoint.json")) == [], where


def _check_object(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["spec"].get("selector") == expected["spec"].get("selector")
    assert found["spec"].get("replicas") == expected["spec"].get("replicas")
    assert found["metadata"].get("labels") == expected["metadata"].get("labels")
