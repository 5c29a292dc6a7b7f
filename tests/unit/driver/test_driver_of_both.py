"""Releases in a stack of apps of two colors and of apps of one version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cutover.driver import Driver
from cutover.errors import Exit, RefusedError, RolledBackError, StoppedError
from cutover.journal import Check, Journal
from cutover.release import Step
from tests.unit.driver.engine import FakeEngine, failing, interrupted

WEB = {"component": "BlueGreenApp", "image": "registry.example.com/web", "port": 8080}
JOB = {"component": "RollingApp", "image": "registry.example.com/job", "port": 8080}
DB = {"component": "StatefulApp", "image": "registry.example.com/db", "port": 5432, "replicas": 3, "tag": "1.0.0"}
KEYS = {"activeColor": "blue", "imageTag": {"blue": "6.9.0", "green": "6.9.1"}, "tag": "1.0.0"}


class Room:
    def __init__(self, folder: Path) -> None:
        self.engine = FakeEngine(folder, KEYS | {"apps": {"web": WEB, "job": JOB, "agent": JOB, "db": DB}})
        self.checks: list[Check] = []
        self.watched: list[str] = []
        self.driver = Driver(self.engine, Journal(folder, "dev"), lambda _: None)
        self.engine.up("by hand")

    @property
    def position(self) -> tuple[str, str]:
        """The active color and the tag; no note of a release may be left."""
        keys = self.engine.keys
        assert "release" not in keys
        return keys["activeColor"], keys["tag"]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    made = Room(tmp_path)

    async def watch(plans: Any, *_: Any) -> list[Check]:
        made.watched += [plan.name for plan in plans]
        return made.checks

    monkeypatch.setattr("cutover.watch.watch", watch)
    monkeypatch.setattr("cutover.watch.watch_workloads", watch)
    monkeypatch.setattr("cutover.colors._refuse_unserved", lambda *_: None)
    monkeypatch.setattr("cutover.desk.Cluster", lambda *_: None)
    monkeypatch.setattr("cutover.driver.POLL_SECONDS", 0.0)
    return made


def test_what_shares_the_tag_is_rolled(room: Room) -> None:
    assert room.driver.roll("1.1.0", {}, watch=0) is Exit.DONE
    assert room.position == ("blue", "1.1.0")
    assert room.watched == ["agent", "job"]


@pytest.mark.parametrize("what", ["up", "watch"])
def test_what_shares_the_tag_is_rolled_back(room: Room, what: str) -> None:
    if what == "up":
        room.engine.fails[2] = failing("error: job: pod job-1: CrashLoopBackOff")
    else:
        room.checks = [Check("failed", "pods of job: 2 of 3 pods ready")]
    with pytest.raises(RolledBackError, match="back to what ran before: "):
        room.driver.roll("1.1.0", {}, watch=0)
    assert room.position == ("blue", "1.0.0")


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_what_shares_the_tag_is_gone_on_with_or_taken_back(room: Room, verb: str) -> None:
    room.engine.fails[2] = interrupted
    with pytest.raises(StoppedError):
        room.driver.roll("1.1.0", {}, watch=0)
    assert getattr(room.driver, verb)() is Exit.DONE
    assert room.position == ("blue", "1.1.0" if verb == "resume" else "1.0.0")


def test_a_roll_is_resumed_where_only_the_last_up_knows_of_it(room: Room) -> None:
    elsewhere = room.engine.keys
    room.engine.fails[2] = interrupted
    with pytest.raises(StoppedError):
        room.driver.roll("1.1.0", {}, watch=0)
    room.engine.save(elsewhere)
    assert room.driver.resume() is Exit.DONE
    assert room.position == ("blue", "1.1.0")


def test_the_other_verbs_are_about_the_position(room: Room) -> None:
    room.driver.stage("6.9.2", {})
    assert room.engine.keys["imageTag"] == {"blue": "6.9.0", "green": "6.9.2"}
    assert room.driver.promote(watch=0) is Exit.DONE
    assert room.position == ("green", "1.0.0")
    assert room.watched == ["web"]


def test_undo_takes_back_what_has_changed_last(room: Room) -> None:
    room.driver.roll("1.1.0", {}, watch=0)
    room.driver.promote(watch=0)
    room.driver.roll("1.0.0", {}, watch=0, app="db")  # which has a tag of its own
    room.engine.up("by hand, without a change")
    assert room.driver.undo() is Exit.DONE
    assert room.position == ("blue", "1.1.0")
    room.driver.roll("1.2.0", {}, watch=0)
    assert room.driver.undo() is Exit.DONE
    assert room.position == ("blue", "1.1.0")


def test_undo_drops_a_canary_if_that_is_newer(room: Room) -> None:
    room.engine.change({"apps.web.component": "CanaryApp"})
    room.driver.roll("1.1.0", {}, watch=0)
    room.driver.canary((Step(pods=1),), pause=0, watch=0)
    room.driver.roll("1.2.0", {}, watch=0)
    room.driver.undo()
    assert (room.position, room.engine.keys["canaryReplicas"]) == (("blue", "1.1.0"), 1)
    room.driver.canary((Step(pods=2),), pause=0, watch=0)
    room.driver.undo(app="web")
    room.driver.canary((Step(pods=1),), pause=0, watch=0)
    room.driver.undo()
    assert (room.position, room.engine.keys["canaryReplicas"]) == (("blue", "1.1.0"), 0)


def test_undo_of_one_of_them_says_which(room: Room) -> None:
    room.driver.roll("1.1.0", {}, watch=0)
    room.driver.promote(watch=0)
    assert room.driver.undo(app="job") is Exit.DONE
    assert room.position == ("green", "1.0.0")
    assert room.driver.undo(1, "web") is Exit.DONE
    assert room.position == ("blue", "1.0.0")
    with pytest.raises(RefusedError, match=r"db's|the history of db"):
        room.driver.undo(app="db")


def test_undo_does_not_guess(room: Room) -> None:
    told = r"position of web or the tag of agent, job: `cutover undo --app web` .* `cutover undo --app agent`"
    with pytest.raises(RefusedError, match=told):
        room.driver.undo()
    room.engine.change({"activeColor": "green", "tag": "1.1.0"})
    room.engine.up("both by hand")
    with pytest.raises(RefusedError, match=told):
        room.driver.undo()
    assert room.position == ("green", "1.1.0")


def test_undo_by_hand_that_failed_counts(room: Room) -> None:
    room.driver.roll("1.1.0", {}, watch=0)
    room.engine.change({"activeColor": "green"})
    room.engine.fails[len(room.engine.ups) + 1] = failing()
    with pytest.raises(Exception, match="gate"):
        room.engine.up("by hand")
    assert room.driver.undo() is Exit.DONE
    assert room.position == ("blue", "1.1.0")


def test_an_app_that_shares_is_not_rolled_alone(room: Room) -> None:
    with pytest.raises(RefusedError, match="job shares the stack's tag"):
        room.driver.roll("1.1.0", {}, watch=0, app="job")
    with pytest.raises(RefusedError, match="job shares the stack's tag"):
        room.driver.stage("1.1.0", {}, app="job")
