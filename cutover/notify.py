"""Notifications: a release's events, sent to a webhook and to Slack, or to whatever takes Slack's messages.

A release never waits for them: each receiver has a thread and a bounded queue of its own, and all of them together a
bounded time to end in. What cannot be delivered is a warning. Addresses are secrets (a Slack webhook's path is its
password), so they come from the environment, and no warning repeats more of them than the host.

    CUTOVER_WEBHOOK_URL         gets every event as JSON, by POST
    CUTOVER_WEBHOOK_TOKEN       sent to it as `Authorization: Bearer …`
    CUTOVER_WEBHOOK_BODY        JSON to send instead, with $names in its texts
    CUTOVER_SLACK_WEBHOOK_URL   gets a message per event
    CUTOVER_NOTIFY_TEXT         the message's text, with $names
    CUTOVER_NOTIFY_EVENTS       which events: kinds with commas between, or `all`
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from queue import Full, Queue
from string import Template
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec

from cutover.journal import Event, Kind

KINDS = (Kind.BEGAN, Kind.PAUSED, Kind.FAILED, Kind.DONE, Kind.ROLLED_BACK, Kind.STUCK, Kind.INTERRUPTED)
"""The events that are told of unless CUTOVER_NOTIFY_EVENTS says others."""

TEXT = "*$stack* $verb: $text"
NAMES = ("at", "by", "kind", "release", "stack", "step", "steps", "text", "traffic", "verb")
"""What may stand in a template as $name; `traffic` is where each app's is."""

TIMEOUT_SECONDS = 5.0
WAITS_SECONDS = (0.5, 1.0, 2.0)
"""Before each further try."""
MOST_SECONDS = 5.0
"""The longest wait that a receiver may ask for (Retry-After)."""
FLUSH_SECONDS = 10.0
QUEUE = 200

_COLORS = {
    Kind.DONE: "#1c7f4f",
    Kind.FAILED: "#c8302f",
    Kind.ROLLED_BACK: "#c8302f",
    Kind.STUCK: "#c8302f",
    Kind.PAUSED: "#e0a526",
    Kind.INTERRUPTED: "#e0a526",
}
_LONGEST = 2900
"""Characters of a text in a message; Slack cuts at 3,000."""

Warn = Callable[[str], None]
Body = Callable[[Event], bytes]


class Channel:
    """One receiver of events.

    Args:
        name: what it is called in a warning.
        url: where to POST to.
        body: makes JSON of an event.
        headers: what goes with every request.
        warn: told once when something could not be delivered, and at the end how much it was.
    """

    def __init__(self, name: str, url: str, body: Body, headers: Mapping[str, str], warn: Warn) -> None:
        self.name = name
        self._url, self._body, self._warn = url, body, warn
        self._headers = {"Content-Type": "application/json", **headers}
        self._queue: Queue[Event | None] = Queue(QUEUE)
        self._thread = threading.Thread(target=self._run, name=f"notify {name}", daemon=True)
        self._told = self._delivered = 0
        self._reason = ""
        self._closed = False

    def tell(self, event: Event) -> None:
        """Take an event, to be sent as soon as may be; never blocks."""
        if not self._told:
            self._thread.start()
        self._told += 1
        try:
            self._queue.put_nowait(event)
        except Full:
            self._lose(f"more than {QUEUE} events are waiting for it")

    def close(self, deadline: float) -> None:
        """Wait for what is still to be sent until `deadline` (time.monotonic), and say what was not."""
        if not self._told:
            return
        try:
            self._queue.put_nowait(None)
        except Full:
            deadline = 0.0
        self._thread.join(max(0.0, deadline - time.monotonic()))
        self._closed = True
        lost = self._told - self._delivered
        if lost > 1 or (lost and not self._reason):
            reason = self._reason or "it takes too long"
            self._warn(f"warning: {lost} of {self._told} notifications did not reach {self.name}: {reason}")

    def _run(self) -> None:
        try:
            with httpx2.Client(timeout=TIMEOUT_SECONDS, headers=self._headers) as client:
                while event := self._queue.get():
                    reason = self._send(client, self._body(event))
                    if reason is None:
                        self._delivered += 1
                    else:
                        self._lose(reason)
        except Exception as error:  # noqa: BLE001  # a spoilt proxy or certificate setting is no fault of the release
            self._lose(type(error).__name__)

    def _send(self, client: httpx2.Client, body: bytes) -> str | None:
        """Send a body, again where that may help; return why it did not arrive."""
        reason: str | None = None
        for wait in (*WAITS_SECONDS, None):
            asked = 0.0
            try:
                answer = client.post(self._url, content=body)
            except httpx2.HTTPError as error:
                reason = type(error).__name__
            else:
                if answer.is_success:
                    return None
                reason = f"status {answer.status_code}"
                if answer.status_code != httpx2.codes.TOO_MANY_REQUESTS and not answer.is_server_error:
                    break
                asked = _asked_for(answer)
            if wait is not None:
                time.sleep(max(wait, asked))
        return reason

    def _lose(self, reason: str) -> None:
        if not self._reason and not self._closed:
            self._warn(f"warning: a notification did not reach {self.name}: {reason}")
        self._reason = reason


class Notifier:
    """Tells all receivers that the environment names; a listener of a Journal, to be closed at the end.

    What is wrong in a setting is a warning: a release must not fail for it.

    Args:
        environment: the variables.
        warn: shown every warning.
    """

    def __init__(self, environment: Mapping[str, str], warn: Warn) -> None:
        self._kinds = _kinds(environment.get("CUTOVER_NOTIFY_EVENTS", ""), warn)
        self.channels = list(_channels(environment, warn))

    def __call__(self, event: Event) -> None:
        if event.kind in self._kinds:
            for channel in self.channels:
                channel.tell(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def close(self, seconds: float = FLUSH_SECONDS) -> None:
        """Wait for what is still to be sent, for so many seconds at most."""
        deadline = time.monotonic() + seconds
        for channel in self.channels:
            channel.close(deadline)


def traffic(event: Event) -> str:
    """Say where each app's traffic is, as far as the event tells."""
    return "; ".join(
        f"{app}: {standing.active} ({standing.tags.get(standing.active, '?')})"
        + (f", {standing.share} on the other color" if standing.percent else "")
        for app, standing in event.standing.items()
    )


def message(event: Event, text: str = TEXT) -> dict[str, Any]:
    """Return an event as a message for Slack; what comes from the event mentions nobody and links nowhere."""
    filled = Template(text).substitute({name: _in_slack(value) for name, value in _values(event).items()})
    fields = [
        {"title": title, "value": _in_slack(value), "short": True}
        for title, value in (
            ("Step", f"{event.step} of {event.steps}" if event.steps > 1 else ""),
            ("By", event.by),
            ("Traffic", traffic(event)),
        )
        if value
    ]
    bad = [check.text for check in event.checks if check.outcome != "passed"]
    details = {"text": _in_slack("\n".join(bad)), "fallback": event.kind, "fields": fields}
    return {"text": filled, "attachments": [{"color": _COLORS.get(event.kind, "#5d6778"), **details}]}


def _channels(environment: Mapping[str, str], warn: Warn) -> Iterator[Channel]:
    if url := _address("CUTOVER_WEBHOOK_URL", environment, warn):
        token = environment.get("CUTOVER_WEBHOOK_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        yield Channel(f"the webhook at {url.host}", str(url), _webhook_body(environment, warn), headers, warn)
    if url := _address("CUTOVER_SLACK_WEBHOOK_URL", environment, warn):
        text = environment.get("CUTOVER_NOTIFY_TEXT") or TEXT
        if unknown := _unknown(text):
            warn(f"warning: CUTOVER_NOTIFY_TEXT is not used: {unknown}")
            text = TEXT
        yield Channel(
            f"Slack at {url.host}", str(url), lambda event: msgspec.json.encode(message(event, text)), {}, warn
        )


def _webhook_body(environment: Mapping[str, str], warn: Warn) -> Body:
    """What makes the body for the webhook: the event, or the user's own JSON with every text in it filled in."""
    written = environment.get("CUTOVER_WEBHOOK_BODY")
    if not written:
        return msgspec.json.encode
    try:
        template = json.loads(written)
    except ValueError as error:
        warn(f"warning: CUTOVER_WEBHOOK_BODY is not used: it is no JSON ({error})")
        return msgspec.json.encode
    for text in _texts(template):
        if unknown := _unknown(text):
            warn(f"warning: CUTOVER_WEBHOOK_BODY is not used: {unknown}")
            return msgspec.json.encode
    return lambda event: msgspec.json.encode(_filled(template, _values(event)))


def _address(name: str, environment: Mapping[str, str], warn: Warn) -> httpx2.URL | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        warn(f"warning: {name} is not used: it must be an http or https URL")
        return None
    return url


def _kinds(text: str, warn: Warn) -> frozenset[Kind]:
    if text.strip() == "all":
        return frozenset(Kind)
    wanted = {part.strip() for part in text.split(",") if part.strip()}
    known = {str(kind) for kind in Kind}
    if strange := wanted - known:
        allowed = f"there are {', '.join(Kind)}, and all"
        warn(f"warning: CUTOVER_NOTIFY_EVENTS knows no {', '.join(sorted(strange))}; {allowed}")
    return frozenset(Kind(kind) for kind in wanted & known) or frozenset(KINDS)


def _unknown(text: str) -> str | None:
    """Say what a template cannot have; None if it can be filled in."""
    template = Template(text)
    if not template.is_valid():
        return "a $ stands before no name; write $$ for one that is meant"
    strange = [name for name in template.get_identifiers() if name not in NAMES]
    return f"it knows no ${strange[0]}; there are {', '.join(NAMES)}" if strange else None


def _values(event: Event) -> dict[str, str]:
    return {name: traffic(event) if name == "traffic" else str(getattr(event, name)) for name in NAMES}


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _texts(value)


def _filled(tree: Any, values: Mapping[str, str]) -> Any:
    if isinstance(tree, str):
        return Template(tree).substitute(values)
    if isinstance(tree, dict):
        return {key: _filled(value, values) for key, value in tree.items()}
    return [_filled(value, values) for value in tree] if isinstance(tree, list) else tree


def _in_slack(text: str) -> str:
    """Escape text as Slack wants it, no longer than Slack takes it."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _asked_for(answer: httpx2.Response) -> float:
    """How many seconds the receiver wants to be left alone, as far as we follow it."""
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), MOST_SECONDS) if asked.isdecimal() else 0.0
