"""Apps of one version under Pulumi's mocks: which resources a configuration registers, and what each waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from google.protobuf import json_format

from components import DaemonApp, RollingApp, StatefulApp, args, schema
from components.config import load
from components.kube import Cluster
from components.plan import WorkloadPlan
from components.planner import plan
from components.release import Release
from tests.unit.recorder import Echo, Nowhere, Recorder
from tests.unit.test_single import KUBECONFIG
from tests.unit.workloads.apps import CLAIMS, stack


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield Recorder()
    asyncio.set_event_loop(None)
    loop.close()


def register(recorder: Recorder, component: str, beside: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """Register a release of one app, and others `beside` it, and return its outputs."""
    outputs: dict[str, Any] = {}
    values = stack(component, **keys)
    values = values | {"apps": values["apps"] | (beside or {}), "imageTag": {"blue": "1.0", "green": "2.0"}}

    async def program() -> None:
        pulumi.runtime.set_mocks(Echo(), project="cutover", stack="unit", preview=True, monitor=recorder)
        cluster: Any = Nowhere()
        release = Release(plan(load(values), owner="cutover/unit"), cluster)
        for name, value in release.outputs["web"].items():
            outputs[name] = await pulumi.Output.from_input(value).future()
        await pulumi.runtime.stack.wait_for_rpcs()

    asyncio.get_event_loop_policy().get_event_loop().run_until_complete(program())
    return outputs


def test_configuration_and_migration_come_before_any_pod(recorder: Recorder) -> None:
    register(recorder, "RollingApp", config={"data": {"GREETING": "hello"}}, migration={"command": ["migrate"]})
    waits = recorder.waits_for("Deployment web")
    assert {name.split()[0] for name in waits} == {"ConfigMap", "Job"}
    (job,) = [name for name in recorder.requests if name.startswith("Job ")]
    assert [name.split()[0] for name in recorder.waits_for(job)] == ["ConfigMap"]
    assert list(recorder.requests[job].ignoreChanges) == ["spec"]


def test_apps_of_two_colors_move_by_themselves_beside_it(recorder: Recorder) -> None:
    register(recorder, "RollingApp", {"api": {"component": "BlueGreenApp", "image": "registry.local/podinfo"}})
    assert recorder.waits_for("Service api") == {"Deployment api-blue"}
    assert recorder.waits_for("Deployment web") == set()


def test_an_autoscaler_owns_the_size(recorder: Recorder) -> None:
    scaled: dict[str, Any] = {
        "autoscaling": {"minReplicas": 2, "maxReplicas": 5},
        "resources": {"requests": {"cpu": "10m"}},
    }
    register(recorder, "RollingApp", replicas=None, **scaled)
    assert list(recorder.requests["Deployment web"].ignoreChanges) == ["spec.replicas"]
    assert recorder.waits_for("HorizontalPodAutoscaler web") == {"Deployment web"}


def test_members_names_are_there_before_they_are(recorder: Recorder) -> None:
    register(recorder, "StatefulApp", volumeClaimTemplates=CLAIMS)
    assert recorder.waits_for("StatefulSet web") == {"Service web-pods"}


def test_all_goes_with_the_namespace(recorder: Recorder) -> None:
    register(recorder, "DaemonApp")
    made = [
        name for name, request in recorder.requests.items() if request.custom and ":Namespace::" in request.deletedWith
    ]
    assert sorted(made) == ["DaemonSet web", "Service web"]


@pytest.mark.parametrize(
    ("component", "keys", "told"),
    [
        ("RollingApp", {"paused": True}, {"replicas": 3, "paused": True}),
        (
            "StatefulApp",
            {"canaryReplicas": 1, "canary": {"tag": "2.0"}},
            {"replicas": 3, "partition": 2, "canaryTag": "2.0", "image": "registry.local/podinfo:2.0"},
        ),
        ("StatefulApp", {"updateStrategy": "OnDelete"}, {"replicas": 3, "partition": 0, "canaryTag": None}),
        ("DaemonApp", {}, {"image": "registry.local/podinfo:1.0"}),
    ],
)
def test_outputs_say_what_was_written(recorder: Recorder, component: str, keys: Any, told: dict[str, Any]) -> None:
    outputs = register(recorder, component, **keys)
    assert outputs["tag"] == "1.0"
    assert outputs["url"] == "http://web.test.svc:80"
    assert outputs | told == outputs


@pytest.mark.parametrize(
    ("component", "kind"), [(RollingApp, "Deployment"), (StatefulApp, "StatefulSet"), (DaemonApp, "DaemonSet")]
)
def test_a_component_stands_in_a_program_of_its_own(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, component: Any, kind: str
) -> None:
    async def seen(app: WorkloadPlan, _: Cluster) -> WorkloadPlan:
        return app

    monkeypatch.setattr("components.single.confront_workload", seen)
    keys = {"image": "registry.local/web", "tag": "1.0", "kubeconfig": KUBECONFIG, "context": "somewhere"}

    async def program() -> None:
        pulumi.runtime.set_mocks(Echo(), project="shop", stack="unit", preview=True, monitor=recorder)
        component("web", {**keys, "env": {"HOST": pulumi.Output.from_input("db.internal")}})
        await pulumi.runtime.stack.wait_for_rpcs()

    asyncio.get_event_loop_policy().get_event_loop().run_until_complete(program())
    made = json_format.MessageToDict(recorder.requests[f"{kind} web"].object)
    assert {"name": "HOST", "value": "db.internal"} in made["spec"]["template"]["spec"]["containers"][0]["env"]


def test_a_canarys_configuration_must_be_known() -> None:
    async def program() -> None:
        pulumi.runtime.set_mocks(Echo(), project="shop", stack="unit", preview=True, monitor=Recorder())
        canary: Any = {"config": {"data": {"KEY": pulumi.Output.from_input("x")}}}
        try:
            StatefulApp("web", {"image": "a", "tag": "1.0", "canary": canary, "kubeconfig": KUBECONFIG})
        finally:
            await pulumi.runtime.stack.wait_for_rpcs()

    with pytest.raises(pulumi.RunError, match=r"apps\.web\.canary\.config is an Output"):
        asyncio.run(program())


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (args.RollingAppArgs, schema.RollingApp),
        (args.StatefulAppArgs, schema.StatefulApp),
        (args.CanaryArgs, schema.Canary),
        (args.DaemonAppArgs, schema.DaemonApp),
    ],
)
def test_the_arguments_are_the_keys_of_the_configuration(arguments: Any, keys: Any) -> None:
    spelled = {field.alias for field in keys.model_fields.values()} - {"component"}
    own = {"namespace", "kubeconfig", "context"}
    assert (arguments.__required_keys__ | arguments.__optional_keys__) - own == spelled
