"""The workflows that docs/ci.md has people turn on: linted, and their scripts run."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from rich.console import Console

from cluster.builds import Build

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yaml"))
BIN = PROJECT / ".venv" / "bin"
ACTIONLINT: Final = Build(
    module="actionlint",
    requirement="github.com/rhysd/actionlint",
    variables=("github.com/rhysd/actionlint.version={version}",),
    expected="half a minute",
    home=Path(__file__).parent,
)


def read(name: str) -> Any:
    return yaml.safe_load((PROJECT / ".github" / "workflows" / f"{name}.yaml").read_text())


def script(workflow: str, job: str, step: str) -> str:
    (found,) = [each["run"] for each in read(workflow)["jobs"][job]["steps"] if each.get("name", "").startswith(step)]
    assert "${{" not in found, "what is filled in before a shell reads it is run by it"
    return str(found)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script as a runner does, in a folder and a home of its own, with programs of the test's own."""
    home = tmp_path / "home"
    home.mkdir()

    def execute(text: str, folder: Path = tmp_path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "HOME": str(home),
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "GITHUB_ACTOR": "ada",
            "GITHUB_REPOSITORY": "shop/releases",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
            cwd=folder,
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return execute


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_there_are_three() -> None:
    assert [path.stem for path in WORKFLOWS] == ["preview", "promote", "up"]


def test_actionlint_finds_nothing() -> None:
    ACTIONLINT.ensure(Console())
    same_everywhere = ["-shellcheck=", "-pyflakes="]  # what else a machine has is not asked
    command: list[str | Path] = [ACTIONLINT.program("actionlint"), *same_everywhere, *WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing() -> None:
    done = subprocess.run([BIN / "zizmor", "--offline", *WORKFLOWS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_nothing_is_permitted_that_no_job_asks_for(path: Path) -> None:
    text, workflow = path.read_text(), yaml.safe_load(path.read_text())
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used), used
    assert workflow["permissions"] == {}
    assert workflow["defaults"]["run"]["shell"] == "bash"  # without `shell:` there is no pipefail
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_up_and_promote_take_turns_on_a_stack() -> None:
    groups = [read("up")["jobs"]["up"]["concurrency"], read("promote")["jobs"]["release"]["concurrency"]]
    assert [re.sub(r"(matrix|inputs)\.stack", "stack", group["group"]) for group in groups] == [
        "cutover-${{ stack }}"
    ] * 2
    assert not any(group["cancel-in-progress"] for group in groups)


def test_the_verbs_are_those_of_cutover() -> None:
    from cutover.cli import cutover  # noqa: PLC0415

    options = read("promote")[True]["workflow_dispatch"]["inputs"]["verb"]["options"]  # YAML 1.1 reads `on` as true
    assert set(options) <= cutover.commands.keys()


def test_the_kubeconfig_is_its_owners(run: Callable[..., Any], tmp_path: Path) -> None:
    for workflow, job in (("preview", "preview"), ("up", "up"), ("promote", "release")):
        assert run(script(workflow, job, "Write the kubeconfig"), KUBECONFIG_TEXT="a: b").returncode == 0
        file = tmp_path / "home" / ".kube" / "config"
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("a: b\n", 0o600)


@pytest.mark.parametrize("code", [0, 2])
def test_a_refused_preview_fails_and_leaves_its_comment(run: Callable[..., Any], tmp_path: Path, code: int) -> None:
    program(tmp_path / ".venv/bin/python", f'echo "$@"; exit {code}')
    done = run(script("preview", "preview", "Say what"), STACKS="staging prod")
    assert done.returncode == code
    assert (tmp_path / "comment.md").read_text() == "-m cutover plan --markdown staging prod\n"


@pytest.mark.parametrize("ids", ["", "17\n", "17\n42\n"])
def test_a_comment_takes_the_place_of_the_last_one(run: Callable[..., Any], tmp_path: Path, ids: str) -> None:
    program(
        tmp_path / "bin" / "gh",
        f'case "$*" in *--paginate*) printf "{ids}";; *) echo "$@" >> {tmp_path}/calls;; esac',
    )
    assert run(script("preview", "comment", "Write the comment"), NUMBER="7").returncode == 0
    where = "PATCH repos/shop/releases/issues/comments/17" if ids else "POST repos/shop/releases/issues/7/comments"
    assert (tmp_path / "calls").read_text() == f"api --silent --method {where} --field body=@comment.md\n"


def test_the_last_one_is_found_among_all_comments(tmp_path: Path) -> None:
    text = script("preview", "comment", "Write the comment")
    assert "--paginate" in text
    (marker,) = re.findall(r'startswith\("(.*?)"\)', text)
    done = subprocess.run(
        [sys.executable, "-m", "cutover", "plan", "--markdown", "--from", "-"],
        input="{}",
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(marker)


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (("promote", ""), "promote"),
        (("undo", ""), "undo"),
        (("stage", "6.9.2; echo no"), "stage 6.9.2; echo no"),
        (("canary", "1,3"), "canary 1,3 --pause resume"),
    ],
)
@pytest.mark.parametrize("code", [0, 5, 3, 4])
def test_a_release(run: Callable[..., Any], tmp_path: Path, words: tuple[str, str], typed: str, code: int) -> None:
    program(tmp_path / ".venv/bin/python", f'echo "$@"; exit {code}')
    run("git init --quiet")
    done = run(script("promote", "release", "Release"), VERB=words[0], ARGUMENT=words[1], STACK="prod")
    assert done.stdout == f"-m cutover {typed} --stack prod --commit\n"
    assert (done.returncode == 0) is (code in {0, 5})  # 5: it is paused


@pytest.mark.parametrize("committed", [True, False])
def test_the_position_is_pushed_beside_what_was_merged_meanwhile(
    run: Callable[..., Any], tmp_path: Path, *, committed: bool
) -> None:
    origin, checkout, other = (tmp_path / name for name in ("origin", "checkout", "other"))
    who = "-c user.name=bo -c user.email=bo@example.com"

    def git(text: str, folder: Path = tmp_path) -> str:
        done = run(text, folder)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    git(f"git init --quiet --bare --initial-branch main {origin} && git clone --quiet {origin} {other}")
    git(
        f"git checkout --quiet -b main; echo blue > Pulumi.prod.yaml; echo 1 > README.md; git add .;"
        f"git {who} commit --quiet -m begin; git push --quiet origin main",
        other,
    )
    git(f"git clone --quiet --depth 1 --branch main file://{origin} {checkout}")
    git(f"echo 2 > README.md; git {who} commit --quiet -am merged; git push --quiet", other)
    git("git config user.name ada && git config user.email ada@example.com && echo green > Pulumi.prod.yaml", checkout)
    if committed:
        git("git commit --quiet --message 'Promote green' -- Pulumi.prod.yaml", checkout)
    program(tmp_path / "bin" / "gh", "exit 0")
    done = run(script("promote", "release", "Push the position"), checkout, VERB="promote", STACK="prod")
    assert done.returncode == 0, done.stderr
    assert git("git show main:Pulumi.prod.yaml main:README.md", origin) == "green\n2\n"
    expected = "Promote green" if committed else "Where promote has left prod"
    assert git("git log -1 --format=%s main", origin).strip() == expected
