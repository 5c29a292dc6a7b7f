"""What the doctor finds, and that each thing wrong comes with what puts it right."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.kube import Cluster
from components.plan import StackPlan
from cutover.doctor import permissions
from cutover.doctor.apps import check_tags
from cutover.doctor.cluster import check_api, check_namespace, check_ownership, check_permissions
from cutover.doctor.examination import check_cluster, examine
from cutover.doctor.findings import Finding, State
from cutover.doctor.metrics import check_metrics
from cutover.doctor.routers import check_routers
from cutover.doctor.stack import check_config, check_engine, check_locks, check_state
from cutover.engine import Engine
from cutover.errors import NotStartedError
from cutover.view.finding import Checked
from tests.unit.api import Api
from tests.unit.configs import GATEWAY, TAGS, app, canary, stack, web
from tests.unit.driver.engine import FakeEngine
from tests.unit.driver.store import Store, stack_plan, unready

RESOURCES = {"gateway.networking.k8s.io": "httproutes", "networking.istio.io": "virtualservices"}


class Patient(FakeEngine):
    """Answers what the doctor asks; `said` is the code, stdout and stderr of a command by its first words."""

    def __init__(self, folder: Path, keys: Mapping[str, Any], **said: tuple[int, str, str]) -> None:
        super().__init__(folder, keys)
        self.said = {
            "version": (0, "v3.260.0\n", "pulumiw: using the Pulumi CLI at /usr/bin/pulumi\n"),
            "stack export": (0, json.dumps({"deployment": {"resources": [{}, {}]}}), ""),
            "stack ls": (0, "[]", ""),
        } | {key.replace("_", " "): value for key, value in said.items()}
        self.kubeconfig: dict[str, Any] = {}

    def config(self) -> dict[str, Any]:
        where = {"kubernetes:kubeconfig": json.dumps(self.kubeconfig), "kubernetes:context": "c"}
        return super().config() | (where if self.kubeconfig else {})

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        known = next((key for key in self.said if " ".join(command).startswith(key)), None)
        code, stdout, stderr = self.said[known] if known else (1, "", "no such command")
        return subprocess.CompletedProcess(command, code, stdout, stderr)


def the(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


@pytest.fixture(autouse=True)
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a state of the test's own."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    return tmp_path


def test_the_engine_is_named(tmp_path: Path) -> None:
    found = the(check_engine(Patient(tmp_path, web())))
    assert found == Finding("engine", State.OK, "v3.260.0, using the Pulumi CLI at /usr/bin/pulumi")


def test_the_embedded_engine_tells_its_version_by_a_flag(tmp_path: Path) -> None:
    wrapper = "pulumiw: using the embedded engine: no Pulumi CLI was found\n"
    said = {"version": (2, "", "no such command"), "--version": (0, "3.9 (embedded engine)\n", wrapper)}
    found = the(check_engine(Patient(tmp_path, web(), **said)))
    assert found.text == "3.9 (embedded engine), no Pulumi CLI was found"


def test_an_engine_that_does_not_run(tmp_path: Path) -> None:
    found = the(check_engine(Patient(tmp_path, web(), version=(1, "", "exec format error"))))
    assert (found.state, found.remedy) == (State.PROBLEM, "pulumi version")


def test_every_problem_of_the_configuration_comes_with_its_command(tmp_path: Path) -> None:
    found, desk = check_config(Patient(tmp_path, stack(imageTag={"blue": "1"}, activColor="blue")))
    assert desk is None
    assert {each.state for each in found} == {State.PROBLEM}
    assert [each.remedy for each in found] == [
        "pulumi config rm activColor && pulumi config set activeColor blue",
        "pulumi config set --path imageTag.green 1",
    ]


def test_a_good_configuration_is_told_by_its_apps(tmp_path: Path) -> None:
    found, desk = check_config(Patient(tmp_path, stack({"web": app(), "api": canary()})))
    assert desk is not None
    assert the(found).text == "stack dev of shop; apps: api, web"


def test_a_state_without_operations_that_were_cut_off(tmp_path: Path) -> None:
    assert the(check_state(Patient(tmp_path, web()))).text == "2 resources, none left half done"


def test_operations_that_were_cut_off(tmp_path: Path) -> None:
    urn = "urn:pulumi:dev::shop::cutover:index:BlueGreenApp$kubernetes:apps/v1:Deployment::web-green"
    pending = {"deployment": {"pending_operations": [{"type": "updating", "resource": {"urn": urn}}]}}
    found = the(check_state(Patient(tmp_path, web(), stack_export=(0, json.dumps(pending), ""))))
    assert found.state is State.WARNING
    assert found.text == "an `up` was cut off, unless it is still at work: updating web-green"
    assert found.remedy == "pulumi cancel --yes && pulumi up"


def test_a_stack_that_is_not_there(tmp_path: Path) -> None:
    found = the(check_state(Patient(tmp_path, web(), stack_export=(255, "", "error: no stack named 'dev' found"))))
    assert (found.state, found.remedy) == (State.PROBLEM, "pulumi stack init dev")


def lock(backend: Path, text: str) -> None:
    folder = backend / ".pulumi" / "locks" / "organization" / "shop" / "dev"
    folder.mkdir(parents=True)
    (folder / "one.json").write_text(text)


def held(pid: int, host: str = socket.gethostname()) -> str:
    return json.dumps({"pid": pid, "username": "ann", "hostname": host, "timestamp": "2026-01-01T00:00:00Z"})


def dead() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_nobody_at_work(tmp_path: Path) -> None:
    assert the(check_locks(Patient(tmp_path, web()))).state is State.OK


@pytest.mark.parametrize(
    ("text", "state", "told"),
    [
        (held(os.getpid()), State.WARNING, "held by ann@"),
        (held(1, "elsewhere"), State.WARNING, "held by ann@elsewhere (pid 1) since 2026-01-01T00:00:00Z"),
        (held(dead()), State.PROBLEM, "held by a process that is dead: ann@"),
        ("{", State.WARNING, "cannot be read"),
    ],
    ids=["at work", "on another machine", "dead", "spoilt"],
)
def test_a_lock(backend: Path, text: str, state: State, told: str) -> None:
    lock(backend, text)
    found = the(check_locks(Patient(backend, web())))
    assert found.state is state
    assert told in found.text
    assert "pulumi cancel --yes" in found.remedy


def test_an_update_in_progress_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    stacks = [{"name": "ann/dev", "updateInProgress": True}, {"name": "prod", "updateInProgress": False}]
    patient = Patient(tmp_path, web(), stack_ls=(0, json.dumps(stacks), ""))
    assert the(check_locks(patient)).state is State.WARNING
    stacks[0]["updateInProgress"], stacks[1]["updateInProgress"] = False, True
    patient.said["stack ls"] = (0, json.dumps(stacks), "")
    assert the(check_locks(patient)).state is State.OK


@pytest.mark.parametrize(
    ("tags", "state", "told"),
    [
        ({"blue": "1", "green": "1"}, State.OK, "web: both colors are 1; nothing is staged"),
        ({"blue": "1", "green": "latest"}, State.WARNING, "web: green runs `latest`"),
    ],
)
def test_versions(tags: dict[str, str], state: State, told: str) -> None:
    found = the(check_tags(stack_plan(stack(imageTag=tags))))
    assert found.state is state
    assert told in found.text


def test_two_versions_are_as_it_should_be() -> None:
    assert check_tags(stack_plan(stack(imageTag=TAGS))) == []


Check = Callable[[StackPlan, Any], Any]


def checked(check: Check, store: Store) -> list[Finding]:
    found: list[Finding] = store.read(lambda cluster: check(store.plan, cluster.within(2)))
    return found


def everything(store: Store) -> dict[str, list[Finding]]:
    """What is found in a cluster, by name."""

    async def look(cluster: Any) -> list[Finding]:
        return [finding async for finding in check_cluster(store.plan, cluster.within(2))]

    found: dict[str, list[Finding]] = {}
    for finding in store.read(look):
        found.setdefault(finding.name, []).append(finding)
    return found


def test_a_cluster_in_which_all_is_well() -> None:
    found = everything(Store(stack_plan(web())))
    assert {each.state for several in found.values() for each in several} == {State.OK}
    assert list(found) == ["API server", "namespace", "permissions", "ownership", "position"]
    assert the(found["API server"]).text.startswith("v1.37.0, answered within ")
    assert the(found["position"]).text == ("all apps stand as configured, and nobody else has had a hand in it")


def test_an_api_server_that_is_away_ends_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(stack_plan(web()))
    store.api.silent = lambda _: True
    monkeypatch.setattr("cutover.doctor.cluster.SECONDS", 0.2)
    found = everything(store)
    assert list(found) == ["API server"]
    assert the(found["API server"]).state is State.PROBLEM
    assert the(found["API server"]).remedy == "kubectl --context c version"


def test_a_kubeconfig_whose_certificate_is_gone() -> None:
    kubeconfig = Api(url="https://127.0.0.1:1").kubeconfig
    kubeconfig["clusters"][0]["cluster"]["certificate-authority"] = "/nowhere/ca.pem"
    found = asyncio.run(check_api(Cluster(json.dumps(kubeconfig), "c", "test")))
    assert found.state is State.PROBLEM
    assert "cannot be used" in found.text


def test_a_user_whom_the_api_server_does_not_know() -> None:
    store = Store(stack_plan(web()))
    store.api.serve = lambda _: (401, {"kind": "Status", "message": "Unauthorized"})
    assert the(everything(store)["API server"]).text == "context c: it answers 401: Unauthorized"


@pytest.mark.parametrize(
    ("namespace", "keys", "state", "told"),
    [
        (None, {}, State.OK, "the next `up` makes it"),
        (None, {"createNamespace": False}, State.PROBLEM, "`createNamespace` is false"),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, {}, State.PROBLEM, "is ending"),
        ({}, {}, State.OK, "test"),
    ],
    ids=["to be made", "not there", "ending", "there"],
)
def test_the_namespace(namespace: dict[str, str] | None, keys: dict[str, Any], state: State, told: str) -> None:
    store = Store(stack_plan(stack(**keys)))
    if namespace is None:
        store.items.pop("namespaces", None)
    else:
        store.items["namespaces"]["test"]["metadata"] |= namespace
    found = the(checked(check_namespace, store))
    assert found.state is state
    assert told in found.text


def test_what_we_may_not_do_is_told_with_the_role_that_allows_it() -> None:
    store = Store(stack_plan(web()), forbidden={"patch deployments", "pods/log"})
    first, second = checked(check_permissions, store)
    assert first.text == "we may not patch deployments.apps in namespace test, which is for the colors and RollingApp"
    assert first.remedy == (
        "kubectl --context c --namespace test create role cutover-deployments --verb "
        "get,list,watch,create,patch,delete --resource deployments.apps && kubectl --context c --namespace test "
        "create rolebinding cutover-deployments --role cutover-deployments --user <you>"
    )
    assert second.text == "we may not get pods/log in namespace test, which is for why a pod crashes"


def test_what_we_may_not_look_at_is_told_among_the_permissions_alone() -> None:
    found = everything(Store(stack_plan(web()), forbidden={"poddisruptionbudgets"}))
    assert the(found["permissions"]).state is State.PROBLEM
    assert the(found["ownership"]).text == "of 9 objects 7 are there, and nothing else has their names"


def test_what_only_tells_more_is_no_problem_when_it_is_missing() -> None:
    found = the(checked(check_permissions, Store(stack_plan(web()), forbidden={"events"})))
    assert found.state is State.WARNING


def test_only_what_a_stack_needs_is_asked_for() -> None:
    def resources(**keys: Any) -> set[str]:
        return {each.full_resource for each in permissions.needed(stack_plan(stack({"web": app(**keys)})))}

    least = resources()
    assert least.isdisjoint({"horizontalpodautoscalers.autoscaling", "services/proxy", "jobs.batch", "configmaps"})
    gate = {"smoke": {"a": {"path": "/"}, "b": {"path": "/", "via": "portforward"}}}
    assert resources(gate=gate) - least == {"services/proxy", "pods/portforward"}
    assert resources(config={"data": {"a": "b"}}) - least == {"configmaps"}
    assert resources(migration={}) - least == {"jobs.batch"}
    assert resources(router=GATEWAY) - least == {"httproutes.gateway.networking.k8s.io"}


def test_an_object_of_somebody_else() -> None:
    store = Store(stack_plan(web()))
    store.items["deployments"]["web-green"]["metadata"]["labels"]["cutover/stack"] = "other.prod"
    del store.items["services"]["web"]["metadata"]["labels"]
    deployment, service = checked(check_ownership, store)
    assert (deployment.state, service.state) == (State.PROBLEM, State.PROBLEM)
    assert "it has cutover/stack=other.prod" in deployment.text
    assert service.remedy.startswith("kubectl label service web ")


def routed(store: Store) -> list[Finding]:
    """What is found of a router whose kinds are known."""
    serve = store.api.serve

    def with_kinds(path: str) -> tuple[int, Any]:
        group = path.split("/")[2]
        if path.count("/") == 3 and group in RESOURCES:
            return 200, {"resources": [{"name": RESOURCES[group]}]}
        return serve(path)

    store.api.serve = with_kinds
    return checked(check_routers, store)


def gateway(*conditions: tuple[str, str]) -> dict[str, Any]:
    told = [{"type": kind, "status": status, "message": "because"} for kind, status in conditions]
    return {"metadata": {"name": "edge"}, "status": {"conditions": told}}


@pytest.mark.parametrize(
    ("item", "state", "told"),
    [
        (gateway(("Accepted", "True"), ("Programmed", "True")), State.OK, "is at work"),
        (gateway(("Accepted", "True"), ("Programmed", "False")), State.PROBLEM, "Programmed is False (because)"),
        (gateway(), State.PROBLEM, "no controller has looked at Gateway infra/edge"),
        (None, State.PROBLEM, "there is no Gateway infra/edge"),
    ],
    ids=["at work", "without an address", "without a controller", "not there"],
)
def test_a_gateway(item: dict[str, Any] | None, state: State, told: str) -> None:
    store = Store(stack_plan(stack({"web": canary(router=GATEWAY), "api": canary(router=GATEWAY)})))
    if item:
        store.put("gateways", item)
    found = routed(store)[0]
    assert found.state is state
    assert told in found.text


def test_a_gateway_of_several_apps_is_told_once() -> None:
    store = Store(stack_plan(stack({"web": canary(router=GATEWAY), "api": canary(router=GATEWAY)})))
    store.put("gateways", gateway(("Accepted", "True")))
    the(routed(store))


@pytest.mark.parametrize(
    ("router", "told"),
    [
        (GATEWAY, "does not know httproutes: the Gateway API is not installed"),
        ({"istio": {}}, "does not know virtualservices: Istio is not installed"),
        ({"nginx": {"hosts": ["a.example.com"]}}, "there is no IngressClass nginx"),
    ],
    ids=["gateway", "istio", "nginx"],
)
def test_a_router_that_is_not_installed(router: dict[str, Any], told: str) -> None:
    found = the(checked(check_routers, Store(stack_plan(stack({"web": canary(router=router)})))))
    assert found.state is State.PROBLEM
    assert told in found.text


def test_routers_that_are_installed() -> None:
    assert the(routed(Store(stack_plan(stack({"web": canary(router={"istio": {}})}))))).state is State.OK
    store = Store(stack_plan(stack({"web": canary(router={"nginx": {"hosts": ["a.example.com"]}})})))
    store.put("ingressclasses", {"metadata": {"name": "nginx"}})
    assert the(routed(store)).state is State.OK


METRICS = {"prometheus": {"service": "prometheus"}, "metrics": {"up": {"query": "up", "min": 1}}}


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ((200, {"status": "success"}), State.OK),
        ((200, "a page of something else"), State.PROBLEM),
        ((404, "no such page"), State.PROBLEM),
        ((503, {"kind": "Status", "apiVersion": "v1", "message": "no endpoints available"}), State.PROBLEM),
    ],
    ids=["there", "something else", "nothing there", "no pods"],
)
def test_prometheus(answer: tuple[int, Any], state: State) -> None:
    store = Store(stack_plan(stack({"web": app(gate=METRICS), "api": canary(gate=METRICS)})))
    serve = store.api.serve
    store.api.serve = lambda path: answer if "/proxy/" in path else serve(path)
    found = the(checked(check_metrics, store))
    assert (found.state, found.name) == (state, "metrics")
    assert "Service test/prometheus" in found.text


def test_what_a_hand_has_done_is_told() -> None:
    store = Store(stack_plan(web()))
    store.select("web", {"app": "web", "color": "green"}, by="kubectl-edit")
    found = everything(store)
    drift = the(found["drift"])
    assert "position" not in found
    assert drift.state is State.WARNING
    assert drift.text == (
        "Service web selects green; its last move was to blue (by kubectl-edit at 2026-01-01T00:00:00Z)"
    )


@pytest.mark.parametrize(("color", "state"), [("blue", State.PROBLEM), ("green", State.WARNING)])
def test_pods_that_are_not_ready(color: str, state: State) -> None:
    store = Store(stack_plan(web()))
    unready(store.pods_of(f"web-{color}")[0])
    store.items["deployments"][f"web-{color}"]["status"]["availableReplicas"] = 2
    store.warn("Pod", f"web-{color}-now-0", "Unhealthy", "probe failed: 503", "2026-01-01T00:00:00Z")
    found = the(everything(store)["pods"])
    assert found.state is state
    assert found.text.startswith(f"web: {color} has 2 of 3 pods ready. ")


def test_a_whole_examination(tmp_path: Path) -> None:
    patient, store = Patient(tmp_path, web()), Store(stack_plan(web()))

    async def run() -> list[Finding]:
        async with asyncio.timeout(30), store.api.up():
            patient.kubeconfig = store.api.kubeconfig
            return await asyncio.to_thread(lambda: list(examine(patient)))

    found = asyncio.run(run())
    assert {each.state for each in found} == {State.OK}
    assert [each.name for each in found][:5] == ["engine", "configuration", "state", "lock", "context"]


def test_without_a_stack_nothing_else_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_selected(_: Engine) -> str:
        raise NotStartedError("no stack is selected")

    patient = Patient(tmp_path, web())
    monkeypatch.setattr(Engine, "stack", property(none_selected))
    first, last = examine(patient)
    assert first.name == "engine"
    assert last == Finding("stack", State.PROBLEM, "no stack is selected", "pulumi stack select <name>")


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    patient = Patient(tmp_path, web())
    patient.kubeconfig = Api().kubeconfig | {"contexts": []}
    last = list(examine(patient))[-1]
    assert (last.name, last.state) == ("context", State.PROBLEM)
    assert last.remedy == "pulumi config set kubernetes:context <context>"


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "✖"), ("ascii", "x")])
def test_a_finding_as_it_is_shown(encoding: str, sign: str) -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding), width=60)
    console.print(Checked(Finding("lock", State.PROBLEM, "held by a process that has died", "pulumi cancel --yes")))
    console.file.flush()
    assert [line.rstrip() for line in raw.getvalue().decode(encoding).splitlines()] == [
        f"{sign} lock          held by a process that has died",
        "                $ pulumi cancel --yes",
    ]
