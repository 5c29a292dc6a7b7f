"""What a preview means in the words of a release."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from cutover.dangers import Danger
from cutover.plan import Act, Cost, Picture, Plan, read
from cutover.previews import Op, Phase
from tests.unit.configs import GATEWAY
from tests.unit.driver.previews import API, NEW, NEXT, OLD, WEB, position, preview

RECORDED = Path(__file__).with_name("recorded")
ROUTED = {**API, "router": GATEWAY, "baseline": True}
SCALED = {**WEB, "autoscaling": {"minReplicas": 2, "maxReplicas": 8}, "resources": {"requests": {"cpu": "10m"}}}
SCALED.pop("replicas")


def one(app: str, before: Any, after: Any, *notes: tuple[str, str]) -> tuple[Any, Plan]:
    plan = read(preview(before, after, *notes))
    return next(each for each in plan.apps if each.name == app), plan


def acts(plan: Plan, app: str) -> list[tuple[str, str]]:
    return [(str(act.phase), act.text) for act in plan.acts if act.app == app]


def dangers(plan: Plan) -> list[tuple[str, str]]:
    return [(str(warned.danger), warned.app) for warned in plan.warnings]


def test_a_promotion() -> None:
    web, plan = one("web", position(), position(activeColor="green"))
    assert web.headline == "traffic moves from blue (6.9.0) to green (6.9.1)"
    assert (web.before.active, web.after.active) == ("blue", "green")
    assert acts(plan, "web") == [("move", "all traffic to green, from blue")]
    assert acts(plan, "api") == [
        ("grow", "green: 10 pods of 6.9.1, after 0"),
        ("move", "all traffic to green, from blue"),
        ("settle", "blue: 0 pods of 6.9.0, after 10"),
    ]
    assert dangers(plan) == [("cold", "api")]
    assert plan.cost == Cost(now=16, peak=26, after=16)


def test_apps_that_move_together_are_one_release_and_others_are_not() -> None:
    own = {"activeColor": "blue", "imageTag": {"blue": OLD, "green": NEW}}
    apps = {"web": WEB, "api": API, "own": {**WEB, **own}}
    to = {**apps, "own": {**WEB, **own, "activeColor": "green"}}
    plan = read(preview(position(apps=apps), position(apps=to, activeColor="green")))
    releases = {act.app: act.release for act in plan.acts}
    assert releases["web"] == releases["api"] != releases["own"]
    together = [(act.phase, act.app) for act in plan.acts if act.app != "own"]
    assert together == [
        (Phase.GROW, "api"),
        (Phase.MOVE, "api"),
        (Phase.MOVE, "web"),
        (Phase.SETTLE, "api"),
    ]


def test_nothing_to_do() -> None:
    web, plan = one("web", position(), position())
    assert plan.is_empty
    assert (plan.acts, plan.warnings) == ((), ())
    assert web.headline == "stays on blue (6.9.0)"
    assert plan.cost == Cost(16, 16, 16)


def test_a_first_create() -> None:
    web, plan = one("web", None, position())
    assert web.before is None
    assert web.headline == "is made, with blue (6.9.0) live"
    assert acts(plan, "web") == [
        ("grow", "blue: 3 pods of 6.9.0"),
        ("move", "all traffic to blue"),
        ("settle", "green: 3 pods of 6.9.1"),
    ]
    assert plan.cost == Cost(now=0, peak=16, after=16)


def test_an_app_that_goes() -> None:
    api, plan = one("api", position(), position(apps={"web": WEB}))
    assert (api.after, api.headline) == (None, "is removed")
    assert dangers(plan) == [("deleted", "api"), ("deleted", "api")]
    assert {text for _, text in acts(plan, "api")} == {
        "blue goes, with its 10 pods of 6.9.0",
        "green goes, with its 0 pods of 6.9.1",
    }


def test_a_version_that_is_staged() -> None:
    web, plan = one(
        "web", position(imageTag={"blue": OLD, "green": NEW}), position(imageTag={"blue": OLD, "green": NEXT})
    )
    assert web.headline == "green gets 6.9.2, after 6.9.1"
    assert acts(plan, "web") == [("settle", "green: 3 pods of 6.9.2, new ones in the place of 3")]
    assert plan.warnings == ()
    assert plan.cost == Cost(now=16, peak=17, after=16)  # a rollout's surge


def test_a_canary_that_takes_its_first_pod_and_one_that_gives_some_back() -> None:
    api, plan = one("api", position(), position(canaryReplicas=1))
    assert api.headline == "green (6.9.1) has 1/11 of the traffic, after 0%"
    assert acts(plan, "api") == [
        ("grow", "green: 1 pod of 6.9.1, after 0"),
        ("move", "green has 1/11 of the traffic, after 0%"),
    ]
    assert plan.warnings == ()
    api, plan = one("api", position(canaryReplicas=3), position(canaryReplicas=1))
    assert api.after.percent == pytest.approx(100 / 11)
    assert dangers(plan) == [("share-down", "api")]


def test_a_route_moves_before_the_old_color_shrinks_and_has_a_baseline_beside() -> None:
    apps = {"api": ROUTED}
    before = position(apps=apps, canaryReplicas=3)
    api, plan = one("api", before, position(apps=apps, canaryReplicas=3, canaryWeight=25))
    assert (api.before.share, api.after.share) == ("0%", "25%")
    assert [side.name for side in api.sides] == ["blue", "green", "baseline"]
    assert plan.cost == Cost(16, 16, 16)
    _, plan = one("api", before, position(apps=apps, activeColor="green"))
    assert [phase for phase, _ in acts(plan, "api")] == ["grow", "move", "settle", "settle"]


def test_a_live_color_that_changes_in_place() -> None:
    _, plan = one("web", position(), position(imageTag={"blue": NEXT, "green": NEW}))
    warned = next(each for each in plan.warnings if each.app == "web")
    assert warned.danger is Danger.LIVE_CHANGED
    assert "containers[0].image" in warned.text


def test_a_canary_with_traffic_that_changes_in_place() -> None:
    with_new = position(canaryReplicas=2)
    _, plan = one("api", with_new, position(canaryReplicas=2, imageTag={"blue": OLD, "green": NEXT}))
    assert ("live-changed", "api") in dangers(plan)
    assert ("live-changed", "web") not in dangers(plan)


def test_a_canary_that_comes_with_its_version_changes_nothing_in_place() -> None:
    _, plan = one("api", position(), position(canaryReplicas=2, imageTag={"blue": OLD, "green": NEXT}))
    assert plan.warnings == ()


def test_a_color_that_is_freed_is_cold() -> None:
    web, plan = one("web", position(), position(idleReplicas=0))
    assert dangers(plan) == [("cold", "web")]
    assert web.headline == "green: 0 pods of 6.9.1, after 3"


def test_a_color_that_is_to_run_what_the_live_one_runs_is_not_missed() -> None:
    same = {"blue": OLD, "green": OLD}
    web, plan = one("web", position(), position(imageTag=same))
    assert (web.sides[1].before.replicas, web.sides[1].after.replicas) == (3, 0)
    assert plan.warnings == ()
    apps = {"web": {**WEB, "colors": {"green": {"env": {"MODE": "new"}}}}}
    freed = position(apps=apps, imageTag=same, idleReplicas=0)
    assert dangers(read(preview(position(apps=apps, imageTag=same), freed))) == [("cold", "web")]


def test_a_canary_that_shrinks_makes_room_for_what_is_staged_after_it() -> None:
    before, after = position(canaryReplicas=3, idleReplicas=0), position(canaryReplicas=1, idleReplicas=3)
    assert read(preview(before, after)).cost == Cost(now=16, peak=17, after=17)


def test_apps_that_do_not_wait_for_each_other_may_be_at_their_peaks_together() -> None:
    before = position(canaryReplicas=3, apps={"api": API, "web": {**WEB, "idleReplicas": 0}})
    after = position(canaryReplicas=1, apps={"api": API, "web": {**WEB, "idleReplicas": 3}})
    assert read(preview(before, after)).cost == Cost(now=16, peak=19, after=17)


def test_the_route_and_not_the_service_says_where_traffic_is() -> None:
    apps = {"api": ROUTED}
    document = preview(position(apps=apps), position(apps=apps, activeColor="green"))
    service = next(step for step in document["steps"] if step["urn"].endswith("Service::api"))
    service["oldState"]["inputs"]["metadata"]["annotations"]["cutover/active"] = "green"
    (api,) = read(document).apps
    assert api.headline == "traffic moves from blue (6.9.0) to green (6.9.1)"


@pytest.mark.parametrize("name", ["Deployment::web-blue", "Namespace::cutover-unit", "Service::web"])
def test_a_replace_is_told_first(name: str) -> None:
    document = preview(position(), position(activeColor="green"))
    next(step for step in document["steps"] if step["urn"].endswith(name))["op"] = "replace"
    plan = read(document)
    assert plan.warnings[0].danger is Danger.REPLACED


def test_autoscaled_pods_are_told_from_fewest_to_most() -> None:
    web, plan = one("web", position(apps={"web": SCALED}), position(apps={"web": SCALED}, activeColor="green"))
    blue = web.sides[0]
    assert (blue.before.replicas, blue.before.most, blue.before.count) == (2, 8, "2-8")
    assert plan.cost.now == 4


def test_autoscaled_pods_are_as_many_as_the_program_says() -> None:
    document = preview(position(apps={"web": SCALED}), position(apps={"web": SCALED}))
    state = {"type": "cutover:index:BlueGreenApp", "inputs": {"replicas": {"blue": 2.0, "green": 2.0}}}
    freed = state | {"inputs": {"replicas": {"blue": 2.0, "green": 0.0}}}
    urn = "urn:pulumi:dev::cutover::cutover:index:BlueGreenApp::web"
    document["steps"].append({"op": "update", "urn": urn, "oldState": state, "newState": freed})
    plan = read(document)
    (web,) = plan.apps
    assert [side.after.replicas for side in web.sides if side.after] == [2, 0]
    assert acts(plan, "web") == [("settle", "green: 0 pods of 6.9.1, after 2-8")]


@pytest.mark.parametrize("name", ["promotion", "canary-more"])
def test_recorded_previews_of_the_embedded_engine(name: str) -> None:
    plan = read(json.loads((RECORDED / f"{name}.json").read_text()))
    api, web = plan.apps
    if name == "promotion":
        assert api.headline == web.headline == "traffic moves from blue (6.9.0) to green (6.9.1)"
        assert [(act.phase, act.app) for act in plan.acts] == [
            (Phase.GROW, "api"),
            (Phase.CHECK, "web"),
            (Phase.MOVE, "api"),
            (Phase.MOVE, "api"),
            (Phase.MOVE, "web"),
            (Phase.SETTLE, "api"),
        ]
        assert plan.acts[1].text == "green (6.9.1) must pass its gate before it takes traffic: smoke test version"
        assert plan.cost == Cost(8, 12, 8)
    else:
        assert api.headline == "green (6.9.1) has 3/7 of the traffic, after 1/5"
        assert web.headline == "stays on blue (6.9.0)"
        assert plan.cost == Cost(9, 11, 11)


def test_a_recorded_preview_of_the_real_engine() -> None:
    golden = RECORDED.parents[2] / "engine" / "golden" / "05-preview-json.json"
    plan = read(json.loads(golden.read_text()))
    assert (plan.apps, plan.warnings) == ((), ())
    assert plan.changes == {"same": 7, "update": 2}
    assert not plan.is_empty


def test_a_migration_runs_first() -> None:
    apps = {"web": {**WEB, "migration": {"command": ["migrate"]}}}
    tags = {"blue": OLD, "green": NEXT}
    _, plan = one("web", position(apps=apps), position(apps=apps, imageTag=tags))
    phase, text = acts(plan, "web")[0]
    assert phase == "prepare"
    assert text.startswith("migration web-migrate-")


def test_what_the_program_says_stands_where_it_belongs() -> None:
    notes = [
        ("api", "plan: leave: connections have 15 s to end"),
        ("api", "plan: check: green (6.9.1) must pass its gate"),
        ("api", "green: 1 of 3 pods ready"),
        ("gone", "plan: check: nobody's"),
        ("api", "plan: frobnicate: no phase"),
    ]
    _, plan = one("api", position(), position(activeColor="green"), *notes)
    assert [phase for phase, _ in acts(plan, "api")] == ["grow", "check", "move", "leave", "settle"]
    assert Act(0, Phase.CHECK, "api", "green (6.9.1) must pass its gate") in plan.acts
    assert "gone" not in {act.app for act in plan.acts}


def test_the_engines_warnings_are_passed_on() -> None:
    document = preview(position(), position())
    document["diagnostics"] += [{"severity": "warning", "message": "warning: it is late\n"}, {"severity": "warning"}]
    assert [(each.danger, each.text) for each in read(document).warnings] == [(Danger.ENGINE, "it is late")]


def test_without_the_stays_it_says_what_changes_and_invents_nothing() -> None:
    document = preview(position(), position(canaryReplicas=1))
    document["steps"] = [step for step in document["steps"] if step["op"] != "same" or "Stack" in step["urn"]]
    told = {"activeColor": "blue", "imageTag": {"blue": OLD, "green": NEW}, "otherShare": "0%"}
    document["steps"][0]["oldState"] = {"outputs": {"web": told, "api": told, "url": "http://x"}}
    plan = read(document)
    (api,) = plan.apps
    assert api.headline == "green (6.9.1) has 1/11 of the traffic, after 0%"
    assert next((side.name, side.op, side.after) for side in api.sides) == ("blue", Op.SAME, None)
    assert "blue   6.9.0" in drawn(plan)


def test_what_a_secret_hides_is_left_out() -> None:
    document = preview(position(), position(activeColor="green"))
    for step in document["steps"]:
        if step["urn"].endswith("Deployment::web-green"):
            step["oldState"]["inputs"]["spec"] = step["newState"]["inputs"]["spec"] = "[secret]"
    read(document)


def test_a_preview_of_something_else_holds_no_apps() -> None:
    plan = read({"steps": [{"op": "create", "urn": "u", "newState": {"type": "random:index:Pet"}}]})
    assert (plan.apps, plan.cost) == ((), Cost(0, 0, 0))
    assert read({}).is_empty


def drawn(plan: Plan, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding=encoding), width=100)
    console.print(Picture(plan))
    console.file.flush()
    return raw.getvalue().decode(encoding)


def test_it_is_drawn_without_colors_and_without_unicode() -> None:
    _, plan = one("web", position(), position(activeColor="green"))
    text = drawn(plan)
    assert "! api: blue (6.9.0) ends with no pods" in text
    assert "web  blue   6.9.0  3       active → idle  100% → 0%" in text
    assert "In this order (api, web):\n  grow     api: green: 10 pods of 6.9.1, after 0\n" in text
    assert "Pods: 16 now, 26 at most meanwhile (+10), 16 afterwards" in text
    assert "\x1b" not in text
    assert "active -> idle" in drawn(plan, "ascii")
    assert "The next up changes nothing." in drawn(read(preview(position(), position())))


def test_it_is_json() -> None:
    _, plan = one("web", position(), position(activeColor="green"))
    document = json.loads(msgspec.json.encode(plan))
    assert document["apps"][1]["after"]["active"] == "green"
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
