"""A canary driven by a pipeline: each job does one step, in a fresh checkout, and keeps nothing but the state."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

from bench.traffic import Load, running
from tests.e2e.conftest import canary
from tests.e2e.stacks import NEW, Stack


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def job(stack: Stack, number: int) -> Stack:
    """The stack in a new clone, on a machine where no stack is selected."""
    found = copy.copy(stack)
    git(stack.folder.parent, "clone", "--quiet", str(stack.folder), f"job-{number}")
    found.folder = stack.folder.parent / f"job-{number}"
    found.settings = found.folder / stack.settings.name
    found.environment = stack.environment | {
        "PULUMI_HOME": str(found.folder / "home"),
        "GIT_CONFIG_GLOBAL": str(stack.folder.parent / "gitconfig"),
    }
    return found


def test_each_job_does_a_step_from_configuration_and_state_alone(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port, replicas=2)})
    api.up()
    (api.folder.parent / "gitconfig").write_text("[user]\nname = Ann\nemail = ann@example.com\n")
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    git(api.folder, "init", "--quiet", "--initial-branch", "main")
    git(api.folder, "add", ".")
    git(api.folder, *who, "commit", "--quiet", "--message", "begin")
    git(api.folder, "checkout", "--quiet", "--detach")  # so that a job can push
    named = ("--stack", api.namespace)
    with running(Load(f"http://127.0.0.1:{port}/version", rate=100, seconds=600, count=60_000), "pipeline") as sent:
        first = job(api, 1)
        first.drive("canary", "1,2", "--pause", "resume", "--commit", *named, ends=5)
        git(first.folder, "push", "--quiet", "origin", "HEAD:main")
        git(api.folder, "checkout", "--quiet", "--detach", "main")
        second = job(api, 2)
        assert int(yaml.safe_load(second.settings.read_text())["config"]["cutover:canaryReplicas"]) == 1
        assert "step 2 of 3" in second.drive("resume", *named, ends=5).output  # and its configuration is lost
        third = job(api, 3)
        third.drive("resume", "--commit", *named)
        answers = sent.stop()
    assert answers.errors == {}
    assert answers.records[-1].version == NEW
    ended = yaml.safe_load(git(third.folder, "show", f"HEAD:{third.settings.name}"))["config"]
    assert "cutover:release" not in ended
    assert (ended["cutover:activeColor"], int(ended["cutover:canaryReplicas"])) == ("green", 0)
    third.run("preview", "--expect-no-changes", *named)
