"""What a play came to, in the tables of docs/strategies.md. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from bench.answers import Answers
from bench.strategies.cookbook import Recipe
from bench.strategies.plays import BACK
from bench.strategies.run import READY, STARTING, Mark, Seen
from bench.watch import Counts

BLINK: Final = 0.1
"""Seconds."""

_STEPS = ("", "takes, s", "answered by", "failed / requests", "p50 / p99, ms", "pods ready", "pods at most")
_ALL = (
    "",
    "for",
    "both versions answer",
    "failed / requests",
    "p99, ms",
    "pods ready, at least",
    "pods more, at most",
    "release, s",
    "back, s",
)


def steps(seen: Seen) -> str:
    """A row for every step, each of which lasts until the next one begins."""
    windows = pairwise([mark.begin for mark in seen.marks] + [seen.end])
    return _table(_STEPS, (_step(seen, mark, *window) for mark, window in zip(seen.marks, windows, strict=True)))


def comparison(plays: Mapping[str, Seen], recipes: Mapping[str, Recipe]) -> str:
    """A row for every play."""
    return _table(_ALL, (_row(seen, recipes[stack]) for stack, seen in plays.items()))


def _step(seen: Seen, mark: Mark, begin: float, end: float) -> list[str]:
    each = {group: answers.between(begin, end) for group, answers in seen.answers.items()}
    pods = [counts.between(begin, end) for counts in seen.pods.values()]
    return [
        mark.step.wish + (", and Ctrl-C" if mark.step.interrupt else ""),
        f"{mark.end - mark.begin:.1f}",
        "; ".join(f"{group}: {_by(answers)}" if len(each) > 1 else _by(answers) for group, answers in each.items()),
        failed(each.values()),
        latency(each.values()),
        ", ".join(f"{min(ready(counts))} to {max(ready(counts))}" for counts in pods),
        ", ".join(f"{max(there(counts))}" for counts in pods),
    ]


def _row(seen: Seen, recipe: Recipe) -> list[str]:
    answers = seen.answers.values()
    sizes = [ready(counts.between(seen.begin))[0] for counts in seen.pods.values()]
    least = [min(ready(counts)) for counts in seen.pods.values()]
    more = [max(there(counts)) - size for counts, size in zip(seen.pods.values(), sizes, strict=True)]
    on, back = [[mark for mark in seen.marks if (mark.step.wish in BACK) is way] for way in (False, True)]
    return [
        f"[{recipe.title}](#{anchor(recipe.title)})",
        recipe.use,
        both(seen),
        failed(answers),
        f"{_joined(answers).latency(0.99) * 1000:.0f}",
        ", ".join(f"{few} of {size}" for few, size in zip(least, sizes, strict=True)),
        f"{sum(more)}",
        f"{sum(mark.end - mark.begin for mark in on):.0f}",
        f"{sum(mark.end - mark.begin for mark in back):.0f}",
    ]


def both(seen: Seen) -> str:
    """For how long users got either version: as long as one likes, if they still did when a line had done its work."""
    users = next(iter(seen.answers.values()))
    pauses = zip(seen.marks, [mark.begin for mark in seen.marks[1:]] + [seen.end], strict=True)
    if any(len(users.between((mark.end + until) / 2, until).versions) > 1 for mark, until in pauses):
        return "until you go on"
    mixed = sum(switch.overlap for switch in users.switches())
    return f"{mixed:.1f} s" if mixed >= 0.05 else "never"


def ready(counts: Counts) -> list[int]:
    return [_sum(state.colors, READY) for state in counts.states]


def there(counts: Counts) -> list[int]:
    """Pods that are not ending; what lasts no longer than a `BLINK` is not told, as Kubernetes writes one by one."""
    ends = [state.at for state in counts.states[1:]] + [math.inf]
    lasting = [state for state, end in zip(counts.states, ends, strict=True) if end - state.at > BLINK]
    return [_sum(state.colors, READY, STARTING) for state in lasting]


def failed(each: Iterable[Answers]) -> str:
    every = list(each)
    errors = sum((answers.errors for answers in every), Counter[str]())
    kinds = f" ({', '.join(f'{count} {error}' for error, count in errors.most_common())})" if errors else ""
    return f"{errors.total():,}{kinds} / {sum(map(len, every)):,}"


def latency(each: Iterable[Answers]) -> str:
    joined = _joined(each)
    return f"{joined.latency(0.5) * 1000:.0f} / {joined.latency(0.99) * 1000:.0f}"


def anchor(title: str) -> str:
    """The link that GitHub makes of a heading."""
    return "".join(each for each in title.lower().replace(" ", "-") if each.isalnum() or each == "-")


def _joined(each: Iterable[Answers]) -> Answers:
    return Answers.of(answer for answers in each for answer in answers)


def _by(answers: Answers) -> str:
    return (
        ", ".join(f"{version} {answers.share(version).value:.0%}" for version in sorted(answers.versions)) or "nobody"
    )


def _sum(colors: Mapping[str, int], *states: str) -> int:
    return sum(count for key, count in colors.items() if key.endswith(states))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield f"|{'---|' * len(head)}"
        yield from (f"| {' | '.join(row)} |" for row in rows)

    return "\n".join(lines())
