"""A load goes at its rate, whatever the answers."""

from __future__ import annotations

import pytest

from components.gates.findings import Outcome
from components.gates.load import load
from components.gates.settings import Load
from components.reach import Answer, CannotAskError
from tests.unit.clock import in_no_time
from tests.unit.gates.asks import Way

SETTINGS = Load.model_validate({"path": "/work", "rate": 4, "seconds": 2, "headers": {"X-Test": "1"}})
OK, ERROR, NONE = Answer(200), Answer(500), Answer(error="refused")
AWAY, FORBIDDEN = CannotAskError("away"), CannotAskError("forbidden")


@pytest.mark.parametrize(
    ("answers", "outcome", "told"),
    [
        ([OK], Outcome.PASSED, "8 200"),
        ([ERROR], Outcome.PASSED, "8 500"),
        ([OK, OK, ERROR, NONE, OK], Outcome.PASSED, "6 200, 1 500, 1 no answer"),
        ([OK] * 5 + [NONE], Outcome.PASSED, "4 200, 4 no answer"),
        ([OK] * 4 + [NONE], Outcome.INCONCLUSIVE, "3 200, 5 no answer"),
        ([NONE], Outcome.INCONCLUSIVE, "8 no answer"),
        ([OK, AWAY, ERROR], Outcome.PASSED, "7 500, 1 not asked (away)"),
        ([OK] * 4 + [NONE, AWAY, AWAY, FORBIDDEN, OK], Outcome.PASSED, "4 200, 1 no answer, 2 not asked (away), 1 not"),
        ([OK] * 4 + [NONE, AWAY, AWAY, FORBIDDEN], Outcome.INCONCLUSIVE, "2 not asked (away), 2 not asked (forbidden)"),
        ([OK, AWAY], Outcome.INCONCLUSIVE, "8 not asked (away)"),
    ],
)
def test_counts_what_was_answered(answers: list[Answer | CannotAskError], outcome: Outcome, told: str) -> None:
    finding = in_no_time(load("load", SETTINGS, Way(answers)))
    assert finding.outcome is outcome
    assert finding.text.startswith("load: GET /work at 4/s for 2 s: ")
    assert told in finding.text


@pytest.mark.parametrize("seconds", [0.0, 1.7])
def test_slow_answers_do_not_slow_it_down(seconds: float) -> None:
    way = Way([OK], seconds)
    in_no_time(load("load", SETTINGS, way))
    # one request before it starts, which shows whether anything can be asked at all
    assert [time for time, *_ in way.asked] == pytest.approx([0, *(seconds + number / 4 for number in range(8))])
    assert {(path, headers["X-Test"]) for _, path, headers in way.asked} == {("/work", "1")}


def test_does_not_start_where_nothing_can_be_asked() -> None:
    way = Way([FORBIDDEN])
    with pytest.raises(CannotAskError, match="forbidden"):
        in_no_time(load("load", SETTINGS, way))
    assert len(way.asked) == 1
