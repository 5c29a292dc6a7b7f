"""What has been released: the engine's own history, with the updates of one release put together.

The engine notes with each `up` the configuration that it was run with, so that the history tells where every app was to
stand after it, and the note of a release (`release.began`) which updates belong together. Updates by hand stand for
themselves. Which checks there were, and what they measured, the journal tells where there is one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import groupby
from typing import Any, TypeVar

import msgspec
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from components.color import Color
from components.config import load
from components.errors import ConfigError
from components.plan import StackPlan, WorkloadPlan
from components.planner import plan
from components.position import position
from components.schema import PositionKeys
from cutover.crew import Crew, Trees
from cutover.engine import decoded
from cutover.errors import RefusedError
from cutover.journal import Check, Event, Kind, Standing, percent
from cutover.release import KEY, Release, State
from cutover.report.figures import duration

Version = TypeVar("Version")


class Result(StrEnum):
    """How a release, or an update by hand, ended.

    LEFT: its last step succeeded, and no other followed, as when a driver dies; the newest one may still be under way.
    """

    DONE = "done"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    STUCK = "stuck"
    PAUSED = "paused"
    LEFT = "left"


class Running(msgspec.Struct, frozen=True):
    """Where an app of one version stands: what it runs, and what its canary does, from which ordinal on to which.

    `ordinals` are `2` or `1-2`, and "" without a canary. `paused`: its rollout stands still.
    """

    tag: str
    canary_tag: str = ""
    ordinals: str = ""
    paused: bool = False

    @classmethod
    def of(cls, plan: WorkloadPlan) -> Running:
        ordinals = ""
        if plan.canary_tag:
            first, last = plan.partition, (plan.replicas or 0) - 1
            ordinals = str(last) if first == last else f"{first}-{last}"
        return cls(plan.tag, plan.canary_tag or "", ordinals, plan.kind == "Deployment" and plan.holds)

    def __str__(self) -> str:
        canary = f" (canary {self.canary_tag} on ordinal{'s' * ('-' in self.ordinals)} {self.ordinals})"
        return self.tag + canary * bool(self.ordinals) + " (paused)" * self.paused


class Entry(msgspec.Struct, frozen=True):
    """A release, or an update by hand (`release` is ""; `verb` is then the engine's: update, refresh, destroy).

    `at` is when its first update began, as RFC 3339 in UTC, and `seconds` what it took to the end of its last.
    `before` and `after` are where each app of two colors stood and was to stand, `ran` and `runs` the same of apps of
    one version; an app is left out where its configuration is of another time or hidden. `checks` are the last findings
    on each step.
    """

    at: str
    seconds: float
    verb: str
    by: str
    message: str
    result: Result
    updates: int
    release: str
    before: dict[str, Standing]
    after: dict[str, Standing]
    ran: dict[str, Running]
    runs: dict[str, Running]
    checks: tuple[Check, ...]


class Live(msgspec.Struct, frozen=True):
    """What was live: the color, and of each app its tag and what it had under `colors.<color>`.

    `has_canary`: the other color took traffic beside it.
    """

    color: Color
    tags: dict[str, str]
    overlays: dict[str, dict[str, Any]]
    has_canary: bool = False

    @classmethod
    def of(cls, keys: Mapping[str, Any], app: str) -> Live | None:
        """What a configuration makes live of an app, or for `""` of those that share its position; None: hidden."""
        try:
            settings = load(keys)
        except ConfigError:
            return None
        of_stack = [name for name, each in settings.apps.items() if _shares(each)]
        names = ([app] if app in settings.apps else []) if app else of_stack
        if not names:
            return None
        colors = {name: position(settings.apps[name], settings) for name in names}
        color = colors[names[0]].active
        apps: Mapping[str, Any] = keys["apps"]
        return cls(
            color=color,
            tags={name: where.tags.of(color) for name, where in colors.items()},
            overlays={name: dict(apps[name].get("colors", {}).get(str(color), {})) for name in names},
            has_canary=any(where.canary_replicas or where.canary_weight for where in colors.values()),
        )

    def is_as(self, other: Live) -> bool:
        """Tell whether the apps of both run the same."""
        common = self.tags.keys() & other.tags.keys()
        parts = ((self.tags, other.tags), (self.overlays, other.overlays))
        return self.color == other.color and all(one[app] == two[app] for one, two in parts for app in common)


def read(
    updates: Iterable[Mapping[str, Any]], project: str, releases: Mapping[str, Sequence[Event]] | None = None
) -> list[Entry]:
    """Put a stack's history in the words of releases, newest first.

    Args:
        updates: what `pulumi stack history --json` has, newest first.
        project: the project, whose namespace the configuration's keys have.
        releases: the journal's events by release.
    """
    entries: list[Entry] = []
    before: _Update | None = None
    for group in reversed([*_groups(updates, project)]):
        entries.append(_entry(group, before, (releases or {}).get(group[0].release, ())))
        if group[-1].succeeded:
            before = None if group[-1].kind == "destroy" else group[-1]
    return entries[::-1]


def live_before(updates: Iterable[Mapping[str, Any]], project: str, steps: int, app: str = "") -> Live:
    """Say what was live `steps` changes of the live version ago.

    What counts is where releases, and updates by hand, have ended: one that was rolled back has changed nothing, and
    neither has one that failed. An app that is newer than that is left out.

    Args:
        updates: what `pulumi stack history --json` has, newest first; no more is taken of it than is needed.
        project: the project, whose namespace the configuration's keys have.
        steps: how far back, from 1; 0 is what is live.
        app: an app with a position of its own; "" for those that share the stack's.

    Raises:
        RefusedError: the history does not go back as far, or hides it.
    """
    versions = (Live.of(keys, app) for keys in ended(updates, project))
    return _ago(versions, steps, Live.is_as, f"{app or 'the stack'}'s history", "changes of what is live")


def ran_before(updates: Iterable[Mapping[str, Any]], project: str, steps: int, crew: Crew) -> Trees:
    """Say what apps of one version ran `steps` changes ago, as `live_before` does for those of two colors.

    Raises:
        RefusedError: the history does not go back as far, or hides it.
    """
    versions = (crew.ran(keys) for keys in ended(updates, project))
    return _ago(versions, steps, operator.eq, f"the history of {', '.join(crew.apps)}", "changes")


def ended(updates: Iterable[Mapping[str, Any]], project: str) -> Iterator[Mapping[str, Any]]:
    """Yield the project's keys with which each release, or update by hand, has ended well, newest first."""
    for group in _groups(updates, project):
        yield from [update.keys for update in reversed(group) if update.succeeded and update.kind == "update"][:1]


def config_of(update: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration that an update was run with, by full key, decoded; None where a secret hides it."""
    return decoded(update.get("config", {}))


@dataclass(frozen=True)
class _Update:
    """One entry of the engine's history."""

    entry: Mapping[str, Any]
    project: str

    @property
    def kind(self) -> str:
        return str(self.entry["kind"])

    @property
    def succeeded(self) -> bool:
        return bool(self.entry["result"] == "succeeded")

    @property
    def began(self) -> datetime:
        return datetime.fromisoformat(self.entry["startTime"])

    @property
    def ended(self) -> datetime:
        return datetime.fromisoformat(self.entry.get("endTime") or self.entry["startTime"])

    @property
    def keys(self) -> dict[str, Any]:
        """The project's own configuration, decoded; None where it is hidden, as it holds secrets."""
        prefix = f"{self.project}:"
        found = config_of(self.entry)
        return {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}

    @property
    def note(self) -> Release | None:
        try:
            return Release.of_note(self.keys.get(KEY) or {})
        except RefusedError:
            return None

    @property
    def release(self) -> str:
        return self.note.began if self.note else ""

    @property
    def by(self) -> str:
        """Who ran it, as far as the engine noted that."""
        if self.note:
            return self.note.by
        noted = self.entry.get("environment", {})
        return str(noted.get("git.author") or noted.get("git.committer") or "")

    @cached_property
    def plan(self) -> StackPlan | None:
        """What its configuration means; None where that is hidden, or of another Cutover's time."""
        try:
            return plan(load(self.keys), owner=self.project)
        except (ConfigError, LookupError):
            return None

    @property
    def standing(self) -> dict[str, Standing]:
        """Where its configuration puts each app of two colors."""
        return {
            app.name: Standing(
                active=str(app.active.color),
                tags={str(color): app.colors[color].tag for color in Color},
                share=app.share,
                percent=percent(app.share),
            )
            for app in (self.plan.apps if self.plan else ())
        }

    @property
    def running(self) -> dict[str, Running]:
        """Where its configuration puts each app of one version."""
        return {app.name: Running.of(app) for app in (self.plan.workloads if self.plan else ())}


def _shares(app: Any) -> bool:
    """Tell whether an app stands where the stack does."""
    return all(getattr(app, key) is None for key in PositionKeys.model_fields)


def _groups(updates: Iterable[Mapping[str, Any]], project: str) -> Iterator[list[_Update]]:
    """Yield the updates of each release together, the newest release first; one by hand by itself."""
    newest_first = enumerate(_Update(update, project) for update in updates)
    for _, group in groupby(newest_first, key=lambda each: each[1].release or each[0]):
        yield [update for _, update in group][::-1]


def _ago(
    versions: Iterable[Version | None],
    steps: int,
    is_as: Callable[[Version, Version], bool],
    whose: str,
    changes: str,
) -> Version:
    """Return the version of `steps` changes ago, of versions newest first. Raises RefusedError."""
    found: list[Version] = []
    for version in versions:
        if version and not (found and is_as(version, found[-1])):
            found.append(version)
        if len(found) > steps:
            return found[-1]
    known = max(len(found) - 1, 0)
    raise RefusedError(f"{whose} goes back {known} {changes}, not {steps}; `cutover history` lists them")


def _entry(group: Sequence[_Update], before: _Update | None, events: Sequence[Event]) -> Entry:
    first, last = group[0], group[-1]
    note = first.note
    return Entry(
        at=first.entry["startTime"],
        seconds=(last.ended - first.began).total_seconds(),
        verb=note.verb if note else first.kind,
        by=first.by,
        message=first.entry.get("message", ""),
        result=_result(last, events),
        updates=len(group),
        release=first.release,
        before=before.standing if before else {},
        after=last.standing,
        ran=before.running if before else {},
        runs=last.running,
        checks=tuple(check for event in events for check in event.checks),
    )


_ENDS = {
    Kind.DONE: Result.DONE,
    Kind.ROLLED_BACK: Result.ROLLED_BACK,
    Kind.STUCK: Result.STUCK,
    Kind.PAUSED: Result.PAUSED,
    Kind.INTERRUPTED: Result.LEFT,
}


def _result(last: _Update, events: Sequence[Event]) -> Result:
    """Say how a group ended: the journal knows, and else its last update tells as much as it can."""
    if events and events[-1].kind in _ENDS:
        return _ENDS[events[-1].kind]
    if last.note and last.note.state is State.BACK:
        return Result.ROLLED_BACK if last.succeeded else Result.STUCK
    if not last.succeeded:
        return Result.FAILED
    return Result.DONE if last.note is None or last.note.is_last else Result.LEFT


# --- for a terminal


@dataclass(frozen=True)
class Picture:
    """A history as rich draws it, newest first; times are of this machine's zone."""

    entries: Sequence[Entry]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        if not self.entries:
            yield Text("Nothing has been released yet.")
            return
        to = "->" if options.ascii_only else "→"
        table = Table(
            "when", "took", "what", "by", "result", "position", box=None, pad_edge=False, padding=(0, 2, 0, 0)
        )
        for entry in self.entries:
            good = entry.result is Result.DONE
            table.add_row(
                f"{datetime.fromisoformat(entry.at).astimezone():%Y-%m-%d %H:%M}",
                duration(entry.seconds),
                Text(entry.verb),
                Text(entry.by),
                Text(entry.result, "green" if good else "red"),
                Text("\n").join(_lines(entry, to)),
            )
        yield table


def _lines(entry: Entry, to: str) -> Iterator[Text]:
    """What became of each app, and what the checks found."""
    before: Mapping[str, Standing | Running] = {**entry.before, **entry.ran}
    after: Mapping[str, Standing | Running] = {**entry.after, **entry.runs}
    lines = {name: _moved(before.get(name), after[name], to) for name in after}
    for text in dict.fromkeys(lines.values()):
        yield Text(f"{', '.join(name for name in lines if lines[name] == text)}: {text}")
    if not lines:
        yield Text(entry.message, "dim")
    for check in entry.checks:
        if check.outcome != "passed" or check.values:
            yield Text(f"{check.outcome}: {check.text}", "dim" if check.outcome == "passed" else "red")


def _moved(before: Standing | Running | None, after: Standing | Running, to: str) -> str:
    return str(after) if before is None or before == after else f"{before} {to} {after}"
