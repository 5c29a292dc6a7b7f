"""An API server on this machine, which answers as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request

Serve: TypeAlias = Callable[[str], "tuple[int, Any]"]
"""Status and JSON value, or text, for a path."""

DATA, ERRORS = b"\0", b"\1"
"""Channels of a port-forward."""


@dataclass
class Api:
    """Answers requests by `serve`, unless `silent` to them, and forwards to a `port` of pods that say their names.

    While `serve` is asked, `body` is what came with the request.
    """

    serve: Serve = lambda _: (200, "hello")
    port: int = 8080
    silent: Callable[[str], bool] = lambda _: False
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    url: str = ""
    body: bytes = b""

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Api]:
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    @property
    def kubeconfig(self) -> dict[str, Any]:
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        user = {"name": "u", "user": {"token": "the-token"}}
        return {
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [user],
            "contexts": [context],
        }

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().strip().split("\r\n")
        path = first.split()[1]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.asked.append((path, headers))
        if self.silent(path):
            await reader.read()
        elif headers.get("upgrade") == "websocket":
            await self._forward(path, head, reader, writer)
        else:
            self.body = await reader.readexactly(int(headers.get("content-length", 0)))
            status, said = self.serve(path)
            body = said if isinstance(said, str) else json.dumps(said, separators=(",", ":"))
            kind = "text/plain" if isinstance(said, str) else "application/json"
            writer.write(f"HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()

    async def _forward(
        self, path: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Speak v4.channel.k8s.io: the port's number on both channels, then what the pod says."""
        server = WSConnection(ConnectionType.SERVER)
        server.receive_data(head)
        (request,) = server.events()
        assert isinstance(request, Request)
        writer.write(server.send(AcceptConnection(subprotocol=request.subprotocols[0])))
        pod = path.split("/")[-2]
        for channel in (DATA, ERRORS):
            writer.write(server.send(BytesMessage(channel + self.port.to_bytes(2, "little"))))
        if f"ports={self.port}" not in path:
            writer.write(server.send(BytesMessage(ERRORS + b"connection refused")))
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            data = await reader.read(65536)
            server.receive_data(data or None)
            for event in server.events():
                if isinstance(event, CloseConnection) or not data:
                    return
                if isinstance(event, BytesMessage):
                    assert event.data[:1] == DATA
                    got += event.data[1:]
        answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(pod)}\r\n\r\n{pod}".encode()
        for part in (answer[:20], answer[20:]):
            writer.write(server.send(BytesMessage(DATA + part)))
        await reader.read()
