"""What the next `up` of one stack or more means, as one comment of a pull request, in GitHub's Markdown.

What a reviewer must see is never cut. What is folded away, the order and the raw diff, gets the room that is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, Final, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape

from cutover import diff
from cutover.dangers import GRAVE
from cutover.engine import Answer
from cutover.errors import RefusedError
from cutover.markdown import escaped, fenced
from cutover.plan import AppChange, Plan, cells, order, read, told
from cutover.rollouts import Version, WorkloadChange

MARKER: Final = "<!-- cutover -->"
"""What the comment begins with, so that the next one can take its place."""
LIMIT: Final = 65_536
"""The most characters that GitHub takes."""
_LINE: Final = 300
_REASON_LINES: Final = 60
_FRAME: Final = 1000
"""Room for what a fold is made of beside its lines."""

Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """A line of the table: what is of a color before and after."""

    app: str
    color: str
    tag: Pair
    replicas: Pair
    share: Pair


@dataclass(frozen=True)
class Stack:
    """What a stack's preview means."""

    name: str
    refused: str
    plan: Plan
    preview: Mapping[str, Any]

    @classmethod
    def of(cls, answer: Answer) -> Stack:
        preview = {} if answer.refused else answer.preview
        return cls(answer.stack, answer.refused, read(preview), preview)

    @property
    def is_still(self) -> bool:
        return self.plan.is_empty and not self.refused

    @property
    def reasons(self) -> list[list[str]]:
        """Why it is refused, in paragraphs of lines; commands are indented."""
        lines = self.refused.splitlines()
        if len(lines) > _REASON_LINES:
            lines[_REASON_LINES:] = [f"… and {len(lines) - _REASON_LINES} lines more"]
        return [[*group] for is_text, group in groupby(lines, lambda line: bool(line.strip())) if is_text]

    @property
    def is_grave(self) -> bool:
        return any(each.danger in GRAVE for each in self.plan.warnings)

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """Each with its app, or ""."""
        found = [(each.app, each.text) for each in self.plan.warnings]
        return [*found, ("", f"extra pods: {told(self.plan.cost)}")] if self._needs_more_meanwhile else found

    @property
    def headlines(self) -> dict[str, list[str]]:
        """What happens, and to which apps."""
        found: dict[str, list[str]] = {}
        for app in self._apps:
            found.setdefault(app.headline if self.is_still or not app.stays else "unchanged", []).append(app.name)
        return found

    @property
    def rows(self) -> list[Row]:
        """Of the apps that change."""
        return [row for app in self._apps if not app.stays for row in _rows(app)]

    @property
    def pods(self) -> str:
        return "" if self._needs_more_meanwhile else f"Pods: {told(self.plan.cost)}"

    @property
    def _needs_more_meanwhile(self) -> bool:
        cost = self.plan.cost
        return cost.peak > max(cost.now, cost.after)

    @property
    def _apps(self) -> Sequence[AppChange | WorkloadChange]:
        return (*self.plan.apps, *self.plan.workloads)


@dataclass(frozen=True)
class _Fold:
    """Lines that are folded away."""

    title: str
    language: str
    lines: Sequence[str]

    def fit(self, room: int) -> str:
        """Return as many of the lines as there is room for."""
        if not self.lines:
            return ""
        kept: list[str] = []
        for line in map(_short, self.lines):
            room -= len(line) + 1
            if room < _FRAME:
                break
            kept.append(line)
        cut = f" (the first {len(kept)} of {len(self.lines)} lines)" if len(kept) < len(self.lines) else ""
        summary = escape(self.title + cut)
        return f"<details><summary>{summary}</summary>\n\n{fenced(self.language, kept)}\n\n</details>\n\n"


def render(answers: Iterable[Answer]) -> str:
    """Return the comment.

    Raises:
        RefusedError: what must not be cut is more than GitHub takes.
    """
    stacks = [Stack.of(answer) for answer in answers]
    heads = [_head(stack) for stack in stacks]
    folds = [_Fold("Order", "text", [*order(stack.plan)]) for stack in stacks]
    folds += [_Fold(f"Diff: {diff.title(stack.preview)}", "diff", [*diff.lines(stack.preview)]) for stack in stacks]
    room = LIMIT - len("\n".join([MARKER, *heads]))
    if room < _FRAME * len(folds):
        raise RefusedError(
            f"The comment of {len(stacks)} stacks would have {LIMIT - room} characters before any diff, and GitHub "
            f"takes {LIMIT}; make one for fewer stacks at a time."
        )
    folded: list[str] = []
    for number, fold in enumerate(folds):
        folded.append(fold.fit(room // (len(folds) - number)))
        room -= len(folded[-1])
    parts = zip(heads, folded[: len(stacks)], folded[len(stacks) :], strict=True)
    return "\n".join([MARKER, *map("".join, parts)])


def _head(stack: Stack) -> str:
    text = _templates().get_template("comment.md").render(stack=stack)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n\n"


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("cutover"),
        autoescape=True,
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _rows(app: AppChange | WorkloadChange) -> Iterator[Row]:
    if isinstance(app, AppChange):
        for side in app.sides:
            before, after = (
                cells(pods, at, side.name) for pods, at in ((side.before, app.before), (side.after, app.after))
            )
            yield _row(
                app, side.name, (before.tag, before.pods, before.traffic), (after.tag, after.pods, after.traffic)
            )
    else:
        yield _row(
            app, "", *((_tag(side), side.count, "") if side else ("", "", "") for side in (app.before, app.after))
        )


def _row(app: AppChange | WorkloadChange, color: str, before: tuple[str, str, str], after: tuple[str, str, str]) -> Row:
    """A line; one that was not there, or will not be, is told of as it is the one time."""
    if app.before is None:
        return Row(f"{app.name} (new)", color, *zip(after, after, strict=True))
    if app.after is None:
        return Row(f"{app.name} (removed)", color, *zip(before, before, strict=True))
    return Row(app.name, color, *zip(before, after, strict=True))


def _tag(version: Version) -> str:
    return version.tag + (f", canary {version.canary}" if version.canary else "")


def _short(line: str) -> str:
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"
