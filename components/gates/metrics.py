"""Metrics: what Prometheus says of the color, held against bounds, or against what it says of another side.

Sources: Prometheus, "HTTP API", instant queries; the settings mean what they mean to an Argo Rollouts AnalysisTemplate,
and a ratio what `allowedIncrease` and `allowedDecrease` mean to Spinnaker's Kayenta.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from components.gates.findings import Finding, Outcome
from components.gates.settings import Metric, OnEmpty
from components.reach import Answer, Ask, CannotAskError

ERRORS_IN_A_ROW = 4
"""So many measurements may go unanswered one after the other before nothing can be concluded (as Argo Rollouts has)."""

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Sample:
    """What a query gave: a value, None for nothing and for NaN, and the time that it is of, in Unix seconds."""

    value: float | None
    at: float | None = None


@dataclass(frozen=True)
class Measurement:
    """The value of the color that is judged, and of the side that it is compared with; None where a query gave none."""

    value: float | None
    beside: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the side's value it is: 1 where both are equal, 0 and 0 too; infinite where the side has 0.

        Negative values have no ratio that says which is better.
        """
        if self.value is None or self.beside is None or min(self.value, self.beside) < 0:
            return None
        if self.value == self.beside:
            return 1.0
        return self.value / self.beside if self.beside else math.inf

    def outcome(self, metric: Metric) -> Outcome:
        if self.value is None:
            return _ON_EMPTY[metric.on_empty]
        if not _within(self.value, metric.min, metric.max):
            return Outcome.FAILED
        if not metric.against or self._near(metric.tolerance):
            return Outcome.PASSED
        if self.ratio is None:
            return _ON_EMPTY[metric.on_empty]
        return Outcome.PASSED if _within(self.ratio, metric.min_ratio, metric.max_ratio) else Outcome.FAILED

    def told(self, colors: Sequence[str]) -> str:
        """Tell it, with both sides' colors where there are two."""
        if len(colors) == 1:
            return _number(self.value)
        judged, side = colors
        both = f"{_number(self.value)} on {judged} against {_number(self.beside)} on {side}"
        return both if self.ratio is None else f"{both}, ratio {_number(self.ratio)}"

    def _near(self, tolerance: float) -> bool:
        if self.value is None or self.beside is None or not tolerance:
            return False
        return abs(self.value - self.beside) <= tolerance


_ON_EMPTY = {
    OnEmpty.FAIL: Outcome.FAILED,
    OnEmpty.PASS: Outcome.PASSED,
    OnEmpty.INCONCLUSIVE: Outcome.INCONCLUSIVE,
}


async def measure(
    name: str,
    metric: Metric,
    colors: Sequence[str],
    filled: Callable[[str, str], str],
    *,
    ask: Ask,
    headers: Mapping[str, str],
) -> Finding:
    """Measure a metric as often as it says, and judge it.

    Args:
        name: the metric's name.
        metric: what to measure.
        colors: the one that is judged and, where there is something to compare it with, that one.
        filled: fills in the names in a query, with a color as `{{color}}`, at the time of the measurement.
        ask: the way to Prometheus.
        headers: what it wants with every request.
    """
    taken: list[Measurement] = []
    errors, queries = 0, [metric.query]
    await asyncio.sleep(metric.initial_delay_seconds)
    while len(taken) < metric.count:
        if taken or errors:
            await asyncio.sleep(metric.interval_seconds)
        queries = [filled(metric.query, color) for color in colors]
        samples: list[Sample] = []
        try:
            for query in queries:
                # what the first was asked at, by Prometheus' own clock; ours may be another
                at = samples[0].at if samples else None
                samples.append(await _sample(query, at, ask, headers))
        except CannotAskError as error:
            errors += 1
            if errors > ERRORS_IN_A_ROW:
                text = f"metric {name}: {error}, {errors} times in a row; query: {queries[len(samples)]}"
                return Finding(Outcome.INCONCLUSIVE, text, metric.dry_run, name, _values(taken))
        else:
            errors = 0
            taken.append(Measurement(*(sample.value for sample in samples)))
            if _failures(metric, taken) > metric.failure_limit:
                break
    return _judged(name, metric, colors, queries[0], taken)


def _judged(name: str, metric: Metric, colors: Sequence[str], query: str, taken: Sequence[Measurement]) -> Finding:
    failures = _failures(metric, taken)
    values = ("; " if metric.against else ", ").join(one.told(colors) for one in taken)
    counted = f"{failures} of {len(taken)} measurements out of bounds, {metric.failure_limit} may be"
    text = f"metric {name}: {values} ({_bounds(metric)}; {counted}); query: {query}"
    outcome = Outcome.PASSED
    if failures > metric.failure_limit:
        outcome = Outcome.FAILED
    elif any(one.outcome(metric) is Outcome.INCONCLUSIVE for one in taken):
        outcome = Outcome.INCONCLUSIVE
    return Finding(outcome, text, metric.dry_run, name, _values(taken))


def _values(taken: Sequence[Measurement]) -> tuple[float, ...]:
    return tuple(one.value for one in taken if one.value is not None and math.isfinite(one.value))


def _failures(metric: Metric, taken: Sequence[Measurement]) -> int:
    return sum(one.outcome(metric) is Outcome.FAILED for one in taken)


async def _sample(query: str, at: float | None, ask: Ask, headers: Mapping[str, str]) -> Sample:
    asked = {"query": query} if at is None else {"query": query, "time": f"{at:.3f}"}
    return sample_of(await ask(f"/api/v1/query?{urlencode(asked)}", headers, TIMEOUT_SECONDS))


def sample_of(answer: Answer) -> Sample:
    """Read the single value in an answer to an instant query.

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
        pairs = [result] if kind == "scalar" else [series["value"] for series in result]
        samples = [Sample(None if math.isnan(float(value)) else float(value), float(at)) for at, value in pairs]
    except (ValueError, KeyError, TypeError):
        start = answer.body[:80]
        raise CannotAskError(f"there is no single value in the answer: status {answer.status}, {start!r}") from None
    if len(samples) > 1:
        raise CannotAskError(f"the query gave {len(samples)} values and must give one: put sum() or max() around it")
    return samples[0] if samples else Sample(None)


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _number(value: float | None) -> str:
    return "no value" if value is None else f"{value:.6g}"


def _bounds(metric: Metric) -> str:
    said = [
        f"at least {metric.min:g}" if metric.min is not None else "",
        f"at most {metric.max:g}" if metric.max is not None else "",
        f"at least {metric.min_ratio:g} times {metric.against}" if metric.min_ratio is not None else "",
        f"at most {metric.max_ratio:g} times {metric.against}" if metric.max_ratio is not None else "",
    ]
    near = f" or within {metric.tolerance:g} of it" if metric.tolerance else ""
    return " and ".join(filter(None, said)) + near
