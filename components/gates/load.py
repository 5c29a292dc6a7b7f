"""A load on the color, so that its metrics have something to tell."""

from __future__ import annotations

import asyncio
from collections import Counter

from components.gates.findings import Finding, Outcome
from components.gates.settings import Load
from components.reach import Ask, CannotAskError

TIMEOUT_SECONDS = 5.0


async def load(head: str, settings: Load, ask: Ask) -> Finding:
    """Send requests at a steady rate, whatever the answers are; it passes if at least half of them get one.

    Fewer would leave the metrics, which are to judge it, too little to go by.

    Raises:
        CannotAskError: not even the one request before it could be asked.
    """
    await ask(settings.path, settings.headers, TIMEOUT_SECONDS)
    clock = asyncio.get_running_loop().time
    begin = clock()
    requests: list[asyncio.Task[tuple[bool, str]]] = []
    for number in range(settings.rate * settings.seconds):
        await asyncio.sleep(begin + number / settings.rate - clock())
        requests.append(asyncio.create_task(_answered(settings, ask)))
    answers = await asyncio.gather(*requests)
    counts = Counter(what for _, what in answers)
    told = ", ".join(f"{times} {what}" for what, times in sorted(counts.items()))
    half = 2 * sum(answered for answered, _ in answers) >= len(answers)
    outcome = Outcome.PASSED if half else Outcome.INCONCLUSIVE
    return Finding(outcome, f"{head}: GET {settings.path} at {settings.rate}/s for {settings.seconds} s: {told}")


async def _answered(settings: Load, ask: Ask) -> tuple[bool, str]:
    """Send a request, and tell whether and what was answered."""
    try:
        answer = await ask(settings.path, settings.headers, TIMEOUT_SECONDS)
    except CannotAskError as error:
        return False, f"not asked ({error})"
    return (False, "no answer") if answer.error else (True, str(answer.status))
