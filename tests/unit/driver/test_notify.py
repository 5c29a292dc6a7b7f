"""What receivers get of a release's events, and what the release sees of that: nothing but warnings."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cutover import notify
from cutover.journal import Event, Kind
from cutover.notify import Notifier, message
from tests.unit.driver import releases

SECRET = "T0/B0/hush"  # noqa: S105  # the path of a Slack webhook is one


@dataclass
class Receiver:
    """A server on this machine that answers with the statuses it is given, then with the last of them."""

    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    asked: list[tuple[Mapping[str, str], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked.append((dict(self.headers), json.loads(body)))
                time.sleep(receiver.delay)
                statuses = receiver.statuses
                self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{SECRET}"

    @property
    def bodies(self) -> list[Any]:
        return [body for _, body in self.asked]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(notify, "WAITS_SECONDS", (0.01, 0.02, 0.03))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def told(environment: Mapping[str, str], *events: Event, seconds: float = 5.0) -> list[str]:
    """Tell events, and return the warnings."""
    warnings: list[str] = []
    notifier = Notifier(environment, warnings.append)
    for event in events:
        notifier(event)
    notifier.close(seconds)
    return warnings


EVENTS = releases.failed_canary().events
FAILED = next(event for event in EVENTS if event.kind is Kind.FAILED)


def test_a_webhook_gets_the_events_in_their_order(receiver: Receiver) -> None:
    assert not told({"CUTOVER_WEBHOOK_URL": receiver.url, "CUTOVER_WEBHOOK_TOKEN": "hush"}, *EVENTS)
    assert [body["kind"] for body in receiver.bodies] == ["began", "failed", "rolled-back"]
    headers, failed = receiver.asked[1]
    assert headers["Authorization"] == "Bearer hush"
    assert headers["Content-Type"] == "application/json"
    assert failed["text"] == FAILED.text
    assert failed["checks"][1]["values"] == [0.008, 0.031]


def test_the_user_says_which_events(receiver: Receiver) -> None:
    environment = {"CUTOVER_WEBHOOK_URL": receiver.url, "CUTOVER_NOTIFY_EVENTS": "moved, back"}
    assert not told(environment, *EVENTS)
    assert [body["kind"] for body in receiver.bodies] == ["moved", "moved", "moved", "back"]
    assert not told(environment | {"CUTOVER_NOTIFY_EVENTS": "all"}, *EVENTS)
    assert len(receiver.bodies) == 4 + len(EVENTS)


def test_a_kind_that_is_none_is_a_warning(receiver: Receiver) -> None:
    environment = {"CUTOVER_WEBHOOK_URL": receiver.url, "CUTOVER_NOTIFY_EVENTS": "finished,failed"}
    (warning,) = told(environment, *EVENTS)
    assert "CUTOVER_NOTIFY_EVENTS knows no finished; there are began, moving," in warning
    assert [body["kind"] for body in receiver.bodies] == ["failed"]


def test_a_webhook_gets_the_users_own_json(receiver: Receiver) -> None:
    body = {"content": "$stack: $text", "embeds": [{"title": "$kind, step $step of $steps", "color": 7}]}
    environment = {"CUTOVER_WEBHOOK_URL": receiver.url, "CUTOVER_WEBHOOK_BODY": json.dumps(body)}
    bad = releases.hostile().events[0]
    assert not told(environment, bad)
    assert receiver.bodies == [
        {"content": f"{bad.stack}: {bad.text}", "embeds": [{"title": "began, step 1 of 2", "color": 7}]}
    ], "what an event says cannot leave its place in the JSON"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"content": ', "it is no JSON"),
        ('{"content": "$nothing"}', "it knows no $nothing; there are at, by,"),
        ('{"content": "${text.__class__}"}', "a $ stands before no name"),
    ],
)
def test_a_template_that_cannot_be_filled_in_is_a_warning(receiver: Receiver, body: str, why: str) -> None:
    (warning,) = told({"CUTOVER_WEBHOOK_URL": receiver.url, "CUTOVER_WEBHOOK_BODY": body}, EVENTS[0])
    assert why in warning
    assert receiver.bodies[0]["kind"] == "began", "the event goes out all the same"


def test_slack_gets_a_message(receiver: Receiver) -> None:
    assert not told({"CUTOVER_SLACK_WEBHOOK_URL": receiver.url}, FAILED)
    (body,) = receiver.bodies
    assert body["text"].startswith("*shop* canary: failed at step 3 of 4 (green: 50% of the traffic): metric errors")
    (attachment,) = body["attachments"]
    assert attachment["color"] == "#c8302f"
    assert attachment["text"].startswith("metric errors: 0.008, 0.031"), "and not the checks that passed"
    assert [(each["title"], each["value"]) for each in attachment["fields"]] == [
        ("Step", "3 of 4"),
        ("By", "ada@laptop"),
    ]


def test_a_message_says_where_traffic_is() -> None:
    moved = next(event for event in EVENTS if event.kind is Kind.MOVED)
    (attachment,) = message(moved)["attachments"]
    assert attachment["fields"][-1]["value"] == "api: blue (6.9.0), 5% on the other color"


def test_a_message_has_the_users_text_and_mentions_whom_that_says_alone() -> None:
    bad = releases.hostile().events[0]
    text = message(bad, "<!here> $text")["text"]
    assert text.startswith("<!here> &lt;script&gt;")
    assert "<script>" not in json.dumps(message(bad, "<!here> $text"))


def test_a_long_log_is_cut() -> None:
    event = Event("2026-03-04T10:00:00Z", "r", "shop", "promote", Kind.FAILED, "x" * 100_000)
    assert len(message(event)["text"]) < 3000


def test_tries_again_where_that_may_help(receiver: Receiver) -> None:
    receiver.statuses = [503, 429, 200]
    assert not told({"CUTOVER_WEBHOOK_URL": receiver.url}, FAILED)
    assert len(receiver.asked) == 3


def test_waits_for_as_long_as_it_is_asked_to(receiver: Receiver) -> None:
    receiver.statuses, receiver.headers = [429, 200], {"Retry-After": "1"}
    begin = time.monotonic()
    assert not told({"CUTOVER_WEBHOOK_URL": receiver.url}, FAILED)
    assert 1.0 <= time.monotonic() - begin < 3


def test_gives_up_with_one_warning_that_keeps_the_secret(receiver: Receiver) -> None:
    receiver.statuses = [500]
    (warning,) = told({"CUTOVER_SLACK_WEBHOOK_URL": receiver.url}, FAILED)
    assert warning == "warning: a notification did not reach Slack at 127.0.0.1: status 500"
    assert len(receiver.asked) == 4


@pytest.mark.parametrize("status", [302, 403, 404])
def test_does_not_try_again_where_that_cannot_help(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    (warning,) = told({"CUTOVER_SLACK_WEBHOOK_URL": receiver.url}, FAILED)
    assert warning.endswith(f"status {status}")
    assert len(receiver.asked) == 1


def test_many_failures_are_two_warnings(receiver: Receiver) -> None:
    receiver.statuses = [403]
    first, last = told({"CUTOVER_SLACK_WEBHOOK_URL": receiver.url}, *EVENTS)
    assert "a notification did not reach" in first
    assert last == "warning: 3 of 3 notifications did not reach Slack at 127.0.0.1: status 403"


def test_nobody_listening_is_a_warning(receiver: Receiver) -> None:
    receiver.server.server_close()
    (warning,) = told({"CUTOVER_WEBHOOK_URL": receiver.url}, FAILED)
    assert warning == "warning: a notification did not reach the webhook at 127.0.0.1: ConnectError"


def test_one_that_does_not_answer_holds_up_neither_the_release_nor_its_end(receiver: Receiver) -> None:
    receiver.delay = 30
    begin = time.monotonic()
    warnings: list[str] = []
    notifier = Notifier({"CUTOVER_WEBHOOK_URL": receiver.url}, warnings.append)
    for event in EVENTS * 10:
        notifier(event)
    assert time.monotonic() - begin < 0.2
    notifier.close(0.3)
    assert time.monotonic() - begin < 1
    assert warnings == ["warning: 30 of 30 notifications did not reach the webhook at 127.0.0.1: it takes too long"]


def test_one_that_does_not_answer_holds_up_no_other(receiver: Receiver) -> None:
    slow = Receiver(delay=30)
    environment = {"CUTOVER_WEBHOOK_URL": slow.url, "CUTOVER_SLACK_WEBHOOK_URL": receiver.url}
    told(environment, *EVENTS, seconds=5)
    slow.server.shutdown()
    slow.server.server_close()
    assert len(receiver.asked) == 3


def test_what_waits_is_bounded(receiver: Receiver) -> None:
    receiver.delay = 30
    first, _ = told({"CUTOVER_WEBHOOK_URL": receiver.url}, *[FAILED] * (notify.QUEUE + 10), seconds=0.1)
    assert first.endswith(f"more than {notify.QUEUE} events are waiting for it")


def test_a_spoilt_proxy_setting_is_a_warning(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "nonsense://there")
    (warning,) = told({"CUTOVER_WEBHOOK_URL": receiver.url}, FAILED)
    assert warning == "warning: a notification did not reach the webhook at 127.0.0.1: ValueError"


@pytest.mark.parametrize("url", ["hooks.example.com/x", "ftp://hooks.example.com/x", "https://", "http://[::1/x"])
def test_an_address_that_is_none_is_a_warning(url: str) -> None:
    (warning,) = told({"CUTOVER_WEBHOOK_URL": url}, FAILED)
    assert warning == "warning: CUTOVER_WEBHOOK_URL is not used: it must be an http or https URL"


def test_without_an_address_nothing_is_told() -> None:
    notifier = Notifier({"CUTOVER_WEBHOOK_URL": ""}, print)
    with notifier:
        notifier(FAILED)
    assert not notifier.channels
