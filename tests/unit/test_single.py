"""Components in someone's own program: the same resources, Outputs in their places, mistakes told at once."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from google.protobuf import json_format

from components import BlueGreenApp, CanaryApp, args
from components.color import Color
from components.errors import GateFailedError
from components.kube import Cluster
from components.plan import AppPlan
from components.schema import App, Pod
from tests.unit.recorder import Echo, Recorder

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts: [{name: somewhere, context: {cluster: c, user: u}}]
"""
KEYS: dict[str, Any] = {
    "image": "registry.local/web",
    "imageTag": {"blue": "1.0", "green": "2.0"},
    "kubeconfig": KUBECONFIG,
    "context": "somewhere",
    "namespace": "shop",
}


class Look:
    """Stands in for the look at a cluster: finds what `found` makes of a plan."""

    def __init__(self) -> None:
        self.looks = 0
        self.found: Callable[[AppPlan], AppPlan] = lambda app: app

    async def __call__(self, app: AppPlan, _: Cluster) -> AppPlan:
        self.looks += 1
        return self.found(app)


@pytest.fixture(autouse=True)
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    made = Look()
    monkeypatch.setattr("components.single.confront_app", made)
    return made


def home(headers: dict[str, Any]) -> dict[str, Any]:
    return {"smoke": {"home": {"path": "/", "headers": headers}}}


def register(component: Any, **keys: Any) -> Recorder:
    recorder = Recorder()

    async def program() -> None:
        pulumi.runtime.set_mocks(Echo(), project="shop", stack="unit", preview=True, monitor=recorder)
        made = {key: value() if callable(value) else value for key, value in keys.items()}
        try:
            component("web", {**KEYS, **made})
        finally:
            await pulumi.runtime.stack.wait_for_rpcs()

    asyncio.run(program())
    return recorder


def test_a_component_releases_its_app_by_itself() -> None:
    recorder = register(BlueGreenApp, activeColor="green")
    assert recorder.waits_for("Service web") == {"Deployment web-green"}
    assert recorder.waits_for("Deployment web-blue") == {"Service web"}


def test_what_the_live_color_has_is_kept(look: Look) -> None:
    look.found = lambda app: replace(app, active=replace(app.active, kept=True))
    assert register(BlueGreenApp).requests["Deployment web-blue"].ignoreChanges == ["spec.template"]


def test_what_was_refused_before_is_refused_before_anything_is_registered(look: Look) -> None:
    def failed(app: AppPlan) -> AppPlan:
        raise GateFailedError(app.name, Color.BLUE, "1.0", findings=["it did"])

    look.found = failed
    with pytest.raises(pulumi.RunError, match="it did"):
        register(BlueGreenApp)


def test_a_template_with_outputs_cannot_be_told_from_what_has_served(look: Look) -> None:
    register(BlueGreenApp, env=lambda: {"HOST": pulumi.Output.from_input("db.internal")})
    assert look.looks == 0


def test_a_canary_component_takes_its_share() -> None:
    assert register(CanaryApp, canaryReplicas=1).waits_for("Service web") == {
        "Deployment web-blue",
        "Deployment web-green",
    }


def test_an_output_comes_to_its_place_also_inside_a_longer_text() -> None:
    recorder = register(
        BlueGreenApp,
        image=lambda: pulumi.Output.from_input("registry.example.com/shop/web"),
        env=lambda: {"HOST": pulumi.Output.from_input("db.internal")},
    )
    deployment = json_format.MessageToDict(recorder.requests["Deployment web-blue"].object)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.com/shop/web:1.0"
    assert {"name": "HOST", "value": "db.internal"} in container["env"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"activeColor": "gren"}, "activeColor"),
        ({"replicas": lambda: pulumi.Output.from_input(3)}, "replicas"),
        ({"config": lambda: {"data": {"KEY": pulumi.Output.from_input("x")}}}, "named by its content"),
        ({"gate": lambda: home({"X-Key": pulumi.Output.from_input("key")})}, "apps.web.gate is an Output; it must be"),
        ({"context": "elsewhere"}, "no context 'elsewhere'"),
        ({"context": ""}, "kubernetes:context is not set"),
    ],
)
def test_what_cannot_be_is_told(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(pulumi.RunError, match=told):
        register(BlueGreenApp, **keys)


def test_all_outputs_that_cannot_be_are_told_at_once() -> None:
    def secret() -> pulumi.Output[str]:
        return pulumi.Output.from_input("x")

    keys: dict[str, Any] = {
        "config": lambda: {"data": {"KEY": secret()}},
        "colors": lambda: {"green": {"config": {"data": {"KEY": secret()}}, "env": {"KEY": secret()}}},
        "gate": lambda: home({"X-Key": secret()}),
    }
    with pytest.raises(pulumi.RunError) as told:
        register(BlueGreenApp, **keys)
    named = re.findall(r"(?m)^  - (\S+) is an Output; ", str(told.value))
    assert named == ["apps.web.config", "apps.web.colors.green.config", "apps.web.gate"]


def test_a_gate_without_outputs_is_fine() -> None:
    assert "Service web" in register(BlueGreenApp, gate=home({"X-Key": "key"})).requests


def spelled(model: Any) -> set[str]:
    return {field.alias for field in model.model_fields.values()}


def keys(arguments: Any) -> frozenset[str]:
    names: frozenset[str] = arguments.__required_keys__ | arguments.__optional_keys__
    return names


def test_the_arguments_are_the_keys_of_the_configuration() -> None:
    own = {"namespace", "kubeconfig", "context"}
    assert keys(args.PodArgs) == spelled(Pod)
    assert keys(args.CanaryAppArgs) - own == spelled(App) - {"component"}


def test_planning_loads_no_pulumi() -> None:
    code = "import components.config, components.planner, sys; sys.exit('pulumi' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
