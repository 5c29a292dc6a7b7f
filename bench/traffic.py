"""Steady HTTP traffic to this machine, every request recorded, none ever repeated.

    python -m bench.traffic http://127.0.0.1:30062/version --rate 200 --clients 8 --seconds 30

The sockets are ours, so that it is certain which request opened a connection and that nothing retries behind our back
(HTTP libraries pool, and many repeat a GET on a connection that was closed under it); the HTTP on them is h11's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self
from urllib.parse import urlsplit

import h11
import msgspec
from rich.console import Console

from bench.answers import Answer, Answers
from bench.command import ROOT
from bench.errors import LoadError, TrafficError
from bench.picture import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RECORDS = ROOT / "build" / "traffic"

PODINFO_VERSION = r'"version":\s*"([^"]*)"'
"""Where podinfo's `GET /version` (and its `GET /`, which says more and costs more) names its version."""

MOST_SECONDS = 3600
MOST_REQUESTS = 2_000_000
MOST_CLIENTS = 256
READ_SIZE = 65536


@dataclass(frozen=True)
class Load:
    """What to send. It ends after `seconds` or `count` requests, whichever comes first.

    `rate` is the requests per second of all clients together, kept whatever the answers take (open loop) as long as a
    client is free; None sends each client's next request as soon as it has its answer (closed loop).
    `answer` is a regular expression whose first group is the version in a body; `timeout` is for a whole request;
    `statuses` are those of an answer, any other is a loss.
    `headers` go with each request, a `Host` instead of the usual one.

    Raises LoadError for what this client does not send.
    """

    url: str
    rate: float | None = 200
    clients: int = 8
    seconds: float = 30
    count: int = 100_000
    keep_alive: bool = False
    timeout: float = 3
    answer: str = PODINFO_VERSION
    statuses: tuple[int, ...] = (200,)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        url = urlsplit(self.url)
        if (url.scheme, url.hostname) != ("http", "127.0.0.1") or not url.port or url.username is not None:
            raise LoadError(
                f"url {self.url!r}: this client sends to http://127.0.0.1:<port>/… only, so that a mistyped address "
                "never loads someone else's machine; forward other targets to a port here"
            )
        for name, value, most in (
            ("rate", self.rate if self.rate is not None else 1, 10_000),
            ("clients", self.clients, MOST_CLIENTS),
            ("seconds", self.seconds, MOST_SECONDS),
            ("count", self.count, MOST_REQUESTS),
            ("timeout", self.timeout, 60),
        ):
            if not 0 < value <= most:
                raise LoadError(f"{name} {value}: allowed is more than 0 and at most {most}")
        try:
            groups = re.compile(self.answer).groups
        except re.error as error:
            raise LoadError(f"answer {self.answer!r} is no regular expression: {error}") from error
        if groups < 1:
            raise LoadError(f"answer {self.answer!r} needs a group around the version, as in {PODINFO_VERSION!r}")

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", urlsplit(self.url).port or 80

    @property
    def target(self) -> str:
        url = urlsplit(self.url)
        return (url.path or "/") + (f"?{url.query}" if url.query else "")

    def arguments(self) -> list[str]:
        """The command line that asks for this load."""
        rate = ["--closed-loop"] if self.rate is None else [f"--rate={self.rate}"]
        keep_alive = ["--keep-alive"] if self.keep_alive else []
        bounds = [f"--{name}={getattr(self, name)}" for name in ("clients", "seconds", "count", "timeout", "answer")]
        statuses = [f"--status={status}" for status in self.statuses]
        headers = [f"--header={name}: {value}" for name, value in self.headers.items()]
        return [self.url, *rate, *keep_alive, *bounds, *statuses, *headers]

    def dues(self, begin: float) -> Iterator[float]:
        """The times at which requests are due, on the clock of `begin`; without a rate all are due at once."""
        for number in range(self.count):
            due = begin + number / self.rate if self.rate is not None else begin
            if due >= begin + self.seconds:
                return
            yield due


class _Lost(Exception):  # noqa: N818  # an outcome, not an error of ours
    """A request that got no version; the text is the kind of loss."""


class _Client:
    """One client: at most one connection, at most one request under way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._pattern = re.compile(load.answer.encode())
        self._request = h11.Request(
            method="GET",
            target=load.target,
            headers=list(
                {
                    "Host": "{}:{}".format(*load.address),
                    "Connection": "keep-alive" if load.keep_alive else "close",
                    **load.headers,
                }.items()
            ),
        )
        self._socket: socket.socket | None = None
        self._http = h11.Connection(h11.CLIENT)

    async def ask(self) -> str:
        """Send one request and return the version in its answer. Raises _Lost."""
        try:
            async with asyncio.timeout(self._load.timeout):
                sock = await self._connect()
                body = await self._exchange(sock)
        except BaseException as error:
            self.close()
            if (kind := _loss(error)) is None:
                raise
            raise _Lost(kind) from error
        if not self._load.keep_alive or self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self.close()
        if (match := self._pattern.search(body)) is None:
            raise _Lost("unreadable")
        return match[1].decode(errors="replace")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _connect(self) -> socket.socket:
        """The kept connection, unless the server has closed it since: as a browser does, that one is not used again."""
        if self._socket is not None and _is_open(self._socket):
            self._http.start_next_cycle()
            return self._socket
        self.close()
        self._http = h11.Connection(h11.CLIENT)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)  # noqa: FBT003  # the standard library has no other way to say it
        await asyncio.get_running_loop().sock_connect(self._socket, self._load.address)
        return self._socket

    async def _exchange(self, sock: socket.socket) -> bytes:
        """Send the request and return the answer's body, which must state its length: else its end is no proof."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, self._http.send(self._request) + self._http.send(h11.EndOfMessage()))
        body = bytearray()
        status = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await loop.sock_recv(sock, READ_SIZE)
                if not data:
                    raise _Lost("truncated" if status or self._http.trailing_data[0] else "closed")
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                if status not in self._load.statuses:
                    raise _Lost(f"http {status}")
                return bytes(body)


def _is_open(sock: socket.socket) -> bool:
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False  # end of stream, or bytes that nobody asked for


_LOSSES: tuple[tuple[type[Exception], str], ...] = (
    (ConnectionRefusedError, "refused"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (TimeoutError, "timeout"),
    (h11.RemoteProtocolError, "unreadable"),
)


def _loss(error: BaseException) -> str | None:
    """The kind of loss that ended a request, None for what is no loss but the end of the client itself."""
    if isinstance(error, _Lost):
        return str(error)
    for kind, name in _LOSSES:
        if isinstance(error, kind):
            return name
    return errno.errorcode.get(error.errno or 0, "network").lower() if isinstance(error, OSError) else None


async def send(load: Load, record: Callable[[Answer], object], stop: asyncio.Event) -> None:
    """Send the load, handing over each request as it ends, until its bounds or `stop`."""
    begin, wall = time.monotonic(), time.time()
    end = begin + load.seconds
    dues = load.dues(begin)  # shared: the next free client takes the next request

    async def serve(client: _Client) -> None:
        for due in dues:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(due - time.monotonic()):
                    await stop.wait()
            start = time.monotonic()
            if stop.is_set() or start >= end:
                return
            version = lost = None
            try:
                version = await client.ask()
            except _Lost as loss:
                lost = str(loss)
            late = start - due if load.rate is not None else 0.0
            record(Answer(start, wall + start - begin, time.monotonic() - start, late, version, lost))

    clients = [_Client(load) for _ in range(load.clients)]
    try:
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(serve(client))
    finally:
        for client in clients:
            client.close()


async def _send_to(load: Load, file: IO[bytes], *, until_eof: bool) -> None:
    """Send the load into a record file, until its bounds, Ctrl-C or (`until_eof`) the end of standard input."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    if until_eof:

        def end() -> None:
            loop.remove_reader(sys.stdin)
            stop.set()

        loop.add_reader(sys.stdin, end)
    encode = msgspec.json.Encoder().encode
    file.write(encode(load) + b"\n")
    file.flush()
    await send(load, lambda answer: file.write(encode(answer) + b"\n"), stop)


class Traffic:
    """A load that a process of its own is sending, so that the caller's work does not disturb it. See `running`."""

    def __init__(self, load: Load, record: Path) -> None:
        self.load = load
        self.record = record
        command = [sys.executable, "-m", "bench.traffic", *load.arguments(), "--until-eof", "--record", str(record)]
        record.parent.mkdir(parents=True, exist_ok=True)
        record.unlink(missing_ok=True)
        self._log = record.with_suffix(".log")
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 20
        while not (self.record.exists() and self.record.stat().st_size):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise TrafficError("the traffic process did not start", self._log.read_text(encoding="utf-8"))
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def so_far(self) -> Answers:
        """What it has seen, but for the last second or so, of which the record is not written yet."""
        return Answers.read(self.record)

    def wait(self) -> Answers:
        """Let the load reach its bounds, and return all that it saw. Raises TrafficError."""
        self._process.wait(self.load.seconds + self.load.timeout + 10)
        return self.stop()

    def stop(self) -> Answers:
        """End the traffic, let the requests under way finish, and return all that it saw. Raises TrafficError."""
        if (code := self._end()) != 0:
            raise TrafficError(f"the traffic process ended with {code}", self._log.read_text(encoding="utf-8"))
        return Answers.read(self.record)

    def _end(self) -> int:
        """Close the process's standard input, which ends it however far it is, and so does our own end."""
        try:
            self._process.communicate(timeout=self.load.timeout + 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self._process.wait()


_numbers = itertools.count(1)


def running(load: Load, name: str = "traffic") -> Traffic:
    """Send a load in the background.

    Used as `with running(Load(url)) as traffic: …`, and then `traffic.stop()` for the answers.
    The raw record stays as `build/traffic/<time>-<name>-<process>-<number>.jsonl`.
    """
    return Traffic(load, _record(name))


def _record(name: str) -> Path:
    """A file that no other run has, be it in this process or in another one that begins in the same second."""
    moment = time.strftime("%Y%m%d-%H%M%S")
    return RECORDS / f"{moment}-{name}-{os.getpid()}-{next(_numbers)}.jsonl"


def _parser() -> argparse.ArgumentParser:
    standard = Load("http://127.0.0.1:80")
    parser = argparse.ArgumentParser(prog="python -m bench.traffic", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", help="http://127.0.0.1:<port>/… and nothing else")
    parser.add_argument("--rate", type=float, default=standard.rate, help="requests/s in all (default %(default)s)")
    parser.add_argument("--closed-loop", action="store_true", help="no rate: each client asks again once answered")
    parser.add_argument("--clients", type=int, default=standard.clients, help="default %(default)s")
    parser.add_argument("--seconds", type=float, default=standard.seconds, help="default %(default)s")
    parser.add_argument("--count", type=int, default=standard.count, help="most requests in all (default %(default)s)")
    parser.add_argument("--keep-alive", action="store_true", help="one connection per client, not per request")
    parser.add_argument("--timeout", type=float, default=standard.timeout, help="seconds (default %(default)s)")
    parser.add_argument("--answer", default=standard.answer, help="expression with a group around the version")
    parser.add_argument("--status", action="append", type=int, help="one of an answer (default 200); others are losses")
    parser.add_argument("--header", action="append", default=[], type=_header, help="`Name: value`, sent each time")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does, too")
    parser.add_argument("--record", type=Path, help="raw record, one request per line (default under build/traffic/)")
    parser.add_argument("--json", type=Path, help="write the totals and the switches here")
    return parser


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (name and colon):
        raise argparse.ArgumentTypeError(f"{text!r}: a header is `Name: value`")
    return name, value.strip()


def summary(answers: Answers) -> dict[str, object]:
    """The totals of a run and its switches, for a file."""
    return {
        "load": answers.load,
        "requests": len(answers),
        "lost": answers.lost,
        "errors": answers.errors,
        "versions": answers.versions,
        "p50": answers.latency(0.50),
        "p99": answers.latency(0.99),
        "latest_start": max((answer.late for answer in answers), default=0.0),
        "switches": answers.switches(),
    }


def main() -> None:
    parser = _parser()
    options = parser.parse_args()
    try:
        load = Load(
            url=options.url,
            rate=None if options.closed_loop else options.rate,
            clients=options.clients,
            seconds=options.seconds,
            count=options.count,
            keep_alive=options.keep_alive,
            timeout=options.timeout,
            answer=options.answer,
            statuses=tuple(options.status or Load.statuses),
            headers=dict(options.header),
        )
    except LoadError as error:
        parser.error(str(error))
    record: Path = options.record or _record("traffic")
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.open("wb") as file:
        asyncio.run(_send_to(load, file, until_eof=options.until_eof))
    answers = Answers.read(record)
    if options.json:
        totals = msgspec.json.encode(summary(answers))
        options.json.write_bytes(msgspec.json.format(totals, indent=2) + b"\n")
    console = Console()
    console.print(picture(answers, f"{load.url}, {load.clients} clients"))
    console.print(f"{len(answers)} requests, {answers.lost} lost; raw record: {record}")


if __name__ == "__main__":
    main()
