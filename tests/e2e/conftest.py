"""The embedded cluster, shared by all tests; each has a namespace and ports of its own."""

from __future__ import annotations

import itertools
import os
import re
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from lightkube.resources.core_v1 import Service
from rich.console import Console

from bench.ways.faulty import load
from cluster import Cluster
from tests.e2e import evidence
from tests.e2e.sites import Site
from tests.e2e.stacks import IMAGE, Stack, client, remove_namespace

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.count(30100 + 200 * _worker)

TINY = {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}}
"""Little enough that two colors of several apps fit on one small node."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        report.sections.append(("requests lost", "\n".join(evidence.losses(since=call.start))))
        if isinstance(namespace := item.funcargs.get("namespace"), str):
            report.sections.append((f"events in {namespace}", "\n".join(evidence.events(namespace))))
    return report


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Cluster:
    """The machine's embedded cluster, started if it is not up."""
    embedded = Cluster()
    embedded.up()
    return embedded


@pytest.fixture(scope="session")
def envoy(cluster: Cluster) -> None:
    """The cluster's Gateway, started if it is not up."""
    cluster.up(with_gateway=True)


@pytest.fixture
def canary_site(stack: Callable[..., Stack], envoy: None) -> Callable[..., Site]:  # noqa: ARG001  # it must be up
    """Make a canary behind the Gateway: `canary_site(replicas=1, position={"canaryReplicas": 1})`."""

    def make(*, position: dict[str, Any] | None = None, **keys: Any) -> Site:
        site = Site(stack, canary(replicas=3, **keys), **(position or {}))
        site.stack.up()
        return site

    return make


@pytest.fixture(scope="session")
def faulty(cluster: Cluster) -> str:
    """An image, without its tag (`1.0.0`), that answers 500 to exactly every tenth request."""
    load(cluster, Console(), "registry.local/faulty:1.0.0")
    return "registry.local/faulty"


@pytest.fixture
def ports() -> Iterator[int]:
    """NodePorts that nothing else has: no other test, not the demo, not what a test that died has left."""
    services = client("default").list(Service, namespace="*")
    taken = {port.nodePort for service in services for port in (service.spec and service.spec.ports) or []}
    return (port for port in _ports if port not in taken)


@pytest.fixture
def port(ports: Iterator[int]) -> int:
    return next(ports)


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """The name of the test's own."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))
    # the last run's namespace may still be ending
    return f"e2e-{name[:40].strip('-')}-{uuid.uuid4().hex[:6]}"


@pytest.fixture
def stack(tmp_path: Path, namespace: str) -> Iterator[Callable[..., Stack]]:
    """Make the test's stack: `stack({"web": blue_green(port)}, canaryReplicas=1)`; its namespace goes afterwards."""

    def make(apps: dict[str, Any], **position: Any) -> Stack:
        return Stack(tmp_path, namespace, apps, **position)

    yield make
    remove_namespace(namespace)


def podinfo(component: str, port: int | None = None, **keys: Any) -> dict[str, Any]:
    """An app that runs podinfo in small, quick pods; drains are short so that tests are."""
    expose = {"type": "NodePort", "nodePort": port} if port else {}
    return {
        "component": component,
        "image": IMAGE,
        "port": 9898,
        "args": ["--level=error"],
        "replicas": 3,
        "expose": expose,
        "drainSeconds": 2,
        "resources": TINY,
        "probes": {"readiness": {"path": "/readyz", "periodSeconds": 1}},
    } | keys


def blue_green(port: int | None = None, **keys: Any) -> dict[str, Any]:
    return podinfo("BlueGreenApp", port, **keys)


def canary(port: int | None = None, **keys: Any) -> dict[str, Any]:
    return podinfo("CanaryApp", port, **keys)
