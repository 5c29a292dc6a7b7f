"""What Prometheus says, and what a metric makes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.gates.findings import Finding, Outcome
from components.gates.metrics import Measurement, measure, sample_of
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
    assert sample_of(answer).value == found


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
        sample_of(answer)


def measured(keys: dict[str, Any], answers: Sequence[Answer | CannotAskError]) -> tuple[Finding, Way]:
    way, metric = Way(answers), Metric.model_validate({"query": "up{}", **keys})
    colors = ["green", "blue"] if metric.against else ["green"]
    asked = measure("errors", metric, colors, filled, ask=way, headers={"Authorization": "x"})
    return in_no_time(asked), way


def filled(query: str, color: str) -> str:
    return query.replace("{{color}}", color)


def queries(way: Way) -> list[str]:
    return [parse_qs(urlsplit(path).query)["query"][0] for _, path, _ in way.asked]


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
    ("answers", "values"),
    [
        ([value("0"), value("0.5"), value("1")], (0.0, 0.5, 1.0)),
        ([value("0"), value("2")], (0.0, 2.0)),
        ([value("0"), EMPTY, value("1")], (0.0, 1.0)),
        ([value("+Inf")], ()),
        ([value("0"), *ASKED_IN_VAIN, BAD], (0.0,)),
    ],
    ids=["passed", "failed", "a value missing", "infinite", "then no answer"],
)
def test_a_finding_names_the_metric_and_its_values(answers: list[Answer], values: tuple[float, ...]) -> None:
    finding, _ = measured(THREE, answers)
    assert (finding.name, finding.values) == ("errors", values)


def test_the_values_are_those_of_the_judged_color() -> None:
    way = Way([value("0.5"), value("0.25")])
    metric = Metric.model_validate({"query": "x{{color}}", **TWICE})
    finding = in_no_time(measure("errors", metric, ["green", "blue"], filled, ask=way, headers={}))
    assert finding.values == (0.5,)


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
    fill = lambda query, _: query.replace("{{window}}", next(times))  # noqa: E731
    finding = in_no_time(measure("errors", metric, ["green"], fill, ask=way, headers={"Authorization": "x"}))
    assert {urlsplit(path).path for _, path, _ in way.asked} == {"/api/v1/query"}
    assert queries(way) == [f"rate(x[{time}]) + y" for time in ("5s", "15s", "25s")]
    assert finding.text.endswith(f"query: {queries(way)[-1]}")
    assert all(headers == {"Authorization": "x"} for *_, headers in way.asked)


# Against another side: what is asked of green is asked of blue.

TWICE = {"against": "stable", "maxRatio": 2}
BOTH = {"against": "stable", "minRatio": 0.5, "maxRatio": 2}
CEILING = TWICE | {"max": 0.5}
NEAR = TWICE | {"tolerance": 0.25}

# keys, what green gives, what blue gives, outcome, a part of what is said
COMPARED: dict[str, tuple[dict[str, Any], str, str, Outcome, str]] = {
    "twice": (
        TWICE,
        "0.5",
        "0.25",
        Outcome.PASSED,
        "0.5 on green against 0.25 on blue, ratio 2 (at most 2 times stable;",
    ),
    "more than twice": (TWICE, "0.6", "0.25", Outcome.FAILED, "ratio 2.4 (at most 2 times stable; 1 of 1 measurements"),
    "half": (BOTH, "2", "4", Outcome.PASSED, "ratio 0.5 (at least 0.5 times stable and at most 2 times stable;"),
    "less than half": (BOTH, "1.9", "4", Outcome.FAILED, "ratio 0.475 (at least 0.5 times stable and"),
    "nothing of nothing": (BOTH, "0", "0", Outcome.PASSED, "0 on green against 0 on blue, ratio 1 ("),
    "something of nothing": (TWICE, "1e-09", "0", Outcome.FAILED, "1e-09 on green against 0 on blue, ratio inf ("),
    "nothing of something": (TWICE, "0", "3", Outcome.PASSED, "ratio 0 ("),
    "nothing of something, too little": (BOTH, "0", "3", Outcome.FAILED, "ratio 0 ("),
    "infinite both": (TWICE, "+Inf", "+Inf", Outcome.PASSED, "inf on green against inf on blue, ratio 1 ("),
    "infinite both, over a ceiling": (
        CEILING,
        "+Inf",
        "+Inf",
        Outcome.FAILED,
        "at most 0.5 and at most 2 times stable;",
    ),
    "infinite beside": (BOTH, "1", "+Inf", Outcome.FAILED, "ratio 0 ("),
    "infinite": (TWICE, "+Inf", "1", Outcome.FAILED, "ratio inf ("),
    "a ceiling that holds, and a ratio": (CEILING, "0.5", "0.25", Outcome.PASSED, "0 of 1"),
    "a ceiling that holds, and no ratio": (
        CEILING,
        "0.5",
        "0.2",
        Outcome.FAILED,
        "ratio 2.5 (at most 0.5 and at most 2",
    ),
    "a ratio that holds, and no ceiling": (
        CEILING,
        "0.75",
        "0.5",
        Outcome.FAILED,
        "ratio 1.5 (at most 0.5 and at most 2",
    ),
    "a floor": (BOTH | {"min": 9}, "8", "8", Outcome.FAILED, "(at least 9 and at least 0.5 times stable and at most 2"),
    "near": (NEAR, "0.5", "0.25", Outcome.PASSED, "(at most 2 times stable or within 0.25 of it; 0 of 1"),
    "near, by far": (NEAR, "0.25", "1e-09", Outcome.PASSED, "ratio 2.5e+08 (at most 2 times stable or within 0.25"),
    "near nothing": (NEAR, "0.25", "0", Outcome.PASSED, "ratio inf ("),
    "not near": (NEAR, "0.375", "0.0625", Outcome.FAILED, "ratio 6 ("),
    "near below": (BOTH | {"tolerance": 0.25}, "0", "0.25", Outcome.PASSED, "ratio 0 ("),
    "not near below": (BOTH | {"tolerance": 0.25}, "0", "3", Outcome.FAILED, "ratio 0 ("),
    "near, over a ceiling": (NEAR | {"max": 0.125}, "0.25", "0.25", Outcome.FAILED, "at most 0.125 and"),
    "near, without a ratio": (NEAR, "-0.1", "0.1", Outcome.PASSED, "-0.1 on green against 0.1 on blue ("),
    "negative": (TWICE, "-1", "-2", Outcome.INCONCLUSIVE, "-1 on green against -2 on blue ("),
    "negative beside": (TWICE, "1", "-2", Outcome.INCONCLUSIVE, "1 on green against -2 on blue ("),
    "no value": (TWICE, "", "1", Outcome.INCONCLUSIVE, "no value on green against 1 on blue ("),
    "no value beside": (TWICE, "1", "", Outcome.INCONCLUSIVE, "1 on green against no value on blue ("),
    "no number": (TWICE, "NaN", "1", Outcome.INCONCLUSIVE, "no value on green against 1 on blue ("),
    "no number beside": (TWICE, "1", "NaN", Outcome.INCONCLUSIVE, "1 on green against no value on blue ("),
    "no value, which passes": (TWICE | {"onEmpty": "pass"}, "", "1", Outcome.PASSED, "no value on green"),
    "no value beside, which passes": (TWICE | {"onEmpty": "pass"}, "9", "", Outcome.PASSED, "9 on green"),
    "no value beside, over a ceiling": (CEILING | {"onEmpty": "pass"}, "9", "", Outcome.FAILED, "9 on green"),
    "no value beside, which fails": (TWICE | {"onEmpty": "fail"}, "1", "", Outcome.FAILED, "no value on blue"),
    "the baseline": (TWICE | {"against": "baseline"}, "9", "1", Outcome.FAILED, "ratio 9 (at most 2 times baseline;"),
}


def answer(text: str) -> Answer:
    return value(text) if text else EMPTY


@pytest.mark.parametrize("case", COMPARED)
def test_compares_with_another_side(case: str) -> None:
    keys, green, blue, outcome, text = COMPARED[case]
    finding, way = measured(keys | {"query": "rate(x{color='{{color}}'})"}, [answer(green), answer(blue)])
    assert finding.outcome is outcome
    assert text in finding.text
    assert queries(way) == ["rate(x{color='green'})", "rate(x{color='blue'})"]
    assert finding.text.endswith("; query: rate(x{color='green'})")


def test_both_sides_are_asked_at_one_instant_of_prometheus_own_clock() -> None:
    instants = [prometheus([{"metric": {}, "value": [1760000000.1 + number, "1"]}]) for number in range(4)]
    _, way = measured(TWICE | {"count": 2}, instants)
    asked = [parse_qs(urlsplit(path).query).get("time") for _, path, _ in way.asked]
    assert asked == [None, ["1760000000.100"], None, ["1760000002.100"]]


def test_every_measurement_is_told_with_both_values() -> None:
    finding, _ = measured(TWICE | {"count": 2, "failureLimit": 1}, [value("6"), value("2"), value("3"), value("2")])
    assert finding.outcome is Outcome.PASSED
    told = "6 on green against 2 on blue, ratio 3; 3 on green against 2 on blue, ratio 1.5 (at most 2 times stable; "
    assert finding.text.startswith(f"metric errors: {told}1 of 2 measurements out of bounds, 1 may be)")


def test_what_cannot_be_asked_of_the_other_side_is_told_by_its_query() -> None:
    finding, way = measured(TWICE | {"query": "x{{color}}"}, [value("1"), BAD] * 5)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.text.endswith("parse error, 5 times in a row; query: xblue")
    assert queries(way) == ["xgreen", "xblue"] * 5


NUMBERS = st.floats(min_value=0, max_value=1e9)


@given(NUMBERS, NUMBERS, NUMBERS, st.floats(min_value=1, max_value=100), st.floats(min_value=0, max_value=1e9))
def test_less_never_exceeds_a_ratio_that_more_did_not(
    one: float, two: float, side: float, bound: float, tolerance: float
) -> None:
    less, more = sorted([one, two])
    keys = {"query": "x", "against": "stable", "maxRatio": bound, "tolerance": tolerance}
    metric = Metric.model_validate(keys)
    if Measurement(more, side).outcome(metric) is Outcome.PASSED:
        assert Measurement(less, side).outcome(metric) is Outcome.PASSED


@given(NUMBERS, NUMBERS)
def test_a_ratio_is_that_of_the_values(value: float, side: float) -> None:
    ratio = Measurement(value, side).ratio
    assert ratio is not None
    assert ratio * side == pytest.approx(value, rel=1e-9, abs=1e-300) if side else ratio == (math.inf if value else 1)
