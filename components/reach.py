"""HTTP requests to what runs in the cluster, by the ways that a laptop or a CI runner has.

The service proxy of the API server picks one of the Service's ready endpoints for each request. A port-forward goes to
one pod; requests take the pods in turn, each on a connection of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx2
from httpx2 import websockets
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import SingleConfig

SPENT_BY_PROXY = frozenset(
    {"authorization", "connection", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that the API server takes for itself, or that end at each hop (RFC 9110, 7.6.1)."""

SPENT_PREFIXES = ("proxy-", "impersonate-", "x-remote-", "x-forwarded-")
"""The same, by how they begin."""


PING_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """What a request got: a status and a body, or an `error` that says why it got none."""

    status: int = 0
    body: str = ""
    error: str = ""


Ask: TypeAlias = Callable[[str, Mapping[str, str], float], Coroutine[Any, Any, Answer]]
"""GET a path with headers within seconds."""


class CannotAskError(Exception):
    """A question did not reach the app, or its answer not us, which is not the app's fault; the text says why."""


class Reach:
    """The ways into a cluster.

    Args:
        config: the cluster and the user, as a kubeconfig context names them.
    """

    def __init__(self, config: SingleConfig) -> None:
        self._server = AsyncClient(config, ConnectionParams(timeout=httpx2.Timeout(10.0), trust_env=False))

    async def ask(self, path: str, seconds: float) -> Answer:
        """GET a path of the API server itself, within seconds."""
        return await _get(self._server, path, {}, seconds)

    def proxy(self, namespace: str, service: str, port: int) -> Ask:
        """Ask a Service through the API server; each request may raise `CannotAskError`."""
        return self._proxied([f"/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy"])

    def pods(self, namespace: str, pods: Sequence[str], port: int) -> Ask:
        """Ask pods in turn through the API server; each request may raise `CannotAskError`."""
        return self._proxied([f"/api/v1/namespaces/{namespace}/pods/http:{pod}:{port}/proxy" for pod in pods])

    def _proxied(self, prefixes: Sequence[str]) -> Ask:
        turns = itertools.cycle(prefixes)

        async def ask(path: str, headers: Mapping[str, str], seconds: float) -> Answer:
            return await self._blamed(_own_words(await _get(self._server, next(turns) + path, headers, seconds)))

        return ask

    @asynccontextmanager
    async def forward(self, namespace: str, pods: Sequence[str], port: int) -> AsyncIterator[Ask]:
        """Ask pods in turn, each through a port of this machine that is forwarded to the pod's `port`.

        Each request may raise `CannotAskError`.
        """
        async with _listening(self._server, [_forward_path(namespace, pod, port) for pod in pods]) as local:
            turns = itertools.cycle(local)
            # a new connection for each request: the next pod in turn, and no trust in what the last one left
            limits = httpx2.Limits(max_keepalive_connections=0)
            async with httpx2.AsyncClient(trust_env=False, limits=limits) as client:

                async def ask(path: str, headers: Mapping[str, str], seconds: float) -> Answer:
                    answer = await _get(client, f"http://127.0.0.1:{next(turns)}{path}", headers, seconds)
                    return await self._blamed(answer)

                yield ask

    async def _blamed(self, answer: Answer) -> Answer:
        """Return an answer that the app is to be blamed for.

        Raises:
            CannotAskError: it is the API server that does not answer.
        """
        if answer.error and (ping := await self.ask("/version", PING_SECONDS)).error:
            raise CannotAskError(f"the API server does not answer ({ping.error})")
        return answer


def direct(url: str) -> Ask:
    """Ask a server that this machine reaches by itself, under `url`."""

    async def ask(path: str, headers: Mapping[str, str], seconds: float) -> Answer:
        async with httpx2.AsyncClient() as client:
            return await _get(client, url.rstrip("/") + path, headers, seconds)

    return ask


def _own_words(answer: Answer) -> Answer:
    """Tell an answer of the app from one of the API server, which says so in a Status.

    Raises:
        CannotAskError: the API server did not let the question through.
    """
    try:
        said = json.loads(answer.body)
        message = str(said["message"]) if (said["kind"], said["apiVersion"]) == ("Status", "v1") else None
    except (ValueError, KeyError, TypeError):
        message = None
    if message is None:
        return answer
    if answer.status == httpx2.codes.SERVICE_UNAVAILABLE:  # it found no pod that took the connection
        return Answer(error=message)
    raise CannotAskError(f"the API server says: {message}")


async def _get(client: httpx2.AsyncClient, url: str, headers: Mapping[str, str], seconds: float) -> Answer:
    try:
        async with asyncio.timeout(seconds):
            response = await client.get(url, headers=dict(headers), timeout=seconds)
    except (httpx2.HTTPError, TimeoutError) as error:
        return Answer(error=str(error) or f"no answer within {seconds:g} s")
    return Answer(response.status_code, response.text)


def _forward_path(namespace: str, pod: str, port: int) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward?ports={port}"


@asynccontextmanager
async def _listening(server: httpx2.AsyncClient, targets: Sequence[str]) -> AsyncIterator[list[int]]:
    """Listen on a free port of this machine for each target and carry every connection there."""
    listeners = []
    for target in targets:

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str = target) -> None:
            try:
                await _carry(server, target, reader, writer)
            except (OSError, httpx2.HTTPError, websockets.HTTPXWSException):
                pass  # the request on this connection says that it got no answer
            finally:
                writer.close()

        listeners.append(await asyncio.start_server(carry, "127.0.0.1", 0))
    try:
        yield [listener.sockets[0].getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


async def _carry(
    server: httpx2.AsyncClient, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry one connection over a WebSocket, in the protocol v4.channel.k8s.io.

    Channel 0 has the data and channel 1 errors; the first message on either is the port's number
    (kubernetes/kubernetes, staging/src/k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go).
    """
    async with server.websocket(target, subprotocols=["v4.channel.k8s.io"]) as socket:

        async def up() -> None:
            while data := await reader.read(65536):
                await socket.send_bytes(b"\0" + data)

        async def down() -> None:
            greeted = set()
            while True:
                message = await socket.receive_bytes()
                channel, data = message[0], message[1:]
                if channel not in greeted:
                    greeted.add(channel)
                elif channel == 0:
                    writer.write(data)
                    await writer.drain()
                elif data:
                    return

        pumps = [asyncio.create_task(up()), asyncio.create_task(down())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
