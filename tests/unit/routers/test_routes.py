"""What each router is told, for every position."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.color import Color
from components.config import load
from components.plan import AppPlan, Manifest
from components.planner import plan
from components.routers.gateway import cookie_pattern, trouble
from tests.unit.configs import GATEWAY, app, canary, stack

ISTIO: dict[str, Any] = {"istio": {"gateways": ["infra/edge", "mesh"], "hosts": ["api.example.com"]}}
NGINX: dict[str, Any] = {"nginx": {"hosts": ["api.example.com"], "annotations": {"example.com/mine": "kept"}}}
TESTERS = {"testers": {"headers": {"X-Canary": "yes"}, "cookies": {"beta": "1"}}}
COLORS = st.sampled_from(list(Color))


def planned(router: dict[str, Any], *, weight: int = 0, replicas: int = 1, active: str = "blue") -> AppPlan:
    position = {"activeColor": active, "canaryReplicas": replicas, "canaryWeight": weight}
    (api,) = plan(load(stack({"api": canary(router=router)}, **position)), owner="cutover/unit").apps
    return api


def rules(router: dict[str, Any], **position: Any) -> list[Manifest]:
    (route,) = planned(router, **position).routes
    spec = route["spec"]
    found: list[Manifest] = spec["rules"] if "rules" in spec else spec["http"]
    return found


def shares(rule: Manifest) -> dict[str, int]:
    if "backendRefs" in rule:
        return {backend["name"]: backend.get("weight", 1) for backend in rule["backendRefs"]}
    return {each["destination"]["host"]: each.get("weight", 100) for each in rule["route"]}


@pytest.mark.parametrize("router", [GATEWAY, ISTIO], ids=["gateway", "istio"])
@given(active=COLORS, weight=st.integers(0, 100))
def test_every_share_goes_to_the_color_services_and_comes_to_a_hundred(
    router: dict[str, Any], active: Color, weight: int
) -> None:
    found = shares(rules(router, active=active, weight=weight)[-1])
    assert found == {f"api-{active}": 100 - weight, f"api-{active.other}": weight}
    assert list(found) == ["api-blue", "api-green"]


@given(active=COLORS, weight=st.integers(0, 100))
def test_ingress_nginx_moves_traffic_by_one_annotation(active: Color, weight: int) -> None:
    mover, plain = planned(NGINX, active=active, weight=weight).routes
    green = weight if active is Color.BLUE else 100 - weight
    prefix = "nginx.ingress.kubernetes.io/"
    assert mover["metadata"]["annotations"][f"{prefix}canary"] == "true"
    assert mover["metadata"]["annotations"][f"{prefix}canary-weight"] == str(green)
    for ingress, name in ((mover, "api-green"), (plain, "api-blue")):
        (rule,) = ingress["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        assert path["backend"]["service"] == {"name": name, "port": {"number": 80}}
        assert ingress["metadata"]["annotations"]["example.com/mine"] == "kept"
    assert (mover["metadata"]["name"], plain["metadata"]["name"]) == ("api-canary", "api")


def test_a_blue_green_app_gives_all_or_nothing() -> None:
    for active in ("blue", "green"):
        (web,) = plan(load(stack({"web": app(router=GATEWAY)}, activeColor=active)), owner="cutover/unit").apps
        (rule,) = web.routes[0]["spec"]["rules"]
        assert shares(rule) == {"web-blue": 100 * (active == "blue"), "web-green": 100 * (active == "green")}
        assert web.live_service["spec"]["selector"] == {"app": "web", "color": active}


@pytest.mark.parametrize("router", [GATEWAY, ISTIO], ids=["gateway", "istio"])
def test_testers_get_the_canary_while_there_is_one(router: dict[str, Any]) -> None:
    testers, default = rules(router | TESTERS, weight=0)
    assert set(shares(testers)) == {"api-green"}
    assert len(testers.get("matches") or testers["match"]) == 2
    assert shares(default)["api-green"] == 0
    assert len(rules(router | TESTERS, replicas=0)) == 1


@pytest.mark.parametrize("router", [GATEWAY, ISTIO], ids=["gateway", "istio"])
def test_rules_of_ones_own_stand_first_and_stay(router: dict[str, Any]) -> None:
    own = {"name": "of my own"}
    (kind,) = router
    with_own = {kind: router[kind] | {"rules": [own]}}
    for weight in (0, 50):
        assert rules(with_own | TESTERS, weight=weight)[0] == own


def test_a_user_stays_on_one_side() -> None:
    affine = GATEWAY | {"affinity": {"cookie": "side", "seconds": 60}}
    to_canary, to_live, default = rules(affine, weight=5)
    assert (set(shares(to_canary)), set(shares(to_live))) == ({"api-green"}, {"api-blue"})
    for rule, backend in ((to_live, default["backendRefs"][0]), (to_canary, default["backendRefs"][1])):
        (match,) = rule["matches"]
        (told,) = backend["filters"][0]["responseHeaderModifier"]["add"]
        cookie, *rest = told["value"].split("; ")
        assert rest == ["Max-Age=60", "Path=/", "HttpOnly"]
        assert re.fullmatch(match["headers"][0]["value"], f"a=b; {cookie}; c=d")
    later = rules(affine, weight=25)
    assert later[0] == to_canary, "a canary's users stay as its share grows"
    assert later[1]["matches"] != to_live["matches"], "all others are asked again"
    assert len(rules(affine, weight=0)) == 1, "nobody stays on a canary that has no share"


@given(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.from_regex(r"[a-z.0-9-]{0,5}", fullmatch=True), st.data())
def test_a_cookie_is_found_wherever_it_stands_and_no_other(name: str, value: str, data: st.DataObject) -> None:
    others = data.draw(st.lists(st.sampled_from([f"x{name}={value}", f"{name}={value}x", f"{name}x={value}", "q=1"])))
    place = data.draw(st.integers(0, len(others)))
    pattern = cookie_pattern(name, value)
    assert re.fullmatch(pattern, "; ".join([*others[:place], f"{name}={value}", *others[place:]]))
    assert not re.fullmatch(pattern, "; ".join(others))


def test_a_mirror_copies_to_the_canary() -> None:
    (default,) = rules(GATEWAY | {"mirror": 10})
    assert default["filters"][0]["requestMirror"] == {"backendRef": {"name": "api-green", "port": 80}, "percent": 10}
    (http,) = rules(ISTIO | {"mirror": 10})
    assert (http["mirror"]["host"], http["mirrorPercentage"]) == ("api-green", {"value": 10})
    (nothing,) = rules(GATEWAY | {"mirror": 10}, replicas=0)
    assert "filters" not in nothing


def test_a_baseline_gets_as_much_as_the_canary() -> None:
    for router in (GATEWAY, ISTIO):
        apps = {"api": canary(router=router, baseline=True)}
        (api,) = plan(load(stack(apps, canaryReplicas=2, canaryWeight=20)), owner="cutover/unit").apps
        spec = api.routes[0]["spec"]
        assert shares((spec.get("rules") or spec["http"])[-1]) == {
            "api-blue": 60,
            "api-green": 20,
            "api-baseline": 20,
        }


def told(*conditions: tuple[str, str, int], parent: str = "edge") -> dict[str, Any]:
    listed = [
        {"type": kind, "status": status, "observedGeneration": generation, "message": "because"}
        for kind, status, generation in conditions
    ]
    return {
        "metadata": {"generation": 2},
        "spec": {"parentRefs": [{"name": "edge", "namespace": "infra"}]},
        "status": {"parents": [{"parentRef": {"name": parent}, "conditions": listed}]},
    }


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (told(("Accepted", "True", 2), ("ResolvedRefs", "True", 2)), None),
        (told(("Accepted", "True", 2), ("ResolvedRefs", "True", 1)), "has not looked at it yet"),
        (told(("Accepted", "True", 2)), "has not looked at it yet"),
        (told(("Accepted", "False", 2), ("ResolvedRefs", "True", 2)), "says Accepted=False: because"),
        (told(("Accepted", "True", 2), ("ResolvedRefs", "False", 2)), "says ResolvedRefs=False: because"),
        (told(("Accepted", "True", 2), ("ResolvedRefs", "True", 2), parent="another"), "has not looked at it yet"),
        ({**told(), "status": {}}, "has not looked at it yet"),
    ],
)
def test_a_route_is_in_effect_when_its_gateways_have_taken_this_very_one(
    route: dict[str, Any], why: str | None
) -> None:
    found = trouble(route)
    assert found == why if why is None else why in str(found)
