"""A way to something that answers as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.reach import Answer, CannotAskError


@dataclass
class Way:
    """Gives or raises `answers` in turn, each `seconds` after it was asked; the last one again and again."""

    answers: Iterable[Answer | CannotAskError]
    seconds: float = 0.0
    asked: list[tuple[float, str, Mapping[str, str]]] = field(default_factory=list)

    async def __call__(self, path: str, headers: Mapping[str, str], _: float) -> Answer:
        self.asked.append((asyncio.get_running_loop().time(), path, headers))
        answers = list(self.answers)
        number = len(self.asked)
        await asyncio.sleep(self.seconds)
        answer = answers[min(number, len(answers)) - 1]
        if isinstance(answer, CannotAskError):
            raise answer
        return answer


def prometheus(result: Any, kind: str = "vector") -> Answer:
    """What Prometheus answers to an instant query (prometheus.io, "HTTP API")."""
    return Answer(200, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}))


def value(text: str) -> Answer:
    """The same, of a single value."""
    return prometheus([{"metric": {}, "value": [1760000000.123, text]}])
