"""Metrics: what Prometheus says of the color, held against bounds.

Source: Prometheus, "HTTP API", instant queries; the settings mean what they mean to an Argo Rollouts AnalysisTemplate.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from components.gates.findings import Finding, Outcome
from components.gates.settings import Metric, OnEmpty
from components.reach import Answer, Ask, CannotAskError

ERRORS_IN_A_ROW = 4
"""So many measurements may go unanswered one after the other before nothing can be concluded (as Argo Rollouts has)."""

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Measurement:
    """One answer: a value, which is None where the query gave nothing or NaN."""

    value: float | None

    def outcome(self, metric: Metric) -> Outcome:
        if self.value is None:
            return _ON_EMPTY[metric.on_empty]
        low, high = metric.min, metric.max
        fits = (low is None or self.value >= low) and (high is None or self.value <= high)
        return Outcome.PASSED if fits else Outcome.FAILED

    def __str__(self) -> str:
        return "no value" if self.value is None else f"{self.value:.6g}"


_ON_EMPTY = {
    OnEmpty.FAIL: Outcome.FAILED,
    OnEmpty.PASS: Outcome.PASSED,
    OnEmpty.INCONCLUSIVE: Outcome.INCONCLUSIVE,
}


async def measure(
    name: str, metric: Metric, ask: Ask, headers: Mapping[str, str], filled: Callable[[str], str]
) -> Finding:
    """Measure a metric as often as it says, and judge it.

    Args:
        name: the metric's name.
        metric: what to measure.
        ask: the way to Prometheus.
        headers: what it wants with every request.
        filled: fills in the names in a query, at the time of the measurement.
    """
    taken: list[Measurement] = []
    errors, query = 0, metric.query
    await asyncio.sleep(metric.initial_delay_seconds)
    while len(taken) < metric.count:
        if taken or errors:
            await asyncio.sleep(metric.interval_seconds)
        query = filled(metric.query)
        try:
            taken.append(await _once(query, ask, headers))
        except CannotAskError as error:
            errors += 1
            if errors > ERRORS_IN_A_ROW:
                text = f"metric {name}: {error}, {errors} times in a row; query: {query}"
                return Finding(Outcome.INCONCLUSIVE, text, metric.dry_run)
        else:
            errors = 0
            if _failures(metric, taken) > metric.failure_limit:
                break
    return _judged(name, metric, query, taken)


def _judged(name: str, metric: Metric, query: str, taken: list[Measurement]) -> Finding:
    failures = _failures(metric, taken)
    values = ", ".join(map(str, taken))
    counted = f"{failures} of {len(taken)} measurements out of bounds, {metric.failure_limit} may be"
    text = f"metric {name}: {values} ({_bounds(metric)}; {counted}); query: {query}"
    if failures > metric.failure_limit:
        return Finding(Outcome.FAILED, text, metric.dry_run)
    if any(one.outcome(metric) is Outcome.INCONCLUSIVE for one in taken):
        return Finding(Outcome.INCONCLUSIVE, text, metric.dry_run)
    return Finding(Outcome.PASSED, text, metric.dry_run)


def _failures(metric: Metric, taken: list[Measurement]) -> int:
    return sum(one.outcome(metric) is Outcome.FAILED for one in taken)


async def _once(query: str, ask: Ask, headers: Mapping[str, str]) -> Measurement:
    answer = await ask(f"/api/v1/query?{urlencode({'query': query})}", headers, TIMEOUT_SECONDS)
    return Measurement(value_of(answer))


def value_of(answer: Answer) -> float | None:
    """Return the single value of an answer to an instant query; None for nothing and for NaN.

    Raises:
        CannotAskError: it is an error, or several values.
    """
    if answer.error:
        raise CannotAskError(f"Prometheus gave no answer ({answer.error})")
    try:
        said = json.loads(answer.body)
        if said["status"] != "success":
            raise CannotAskError(f"Prometheus says {said.get('errorType')}: {said.get('error')}")
        kind, result = said["data"]["resultType"], said["data"]["result"]
        values = [result] if kind == "scalar" else [series["value"] for series in result]
        numbers = [float(value) for _, value in values]
    except (ValueError, KeyError, TypeError):
        start = answer.body[:80]
        raise CannotAskError(f"there is no single value in the answer: status {answer.status}, {start!r}") from None
    if len(numbers) > 1:
        raise CannotAskError(f"the query gave {len(numbers)} values and must give one: put sum() or max() around it")
    return None if not numbers or math.isnan(numbers[0]) else numbers[0]


def _bounds(metric: Metric) -> str:
    said = [
        f"at least {metric.min:g}" if metric.min is not None else "",
        f"at most {metric.max:g}" if metric.max is not None else "",
    ]
    return " and ".join(filter(None, said))
