"""The components as a package for programs in any language: its schema, and its host, asked as the engine asks it."""

from __future__ import annotations

import asyncio
import copy
import json
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import grpc
import pytest
import yaml
from google.protobuf import json_format
from pulumi.runtime.proto import provider_pb2

from components.args import AppArgs, CanaryAppArgs, DaemonAppArgs, RollingAppArgs, StatefulAppArgs
from components.config import load
from components.planner import plan
from plugin.__main__ import VERSION, whole
from plugin.schema import RELEASED, breaking, present
from tests.unit import host
from tests.unit.driver.store import Store

ARGS: dict[str, Any] = {
    "BlueGreenApp": AppArgs,
    "CanaryApp": CanaryAppArgs,
    "RollingApp": RollingAppArgs,
    "StatefulApp": StatefulAppArgs,
    "DaemonApp": DaemonAppArgs,
}
WEB: dict[str, Any] = {
    "image": "registry.local/podinfo",
    "imageTag": {"blue": "6.9.0", "green": "6.9.1"},
    "replicas": 3,
}
OUTPUT = {"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
"""What marks an Output's place among the inputs, by Pulumi's wire format."""

DATABASE = "urn:pulumi:unit::shop::db:index:Database::main"

Answer = TypeVar("Answer")


def resource(component: str, schema: Mapping[str, Any]) -> Any:
    return schema["resources"][f"cutover:index:{component}"]


def test_a_program_of_the_last_release_still_fits() -> None:
    broken = [*breaking(json.loads(RELEASED.read_text()), present())]
    assert not broken, "see docs/package.md before you write the schema anew"


def test_the_package_has_the_project_s_version() -> None:
    project = tomllib.loads((host.PROJECT / "pyproject.toml").read_text())["project"]
    assert present()["version"] == project["version"] == VERSION
    assert yaml.safe_load((host.PROJECT / "plugin" / "PulumiPlugin.yaml").read_text())["runtime"]["name"] == "python"


@pytest.mark.parametrize("component", ARGS)
def test_a_component_takes_its_arguments_and_says_what_they_mean(component: str) -> None:
    found = resource(component, present())
    assert found["inputProperties"].keys() == ARGS[component].__required_keys__ | ARGS[component].__optional_keys__
    assert {*found["requiredInputs"]} == ARGS[component].__required_keys__
    assert not [name for name, each in found["inputProperties"].items() if not each.get("description")]
    assert found["isComponent"]


def test_a_component_tells_its_outputs() -> None:
    expected = {"activeColor", "imageTag", "otherShare", "url", "previewUrl"}
    assert resource("CanaryApp", present())["properties"].keys() == expected
    assert {*resource("StatefulApp", present())["properties"]} > {"tag", "canaryTag", "partition"}


CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a component less": (lambda new: new["resources"].pop("cutover:index:DaemonApp"), "DaemonApp is gone"),
    "a type less": (lambda new: new["types"].pop("cutover:index:Color"), "Color is gone"),
    "an input less": (lambda new: resource("CanaryApp", new)["inputProperties"].pop("gate"), "CanaryApp.gate is gone"),
    "an input of another type": (
        lambda new: resource("CanaryApp", new)["inputProperties"]["replicas"].update(type="string"),
        'CanaryApp.replicas is {"plain": true, "type": "string"}, it was {"plain": true, "type": "integer"}',
    ),
    "an input that must be plain": (
        lambda new: resource("CanaryApp", new)["inputProperties"]["image"].update(plain=True),
        "CanaryApp.image is",
    ),
    "an input that must be given": (
        lambda new: resource("DaemonApp", new)["requiredInputs"].append("image"),
        "DaemonApp.image must be given",
    ),
    "a key of a type that must be given": (
        lambda new: new["types"]["cutover:index:ExposeArgs"].update(required=["type"]),
        "ExposeArgs.type must be given",
    ),
    "a key of a type less": (
        lambda new: new["types"]["cutover:index:PodArgs"]["properties"].pop("env"),
        "PodArgs.env is gone",
    ),
    "a value less": (lambda new: new["types"]["cutover:index:Color"]["enum"].pop(), "Color has no green"),
    "an output less": (lambda new: resource("CanaryApp", new)["properties"].pop("url"), "CanaryApp.url is not told"),
    "an output of another type": (
        lambda new: resource("CanaryApp", new)["properties"]["url"].update(type="object"),
        "CanaryApp.url is told as",
    ),
    "an output that may be missing": (
        lambda new: resource("CanaryApp", new)["required"].remove("url"),
        "CanaryApp.url may be missing",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_breaks_a_program_is_found(change: str) -> None:
    make, told = CHANGES[change]
    old = present()
    new = copy.deepcopy(old)
    make(new)
    assert any(told in each for each in breaking(old, new))


def test_what_is_added_breaks_nothing() -> None:
    old = present()
    new: Any = copy.deepcopy(old)
    more = {"type": "string", "description": "More."}
    resource("CanaryApp", new)["inputProperties"]["more"] = resource("CanaryApp", new)["properties"]["more"] = more
    resource("CanaryApp", new)["inputProperties"]["image"]["description"] = "In other words."
    resource("CanaryApp", new)["required"].append("more")
    resource("DaemonApp", new)["requiredInputs"].remove("tag")
    new["types"]["cutover:index:Color"]["enum"].append({"name": "RED", "value": "red"})
    new["types"]["cutover:index:MoreArgs"] = {"type": "object", "properties": {"more": more}}
    new["resources"]["cutover:index:MoreApp"] = resource("DaemonApp", new)
    assert not [*breaking(old, new)]
    assert [*breaking(new, old)]


def hosted(ask: Callable[[host.Host, dict[str, Any]], Awaitable[Answer]], uid: str = "uid-of-") -> Answer:
    """What the host answers; its keys name a cluster that is as after an `up` of WEB, with such uids."""
    app = {"web": {**WEB, "component": "BlueGreenApp"}}
    known = load({"namespace": "test", "createNamespace": False, "apps": app})
    here = Store(plan(known, owner="shop/unit"))
    for items in here.items.values():
        for name, item in items.items():
            item["metadata"] |= {"uid": f"{uid}{name}"}

    async def run() -> Answer:
        async with asyncio.timeout(60), here.api.up(), host.hosting() as hosting:
            keys = {"kubeconfig": json.dumps(here.api.kubeconfig), "context": "c", "namespace": "test"}
            return await ask(hosting, keys)

    return asyncio.run(run())


def test_the_host_serves_the_schema() -> None:
    async def ask(hosting: host.Host, _: Any) -> Any:
        return json.loads((await hosting.stub.GetSchema(provider_pb2.GetSchemaRequest(), timeout=30)).schema)

    assert hosted(ask) == present()


def test_a_preview_registers_what_a_program_in_python_does() -> None:
    async def ask(hosting: host.Host, keys: dict[str, Any]) -> tuple[Any, host.Monitor]:
        env = {"DATABASE": {**OUTPUT, "value": "db.internal", "dependencies": [DATABASE]}}
        return await hosting.construct("BlueGreenApp", {**WEB, **keys, "env": env}), hosting.monitor

    response, monitor = hosted(ask)
    assert response.urn.endswith("::cutover:index:BlueGreenApp::web")
    state = json_format.MessageToDict(response.state)
    assert state["activeColor"] == "blue"
    assert state["url"] == "http://web.test.svc:80"
    assert monitor.waits_for("Service web") == {"Deployment web-blue"}
    assert monitor.waits_for("Deployment web-green") == {"Service web", "Database main"}
    assert {"web-blue-guard", "web-move"} <= {*monitor.hooks}
    deployment = json_format.MessageToDict(monitor.requests["Deployment web-blue"].object)
    assert deployment["spec"]["replicas"] == 3
    assert {"name": "DATABASE", "value": "db.internal"} in deployment["spec"]["template"]["spec"]["containers"][0][
        "env"
    ]


@pytest.mark.parametrize("component", ["RollingApp", "StatefulApp", "DaemonApp"])
def test_apps_of_one_version_are_constructed(component: str) -> None:
    async def ask(hosting: host.Host, keys: dict[str, Any]) -> Any:
        return await hosting.construct(component, {**keys, "image": "registry.local/podinfo", "tag": "6.9.0"})

    state = json_format.MessageToDict(hosted(ask).state)
    assert state["tag"] == "6.9.0"
    assert state["image"] == "registry.local/podinfo:6.9.0"
    assert state.keys() <= resource(component, present())["properties"].keys()


async def refused(hosting: host.Host, inputs: dict[str, Any], *, preview: bool = True) -> str:
    with pytest.raises(grpc.RpcError) as failed:
        await hosting.construct("BlueGreenApp", inputs, preview=preview)
    return str(failed.value)


def test_mistakes_are_told() -> None:
    async def ask(hosting: host.Host, keys: dict[str, Any]) -> str:
        return await refused(hosting, {**WEB, **keys, "replicas": 1.5, "port": 70000})

    told = hosted(ask)
    assert "2 problems in the configuration; nothing was touched" in told
    assert "apps.web.replicas is 1.5; it must be a whole number" in told


def test_a_check_that_does_not_pass_ends_an_update_and_says_why() -> None:
    async def ask(hosting: host.Host, keys: dict[str, Any]) -> tuple[str, set[str]]:
        told = await refused(hosting, {**WEB, **keys}, preview=False)
        return told, {*hosting.monitor.requests}

    told, written = hosted(ask, uid="another-")
    assert "look at different clusters" in told
    assert "File " not in told
    assert "Deployment web-blue" in written
    assert "Service web" not in written


def test_whole_numbers_arrive_whole_and_others_as_they_are() -> None:
    assert json.dumps(whole({"a": [1.0, 1.5, {"b": 2.0}], "c": "1.0", "d": True})) == (
        '{"a": [1, 1.5, {"b": 2}], "c": "1.0", "d": true}'
    )
