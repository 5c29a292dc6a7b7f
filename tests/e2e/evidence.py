"""What a failed test leaves for whoever reads of it: the requests that were lost, and the cluster's events.

What is rare is seen once, on a machine that nobody can look at afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter

import httpx2
from lightkube import ApiError
from lightkube.resources.core_v1 import Event

from bench.answers import Answers
from bench.traffic import RECORDS
from tests.e2e.stacks import client

MOST = 30
"""Lost requests that are told of one record."""


def losses(since: float) -> Iterator[str]:
    """A line for each request that this process's traffic has lost, of records made after `since` (epoch, s)."""
    for record in sorted(RECORDS.glob(f"*-{os.getpid()}-*.jsonl")):
        if record.stat().st_mtime < since or not record.stat().st_size:
            continue
        lost = [answer for answer in Answers.read(record) if answer.error is not None]
        for answer in lost[:MOST]:
            at = f"{_clock(datetime.fromtimestamp(answer.wall, UTC))}, {answer.late:.3f} s late"
            yield f"{record.name}: sent at {at}: {answer.error} after {answer.latency:.3f} s"
        if len(lost) > MOST:
            yield f"{record.name}: and {len(lost) - MOST} more"


def events(namespace: str) -> Iterator[str]:
    """A line for each warning in a namespace, and for each start and end of a container, in order."""
    try:
        found = list(client(namespace).list(Event))
    except (ApiError, httpx2.TransportError) as error:
        yield f"the API server does not tell of them: {error}"
        return
    told = [event for event in found if event.type == "Warning" or event.reason in {"Started", "Killing"}]
    for at, event in sorted(((_at(event), event) for event in told), key=itemgetter(0)):
        yield f"{_clock(at)} {event.involvedObject.name}: {event.reason}: {event.message}"


def _at(event: Event) -> datetime:
    """When it was last seen: in `lastTimestamp`, or only in `eventTime` when the newer events API wrote it."""
    at = event.lastTimestamp or event.eventTime
    assert at, event
    return at


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S.%f")[:-3]
