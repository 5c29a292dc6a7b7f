"""docs/migration.md, typed as it stands: apps that are there are taken over under traffic that never retries."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Namespace, Pod, Service
from lightkube.resources.policy_v1 import PodDisruptionBudget
from rich.console import Console

from bench import watch, ways
from bench.answers import Answers
from bench.traffic import Load, Traffic, running
from tests.e2e.conftest import TINY, podinfo
from tests.e2e.stacks import (
    CONTEXT,
    IMAGE,
    KUBECONFIG,
    NEW,
    OLD,
    PROJECT,
    Stack,
    await_port,
    client,
    kubeconfig,
    until,
)

# On a busy machine the node's proxy lets a few connections past its rules while it writes them anew: the node itself
# refuses those, whatever is released (docs/migration.md).
pytestmark = pytest.mark.alone

PAGE = (PROJECT / "docs" / "migration.md").read_text()
REPLICAS = 3
NODE_SECONDS = 2
"""How late the node's proxy may be to follow the switch that was before."""
ENDING_SECONDS = 30
"""What pods that were deleted get to be gone."""


def blocks(section: str, language: str = "sh") -> list[str]:
    """The code of a section of the page, in its order."""
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


class Shell:
    """One shell in front of the page: the stack of the test for the page's, and its namespace; variables stay."""

    def __init__(self, stack: Stack, kubectl: str, component: str = "BlueGreenApp") -> None:
        self._stack, self._component = stack, component
        where = shlex.join([f"--kubeconfig={Path(KUBECONFIG).expanduser()}", f"--context={CONTEXT}"])
        self._variables = stack.folder.parent / "variables"
        self._variables.touch()
        self._begin = textwrap.dedent(f"""
            set -euo pipefail
            kubectl() {{ {shlex.quote(kubectl)} {where} --namespace={stack.namespace} "$@"; }}
            pulumi() {{
                case $1 in up | stack) set -- "$@" --yes ;; esac
                {shlex.quote(str(PROJECT / "pulumiw"))} "$@"
            }}
            . {shlex.quote(str(self._variables))}
        """)
        self._end = f"\nset | grep '^hash=' > {shlex.quote(str(self._variables))} || true\n"

    def adapted(self, code: str) -> str:
        of_page = {"cutover.prod": f"cutover.{self._stack.namespace}", "BlueGreenApp": self._component}
        of_page |= {"stack rm prod": f"stack rm {self._stack.namespace}"}
        for old, new in of_page.items():
            code = code.replace(old, new)
        return code

    def type(self, code: str, text: str = "", seconds: float = 180) -> str:
        """Type a block of the page; every command of it must succeed."""
        script = self._begin + self.adapted(code) + self._end
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._stack.folder,
            env=self._stack.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{code}ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def kubectl() -> str:
    """The machine's kubectl, else the one of the comparison with Argo Rollouts, whose build takes minutes, once."""
    if found := shutil.which("kubectl"):
        return found
    ways.PEERS.ensure(Console())
    return str(ways.PEERS.program("kubectl"))


@pytest.fixture
def taken_over(stack: Callable[..., Stack], kubectl: str) -> Callable[..., tuple[Stack, Shell]]:
    """Make the page's stack, for a component, with the version that runs in a namespace that is there."""

    def make(component: str, tag: str, **keys: Any) -> tuple[Stack, Shell]:
        (page,) = blocks("Before you start", "yaml")
        config = {key.removeprefix("cutover:"): value for key, value in yaml.safe_load(page).items()}
        app = config.pop("apps")["web"] | podinfo(component, **keys)
        config |= {"imageTag": dict.fromkeys(config["imageTag"], tag)}
        del config["namespace"]
        made = stack({"web": app}, **config)
        client(made.namespace).create(Namespace(metadata=ObjectMeta(name=made.namespace)))
        return made, Shell(made, kubectl, component)

    return make


def pods() -> dict[str, Any]:
    """The pods of an app that was not written for Cutover: a port of another name, no time to leave the endpoints."""
    container = {
        "name": "app",
        "image": f"{IMAGE}:{OLD}",
        "ports": [{"name": "http", "containerPort": 9898}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1},
        "resources": TINY,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container], "securityContext": security}}


def service(port: int) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": "http", "nodePort": port}]
    spec = {"type": "NodePort", "selector": {"app": "web"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def plain_app(port: int) -> str:
    """A Deployment, its Service and its PodDisruptionBudget, as `kubectl apply` takes them."""
    labels = {"matchLabels": {"app": "web"}}
    budget = {"maxUnavailable": 1, "selector": labels}
    deployment = {"replicas": REPLICAS, "selector": labels, "template": pods()}
    objects = [
        service(port),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": deployment},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": budget},
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def expose(port: int) -> dict[str, Any]:
    return {"type": "NodePort", "nodePort": port, "portName": "http"}


def traffic(port: int) -> Traffic:
    await_port(port)
    return running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "takeover")


def names(stack: Stack, kind: Any) -> set[str]:
    return {each.metadata.name for each in client(stack.namespace).list(kind)}


def identity(stack: Stack) -> tuple[Any, ...]:
    """What must stay of a Service for those who use it."""
    found = client(stack.namespace).get(Service, "web")
    assert found.metadata is not None
    assert found.spec is not None
    ports = [(port.name, port.port, port.nodePort) for port in found.spec.ports or []]
    return found.metadata.uid, found.spec.clusterIP, found.spec.type, ports


def await_colors_alone(stack: Stack) -> None:
    """Wait until no pod is left but those of blue."""
    until(lambda: all(name.startswith("web-blue-") for name in names(stack, Pod)), "only blue is left", ENDING_SECONDS)


def see_served(answers: Answers, counts: watch.Counts, version: str, *sides: str) -> None:
    """See each request answered by the version, and the endpoints full throughout, on one side after the other."""
    assert answers.errors == {}
    assert set(answers.versions) == {version}
    assert [state.colors for state in counts.states] == [{side: REPLICAS} for side in sides]


def test_a_deployment_is_taken_over_and_back_and_forth(
    taken_over: Callable[..., tuple[Stack, Shell]], port: int
) -> None:
    web, shell = taken_over("BlueGreenApp", OLD, expose=expose(port))
    keep_out, allow, take_over, remove = blocks("From a Deployment")
    back, _ = blocks("Stepping back")
    shell.type("kubectl apply --filename -", plain_app(port))
    shell.type("kubectl rollout status deployment web --timeout=60s")
    before = identity(web)
    refused = web.attempt("preview")
    assert refused.code != 0
    assert shell.adapted(allow).strip() in refused.output
    with traffic(port) as sent, watch.endpoints(kubeconfig(), web.namespace, "web") as endpoints:
        for step in (keep_out, allow, take_over):
            shell.type(step)
        shell.type(back)
        web.up("--refresh")
        shell.type(remove)
        await_colors_alone(web)
        answers, counts = sent.stop(), endpoints.stop()
    see_served(answers, counts, OLD, "none", "blue", "none", "blue")
    assert identity(web) == before
    assert names(web, Deployment) == names(web, PodDisruptionBudget) == {"web-blue", "web-green"}


def test_what_fails_its_gate_takes_nothing_over_and_is_given_up(
    taken_over: Callable[..., tuple[Stack, Shell]], port: int
) -> None:
    web, shell = taken_over("CanaryApp", OLD, expose=expose(port), gate={"smoke": {"home": {"path": "/nowhere"}}})
    keep_out, allow, take_over, _ = blocks("From a Deployment")
    back, give_up = blocks("Stepping back")
    shell.type("kubectl apply --filename -", plain_app(port))
    shell.type("kubectl rollout status deployment web --timeout=60s")
    before = identity(web)
    with traffic(port) as sent, watch.endpoints(kubeconfig(), web.namespace, "web") as endpoints:
        for step in (keep_out, allow):
            shell.type(step)
        assert "did not pass its gate" in web.fail_up().output
        web.set("apps.web.gate.smoke.home.path", "/version")
        shell.type(take_over)
        web.run("preview", "--expect-no-changes")
        for step in (back, give_up):
            shell.type(step)
        answers, counts = sent.stop(), endpoints.stop()
    see_served(answers, counts, OLD, "none", "blue", "none")
    assert identity(web) == before
    assert names(web, Deployment) == names(web, PodDisruptionBudget) == names(web, Service) == {"web"}


def test_a_port_keeps_its_name(taken_over: Callable[..., tuple[Stack, Shell]], port: int) -> None:
    web, shell = taken_over("BlueGreenApp", OLD, expose={"type": "NodePort", "nodePort": port + 1})
    _, allow, *_ = blocks("From a Deployment")
    shell.type("kubectl apply --filename -", plain_app(port))
    shell.type(allow)
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        refused = web.attempt(*command)
        assert refused.code != 0
        assert "pulumi config set --path apps.web.expose.portName http" in refused.output
        assert f"pulumi config set --path apps.web.expose.nodePort {port}" in refused.output
    assert names(web, Deployment) == {"web"}


@pytest.fixture
def rollouts() -> None:
    """Argo Rollouts, built."""
    ways.FOLDER.mkdir(parents=True, exist_ok=True)
    ways.PEERS.ensure(Console())


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("rollouts")
def test_a_rollout_of_argo_is_taken_over(taken_over: Callable[..., tuple[Stack, Shell]], port: int) -> None:
    """Right after a promotion of Argo's, while the pods of the version before are still up."""
    unnamed = {"type": "NodePort", "nodePort": port, "portName": ""}
    web, shell = taken_over("BlueGreenApp", NEW, expose=unnamed)
    node_port = port

    class Argo(ways.Rollouts):
        namespace, port = web.namespace, node_port

    argo = Argo(pods())
    with ways.controller():
        argo.set_up()
        argo.stage(NEW)
        argo.promote(NEW)
        ways.kubectl(web.namespace, "wait", "rollout/web", "--for=jsonpath={.status.phase}=Healthy", "--timeout=60s")
        before = identity(web)
        time.sleep(NODE_SECONDS)
        with traffic(port) as sent, watch.endpoints(kubeconfig(), web.namespace, "web") as endpoints:
            for step in blocks("From Argo Rollouts"):
                shell.type(step)
            await_colors_alone(web)
            answers, counts = sent.stop(), endpoints.stop()
        see_served(answers, counts, NEW, "none", "blue")
        assert identity(web) == before
        assert {name.rsplit("-", 1)[0] for name in names(web, ReplicaSet)} == {"web-blue", "web-green"}
