"""What a preview foretells is what the checks then do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from components.color import Color, Role
from components.errors import CutoverError
from components.forecast import contents
from components.gates.settings import Gate
from components.standing import confront_app
from tests.unit.clock import in_no_time
from tests.unit.plans import app_plan, color_plan
from tests.unit.test_gated_checks import GROWING, PROMOTED, Judges, canaries, gated, judges
from tests.unit.test_routed_checks import ROUTES, canary
from tests.unit.test_routed_checks import world as routed
from tests.unit.world import World

__all__ = ["judges"]

SEEN = {"cutover/served": "template-of-green", "cutover/live": "seen"}
PASSED = {"template": "template-of-green", "gate": "the-gate", "passed": True, "at": "", "findings": ()}
FAILED = PASSED | {"passed": False, "at": "2026-01-02T03:04:05Z"}


def verdict(known: dict[str, Any]) -> dict[str, str]:
    return {"cutover/verdict": json.dumps(known)}


def foretold(world: World, **changes: Any) -> list[str]:
    cluster: Any = world
    gate = Gate.model_validate({"smoke": {"version": {"path": "/version"}}})
    return list(
        asyncio.run(confront_app(app_plan(**{"gate": gate, "gate_hash": "the-gate"} | changes), cluster)).foretold
    )


def judged(judges: Judges, world: World, **changes: Any) -> set[str]:
    """Go through an `up` and return the phases in which a gate was asked."""
    phases = set()
    checks = gated(world, **changes)
    for phase, check in (("prepare", checks.prepared), ("check", checks.ready_to_serve), ("leave", checks.moved)):
        judges.asked.clear()
        if phase == "leave":
            world.live = str(checks.plan.active.color)
            for color in checks.plan.colors.values():
                world.sizes[color.name] = max(world.sizes[color.name], color.replicas)
        with suppress(CutoverError):  # endpoints do not follow in this world
            in_no_time(check())
        if judges.asked:
            phases.add(phase)
    return phases


OURS = {"cutover/stack": "cutover.unit", "cutover/component": "BlueGreenApp"}
SERVICE = {
    "kind": "Service",
    "metadata": {"name": "web", "labels": OURS},
    "spec": {"ports": [{"port": 80}], "type": "ClusterIP"},
}

SCENES: dict[str, tuple[Callable[[], World], dict[str, Any]]] = {
    "nothing is there": (World, {}),
    "blue is live already": (lambda: World(live="blue"), {}),
    "blue is promoted": (lambda: World(live="green"), {}),
    "blue has served": (lambda: World(live="green", memory={"web-blue": {"cutover/served": "template-of-blue"}}), {}),
    "blue is promoted without a gate": (lambda: World(live="green"), {"gate": None}),
    "blue is forced": (lambda: World(live="green"), {"force": "1.0"}),
    "blue has passed before": (
        lambda: World(live="green", memory={"web-blue": verdict(PASSED | {"template": "template-of-blue"})}),
        {},
    ),
    "the traffic of others": (lambda: World(others=True, labels=OURS), {"live_service": SERVICE}),
    "a first canary pod": (lambda: canaries(0), GROWING),
    "more canaries": (lambda: canaries(1), GROWING),
    "as many canaries": (lambda: canaries(5), GROWING),
    "canaries of another version": (lambda: canaries(1, sources={"web-green": "another"}), GROWING),
    "a canary that has served": (lambda: canaries(1, memory={"web-green": SEEN}), GROWING),
    "a canary promoted": (
        lambda: canaries(5, memory={"web-blue": {"cutover/served": "template-of-blue", "cutover/live": "seen"}}),
        PROMOTED,
    ),
    "an autoscaled canary promoted": (
        lambda: canaries(3),
        PROMOTED | {"active": color_plan(Color.GREEN, Role.ACTIVE, replicas=2, hpa=True)},
    ),
    "a route's first share": (lambda: routed("0%"), canary(5)),
    "a route's greater share": (lambda: routed("5%"), canary(25)),
    "a route's same share, not judged": (lambda: routed("25%"), canary(25)),
    "a route's smaller share": (lambda: routed("25%"), canary(5)),
    "a route's canary dropped": (lambda: routed("5%"), canary(0, replicas=0)),
    "a route promoted": (lambda: World(live="green", share="0%"), {"routes": ROUTES}),
    "a route made again": (World, canary(25)),
}


@pytest.mark.parametrize("scene", SCENES)
def test_a_gate_is_foretold_when_it_is_asked(judges: Judges, scene: str) -> None:
    world, changes = SCENES[scene]
    told = {text.split(":")[0] for text in foretold(world(), **changes) if " must pass its gate " in text}
    assert told == judged(judges, world(), **changes)


@pytest.mark.parametrize(
    ("scene", "sentences"),
    [
        ("nothing is there", []),
        ("blue is live already", []),
        (
            "blue is promoted",
            ["check: blue (1.0) must pass its gate before it takes traffic: smoke test version"],
        ),
        ("blue has served", ["check: blue (1.0) has carried the live traffic before and needs no gate"]),
        ("blue is forced", ["check: blue (1.0) goes on without its gate, as `force` says"]),
        (
            "blue is promoted without a gate",
            ["check: blue (1.0) has no gate: that its pods are ready is all that is asked before it takes traffic"],
        ),
        (
            "a route's first share",
            ["check: green (1.0) must pass its gate before it takes 5% of the traffic: smoke test version"],
        ),
        (
            "a canary promoted",
            [
                "prepare: green (1.0) must pass its gate before more of its pods come: smoke test version",
                "move: both colors are full until blue shrinks: about half of the traffic goes to each",
                "leave: green (1.0) must pass its gate before blue shrinks: smoke test version",
            ],
        ),
    ],
)  # fmt: skip
def test_the_words(scene: str, sentences: list[str]) -> None:
    world, changes = SCENES[scene]
    assert foretold(world(), **changes) == sentences


def test_connections_that_have_to_end_are_foretold() -> None:
    world = World(live="green", memory={"web-green": SEEN, "web-blue": {"cutover/served": "template-of-blue"}})
    *_, warm = foretold(world)
    assert warm == "leave: connections to green have 2 s to end, then its pods are ended one by one and come back"
    *_, freed = foretold(world, other=color_plan(Color.GREEN, Role.IDLE, replicas=0))
    assert freed == "leave: connections to green have 2 s to end"
    (only,) = foretold(world, routes=ROUTES)
    assert only.startswith("check: ")


@pytest.mark.parametrize(
    ("phase", "here", "changes"), [("check", routed("0%"), canary(5)), ("prepare", canaries(0), GROWING)]
)
def test_a_canary_that_failed_is_foretold_to_be_refused(phase: str, here: World, changes: dict[str, Any]) -> None:
    here.memory["web-green"] = verdict(FAILED)
    assert foretold(here, **changes) == [
        f"{phase}: green (1.0) is refused: it has failed its gate at 2026-01-02T03:04:05Z"
    ]


def test_what_a_gate_asks_is_named_in_its_order() -> None:
    gate = {
        "metrics": {"errors": {"query": "up", "max": 1}},
        "prometheus": {"url": "http://prometheus"},
        "job": {"image": "test:1"},
        "load": {"path": "/", "seconds": 30},
        "smoke": {"version": {"path": "/version"}, "health": {"path": "/healthz"}},
    }
    assert contents(Gate.model_validate(gate)) == (
        "smoke test version, smoke test health, 30 s of requests, a Job, metric errors"
    )
    assert contents(Gate()) == "nothing"
