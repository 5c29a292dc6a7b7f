"""What Prometheus gets to know of a stack's releases."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cutover.journal import Event
from cutover.telemetry import export, metrics
from tests.unit.driver import releases

ENDED = [releases.promotion().events, releases.canary().events, releases.failed_canary().events]
CANARY = {"stack": "shop", "verb": "canary"}


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Sequence[Sequence[Event]], name: str, **labels: str) -> float | None:
    text = generate_latest(metrics("shop", found)).decode()
    return samples(text).get((f"cutover_{name}", frozenset(({"stack": "shop"} | labels).items())))


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("releases_total", {"verb": "promote", "result": "done"}, 1),
        ("releases_total", {"verb": "canary", "result": "done"}, 1),
        ("releases_total", {"verb": "canary", "result": "rolled_back"}, 1),
        ("releases_total", {"verb": "promote", "result": "rolled_back"}, 0),
        ("release_steps_total", {"verb": "canary"}, 8),
        ("rollbacks_total", {"verb": "canary"}, 1),
        ("rollbacks_total", {"verb": "promote"}, 0),
        ("checks_total", {"outcome": "failed"}, 1),
        ("release_paused_seconds_total", {"verb": "canary"}, pytest.approx(480.2 + 40.1)),
        ("release_duration_seconds_count", {"verb": "canary", "result": "done"}, 1),
        ("release_duration_seconds_sum", {"verb": "canary", "result": "done"}, pytest.approx(689.25)),
        ("release_duration_seconds_bucket", {"verb": "canary", "result": "done", "le": "600.0"}, 0),
        ("release_duration_seconds_bucket", {"verb": "canary", "result": "done", "le": "1200.0"}, 1),
        ("last_release_timestamp_seconds", {"result": "done"}, pytest.approx(releases.BEGAN.timestamp() + 689.25)),
        ("release_under_way", {}, 0),
        ("traffic_share_ratio", {"app": "api", "color": "blue", "tag": "6.9.0"}, 1),
        ("traffic_share_ratio", {"app": "api", "color": "green", "tag": "6.9.2"}, 0),
    ],
)
def test_counts_the_releases_in_the_journal(name: str, labels: dict[str, str], expected: object) -> None:
    assert value(ENDED, name, **labels) == expected


def test_a_release_under_way_is_one_and_has_not_ended() -> None:
    found = [*ENDED, releases.under_way().events]
    assert value(found, "release_under_way") == 1
    assert value(found, "releases_total", **CANARY, result="done") == 1
    assert value(found, "traffic_share_ratio", app="api", color="green", tag="6.9.1") == pytest.approx(0.1)


def test_goes_on_counting() -> None:
    assert value([*ENDED, *ENDED], "releases_total", verb="promote", result="done") == 2


def test_no_release_yet_is_none_under_way() -> None:
    assert value([], "release_under_way") == 0


def test_says_nothing_of_the_process_that_counts() -> None:
    text = generate_latest(metrics("shop", ENDED)).decode()
    assert "_created" not in text
    assert {family.name.split("_")[0] for family in text_string_to_metric_families(text)} == {"cutover"}


def warned(environment: Mapping[str, str]) -> list[str]:
    warnings: list[str] = []
    export("shop", ENDED, environment, warnings.append)
    return warnings


def test_writes_a_file_for_the_node_exporter(tmp_path: Path) -> None:
    file = tmp_path / "textfile" / "cutover.prom"
    assert not warned({"CUTOVER_METRICS_FILE": str(file)})
    assert samples(file.read_text()) == samples(generate_latest(metrics("shop", ENDED)).decode())
    assert [each.name for each in file.parent.iterdir()] == ["cutover.prom"]


def test_pushes_to_a_gateway() -> None:
    asked: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.command, self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    try:
        assert not warned({"CUTOVER_PUSHGATEWAY_URL": f"http://127.0.0.1:{server.server_address[1]}"})
    finally:
        server.server_close()
    ((command, path, body),) = asked
    assert (command, path) == ("PUT", "/metrics/job/cutover/stack/shop")
    assert samples(body.decode()) == samples(generate_latest(metrics("shop", ENDED)).decode())


def test_what_cannot_be_brought_is_a_warning_each(tmp_path: Path) -> None:
    (tmp_path / "no-folder").touch()
    file = tmp_path / "no-folder" / "cutover.prom"
    first, second = warned({"CUTOVER_METRICS_FILE": str(file), "CUTOVER_PUSHGATEWAY_URL": "http://127.0.0.1:9"})
    assert first.startswith(f"warning: the metrics of the releases are not in {file}: ")
    assert second.startswith("warning: the metrics of the releases did not reach the Pushgateway: ")
    assert "Connection refused" in second


def test_nothing_is_counted_for_nobody() -> None:
    def never() -> Iterator[Sequence[Event]]:
        yield pytest.fail("the journal was read")

    export("shop", never(), {}, print)
