"""The traffic client counts rightly whatever a server does to it, and its arithmetic holds."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.answers import Answer, Answers, Share
from bench.command import ROOT
from bench.errors import LoadError, TrafficError
from bench.traffic import Load, Traffic, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)


class Server:
    """An HTTP server on 127.0.0.1 that behaves as the path asks, and counts what reaches it."""

    def __init__(self) -> None:
        self.version = "1.0.0"
        self.connections = 0
        self.requests: Counter[str] = Counter()
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    @contextmanager
    def running(self) -> Iterator[Server]:
        listening = threading.Event()
        thread = threading.Thread(target=asyncio.run, args=(self._listen(listening),))
        thread.start()
        assert listening.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join()

    async def _listen(self, listening: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        listening.set()
        await self._stop.wait()
        listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        finally:
            writer.close()

    async def _answer(  # noqa: C901  # one case per way to misbehave
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; False when the connection is done with."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        path = head.split()[1].removeprefix("/")
        self.requests[path] += 1
        headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
        body = json.dumps({"version": headers.get(path, self.version)})
        match path:
            case "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return False
            case "close":
                return False
            case "hang":
                await asyncio.sleep(30)
            case "half-head":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
                return False
            case "half-body":
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{body}".encode())
                return False
            case "no-http":
                writer.write(b"+PONG\r\n+PONG\r\n\r\n")
            case "no-version":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            case "500" | "503":
                writer.write(f"HTTP/1.1 {path} No\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            case "chunked":
                head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                writer.write(f"{head}{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode())
            case _:
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        return "Connection: close" not in head and path != "goodbye"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().running() as server:
        yield server


def run(load: Load) -> Answers:
    records: list[Answer] = []
    asyncio.run(send(load, records.append, asyncio.Event()))
    return Answers.of(records)


def test_headers_are_sent_each_time(server: Server) -> None:
    for name, value in (("X-Canary", "yes"), ("Host", "shop.example.com")):
        answers = run(Load(server.url(name), rate=None, clients=1, count=3, keep_alive=True, headers={name: value}))
        assert answers.versions == {value: 3}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("reset", "reset"),
        ("close", "closed"),
        ("half-head", "truncated"),
        ("half-body", "truncated"),
        ("no-http", "unreadable"),
        ("no-version", "unreadable"),
        ("500", "http 500"),
        ("503", "http 503"),
    ],
)
@pytest.mark.parametrize("keep_alive", [False, True])
def test_every_failure_is_counted_once_and_never_retried(
    server: Server, path: str, error: str, *, keep_alive: bool
) -> None:
    answers = run(Load(server.url(path), rate=None, clients=2, count=20, keep_alive=keep_alive))
    assert answers.errors == {error: 20}
    assert not answers.versions
    assert server.requests == {path: 20}


def test_a_status_that_is_one_of_an_answer_is_no_failure(server: Server) -> None:
    answers = run(Load(server.url("500"), rate=None, count=20, statuses=(200, 500)))
    assert answers.versions == {"1.0.0": 20}
    assert run(Load(server.url("503"), rate=None, count=20, statuses=(200, 500))).errors == {"http 503": 20}


def test_a_hanging_server_costs_the_timeout_and_one_request(server: Server) -> None:
    answers = run(Load(server.url("hang"), rate=None, clients=3, count=3, timeout=0.2))
    assert answers.errors == {"timeout": 3}
    assert all(0.2 <= answer.latency < 2 for answer in answers)
    assert server.requests == {"hang": 3}


def test_a_closed_port_refuses() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can take the port meanwhile
        answers = run(Load(f"http://127.0.0.1:{closed.getsockname()[1]}/", rate=None, count=10))
    assert answers.errors == {"refused": 10}


@pytest.mark.parametrize("path", ["version", "chunked"])
def test_each_request_has_its_own_connection(server: Server, path: str) -> None:
    answers = run(Load(server.url(path), rate=None, count=50))
    assert answers.versions == {"1.0.0": 50}
    assert answers.lost == 0
    assert server.connections == 50


@pytest.mark.parametrize("path", ["version", "chunked"])
def test_keep_alive_is_one_connection_per_client(server: Server, path: str) -> None:
    answers = run(Load(server.url(path), rate=None, clients=4, count=200, keep_alive=True))
    assert answers.versions == {"1.0.0": 200}
    assert server.connections == 4


def test_a_kept_connection_that_the_server_closed_is_opened_anew_and_nothing_is_lost(server: Server) -> None:
    answers = run(Load(server.url("goodbye"), rate=10, clients=1, seconds=0.5, keep_alive=True))
    assert answers.versions == {"1.0.0": 5}
    assert server.connections == 5


def test_a_client_is_as_good_as_new_after_a_loss(server: Server) -> None:
    load = Load(server.url("version"), rate=None, clients=1, count=5, keep_alive=True)
    assert run(load).lost == 0
    assert run(Load(server.url("half-body"), rate=None, clients=1, count=5, keep_alive=True)).lost == 5
    assert server.connections == 6


def test_the_rate_is_kept_and_count_bounds_it(server: Server) -> None:
    answers = run(Load(server.url("version"), rate=100, clients=8, seconds=30, count=100))
    assert len(answers) == 100
    span = answers.records[-1].start - answers.records[0].start
    assert 0.98 < span < 3


def test_time_bounds_a_closed_loop(server: Server) -> None:
    begin = time.monotonic()
    answers = run(Load(server.url("version"), rate=None, seconds=0.3))
    assert time.monotonic() - begin < 3
    assert 0 < len(answers) < 100_000


def test_clients_that_cannot_keep_the_rate_say_so(server: Server) -> None:
    answers = run(Load(server.url("hang"), rate=20, clients=1, seconds=1, timeout=0.3))
    assert len(answers) < 20
    assert max(answer.late for answer in answers) > 0.2


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:80/",
        "http://127.0.0.2:80/",
        "http://10.96.0.1:80/",
        "http://example.org:80/",
        "https://127.0.0.1:443/",
        "http://127.0.0.1/",
        "http://127.0.0.1:80@example.org:80/",
        "http://127.0.0.1@127.0.0.1:80/",
        "127.0.0.1:80",
    ],
)
def test_only_this_machine_is_a_target(url: str) -> None:
    with pytest.raises(LoadError, match=r"127\.0\.0\.1:<port>"):
        Load(url)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("rate", 0), ("rate", 10_001), ("clients", 0), ("clients", 257), ("seconds", 0), ("seconds", math.inf),
        ("seconds", math.nan), ("count", 0), ("count", 2_000_001), ("timeout", -1), ("timeout", 61),
    ],
)  # fmt: skip
def test_every_bound_is_named(setting: str, value: float) -> None:
    with pytest.raises(LoadError, match=setting):
        Load("http://127.0.0.1:80/", **{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", ["(", "version"])
def test_a_pattern_needs_a_group(pattern: str) -> None:
    with pytest.raises(LoadError, match="answer"):
        Load("http://127.0.0.1:80/", answer=pattern)


def test_a_process_of_its_own_sees_the_switch_and_leaves_its_record(server: Server, tmp_path: Path) -> None:
    record = tmp_path / "run.jsonl"
    with Traffic(Load(server.url("version"), rate=100), record) as traffic:
        time.sleep(0.5)
        server.version = "2.0.0"
        time.sleep(0.5)
        answers = traffic.stop()
    assert answers.lost == 0
    assert answers.versions["1.0.0"] > 20
    assert answers.versions["2.0.0"] > 20
    assert [(switch.old, switch.new, switch.stragglers) for switch in answers.switches()] == [("1.0.0", "2.0.0", 0)]
    assert server.requests["version"] == len(answers) < 300
    assert Answers.read(record) == answers
    assert answers.load["rate"] == 100


def test_a_closed_loop_with_kept_connections_passes_through_the_command_line(server: Server, tmp_path: Path) -> None:
    pattern = '"(1[^"]*)"'
    url = server.url("500")
    load = Load(url, rate=None, clients=2, seconds=20, count=30, keep_alive=True, answer=pattern, statuses=(200, 500))
    with Traffic(load, tmp_path / "run.jsonl") as traffic:
        deadline = time.monotonic() + 20
        while server.requests["500"] < 30 and time.monotonic() < deadline:
            time.sleep(0.01)
        answers = traffic.stop()
    assert answers.versions == {"1.0.0": 30}
    assert server.connections == 2


def test_a_traffic_process_that_dies_is_an_error(server: Server, tmp_path: Path) -> None:
    with Traffic(Load(server.url("version")), tmp_path / "run.jsonl") as traffic:
        traffic._process.send_signal(signal.SIGKILL)
        with pytest.raises(TrafficError, match="-9"):
            traffic.stop()


def test_a_traffic_process_that_cannot_start_says_why(server: Server, tmp_path: Path) -> None:
    traffic = Traffic(Load(server.url("version")), tmp_path / "run.jsonl")
    traffic._process.send_signal(signal.SIGKILL)
    with pytest.raises(TrafficError, match="did not start"), traffic:
        pass


def test_processes_that_begin_in_the_same_second_have_a_record_each() -> None:
    script = "import time; from bench.traffic import _record; time.strftime = lambda _: 'now'; print(_record('driver'))"
    command = [sys.executable, "-c", script]
    records = {subprocess.check_output(command, cwd=ROOT, text=True, timeout=30) for _ in range(2)}
    assert len(records) == 2


def test_the_command_line_prints_and_writes_totals(server: Server, tmp_path: Path) -> None:
    totals = tmp_path / "totals.json"
    command = [sys.executable, "-m", "bench.traffic", server.url("version"), "--count=20", "--seconds=5"]
    command += ["--json", str(totals), "--record", str(tmp_path / "raw.jsonl")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert "20 requests, 0 lost" in run.stdout
    assert json.loads(totals.read_text())["versions"] == {"1.0.0": 20}


def test_the_command_line_refuses_other_machines() -> None:
    command = [sys.executable, "-m", "bench.traffic", "http://example.org:80/"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 2
    assert "http://127.0.0.1:<port>" in run.stderr


def seen(timeline: str, step: float = 0.1) -> Answers:
    """One answer per character, `step` seconds apart: a letter is a version, `!` a lost request, a blank nothing."""
    return Answers.of(
        Answer(
            start=100 + number * step,
            wall=1_700_000_000 + number * step,
            latency=0.01,
            late=0,
            version=None if letter == "!" else letter,
            error="reset" if letter == "!" else None,
        )
        for number, letter in enumerate(timeline)
        if letter != " "
    )


@pytest.mark.parametrize(
    ("timeline", "switches"),
    [
        ("", []),
        ("bbbbbb", []),
        ("!!!!!!", []),
        ("bbbggg", [("b", "g", 0.3, 0.0, 0)]),
        ("bbb!!!ggg", [("b", "g", 0.6, 0.0, 0)]),
        ("bbbgbggg", [("b", "g", 0.3, 0.1, 1)]),
        ("bbbb                    gggg", [("b", "g", 2.4, 0.0, 0)]),
        ("bbbgggggggggggggggbbb", [("b", "g", 0.3, 0.0, 0), ("g", "b", 1.8, 0.0, 0)]),
        ("bbbbbgbbbbbbbbgbbbbbbbbbb", []),  # a canary that came and went
        ("bbbbbgbbbbbbbbgbbbbbggggg", [("b", "g", 0.5, 1.4, 13)]),  # and one that was promoted
        ("bbb                    bbb", []),  # silence is no switch
        ("bbbgggggggggggggggbbb            bbb", [("b", "g", 0.3, 0.0, 0), ("g", "b", 1.8, 0.0, 0)]),  # nor later on
        ("bbbgggg              ggg", [("b", "g", 0.3, 0.0, 0)]),
        ("bbbgb              ggg", [("b", "g", 1.9, 0.0, 0)]),
        ("aaabbbbbbbbbbbbccccccc", [("a", "b", 0.3, 0.0, 0), ("b", "c", 1.5, 0.0, 0)]),
    ],
)
def test_switches(timeline: str, switches: list[tuple[str, str, float, float, int]]) -> None:
    found = seen(timeline).switches()
    assert [(each.old, each.new) for each in found] == [(old, new) for old, new, *_ in switches]
    for each, (_, _, at, overlap, stragglers) in zip(found, switches, strict=True):
        assert each.at == pytest.approx(100 + at)
        assert each.wall == pytest.approx(1_700_000_000 + at, abs=1e-3)
        assert each.overlap == pytest.approx(overlap)
        assert each.stragglers == stragglers


def test_an_old_answer_to_a_request_under_way_during_the_switch_is_no_straggler() -> None:
    new = Answer(start=1.00, wall=0, latency=0.05, late=0, version="g", error=None)
    old = Answer(start=1.04, wall=0, latency=0.01, late=0, version="b", error=None)
    later = Answer(start=1.06, wall=0, latency=0.01, late=0, version="b", error=None)
    begin = Answer(start=0.50, wall=0, latency=0.01, late=0, version="b", error=None)
    end = Answer(start=1.50, wall=0, latency=0.01, late=0, version="g", error=None)
    assert Answers.of([begin, new, old, end]).switches()[0].stragglers == 0
    assert Answers.of([begin, new, old, later, end]).switches()[0].stragglers == 1


@given(st.text("bg", min_size=2, max_size=60))
def test_a_single_change_is_exactly_one_switch_without_overlap(timeline: str) -> None:
    ordered = "".join(sorted(timeline))
    switches = seen(ordered).switches()
    assert len(switches) == len(set(timeline)) - 1
    assert all(each.overlap == 0 and each.stragglers == 0 for each in switches)


def test_seconds_hold_every_request_and_every_gap() -> None:
    seconds = seen("bbbbbbbbbb" + "bbbbb!!ggg" + "          " + "gg").per_second()
    assert [second.requests for second in seconds] == [10, 10, 0, 2]
    assert [dict(second.versions) for second in seconds] == [{"b": 10}, {"b": 5, "g": 3}, {}, {"g": 2}]
    assert [second.errors.total() for second in seconds] == [0, 2, 0, 0]
    assert math.isnan(seconds[2].p50)
    assert seconds[3].wall == pytest.approx(1_700_000_003, abs=1e-3)


def test_quantiles_are_nearest_rank_over_what_was_answered() -> None:
    answered = [Answer(start=n, wall=n, latency=n / 100, late=0, version="b", error=None) for n in range(1, 101)]
    lost = [Answer(start=n, wall=n, latency=3, late=0, version=None, error="timeout") for n in range(101, 121)]
    answers = Answers.of(answered + lost)
    assert answers.latency(0.50) == 0.50
    assert answers.latency(0.99) == 0.99
    assert answers.latency(1) == 1.00
    assert math.isnan(Answers.of([]).latency(0.5))


def test_answers_are_in_the_order_in_which_their_requests_started() -> None:
    answers = seen("bbbggg")
    assert Answers.of(reversed(answers.records)) == answers


def test_first_last_and_between() -> None:
    answers = seen("bbgbg!")
    assert (first := answers.first("g")) is not None
    assert first.start == pytest.approx(100.2)
    assert (last := answers.last("b")) is not None
    assert last.start == pytest.approx(100.3)
    assert answers.last("x") is None
    assert answers.between(100.15, 100.45).versions == {"g": 2, "b": 1}
    assert answers.between(100.45).lost == 1


def test_a_share_is_of_answers_and_fits_within_its_band() -> None:
    share = seen("gbbbb!!!!!").share("g")
    assert share == Share(1, 5)
    assert share.value == 0.2
    # 5,000 requests at 1 of 11: sigma = sqrt(5000 * 1/11 * 10/11) = 20.33 requests
    low, high = Share(0, 5000).band(1 / 11)
    assert low * 5000 == pytest.approx(454.5 - 91.5, abs=0.1)
    assert high * 5000 == pytest.approx(454.5 + 91.5, abs=0.1)
    assert Share(455, 5000).fits(1 / 11)
    assert Share(364, 5000).fits(1 / 11)
    assert Share(546, 5000).fits(1 / 11)
    assert not Share(362, 5000).fits(1 / 11)
    assert not Share(547, 5000).fits(1 / 11)
    assert not Share(0, 0).fits(0.5)
    assert not Share(1, 5000).fits(0)
    assert Share(0, 5000).fits(0)


def test_a_record_reads_back_as_it_was(tmp_path: Path) -> None:
    answers = Answers(seen("bb!g").records, {"url": "http://127.0.0.1:1/"})
    answers.write(tmp_path / "deep" / "record.jsonl")
    assert Answers.read(tmp_path / "deep" / "record.jsonl") == answers
