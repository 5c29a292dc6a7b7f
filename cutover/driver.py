"""The verbs: each changes the stack's configuration, runs `up`, and leaves the stack where a hand would have put it.

A release goes through its steps like this, and is noted in the configuration before each:

    write the step's position  ->  up  ->  watch  ->  pause  ->  the next step

Whatever fails there sends it back: write the old position, `up`. It may die at any point; `resume` begins with the step
that the configuration says, and doing a step twice does nothing the second time.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from components.errors import CutoverError
from components.gates.findings import Outcome
from components.problems import Path as KeyPath
from cutover import choice
from cutover.colors import Colors
from cutover.course import Course
from cutover.desk import Desk
from cutover.edit import Edit
from cutover.engine import POLL_SECONDS, Engine
from cutover.errors import (
    DriverError,
    Exit,
    RefusedError,
    RolledBackError,
    StepFailedError,
    StoppedError,
    StuckError,
    UnderWayError,
    UpFailedError,
    WishedHeldError,
)
from cutover.helm import Helm, who
from cutover.history import config_of
from cutover.holder import Holder
from cutover.journal import Check, Event, Journal, Kind, Standing, percent
from cutover.release import KEY, Release, State, Step
from cutover.versions import Versions

_STANDS: Final = {Kind.BEGAN, Kind.MOVED, Kind.FAILED, Kind.BACK, Kind.STUCK, Kind.INTERRUPTED}
"""Events that say where traffic is."""
ABORTED: Final = "aborted"


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
        self._helm = Helm(engine, journal.folder, say)
        self._told = ""
        """The release that was told of last."""

    def stage(self, tag: str, changes: Mapping[KeyPath, Any], app: str = "") -> Exit:
        """Run a tag on the other color, with `changes` to what the live one has, or, with no pods, as a canary."""
        with self._helm:
            self._edit(choice.of_verb(self._free_desk(), app).staged(tag, changes))
            self._up(f"cutover stage {tag}")
            self._committed(f"Stage {tag}")
            return Exit.DONE

    def free(self, app: str = "") -> Exit:
        """End the idle color's pods."""
        with self._helm:
            self._engine.change({Colors(self._free_desk(), app).scope.path("idleReplicas"): 0})
            self._up("cutover free")
            self._committed("Free the idle color")
            return Exit.DONE

    def roll(self, tag: str, changes: Mapping[KeyPath, Any], *, watch: float, app: str = "") -> Exit:
        """Replace the pods of apps of one version, and put back what ran before if the new ones do badly."""
        with self._helm:
            course = Versions(self._free_desk(), app)
            crew = course.crew
            trees = crew.rolled(tag, changes)
            back = crew.back([trees], crew.ran(self._last_keys()))
            release = self._release("roll", tag, (Step(),), app=app, watch=watch, back=back)
            return self._start(release, course, crew.edit(trees), crew.back([trees]))

    def promote(self, *, watch: float, app: str = "") -> Exit:
        """Move all traffic to the other color, and back if it does badly there."""
        return self._begin("promote", (Step(),), app=app, watch=watch)

    def canary(self, steps: Sequence[Step], *, pause: float | None, watch: float, app: str = "") -> Exit:
        """Move traffic to the other color step by step, and back if it does badly at one."""
        return self._begin("canary", tuple(steps), app=app, pause=pause, watch=watch)

    def undo(self, steps: int = 0, app: str = "") -> Exit:
        """Go back to what was live `steps` changes ago; 0: from what is new now, which needs neither gate nor analysis.

        What runs nowhere any more is staged first.
        """
        with self._helm:
            course = choice.of_undo(self._free_desk(), app, self._engine.history)
            way = course.undone(steps, self._engine.history)
            release = self._release("undo", way.to, (Step(),), app=course.app, back=way.back)
            if way.first:
                self._edit(way.first)
                self._up("cutover undo: stage what is gone")
                course = self._course(release)
            with ThreadPoolExecutor(1) as thread:  # each is a process, and the bad version is live meanwhile
                standing = thread.submit(self._standing, release)
                self._write(release, way.edit)
            return self._run(release, course, standing=standing.result())

    def resume(self) -> Exit:
        """Go on with the release under way, be it paused or left by a driver that has died."""
        with self._helm:
            release = self._under_way()
            self._tell(Kind.RESUMED, release, f"resumed {release.place}")
            self._helm.unwish()
            if release.state is State.BACK:
                self._back(release, "it was on its way back")
            goes_on = release.state is State.PAUSED and not release.is_last
            release = release.next() if goes_on else release.now(State.MOVING)
            course = self._course(release)
            self._write(release, course.edit(release))
            return self._run(release, course)

    def pause(self) -> Exit:
        """Let the driver at work stop after the step that it is in."""
        self._wish("pause")
        return Exit.DONE

    def abort(self) -> Exit:
        """Take the release under way back, here or, if another driver is at work on it, there."""
        try:
            with self._helm:
                release = self._under_way()
                self._helm.unwish()
                with contextlib.suppress(RolledBackError):
                    self._back(release, ABORTED)
        except UnderWayError:
            self._wish("abort")
        return Exit.DONE

    def retry(self) -> Exit:
        """Begin the last release that did not end well again, from its first step."""
        events = [*self._journal.releases.values()][-1:]
        release = None
        for begun, *_, last in events:
            release = Release.of_note(begun.note) if last.kind is not Kind.DONE else None
        if release and release.verb == "roll":
            raise RefusedError(f"Of what was rolled only the tag is known: `cutover roll {release.to}` rolls it again.")
        if release is None:
            raise RefusedError(f"The last release that {self._journal.path} tells of did not fail, or began elsewhere.")
        return self._begin(release.verb, release.steps, app=release.app, pause=release.pause, watch=release.watch)

    # --- a release from its first step to its end

    def _begin(
        self, verb: str, steps: tuple[Step, ...], *, app: str, pause: float | None = 0, watch: float = 0
    ) -> Exit:
        """Write the first step, show what it would do, and go."""
        with self._helm:
            course = choice.of_verb(self._free_desk(), app)
            back = course.back(steps)
            release = self._release(verb, course.to, steps, app=app, pause=pause, watch=watch, back=back)
            return self._start(release, course, course.edit(release), course.before(release))

    def _release(self, verb: str, to: str, steps: tuple[Step, ...], **more: Any) -> Release:
        return Release(verb, to, steps, began=_now(), by=who(), **more)

    def _start(self, release: Release, course: Course, edit: Edit, before: Edit) -> Exit:
        """Write a release's first step, show what it would do, and go; `before` takes the write back."""
        self._write(release, edit)
        try:
            self._agree(self._engine.preview())
        except (RefusedError, KeyboardInterrupt):
            self._put_back(before)
            raise
        return self._run(release, course, before)

    def _run(
        self,
        release: Release,
        course: Course,
        before: Edit | None = None,
        standing: dict[str, Standing] | None = None,
    ) -> Exit:
        """Go on from the step that is written, until the release is done, paused, or back.

        `before` is what undoes the first step's write, `standing` where the apps stand if that is known.
        """
        if not self._is_told(release):
            self._tell(Kind.BEGAN, release, f"{release.verb} of {release.to} by {release.by}", standing)
        try:
            while True:
                self._move(release, course)
                if release.verb != "undo":
                    course = self._course(release)
                    self._watch(release, course)
                stays = self._waits(release)
                if release.is_last:
                    return self._done(release)
                if stays:
                    return self._paused(release)
                release = release.next()
                self._write(release, course.edit(release))
        except WishedHeldError:
            return self._hold(release)
        except StepFailedError as error:
            self._back(release, str(error))
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

    def _move(self, release: Release, course: Course) -> None:
        """Put the stack at the step that is written. Raises StepFailedError."""
        self._tell(Kind.MOVING, release, f"{release.to} takes {release.told}")
        since, begin = _now(), time.monotonic()
        heard = {"abort", "pause"} if course.can_hold(release) else {"abort"}
        try:
            self._up(f"cutover {release.verb}: {release.to} takes {release.told}", lambda: self._helm.wished in heard)
        except UpFailedError as error:
            if (wish := self._helm.wished) in heard:
                raise WishedHeldError if wish == "pause" else StepFailedError(ABORTED) from error
            reason = _reason(error)
            checks = self._judged(release, course, since, reason)
            self._tell(Kind.FAILED, release, f"failed {release.place}: {reason}", checks=checks)
            raise StepFailedError(reason) from error
        seconds, checks = time.monotonic() - begin, self._judged(release, course, since)
        self._tell(Kind.MOVED, release, f"{release.to} has {release.told}", seconds=seconds, checks=checks)

    def _watch(self, release: Release, course: Course) -> None:
        """Check what has got traffic. Raises StepFailedError."""
        begin = time.monotonic()
        checks = tuple(course.watch(release.to, release.watch, self._say))
        bad = "; ".join(check.text for check in checks if check.outcome == Outcome.FAILED)
        if bad:
            self._tell(Kind.FAILED, release, f"failed {release.place}: {bad}", checks=checks)
            raise StepFailedError(bad)
        well = f"{release.to} is well with {release.told}"
        self._tell(Kind.CHECKED, release, well, checks=checks, seconds=time.monotonic() - begin)

    def _judged(self, release: Release, course: Course, since: str, reason: str = "") -> tuple[Check, ...]:
        """Return what the gate found in an `up` that began at `since`; `reason` tells what a failed one failed for."""
        try:
            return tuple(course.judged(release, since, reason))
        except CutoverError as error:
            self._say(f"warning: what the gate found cannot be read: {error}")
            return ()

    def _waits(self, release: Release) -> bool:
        """Wait out the pause after a step; True when the release is to stay there until somebody resumes it.

        Raises:
            StepFailedError: somebody has asked for it to be aborted.
        """
        end = time.monotonic() + (0 if release.is_last else release.pause or 0)
        while True:
            wish = self._helm.wished
            if wish == "abort":
                raise StepFailedError(ABORTED)
            if wish == "pause" or release.pause is None:
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(min(POLL_SECONDS, max(0.0, end - time.monotonic())))

    def _paused(self, release: Release) -> Exit:
        self._engine.change(release.now(State.PAUSED).note())
        self._helm.unwish()
        self._tell(Kind.PAUSED, release, f"paused {release.place}")
        self._committed(f"Pause {release.place}")
        self._say("Paused. `cutover resume` goes on, `cutover abort` goes back.")
        return Exit.PAUSED

    def _hold(self, release: Release) -> Exit:
        """Hold a rollout at the pods that it has come to."""
        release = release.now(State.PAUSED)
        self._write(release, self._course(release).edit(release))
        self._up("cutover pause")
        return self._paused(release)

    def _done(self, release: Release) -> Exit:
        self._engine.change({}, [KEY])
        self._tell(Kind.DONE, release, f"{release.to} has {release.told}")
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
            self._write(release, self._course(release).edit(release))
            self._up(f"cutover {release.verb}: back to {release.old}")
        except UpFailedError as error:
            self._tell(Kind.STUCK, release, f"could not go back: {_reason(error)}")
            raise StuckError(
                f"{release.verb} failed ({reason}), and so did the way back to {release.old}: {_reason(error)}\n"
                "`cutover status` shows where traffic is, `cutover resume` tries the way back again."
            ) from error
        except KeyboardInterrupt:
            self._stop(release, "")
        self._tell(Kind.BACK, release, f"{release.old} has {release.all}", seconds=time.monotonic() - begin)
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

    def _course(self, release: Release) -> Course:
        """Read the stack anew, for its release."""
        return choice.of_release(Desk.of(self._engine), release)

    def _under_way(self) -> Release:
        """Read the stack's release, be it that only the last `up`, from another machine, tells how far it is."""
        desk = Desk.of(self._engine)
        if self._adopt(desk):
            desk = Desk.of(self._engine)
        release = Release.of_note(desk.settings.release)
        if release is None:
            raise RefusedError("No release is under way. `cutover undo` takes back the last one.")
        return release

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
        edit = choice.of_release(desk, there).adopted(last.keys)
        is_behind = here.began == there.began and here.progress < there.progress if here else bool(edit)
        if is_behind:
            self._say("The last `up` was further with a release than the configuration here; going on from there.")
            is_done = there.state is State.MOVING and update.get("result") == "succeeded"
            if is_done and there.pause is None and not there.is_last:
                there = there.now(State.PAUSED)  # a job's step
            self._write(there, edit)
        return is_behind

    def _write(self, release: Release, edit: Edit) -> None:
        """Write a release's note and what its step changes; the note is there before anything is taken out."""
        if edit.remove:
            self._engine.change(release.note())
        self._edit(Edit(release.note()) | edit)

    def _last_keys(self) -> Mapping[str, Any]:
        """The keys that the last `up` which ended well was run with; none where the engine hides them."""
        ended = (update for update in self._engine.history() if update["result"] == "succeeded")
        return Desk(self._engine, config_of(next(ended, {}))).keys

    def _wish(self, wish: str) -> None:
        """Ask the driver at work for something."""
        release = self._under_way()
        if release.state is State.PAUSED:
            raise RefusedError(f"The release is paused {release.place}; nobody is at work on it.")
        self._helm.wish(wish)

    def _edit(self, edit: Edit) -> None:
        self._engine.change(edit.values, edit.remove, edit.secret)

    def _put_back(self, before: Edit) -> None:
        self._edit(before | Edit(remove=[KEY]))

    def _up(self, message: str, stop: Callable[[], bool] = lambda: False) -> None:
        """Run `up`, until `stop`; a lock that a process of this machine has left when it died does not hold it up."""
        try:
            self._engine.up(message, stop)
        except UpFailedError as error:
            holder = Holder.named_in(error.output)
            if holder is None:
                raise
            if not holder.has_died:
                raise UnderWayError(
                    f"Another `up` is at work on the stack:\n{error.output.strip()}\nWait until it has ended, then "
                    "`cutover resume`."
                ) from error
            self._engine.cancel()
            self._engine.up(message, stop)

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

    # --- the journal

    def _tell(
        self, kind: Kind, release: Release, text: str, standing: dict[str, Standing] | None = None, **more: Any
    ) -> None:
        self._say(text[:1].upper() + text[1:])
        is_first = not self._is_told(release)
        if standing is None:
            standing = self._standing(release) if kind in _STANDS or is_first else {}
        self._journal.tell(
            Event(
                at=_now(),
                release=release.began,
                stack=self._engine.stack,
                verb=release.verb,
                kind=kind,
                text=text,
                by=who(),
                step=release.at + 1,
                steps=len(release.steps),
                standing=standing,
                note=_plain(release) if is_first else {},
                **more,
            )
        )
        self._told = release.began

    def _is_told(self, release: Release) -> bool:
        """Whether the journal tells of a release; it may be long, and is not read for every event."""
        return release.began == self._told or any(self._journal.events(release.began))

    def _standing(self, release: Release) -> dict[str, Standing]:
        """Where the apps stand, as the stack's outputs have it; apps of one version have no color to stand on."""
        found: dict[str, Standing] = {}
        if release.back is not None:
            return found
        for name, output in self._engine.outputs().items():
            if isinstance(output, dict) and "activeColor" in output and release.app in {"", name}:
                share = str(output["otherShare"])
                found[name] = Standing(output["activeColor"], output["imageTag"], share, percent(share))
        return found


def _reason(error: UpFailedError) -> str:
    """What an `up` said of its failure."""
    errors = re.findall(r"^ *error: (.+(?:\n(?! *(?:error|warning|info):| *$).+)*)", error.output, re.MULTILINE)
    return "\n".join(dict.fromkeys(errors)) or error.output.strip()[-2000:]


def _plain(release: Release) -> dict[str, str]:
    return {path.removeprefix(f"{KEY}."): value for path, value in replace(release, at=0).note().items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
