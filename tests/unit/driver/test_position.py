"""What the verbs write."""

from __future__ import annotations

from typing import Any

import pytest

from components.color import Color
from components.config import load
from components.problems import Path
from cutover.edit import Edit, path_of
from cutover.errors import RefusedError
from cutover.position import Scope
from cutover.release import Step

WEB = {"component": "BlueGreenApp", "image": "registry.example.com/web", "port": 8080}
API = {"component": "CanaryApp", "image": "registry.example.com/api", "port": 8080, "replicas": 10}
ROUTED = API | {"router": {"gateway": {"parents": [{"name": "edge"}], "hostnames": ["api.example.com"]}}}
OWN = WEB | {"activeColor": "green", "imageTag": {"blue": "1", "green": "2"}}


def scope(apps: dict[str, Any], app: str = "", **position: Any) -> Scope:
    keys = {"imageTag": {"blue": "1.0.0", "green": "1.1.0"}, "apps": apps} | position
    return Scope(load(keys), keys, app)


def test_live_is_the_color_and_nothing_else() -> None:
    assert scope({"web": WEB}).at(Step(), Color.GREEN) == {"activeColor": "green"}


def test_what_speaks_of_a_canary_goes_when_it_is_live() -> None:
    out = scope({"api": API}, canaryReplicas=3)
    assert out.at(Step(), Color.GREEN) == {"activeColor": "green", "canaryReplicas": 0}
    routed = scope({"api": ROUTED}, canaryReplicas=3, canaryWeight=25)
    assert routed.at(Step(), Color.GREEN) == {"activeColor": "green", "canaryReplicas": 0, "canaryWeight": 0}


def test_a_step_in_pods() -> None:
    assert scope({"api": API, "web": WEB}).at(Step(pods=3), Color.GREEN) == {"canaryReplicas": 3}


@pytest.mark.parametrize(("weight", "pods"), [(1, 1), (10, 1), (11, 2), (50, 5), (99, 10)])
def test_a_step_in_percent_has_the_pods_for_it(weight: int, pods: int) -> None:
    step = scope({"api": ROUTED}).at(Step(weight=weight), Color.GREEN)
    assert step == {"canaryReplicas": pods, "canaryWeight": weight}


@pytest.mark.parametrize(
    ("app", "step", "text"),
    [
        (WEB, Step(pods=1), "use `cutover promote`"),
        (API, Step(weight=5), "has no router"),
        (ROUTED, Step(pods=5), "splits by weight"),
    ],
)
def test_a_step_that_the_apps_cannot_take_is_refused(app: dict[str, Any], step: Step, text: str) -> None:
    with pytest.raises(RefusedError, match=text):
        scope({"app": app}).at(step, Color.GREEN)


def test_an_app_with_a_position_of_its_own_is_not_the_stacks() -> None:
    apps = {"web": WEB, "own": OWN}
    assert list(scope(apps).apps) == ["web"]
    assert scope(apps, "own").at(Step(), Color.BLUE) == {"apps.own.activeColor": "blue"}
    with pytest.raises(RefusedError, match="shares the stack's position"):
        scope(apps, "web")
    with pytest.raises(RefusedError, match="no app 'wbe'; there are: web, own"):
        scope(apps, "wbe")
    with pytest.raises(RefusedError, match="name one with --app: own"):
        scope({"own": OWN})


def test_a_tag_is_staged_on_the_other_color() -> None:
    assert scope({"web": WEB}).staged("2.0.0", {}) == Edit({"imageTag.green": "2.0.0"})
    assert scope({"web": WEB}, activeColor="green").staged("2.0.0", {}) == Edit({"imageTag.blue": "2.0.0"})
    assert scope({"own": OWN}, "own").staged("3", {}) == Edit({"apps.own.imageTag.blue": "3"})


def test_what_is_staged_differs_from_what_is_live_only_where_it_was_asked_to() -> None:
    colors = {
        "blue": {"env": {"LOG": "info", "MODE": "a"}, "args": ["--fast"]},
        "green": {"env": {"LOG": "info", "OLD": "yes"}, "command": ["run"]},
    }
    edit = scope({"web": WEB | {"colors": colors}}).staged("2.0.0", {("env", "LOG"): "debug"})
    assert edit.values == {
        "imageTag.green": "2.0.0",
        "apps.web.colors.green.env.LOG": "debug",
        "apps.web.colors.green.env.MODE": "a",
        "apps.web.colors.green.args[0]": "--fast",
    }
    assert edit.remove == ["apps.web.colors.green.env.OLD", "apps.web.colors.green.command"]


def test_a_list_is_replaced_whole() -> None:
    colors = {"blue": {"args": ["--a"]}, "green": {"args": ["--b", "--c"]}}
    edit = scope({"web": WEB | {"colors": colors}}).staged("2.0.0", {})
    assert edit.values == {"imageTag.green": "2.0.0", "apps.web.colors.green.args[0]": "--a"}
    assert edit.remove == ["apps.web.colors.green.args"]
    colors["green"] = colors["blue"]
    assert scope({"web": WEB | {"colors": colors}}).staged("2.0.0", {}) == Edit({"imageTag.green": "2.0.0"})


def test_what_is_secret_stays_secret() -> None:
    apps = {"web": WEB | {"colors": {"blue": {"env": {"TOKEN": "hush", "LOG": "info"}}}}}
    keys = {"imageTag": {"blue": "1.0.0", "green": "1.1.0"}, "apps": apps}
    secrets: frozenset[Path] = frozenset({("apps", "web", "colors", "blue", "env", "TOKEN")})
    edit = Scope(load(keys), keys, secrets=secrets).staged("2.0.0", {})
    assert edit.values["apps.web.colors.green.env.TOKEN"] == "hush"
    assert edit.secret == {"apps.web.colors.green.env.TOKEN"}


def test_a_change_is_of_the_app_it_names_or_of_all() -> None:
    both = {"web": WEB, "shop": WEB}
    values = scope(both).staged("2", {("web", "env", "A"): "1", ("env", "B"): "2"}).values
    assert values == {
        "imageTag.green": "2",
        "apps.web.colors.green.env.A": "1",
        "apps.web.colors.green.env.B": "2",
        "apps.shop.colors.green.env.B": "2",
    }


def test_paths_are_read_as_pulumi_reads_them() -> None:
    assert path_of("env.LOG_LEVEL") == ("env", "LOG_LEVEL")
    assert path_of('web.env["a.b"]') == ("web", "env", "a.b")
    for wrong in ("", ".", "a..b", "a.", 'a["b'):
        with pytest.raises(RefusedError, match="is no path"):
            path_of(wrong)
