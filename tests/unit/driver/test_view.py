"""What a person sees of a status: the same in 80 columns, without colors and without Unicode."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from cutover import status
from cutover.errors import NotStartedError
from cutover.status import Status
from cutover.view import live
from cutover.view.picture import Picture
from tests.unit.configs import GATEWAY, app, canary, stack, web
from tests.unit.driver.store import Store, managed, stack_plan, unready, waiting

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(store: Store, **note: Any) -> Status:
    found = store.read(lambda cluster: status.read(store.plan, cluster, note))
    return replace(found, at=at(0))


def shown(found: Status, width: int = 80, encoding: str = "utf-8", away: str = "") -> list[str]:
    """The lines that are drawn on no terminal."""
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding), width=width)
    console.print(Picture(found, NOW, away))
    console.file.flush()
    return [line.rstrip() for line in raw.getvalue().decode(encoding).splitlines()]


def test_a_canary_beside_a_blue_green_app() -> None:
    store = Store(stack_plan(stack({"web": app(), "api": canary()}, canaryReplicas=1)))
    assert shown(read(store)) == [
        "shop.dev  namespace test  context c  12:00:00 UTC",
        "",
        "api  CanaryApp",
        "blue  91% ██████████████████████████████████████████████████████░░░░░   9% green",
        "▸ blue    active    6.9.0  10/10  ●●●●●●●●●●",
        "  green   canary    6.9.1  1/1    ●",
        "",
        "web  BlueGreenApp",
        "blue 100% ███████████████████████████████████████████████████████████   0% green",
        "▸ blue    active    6.9.0  3/3    ●●●",
        "  green   idle      6.9.1  3/3    ●●●",
    ]


def test_what_is_wrong_with_it() -> None:
    plan = stack_plan(web(gate={"smoke": {"up": {"path": "/"}}}))
    store, (the,) = Store(plan), plan.apps
    first, second, third = store.pods_of("web-green")
    waiting(first, "ImagePullBackOff", "no such image")
    unready(second)
    third["metadata"]["deletionTimestamp"] = at(0)
    green = store.items["deployments"]["web-green"]
    green["status"]["availableReplicas"] = 0
    judged = {"passed": False, "at": at(130), "findings": ["smoke up: 500"]}
    judged |= {"template": the.other.template_hash, "gate": the.gate_hash}
    green["metadata"]["annotations"]["cutover/verdict"] = json.dumps(judged)
    assert shown(read(store))[5:] == [
        "  green   idle      6.9.1  0/3  ◔✖◌  gate failed 2 min ago, 2 restarts",
        "  ✖ Pod web-green-now-0: ImagePullBackOff (no such image).",
        "  ✖ gate of green: smoke up: 500",
        "",
        "pods: ● ready  ◔ starting  ✖ failing  ◌ ending",
    ]


def test_what_the_next_up_does_and_what_a_hand_has_done() -> None:
    store = Store(stack_plan(web()))
    found = store.items["services"]["web"]
    store.select("web", {"app": "web", "color": "green"}, by="kubectl-edit")
    found["metadata"]["managedFields"] = [{**managed("kubectl-edit", "selector")[0], "time": at(7200)}]
    wished = stack_plan(stack(imageTag={"blue": "6.9.0", "green": "7.0"}))
    told = store.read(lambda cluster: status.read(wished, cluster))
    assert shown(told, 110)[3:] == [
        "blue   0% " + "░" * 89 + " 100% green",
        "▸ blue    active    6.9.0  3/3  ●●●",
        "  green   canary    6.9.1  3/3  ●●●",
        "  ▲ Service web selects green; its last move was to blue (by kubectl-edit, 2 h ago)",
        "  $ pulumi up --refresh  # or to follow it: pulumi config set activeColor green && pulumi up",
        "  → the next `up` changes green from 6.9.1 to 7.0",
    ]


def test_a_terminal_without_unicode_gets_letters() -> None:
    store = Store(stack_plan(stack({"api": canary(router=GATEWAY)}, canaryReplicas=2, canaryWeight=5)))
    unready(store.pods_of("api-green")[0])
    lines = shown(read(store), encoding="ascii")
    assert lines[2:7] == [
        "api  CanaryApp  HTTPRoute api",
        "blue  95% ########################################################===   5% green",
        "> blue    active    6.9.0  10/10  oooooooooo",
        "  green   canary    6.9.1  1/2    o.",
        "",
    ]


def test_a_line_that_is_too_long_for_it_ends_in_letters_too() -> None:
    store = Store(stack_plan(web()))
    store.warn("ReplicaSet", "web-green-now", "FailedCreate", "because " * 40, f"{datetime.now(UTC):%FT%TZ}")
    last = shown(read(store), 60, encoding="ascii")[-1]
    assert "FailedCreate" in last
    assert len(last) <= 60


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    store = Store(stack_plan(stack({"web": app(), "shop-with-a-long-name": canary(replicas=60)}, canaryReplicas=30)))
    store.warn("ReplicaSet", "web-green-now", "FailedCreate", "because " * 40, f"{datetime.now(UTC):%FT%TZ}")
    console = Console(file=io.StringIO(), width=width)
    console.print(Picture(read(store)))
    assert isinstance(console.file, io.StringIO)
    assert max(map(len, console.file.getvalue().splitlines())) <= width


def test_many_pods_are_counted() -> None:
    store = Store(stack_plan(web(replicas=60)))
    unready(store.pods_of("web-blue")[0])
    assert shown(read(store))[4] == "▸ blue    active    6.9.0  59/60  ●x59 ◔x1"


def test_a_share_is_never_rounded_to_nothing() -> None:
    store = Store(stack_plan(stack({"web": canary(replicas=300)}, canaryReplicas=1)))
    bar = shown(read(store))[3]
    assert bar.startswith("blue >99% ")
    assert bar.endswith("░  <1% green")


def test_no_traffic_at_all() -> None:
    store = Store(stack_plan(web()))
    store.items["endpointslices"].clear()
    bar = shown(read(store))[3]
    assert bar.startswith("blue   0% ··")
    assert " no traffic: nothing ready behind Service web " in bar


def test_nothing_is_there_yet() -> None:
    store = Store(stack_plan(web()))
    store.items.clear()
    assert shown(read(store))[4:] == [
        "  blue    idle      -  not there",
        "  green   idle      -  not there",
        "  → the next `up` makes it",
    ]


def test_the_release_under_way() -> None:
    note = {"verb": "canary", "to": "green", "steps": "5%,live", "at": "0", "state": "paused", "pause": "resume"}
    found = read(Store(stack_plan(web())), **note, watch="0", began=at(660), by="ann")
    assert shown(found, 110)[1] == (
        "canary to green, at step 1 of 2 (green: 5% of the traffic), paused; begun 11 min ago by ann"
    )


def test_a_note_that_somebody_has_spoilt_is_told() -> None:
    assert "cannot be read" in shown(read(Store(stack_plan(web())), verb="canary"), 110)[1]


def test_an_older_picture_says_so() -> None:
    found = replace(read(Store(stack_plan(web()))), at=at(12))
    assert shown(found, away="connection refused")[1] == "▲ this is 12 s old: connection refused"


class Looks:
    """What one look after the other finds; the last one is ended by Ctrl-C."""

    def __init__(self, *found: Status | Exception) -> None:
        self.found: Iterator[Status | Exception] = iter(found)

    async def __call__(self) -> Status:
        each = next(self.found, None)
        if each is None:
            raise KeyboardInterrupt
        if isinstance(each, Exception):
            raise each
        return each


def watched(monkeypatch: pytest.MonkeyPatch, *found: Status | Exception, terminal: bool) -> str:
    monkeypatch.setattr(live, "WAIT_SECONDS", 0)
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
    live.watch(Looks(*found), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_last_picture_stays_while_the_cluster_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(Store(stack_plan(web())))
    end = watched(monkeypatch, found, NotStartedError("connection refused"), terminal=True)
    assert "connection refused" in end
    assert end.rindex("●●●") > end.index("connection refused")


def test_in_a_file_there_is_one_picture_for_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(stack_plan(web()))
    first = read(store)
    unready(store.pods_of("web-green")[0])
    later = read(store)
    text = watched(monkeypatch, first, first, later, NotStartedError("refused"), first, terminal=False)
    assert text.count("web  BlueGreenApp") == 4


def test_a_cluster_that_was_never_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotStartedError):
        watched(monkeypatch, NotStartedError("refused"), terminal=True)
