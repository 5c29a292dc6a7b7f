"""The command line itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cutover import cli
from cutover.errors import Exit, NotStartedError, RefusedError, RolledBackError, StoppedError, StuckError, UpFailedError
from cutover.journal import Check, Event, Journal, Kind
from tests.unit.driver.engine import FakeEngine


@pytest.fixture
def type_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Type a command in a project; returns its exit code and what it printed."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        printed = capfd.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def raises(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotStartedError("no stack"), 1),
        (RefusedError("it would hurt"), 2),
        (RolledBackError("back on blue"), 3),
        (StuckError("neither on nor back"), 4),
        (UpFailedError("pulumi up", 255, "error: no"), 4),
        (StoppedError("at step 1"), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(
    type_: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    monkeypatch.setattr("cutover.engine.Engine.preview", raises(error))
    assert type_("plan")[0] == code


def test_a_wrong_command_line_is_refused(type_: Callable[..., Any]) -> None:
    for wrong in (["promot"], ["stage"], ["stage", "1.0", "--set", "novalue"], ["canary", "1", "--pause", "soon"]):
        code, out, err = type_("--stack", "dev", *wrong)
        assert (code, out) == (Exit.REFUSED, "")
        assert err
    assert "neither a number of pods" in type_("--stack", "dev", "canary", "1,x")[2]


def test_options_may_stand_after_the_verb(type_: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def preview(engine: Any) -> dict[str, Any]:
        seen.append(engine.stack)
        return {"steps": [], "changeSummary": {"same": 3}}

    monkeypatch.setattr("cutover.engine.Engine.preview", preview)
    for words in (["--stack", "dev", "--json", "plan"], ["plan", "--json", "-s", "dev"], ["plan", "--stack=dev", "-j"]):
        code, out, _ = type_(*words)
        assert code == 0
        assert json.loads(out)["changes"] == {"same": 3}
    assert seen == ["dev"] * 3


def test_a_folder_without_a_project(type_: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").unlink()
    code, _, err = type_("status")
    assert code == Exit.NOT_STARTED
    assert "holds no Pulumi project" in err


def test_a_report_of_the_last_release_or_of_one_that_is_named(type_: Callable[..., Any], tmp_path: Path) -> None:
    journal = Journal(tmp_path, "dev")
    for name in ("2026-11-21T20:00:00.000Z", "2026-11-21T21:00:00.000Z"):
        for kind in (Kind.BEGAN, Kind.DONE):
            journal.tell(Event(name, name, "dev", "promote", kind, f"{kind} {name}"))
    code, out, _ = type_("-s", "dev", "report")
    page, summary = out.split()
    assert code == 0
    assert "21-00-00" in page
    assert Path(page).read_text().startswith("<!doctype html>")
    assert (
        type_("-s", "dev", "report", "2026-11-21T20:00:00.000Z", "--markdown")[1].strip() != Path(summary).read_text()
    )
    code, _, err = type_("-s", "dev", "report", "yesterday")
    assert code == Exit.REFUSED
    assert "2026-11-21T21:00:00.000Z" in err


def test_the_engine_is_asked_before_what_takes_long_to_load() -> None:
    code = "import sys, cutover.cli; print({'asyncio', 'lightkube', 'pydantic', 'rich'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_status_asks_the_engine_twice_and_at_once(type_: Callable[..., Any], tmp_path: Path) -> None:
    """Each command waits until the other one has begun."""
    (tmp_path / "Pulumi.dev.yaml").write_text("")
    script = tmp_path / "pulumiw"
    script.write_text(
        "#!/bin/sh\n"
        'echo "$*" >> asked\n'
        "for i in $(seq 100); do [ $(wc -l < asked) -lt 2 ] || break; sleep 0.1; done\n"
        "[ $(wc -l < asked) -eq 2 ] || exit 1\n"
        '[ "$1" = stack ] && echo dev || echo "{}"\n'
    )
    script.chmod(0o755)
    code, _, err = type_("status")
    assert (code, sorted((tmp_path / "asked").read_text().splitlines())) == (
        Exit.REFUSED,
        ["config --json --show-secrets", "stack --show-name"],
    )
    assert "apps is empty" in err  # what was answered was read


@pytest.mark.parametrize(("app", "names"), [((), ["web"]), (("--app", "db"), ["db"])])
def test_watch_looks_at_apps_of_either_kind(
    type_: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: tuple[str, ...], names: list[str]
) -> None:
    web = {"component": "BlueGreenApp", "image": "registry.example.com/web", "port": 8080}
    db = {"component": "StatefulApp", "image": "registry.example.com/db", "port": 5432, "tag": "1.0"}
    keys = {"activeColor": "green", "imageTag": {"blue": "1", "green": "2"}, "apps": {"web": web, "db": db}}
    engine = FakeEngine(tmp_path, keys)
    monkeypatch.setattr(cli, "Engine", lambda *_: engine)
    monkeypatch.setattr("cutover.desk.Cluster", lambda *_: None)

    async def watch(plans: Any, *more: Any) -> list[Check]:
        color = next((str(each) for each in more if each in {"blue", "green"}), "")
        return [Check("failed", "pods: 0 of 3 pods ready", plan.name, color) for plan in plans]

    monkeypatch.setattr("cutover.watch.watch", watch)
    monkeypatch.setattr("cutover.watch.watch_workloads", watch)
    code, out, err = type_("watch", "--json", *app)
    assert code == Exit.NEEDS_PERSON, err
    assert [(check["app"], check["color"]) for check in json.loads(out)] == [
        (name, "green" if name == "web" else "") for name in names
    ]
