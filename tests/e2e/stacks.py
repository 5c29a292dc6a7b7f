"""A stack for a test: the project's own program, with a state, a namespace and a configuration of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from lightkube import Client, KubeConfig
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, Service

from components.reach import Reach

PROJECT = Path(__file__).parents[2]
PULUMIW = str(PROJECT / "pulumiw")
CUTOVER = (str(PROJECT / ".venv" / "bin" / "python"), "-m", "cutover")
KUBECONFIG = "~/.kube/cutover-embedded.yaml"
CONTEXT = "cutover-embedded"
IMAGE = "registry.local/podinfo"
OLD, NEW, NEXT = "6.9.0", "6.9.1", "6.9.2"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Run:
    """One command of a user: what it answered and how long it took."""

    command: str
    code: int
    output: str
    seconds: float


class CommandError(AssertionError):
    """A command did not end as the test expects."""

    def __init__(self, run: Run, expected: str) -> None:
        super().__init__(
            f"{run.command} ended with {run.code} after {run.seconds:.1f} s, expected {expected}\n{run.output}"
        )


class Stack:
    """A stack, named like its namespace, of a folder that holds the project by links: its configuration is its own."""

    def __init__(self, folder: Path, namespace: str, apps: dict[str, Any], **position: Any) -> None:
        self.namespace = namespace
        self.folder = folder / "project"
        self.settings = self.folder / f"Pulumi.{namespace}.yaml"
        self.folder.mkdir()
        for name in ("Pulumi.yaml", "__main__.py", "components", ".venv"):
            (self.folder / name).symlink_to(PROJECT / name)
        self.environment = os.environ | {
            "PULUMI_BACKEND_URL": f"file://{folder}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "e2e",
            "PYTHONPATH": str(PROJECT),
        }
        self.write(namespace=namespace, apps=apps, **position)
        self.run("stack", "init", namespace)

    def write(self, **values: Any) -> None:
        """Write the stack's whole configuration; `pulumi config set` is `set`."""
        position = {"activeColor": "blue", "imageTag": {"blue": OLD, "green": NEW}}
        apps: dict[str, Any] = values.get("apps", {})
        exposed = [app["expose"] for app in apps.values() if app.get("expose")]
        self._ports = [expose["nodePort"] for expose in exposed if "nodePort" in expose]
        config = {f"cutover:{key}": value for key, value in (position | values).items()}
        config |= {"kubernetes:context": CONTEXT, "kubernetes:kubeconfig": KUBECONFIG}
        self.settings.write_text(yaml.safe_dump({"config": config}))

    def lose_state(self) -> None:
        """Begin anew as one does whose state is gone, with the configuration and the cluster as they are."""
        shutil.rmtree(self.folder.parent / ".pulumi")
        self.run("stack", "init", self.namespace)

    def set(self, key: str, value: object) -> None:
        path = ["--path"] if "." in key else []
        self.run("config", "set", *path, key, str(value))

    def up(self, *flags: str, deadline: float = 180) -> Run:
        """Run an `up` without its preview, and see every NodePort open: the proxy writes its rules once a second."""
        run = self.run("up", "--yes", "--skip-preview", *flags, deadline=deadline)
        for port in self._ports:
            await_port(port)
        return run

    def fail_up(self, *flags: str, deadline: float = 180) -> Run:
        """Run an `up` without a preview that must fail, and return what it said."""
        run = self.attempt("up", "--yes", "--skip-preview", *flags, deadline=deadline)
        if run.code == 0:
            raise CommandError(run, "a failure")
        return run

    def outputs(self) -> dict[str, Any]:
        outputs: dict[str, Any] = json.loads(self.run("stack", "output", "--json").output)
        return outputs

    def run(self, *arguments: str, deadline: float = 60) -> Run:
        run = self.attempt(*arguments, deadline=deadline)
        if run.code != 0:
            raise CommandError(run, "0")
        return run

    def start(self, *arguments: str, program: Sequence[str] = (PULUMIW,)) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, to be ended in the middle."""
        return subprocess.Popen(
            [*program, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def drive(self, *arguments: str, ends: int = 0, deadline: float = 600) -> Run:
        """Run a command of the release driver, which must end with a code."""
        run = self.attempt(*arguments, program=CUTOVER, deadline=deadline)
        if run.code != ends:
            raise CommandError(run, str(ends))
        return run

    def attempt(self, *arguments: str, program: Sequence[str] = (PULUMIW,), deadline: float = 60) -> Run:
        begin = time.monotonic()
        ending = subprocess.run(
            [*program, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline,
            check=False,
        )
        output = ending.stdout if ending.returncode == 0 else ending.stdout + ending.stderr
        return Run(" ".join([*program, *arguments]), ending.returncode, output, time.monotonic() - begin)


def until(look: Callable[[], Found], hope: str, seconds: float = 60) -> Found:
    """Look until something is found, and return it; `hope` says what the failure says has not come true."""
    give_up = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < give_up, f"{hope}: not within {seconds} s"
        time.sleep(0.05)
    return found


def await_port(port: int) -> None:
    """Wait until a port of this machine takes connections."""

    def takes_connections() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    until(takes_connections, f"port {port} takes connections", seconds=10)


def await_ready(here: Client, deployment: str, replicas: int = 1, seconds: float = 60) -> None:
    """Wait until a Deployment has as many ready pods."""

    def ready() -> bool:
        status = here.get(Deployment, deployment).status
        return status is not None and status.readyReplicas == replicas

    until(ready, f"{deployment} has {replicas} ready pods", seconds)


def ask(namespace: str, service: str, path: str = "/version") -> str:
    """What a Service answers, asked through the API server."""
    config = kubeconfig().get(CONTEXT)
    assert config
    return asyncio.run(Reach(config).proxy(namespace, service, 80)(path, {}, 10)).body


def kubeconfig() -> KubeConfig:
    return KubeConfig.from_file(Path(KUBECONFIG).expanduser())


def client(namespace: str) -> Client:
    """A client for a test's own look at its namespace, past everything that is being tested."""
    return Client(kubeconfig().get(CONTEXT), namespace=namespace)


def live(stack: Stack, app: str) -> str | None:
    """The color that an app's live Service selects."""
    found = client(stack.namespace).get(Service, app)
    return ((found.spec and found.spec.selector) or {}).get("color")


def size(stack: Stack, deployment: str) -> int | None:
    """How many pods a Deployment is to have."""
    return client(stack.namespace).get(Deployment, deployment).spec.replicas


def namespace_exists(name: str) -> bool:
    return any(found.metadata and found.metadata.name == name for found in client(name).list(Namespace))


def remove_namespace(name: str) -> None:
    """Remove what a test leaves, without waiting for its pods to end."""
    if namespace_exists(name):
        client(name).delete(Namespace, name)
