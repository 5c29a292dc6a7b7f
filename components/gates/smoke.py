"""Smoke tests: requests to the color before anyone else's reach it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator

from components.gates.findings import Finding, Outcome
from components.gates.settings import Smoke
from components.reach import Answer, Ask


async def smoke(name: str, test: Smoke, answers: AsyncIterator[Answer], *, seconds: float | None) -> Finding:
    """Judge the answers to a smoke test's requests, until too many have failed or `seconds` have passed."""
    head = f"smoke {name}: GET {test.path} via {test.via}"
    wrong: Counter[str] = Counter()
    asked = late = 0
    try:
        async with asyncio.timeout(seconds):
            async for answer in answers:
                asked += 1
                if reason := fault(test, answer):
                    wrong[reason] += 1
                if wrong.total() > test.allowed_failures:
                    break
    except TimeoutError:
        late = test.count - asked
        wrong[f"not answered within {seconds:g} s"] += late
    told = "; ".join(f"{reason} ({times} times)" if times > 1 else reason for reason, times in wrong.items())
    if wrong.total() > test.allowed_failures:
        counted = f"{wrong.total()} of {asked + late} requests failed, {test.allowed_failures} may"
        return Finding(Outcome.FAILED, f"{head}: {counted}: {told}")
    if asked + late < test.count:
        return Finding(Outcome.INCONCLUSIVE, f"{head}: of {test.count} requests only {asked} answers were seen")
    kept = f", {wrong.total()} of {test.allowed_failures} allowed failures ({told})" if wrong else ""
    good = test.count - wrong.total()
    return Finding(Outcome.PASSED, f"{head}: {good} of {test.count} requests answered {test.status}{kept}")


def fault(test: Smoke, answer: Answer) -> str | None:
    """Say what is wrong with an answer; None if nothing is."""
    if answer.error:
        return f"no answer ({answer.error})"
    if answer.status != test.status:
        return f"status {answer.status}, expected {test.status}"
    if test.body is not None and not re.search(test.body, answer.body):
        return f"the body has no match of {test.body!r}: {_start(answer.body)!r}"
    return None


async def asked(test: Smoke, ask: Ask) -> AsyncIterator[Answer]:
    """Send a smoke test's requests, one after the other."""
    for _ in range(test.count):
        yield await ask(test.path, test.headers, test.timeout_seconds)


def _start(body: str) -> str:
    return body if len(body) <= 80 else f"{body[:77]}..."
