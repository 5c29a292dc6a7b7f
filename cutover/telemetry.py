"""Metrics of a stack's releases for Prometheus, counted from the journal, so that they go on counting after a restart.

    CUTOVER_METRICS_FILE      a file for node_exporter's textfile collector (`….prom`), replaced in one write
    CUTOVER_PUSHGATEWAY_URL   a Pushgateway, where they are the group {job="cutover", stack="<stack>"}

Names follow Prometheus, "Metric and label naming". A driver lives for minutes and is not scraped, hence the two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.error import URLError

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    push_to_gateway,
    write_to_textfile,
)

from cutover.journal import Event
from cutover.report.story import Act, Result, Story

BUCKETS = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
PUSH_SECONDS = 5.0

Warn = Callable[[str], None]


def metrics(stack: str, releases: Iterable[Sequence[Event]]) -> CollectorRegistry:
    """Count a stack's releases, oldest first."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # they would say when this process began
    registry = CollectorRegistry()

    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"cutover_{name}", text, ("stack", *labels), registry=registry)

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"cutover_{name}", text, ("stack", *labels), registry=registry)

    ended = counter("releases", "Releases that have ended, by how.", "verb", "result")
    steps = counter("release_steps", "Moves of traffic to a step of a release.", "verb")
    rollbacks = counter("rollbacks", "Moves of traffic back to the version that a release came from.", "verb")
    checks = counter("checks", "Checks of gates and watches, by outcome.", "outcome")
    paused = counter("release_paused_seconds", "Time that releases were paused.", "verb")
    duration = Histogram(
        "cutover_release_duration_seconds",
        "Time from the beginning of a release to its end, pauses included.",
        ("stack", "verb", "result"),
        buckets=BUCKETS,
        registry=registry,
    )
    last = gauge("last_release_timestamp_seconds", "When a release last ended so, in Unix time.", "result")
    under_way = gauge("release_under_way", "1 while a release has begun and not ended.")
    share = gauge("traffic_share_ratio", "Each version's share of the live traffic, last told.", "app", "color", "tag")

    under_way.labels(stack).set(0)
    stories = [Story(events) for events in releases]
    for story in stories:
        verb, result = story.first.verb, _label(story.result)
        steps.labels(stack, verb).inc(story.moves)
        rollbacks.labels(stack, verb).inc(story.returns)
        paused.labels(stack, verb).inc(story.spent(Act.PAUSED))
        for judged in story.judged:
            checks.labels(stack, judged.check.outcome).inc()
        for each in (Result.DONE, Result.ROLLED_BACK, Result.STUCK):
            ended.labels(stack, verb, _label(each))  # from 0 on, or the first one would be no increase
        if story.result.is_end:
            ended.labels(stack, verb, result).inc()
            duration.labels(stack, verb, result).observe(story.seconds)
            last.labels(stack, result).set(story.began.timestamp() + story.seconds)
        under_way.labels(stack).set(not story.result.is_end)
    for app, standing in (stories[-1].standings[-1] if stories else {}).items():
        for color, tag in standing.tags.items():
            part = 100 - standing.percent if color == standing.active else standing.percent
            share.labels(stack, app, color, tag).set(part / 100)
    return registry


def _label(result: Result) -> str:
    return result.replace(" ", "_")


def export(stack: str, releases: Iterable[Sequence[Event]], environment: Mapping[str, str], warn: Warn) -> None:
    """Bring the metrics to where the environment says; what cannot be brought there is a warning."""
    file, gateway = environment.get("CUTOVER_METRICS_FILE"), environment.get("CUTOVER_PUSHGATEWAY_URL")
    if not (file or gateway):
        return
    registry = metrics(stack, releases)
    if file:
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            write_to_textfile(file, registry)
        except OSError as error:
            warn(f"warning: the metrics of the releases are not in {file}: {error}")
    if gateway:
        try:
            push_to_gateway(gateway, "cutover", registry, {"stack": stack}, timeout=PUSH_SECONDS)
        except (OSError, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            warn(f"warning: the metrics of the releases did not reach the Pushgateway: {reason}")
