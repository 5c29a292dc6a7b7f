"""The command line: words, exit codes, and what is refused by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.projects import Project
from tests.engine.recordings import GOLDEN

Make = Callable[[str], Project]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a stack and no resources."""
    return Project(tmp_path_factory.mktemp("bare"), "import pulumi\n", fake=True)


def test_without_a_stack(tmp_path: Path) -> None:
    result = Project(tmp_path, "", fake=True, stack=False).run("preview")
    assert result.code == 1
    assert result.err == (
        "error: no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["new"], 1, "does not do `pulumi new`"),
        (["stack", "tag"], 1, "does not do `pulumi stack tag`"),
        (["config", "env"], 1, "does not do `pulumi config env`"),
        (["frobnicate"], 2, 'unknown command "frobnicate" for "pulumi"'),
        (["up", "--policy-pack", "x"], 2, "the flag --policy-pack"),
        (["preview", "--save-plan", "x"], 2, "the flag --save-plan"),
        (["destroy", "--run-program"], 2, "the flag --run-program"),
        (["up"], 2, "--yes or --skip-preview or --preview-only must be passed in"),
        (["stack", "init", "a b"], 2, "invalid stack name 'a b'"),
        (["stack", "init", "dev"], 1, "stack 'organization/probe/dev' already exists"),
        (["stack", "select", "nope"], 1, "no stack named 'nope' found"),
        (["stack", "output", "nope"], 1, "current stack does not have output property 'nope'"),
        (["config", "get", "nope"], 1, "configuration key 'nope' not found for stack 'dev'"),
        (["preview", "-s", "other"], 1, "no stack named 'other' found"),
        (["preview", "-s", "org/elsewhere/dev"], 2, "is not one of project 'probe'"),
        (["stack", "init", "--secrets-provider", "awskms://x", "kms"], 1, "the secrets provider 'awskms://x'"),
    ],
)
def test_refusals_name_what_they_refuse(bare: Project, arguments: list[str], code: int, words: str) -> None:
    result = bare.run(*arguments)
    assert result.code == code
    assert words in result.err
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1


def test_global_flags_may_stand_anywhere(bare: Project, tmp_path: Path) -> None:
    folder, bare.folder = bare.folder, tmp_path
    try:
        assert bare.must("stack", "--show-name", "--non-interactive", "-C", str(folder)).out == "dev\n"
        assert bare.must(f"--cwd={folder}", "config", "set", "dash", "--", "-C").code == 0
        assert bare.must("config", "get", "dash", "--cwd", str(folder)).out == "-C\n"
        bare.must("config", "rm", "dash", "--cwd", str(folder))
    finally:
        bare.folder = folder


def test_other_backends_are_refused(bare: Project) -> None:
    bare.environment["PULUMI_BACKEND_URL"], before = "https://api.pulumi.com", bare.environment["PULUMI_BACKEND_URL"]
    try:
        result = bare.run("preview")
    finally:
        bare.environment["PULUMI_BACKEND_URL"] = before
    assert result.code == 1
    assert "the backend 'https://api.pulumi.com'" in result.err


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("pulumi.CustomResource('random:index/randomPet:RandomPet', 'r', {})", "the provider 'random'"),
        ("pulumi.CustomResource('kubernetes:yaml/v2:ConfigFile', 'c', {})", "kubernetes:yaml/v2:ConfigFile"),
        ("pulumi.CustomResource('kubernetes:core/v1:ConfigMapPatch', 'c', {})", "kubernetes:core/v1:ConfigMapPatch"),
        ("pulumi.runtime.invoke('kubernetes:yaml:decode', {})", "the function kubernetes:yaml:decode"),
        ("pulumi.StackReference('organization/p/s')", "the provider 'pulumi'"),
        ("Thing('a', opts=Opts(import_='x'))", "import (kubernetes:core/v1:ConfigMap 'a')"),
        ("pulumi.ComponentResource('a:b:C', 'c', {}, remote=True)", "remote components"),
        ("Thing('a', opts=Opts(transforms=[lambda args: None]))", "does not support transforms"),
    ],
)
def test_what_a_program_may_not_use_is_named(project: Make, program: str, words: str) -> None:
    result = project(f"{program}\n").run("preview")
    assert result.code == 1
    assert words in result.out


def test_the_version_that_a_project_asks_for_is_checked(project: Make) -> None:
    stack = project("")
    yaml = stack.folder / "Pulumi.yaml"
    yaml.write_text(yaml.read_text() + 'requiredPulumiVersion: ">=99.0.0"\n')
    result = stack.run("preview")
    assert result.code == 1
    assert "pulumi versions '>=99.0.0'" in result.err + result.out
    yaml.write_text(yaml.read_text().replace(">=99.0.0", ">=3.200.0 <4.0.0"))
    stack.must("preview")


def test_an_error_of_the_program_is_shown_without_the_frames_below_it(project: Make) -> None:
    result = project("def f():\n    raise KeyError('imageTag')\nf()\n").run("preview")
    assert result.code == 1
    assert "error: Program failed with an unhandled exception:" in result.out
    assert "KeyError: 'imageTag'" in result.out
    assert "runpy" not in result.out
    assert "error: preview failed" in result.out


def test_a_run_error_is_one_line(project: Make) -> None:
    result = project("raise pulumi.RunError('activeColor must be blue or green')\n").run("up", "--yes")
    assert result.code == 1
    assert "    error: activeColor must be blue or green\n" in result.out
    assert "Traceback" not in result.out


def test_a_program_that_leaves_early_is_a_failure(project: Make) -> None:
    result = project("import sys\nThing('a', name='a')\nsys.exit(3)\n").run("up", "--yes", "--skip-preview")
    assert result.code == 1
    assert "Program exited with non-zero exit code: 3" in result.out


def test_what_the_program_prints_is_shown(project: Make) -> None:
    result = project("import sys\nprint('hello')\nprint('world', file=sys.stderr)\n").must("preview")
    assert "    hello\n" in result.out
    assert "    world\n" in result.out


def test_secrets_are_never_shown_or_written(project: Make) -> None:
    stack = project(
        "s = config.require_secret('s')\nThing('a', name='a', value=s, deep={'x': [s]})\npulumi.export('s', s)\n"
    )
    stack.must("config", "set", "--secret", "s", "hunter2")
    said = ""
    for command in (
        "preview",
        "preview --diff",
        "preview --json",
        "up --yes",
        "up --yes --skip-preview --json",
        "stack",
    ):
        result = stack.must(*command.split())
        said += result.out + result.err
    said += "".join(p.read_text() for p in stack.state.rglob("*") if p.is_file())
    said += (stack.folder / "Pulumi.dev.yaml").read_text()
    assert "hunter2" not in said
    assert stack.must("stack", "output", "s").out == "[secret]\n"
    assert stack.must("stack", "output", "s", "--show-secrets").out == "hunter2\n"
    assert stack.must("config", "get", "s").out == "hunter2\n"
    assert json.loads((stack.cloud / "a.json").read_text())["deep"] == {"x": ["hunter2"]}


def test_config_from_the_command_line(bare: Project) -> None:
    bare.must("config", "set", "--path", "tag.blue", "v1")
    bare.must("config", "set", "text", stdin="from a pipe\n")
    bare.must("config", "set", "negative", "--", "-1")
    assert bare.must("config", "get", "--path", "tag.blue").out == "v1\n"
    assert bare.must("config", "get", "tag", "--json").json == {
        "value": '{"blue":"v1"}',
        "secret": False,
        "objectValue": {"blue": "v1"},
    }
    listed = bare.must("config").out.splitlines()
    assert [line.split()[0] for line in listed] == ["KEY", "negative", "tag", "text"]
    for key in ("tag", "text", "negative"):
        bare.must("config", "rm", key)
    assert bare.must("config", "--json").json == {}


def test_many_values_are_written_at_once_or_not_at_all(bare: Project) -> None:
    file = bare.folder / "Pulumi.dev.yaml"
    file.write_text(file.read_text().split("config:")[0] + "config:\n  # the tags\n  probe:tag:\n    blue: v0 # old\n")
    pairs = [
        "--plaintext",
        "tag.blue=v1",
        "--plaintext",
        "tag.green=012",
        "--plaintext",
        "n[0]=3",
        "--plaintext",
        "a=b=c",
    ]
    bare.must("config", "set-all", "--path", *pairs, "--plaintext", "'q.x=y'=1", "--secret", "deep.token=hunter2")
    assert "  # the tags\n  probe:tag:\n    blue: v1 # old\n    green: '012'\n" in file.read_text()
    assert "hunter2" not in file.read_text()
    assert {key: value.get("objectValue", value["value"]) for key, value in _shown(bare).items()} == {
        "probe:a": "b=c",
        "probe:deep": {"token": "hunter2"},
        "probe:n": [3],
        "probe:q": {"x=y": 1},
        "probe:tag": {"blue": "v1", "green": "012"},
    }
    written = file.read_text()
    for wrong, words in (
        ("lonely", "config value must be in the form [key]=[value]"),
        ("tag[0]=1", "key for a map must be a string"),
    ):
        result = bare.run("config", "set-all", "--path", "--plaintext", "tag.blue=v9", "--plaintext", wrong)
        assert (result.code, result.err.count("\n")) == (1, 1)
        assert words in result.err
        assert file.read_text() == written
    bare.must("config", "rm-all", "--path", "tag.green", "n[0]", "deep", "nothing.here")
    assert _shown(bare).keys() == {"probe:a", "probe:n", "probe:q", "probe:tag"}
    assert bare.must("config", "get", "tag").out == '{"blue":"v1"}\n'
    bare.must("config", "rm-all", "a", "n", "q", "tag")
    assert _shown(bare) == {}
    assert bare.run("config", "rm-all").code == 2


def test_set_all_without_paths_takes_keys_as_they_are(bare: Project) -> None:
    bare.must("config", "set-all", "--plaintext", "a.b=3", "--secret", "s=hunter2")
    assert _shown(bare) == {
        "probe:a.b": {"value": "3", "secret": False},
        "probe:s": {"value": "hunter2", "secret": True},
    }
    bare.must("config", "rm-all", "a.b", "s")


def _shown(stack: Project) -> Any:
    return stack.must("config", "--json", "--show-secrets").json


def test_history_is_shown_as_the_cli_shows_it(project: Make) -> None:
    stack = project("")
    assert stack.must("stack", "history").out == "Stack has never been updated\n"
    assert stack.must("stack", "history", "--json").json == []
    folder = stack.state / "history/probe/dev"
    folder.mkdir(parents=True)
    (folder / "dev-1795248286000000000.history.json").write_text((GOLDEN / "history-03.json").read_text())
    expected = json.loads((GOLDEN / "09-history-json.json").read_text())[-1]
    assert stack.must("stack", "history", "--json").out == json.dumps([expected], indent=2) + "\n"
    shown = stack.must("stack", "history", "--json", "--show-secrets").json
    assert shown[0]["config"]["cutover:token"] == {"value": "s3cret", "secret": True}
    lines = stack.must("stack", "history").out.split("\n")
    assert lines[:4] == ["Version: 0", "UpdateKind: update", "Status: succeeded", "Message: "]
    assert lines[4].startswith("+9-0~0 0 Updated ")
    assert lines[4].endswith(" took 15s")
    assert lines[5:7] == ["    exec.kind: cli", "    pulumi.arch: amd64"]
    assert lines[-3:] == ["    updatePlan: false", "", ""]


def test_history_has_pages_from_the_newest(project: Make) -> None:
    stack = project("config.require('x')\n")
    for count in "1", "2", "3":
        stack.set(x=count)
        stack.must("up", "--yes", "--skip-preview", "-m", f"number {count}")

    def messages(*flags: str) -> list[str]:
        return [update["message"] for update in stack.must("stack", "history", "--json", *flags).json]

    assert messages() == messages("--page-size", "0") == ["number 3", "number 2", "number 1"]
    assert messages("--page-size", "2", "--page", "2") == ["number 1"]
    assert messages("--page-size", "1", "--page", "0") == ["number 3"]
    assert stack.must("stack", "history", "--page", "9").out == "No stack updates found on page '9'\n"


def test_history_tells_the_commit(project: Make) -> None:
    stack = project("")
    stack.environment |= {f"GIT_{who}_{what}": f"{who}@{what}" for who in _WHO for what in ("NAME", "EMAIL")}
    stack.environment |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CEILING_DIRECTORIES": str(stack.folder.parents[1])}
    for command in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["add", "__main__.py"],
        ["commit", "--quiet", "--message", "Promote green\n\nIt passed."],
    ):
        subprocess.run(["git", *command], cwd=stack.folder, env=stack.environment, check=True)
    stack.up()
    stack.environment |= {"PATH": ""}
    stack.up()
    without, update = stack.must("stack", "history", "--json").json
    assert update["message"] == "Promote green"
    noted = {key: value for key, value in update["environment"].items() if key.startswith("git.")}
    assert len(noted.pop("git.head")) == 40
    assert noted == {
        "git.author": "AUTHOR@NAME",
        "git.author.email": "AUTHOR@EMAIL",
        "git.committer": "COMMITTER@NAME",
        "git.committer.email": "COMMITTER@EMAIL",
        "git.headName": "refs/heads/main",
        "git.dirty": "true",
    }
    assert without["message"] == ""
    assert not [key for key in without["environment"] if key.startswith("git.")]


_WHO = ("AUTHOR", "COMMITTER")


def test_history_takes_the_commit_from_the_environment(project: Make) -> None:
    stack = project("")
    stack.environment |= {"PULUMI_GIT_AUTHOR": "Ann", "PULUMI_GIT_COMMIT_MESSAGE": "Promote green\n\nIt passed."}
    stack.up()
    (update,) = stack.must("stack", "history", "--json").json
    assert (update["message"], update["environment"]["git.author"]) == ("Promote green", "Ann")


def test_what_the_project_declares_is_in_history_and_preview(project: Make) -> None:
    stack = project("")
    yaml = stack.folder / "Pulumi.yaml"
    yaml.write_text(yaml.read_text() + "config:\n  size: {type: integer, default: 3}\n")
    assert stack.must("preview", "--json").json["config"] == {"probe:size": "3"}
    stack.up()
    (update,) = stack.must("stack", "history", "--json").json
    assert update["config"] == {"probe:size": {"value": "3", "secret": False}}


def test_what_stays_is_shown_when_it_is_asked_for(project: Make) -> None:
    stack = project("box = Box('b')\nThing('a', name='a', value='1', opts=Opts(parent=box))\nThing('c', name='c')\n")
    stack.up()
    stack.write((stack.folder / "__main__.py").read_text().replace("name='c'", "name='c', value='2'"))

    def shown(*flags: str) -> dict[str, Any]:
        steps = stack.must("preview", "--json", *flags).json["steps"]
        return {step["urn"].rsplit("::", 1)[1]: step for step in steps}

    assert {name: step["op"] for name, step in shown().items()} == {"probe-dev": "same", "c": "update"}
    found = shown("--show-sames")
    assert {name: step["op"] for name, step in found.items()} == {
        "probe-dev": "same",
        "b": "same",
        "a": "same",
        "c": "update",
    }
    assert found["a"]["oldState"]["inputs"]["value"] == found["a"]["newState"]["inputs"]["value"] == "1"
    assert "kubernetes:core/v1:ConfigMap a" not in stack.must("preview").out
    assert "kubernetes:core/v1:ConfigMap a" in stack.must("preview", "--show-sames").out
    assert "probe::test:index:Box$kubernetes:core/v1:ConfigMap::a" not in stack.must("preview", "--diff").out
    assert (
        "probe::test:index:Box$kubernetes:core/v1:ConfigMap::a" in stack.must("preview", "--diff", "--show-sames").out
    )


def test_a_preview_that_fails_is_json_all_the_same(project: Make) -> None:
    result = project("pulumi.log.warn('look')\nraise pulumi.RunError('no such color')\n").run("preview", "--json")
    assert result.code == 1
    said = [(each["severity"], each["message"]) for each in result.json["diagnostics"]]
    assert ("warning", "warning: look\n") in said
    assert ("error", "error: no such color\n") in said
    assert ("error", "error: preview failed\n") in said


def test_stacks_are_listed_selected_and_removed(tmp_path: Path) -> None:
    made = Project(tmp_path, "import pulumi\npulumi.export('x', {'a': [1]})\n", fake=True, stack=False)
    made.must("stack", "init", "one")
    made.must("stack", "init", "organization/probe/two")
    assert "two*" in made.must("stack", "ls").out
    made.must("stack", "select", "one")
    made.must("up", "--yes")
    assert made.must("stack", "output", "x").out == '{"a":[1]}\n'
    assert [s["name"] for s in made.must("stack", "ls", "--json").json if s["current"]] == ["one"]
    assert "removal rejected" in made.run("stack", "rm", "--yes").err
    made.must("destroy", "--yes", "--remove")
    assert made.run("stack", "--show-name").code == 1
    made.environment["PULUMI_STACK"] = "two"
    assert made.must("stack", "--show-name").out == "two\n"


def test_state_goes_out_and_comes_back(project: Make) -> None:
    stack = project("Thing('a', name='a', value=pulumi.Output.secret('x'))\n")
    stack.up()
    exported = stack.must("stack", "export").out
    stack.must("stack", "import", stdin=exported)
    assert stack.up().section("Resources") == ["    2 unchanged"]
    broken = json.loads(exported)
    broken["deployment"]["resources"].reverse()
    result = stack.run("stack", "import", stdin=json.dumps(broken))
    assert result.code == 1
    assert "refers to unknown provider" in result.err


def test_what_only_reads_files_does_not_load_the_sdk() -> None:
    """It takes most of a second, and `config` is asked often."""
    code = "import sys, engine.commands.config, engine.commands.stack; print({'pulumi', 'grpc'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_what_runs_the_program_loads_the_messages_of_the_sdk_alone() -> None:
    code = (
        "import sys; from engine.__main__ import leave_out_the_sdk; leave_out_the_sdk(); import engine.commands.run;"
        "print(*sorted({'grpc', 'pulumi.automation', 'pulumi.output', 'pulumi.runtime.proto'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["grpc", "pulumi.runtime.proto"]
