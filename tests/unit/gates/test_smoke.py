"""What the answers to a smoke test's requests come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest

from components.gates.findings import Finding, Outcome
from components.gates.settings import Smoke
from components.gates.smoke import asked, smoke
from components.reach import Answer
from tests.unit.clock import in_no_time
from tests.unit.gates.asks import Way

OK, ERROR, REFUSED = Answer(200, "hello"), Answer(500, "oops"), Answer(error="refused")
FIVE = {"count": 5, "deadlineSeconds": 60}


def judged(keys: dict[str, Any], answers: Iterable[Answer | None]) -> Finding:
    async def given() -> AsyncIterator[Answer]:
        for answer in answers:
            if answer is None:
                await asyncio.Event().wait()
            else:
                yield answer

    async def judge() -> Finding:
        async with asyncio.timeout(3600):
            test = Smoke.model_validate({"path": "/", **keys})
            return await smoke("home", test, given(), seconds=test.deadline_seconds)

    return in_no_time(judge())


# keys, answers (None: the rest never comes), outcome, a part of what is said
JUDGED: dict[str, tuple[dict[str, Any], Sequence[Answer | None], Outcome, str]] = {
    "the status expected": ({}, [OK], Outcome.PASSED, "smoke home: GET / via proxy: 1 of 1 requests answered 200"),
    "another status": ({}, [ERROR], Outcome.FAILED, "1 of 1 requests failed, 0 may: status 500, expected 200"),
    "a status of one's own": ({"status": 500}, [ERROR], Outcome.PASSED, "answered 500"),
    "a body somewhere": ({"body": "l{2}o$"}, [OK], Outcome.PASSED, "answered 200"),
    "another body": ({"body": "^ello"}, [OK], Outcome.FAILED, "the body has no match of '^ello': 'hello'"),
    "a long body": ({"body": "b"}, [Answer(200, "a" * 81)], Outcome.FAILED, f"'{'a' * 77}...'"),
    "the right body of the wrong status": ({"body": "oops"}, [ERROR], Outcome.FAILED, "status 500"),
    "no answer": ({}, [REFUSED], Outcome.FAILED, "no answer (refused)"),
    "one of ten": ({"count": 10}, [OK] * 9 + [ERROR], Outcome.FAILED, "1 of 10 requests failed, 0 may"),
    "one of ten, which may": (
        {"count": 10, "allowedFailures": 1},
        [ERROR] + [OK] * 9,
        Outcome.PASSED,
        "9 of 10 requests answered 200, 1 of 1 allowed failures (status 500, expected 200)",
    ),
    "one more than may": (
        {"count": 10, "allowedFailures": 2},
        [OK, ERROR, REFUSED, ERROR],
        Outcome.FAILED,
        "3 of 4 requests failed, 2 may: status 500, expected 200 (2 times); no answer (refused)",
    ),
    "too late": (
        FIVE,
        [OK, OK, None],
        Outcome.FAILED,
        "3 of 5 requests failed, 0 may: not answered within 60 s (3 times)",
    ),
    "never": ({}, [None], Outcome.FAILED, "1 of 1 requests failed, 0 may: not answered within 60 s"),
    "too late, which may be": (
        FIVE | {"allowedFailures": 3},
        [OK, ERROR, OK, None],
        Outcome.PASSED,
        "2 of 5 requests answered 200, 3 of 3 allowed failures (status 500, expected 200;",
    ),
    "too late for one more than may": (
        FIVE | {"allowedFailures": 2},
        [OK, ERROR, OK, None],
        Outcome.FAILED,
        "3 of 5 requests failed, 2 may: status 500, expected 200; not answered within 60 s (2 times)",
    ),
    "fewer than were asked for": (
        FIVE | {"allowedFailures": 4},
        [OK, ERROR],
        Outcome.INCONCLUSIVE,
        "of 5 requests only 2 answers were seen",
    ),
    "fewer, and one more than may": (FIVE, [OK, ERROR], Outcome.FAILED, "1 of 2 requests failed, 0 may"),
}


@pytest.mark.parametrize("case", JUDGED)
def test_judges_what_was_answered(case: str) -> None:
    keys, answers, outcome, text = JUDGED[case]
    finding = judged(keys, answers)
    assert finding.outcome is outcome
    assert text in finding.text


def test_without_a_deadline_answers_come_when_they_come() -> None:
    test = Smoke.model_validate({"path": "/", "count": 3, "deadlineSeconds": 1})
    finding = in_no_time(smoke("home", test, asked(test, Way([OK], seconds=600)), seconds=None))
    assert finding.outcome is Outcome.PASSED


def test_sends_as_many_as_it_says_one_after_the_other() -> None:
    test = Smoke.model_validate({"path": "/a", "count": 3, "headers": {"X-Test": "1"}})
    way = Way([OK], seconds=2)
    assert in_no_time(smoke("home", test, asked(test, way), seconds=60)).outcome is Outcome.PASSED
    assert way.asked == [(second, "/a", {"X-Test": "1"}) for second in (0, 2, 4)]


def test_sends_no_more_once_too_many_have_failed() -> None:
    test = Smoke.model_validate({"path": "/", "count": 9, "allowedFailures": 1})
    way = Way([ERROR])
    assert in_no_time(smoke("home", test, asked(test, way), seconds=60)).outcome is Outcome.FAILED
    assert len(way.asked) == 2
