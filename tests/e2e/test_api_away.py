"""The API server away for ten seconds, at each stage of a promotion: the `up` waits for it, and clients see nothing."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from bench.traffic import Load, running
from cluster import Cluster, processes
from tests.e2e.conftest import blue_green
from tests.e2e.proxy import Moment, Proxy, Write
from tests.e2e.stacks import NEW, OLD, Stack

AWAY_SECONDS = 10
QUIET_SECONDS = 200
"""Kubernetes' own clients wait longer after each failure, up to a minute, and forget that only after two quiet ones
(client-go, tools/cache/reflector.go). So for kube-proxy a second outage within three would be a much longer one."""
DRAIN_SECONDS = 30
"""As long as kube-proxy may need to find the API server again, and so to hear of the move."""

API_SERVER = "kube-apiserver"
pytestmark = pytest.mark.alone  # it stops what all tests need

STAGES = {
    "grow": "/deployments/web-green",
    "move": "/services/web",
    "recycle": "/pods/*",
    "settle": "/deployments/web-blue",
}
"""A write of each stage of a promotion to green, by the end of its path."""


class Outage:
    """Kills the API server at one write of a run and starts it again after `AWAY_SECONDS`."""

    last: ClassVar[float] = -math.inf
    """When the last one was over, on the monotonic clock."""

    def __init__(self, cluster: Cluster, path: str, moment: Moment) -> None:
        self._cluster = cluster
        self._path = path
        self._moment = moment
        self._back = threading.Thread(target=self._come_back)

    def strike(self, write: Write, moment: Moment) -> bool:
        if self._back.ident or moment is not self._moment or not write.path.endswith(self._path):
            return False
        server = processes.find(API_SERVER)
        assert server is not None
        server.end(signal.SIGKILL)  # on SIGTERM it would answer for many seconds more
        self._back.start()
        return True

    def _come_back(self) -> None:
        time.sleep(AWAY_SECONDS)
        self._cluster.start_process(API_SERVER)
        Outage.last = time.monotonic()

    def see_over(self) -> None:
        """See that there was one, and wait until the cluster is whole."""
        assert self._back.ident, f"no write to {self._path}"
        self._back.join()
        self._cluster.up()


@pytest.fixture
def proxy(tmp_path: Path, cluster: Cluster) -> Iterator[Proxy]:
    with Proxy(tmp_path) as made:
        yield made
    cluster.up()


@pytest.fixture
def web(stack: Callable[..., Stack], port: int, proxy: Proxy) -> Stack:
    made = stack({"web": blue_green(port, replicas=2, drainSeconds=DRAIN_SECONDS)})
    made.set("kubernetes:kubeconfig", str(proxy.kubeconfig))
    made.up()
    return made


@pytest.fixture
def load(port: int) -> Load:
    return Load(f"http://127.0.0.1:{port}/version", seconds=3600, count=1_000_000)


@pytest.fixture
def away(cluster: Cluster, request: pytest.FixtureRequest) -> Outage:
    """An outage that will be the first in a long time."""
    stage, moment = request.param
    time.sleep(max(0.0, Outage.last + QUIET_SECONDS - time.monotonic()))
    return Outage(cluster, STAGES[stage], moment)


CASES = [
    pytest.param((stage, moment), id=f"{stage}-{moment.name.lower()}", marks=() if nastiest else pytest.mark.full)
    for stage in STAGES
    for moment in Moment
    for nastiest in [(stage, moment) == ("move", Moment.UNHEARD)]
]
"""The nastiest one by default: traffic has moved, and nobody was told."""


@pytest.mark.parametrize("away", CASES, indirect=True)
def test_a_promotion_waits_for_the_api_server(web: Stack, load: Load, proxy: Proxy, away: Outage) -> None:
    web.set("activeColor", "green")
    with running(load, "api-away") as traffic:
        with proxy.striking(away.strike):
            web.up()
        away.see_over()
        web.run("preview", "--expect-no-changes")
        answers = traffic.stop()
    assert answers.errors == {}
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEW)]
