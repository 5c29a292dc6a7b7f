"""A machine for a cluster of the tests' own: a network namespace beside the machine's, so that no demo is disturbed."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from lightkube import Client, KubeConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, see setns(2)
_ROOT = Path(__file__).parents[2]


class Machine:
    """A network namespace and a cluster's name in it; `run` calls a function inside, started commands included."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = Path("/var/lib/cutover", name)
        self.kubeconfig = Path.home() / ".kube" / f"{name}.yaml"
        self._threads = ThreadPoolExecutor(max_workers=1, initializer=self._enter)
        self.command("sh", "-c", "ip link set lo up; echo 0 > /proc/sys/net/ipv4/ip_forward")
        self.before = self.traces()

    def _enter(self) -> None:
        with Path("/run/netns", self.name).open() as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "setns")

    def run(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        return self._threads.submit(function, *arguments, **options).result(timeout=300)

    def command(self, *command: str) -> str:
        return self.run(subprocess.run, command, check=True, capture_output=True, text=True).stdout

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(
            subprocess.run,
            [sys.executable, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
            cwd=_ROOT,
            env=os.environ | {"CUTOVER_CLUSTER": self.name.removeprefix("cutover-")},
        )

    def cluster(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m cluster` there."""
        return self._python("-m", "cluster", *arguments)

    def python(self, statements: str) -> str:
        """Run statements about `Cluster` there; what they print."""
        done = self._python("-c", f"from cluster import Cluster; {statements}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self, *options: str) -> str:
        done = self.cluster("up", *options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.cluster("status", "--json").stdout))

    def client(self) -> Client:
        return Client(KubeConfig.from_file(str(self.kubeconfig)), trust_env=False)

    def processes(self) -> dict[int, str]:
        """Pid and command line of all that runs for this cluster, by its control groups or its state folder."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_text().replace("\0", " ")
                if command and (f"/{self.name}" in (folder / "cgroup").read_text() or str(self.state) in command):
                    found[int(folder.name)] = command
            except OSError:
                continue
        return found

    def kill_everything(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def traces(self) -> dict[str, Any]:
        """All that a cluster may leave behind on a machine."""
        rules = self.command("iptables-save") + self.command("ip6tables-save")
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        names = ("ip_forward", "conf/all/route_localnet")
        return {
            "processes": self.processes(),
            "mounts": [line for line in mounts if self.name in line and f"/run/netns/{self.name} " not in line],
            "interfaces": [link["ifname"] for link in json.loads(self.command("ip", "-json", "link"))],
            "routes": self.command("ip", "route", "show", "table", "all"),
            "rules": [line for line in rules.splitlines() if line.startswith(("-", ":KUBE", ":CNI"))],
            "control groups": [group for group, *_ in os.walk("/sys/fs/cgroup") if f"/{self.name}" in group],
            "network namespaces": sorted(path.name for path in Path("/run/netns").iterdir()),
            "kernel settings": {name: self.command("cat", f"/proc/sys/net/ipv4/{name}") for name in names}
            | {name: Path("/proc/sys", name).read_text() for name in ("vm/overcommit_memory", "kernel/panic")},
            "links": self._named(Path("/var/log/containers").glob("*"), lambda path: str(path.readlink())),
            "network results": self._named(Path("/var/lib/cni").glob("*/*"), Path.read_text),
            "shared memory": [str(path) for path in Path("/dev").glob("shm/envoy*")],
            "state": self.state.exists(),
            "kubeconfig": self.kubeconfig.exists(),
        }

    def _named(self, paths: Iterable[Path], text: Callable[[Path], str]) -> list[str]:
        """The paths whose text names this cluster; those of other clusters may go while one looks."""
        found = []
        for path in paths:
            with suppress(FileNotFoundError):
                if self.name in text(path):
                    found.append(str(path))
        return found


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    name = f"cutover-test{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    machine = Machine(name)
    try:
        yield machine
    finally:
        done = machine.cluster("down")
        subprocess.run(["ip", "netns", "delete", name], check=True)
        machine.state.with_suffix(".lock").unlink(missing_ok=True)
        assert done.returncode == 0, done.stderr
