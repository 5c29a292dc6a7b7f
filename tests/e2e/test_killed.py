"""Killed anywhere: SIGKILL at every write of a staging, a promotion and a rollback, under traffic.

An `up` goes through a proxy, which kills it at the first write that has not killed one yet: when the write is done and
only its answer is missing and, in `make test-full`, before it reaches the cluster too. A stage is over when an `up` got
through, so no write is left out, whatever the order they come in.
"""

from __future__ import annotations

import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.core.resource_registry import resource_registry
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, Pod, Service

from bench.traffic import Load, Traffic, running
from components.config import load
from components.plan import Manifest
from components.planner import plan
from tests.e2e.conftest import blue_green
from tests.e2e.proxy import Moment, Proxy, Write
from tests.e2e.stacks import IMAGE, NEW, NEXT, OLD, Stack, client

STAGES = {
    "staging": ("imageTag.green", NEXT),
    "promotion": ("activeColor", "green"),
    "rollback": ("activeColor", "blue"),
}
FEWEST_WRITES = {"first deploy": 12, "staging": 2, "promotion": 8, "rollback": 8}
"""So that a proxy which sees nothing is noticed: of a first deploy, its objects and a note; of the others likewise."""

Name = tuple[str, str]
"""Kind and name of an object."""


class Killer:
    """Kills the `up`s of a stack, each at a point where none of the same stage has died yet."""

    def __init__(self, stack: Stack, proxy: Proxy) -> None:
        self.stack = stack
        self.moments = set(Moment)
        self.uids: dict[Name, str] = {}
        self._proxy = proxy
        self._deaths: defaultdict[str, set[tuple[Write, Moment]]] = defaultdict(set)

    def kill_up(self, stage: str) -> bool:
        """Run `up`, kill it and free the stack; return False when it got through, as there was no point left."""
        run = self.stack.start("up", "--yes", "--skip-preview")

        def strike(write: Write, moment: Moment) -> bool:
            if moment not in self.moments or (write, moment) in self._deaths[stage]:
                return False
            self._deaths[stage].add((write, moment))
            os.killpg(run.pid, signal.SIGKILL)
            self._proxy.cut = True
            return True

        with self._proxy.striking(strike):
            output, _ = run.communicate(timeout=120)
        assert run.returncode in {0, -signal.SIGKILL}, output
        self._see_nothing_made_anew()
        if run.returncode:
            self.stack.run("cancel", "--yes")
        return run.returncode != 0

    def see_done(self) -> None:
        """See that the cluster is as planned, with nothing beside it, and that Pulumi finds nothing to do."""
        self.stack.run("preview", "--expect-no-changes")
        wanted = configuration(self.stack)
        assert uids(self.stack).keys() == {(manifest["kind"], manifest["metadata"]["name"]) for manifest in wanted}
        assert pods(self.stack) == sum(manifest.get("spec", {}).get("replicas", 0) for manifest in wanted)

    def see_all_points(self, stage: str) -> None:
        """See that each write of a stage has killed at each moment, and that there were as many as must be."""
        deaths = self._deaths[stage]
        writes = {write for write, _ in deaths}
        assert deaths == {(write, moment) for write in writes for moment in self.moments}
        assert len(writes) >= FEWEST_WRITES[stage], sorted(map(str, writes))

    def _see_nothing_made_anew(self) -> None:
        now = uids(self.stack)
        assert {name: uid for name, uid in now.items() if self.uids.get(name, uid) != uid} == {}
        self.uids |= now


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with Proxy(tmp_path) as made:
        yield made


@pytest.fixture
def killer(stack: Callable[..., Stack], port: int, proxy: Proxy) -> Killer:
    app = blue_green(port, replicas=2, drainSeconds=1, config={"data": {"GREETING": "hello"}})
    web = stack({"web": app})
    web.set("kubernetes:kubeconfig", str(proxy.kubeconfig))
    return Killer(web, proxy)


def traffic(port: int) -> Traffic:
    return running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=3600, count=1_000_000), "killed")


@pytest.mark.full
def test_killed_again_and_again_at_every_write_of_a_first_deploy(killer: Killer) -> None:
    killer.moments = {Moment.UNHEARD}
    while killer.kill_up("first deploy"):
        pass
    killer.see_done()
    killer.see_all_points("first deploy")


def test_killed_again_and_again_at_every_write(killer: Killer, port: int) -> None:
    """Each `up` goes on where the last one died, and the stage's last one completes it."""
    killer.moments = {Moment.UNHEARD}
    killer.stack.up()
    with traffic(port) as sent:
        for stage, (key, value) in STAGES.items():
            killer.stack.set(key, value)
            while killer.kill_up(stage):
                pass
            killer.see_done()
            killer.see_all_points(stage)
        answers = sent.stop()
    assert answers.errors == {}
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEXT), (NEXT, OLD)]
    assert [switch.stragglers for switch in answers.switches()] == [0, 0]


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_killed_at_every_write_alone(killer: Killer, port: int) -> None:
    """Each `up` that was killed is followed by one that is not, and completes what it left."""
    killed = True
    while killed:
        killed = killer.kill_up("first deploy")
        killer.stack.up()
        killer.see_done()
        if killed:
            killer.stack.run("destroy", "--yes", "--skip-preview", deadline=180)
            killer.uids.clear()
    with traffic(port) as sent:
        promotions = kill_each(killer, "promotion", "rollback", "activeColor", ("green", "blue"))
        kill_each(killer, "staging", "staging again", "imageTag.green", (NEXT, NEW))
        answers = sent.stop()
    for stage in FEWEST_WRITES:
        killer.see_all_points(stage)
    assert answers.errors == {}
    assert [switch.stragglers for switch in answers.switches()] == [0] * promotions


def kill_each(killer: Killer, there: str, back: str, key: str, values: tuple[str, str]) -> int:
    """Go there and back until neither way has a point left to die at; return how often we went."""
    times, killed = 0, True
    while killed:
        killed = False
        for stage, value in zip((there, back), values, strict=True):
            killer.stack.set(key, value)
            killed |= killer.kill_up(stage)
            killer.stack.up()
            killer.see_done()
            times += 1
    return times


def test_what_is_there_and_not_ours_is_refused(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=1)})
    here = client(web.namespace)
    here.create(Namespace(metadata=ObjectMeta(name=web.namespace)))
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        refused = web.attempt(*command)
        assert refused.code != 0
        assert "pulumi config set createNamespace false && pulumi up" in refused.output
        assert "Traceback" not in refused.output
    assert uids(web).keys() == {("Namespace", web.namespace)}

    web.set("createNamespace", "false")
    theirs = here.create(Service(metadata=ObjectMeta(name="web-green"), spec=ServiceSpec(ports=[ServicePort(port=1)])))
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        assert "Service web-green is in context" in web.attempt(*command).output
    assert here.get(Service, "web-green") == theirs
    here.delete(Service, "web-green")
    web.up()


def test_a_component_does_not_change_under_its_objects(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=1)})
    web.up()
    before = uids(web)
    web.set("apps.web.component", "CanaryApp")
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        refused = web.attempt(*command)
        assert refused.code != 0
        assert "its old component back if that is what changed" in refused.output
    web.set("apps.web.component", "BlueGreenApp")
    web.up()
    assert uids(web) == before
    web.run("preview", "--expect-no-changes")


def test_a_lost_state_is_found_again_and_changes_nothing_live(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=1)})
    web.up()
    before = uids(web)
    web.lose_state()
    web.set("imageTag.blue", NEXT)
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        refused = web.attempt(*command)
        assert refused.code != 0
        assert "web-blue is live, and its pod template would change in place" in refused.output
    assert f"{IMAGE}:{OLD}" in json.dumps(client(web.namespace).get(Deployment, "web-blue").to_dict())
    web.set("imageTag.blue", OLD)
    web.up()
    assert uids(web) == before
    web.run("preview", "--expect-no-changes")


def configuration(stack: Stack) -> list[Manifest]:
    """The objects that the stack's configuration means."""
    config = yaml.safe_load(stack.settings.read_text())["config"]
    values = {key.removeprefix("cutover:"): value for key, value in config.items() if key.startswith("cutover:")}
    return plan(load(values), owner=f"cutover/{stack.namespace}").manifests


def uids(stack: Stack) -> dict[Name, str]:
    """The uid of each object in the stack's namespace that is of a kind which the program makes."""
    here = client(stack.namespace)
    found: dict[Name, str] = {}
    for api_version, kind in sorted({(manifest["apiVersion"], manifest["kind"]) for manifest in configuration(stack)}):
        model: Any = resource_registry.load(api_version, kind)
        fields: dict[str, Any] = {"metadata.name": stack.namespace} if model is Namespace else {}
        for item in here.list(model, fields=fields):
            if item.metadata.name != "kube-root-ca.crt":
                found[kind, item.metadata.name] = item.metadata.uid
    return found


def pods(stack: Stack) -> int:
    """How many pods there are, without those that are ending."""
    found = client(stack.namespace).list(Pod)
    return sum(pod.metadata is not None and pod.metadata.deletionTimestamp is None for pod in found)
