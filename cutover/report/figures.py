"""How figures are written in a report."""

from __future__ import annotations

import math
from datetime import datetime


def duration(seconds: float) -> str:
    """Write a duration as a person would say it: 4.2 s, 38 s, 4 min 05 s, 2 h 05 min, 3 d 4 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def clock(seconds: float) -> str:
    """Write the time since a release began: 0:07, 12:30, 2:05:00."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02}"
    return f"{whole // 3600}:{minutes:0>5}" if whole >= 3600 else minutes


def percent(share: float) -> str:
    """Write a share; a small one keeps the digits that tell it from none, a large one those that tell it from all."""
    text = f"{share:.0f}"
    if text in {"0", "100"} and share not in {0, 100}:
        text = f"{share:.2f}" if share < 99.995 else ">99.99"
    return f"{text}%"


def number(value: float) -> str:
    """Write a measured value to four digits."""
    return f"{value:.4g}"


def moment(at: datetime) -> str:
    """Write a time to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def ceiling(value: float) -> float:
    """The next of 1, 2, 2.5 and 5 with zeros, for the end of an axis."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if value <= step * power * (1 + 1e-9))
