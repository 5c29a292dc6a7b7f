"""The settings that Pulumi Deployments takes from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
FILES = sorted(PROJECT.glob("Pulumi.*.deploy.yaml"))
PROGRAM = {"Pulumi.yaml", "__main__.py", "requirements.txt", "components/**"}
"""What an `up` depends on, beside the stack's own file."""
KNOWN: dict[str, set[str]] = {
    "gitHub": {"repository", "pullRequestTemplate", "deployCommits", "previewPullRequests", "paths"},
    "operationContext": {"preRunCommands", "environmentVariables", "options", "oidc"},
    "sourceContext": {"git"},
    "executorContext": {"executorImage"},
}
"""sdk/go/common/apitype/deployments.go in pulumi/pulumi; what it does not know it drops without a word."""


def settings(file: Path) -> Any:
    (found,) = yaml.safe_load(file.read_text()).values()
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_pulumi_knows_every_key(file: Path) -> None:
    assert yaml.safe_load(file.read_text()).keys() == {"settings"}
    for section, values in settings(file).items():
        assert values.keys() <= KNOWN[section]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_an_up_depends_on_starts_a_deployment(file: Path) -> None:
    assert set(settings(file)["gitHub"]["paths"]) == {*PROGRAM, file.name.replace(".deploy", "")}


@pytest.mark.parametrize("name", ["preview", "up"])
def test_it_starts_a_workflow_too(name: str) -> None:
    path = f".github/workflows/{name}.yaml"
    ((_, trigger),) = yaml.safe_load((PROJECT / path).read_text())[True].items()  # YAML 1.1 reads `on` as true
    assert set(trigger["paths"]) == {*PROGRAM, "Pulumi.*.yaml", path}


def test_a_stack_is_deployed_or_copied_for_reviews_and_not_both() -> None:
    github = {file.name.split(".")[1]: settings(file)["gitHub"] for file in FILES}
    assert github["dev"]["deployCommits"] is github["dev"]["previewPullRequests"] is True
    assert "pullRequestTemplate" not in github["dev"]
    assert github["pr"]["pullRequestTemplate"] is True
    assert not github["pr"].keys() & {"deployCommits", "previewPullRequests"}
