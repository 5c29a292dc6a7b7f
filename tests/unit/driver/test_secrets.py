"""What is secret stays so: a word that stands in the configuration only must come out nowhere."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from components.config import load
from components.problems import Path as KeyPath
from cutover import comment, history, plan, status
from cutover.desk import Desk
from cutover.driver import Driver
from cutover.engine import Answer, Engine
from cutover.errors import NotStartedError, RolledBackError
from cutover.journal import Check, Journal
from cutover.notify import message
from cutover.position import Scope
from cutover.report import pages
from cutover.report.story import Story
from cutover.telemetry import metrics
from cutover.view.picture import Picture
from tests.unit.configs import app, web
from tests.unit.driver.engine import FakeEngine
from tests.unit.driver.previews import API, WEB, position, preview
from tests.unit.driver.store import Store, stack_plan

WORD = "canary-in-the-mine"
SECRET = {"env": {"TOKEN": WORD}}


def drawn(picture: RenderableType) -> str:
    text = io.StringIO()
    Console(file=text, width=200).print(picture)
    return text.getvalue()


def test_a_release_from_staging_to_its_way_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def badly(*_: Any) -> list[Check]:
        return [Check("failed", "metric errors: 0.5, more than 0.01", "app", "green", "errors", (0.5,))]

    monkeypatch.setattr("cutover.watch.watch", badly)
    monkeypatch.setattr("cutover.desk.Cluster", lambda *_: None)
    keys = {"activeColor": "blue", "imageTag": {"blue": "1", "green": "2"}}
    engine = FakeEngine(tmp_path, {**keys, "apps": {"app": {**API, **SECRET, "colors": {"blue": SECRET}}}})
    said: list[str] = []
    journal = Journal(tmp_path, "dev")
    driver = Driver(engine, journal, said.append)
    driver.stage("3", {})
    with pytest.raises(RolledBackError) as failed:
        driver.promote(watch=0)
    assert WORD in engine.file.read_text()  # or this would prove nothing
    story = Story(journal.releases[next(iter(journal.releases))])
    told = [*said, *engine.shown, str(failed.value), journal.path.read_text(), pages.page(story), pages.summary(story)]
    told += [repr(message(event)) for event in journal.events()]
    told += [repr([*metrics("dev", journal.releases.values()).collect()])]
    assert len(journal.path.read_text().splitlines()) >= 5
    assert not [text for text in told if WORD in text]


def test_a_plan_of_a_release_that_changes_a_secret() -> None:
    other = {"env": {"TOKEN": f"other-{WORD}"}}
    before = position(apps={"web": {**WEB, **SECRET}, "api": API})
    after = position(apps={"web": {**WEB, **SECRET, "colors": {"green": other}}, "api": API}, activeColor="green")
    made = preview(before, after)
    assert WORD in json.dumps(made)  # an engine that masks nothing
    found = plan.read(made)
    told = comment.render([Answer("shop/dev", made)])
    assert "env[TOKEN].value" in told
    assert WORD not in drawn(plan.Picture(found)) + repr(found) + told


def test_a_status_whose_next_up_changes_a_secret() -> None:
    store = Store(stack_plan(web(**SECRET)))
    wished = stack_plan(web(env={"TOKEN": f"other-{WORD}"}))
    found = store.read(lambda cluster: status.read(wished, cluster, {"verb": "canary"}))
    assert found.apps[0].differences
    assert WORD not in found.to_json() + drawn(Picture(found))


def test_a_history_with_a_secret_that_the_engine_shows() -> None:
    config = {"shop:apps": {"objectValue": {"web": app(env={"TOKEN": WORD})}}, "shop:token": {"value": WORD}}
    moment = "2026-05-01T10:00:00.000Z"
    update = {"kind": "update", "config": config, "message": "", "environment": {}, "result": "succeeded"}
    entries = history.read([{**update, "startTime": moment, "endTime": moment}], "shop", {})
    assert entries
    assert WORD not in drawn(history.Picture(entries)) + repr(entries)


@pytest.mark.parametrize(
    "secret",
    [("env", "TOKEN"), ("colors", "blue", "env", "TOKEN"), ("colors", "green", "env", "TOKEN")],
    ids=["the app's", "the live color's", "the other color's"],
)
def test_what_is_staged_over_a_secret_is_one(secret: KeyPath) -> None:
    overlay = {secret[1]: {"env": {"TOKEN": "old"}}} if secret[0] == "colors" else {}
    apps = {"web": {**WEB, "env": {"TOKEN": "old"}, "colors": overlay}}
    keys = {"imageTag": {"blue": "1", "green": "2"}, "apps": apps}
    scope = Scope(load(keys), keys, secrets=frozenset({("apps", "web", *secret)}))
    edit = scope.staged("3", {("env", "TOKEN"): WORD, ("env", "MODE"): "a"})
    assert edit.values["apps.web.colors.green.env.TOKEN"] == WORD
    assert edit.secret == {"apps.web.colors.green.env.TOKEN"}


def test_no_command_line_and_no_message_holds_a_secret(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    script = tmp_path / "pulumiw"
    script.write_text('#!/bin/sh\necho "$@" >> lines\ncat >> told\ntest ! -e fail || { echo no >&2; exit 1; }\n')
    script.chmod(0o755)
    shown: list[str] = []
    engine = Engine(tmp_path, "dev", shown.append)
    path = "apps.web.colors.green.env.TOKEN"
    engine.change({"imageTag.green": "3", path: WORD}, secret={path})
    assert (tmp_path / "lines").read_text().splitlines() == [
        "config set-all --path --plaintext imageTag.green=3 --stack dev",
        f"config set --path --secret {path} --stack dev",
    ]
    assert (tmp_path / "told").read_text() == WORD
    assert shown == ["$ pulumi config set --path imageTag.green 3", f"$ pulumi config set --path {path} --secret"]
    (tmp_path / "fail").touch()
    with pytest.raises(NotStartedError) as failed:
        engine.change({path: WORD}, secret={path})
    assert WORD not in str(failed.value)


def test_where_secrets_stand_is_read_from_the_file_however_its_keys_are_spelled(tmp_path: Path) -> None:
    engine = FakeEngine(tmp_path, {})
    sealed = "{web: {env: {TOKEN: {secure: v1:x}}}}"
    for key in ("shop:apps", "apps"):
        engine.file.write_text(f"config:\n  {key}: {sealed}\n")
        assert Desk(engine).secrets == {("apps", "web", "env", "TOKEN")}
