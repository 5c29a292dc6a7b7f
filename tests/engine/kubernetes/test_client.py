from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from engine.kubernetes import client
from engine.kubernetes.client import Cluster, Place
from engine.kubernetes.errors import ApiError, NoMatchError, StoppedError, UnreachableError
from engine.kubernetes.settings import Settings

Answer = httpx2.Response | Exception

CORE = {
    "resources": [
        {"name": "pods", "kind": "Pod", "namespaced": True},
        {"name": "pods/log", "kind": "Pod", "namespaced": True},
    ]
}
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "team"}}


def ok(body: Any) -> httpx2.Response:
    return httpx2.Response(200, json=body)


class Server:
    """Answers from a list, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.asked]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "RETRY_EVERY", 0.01)


@pytest.fixture
def connect(settings: Settings) -> Callable[..., tuple[Cluster, Server]]:
    def make(*answers: Answer) -> tuple[Cluster, Server]:
        server = Server(*answers)
        cluster = Cluster(settings.connection)
        cluster._http = httpx2.Client(base_url="http://127.0.0.1:1", transport=httpx2.MockTransport(server))
        return cluster, server

    return make


def test_kinds_are_discovered_once_and_asked_for_again_when_missing(
    connect: Callable[..., tuple[Cluster, Server]],
) -> None:
    thing = {"resources": [{"name": "things", "kind": "Thing", "namespaced": False}]}
    cluster, server = connect(ok(CORE), httpx2.Response(404, json={}), ok(thing))
    assert cluster.place("v1", "Pod") == cluster.place("v1", "Pod") == Place("/api/v1", "pods", namespaced=True)
    with pytest.raises(NoMatchError, match=r'no matches for kind "Thing" in version "g\.example/v1"'):
        cluster.place("g.example/v1", "Thing")
    assert cluster.place("g.example/v1", "Thing").path("ignored", "t") == "/apis/g.example/v1/things/t"
    assert server.lines == ["GET /api/v1", "GET /apis/g.example/v1", "GET /apis/g.example/v1"]


def test_requests_say_what_the_api_wants(connect: Callable[..., tuple[Cluster, Server]]) -> None:
    cluster, server = connect(ok(CORE), *[ok(POD)] * 6)
    cluster.create(POD)
    cluster.create(POD, dry_run=True)
    cluster.apply(POD, "me", force=True)
    cluster.patch(POD, [{"op": "replace", "path": "/a", "value": 1}])
    cluster.delete(POD, "Foreground")
    cluster.find("v1", "Pod", "team", "app in (a,b)")
    assert server.lines[1:] == [
        "POST /api/v1/namespaces/team/pods?fieldManager=pulumi-kubernetes",
        "POST /api/v1/namespaces/team/pods?fieldManager=pulumi-kubernetes&dryRun=All",
        "PATCH /api/v1/namespaces/team/pods/p?fieldManager=me&force=true",
        "PATCH /api/v1/namespaces/team/pods/p",
        "DELETE /api/v1/namespaces/team/pods/p?propagationPolicy=Foreground",
        "GET /api/v1/namespaces/team/pods?labelSelector=app+in+%28a%2Cb%29",
    ]
    assert server.asked[3].headers["Content-Type"] == "application/apply-patch+yaml"
    assert json.loads(server.asked[3].content) == POD


def test_a_refusal_carries_the_servers_words(connect: Callable[..., tuple[Cluster, Server]]) -> None:
    status = {"message": 'pods "p" already exists', "reason": "AlreadyExists", "details": {"kind": "pods"}}
    cluster, _ = connect(ok(CORE), httpx2.Response(409, json=status))
    with pytest.raises(ApiError, match='pods "p" already exists') as caught:
        cluster.create(POD)
    assert caught.value.already_exists
    assert not caught.value.conflict
    assert caught.value.details == {"kind": "pods"}


def test_an_answer_that_is_no_json_is_shown(connect: Callable[..., tuple[Cluster, Server]]) -> None:
    cluster, _ = connect(httpx2.Response(502, text="<html>bad gateway"), httpx2.Response(400, text="<html>no"))
    with pytest.raises(ApiError, match="400 Bad Request: <html>no"):
        cluster.place("v1", "Pod")


def test_reads_survive_a_restart_of_the_api_server(connect: Callable[..., tuple[Cluster, Server]]) -> None:
    cluster, server = connect(
        ok(CORE),
        httpx2.ConnectError("refused"),
        httpx2.ReadError("reset"),
        httpx2.RemoteProtocolError("closed"),
        httpx2.Response(503, json={}),
        ok(POD),
    )
    assert cluster.live(POD) == POD
    assert len(server.asked) == 6


def test_a_create_that_may_have_been_done_is_not_sent_twice(connect: Callable[..., tuple[Cluster, Server]]) -> None:
    cluster, server = connect(ok(CORE), httpx2.ConnectError("refused"), httpx2.ReadError("reset"))
    with pytest.raises(
        UnreachableError, match=r"configured Kubernetes cluster is unreachable: http://127.0.0.1:1: reset"
    ):
        cluster.create(POD)
    assert len(server.asked) == 3
    cluster, server = connect(ok(CORE), httpx2.Response(503, json={"message": "away"}))
    with pytest.raises(ApiError, match="away"):
        cluster.create(POD)


def test_a_dry_run_and_a_request_that_the_server_put_off_are_sent_again(
    connect: Callable[..., tuple[Cluster, Server]],
) -> None:
    cluster, _ = connect(ok(CORE), httpx2.ReadError("reset"), ok(POD))
    assert cluster.create(POD, dry_run=True) == POD
    cluster, _ = connect(ok(CORE), httpx2.Response(429, headers={"Retry-After": "1"}), ok(POD))
    assert cluster.create(POD) == POD


def test_patience_ends(connect: Callable[..., tuple[Cluster, Server]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_PATIENCE", 0.05)
    cluster, _ = connect(*[httpx2.ConnectError("refused")] * 100)
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="refused"):
        cluster.place("v1", "Pod")
    assert time.monotonic() - started < 2


def test_a_cancelled_run_stops_retrying(
    connect: Callable[..., tuple[Cluster, Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RETRY_EVERY", 30.0)
    cluster, _ = connect(httpx2.ConnectError("refused"), httpx2.ConnectError("refused"))
    threading.Timer(0.05, cluster.stopped.set).start()
    started = time.monotonic()
    with pytest.raises(StoppedError, match=r"cancelled while http://127\.0\.0\.1:1 gave no answer to GET /api/v1"):
        cluster.place("v1", "Pod")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("server", "is_loopback"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://[::1]:1", True),
        ("https://localhost", True),
        ("https://10.0.0.1", False),
    ],
)
def test_no_proxy_is_used_for_loopback(server: str, is_loopback: bool) -> None:  # noqa: FBT001
    assert client._is_loopback(server) == is_loopback
