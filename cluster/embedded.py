"""The embedded cluster: one Kubernetes node on this machine, real pods included."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from cluster import certificates, gateway, layout, leftovers, machine, network, packages, processes, storage
from cluster.api import Api, answer
from cluster.builds import Build
from cluster.command import run
from cluster.errors import MachineError, ProcessError
from cluster.gateway import CONTOUR, ENVOY, GATEWAY
from cluster.images import Image
from cluster.lock import locked
from cluster.packages import DebianProgram
from cluster.programs import CONTROL_PLANE, NODE, PAUSE_IMAGE, programs, write_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cluster.processes import Program

KUBERNETES: Final = Build(
    module="kubernetes",
    requirement="k8s.io/kubernetes",
    variables=(
        "k8s.io/component-base/version.gitVersion=v{version}",
        "k8s.io/component-base/version.gitMajor={major}",
        "k8s.io/component-base/version.gitMinor={minor}",
    ),
    expected="about 9 minutes on 2 cores",
)
PODINFO: Final = Build(
    module="podinfo",
    requirement="github.com/stefanprodan/podinfo",
    variables=("github.com/stefanprodan/podinfo/pkg/version.VERSION={version}",),
    expected="about 40 seconds",
    tags=("6.9.0", "6.9.1", "6.9.2"),
    assets=("ui/vue.html",),
)
PROMETHEUS: Final = DebianProgram("prometheus")

_LOCK_SECONDS = 300.0
_READY_SECONDS = 120.0
_POLL_SECONDS = 0.05
_FIRST = ("etcd", "containerd", "kube-apiserver")  # all others need the API server to answer
_MEMORY_MIB = 3072


@dataclass(frozen=True)
class Status:
    """How the cluster is.

    Attributes:
        processes: pid by name, None for one that does not run; Contour and Envoy only if they were started.
        healthy: everything that was started runs, and the API server and the node (if started) say they are ready.
        gateway: where the Gateway API's data plane takes requests, if it was started.
    """

    processes: dict[str, int | None]
    api_ready: bool
    node_ready: bool
    healthy: bool
    pods: int
    pods_running: int
    kubernetes: str
    url: str
    gateway: str | None
    kubeconfig: str

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


class Cluster:
    """The machine's one embedded cluster.

    Args:
        console: where progress is written; by default standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._api = Api(layout.CERTIFICATES)

    @cached_property
    def _programs(self) -> dict[str, Program]:
        return programs(KUBERNETES)

    @cached_property
    def _gateway_programs(self) -> dict[str, Program]:
        return gateway.programs()  # not among the others: their build asks for a newer Go

    def _program(self, name: str) -> Program:
        return (self._gateway_programs if name in GATEWAY else self._programs)[name]

    def up(self, *, control_plane_only: bool = False, with_gateway: bool = False) -> None:
        """Start what does not run, until the node is Ready; running pods stay. Nothing to do on a healthy cluster.

        Args:
            control_plane_only: etcd, API server and controller manager, no node and so no pods. A later full `up`
                carries on from it; on a full cluster it looks after these three only.
            with_gateway: Contour and Envoy too. Every later full `up` looks after them as well, until `down`.

        Raises:
            MachineError: the machine cannot carry it; nothing was started.
            ClusterError: any other, see `cluster.errors`.
        """
        started = time.monotonic()
        machine.check_user()
        packages.install_missing(self._console.print)
        KUBERNETES.ensure(self._console)
        if not control_plane_only:
            PODINFO.ensure(self._console)
            PROMETHEUS.ensure(self._console)
            with_gateway = with_gateway or _was_gateway_started()
        if with_gateway:
            CONTOUR.ensure(self._console)
            ENVOY.ensure(self._console)
        with locked(layout.LOCK, _LOCK_SECONDS, self._console):
            node = () if control_plane_only else NODE
            wanted = (*CONTROL_PLANE, *node, *GATEWAY) if with_gateway else (*CONTROL_PLANE, *node)
            missing = [name for name in wanted if not self._is_current(name)]
            if missing or not self._is_ready(wanted):
                self._start(wanted, missing)
                took = time.monotonic() - started
                self._console.print(f"the cluster is up after {took:.1f} s; started {', '.join(missing) or 'nothing'}")
            else:
                if not control_plane_only:
                    self._load_images()  # it may have been started by a version that had fewer
                    storage.offer(self._api)
                self._console.print("the cluster is up and healthy, nothing to do")
            certificates.write_kubeconfig(layout.kubeconfig(), layout.CERTIFICATES, "admin")
            self._console.print(f"kubeconfig {layout.kubeconfig()}, context {layout.NAME}")
            if with_gateway:
                self._console.print(f"Gateway {gateway.NAME} in namespace {gateway.NAMESPACE}, {gateway.URL}")

    def down(self) -> None:
        """Stop everything and leave nothing behind but what was built.

        Raises:
            LeftoverError: something could not be removed.
        """
        machine.check_user()
        with locked(layout.LOCK, _LOCK_SECONDS, self._console):
            processes.kill_all()
            leftovers.remove_all()
        self._console.print(f"the cluster is down; what was built stays in {layout.cache()}")

    def load(self, archive: Path) -> None:
        """Load the images of an archive (OCI layout or `docker save`) into the node.

        Raises:
            ClusterError: there is no node, no such file, or it is no image archive.
        """
        self._containerd("images", "import", str(archive.resolve()))

    def image(self, name: str) -> str:
        """The full name of the newest image that every node has of `podinfo`, `prometheus` or `curl`."""
        return next(image.reference for image in reversed(_images()) if image.name == name)

    def status(self) -> Status:
        machine.check_user()
        names = (*CONTROL_PLANE, *NODE, *(GATEWAY if _was_gateway_started() else ()))
        found = {name: processes.find(name) for name in names}
        started = [name for name in found if processes.was_started(name)]
        api_ready = all(found[name] for name in CONTROL_PLANE) and self._api.ready
        pods = self._api.objects("/api/v1/pods") if api_ready else []
        version = self._api.get("/version") if api_ready else None
        return Status(
            processes={name: process.pid if process else None for name, process in found.items()},
            api_ready=api_ready,
            node_ready=api_ready and self._works("kubelet"),
            healthy=api_ready and all(found[name] for name in started) and self._is_ready(started),
            pods=len(pods),
            pods_running=sum(pod["status"].get("phase") == "Running" for pod in pods),
            kubernetes=json.loads(version)["gitVersion"] if version else "",
            url=layout.API_URL,
            gateway=gateway.URL if _was_gateway_started() else None,
            kubeconfig=str(layout.kubeconfig()),
        )

    def stop_process(self, name: str) -> None:
        """End one process of the cluster, e.g. `kube-apiserver`, and wait until it is gone."""
        self._end(self._program(name))

    def start_process(self, name: str) -> None:
        """Start one process that was stopped; does not wait until it is ready (`up` does)."""
        if processes.find(name) is None:
            processes.start(self._program(name))

    def _start(self, wanted: Collection[str], missing: Collection[str]) -> None:
        running = [name for name in (*CONTROL_PLANE, *NODE, *GATEWAY) if processes.find(name)]
        ports = [port for name in missing if name not in running for port in self._program(name).ports]
        machine.check_room(ports, memory_mib=0 if running else _MEMORY_MIB)
        write_settings()
        network.create()
        first = [name for name in _FIRST if name in wanted]
        with ThreadPoolExecutor(max_workers=1) as background, self._console.status("starting the cluster"):
            for name in first:
                if name in missing:
                    self._restart(self._program(name))
            loading = background.submit(self._load_images) if "containerd" in first else None
            self._wait("kube-apiserver", watched=first)
            if loading:
                loading.result()  # so that a kubelet that was started has its images
            if "kubelet" in wanted:
                storage.offer(self._api)
            if "contour" in wanted:
                gateway.write_settings()
                gateway.create(self._api)
            for name in missing:
                if name not in first:
                    self._restart(self._program(name))
            for name in wanted:
                self._wait(name, watched=wanted)

    def _restart(self, program: Program) -> None:
        self._end(program)
        processes.start(program)

    def _end(self, program: Program) -> None:
        if process := processes.find(program.name):
            process.end()

    def _is_current(self, name: str) -> bool:
        """Whether it runs, and with the command line that this version would give it."""
        process = processes.find(name)
        return process is not None and process.command == self._program(name).command

    def _is_ready(self, names: Iterable[str]) -> bool:
        return all(self._works(name) for name in names)

    def _works(self, name: str) -> bool:
        """Whether a process does its work; it is known to run."""
        works: dict[str, Callable[[], bool]] = {
            "kube-apiserver": lambda: self._api.ready,
            # it makes the account without which no pod can be made
            "kube-controller-manager": lambda: bool(
                self._api.get("/api/v1/namespaces/default/serviceaccounts/default")
            ),
            "containerd": lambda: machine.answers(layout.CONTAINERD_SOCKET),
            # the node object alone may still tell of an earlier kubelet
            "kubelet": lambda: _is_healthy(layout.KUBELET_HEALTH_PORT) and self._api.node_ready,
            "kube-proxy": lambda: _is_healthy(layout.PROXY_HEALTH_PORT),
            "contour": lambda: _is_healthy(layout.CONTOUR_HEALTH_PORT) and gateway.is_programmed(self._api),
            "envoy": gateway.is_configured,
        }
        return works.get(name, lambda: True)()

    def _wait(self, name: str, watched: Iterable[str]) -> None:
        """Wait until a process does its work; the end of any of the watched ones is an error."""
        deadline = time.monotonic() + _READY_SECONDS
        log = self._program(name).log
        while not self._works(name):
            for other in watched:
                if processes.find(other) is None:
                    raise ProcessError(other, "ended", log.with_name(f"{other}.log"))
            if time.monotonic() > deadline:
                raise ProcessError(name, f"was not ready within {_READY_SECONDS:.0f} s", log)
            time.sleep(_POLL_SECONDS)

    def _load_images(self) -> None:
        self._wait("containerd", watched=["containerd"])
        present = self._containerd("images", "list", "--quiet").split()
        for image in _images():
            if image.reference not in present:
                archive = layout.STATE / "image.tar"
                image.write(archive)
                self.load(archive)
                archive.unlink()

    def _containerd(self, *arguments: str) -> str:
        if not machine.answers(layout.CONTAINERD_SOCKET):
            raise MachineError(["no node runs that could take images; start it by `python -m cluster up`"])
        return run("ctr", "--address", str(layout.CONTAINERD_SOCKET), "--namespace", "k8s.io", *arguments)


def _is_healthy(port: int) -> bool:
    return answer(port, "/healthz") is not None


def _was_gateway_started() -> bool:
    return processes.was_started("contour")


def _images() -> list[Image]:
    catatonit = Path("/usr/bin/catatonit")  # has a mode to wait for SIGTERM as pause does, and is linked statically
    pause = Image(PAUSE_IMAGE, {"pause": catatonit}, ("/pause", "-P"))
    return [
        pause,
        *(
            Image(
                f"registry.local/podinfo:{tag}",
                {
                    "home/app/podinfo": PODINFO.program("podinfo", tag),
                    "home/app/ui/vue.html": PODINFO.folder / "ui" / "vue.html",
                },
                ("/home/app/podinfo",),
                folder="/home/app",
            )
            for tag in PODINFO.tags
        ),
        _linked("prometheus", PROMETHEUS.version, PROMETHEUS.program),
        _linked("curl", packages.installed_version("curl"), packages.CURL),
    ]


def _linked(name: str, version: str, program: Path) -> Image:
    """A Debian program with the libraries that it is linked to."""
    path = f"bin/{name}"
    files = {path: program, **packages.libraries(program)}
    return Image(f"registry.local/{name}:{version}", files, (f"/{path}",))
