"""What Kubernetes has warned of lately."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from lightkube.resources.core_v1 import Event

from cutover.pods import PodStatus, when

RECENT = timedelta(minutes=10)
MOST = 3


class WarningEvent(msgspec.Struct, frozen=True):
    """Warning events of one reason about one thing: the newest message, and how many there were."""

    subject: str
    reason: str
    text: str
    count: int
    at: str


def newest(
    events: Iterable[Event], owner: Callable[[str], str | None], pods: Sequence[PodStatus], reasons: Iterable[str]
) -> tuple[WarningEvent, ...]:
    """Return an app's newest warnings, those of one reason about one owner as one.

    A pod that is ready or gone has come over it, as every probe fails while a pod starts; and one that is named in a
    reason has said enough.

    Args:
        events: what Kubernetes has warned of in the namespace.
        owner: names what of the app is called so, or is a pod of what; None for what is not the app's.
        pods: the app's pods.
        reasons: why they are not ready.
    """
    since = datetime.now(UTC) - RECENT
    ill, told = {pod.name for pod in pods if pod.is_ill}, " ".join(reasons)
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in sorted(events, key=when):
        name = event.involvedObject.name or ""
        found = owner(name) if event.involvedObject.kind != "Pod" or name in ill else None
        if found and when(event) >= since and f"Pod {name}:" not in told:
            groups.setdefault((found, event.reason or ""), []).append(event)
    latest = sorted(groups.values(), key=lambda group: when(group[-1]), reverse=True)
    return tuple(_warning(group) for group in latest[:MOST])


def text_of(moment: datetime) -> str:
    """A moment as RFC 3339 has it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _warning(events: Sequence[Event]) -> WarningEvent:
    """Several events as one; the newest speaks."""
    last = events[-1]
    return WarningEvent(
        subject=f"{last.involvedObject.kind} {last.involvedObject.name}",
        reason=last.reason or "",
        text=(last.message or "").strip(),
        count=sum((event.series and event.series.count) or event.count or 1 for event in events),
        at=text_of(when(last)),
    )
