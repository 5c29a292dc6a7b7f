"""Releases of apps of one version: RollingApp, StatefulApp, DaemonApp."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from cutover.driver import Driver
from cutover.edit import path_of
from cutover.errors import Exit, RefusedError, RolledBackError, StoppedError, StuckError, UpFailedError
from cutover.journal import Check, Journal, Kind
from cutover.release import Step
from tests.unit.driver.engine import FakeEngine, failing, interrupted

WEB = {"component": "RollingApp", "image": "registry.example.com/web", "port": 8080, "tag": "1.0.0", "env": {"A": "1"}}
DB = {"component": "StatefulApp", "image": "registry.example.com/db", "port": 5432, "replicas": 3, "tag": "1.0.0"}
CANARY = (Step(pods=1), Step(pods=2), Step())


class Engine(FakeEngine):
    """Keeps what each `up` was run with, as the engine's history does."""

    def up(self, message: str, *more: Any) -> str:
        try:
            return super().up(message, *more)
        finally:
            self.ran = [app for keys, _ in reversed(self.past) for app in keys["apps"].values()]


class Room:
    def __init__(self, folder: Path, app: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.checks: list[Check] = []
        self.engine = Engine(folder, {"apps": {"app": app}})
        self.journal = Journal(folder, "dev")
        self.driver = Driver(self.engine, self.journal, lambda _: None)

        async def watch(*_: Any) -> list[Check]:
            return self.checks

        monkeypatch.setattr("cutover.watch.watch_workloads", watch, raising=False)
        monkeypatch.setattr("cutover.desk.Cluster", lambda *_: None)
        for module in ("driver", "helm"):
            monkeypatch.setattr(f"cutover.{module}.POLL_SECONDS", 0.0)
        self.engine.up("by hand")

    @property
    def app(self) -> dict[str, Any]:
        """The app's keys; no note of a release may be left."""
        assert "release" not in self.engine.keys
        app: dict[str, Any] = self.engine.keys["apps"]["app"]
        return app

    @property
    def tags(self) -> list[str]:
        return [app["tag"] for app in self.engine.ran]


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(tmp_path, WEB, monkeypatch)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(tmp_path, DB | {"canary": {"tag": "1.1.0"}}, monkeypatch)


def test_a_version_is_rolled(web: Room) -> None:
    assert web.driver.roll("1.1.0", {path_of("env.A"): "2"}, watch=0, app="app") is Exit.DONE
    assert web.app == WEB | {"tag": "1.1.0", "env": {"A": "2"}}
    assert web.tags == ["1.0.0", "1.1.0"]
    kinds = [event.kind for event in web.journal.events()]
    assert kinds == [Kind.BEGAN, Kind.MOVING, Kind.MOVED, Kind.CHECKED, Kind.DONE]


def test_nobody_asks_for_colors_where_there_are_none(web: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.engine, "outputs", None)
    assert web.driver.roll("1.1.0", {}, watch=0, app="app") is Exit.DONE
    assert not any(event.standing for event in web.journal.events())


@pytest.mark.parametrize("what", ["up", "watch"])
def test_a_bad_version_is_rolled_back_with_all_that_came_with_it(web: Room, what: str) -> None:
    if what == "up":
        web.engine.fails[2] = failing("error: app: pod app-1: CrashLoopBackOff")
    else:
        web.checks = [Check("failed", "pods of app: 2 of 3 pods ready")]
    web.engine.change({"apps.app.env.B": "by hand"})  # and never run
    with pytest.raises(RolledBackError, match="back to what ran before: "):
        web.driver.roll("1.1.0", {path_of("env.A"): "2"}, watch=0, app="app")
    assert web.app == WEB
    assert web.tags == ["1.0.0", "1.1.0", "1.0.0"]


def test_the_way_back_that_fails_is_tried_again_by_resume(web: Room) -> None:
    web.engine.fails |= {2: failing(), 3: failing()}
    with pytest.raises(StuckError):
        web.driver.roll("1.1.0", {}, watch=0, app="app")
    with pytest.raises(RolledBackError):
        web.driver.resume()
    assert web.app == WEB


def wish(room: Room, text: str) -> None:
    """Ask for something from another process, in the middle of an `up`, which is then stopped."""
    room.engine.change({"release.wish": text})
    raise UpFailedError("pulumi up", 255, "interrupted")


def test_a_rollout_is_held_at_once_and_goes_on(web: Room) -> None:
    web.engine.fails[2] = lambda: wish(web, "pause")
    assert web.driver.roll("1.1.0", {}, watch=0, app="app") is Exit.PAUSED
    assert web.engine.keys["apps"]["app"] == WEB | {"tag": "1.1.0", "paused": True}
    assert web.driver.resume() is Exit.DONE
    assert web.app == WEB | {"tag": "1.1.0"}
    assert [app.get("paused") for app in web.engine.ran] == [None, None, True, None]


def test_a_held_rollout_is_aborted(web: Room) -> None:
    web.engine.fails[2] = lambda: wish(web, "pause")
    web.driver.roll("1.1.0", {}, watch=0, app="app")
    assert web.driver.abort() is Exit.DONE
    assert web.app == WEB


def test_an_abort_does_not_wait_for_the_up(web: Room) -> None:
    web.engine.fails[2] = lambda: wish(web, "abort")
    with pytest.raises(RolledBackError, match="aborted"):
        web.driver.roll("1.1.0", {}, watch=0, app="app")
    assert web.app == WEB


def test_a_rollout_is_resumed_where_only_the_last_up_knows_of_it(web: Room) -> None:
    elsewhere = web.engine.keys
    web.engine.fails[2] = interrupted
    with pytest.raises(StoppedError):
        web.driver.roll("1.1.0", {path_of("env.A"): "2"}, watch=0, app="app")
    web.engine.save(elsewhere)
    assert web.driver.resume() is Exit.DONE
    assert web.app == WEB | {"tag": "1.1.0", "env": {"A": "2"}}


def test_undo_puts_the_whole_of_it_back(web: Room) -> None:
    web.driver.roll("1.1.0", {path_of("env.A"): "2"}, watch=0, app="app")
    web.driver.roll("1.2.0", {path_of("env.B"): "3"}, watch=0, app="app")
    web.engine.up("by hand, without a change")
    assert web.driver.undo(app="app") is Exit.DONE
    assert web.app == WEB | {"tag": "1.1.0", "env": {"A": "2"}}
    assert web.driver.undo(3, "app") is Exit.DONE
    assert web.app == WEB
    with pytest.raises(RefusedError, match="goes back 4 changes, not 9"):
        web.driver.undo(9, "app")


def test_an_undo_that_fails_is_gone_on_with(web: Room) -> None:
    web.driver.roll("1.1.0", {}, watch=0, app="app")
    web.engine.fails[3] = failing()
    with pytest.raises(StuckError):
        web.driver.undo(app="app")
    assert web.driver.resume() is Exit.DONE
    assert web.app == WEB


def test_the_note_is_there_before_anything_is_taken_out(web: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    change, changes = web.engine.change, []

    def keep(values: dict[str, Any], remove: Sequence[str] = (), secret: Collection[str] = ()) -> None:
        changes.append((next(iter(values), "").partition(".")[0], [*remove]))
        change(values, remove, secret)

    monkeypatch.setattr(web.engine, "change", keep)
    web.engine.fails[2] = failing()
    with pytest.raises(RolledBackError):
        web.driver.roll("1.1.0", {path_of("env.B"): "2"}, watch=0, app="app")
    assert changes == [("release", []), ("release", []), ("release", ["apps.app.env.B"]), ("", ["release"])]


def test_a_canary_goes_through_its_ordinals(db: Room) -> None:
    assert db.driver.canary(CANARY, pause=0, watch=0, app="app") is Exit.DONE
    assert [app.get("canaryReplicas") for app in db.engine.ran] == [None, 1, 2, None]
    assert db.app == DB | {"tag": "1.1.0"}


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_canary_that_fails_at_any_step_is_staged_as_it_was(db: Room, number: int) -> None:
    db.engine.fails[number] = failing()
    with pytest.raises(RolledBackError):
        db.driver.canary(CANARY, pause=0, watch=0, app="app")
    assert db.app == DB | {"canary": {"tag": "1.1.0"}}


def test_a_canary_is_staged_tried_and_dropped(db: Room) -> None:
    db.driver.stage("1.2.0", {path_of("env.A"): "2"}, "app")
    assert db.driver.canary(CANARY[:1], pause=0, watch=0, app="app") is Exit.DONE
    assert db.app == DB | {"canary": {"tag": "1.2.0", "env": {"A": "2"}}, "canaryReplicas": 1}
    assert db.driver.undo(app="app") is Exit.DONE
    assert db.app == DB | {"canary": {"tag": "1.2.0", "env": {"A": "2"}}}
    assert db.driver.promote(watch=0, app="app") is Exit.DONE
    assert db.app == DB | {"tag": "1.2.0", "env": {"A": "2"}}


def test_what_was_rolled_is_not_retried_by_its_tag_alone(web: Room) -> None:
    web.engine.fails[2] = failing()
    with pytest.raises(RolledBackError):
        web.driver.roll("1.1.0", {path_of("env.A"): "2"}, watch=0, app="app")
    with pytest.raises(RefusedError, match=r"`cutover roll 1\.1\.0` rolls it again"):
        web.driver.retry()
