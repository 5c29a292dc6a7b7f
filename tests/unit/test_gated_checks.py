"""The checks of an app with a gate or a migration: what is asked when, and what its answer stops."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from components import checks as module
from components.checks import Checks
from components.color import Color, Role
from components.errors import GateFailedError, GateInconclusiveError, MigrationError, NotReadyError
from components.gates.findings import Finding, Outcome
from components.gates.settings import Gate
from components.plan import Component
from tests.unit.clock import in_no_time
from tests.unit.plans import color_plan
from tests.unit.world import World, checks

PASSED, FAILED, UNCLEAR = (Finding(outcome, f"it {outcome}") for outcome in Outcome)


@dataclass
class Judges:
    """Stands for the judge: what is judged is noted in `asked`, with the world's `memory` of the color at that time."""

    found: list[Finding] = field(default_factory=lambda: [PASSED])
    asked: list[str] = field(default_factory=list)
    remembered: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, world: World, _: Any, color: Any, __: Any) -> Judges:
        self.asked.append(color.name)
        self.remembered.append(world.memory.get(color.name, {}))
        return self

    async def judge(self, _: Gate) -> list[Finding]:
        return self.found

    async def smoke(self, _: Gate) -> list[Finding]:
        self.asked[-1] += " (smoke)"
        return self.found


@pytest.fixture
def judges(monkeypatch: pytest.MonkeyPatch) -> Judges:
    judges = Judges()
    monkeypatch.setattr(module, "Judge", judges)
    return judges


def gated(world: World, **changes: Any) -> Checks:
    return checks(world, **{"gate": Gate(), "gate_hash": "the-gate"} | changes)[0]


def verdict(world: World, color: str = "web-blue") -> dict[str, Any]:
    known: dict[str, Any] = json.loads(world.memory[color]["cutover/verdict"])
    return known


# A BlueGreenApp: blue is to be live, green is.


def test_a_color_that_failed_gets_no_traffic_and_is_not_asked_again(judges: Judges) -> None:
    world = World(live="green")
    judges.found = [PASSED, FAILED, UNCLEAR]
    with pytest.raises(GateFailedError) as just_now:
        in_no_time(gated(world).ready_to_serve())
    assert (just_now.value.findings, just_now.value.at) == (("it failed",), None)
    assert "cutover/live" not in world.memory["web-blue"]
    known = verdict(world)
    assert (known["template"], known["gate"], known["passed"]) == ("template-of-blue", "the-gate", False)
    assert known["findings"] == ["it passed", "it failed", "it inconclusive"]

    judges.found = [PASSED]
    with pytest.raises(GateFailedError, match="neither its pods nor the gate have changed") as again:
        in_no_time(gated(world).ready_to_serve())
    assert again.value.at == known["at"]
    assert judges.asked == ["web-blue"]
    assert "pulumi config set --path apps.web.force 1.0 && pulumi up" in str(again.value)


@pytest.mark.parametrize(
    "changes",
    [{"gate_hash": "another"}, {"active": color_plan(Color.BLUE, Role.ACTIVE, template="another")}],
    ids=["gate", "template"],
)
def test_a_change_is_judged_anew(judges: Judges, changes: dict[str, Any]) -> None:
    world = World(live="green")
    judges.found = [FAILED]
    with pytest.raises(GateFailedError):
        in_no_time(gated(world).ready_to_serve())
    judges.found = [PASSED]
    in_no_time(gated(world, **changes).ready_to_serve())
    assert judges.asked == ["web-blue", "web-blue"]
    assert verdict(world)["passed"]


def test_another_value_of_an_output_is_a_change(judges: Judges) -> None:
    world = World(live="green")
    judges.found = [FAILED]
    for value in ("one", "two"):
        check = gated(world)
        check.known = {"address": value}
        with pytest.raises(GateFailedError):
            in_no_time(check.ready_to_serve())
    assert judges.asked == ["web-blue", "web-blue"]


def test_a_color_that_passed_is_then_expected_to_have_the_traffic(judges: Judges) -> None:
    world = World(live="green")
    in_no_time(gated(world).ready_to_serve())
    assert judges.remembered == [{}], "it must be judged before anything is expected of it"
    assert verdict(world)["passed"]
    assert world.memory["web-blue"]["cutover/live"] == "expected"
    assert "cutover/served" not in world.memory["web-blue"]

    world.live = "blue"
    in_no_time(gated(world).moved())
    assert (world.memory["web-blue"]["cutover/live"], world.memory["web-blue"]["cutover/served"]) == (
        "seen",
        "template-of-blue",
    )
    in_no_time(gated(world).ready_to_serve())
    assert world.memory["web-blue"]["cutover/live"] == "seen"
    assert judges.asked == ["web-blue"]


def test_a_long_finding_is_remembered_by_its_beginning(judges: Judges) -> None:
    world = World(live="green")
    judges.found = [Finding(Outcome.FAILED, "long" * 1000), FAILED]
    with pytest.raises(GateFailedError) as stopped:
        in_no_time(gated(world).ready_to_serve())
    assert verdict(world)["findings"] == ["long" * 500, "it failed"]
    assert stopped.value.findings == ("long" * 1000, "it failed"), "just now it is told whole"


def test_no_conclusion_stops_and_is_not_remembered(judges: Judges) -> None:
    world = World(live="green")
    judges.found = [PASSED, UNCLEAR]
    for _ in range(2):
        with pytest.raises(GateInconclusiveError, match="it passed; it inconclusive"):
            in_no_time(gated(world).ready_to_serve())
    assert judges.asked == ["web-blue", "web-blue"]
    assert world.memory == {}


def test_a_dry_run_is_not_among_the_reasons_of_a_failure(judges: Judges) -> None:
    judges.found = [replace(FAILED, dry_run=True), Finding(Outcome.FAILED, "this one counts")]
    with pytest.raises(GateFailedError) as refused:
        in_no_time(gated(World(live="green")).ready_to_serve())
    assert refused.value.findings == ("this one counts",)


def test_a_dry_run_is_told_and_stops_nothing(judges: Judges) -> None:
    judges.found = [replace(FAILED, dry_run=True), PASSED]
    check, warnings = checks(World(live="green"), gate=Gate())
    in_no_time(check.ready_to_serve())
    assert warnings == ["failed: it failed (dry run)"]


SERVED = {"cutover/served": "template-of-blue"}


@pytest.mark.parametrize(
    ("world", "changes"),
    [
        (World(), {}),
        (World(live="blue"), {}),
        (World(live="green"), {"gate": None}),
        (World(live="green", memory={"web-blue": SERVED}), {}),
        (World(live="green", memory={"web-green": SERVED}), {}),
        (World(live="green"), {"force": "1.0"}),
    ],
    ids=["first create", "live already", "no gate", "served", "served on the other color", "force"],
)
def test_goes_on_without_its_gate(judges: Judges, world: World, changes: dict[str, Any]) -> None:
    judges.found = [FAILED]
    in_no_time(gated(world, **changes).ready_to_serve())
    assert judges.asked == []
    assert "cutover/live" in world.memory["web-blue"]


@pytest.mark.parametrize("component", [Component.BLUE_GREEN, Component.CANARY])
def test_what_takes_over_the_traffic_of_others_passes_its_gate_first(judges: Judges, component: Component) -> None:
    judges.found = [FAILED]
    world = World(others=True)
    with pytest.raises(GateFailedError):
        in_no_time(gated(world, component=component).ready_to_serve())
    assert "cutover/live" not in world.memory["web-blue"]


def test_force_names_one_tag_and_is_told() -> None:
    check, warnings = checks(World(live="green"), gate=Gate(), force="1.0")
    in_no_time(check.ready_to_serve())
    assert warnings == ["web-blue (1.0) goes on without its gate, as `force` says"]


def test_force_of_another_tag_forces_nothing(judges: Judges) -> None:
    judges.found = [FAILED]
    with pytest.raises(GateFailedError):
        in_no_time(gated(World(live="green"), force="2.0").ready_to_serve())


def test_a_color_is_ready_before_it_is_judged(judges: Judges) -> None:
    with pytest.raises(NotReadyError):
        in_no_time(gated(World(live="green", ready={"web-blue": 2})).ready_to_serve())
    assert judges.asked == []


# A CanaryApp. Blue is live with ten pods; green is to have five, and then all the traffic.

CANARY = color_plan(Color.GREEN, Role.CANARY, replicas=5)
GROWING: dict[str, Any] = {
    "component": Component.CANARY,
    "active": color_plan(Color.BLUE, Role.ACTIVE, replicas=10),
    "other": CANARY,
}
PROMOTED: dict[str, Any] = {
    "component": Component.CANARY,
    "active": color_plan(Color.GREEN, Role.ACTIVE, replicas=10),
    "other": color_plan(Color.BLUE, Role.IDLE, replicas=0),
}


def canaries(green: int, live: str | None = "blue", **more: Any) -> World:
    return World(live=live, sizes={"web-blue": 10, "web-green": green}, **more)


@pytest.mark.parametrize("plan", [GROWING, PROMOTED], ids=["more canaries", "promoted"])
def test_a_canary_grows_once_its_present_pods_have_passed(judges: Judges, plan: dict[str, Any]) -> None:
    world = canaries(1)
    in_no_time(gated(world, **plan).prepared())
    judges.found = [FAILED]
    with pytest.raises(GateFailedError):
        in_no_time(gated(world, **plan).prepared())
    assert judges.asked == ["web-green", "web-green"]
    assert world.log == []


@pytest.mark.parametrize(
    ("world", "changes"),
    [
        (canaries(0), {}),
        (canaries(5), {}),
        (canaries(1, live=None), {}),
        (canaries(1, sources={"web-green": "another"}), {}),
        (canaries(1), {"component": Component.BLUE_GREEN}),
        (canaries(1, memory={"web-green": {"cutover/served": "template-of-green"}}), {}),
    ],
    ids=["its first pods", "as many as before", "first create", "other pods than those", "BlueGreenApp", "served"],
)
def test_there_is_nothing_to_judge_before_a_canary_grows(judges: Judges, world: World, changes: dict[str, Any]) -> None:
    in_no_time(gated(world, **GROWING | changes).prepared())
    assert judges.asked == []


@pytest.mark.parametrize(
    ("changes", "refused"),
    [({}, True), ({"gate_hash": "another"}, False), ({"force": "1.0"}, False), ({"gate": None}, False)],
    ids=["as it failed", "another gate", "force", "no gate"],
)
def test_a_canary_that_failed_and_was_dropped_does_not_start_again(
    judges: Judges, changes: dict[str, Any], *, refused: bool
) -> None:
    world = canaries(1)
    judges.found = [FAILED]
    with pytest.raises(GateFailedError):
        in_no_time(gated(world, **GROWING).prepared())
    world.sizes["web-green"] = 0
    if refused:
        with pytest.raises(GateFailedError, match="neither its pods nor the gate have changed"):
            in_no_time(gated(world, **GROWING | changes).prepared())
    else:
        in_no_time(gated(world, **GROWING | changes).prepared())
    assert judges.asked == ["web-green"]


def test_under_an_autoscaler_a_canary_grows_to_the_size_of_the_live_color(judges: Judges) -> None:
    scaled = PROMOTED | {"active": color_plan(Color.GREEN, Role.ACTIVE, replicas=2, hpa=True)}
    judges.found = [FAILED]
    with pytest.raises(GateFailedError):
        in_no_time(gated(canaries(3), **scaled).prepared())
    in_no_time(gated(canaries(10), **scaled).prepared())
    assert judges.asked == ["web-green"]


def test_a_promoted_canary_is_judged_again_before_the_old_color_shrinks(judges: Judges) -> None:
    world = canaries(10, live="green", memory={"web-blue": {"cutover/served": "old", "cutover/live": "seen"}})
    world.serving = [f"web-{color}-{number}" for color in Color for number in range(10)]
    judges.found = [FAILED]
    for _ in range(2):
        with pytest.raises(GateFailedError):
            in_no_time(gated(world, **PROMOTED).moved())
    assert judges.asked == ["web-green"]
    assert "cutover/served" not in world.memory["web-green"]
    assert world.memory["web-blue"]["cutover/live"] == "seen"

    del world.memory["web-green"]
    judges.found = [PASSED]
    for _ in range(2):
        in_no_time(gated(world, **PROMOTED).moved())
    assert judges.asked == ["web-green", "web-green"]
    assert world.memory["web-green"]["cutover/live"] == "seen"
    assert "cutover/live" not in world.memory["web-blue"]


def test_the_first_color_of_a_canary_app_needs_no_gate(judges: Judges) -> None:
    world = canaries(10, live="green")
    in_no_time(gated(world, **PROMOTED).moved())
    assert judges.asked == []


# Migrations.

JOB = {"metadata": {"name": "web-migrate-1"}, "spec": {"activeDeadlineSeconds": 60}}
MIGRATING = {"other": replace(color_plan(Color.GREEN, Role.IDLE), migration=JOB)}


def test_a_migration_that_ended_well_lets_it_go_on(judges: Judges) -> None:
    in_no_time(gated(World(live="blue"), **MIGRATING).prepared())
    assert judges.asked == ["web-blue (smoke)"]


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (World(live="blue", code=1, reason="too often", printed=["no table"]), "too often\n    no table"),
        (World(live="blue", code=None, reason="too late"), "too late"),
        (World(live="blue", seconds=1e9), "Job web-migrate-1 has not ended after 60 s"),
        (World(live="blue", gone=True), "Job web-migrate-1 is not there after 60 s"),
        (World(live="blue", seconds=1e9, waiting="ErrImagePull"), "ErrImagePull"),
    ],
)
def test_a_migration_that_did_not_end_well_stops(judges: Judges, world: World, why: str) -> None:
    with pytest.raises(MigrationError) as stopped:
        in_no_time(gated(world, **MIGRATING).prepared())
    assert stopped.value.live is None
    assert why in stopped.value.reasons[0]
    assert "kubectl delete job web-migrate-1" in str(stopped.value)
    assert judges.asked == []


def test_a_migration_that_hurts_the_live_color_stops(judges: Judges) -> None:
    judges.found = [FAILED]
    with pytest.raises(MigrationError, match="blue, which is live, fails its smoke test") as stopped:
        in_no_time(gated(World(live="blue"), **MIGRATING).prepared())
    assert stopped.value.reasons == ("it failed",)


def test_a_smoke_test_without_a_conclusion_blames_no_migration(judges: Judges) -> None:
    judges.found = [UNCLEAR]
    in_no_time(gated(World(live="blue"), **MIGRATING).prepared())


@pytest.mark.parametrize(("world", "changes"), [(World(), {}), (World(live="blue"), {"gate": None})])
def test_nothing_to_ask_after_a_migration(judges: Judges, world: World, changes: dict[str, Any]) -> None:
    in_no_time(gated(world, **MIGRATING | changes).prepared())
    assert judges.asked == []


ROLLBACK = {"active": replace(color_plan(Color.BLUE, Role.ACTIVE), migration=JOB)}


@pytest.mark.parametrize("color", Color)
def test_nothing_about_its_migration_stops_a_rollback(judges: Judges, color: Color) -> None:
    judges.found = [FAILED]
    world = World(live="green", memory={f"web-{color}": SERVED}, code=1)
    in_no_time(gated(world, **ROLLBACK).prepared())
    assert judges.asked == []


def test_a_version_that_has_not_served_waits_for_its_migration(judges: Judges) -> None:
    world = World(live="green", memory={"web-blue": {"cutover/served": "another"}}, code=1)
    with pytest.raises(MigrationError):
        in_no_time(gated(world, **ROLLBACK).prepared())
    assert judges.asked == []


def test_a_live_color_that_is_ill_already_blames_no_migration(judges: Judges) -> None:
    judges.found = [FAILED]
    in_no_time(gated(World(live="blue", ready={"web-blue": 2}), **MIGRATING).prepared())
    assert judges.asked == []


def test_force_goes_on_over_a_live_color_that_fails_its_smoke_test(judges: Judges) -> None:
    judges.found = [FAILED]
    in_no_time(gated(World(live="blue"), **MIGRATING, force="1.0").prepared())
    with pytest.raises(MigrationError):
        in_no_time(gated(World(live="blue"), **MIGRATING, force="2.0").prepared())
    assert judges.asked == ["web-blue (smoke)"]


def test_force_goes_on_over_no_migration_that_failed(judges: Judges) -> None:
    with pytest.raises(MigrationError):
        in_no_time(gated(World(live="blue", code=1), **MIGRATING, force="1.0").prepared())
    assert judges.asked == []
