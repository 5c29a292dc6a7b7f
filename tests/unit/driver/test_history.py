"""Releases in the engine's history, and what was live before."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from components.color import Color
from cutover.engine import Engine
from cutover.errors import RefusedError
from cutover.history import Entry, Live, Picture, Result, Running, live_before, read
from cutover.journal import Check, Event, Kind, Standing
from cutover.release import Release, State, Step
from tests.unit.driver.previews import API, NEW, NEXT, OLD, WEB

STEPS = (Step(pods=1), Step(pods=3), Step())


class Past:
    """A history as the engine tells it; each update takes 10 s and begins a minute after the one before it."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []

    def up(
        self, note: Release | None = None, *, result: str = "succeeded", kind: str = "update", by: str = "", **keys: Any
    ) -> None:
        values = {
            "apps": {"web": WEB, "api": API},
            "imageTag": {"blue": OLD, "green": NEW},
            "activeColor": "blue",
        } | keys
        if note:
            values["release"] = {path.removeprefix("release."): value for path, value in note.note().items()}
        minute = len(self.updates)
        update = {
            "version": 0,
            "kind": kind,
            "startTime": f"2026-05-01T10:{minute:02}:00.000Z",
            "message": "Promote green" if by else "",
            "environment": {"git.author": by} if by else {},
            "config": {f"shop:{key}": told(value) for key, value in values.items()} | {"kubernetes:context": told("x")},
            "result": result,
            "endTime": f"2026-05-01T10:{minute:02}:10.000Z",
            "resourceChanges": {"update": 2},
        }
        self.updates.insert(0, update)

    def read(self, **releases: list[Event]) -> list[Entry]:
        return read(self.updates, "shop", {key.replace("_", "-"): events for key, events in releases.items()})

    def live(self, steps: int, app: str = "") -> Live:
        return live_before(self.updates, "shop", steps, app)


def told(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"value": json.dumps(value), "objectValue": value, "secret": False}
    return {"value": str(value), "secret": False}


def one_version(tag: str = OLD, **keys: dict[str, Any]) -> dict[str, Any]:
    """`agent` and `cache`, which share a tag, and `db`, beside `web` and `api`; `keys` by app."""
    apps: dict[str, dict[str, Any]] = {
        "agent": {"component": "DaemonApp"},
        "cache": {"component": "RollingApp"},
        "db": {"component": "StatefulApp", "replicas": 3, "tag": OLD},
    }
    found = {name: {"image": "registry.local/podinfo"} | app | keys.get(name, {}) for name, app in apps.items()}
    return {"apps": {"web": WEB, "api": API, **found}, "tag": tag}


def release(at: int, *, steps: tuple[Step, ...] = STEPS, began: str = "r1", to: Color = Color.GREEN) -> Release:
    return Release("canary" if len(steps) > 1 else "promote", to, steps, began=began, by="ann@desk", at=at)


@pytest.fixture
def past() -> Past:
    return Past()


def test_the_updates_of_a_release_are_one_entry(past: Past) -> None:
    past.up()
    past.up(release(0), canaryReplicas=1)
    past.up(release(1), canaryReplicas=3)
    past.up(release(2), activeColor="green")
    done, first = past.read()
    assert (done.verb, done.by, done.result, done.updates) == ("canary", "ann@desk", Result.DONE, 3)
    assert (done.at, done.seconds) == ("2026-05-01T10:01:00.000Z", 130)
    assert done.before["api"] == Standing("blue", {"blue": OLD, "green": NEW}, "0%", 0)
    assert done.after["api"].active == "green"
    assert (first.verb, first.release, first.before) == ("update", "", {})


def test_updates_by_hand_stand_for_themselves_and_tell_whose_commit_they_ran(past: Past) -> None:
    past.up(by="Ann")
    past.up(by="Bob", canaryReplicas=1)
    canary, first = past.read()
    assert [(each.by, each.updates, each.message) for each in (canary, first)] == [
        ("Bob", 1, "Promote green"),
        ("Ann", 1, "Promote green"),
    ]
    assert canary.after["api"].share == "1/11"
    assert canary.after["api"].percent == pytest.approx(100 / 11)
    assert canary.before == first.after


@pytest.mark.parametrize(
    ("end", "result", "expected"),
    [
        (release(1), "succeeded", Result.LEFT),
        (release(1), "failed", Result.FAILED),
        (release(1).now(State.BACK), "succeeded", Result.ROLLED_BACK),
        (release(1).now(State.BACK), "failed", Result.STUCK),
        (release(2), "succeeded", Result.DONE),
    ],
)
def test_how_a_release_ended_is_told_by_its_last_update(
    past: Past, end: Release, result: str, expected: Result
) -> None:
    past.up(release(0), canaryReplicas=1)
    past.up(end, result=result)
    assert past.read()[0].result is expected


def test_what_failed_has_not_moved_where_the_next_one_comes_from(past: Past) -> None:
    past.up()
    past.up(activeColor="green", result="failed")
    past.up(canaryReplicas=1)
    last, failed, _ = past.read()
    assert failed.result is Result.FAILED
    assert last.before["web"].active == "blue"


def test_the_journal_knows_the_end_and_the_figures(past: Past) -> None:
    past.up(release(2), activeColor="green")
    check = Check("failed", "error rate is 0.2, at most 0.01", "web", "green", "errors", (0.2,))
    events = [
        Event("t", "r1", "dev", "canary", Kind.FAILED, "it failed", checks=(check,)),
        Event("t", "r1", "dev", "canary", Kind.STUCK, "could not go back"),
    ]
    (entry,) = past.read(r1=events)
    assert (entry.result, entry.checks) == (Result.STUCK, (check,))


def test_a_configuration_that_is_hidden_or_of_another_time_tells_no_position(past: Past) -> None:
    past.up()
    past.updates[0]["config"]["shop:apps"] = {"secret": True}
    past.up(apps={"web": {**WEB, "frobnicate": 1}})
    assert [entry.after for entry in past.read()] == [{}, {}]
    with pytest.raises(RefusedError, match="goes back 0 changes"):
        past.live(0)


def test_where_apps_of_one_version_stand(past: Past) -> None:
    past.up(**one_version())
    past.up(**one_version(db={"canary": {"tag": NEW}, "canaryReplicas": 1}, cache={"paused": True}))
    past.up(**one_version(db={"canary": {"tag": NEW}, "canaryReplicas": 2}, tag=NEW), result="failed")
    past.up(kind="destroy", **one_version())
    past.up(**one_version())
    again, gone, failed, canary, first = past.read()
    assert (first.ran, first.before) == ({}, {})
    assert first.runs == dict.fromkeys(("agent", "cache", "db"), Running(OLD))
    assert canary.ran == first.runs
    assert canary.runs == first.runs | {
        "cache": Running(OLD, paused=True),
        "db": Running(OLD, canary_tag=NEW, ordinals="2"),
    }
    assert failed.runs["db"] == Running(OLD, canary_tag=NEW, ordinals="1-2")
    assert failed.runs["agent"] == Running(NEW)
    assert gone.ran == canary.runs  # what failed has moved nothing
    assert (again.ran, again.runs) == ({}, first.runs)
    assert canary.after["api"].active == "blue"  # apps of two colors are told beside them


def test_what_is_replaced_when_somebody_deletes_it_is_not_paused(past: Past) -> None:
    past.up(**one_version(db={"updateStrategy": "OnDelete"}, agent={"updateStrategy": "OnDelete"}))
    assert past.read()[0].runs == dict.fromkeys(("agent", "cache", "db"), Running(OLD))


def test_what_was_live_before(past: Past) -> None:
    past.up(apps={"web": {**WEB, "colors": {"blue": {"env": {"MODE": "a"}}}}, "api": API})
    past.up(activeColor="green")
    past.up(imageTag={"blue": NEXT, "green": NEW}, activeColor="green")  # staged: nothing live has changed
    past.up(imageTag={"blue": NEXT, "green": NEW}, activeColor="blue")
    assert past.live(0) == Live(Color.BLUE, {"web": NEXT, "api": NEXT}, {"web": {}, "api": {}})
    assert past.live(1) == Live(Color.GREEN, {"web": NEW, "api": NEW}, {"web": {}, "api": {}})
    assert past.live(2) == Live(Color.BLUE, {"web": OLD, "api": OLD}, {"web": {"env": {"MODE": "a"}}, "api": {}})
    with pytest.raises(RefusedError, match="goes back 2 changes of what is live, not 3"):
        past.live(3)


def test_a_release_that_was_rolled_back_and_an_up_that_failed_are_no_change(past: Past) -> None:
    past.up()
    past.up(release(0, began="r1"), canaryReplicas=1)
    past.up(release(2, began="r1"), activeColor="green")
    past.up(release(2, began="r1").now(State.BACK))
    past.up(activeColor="green", result="failed")
    past.up(kind="refresh", activeColor="green")
    assert past.live(0).color is Color.BLUE
    past.up(release(0, steps=(Step(),), began="r2"), activeColor="green")
    assert past.live(1).color is Color.BLUE
    with pytest.raises(RefusedError, match="goes back 1 changes"):
        past.live(2)


def test_a_release_that_came_back_in_the_middle_counts_where_it_ended(past: Past) -> None:
    past.up()
    past.up(release(0), activeColor="green")
    past.up(release(0), activeColor="green", result="failed")
    assert past.live(0).color is Color.GREEN


def test_a_new_app_is_no_change_of_what_is_live(past: Past) -> None:
    past.up(apps={"web": WEB})
    past.up()
    past.up(activeColor="green")
    assert past.live(1) == Live(Color.BLUE, {"web": OLD, "api": OLD}, {"web": {}, "api": {}})
    with pytest.raises(RefusedError):
        past.live(2)


def test_an_app_with_a_position_of_its_own_has_a_past_of_its_own(past: Past) -> None:
    own = {**WEB, "activeColor": "blue", "imageTag": {"blue": "1", "green": "2"}}
    past.up(apps={"web": WEB, "own": own})
    past.up(apps={"web": WEB, "own": own}, activeColor="green")
    past.up(apps={"web": WEB, "own": {**own, "activeColor": "green"}}, activeColor="green")
    assert past.live(1) == Live(Color.BLUE, {"web": OLD}, {"web": {}})
    assert past.live(0, "own") == Live(Color.GREEN, {"own": "2"}, {"own": {}})
    assert past.live(1, "own") == Live(Color.BLUE, {"own": "1"}, {"own": {}})
    with pytest.raises(RefusedError, match="own's history goes back 1 changes"):
        past.live(2, "own")


def drawn(entries: list[Entry], encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding=encoding), width=160)
    console.print(Picture(entries))
    console.file.flush()
    return raw.getvalue().decode(encoding)


def test_it_is_drawn_without_colors_and_without_unicode(past: Past) -> None:
    past.up(by="Ann [ops]")
    past.up(release(0), canaryReplicas=1)
    past.up(release(2), activeColor="green")
    check = Check("passed", "error rate is 0.001, at most 0.01", values=(0.001,))
    text = drawn(past.read(r1=[Event("t", "r1", "dev", "canary", Kind.CHECKED, "well", checks=(check,))]))
    assert "canary  ann@desk   done" in text
    assert "api, web: blue 6.9.0 (green 6.9.1) → green 6.9.1 (blue 6.9.0)" in text
    assert "passed: error rate is 0.001, at most 0.01" in text
    assert "Ann [ops]" in text
    assert "\x1b" not in text
    assert " -> " in drawn(past.read(), "ascii")
    assert drawn([]) == "Nothing has been released yet.\n"


def test_apps_of_one_version_are_drawn_by_tag_canary_and_pause(past: Past) -> None:
    past.up(**one_version())
    past.up(**one_version(db={"canary": {"tag": NEW}, "canaryReplicas": 1}))
    past.up(**one_version(db={"canary": {"tag": NEW}, "canaryReplicas": 2}, cache={"paused": True}, tag=NEW))
    last, canary, first = (entry.splitlines() for entry in drawn(past.read()).split("2026-05-01")[1:])
    assert [line.split("done")[-1].strip() for line in (*first, *canary, *last)] == [
        "api, web: blue 6.9.0 (green 6.9.1)",
        "agent, cache, db: 6.9.0",
        "api, web: blue 6.9.0 (green 6.9.1)",
        "agent, cache: 6.9.0",
        "db: 6.9.0 → 6.9.0 (canary 6.9.1 on ordinal 2)",
        "api, web: blue 6.9.0 (green 6.9.1)",
        "agent: 6.9.0 → 6.9.1",
        "cache: 6.9.0 → 6.9.1 (paused)",
        "db: 6.9.0 (canary 6.9.1 on ordinal 2) → 6.9.0 (canary 6.9.1 on ordinals 1-2)",
    ]


def test_it_is_json(past: Past) -> None:
    past.up(release(0), canaryReplicas=1)
    past.up(**one_version(db={"canary": {"tag": NEW}, "canaryReplicas": 1}))
    entries = past.read()
    assert msgspec.json.decode(msgspec.json.encode(entries), type=list[Entry]) == entries


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An engine that has 203 updates, `n` from 203 down to 1, and notes in `asked` which pages are asked for."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    script = tmp_path / "pulumiw"
    script.write_text(f"""#!{sys.executable}
import json, sys
size, page = (int(sys.argv[sys.argv.index(name) + 1]) for name in ("--page-size", "--page"))
print(page, file=open("asked", "a"))
print(json.dumps([{{"n": n}} for n in range(203, 0, -1)][(page - 1) * size : page * size]))
""")
    script.chmod(0o755)
    return Engine(tmp_path, "dev")


def test_the_engines_history_is_read_to_its_end(engine: Engine) -> None:
    assert [update["n"] for update in engine.history()] == [*range(203, 0, -1)]


def test_no_more_of_the_engines_history_is_read_than_is_asked_for(engine: Engine) -> None:
    updates = engine.history(10)
    assert [next(updates)["n"] for _ in range(11)] == [*range(203, 192, -1)]
    assert (engine.folder / "asked").read_text().split() == ["1", "2"]


def test_what_was_live_is_looked_for_as_far_back_as_it_takes(past: Past) -> None:
    for color in ("blue", "green") * 20:
        past.up(activeColor=color)
    taken: list[str] = []

    def updates() -> Iterator[Any]:
        for update in past.updates:
            taken.append(update["config"]["shop:activeColor"]["value"])
            yield update

    assert live_before(updates(), "shop", 2).color is Color.GREEN
    assert taken == ["green", "blue", "green", "blue"]  # the last one shows that its neighbor is none of its release
