"""An API server in front of the cluster's own: it sees every write, and a test can strike in the middle of one."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import yaml

from cluster import layout
from tests.e2e.stacks import CONTEXT

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Moment(StrEnum):
    """A write can be cut short in two ways, and only the cluster knows which it was."""

    UNDONE = "before it reached the cluster"
    UNHEARD = "done, before its answer came back"


@dataclass(frozen=True)
class Write:
    """A request that changes the cluster; the same write of another run is equal to it.

    The name of a pod is left out, as it differs; `number` tells a run's writes apart that are alike otherwise.
    """

    method: str
    path: str
    content: str
    number: int

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.content}, {self.number})"


Strike = Callable[[Write, Moment], bool]
"""Called at both moments of a write; when it returns True, the connection ends there."""


class Proxy:
    """Forwards plain HTTP to the embedded cluster's API server, and notes what was asked, and with which status.

    Args:
        folder: where the kubeconfig for the clients goes.
        token: of whom it asks; by default of the cluster's administrator.
    """

    def __init__(self, folder: Path, token: str | None = None) -> None:
        self._tls = ssl.create_default_context(cafile=layout.CERTIFICATES / "ca.crt")
        self.credentials = {"Authorization": f"Bearer {token}"} if token else {}
        if not token:
            self._tls.load_cert_chain(layout.CERTIFICATES / "admin.crt", layout.CERTIFICATES / "admin.key")
        self.asked: set[tuple[str, str, int]] = set()
        self._strike: Strike = _never
        self.cut = False
        """Whether nothing is answered; a strike may set it."""
        self._alike: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self.kubeconfig = folder / "proxy.yaml"
        self.kubeconfig.write_text(_kubeconfig(f"http://127.0.0.1:{self._server.server_port}"))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", layout.API_PORT, context=self._tls, timeout=60)

    @contextmanager
    def striking(self, strike: Strike) -> Iterator[None]:
        """Ask `strike` about the writes of one run, whose numbers begin at 1; afterwards nothing is cut any more."""
        self._alike.clear()
        self._strike = strike
        yield
        with self._lock:  # a strike that has ended the run may not be over
            self._strike = _never
            self.cut = False

    def write(self, method: str, target: str, body: bytes) -> Write | None:
        """Return the write that a request is, None for one that changes nothing."""
        url = urlsplit(target)
        if method not in WRITES or "dryRun=All" in url.query:
            return None
        path = re.sub(r"/pods/.*", "/pods/*", url.path)
        alike = (method, path, _digest(body))
        with self._lock:
            self._alike[alike] += 1
            return Write(*alike, self._alike[alike])

    def struck(self, write: Write | None, moment: Moment) -> bool:
        """Tell whether the connection ends here, without an answer; the strikes come one by one."""
        with self._lock:
            return self.cut or (write is not None and self._strike(write, moment))


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # an engine opens many connections at once; by default the sixth would have to wait
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    """One client's connection, with one of its own to the API server."""

    proxy: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._upstream = self.proxy.connect()

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # whichever side broke it: the other one sees a connection that ends

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        write = self.proxy.write(self.command, self.path, body)
        self.close_connection = True
        if self.proxy.struck(write, Moment.UNDONE):
            return
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
        headers |= self.proxy.credentials
        self._upstream.request(self.command, self.path, body or None, headers)
        answer = self._upstream.getresponse()
        self.proxy.asked.add((self.command, self.path, answer.status))
        if write is None:
            self._head(answer, ("Transfer-Encoding", "chunked"))
            for piece in iter(lambda: answer.read1(65536), b""):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            answer.close()  # read1 leaves it open at the end of a known length
        else:
            content = answer.read()
            if self.proxy.struck(write, Moment.UNHEARD):
                return
            self._head(answer, ("Content-Length", str(len(content))))
            self.wfile.write(content)
        self.close_connection = False

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815  # http.server's names

    def _head(self, answer: http.client.HTTPResponse, framing: tuple[str, str]) -> None:
        self.send_response_only(answer.status, answer.reason)
        for key, value in answer.getheaders():
            if key.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(key, value)
        self.send_header(*framing)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _digest(body: bytes) -> str:
    """Name the content of a body, in whatever order its keys come."""
    content = json.dumps(json.loads(body or b"null"), sort_keys=True)
    return sha256(content.encode()).hexdigest()[:8]


def _never(_write: Write, _moment: Moment) -> bool:
    return False


def _kubeconfig(server: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [{"name": CONTEXT, "cluster": {"server": server}}],
            "users": [{"name": CONTEXT, "user": {}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        }
    )
