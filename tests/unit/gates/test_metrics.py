"""What Prometheus says, and what a metric makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.gates.findings import Finding, Outcome
from components.gates.metrics import measure, value_of
from components.gates.settings import Metric
from components.reach import Answer, CannotAskError
from tests.unit.clock import in_no_time
from tests.unit.gates.asks import Way, prometheus, value

EMPTY, BAD = prometheus([]), Answer(400, '{"status":"error","errorType":"bad_data","error":"parse error"}')
SERIES = {"metric": {"pod": "a"}, "value": [1760000000.1, "1"]}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (value("0.25"), 0.25),
        (value("1e-3"), 0.001),
        (value("+Inf"), float("inf")),
        (value("NaN"), None),
        (prometheus([1760000000.1, "3"], "scalar"), 3.0),
        (prometheus([1760000000.1, "NaN"], "scalar"), None),
        (EMPTY, None),
    ],
)
def test_reads_the_value(answer: Answer, found: float | None) -> None:
    assert value_of(answer) == found


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(error="refused"), r"Prometheus gave no answer \(refused\)"),
        (BAD, "Prometheus says bad_data: parse error"),
        (prometheus([SERIES, SERIES]), "the query gave 2 values and must give one"),
        (Answer(502, "<html>Bad Gateway</html>"), "there is no single value in the answer: status 502, '<html>Bad"),
        (Answer(200, "null"), "there is no single value in the answer: status 200, 'null'"),
        (Answer(200, '{"status":"success"}'), "there is no single value in the answer"),
        (prometheus([[1760000000.1, "text"]], "string"), "there is no single value in the answer"),
    ],
)
def test_says_why_there_is_no_single_value(answer: Answer, why: str) -> None:
    with pytest.raises(CannotAskError, match=why):
        value_of(answer)


def measured(keys: dict[str, Any], answers: Sequence[Answer | CannotAskError]) -> tuple[Finding, Way]:
    way, metric = Way(answers), Metric.model_validate({"query": "up{}", **keys})
    return in_no_time(measure("errors", metric, way, {"Authorization": "x"}, lambda query: query)), way


THREE = {"max": 1, "count": 3, "intervalSeconds": 10}
ASKED_IN_VAIN = [Answer(error="refused")] * 4
AWAY = CannotAskError("the API server does not answer")

# keys, answers, outcome, how many are asked, a part of what is said
JUDGED: dict[str, tuple[dict[str, Any], Sequence[Answer | CannotAskError], Outcome, int, str]] = {
    "at most": ({"max": 1}, [value("1")], Outcome.PASSED, 1, "metric errors: 1 (at most 1; 0 of 1"),
    "more": ({"max": 1}, [value("1.01")], Outcome.FAILED, 1, "1.01 (at most 1; 1 of 1 measurements out of bounds, 0"),
    "at least": ({"min": 0.5}, [value("0.5")], Outcome.PASSED, 1, "(at least 0.5;"),
    "less": ({"min": 0.5}, [value("0.49")], Outcome.FAILED, 1, "0.49 (at least 0.5;"),
    "between": ({"min": 1, "max": 2}, [value("1.5")], Outcome.PASSED, 1, "(at least 1 and at most 2;"),
    "a bound of zero": ({"max": 0}, [value("0.001")], Outcome.FAILED, 1, "at most 0;"),
    "infinite": ({"max": 1}, [value("+Inf")], Outcome.FAILED, 1, "inf (at most 1;"),
    "all of three": (THREE, [value("0"), value("0.5"), value("1")], Outcome.PASSED, 3, "0, 0.5, 1 (at most 1; 0 of 3"),
    "none of three may fail": (THREE, [value("0"), value("2")], Outcome.FAILED, 2, "0, 2 (at most 1; 1 of 2"),
    "one of three may": (
        THREE | {"failureLimit": 1},
        [value("2"), value("0"), value("0")],
        Outcome.PASSED,
        3,
        "1 of 3 measurements out of bounds, 1 may be",
    ),
    "two of three do": (THREE | {"failureLimit": 1}, [value("2")], Outcome.FAILED, 2, "2, 2 (at most 1; 2 of 2"),
    "nothing, which blames nobody": ({"max": 1}, [EMPTY], Outcome.INCONCLUSIVE, 1, "no value"),
    "nothing, which fails": ({"max": 1, "onEmpty": "fail"}, [EMPTY], Outcome.FAILED, 1, "no value"),
    "nothing, which passes": ({"max": 1, "onEmpty": "pass"}, [EMPTY], Outcome.PASSED, 1, "no value"),
    "no number, which fails": ({"max": 1, "onEmpty": "fail"}, [value("NaN")], Outcome.FAILED, 1, "no value"),
    "nothing among good values": (THREE, [value("0"), EMPTY, value("0")], Outcome.INCONCLUSIVE, 3, "0, no value, 0"),
    "blame beside nothing": (THREE, [EMPTY, value("2")], Outcome.FAILED, 2, "no value, 2"),
    "five errors in a row": (
        THREE,
        [value("0"), *ASKED_IN_VAIN, BAD],
        Outcome.INCONCLUSIVE,
        6,
        "Prometheus says bad_data: parse error, 5 times in a row; query: up{}",
    ),
    "an API server that is away": (THREE, [AWAY], Outcome.INCONCLUSIVE, 5, "does not answer, 5 times in a row; query"),
    "one that is away for a while": ({"max": 1}, [AWAY] * 4 + [value("0")], Outcome.PASSED, 5, "0 of 1 measurements"),
    "four, forgiven": ({"max": 1}, [*ASKED_IN_VAIN, value("0")], Outcome.PASSED, 5, "0 of 1 measurements"),
    "four, and four again": (
        THREE,
        [*ASKED_IN_VAIN, value("0"), *ASKED_IN_VAIN, value("0")],
        Outcome.PASSED,
        11,
        "0 of 3 measurements",
    ),
}


@pytest.mark.parametrize("case", JUDGED)
def test_judges_what_was_measured(case: str) -> None:
    keys, answers, outcome, asked, text = JUDGED[case]
    finding, way = measured(keys, answers)
    assert finding.outcome is outcome
    assert len(way.asked) == asked
    assert text in finding.text
    assert finding.text.endswith("; query: up{}")


@pytest.mark.parametrize(
    ("answers", "times"),
    [([value("0")], [7, 17, 27]), ([BAD, BAD, value("0")], [7, 17, 27, 37, 47])],
    ids=["answered", "also what was not"],
)
def test_measures_at_its_times(answers: list[Answer], times: list[float]) -> None:
    _, way = measured(THREE | {"initialDelaySeconds": 7}, answers)
    assert [time for time, *_ in way.asked] == times


@pytest.mark.parametrize("answer", [value("2"), EMPTY, BAD, AWAY], ids=["failed", "empty", "error", "away"])
def test_a_dry_run_is_told_as_such(answer: Answer | CannotAskError) -> None:
    finding, _ = measured({"max": 1, "dryRun": True}, [answer])
    assert finding.outcome is not Outcome.PASSED
    assert finding.dry_run
    assert str(finding).endswith("(dry run)")


def test_each_query_is_filled_in_when_it_is_asked() -> None:
    times = iter(["5s", "15s", "25s", "35s"])
    way, metric = Way([value("0")]), Metric.model_validate({"query": "rate(x[{{window}}]) + y", **THREE})
    fill = lambda query: query.replace("{{window}}", next(times))  # noqa: E731
    finding = in_no_time(measure("errors", metric, way, {"Authorization": "x"}, fill))
    queries = [parse_qs(urlsplit(path).query)["query"][0] for _, path, _ in way.asked]
    assert {urlsplit(path).path for _, path, _ in way.asked} == {"/api/v1/query"}
    assert len(set(queries)) == 3
    assert all(query.startswith("rate(x[") and query.endswith("5s]) + y") for query in queries)
    assert finding.text.endswith(f"query: {queries[-1]}")
    assert all(headers == {"Authorization": "x"} for *_, headers in way.asked)
