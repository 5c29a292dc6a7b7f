"""A load on the color, so that its metrics have something to tell."""

from __future__ import annotations

import asyncio
from collections import Counter

from components.gates.findings import Finding, Outcome
from components.gates.settings import Load
from components.reach import Answer, Ask

TIMEOUT_SECONDS = 5.0


async def load(settings: Load, ask: Ask) -> Finding:
    """Send requests at a steady rate, whatever the answers are; it passes if anything answers at all."""
    await ask(settings.path, settings.headers, TIMEOUT_SECONDS)  # what cannot be asked at all shows here
    clock = asyncio.get_running_loop().time
    begin = clock()
    requests: list[asyncio.Task[Answer]] = []
    for number in range(settings.rate * settings.seconds):
        await asyncio.sleep(begin + number / settings.rate - clock())
        requests.append(asyncio.create_task(ask(settings.path, settings.headers, TIMEOUT_SECONDS)))
    answers: list[Answer] = await asyncio.gather(*requests)
    counts = Counter(str(answer.status) if not answer.error else "no answer" for answer in answers)
    told = ", ".join(f"{times} {what}" for what, times in sorted(counts.items()))
    outcome = Outcome.INCONCLUSIVE if set(counts) == {"no answer"} else Outcome.PASSED
    return Finding(outcome, f"load: GET {settings.path} at {settings.rate}/s for {settings.seconds} s: {told}")
