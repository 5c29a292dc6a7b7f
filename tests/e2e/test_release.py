"""Several apps that move as one release, on the cluster that the stack names and on no other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Service

from bench.traffic import Load, running
from tests.e2e.conftest import blue_green
from tests.e2e.stacks import CONTEXT, KUBECONFIG, NEW, OLD, Stack, client, live


def take_port(stack: Stack) -> int:
    """Make a Service of somebody else's with a NodePort that the cluster picks."""
    spec = ServiceSpec(type="NodePort", ports=[ServicePort(port=80)])
    made = client(stack.namespace).create(Service(metadata=ObjectMeta(name="stranger"), spec=spec))
    assert made.spec
    assert made.spec.ports
    return made.spec.ports[0].nodePort or 0


def test_a_move_that_fails_leaves_every_old_color_whole(stack: Callable[..., Stack], port: int) -> None:
    apps = {"first": blue_green(port, replicas=2), "second": blue_green(port + 1, replicas=2)}
    shop = stack(apps, idleReplicas=0)
    shop.up()
    taken = take_port(shop)
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "half-moved") as traffic:
        shop.set("apps.second.expose.nodePort", taken)
        shop.set("activeColor", "green")
        failures = (shop.fail_up().output for _ in range(5))
        # the engine may write the one that fails before the other, and end before it has told of that
        failure = next(told for told in failures if live(shop, "first") == "green")
        assert "second: the live Service is on green" not in failure
        assert "provided port is already allocated" in failure
        assert live(shop, "second") == "blue"
        for app in apps:
            assert client(shop.namespace).get(Deployment, f"{app}-blue").spec.replicas == 2
        shop.set("apps.second.expose.nodePort", port + 1)
        shop.up()
        answers = traffic.stop()
    assert (live(shop, "first"), live(shop, "second")) == ("green", "green")
    assert client(shop.namespace).get(Deployment, "first-blue").spec.replicas == 0
    assert not answers.errors
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEW)]


@pytest.mark.parametrize("count", [6, pytest.param(20, marks=pytest.mark.full)])
def test_many_apps_move_together_one_step_at_a_time(stack: Callable[..., Stack], count: int) -> None:
    apps = {f"app-{number:02}": blue_green(replicas=1, drainSeconds=1) for number in range(count)}
    fleet = stack(apps, idleReplicas=0)
    fleet.up("--parallel", "1", deadline=400)
    fleet.set("activeColor", "green")
    fleet.up("--parallel", "1", deadline=400)
    assert {app: live(fleet, app) for app in apps} == dict.fromkeys(apps, "green")
    assert {found["activeColor"] for found in fleet.outputs().values()} == {"green"}


def test_the_cluster_is_the_one_that_the_stack_names(stack: Callable[..., Stack], tmp_path: Path) -> None:
    config = yaml.safe_load(Path(KUBECONFIG).expanduser().read_text())
    wrong = copy.deepcopy(config["clusters"][0])
    wrong["name"], wrong["cluster"]["server"] = "wrong", "https://127.0.0.1:1"
    config["clusters"].append(wrong)
    config["contexts"].append({"name": "wrong", "context": {**config["contexts"][0]["context"], "cluster": "wrong"}})
    config["current-context"] = "wrong"
    both = tmp_path / "both.yaml"
    both.write_text(yaml.safe_dump(config))
    gate = {"smoke": {"version": {"path": "/version", "body": NEW}}}
    web = stack({"web": blue_green(replicas=1, gate=gate)})
    web.environment["KUBECONFIG"] = str(both)
    web.run("config", "set", "kubernetes:kubeconfig", str(both))
    web.up()
    web.set("activeColor", "green")
    web.up()
    assert live(web, "web") == "green"
    web.run("config", "set", "kubernetes:context", "elsewhere")
    assert f"kubeconfig {both} has no context 'elsewhere'" in web.fail_up().output
    web.run("config", "set", "kubernetes:context", CONTEXT)


def test_an_object_that_pulumi_did_not_make_stops_the_release(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=1)})
    web.up()
    here = client(web.namespace)
    service = here.get(Service, "web")
    assert service.metadata
    here.delete(Service, "web")
    service.metadata.uid = service.metadata.resourceVersion = None
    here.create(service)
    for _ in range(2):
        assert "somebody made the object anew. No traffic was moved." in web.fail_up().output
    web.up("--refresh")
