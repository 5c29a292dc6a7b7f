"""The verbs, from the first write of the configuration to the last."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.color import Color
from cutover import driver as module
from cutover.driver import Driver
from cutover.errors import (
    Exit,
    RefusedError,
    RolledBackError,
    StoppedError,
    StuckError,
    UnderWayError,
)
from cutover.history import Live
from cutover.journal import Check, Event, Journal, Kind, percent
from cutover.release import Step
from cutover.report import pages
from cutover.report.story import Story
from tests.unit.driver.engine import FakeEngine, failing, interrupted

WEB = {"component": "BlueGreenApp", "image": "registry.example.com/web", "port": 8080}
API = {"component": "CanaryApp", "image": "registry.example.com/api", "port": 8080, "replicas": 10}
KEYS = {"activeColor": "blue", "imageTag": {"blue": "1.0.0", "green": "1.1.0"}, "canaryReplicas": 0}
CANARY = (Step(pods=1), Step(pods=3), Step())
BLUE, GREEN = {"activeColor": "blue", "canaryReplicas": 0}, {"activeColor": "green", "canaryReplicas": 0}


class Room:
    """A stack with a driver, and what its checks are to find, round by round; nothing is wrong if nothing is said."""

    def __init__(self, folder: Path, app: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.engine = FakeEngine(folder, KEYS | {"apps": {"app": app}})
        self.journal = Journal(folder, "dev")
        self.said: list[str] = []
        self.checks: list[Callable[[], list[Check]]] = []
        self.driver = Driver(self.engine, self.journal, self.said.append)

    @property
    def kinds(self) -> list[Kind]:
        return [event.kind for event in self.journal.events()]

    @property
    def settled(self) -> dict[str, Any]:
        """The configuration, in which no note of a release may be left."""
        keys = self.engine.keys
        assert "release" not in keys
        return {key: keys[key] for key in BLUE}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Room]:
    def make(app: dict[str, Any] = API) -> Room:
        made = Room(tmp_path, app, monkeypatch)

        async def watch(*_: Any) -> list[Check]:
            return made.checks.pop(0)() if made.checks else []

        monkeypatch.setattr("cutover.watch.watch", watch)
        monkeypatch.setattr("cutover.watch.watch_workloads", watch, raising=False)
        monkeypatch.setattr("cutover.colors._refuse_unserved", lambda *_: None)
        monkeypatch.setattr("cutover.desk.Cluster", lambda *_: None)
        monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
        monkeypatch.setattr("cutover.helm.POLL_SECONDS", 0.0)
        return made

    return make


Make = Callable[..., Room]


def bad() -> list[Check]:
    return [Check("passed", "pods"), Check("failed", "metric errors: 0.5, more than 0.01")]


def positions(room: Room) -> list[tuple[str, int]]:
    return [(up["activeColor"], up["canaryReplicas"]) for up in room.engine.ups]


def test_a_promotion(room: Make) -> None:
    here = room(WEB)
    assert here.driver.promote(watch=0) is Exit.DONE
    assert here.engine.ups == [GREEN]
    assert here.settled == GREEN
    assert here.kinds == [Kind.BEGAN, Kind.MOVING, Kind.MOVED, Kind.CHECKED, Kind.DONE]


def test_a_canary_goes_through_its_steps(room: Make) -> None:
    here = room()
    assert here.driver.canary(CANARY, pause=0, watch=0) is Exit.DONE
    assert positions(here) == [("blue", 1), ("blue", 3), ("green", 0)]
    assert here.settled == GREEN
    shares = [event.standing["app"].share for event in here.journal.events() if event.kind is Kind.MOVED]
    assert shares == ["1/11", "3/13", "0%"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_up_that_fails_at_any_step_goes_back(room: Make, number: int) -> None:
    here = room()
    here.engine.fails[number] = failing()
    with pytest.raises(RolledBackError, match="did not pass its gate"):
        here.driver.canary(CANARY, pause=0, watch=0)
    assert positions(here)[-1] == ("blue", 0)
    assert len(here.engine.ups) == number + 1
    assert here.settled == BLUE
    assert here.kinds[-3:] == [Kind.FAILED, Kind.BACK, Kind.ROLLED_BACK]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_check_that_fails_at_any_step_goes_back(room: Make, number: int) -> None:
    here = room()
    here.checks = [*[list] * (number - 1), bad]
    with pytest.raises(RolledBackError, match=r"metric errors: 0\.5"):
        here.driver.canary(CANARY, pause=0, watch=0)
    assert len(here.engine.ups) == number + 1
    assert here.settled == BLUE
    (failed,) = (event for event in here.journal.events() if event.kind is Kind.FAILED)
    assert [check.outcome for check in failed.checks] == ["passed", "failed"]


def test_what_can_neither_go_on_nor_back_needs_a_person_and_resume_tries_the_way_back(room: Make) -> None:
    here = room()
    here.engine.fails = {2: failing(), 3: failing("error: the API server stayed away")}
    with pytest.raises(StuckError, match="the API server stayed away"):
        here.driver.canary(CANARY, pause=0, watch=0)
    assert here.engine.keys["release"]["state"] == "back"
    with pytest.raises(UnderWayError, match="on its way back to blue"):
        here.driver.promote(watch=0)
    with pytest.raises(RolledBackError):
        here.driver.resume()
    assert here.settled == BLUE


@pytest.mark.parametrize("number", [1, 2, 3])
def test_ctrl_c_in_an_up_leaves_a_release_that_can_be_resumed(room: Make, number: int) -> None:
    here = room()
    here.engine.fails[number] = interrupted
    with pytest.raises(StoppedError, match=rf"(?s)at step {number} of 3 .* `cutover resume`"):
        here.driver.canary(CANARY, pause=0, watch=0)
    assert here.driver.resume() is Exit.DONE
    steps = [("blue", 1), ("blue", 3), ("green", 0)]
    assert positions(here) == [*steps[:number], *steps[number - 1 :]]
    assert here.settled == GREEN


def test_ctrl_c_in_a_check_leaves_a_release_that_can_be_aborted(room: Make) -> None:
    here = room()
    here.checks = [list, interrupted]  # type: ignore[list-item]  # it does not come to an answer
    with pytest.raises(StoppedError):
        here.driver.canary(CANARY, pause=0, watch=0)
    assert here.driver.abort() is Exit.DONE
    assert positions(here)[-1] == ("blue", 0)
    assert here.settled == BLUE


def test_a_pause_until_resume_after_each_step(room: Make) -> None:
    here = room()
    assert here.driver.canary(CANARY, pause=None, watch=0) is Exit.PAUSED
    assert here.engine.keys["release"]["state"] == "paused"
    with pytest.raises(UnderWayError, match="at step 1 of 3"):
        here.driver.stage("2.0.0", {})
    assert here.driver.resume() is Exit.PAUSED
    assert here.driver.resume() is Exit.DONE
    assert positions(here) == [("blue", 1), ("blue", 3), ("green", 0)]
    assert here.settled == GREEN


@pytest.mark.parametrize(("wish", "ends"), [("pause", Exit.PAUSED), ("abort", None)])
def test_a_wish_is_taken_up_in_a_pause(room: Make, wish: str, ends: Exit | None) -> None:
    here = room()
    here.engine.fails[1] = lambda: here.engine.change({"release.wish": wish})
    if ends:
        assert here.driver.canary(CANARY, pause=60, watch=0) is ends
        assert "wish" not in here.engine.keys["release"]
        assert here.driver.abort() is Exit.DONE
        assert here.settled == BLUE
    else:
        with pytest.raises(RolledBackError, match="aborted"):
            here.driver.canary(CANARY, pause=60, watch=0)
        assert here.settled == BLUE


def test_a_lock_in_the_middle_leaves_a_release_that_can_be_resumed(room: Make) -> None:
    here = room()
    here.engine.fails[2] = failing(locked("elsewhere", 1))
    with pytest.raises(StoppedError, match="Another `up` is at work"):
        here.driver.canary(CANARY, pause=0, watch=0)
    assert here.driver.resume() is Exit.DONE
    assert positions(here) == [("blue", 1), ("blue", 3), ("blue", 3), ("green", 0)]


def test_an_undo_that_fails_goes_nowhere_else(room: Make) -> None:
    here = room()
    here.driver.promote(watch=0)
    here.engine.fails[2] = failing("error: the API server stayed away")
    with pytest.raises(StuckError, match="`cutover resume` tries again"):
        here.driver.undo()
    assert here.driver.resume() is Exit.DONE
    assert positions(here) == [("green", 0), ("blue", 0), ("blue", 0)]
    assert here.settled == BLUE


def test_what_was_live_before_is_staged_again_where_no_color_runs_it(room: Make) -> None:
    here = room()
    then = Live(Color.GREEN, {"app": "0.9.0"}, {"app": {"env": {"LOG": "info"}}})
    here.monkeypatch.setattr("cutover.colors.live_before", lambda *_: then)
    assert here.driver.undo(3) is Exit.DONE
    assert positions(here) == [("blue", 0), ("green", 0)]
    assert here.engine.keys["imageTag"] == {"blue": "1.0.0", "green": "0.9.0"}
    assert here.engine.keys["apps"]["app"]["colors"]["green"] == {"env": {"LOG": "info"}}
    with pytest.raises(RefusedError, match="is live and runs just that"):
        here.driver.undo(3)


def test_a_release_is_resumed_where_only_the_last_up_knows_of_it(room: Make) -> None:
    here = room()
    before = here.engine.keys
    assert here.driver.canary(CANARY, pause=None, watch=0) is Exit.PAUSED
    here.engine.save(before)
    assert here.driver.resume() is Exit.PAUSED
    assert here.engine.keys["release"]["by"]
    assert positions(here) == [("blue", 1), ("blue", 3)]


@pytest.mark.parametrize("committed", ["nothing", "the first step", "everything"])
def test_a_pipeline_does_one_step_per_job_each_in_a_folder_of_its_own(
    room: Make, tmp_path: Path, committed: str
) -> None:
    """A job finds the state as the last one left it, the configuration as committed, and no journal."""
    here = room()
    file = here.engine.keys
    ends, told = [], []
    for number, verb in enumerate(["canary", "resume", "resume", "resume"]):
        here.engine.save(file)
        journal = Journal(tmp_path / f"job-{number}", "dev")
        driver = Driver(here.engine, journal, here.said.append)
        try:
            ends.append(driver.canary(CANARY, pause=None, watch=0) if verb == "canary" else driver.resume())
        except RefusedError as error:
            assert "No release is under way" in str(error)  # noqa: PT017  # a fourth job has nothing to do
        told.append([*journal.events()])
        if committed == "everything" or (committed == "the first step" and number == 0):
            file = here.engine.keys
    assert positions(here)[:3] == [("blue", 1), ("blue", 3), ("green", 0)]
    assert set(positions(here)[3:]) <= {("green", 0)}
    assert ends[:3] == [Exit.PAUSED, Exit.PAUSED, Exit.DONE]
    for events in told[:3]:
        assert events[0].note["steps"] == "1,3,live"
        assert "app" in events[0].standing
        assert pages.page(Story(events))
    assert [events[0].kind for events in told[:3]] == [Kind.BEGAN, Kind.RESUMED, Kind.RESUMED]


def test_a_job_that_comes_after_a_way_back_does_not_go_on(room: Make, tmp_path: Path) -> None:
    here = room()
    assert here.driver.canary(CANARY, pause=None, watch=0) is Exit.PAUSED
    file = here.engine.keys
    here.checks = [bad]
    with pytest.raises(RolledBackError):
        here.driver.resume()
    here.engine.save(file)
    with pytest.raises(RolledBackError):
        Driver(here.engine, Journal(tmp_path / "job", "dev"), here.said.append).resume()
    assert positions(here)[-1] == ("blue", 0)
    assert here.settled == BLUE


def test_a_step_whose_up_failed_elsewhere_is_done_again(room: Make) -> None:
    here = room()
    before = here.engine.keys
    here.engine.fails[1] = interrupted
    with pytest.raises(StoppedError):
        here.driver.canary(CANARY, pause=None, watch=0)
    here.engine.save(before)
    assert here.driver.resume() is Exit.PAUSED
    assert positions(here) == [("blue", 1), ("blue", 1)]


def test_the_note_is_written_once_for_each_step(room: Make) -> None:
    here = room()
    written: list[str] = []
    change = here.engine.change

    def count(values: Any, *rest: Any) -> None:
        written.append(values.get("release.at", "end"))
        change(values, *rest)

    here.monkeypatch.setattr(here.engine, "change", count)
    here.driver.canary(CANARY, pause=0, watch=0)
    assert written == ["0", "1", "2", "end"]


def test_the_journal_is_not_read_for_every_event(room: Make) -> None:
    here = room()
    read: list[str | None] = []
    events = here.journal.events

    def count(release: str | None = None) -> Iterator[Event]:
        read.append(release)
        return events(release)

    here.monkeypatch.setattr(here.journal, "events", count)
    here.driver.canary(CANARY, pause=0, watch=0)
    assert len(read) == 2
    assert len({*read}) == 1
    assert [bool(event.note) for event in events()] == [True] + [False] * (len([*events()]) - 1)


def test_what_a_verb_has_written_is_committed_and_nothing_else(room: Make, tmp_path: Path) -> None:
    here = room()

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    git("init", "--quiet", "--initial-branch", "main")
    git("config", "user.name", "Ann")
    git("config", "user.email", "ann@example.com")
    git("add", "--", here.engine.file.name)
    git("commit", "--quiet", "--message", "begin")
    (tmp_path / "mine.txt").write_text("staged by hand, and not yet committed")
    git("add", "--", "mine.txt")
    driver = Driver(here.engine, here.journal, here.said.append, commit=True)
    assert driver.canary(CANARY, pause=None, watch=0) is Exit.PAUSED
    assert "release" in git("show", f"HEAD:{here.engine.file.name}")
    here.checks = [bad]
    with pytest.raises(RolledBackError):
        driver.resume()
    driver.promote(watch=0)
    assert git("log", "--format=%s").splitlines() == [
        "Promote green",
        "Roll back to blue",
        "Pause at step 1 of 3 (green: 1 pod)",
        "begin",
    ]
    assert git("log", "--format=", "--name-only").split() == [here.engine.file.name] * 4
    assert git("diff", "--cached", "--name-only").split() == ["mine.txt"]
    assert git("diff", "--name-only") == ""


def test_where_nothing_can_be_committed_the_release_has_ended_all_the_same(room: Make) -> None:
    here = room()
    assert Driver(here.engine, here.journal, here.said.append, commit=True).promote(watch=0) is Exit.DONE
    assert "warning: `git add -- Pulumi.dev.yaml` ended with 128" in here.said[-1]


def test_a_release_that_has_ended_is_not_resumed(room: Make) -> None:
    here = room()
    here.driver.promote(watch=0)
    assert "release" in here.engine.past[0][0]
    with pytest.raises(RefusedError, match="No release is under way"):
        here.driver.resume()


def test_undo_needs_no_check(room: Make) -> None:
    here = room()
    here.driver.promote(watch=0)
    here.checks = [bad]
    assert here.driver.undo() is Exit.DONE
    assert here.settled == BLUE
    assert here.checks


def test_undo_of_a_canary_by_hand_drops_it(room: Make) -> None:
    here = room()
    here.engine.change({"canaryReplicas": 3})
    assert here.driver.undo() is Exit.DONE
    assert here.settled == BLUE


def test_a_release_that_failed_is_retried_from_its_first_step(room: Make) -> None:
    here = room()
    here.engine.fails[2] = failing()
    with pytest.raises(RolledBackError):
        here.driver.canary(CANARY, pause=0, watch=0)
    here.engine.fails.clear()
    assert here.driver.retry() is Exit.DONE
    assert positions(here)[3:] == [("blue", 1), ("blue", 3), ("green", 0)]
    with pytest.raises(RefusedError, match="did not fail"):
        here.driver.retry()


def test_staging_what_is_live_already_is_no_release(room: Make) -> None:
    here = room(WEB)
    here.engine.change({"imageTag.green": "1.0.0"})
    with pytest.raises(RefusedError, match="there is nothing to release"):
        here.driver.promote(watch=0)
    assert here.driver.stage("1.2.0", {("env", "LOG"): "debug"}) is Exit.DONE
    assert here.engine.keys["imageTag"] == {"blue": "1.0.0", "green": "1.2.0"}
    assert here.engine.keys["apps"]["app"]["colors"] == {"green": {"env": {"LOG": "debug"}}}


@pytest.mark.parametrize("refusal", ["preview", "disagreement"])
def test_what_is_refused_leaves_the_configuration_as_it_was(
    room: Make, refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = room()
    here.engine.change({}, ["canaryReplicas"])
    before = here.engine.keys

    def refuse(*_: Any) -> Any:
        raise RefusedError("the live color would change in place")

    driver = Driver(here.engine, here.journal, here.said.append, refuse)
    if refusal == "preview":
        driver = here.driver
        monkeypatch.setattr(here.engine, "preview", refuse)
    with pytest.raises(RefusedError):
        driver.canary(CANARY, pause=0, watch=0)
    assert here.engine.keys == before
    assert here.engine.ups == []


def test_the_second_driver_is_told_of_the_first(room: Make) -> None:
    here = room()
    second = Driver(here.engine, here.journal, here.said.append)

    def meanwhile() -> None:
        with pytest.raises(UnderWayError, match=rf"pid {os.getpid()}, .* is at work on stack dev"):
            second.promote(watch=0)

    here.engine.fails[1] = meanwhile
    assert here.driver.promote(watch=0) is Exit.DONE


def locked(host: str, pid: int) -> str:
    return f"error: the stack is currently locked by 1 lock(s).\n  file://x: created by me@{host} (pid {pid}) at now"


def test_the_lock_of_a_process_that_died_here_is_removed(room: Make) -> None:
    here = room()
    here.engine.fails[1] = failing(locked(socket.gethostname(), 2**22 + 1))
    assert here.driver.promote(watch=0) is Exit.DONE
    assert here.engine.canceled == 1


@pytest.mark.parametrize(
    ("host", "pid"), [(socket.gethostname(), os.getpid()), ("elsewhere", 2**22 + 1)], ids=["here", "elsewhere"]
)
def test_the_lock_of_an_up_at_work_is_respected(room: Make, host: str, pid: int) -> None:
    here = room()
    here.engine.fails[1] = failing(locked(host, pid))
    with pytest.raises(UnderWayError, match="Another `up` is at work"):
        here.driver.promote(watch=0)
    assert here.engine.canceled == 0
    assert here.settled == BLUE


@pytest.mark.parametrize(("share", "number"), [("0%", 0), ("25%", 25), ("1/11", 100 / 11), ("0/3", 0)])
def test_a_share_is_a_number(share: str, number: float) -> None:
    assert percent(share) == pytest.approx(number)
