"""The ways to what runs in the cluster, through an API server on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from lightkube import KubeConfig

from components.reach import Answer, CannotAskError, Reach, direct
from tests.unit.api import Api

Found = TypeVar("Found")


def status(message: str) -> dict[str, str]:
    """What the API server answers in its own name."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}


def reached(api: Api, ask: Callable[[Reach], Awaitable[Found]]) -> Found:
    async def run() -> Found:
        async with asyncio.timeout(20), api.up():
            named: Any = KubeConfig.from_dict(api.kubeconfig).get("c")
            return await ask(Reach(named))

    return asyncio.run(run())


def proxied(api: Api, path: str = "/", seconds: float = 5) -> Answer:
    return reached(api, lambda reach: reach.proxy("shop", "web-green", 81)(path, {"X-Test": "1"}, seconds))


def test_a_service_is_asked_through_the_api_servers_proxy() -> None:
    api = Api()
    assert proxied(api, "/a?b=c") == Answer(200, "hello")
    ((path, headers),) = api.asked
    assert path == "/api/v1/namespaces/shop/services/http:web-green:81/proxy/a?b=c"
    assert (headers["x-test"], headers["authorization"]) == ("1", "Bearer the-token")


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 504])
def test_what_the_api_server_says_itself_is_not_the_apps_answer(code: int) -> None:
    with pytest.raises(CannotAskError, match="the API server says: no such way"):
        proxied(Api(lambda _: (code, status("no such way"))))


def test_a_service_without_a_pod_that_takes_the_connection_gives_no_answer() -> None:
    said = "error trying to reach service: dial tcp 10.0.0.7:81: connect: connection refused"
    assert proxied(Api(lambda path: (503, status(said)) if "/proxy/" in path else (200, {}))) == Answer(error=said)


@pytest.mark.parametrize(
    ("code", "said", "answer"),
    [
        (403, "members only", Answer(403, "members only")),
        (401, {"error": "who are you?"}, Answer(401, '{"error":"who are you?"}')),
        (302, "elsewhere", Answer(302, "elsewhere")),
        (503, "overloaded", Answer(503, "overloaded")),
        (500, ["Status", "v1"], Answer(500, '["Status","v1"]')),
        (500, {"kind": "Status", "message": "mine"}, Answer(500, '{"kind":"Status","message":"mine"}')),
    ],
)
def test_what_the_app_says_is_its_answer(code: int, said: Any, answer: Answer) -> None:
    assert proxied(Api(lambda _: (code, said))) == answer


def test_an_answer_that_does_not_come_says_so() -> None:
    api = Api(silent=lambda path: "/proxy/" in path)
    assert proxied(api, seconds=0.2) == Answer(error="no answer within 0.2 s")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.reach.PING_SECONDS", 0.2)


@pytest.mark.usefixtures("_impatient")
def test_an_api_server_that_does_not_answer_either_is_to_be_blamed() -> None:
    with pytest.raises(CannotAskError, match=r"the API server does not answer \(no answer within 0.2 s\)"):
        proxied(Api(silent=lambda _: True), seconds=0.1)


def forwarded(api: Api, port: int, times: int) -> list[Answer]:
    async def ask(reach: Reach) -> list[Answer]:
        async with reach.forward("shop", ["web-a", "web-b"], port) as way:
            return [await way("/", {}, 5) for _ in range(times)]

    return reached(api, ask)


def test_pods_are_asked_in_turn_through_their_own_ports() -> None:
    api = Api()
    assert [answer.body for answer in forwarded(api, 8080, 3)] == ["web-a", "web-b", "web-a"]
    path, headers = api.asked[0]
    assert path == "/api/v1/namespaces/shop/pods/web-a/portforward?ports=8080"
    assert headers["authorization"] == "Bearer the-token"


def test_a_pod_that_refuses_gives_no_answer() -> None:
    (answer,) = forwarded(Api(), 9090, 1)
    assert answer == Answer(error="Server disconnected without sending a response.")


@pytest.mark.usefixtures("_impatient")
def test_a_pod_is_not_blamed_for_an_api_server_that_is_away() -> None:
    with pytest.raises(CannotAskError, match="the API server does not answer"):
        forwarded(Api(silent=lambda path: path == "/version"), 9090, 1)


def test_what_this_machine_reaches_is_asked_as_it_is() -> None:
    api = Api()

    async def run() -> list[Answer]:
        async with api.up():
            return [await direct(f"{api.url}/prometheus/")("/api/v1/query?query=up", {}, 5)]

    assert asyncio.run(run()) == [Answer(200, "hello")]
    assert api.asked[0][0] == "/prometheus/api/v1/query?query=up"
