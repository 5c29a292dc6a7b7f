"""The verbs: each changes the stack's configuration, runs `up`, and leaves the stack where a hand would have put it.

A release goes through its steps like this, and is noted in the configuration before each:

    write the step's position  ->  up  ->  watch  ->  pause  ->  the next step

Whatever fails there sends it back: write the old position, `up`. It may die at any point; `resume` begins with the step
that the configuration says, and doing a step twice does nothing the second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import getpass
import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml
from lightkube.resources.apps_v1 import Deployment

from components.color import Color
from components.errors import CutoverError
from components.gates.findings import Outcome
from components.kube import Cluster
from components.memory import Memory
from components.problems import Path as KeyPath
from components.problems import written
from cutover.desk import Desk
from cutover.engine import Engine
from cutover.errors import (
    DriverError,
    Exit,
    RefusedError,
    RolledBackError,
    StoppedError,
    StuckError,
    UnderWayError,
    UpFailedError,
)
from cutover.history import Live, config_of, live_before
from cutover.journal import Check, Event, Journal, Kind, Standing, percent
from cutover.position import POSITION_KEYS, Edit, Scope, leaves_of
from cutover.release import KEY, Release, State, Step
from cutover.watch import watch

WISH: Final = "wish"
_STANDS: Final = {Kind.BEGAN, Kind.MOVED, Kind.FAILED, Kind.BACK, Kind.STUCK, Kind.INTERRUPTED}
"""Events that say where traffic is."""
POLL_SECONDS = 1.0
TAKEN_UP_SECONDS = 900.0
"""For how long a wish waits for the driver at work to take it up: an `up` that it is in comes first."""


class WishedBackError(Exception):
    """Somebody has asked for the release to be aborted."""


class StepFailedError(Exception):
    """An `up`, or a check after it, has failed; the text says why."""


class Driver:
    """Drives the releases of one stack.

    Args:
        engine: the stack.
        journal: what is told of them.
        say: shown what goes on.
        agree: shown what the engine's preview says a release would do (its JSON); raises RefusedError to leave it.
        commit: whether the configuration is committed once a verb has ended.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        say: Callable[[str], None],
        agree: Callable[[Mapping[str, Any]], None] = lambda _: None,
        *,
        commit: bool = False,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._say = say
        self._agree = agree
        self._commit = commit

    def stage(self, tag: str, changes: Mapping[KeyPath, Any], app: str = "") -> Exit:
        """Run a tag on the other color, with `changes` to what the live one has; no traffic moves."""
        with self._alone():
            desk = self._free_desk()
            scope = _scope(desk, app)
            if scope.where.canary_replicas or scope.where.canary_weight:
                raise RefusedError(
                    f"A canary of {scope.where.tags.of(scope.where.active.other)} takes traffic, which no other "
                    "version may inherit. `cutover promote` promotes it, `cutover undo` drops it."
                )
            self._edit(scope.staged(tag, changes))
            self._up(f"cutover stage {tag}")
            self._committed(f"Stage {tag} on {scope.where.active.other}")
            return Exit.DONE

    def free(self, app: str = "") -> Exit:
        """End the idle color's pods."""
        with self._alone():
            scope = _scope(self._free_desk(), app)
            self._engine.change({scope.path("idleReplicas"): 0})
            self._up("cutover free")
            self._committed("Free the idle color")
            return Exit.DONE

    def promote(self, *, watch: float, app: str = "") -> Exit:
        """Move all traffic to the other color, and back if it does badly there."""
        return self._begin("promote", (Step(),), app=app, watch=watch)

    def canary(self, steps: Sequence[Step], *, pause: float | None, watch: float, app: str = "") -> Exit:
        """Move traffic to the other color step by step, and back if it does badly at one."""
        return self._begin("canary", tuple(steps), app=app, pause=pause, watch=watch)

    def undo(self, app: str = "") -> Exit:
        """Move all traffic back to the color that was live before, which needs neither gate nor analysis."""
        with self._alone():
            desk = self._free_desk()
            scope = _scope(desk, app)
            where = scope.where
            if not (where.canary_replicas or where.canary_weight):
                for name in scope.apps:
                    _refuse_unserved(desk, name, where.active.other)
            to = where.active if where.canary_replicas or where.canary_weight else where.active.other
            return self._undo(desk, to, app)

    def undo_to(self, steps: int, app: str = "") -> Exit:
        """Make live again what was live `steps` changes ago; where no color runs it any more, it is staged first."""
        with self._alone():
            desk = self._free_desk()
            scope = _scope(desk, app)
            then = live_before(self._engine.history(), self._engine.project, steps, app)
            tag = next(iter(then.tags.values()))
            where = scope.where
            if _runs(scope, where.active, then):
                raise RefusedError(f"{where.active} ({tag}) is live and runs just that.")
            if not _runs(scope, where.active.other, then):
                self._edit(scope.other_color(tag, then.overlays))
                self._up(f"cutover undo: stage {tag}")
                desk = Desk.of(self._engine)
            return self._undo(desk, where.active.other, app)

    def resume(self) -> Exit:
        """Go on with the release under way, be it paused or left by a driver that has died."""
        with self._alone():
            desk, release = self._under_way()
            self._tell(Kind.RESUMED, release, f"resumed {release.place}")
            self._unwish()
            if release.state is State.BACK:
                self._back(release, "it was on its way back")
            if release.state is State.PAUSED:
                release = release.next()
            self._write(release, desk)
            return self._run(release, desk)

    def pause(self) -> Exit:
        """Let the driver at work stop after the step that it is in."""
        self._wish("pause")
        return Exit.DONE

    def abort(self) -> Exit:
        """Take the release under way back, here or, if another driver is at work on it, there."""
        try:
            with self._alone():
                _, release = self._under_way()
                self._unwish()
                with contextlib.suppress(RolledBackError):
                    self._back(release, "aborted")
        except UnderWayError:
            self._wish("abort")
        return Exit.DONE

    def retry(self) -> Exit:
        """Begin the last release that did not end well again, from its first step."""
        events = [*self._journal.releases.values()][-1:]
        release = None
        for begun, *_, last in events:
            release = Release.of_note(begun.note) if last.kind is not Kind.DONE else None
        if release is None:
            raise RefusedError(f"The last release that {self._journal.path} tells of did not fail, or began elsewhere.")
        return self._begin(release.verb, release.steps, app=release.app, pause=release.pause, watch=release.watch)

    # --- a release from its first step to its end

    def _begin(
        self, verb: str, steps: tuple[Step, ...], *, app: str, pause: float | None = 0, watch: float = 0
    ) -> Exit:
        """Write the first step, show what it would do, and go."""
        with self._alone():
            desk = self._free_desk()
            scope = _scope(desk, app)
            for step in steps:
                scope.at(step, scope.where.active.other)
            _refuse_equal(scope)
            release = self._release(verb, scope.where.active.other, steps, app=app, pause=pause, watch=watch)
            before = self._write(release, desk)
            try:
                self._agree(self._engine.preview())
            except (RefusedError, KeyboardInterrupt):
                self._put_back(before)
                raise
            return self._run(release, desk, before)

    def _undo(self, desk: Desk, to: Color, app: str) -> Exit:
        release = self._release("undo", to, (Step(),), app=app)
        with ThreadPoolExecutor(1) as thread:  # each is a process, and the bad version is live meanwhile
            standing = thread.submit(self._standing, app)
            self._write(release, desk)
        return self._run(release, desk, standing=standing.result())

    def _release(self, verb: str, to: Color, steps: tuple[Step, ...], **more: Any) -> Release:
        return Release(verb, to, steps, began=_now(), by=_who(), **more)

    def _run(
        self,
        release: Release,
        desk: Desk,
        before: Mapping[str, Any] | None = None,
        standing: dict[str, Standing] | None = None,
    ) -> Exit:
        """Go on from the step that is written, until the release is done, paused, or back.

        `before` is what undoes the first step's write, `standing` where the apps stand if that is known.
        """
        if not any(self._journal.events(release.began)):
            self._tell(Kind.BEGAN, release, f"{release.verb} of {release.to} by {release.by}", standing)
        try:
            while True:
                self._move(release, desk)
                if release.verb != "undo":
                    desk = Desk.of(self._engine)
                    self._watch(release, desk)
                stays = self._waits(release)
                if release.is_last:
                    return self._done(release)
                if stays:
                    return self._paused(release)
                release = release.next()
                self._write(release, desk)
        except StepFailedError as error:
            self._back(release, str(error))
        except WishedBackError:
            self._back(release, "aborted")
        except (DriverError, KeyboardInterrupt) as error:
            if before is not None and release.at == 0 and isinstance(error, RefusedError):
                self._put_back(before)
                raise
            self._stop(release, f": {error}" if isinstance(error, DriverError) else "")

    def _stop(self, release: Release, reason: str) -> NoReturn:
        """Leave a release where it is."""
        self._tell(Kind.INTERRUPTED, release, f"interrupted {release.place}{reason}")
        raise StoppedError(
            f"Stopped {release.place}{reason}\nTraffic stays as it is. `cutover resume` goes on, `cutover abort` goes "
            "back."
        )

    def _move(self, release: Release, desk: Desk) -> None:
        """Put the stack at the step that is written. Raises StepFailedError."""
        self._tell(Kind.MOVING, release, f"{release.to} takes {release.step.told}")
        since, begin = _now(), time.monotonic()
        try:
            self._up(f"cutover {release.verb}: {release.to} takes {release.step.told}")
        except UpFailedError as error:
            reason = _reason(error)
            checks = self._judged(release, desk, since, reason)
            self._tell(Kind.FAILED, release, f"failed {release.place}: {reason}", checks=checks)
            raise StepFailedError(reason) from error
        seconds, checks = time.monotonic() - begin, self._judged(release, desk, since)
        self._tell(Kind.MOVED, release, f"{release.to} has {release.step.told}", seconds=seconds, checks=checks)

    def _watch(self, release: Release, desk: Desk) -> None:
        """Check the color that has got traffic. Raises StepFailedError."""
        apps = [app for app in desk.plan.apps if app.name in _scope(desk, release.app).apps]
        begin = time.monotonic()
        checks = tuple(asyncio.run(watch(apps, release.to, desk.cluster, release.watch, self._say)))
        bad = "; ".join(check.text for check in checks if check.outcome == Outcome.FAILED)
        if bad:
            self._tell(Kind.FAILED, release, f"failed {release.place}: {bad}", checks=checks)
            raise StepFailedError(bad)
        well = f"{release.to} is well with {release.step.told}"
        self._tell(Kind.CHECKED, release, well, checks=checks, seconds=time.monotonic() - begin)

    def _judged(self, release: Release, desk: Desk, since: str, reason: str = "") -> tuple[Check, ...]:
        """Return what the gate found in an `up` that began at `since`; `reason` tells what a failed one failed for."""
        apps = [app for app in desk.plan.apps if app.name in _scope(desk, release.app).apps and app.gate]
        names = [app.colors[release.to].name for app in apps]

        async def look(cluster: Cluster) -> list[Deployment | None]:
            return await asyncio.gather(*(cluster.deployment(name) for name in names))

        try:
            verdicts = [Memory.of(found).verdict for found in desk.cluster.wait_for(look)] if apps else []
        except CutoverError as error:
            self._say(f"warning: what the gate found cannot be read: {error}")
            return ()
        return tuple(
            Check(Outcome.FAILED if finding in reason else Outcome.PASSED, finding, app.name, release.to)
            for app, verdict in zip(apps, verdicts, strict=True)
            if verdict and verdict.at >= since[:19]
            for finding in verdict.findings
        )

    def _waits(self, release: Release) -> bool:
        """Wait out the pause after a step; True when the release is to stay there until somebody resumes it.

        Raises:
            WishedBackError: somebody has asked for it to be aborted.
        """
        end = time.monotonic() + (0 if release.is_last else release.pause or 0)
        while True:
            wish = self._wished()
            if wish == "abort":
                raise WishedBackError
            if wish == "pause" or release.pause is None:
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(min(POLL_SECONDS, max(0.0, end - time.monotonic())))

    def _paused(self, release: Release) -> Exit:
        self._engine.change(release.now(State.PAUSED).note())
        self._unwish()
        self._tell(Kind.PAUSED, release, f"paused {release.place}")
        self._committed(f"Pause {release.place}")
        self._say("Paused. `cutover resume` goes on, `cutover abort` goes back.")
        return Exit.PAUSED

    def _done(self, release: Release) -> Exit:
        self._engine.change({}, [KEY])
        self._tell(Kind.DONE, release, f"{release.to} has {release.step.told}")
        self._committed(f"{release.verb.capitalize()} {release.to}")
        return Exit.DONE

    def _back(self, release: Release, reason: str) -> NoReturn:
        """Take all traffic back to the old color, unless that is where the release was to lead away from for good.

        Raises:
            RolledBackError: that is where it is now.
            StuckError: that failed, too.
        """
        if release.verb == "undo":
            self._tell(Kind.STUCK, release, f"could not go back to {release.to}: {reason}")
            raise StuckError(f"{reason}\n`cutover status` shows where traffic is, `cutover resume` tries again.")
        release = release.now(State.BACK)
        self._say(f"{reason}\nGoing back to {release.old}.")
        begin = time.monotonic()
        try:
            self._write(release, Desk.of(self._engine))
            self._up(f"cutover {release.verb}: back to {release.old}")
        except UpFailedError as error:
            self._tell(Kind.STUCK, release, f"could not go back: {_reason(error)}")
            raise StuckError(
                f"{release.verb} failed ({reason}), and so did the way back to {release.old}: {_reason(error)}\n"
                "`cutover status` shows where traffic is, `cutover resume` tries the way back again."
            ) from error
        except KeyboardInterrupt:
            self._stop(release, "")
        self._tell(Kind.BACK, release, f"{release.old} has all traffic", seconds=time.monotonic() - begin)
        self._engine.change({}, [KEY])
        self._tell(Kind.ROLLED_BACK, release, f"rolled back to {release.old}: {reason}")
        self._committed(f"Roll back to {release.old}")
        raise RolledBackError(f"Rolled back to {release.old}: {reason}")

    # --- the configuration

    def _free_desk(self) -> Desk:
        """Read the stack. Raises UnderWayError when a release is under way."""
        desk = Desk.of(self._engine)
        release = Release.of_note(desk.settings.release)
        if release:
            raise UnderWayError(
                f"A {release.verb} that {release.by} began at {release.began} is {release.place}. "
                "`cutover resume` goes on with it, `cutover abort` goes back."
            )
        return desk

    def _under_way(self) -> tuple[Desk, Release]:
        """Read the stack and its release, be it that only the last `up`, from another machine, tells how far it is."""
        desk = Desk.of(self._engine)
        if self._adopt(desk):
            desk = Desk.of(self._engine)
        release = Release.of_note(desk.settings.release)
        if release is None:
            raise RefusedError("No release is under way. `cutover undo` takes back the last one.")
        return desk, release

    def _adopt(self, desk: Desk) -> bool:
        """Take over the position and the release of the last `up`, where it was further than the configuration here.

        A release that has ended has left the configuration at the position of its last `up`; how far one is that has
        not, is only known to the machine that drove it, unless its configuration was committed.
        """
        update = next(iter(self._engine.history(1)), {})
        last = Desk(self._engine, config_of(update))
        here, there = Release.of_note(desk.settings.release), Release.of_note(last.keys.get(KEY) or {})
        if there is None:
            return False
        paths = [(*(("apps", there.app) if there.app else ()), key) for key in POSITION_KEYS]
        values = {path: value for path in paths if (value := _at(last.keys, path)) is not None}
        if here is None:
            is_behind = any(_at(desk.keys, path) != value for path, value in values.items())
        else:
            is_behind = here.began == there.began and here.progress < there.progress
        if is_behind:
            self._say("The last `up` was further with a release than the configuration here; going on from there.")
            is_done = there.state is State.MOVING and update.get("result") == "succeeded"
            if is_done and there.pause is None and not there.is_last:
                there = there.now(State.PAUSED)  # a job's step
            leaves = {written(leaf): value for path in values for leaf, value in leaves_of(values[path], path)}
            self._engine.change({**leaves, **there.note()})
        return is_behind

    def _write(self, release: Release, desk: Desk) -> dict[str, Any]:
        """Write a release's note and position at once; return what was there before (None: nothing)."""
        step = Step() if release.state is State.BACK else release.step
        scope = _scope(desk, release.app)
        position = scope.at(step, release.old if release.state is State.BACK else release.to)
        before = {path: _at(scope.keys, path.split(".")) for path in position}
        self._engine.change({**release.note(), **position})
        return before

    def _edit(self, edit: Edit) -> None:
        self._engine.change(edit.values, edit.remove, edit.secret)

    def _put_back(self, before: Mapping[str, Any]) -> None:
        values = {path: value for path, value in before.items() if value is not None}
        self._engine.change(values, [KEY, *(path for path in before if path not in values)])

    def _up(self, message: str) -> None:
        """Run `up`; a lock that a process of this machine has left behind when it died does not hold it up."""
        try:
            self._engine.up(message)
        except UpFailedError as error:
            holder = re.search(r"created by \S+@(\S+) \(pid (\d+)\)", error.output)
            if not holder:
                raise
            if holder[1] != socket.gethostname() or Path(f"/proc/{holder[2]}").exists():
                raise UnderWayError(
                    f"Another `up` is at work on the stack:\n{error.output.strip()}\nWait until it has ended, then "
                    "`cutover resume`."
                ) from error
            self._engine.cancel()
            self._engine.up(message)

    def _committed(self, message: str) -> None:
        if not self._commit:
            return
        file = str(self._engine.file.name)
        for command in (
            ["git", "add", "--", file],
            ["git", "commit", "--quiet", "--allow-empty", "--message", message, "--", file],
        ):
            done = subprocess.run(command, cwd=self._engine.folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                self._say(
                    f"warning: `{shlex.join(command)}` ended with {done.returncode}: {done.stderr or done.stdout}"
                )
                return

    # --- two drivers

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only driver of the stack on this machine. Raises UnderWayError, naming the other one."""
        self._journal.folder.mkdir(parents=True, exist_ok=True)
        with (self._journal.folder / "driver.lock").open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise UnderWayError(
                    f"{lock.read().strip()} is at work on stack {self._engine.stack}. `cutover status --watch` shows "
                    "it, `cutover pause` and `cutover abort` reach it."
                ) from None
            lock.truncate(0)
            lock.write(f"{_who()} (pid {os.getpid()}, since {_now()})")
            lock.flush()
            yield

    def _wish(self, wish: str) -> None:
        """Ask the driver at work for something, and wait until it has done it."""
        _, release = self._under_way()
        if release.state is State.PAUSED:
            raise RefusedError(f"The release is paused {release.place}; nobody is at work on it.")
        self._engine.change({f"{KEY}.{WISH}": wish})
        self._say(f"Asked for: {wish}. It is taken up after the `up` that may be running.")
        give_up = time.monotonic() + TAKEN_UP_SECONDS
        while self._wished() == wish:
            if time.monotonic() > give_up:
                raise RefusedError(f"nobody has taken it up within {TAKEN_UP_SECONDS:.0f} s; `cutover resume` goes on")
            time.sleep(POLL_SECONDS)

    def _wished(self) -> str | None:
        """What somebody has asked for, read straight from the file: it is asked often."""
        written = yaml.safe_load(self._engine.file.read_text(encoding="utf-8")) or {}
        note = (written.get("config") or {}).get(f"{self._engine.project}:{KEY}") or {}
        return note.get(WISH)

    def _unwish(self) -> None:
        if self._wished():
            self._engine.change({}, [f"{KEY}.{WISH}"])

    # --- the journal

    def _tell(
        self, kind: Kind, release: Release, text: str, standing: dict[str, Standing] | None = None, **more: Any
    ) -> None:
        self._say(text[:1].upper() + text[1:])
        is_first = not any(self._journal.events(release.began))
        if standing is None:
            standing = self._standing(release.app) if kind in _STANDS or is_first else {}
        self._journal.tell(
            Event(
                at=_now(),
                release=release.began,
                stack=self._engine.stack,
                verb=release.verb,
                kind=kind,
                text=text,
                by=_who(),
                step=release.at + 1,
                steps=len(release.steps),
                standing=standing,
                note=_plain(release) if is_first else {},
                **more,
            )
        )

    def _standing(self, app: str) -> dict[str, Standing]:
        """Where the apps stand, as the stack's outputs have it."""
        found: dict[str, Standing] = {}
        for name, output in self._engine.outputs().items():
            if isinstance(output, dict) and "activeColor" in output and app in {"", name}:
                share = str(output["otherShare"])
                found[name] = Standing(output["activeColor"], output["imageTag"], share, percent(share))
        return found


def _scope(desk: Desk, app: str) -> Scope:
    return Scope(desk.settings, desk.keys, app, desk.secrets)


def _at(keys: Mapping[str, Any], path: Sequence[Any]) -> Any:
    """What stands at a path; None where there is nothing."""
    found: Any = keys
    for part in path:
        found = (found or {}).get(part)
    return found


def _refuse_equal(scope: Scope) -> None:
    """Refuse a release of what is live already."""
    tags, active = scope.where.tags, scope.where.active
    if tags.of(active) == tags.of(active.other) and all(
        app.pod(active) == app.pod(active.other) for app in scope.apps.values()
    ):
        raise RefusedError(
            f"{active.other} runs what {active} runs, {tags.of(active)}: there is nothing to release. Stage a version "
            "first: `cutover stage TAG`"
        )


def _runs(scope: Scope, color: Color, version: Live) -> bool:
    """Tell whether a color runs a version that was live."""
    overlays = {name: scope.overlay(name, color) for name in scope.apps if name in version.overlays}
    return {scope.where.tags.of(color)} == set(version.tags.values()) and overlays == version.overlays


def _refuse_unserved(desk: Desk, name: str, color: Color) -> None:
    """Refuse to go back to what has never been live."""
    (app,) = (app for app in desk.plan.apps if app.name == name)
    plan = app.colors[color]
    memory = Memory.of(desk.cluster.wait_for(lambda here: here.deployment(plan.name)))
    if memory.served != plan.template_hash:
        raise RefusedError(
            f"{name}: {color} ({plan.tag}) has not been live as it is now, so there is nothing to go back to there. "
            "`cutover history` lists what was live, `cutover undo --to N` goes back to it."
        )


def _reason(error: UpFailedError) -> str:
    """What an `up` said of its failure."""
    errors = re.findall(r"^ *error: (.+(?:\n(?! *(?:error|warning|info):| *$).+)*)", error.output, re.MULTILINE)
    return "\n".join(dict.fromkeys(errors)) or error.output.strip()[-2000:]


def _plain(release: Release) -> dict[str, str]:
    return {path.removeprefix(f"{KEY}."): value for path, value in replace(release, at=0).note().items()}


def _who() -> str:
    """Who is at work: the one who started the pipeline, else the user, and on which machine."""
    return f"{os.environ.get('GITHUB_ACTOR') or getpass.getuser()}@{socket.gethostname()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
