"""What the verbs write for apps of one version."""

from __future__ import annotations

from typing import Any

import pytest

from components.config import load
from cutover.crew import Crew
from cutover.edit import Edit, path_of
from cutover.errors import RefusedError
from cutover.release import Step

WEB = {"component": "RollingApp", "image": "registry.example.com/web", "port": 8080, "env": {"A": "1"}}
DB = {"component": "StatefulApp", "image": "registry.example.com/db", "port": 5432, "replicas": 3, "tag": "1.0.0"}
AGENT = {"component": "DaemonApp", "image": "registry.example.com/agent", "port": 9100}
OWN = WEB | {"tag": "1.0.0"}


def crew(apps: dict[str, Any], app: str = "", secrets: tuple[str, ...] = (), **keys: Any) -> Crew:
    written = {"apps": apps} | keys
    return Crew(load(written), written, app, frozenset(path_of(secret) for secret in secrets))


def test_an_app_with_a_tag_of_its_own_is_replaced_alone() -> None:
    out = crew({"web": OWN, "db": DB}, "web")
    edit = out.edit(out.rolled("1.1.0", {path_of("env.B"): "2"}))
    assert edit.values == {"apps.web.tag": "1.1.0", "apps.web.env.B": "2"}
    assert edit.remove == []


def test_apps_that_share_the_stacks_tag_are_replaced_together() -> None:
    out = crew({"web": WEB, "agent": AGENT, "db": DB}, tag="1.0.0")
    assert [*out.apps] == ["web", "agent"]
    edit = out.edit(out.rolled("1.1.0", {path_of("agent.env.B"): "2", path_of("env.C"): "3"}))
    assert edit.values == {
        "tag": "1.1.0",
        "apps.agent.env.B": "2",
        "apps.agent.env.C": "3",
        "apps.web.env.C": "3",
    }


@pytest.mark.parametrize(
    ("app", "text"),
    [
        ("web", "shares the stack's tag .* `pulumi config set --path apps.web.tag 1.0.0`"),
        ("shop", "Name one with --app: web, db"),
    ],
)
def test_an_app_that_cannot_be_named_is_refused(app: str, text: str) -> None:
    with pytest.raises(RefusedError, match=text):
        crew({"web": WEB, "db": DB}, app, tag="1.0.0")


def test_without_a_name_none_is_guessed() -> None:
    with pytest.raises(RefusedError, match="Name one with --app: web, db"):
        crew({"web": OWN, "db": DB})


def test_what_is_paused_is_not_rolled() -> None:
    with pytest.raises(RefusedError, match=r"web is paused, .*`pulumi config rm --path apps.web.paused`"):
        crew({"web": OWN | {"paused": True}}, "web").rolled("1.1.0", {})
    with pytest.raises(RefusedError, match=r"web is paused, .*`pulumi config rm paused`"):
        crew({"web": OWN}, "web", paused=True).rolled("1.1.0", {})


def test_the_way_back_is_what_ran_and_not_what_a_hand_has_changed_since() -> None:
    out = crew({"web": OWN | {"env": {"A": "2", "B": "2"}, "args": ["--new", "--list"]}}, "web")
    ran = out.ran({"apps": {"web": OWN | {"args": ["--old"], "paused": True}}})
    back = out.back([out.rolled("1.1.0", {})], ran)
    assert back.values == {"apps.web.tag": "1.0.0", "apps.web.env.A": "1", "apps.web.args[0]": "--old"}
    assert back.remove == ["apps.web.env.B", "apps.web.args"]
    assert out.back([out.rolled("1.1.0", {})]) == Edit({"apps.web.tag": "1.0.0"})


def test_a_way_back_leaves_what_is_staged() -> None:
    out = crew({"db": DB | {"canary": {"tag": "3"}}}, "db")
    assert out.back([out.rolled("2", {})], out.ran({"apps": {"db": DB}})) == Edit({"apps.db.tag": "1.0.0"})


def test_a_configuration_without_the_app_is_nothing_to_go_back_to() -> None:
    assert crew({"web": OWN}, "web").ran({"apps": {"shop": OWN}}) is None
    assert crew({"web": WEB}, tag="1").ran({"apps": {"web": WEB}}) is None


def test_a_secret_is_not_noted() -> None:
    out = crew({"web": OWN}, "web", secrets=("apps.web.env.A",))
    with pytest.raises(RefusedError, match=r"apps\.web\.env\.A, which is a secret"):
        out.back([out.rolled("1.1.0", {path_of("env.A"): "2"})])
    assert out.edit(out.rolled("1.1.0", {path_of("env.A"): "2"})).secret == {"apps.web.env.A"}


class TestACanaryOfAStatefulApp:
    def test_it_is_staged_without_pods(self) -> None:
        out = crew({"db": DB}, "db")
        edit = out.edit(out.staged("1.1.0", {path_of("db.env.A"): "2"}))
        assert edit.values == {"apps.db.canary.tag": "1.1.0", "apps.db.canary.env.A": "2"}

    def test_steps_are_pods_and_the_last_one_makes_it_the_apps_own(self) -> None:
        staged = DB | {"canary": {"tag": "1.1.0", "env": {"A": "2"}}}
        out = crew({"db": staged}, "db")
        assert out.canary_tag == "1.1.0"
        assert out.edit(out.at(Step(pods=1))).values == {"apps.db.canaryReplicas": 1}
        standing = crew({"db": staged | {"canaryReplicas": 1}}, "db")
        live = standing.edit(standing.at(Step()))
        assert live.values == {"apps.db.tag": "1.1.0", "apps.db.env.A": "2"}
        assert sorted(live.remove) == ["apps.db.canary", "apps.db.canaryReplicas"]

    def test_the_way_back_from_every_step_leaves_it_staged(self) -> None:
        out = crew({"db": DB | {"canary": {"tag": "1.1.0"}}}, "db")
        back = out.back([out.at(Step(pods=1)), out.at(Step())])
        assert back == Edit({"apps.db.tag": "1.0.0", "apps.db.canary.tag": "1.1.0"}, ["apps.db.canaryReplicas"])

    @pytest.mark.parametrize("step", [Step(pods=3), Step(weight=5)])
    def test_a_step_that_it_cannot_take_is_refused(self, step: Step) -> None:
        with pytest.raises(RefusedError, match="give pods, fewer than its 3"):
            crew({"db": DB | {"canary": {"tag": "2"}}}, "db").at(step)

    def test_others_have_none(self) -> None:
        with pytest.raises(RefusedError, match="web can have no canary"):
            crew({"web": OWN}, "web").staged("2", {})
        with pytest.raises(RefusedError, match="`cutover stage TAG --app db`"):
            _ = crew({"db": DB}, "db").canary_tag
        with pytest.raises(RefusedError, match="has a canary, whose pods would change"):
            crew({"db": DB | {"canary": {"tag": "2"}, "canaryReplicas": 1}}, "db").staged("3", {})


def test_a_rollout_is_held_and_goes_on() -> None:
    out = crew({"web": OWN}, "web")
    assert out.edit(out.paused(yes=True)).values == {"apps.web.paused": True}
    held = crew({"web": OWN | {"paused": True}}, "web")
    assert held.edit(held.paused(yes=False)).remove == ["apps.web.paused"]
    with pytest.raises(RefusedError, match="db is no RollingApp"):
        crew({"db": DB}, "db").paused(yes=True)
