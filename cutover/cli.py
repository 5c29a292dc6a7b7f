"""The command line: one command for each verb, and an exit code for each way in which one can end.

What only some verbs need is loaded by them, and most of it while the engine reads: `status` should be there at once.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import click

from cutover.engine import Answer, Engine
from cutover.errors import DriverError, Exit, RefusedError, StoppedError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Found = TypeVar("Found")
PROMOTION_WATCH_SECONDS = 30.0


class Context:
    """What the options before the verb say; what is asked for goes to stdout, what goes on meanwhile to stderr."""

    def __init__(self, folder: Path, stack: str | None, *, as_json: bool, yes: bool) -> None:
        self.as_json = as_json
        self._yes = yes
        self._folder = folder
        self._stack = stack

    @cached_property
    def engine(self) -> Engine:
        return self.of_stack(self._stack)

    def of_stack(self, name: str | None) -> Engine:
        """The engine for a stack; None for the one that is selected."""
        return Engine(self._folder, name, self.say)

    @cached_property
    def out(self) -> Console:
        return _console()

    @cached_property
    def err(self) -> Console:
        return _console(stderr=True)

    def say(self, text: str) -> None:
        self.err.print(text, markup=False, soft_wrap=True)

    def show(self, value: Any, picture: RenderableType) -> None:
        """Print an answer: as JSON where that was asked for."""
        if self.as_json:
            import msgspec

            click.echo(msgspec.json.format(msgspec.json.encode(value)))
        else:
            self.out.print(picture, soft_wrap=isinstance(picture, str))

    def agree(self, preview: Mapping[str, Any]) -> None:
        """Show what a release would do; a person at a terminal is asked. Raises RefusedError for a no."""
        from cutover import plan

        self.err.print(plan.Picture(plan.read(preview)))
        if not self._yes and sys.stdin.isatty() and not click.confirm("Go on?", err=True):
            raise RefusedError("Nothing was changed.")

    @contextmanager
    def driver(self, *, commit: bool = False) -> Iterator[Any]:
        """The driver, with all that is told of its releases: notifications while they go on, a report at the end."""
        with meanwhile(self.engine.config):  # read once, however often it is asked for
            from cutover.driver import Driver
            from cutover.journal import Journal
            from cutover.notify import Notifier

        with Notifier(os.environ, self.say) as notifier:
            journal = Journal(self.engine.folder, self.engine.stack, notifier)
            before = journal.size
            try:
                yield Driver(self.engine, journal, self.say, self.agree, commit=commit)
            finally:
                if journal.size != before:
                    self._report(journal)

    def _report(self, journal: Any) -> None:
        from cutover import telemetry
        from cutover.report import pages
        from cutover.report.story import Story

        releases = journal.releases
        telemetry.export(self.engine.stack, releases.values(), os.environ, self.say)
        try:
            page, summary = pages.save(Story(releases[next(reversed(releases))], _now()), journal.folder)
        except OSError as error:  # the release's own end is what counts
            self.say(f"warning: the report could not be written: {error}")
        else:
            self.say(f"Report: {page}, and for a pull request {summary}")


@contextmanager
def meanwhile(ask: Callable[[], Found]) -> Iterator[Future[Found]]:
    """Ask the engine, which takes a process, while the block loads what is to be done with the answer."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(ask)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def _now() -> datetime:
    return datetime.now(UTC)


def _epilog(*examples: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  cutover {example}" for example in examples)


app_option = click.option("--app", default="", metavar="NAME", help="An app with a position, or a tag, of its own.")
commit_option = click.option("--commit", is_flag=True, help="Commit the stack's configuration once it has ended.")
set_option = click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="A key of the app, for this version alone."
)
pass_context = click.make_pass_decorator(Context)


def _paths(changes: Iterable[str]) -> Mapping[Any, str]:
    """Read what `--set` says."""
    from cutover.edit import path_of

    pairs = [change.partition("=") for change in changes]
    if any(not sign for _, sign, _ in pairs):
        raise click.UsageError("--set takes KEY=VALUE")
    return {path_of(key): value for key, _, value in pairs}


class Group(click.Group):
    """Takes its own options after the verb too: `cutover status --json`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        names = {name: option for option in self.params for name in (*option.opts, *option.secondary_opts)}
        first: list[str] = []
        rest: list[str] = []
        left = iter(args)
        for argument in left:
            option = names.get(argument.partition("=")[0])
            if isinstance(option, click.Option) and argument not in ctx.help_option_names:
                first.append(argument)
                first += [] if option.is_flag or "=" in argument else itertools.islice(left, 1)
            else:
                rest.append(argument)
        return super().parse_args(ctx, first + rest)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("-s", "--stack", help="The stack; default the selected one.")
@click.option(
    "-C",
    "--cwd",
    "folder",
    default=Path(),
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project's folder; default the present one.",
)
@click.option("-j", "--json", "as_json", is_flag=True, help="Print what is asked for as JSON.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before a release; without a terminal nobody is asked.")
@click.pass_context
def cutover(context: click.Context, stack: str | None, folder: Path, *, as_json: bool, yes: bool) -> None:
    """Release apps of a Pulumi stack: stage a version, promote it, watch it, take it back.

    Exit codes: 0 done, 1 could not start, 2 refused and nothing changed, 3 failed and rolled back, 4 failed and needs a
    person, 5 paused, 130 interrupted.
    """
    context.obj = Context(folder.resolve(), stack, as_json=as_json, yes=yes)


@cutover.command(epilog=_epilog("status", "status --watch", "--json status"))
@click.option("--watch", is_flag=True, help="Keep looking, until Ctrl-C.")
@pass_context
def status(context: Context, *, watch: bool) -> None:
    """Show where every app stands in the cluster: colors, tags, pods, shares, gates, events."""
    if watch:
        from cutover.status import Lookout
        from cutover.view import live

        live.watch(Lookout(context.engine), context.out)
        return
    with meanwhile(context.engine.config) as config:
        import asyncio

        from cutover import status as statuses
        from cutover.desk import Desk
        from cutover.view.picture import Picture

    desk = Desk(context.engine, config.result())
    found = asyncio.run(statuses.read(desk.plan, desk.cluster.within(statuses.SECONDS), desk.settings.release))
    context.show(found, Picture(found))


@cutover.command(epilog=_epilog("plan", "plan --markdown staging prod", "plan --markdown --from preview.json"))
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--markdown", is_flag=True, help="Print one comment for a pull request, of all the stacks.")
@click.option(
    "--from",
    "files",
    multiple=True,
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Read what `pulumi preview --json --show-sames` has printed; - is stdin.",
)
@pass_context
def plan(context: Context, stacks: tuple[str, ...], files: tuple[TextIO, ...], *, markdown: bool) -> Exit:
    """Say in release words what the next `up` means, from the engine's preview or a recorded one."""
    engines = [context.of_stack(name) for name in stacks] if stacks or files else [context.engine]
    with meanwhile(lambda: [*map(Answer.recorded, files), *map(Answer.of, engines)]) as answers:
        from rich.console import Group

        from cutover import comment
        from cutover import plan as plans

    if markdown:
        click.echo(comment.render(answers.result()), nl=False)
        return Exit.REFUSED if any(answer.refused for answer in answers.result()) else Exit.DONE
    found = {answer.stack: plans.read(answer.accepted) for answer in answers.result()}
    if len(found) == 1:
        (only,) = found.values()
        context.show(only, plans.Picture(only))
    else:
        parts = (part for name, each in found.items() for part in (f"\n{name}", plans.Picture(each)))
        context.show(found, Group(*parts))
    return Exit.DONE


@cutover.command(epilog=_epilog("stage 6.9.2", "stage 6.9.2 --set web.env.LOG_LEVEL=debug"))
@click.argument("tag")
@set_option
@app_option
@commit_option
@pass_context
def stage(context: Context, tag: str, changes: tuple[str, ...], app: str, *, commit: bool) -> Exit:
    """Run a version on the other color, beside what is live; no traffic moves. For a StatefulApp: name its canary."""
    with context.driver(commit=commit) as driver:
        return Exit(driver.stage(tag, _paths(changes), app))


@cutover.command(epilog=_epilog("roll 6.9.2 --app web", "roll 6.9.2 --app web --set env.LOG_LEVEL=debug --watch 60"))
@click.argument("tag")
@set_option
@click.option(
    "--watch",
    default=0.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds for which the checks go on afterwards; once they run at any rate.",
)
@app_option
@commit_option
@pass_context
def roll(context: Context, tag: str, changes: tuple[str, ...], watch: float, app: str, *, commit: bool) -> Exit:
    """Replace the pods of a RollingApp, StatefulApp or DaemonApp; put the old ones back if the new ones do badly."""
    with context.driver(commit=commit) as driver:
        return Exit(driver.roll(tag, _paths(changes), watch=watch, app=app))


@cutover.command(epilog=_epilog("promote", "promote --watch 300 --commit"))
@click.option(
    "--watch",
    default=PROMOTION_WATCH_SECONDS,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds for which the checks go on afterwards.",
)
@app_option
@commit_option
@pass_context
def promote(context: Context, watch: float, app: str, *, commit: bool) -> Exit:
    """Move all traffic to the other color; if it does badly there, move it back."""
    with context.driver(commit=commit) as driver:
        return Exit(driver.promote(watch=watch, app=app))


@cutover.command(epilog=_epilog("canary 1,3,5,10 --pause 60", "canary 5%,25%,50% --pause resume", "canary 1 --keep"))
@click.argument("steps")
@click.option(
    "--pause",
    default="0",
    show_default=True,
    metavar="SECONDS|resume",
    help="What comes after each step: seconds, or `resume`, to stop until then (exit code 5).",
)
@click.option(
    "--watch",
    default=0.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds for which the checks go on after each step; once they run at any rate.",
)
@click.option("--keep", is_flag=True, help="Stay at the last step instead of promoting after it.")
@app_option
@commit_option
@pass_context
def canary(context: Context, steps: str, pause: str, watch: float, app: str, *, keep: bool, commit: bool) -> Exit:
    """Move traffic to the other color step by step: STEPS in pods (1,3,5) or, with a router, percent (5%,25%)."""
    from cutover.release import RESUME, Step

    read = [Step.read(text) for text in steps.split(",")]
    if not keep and not read[-1].is_live:
        read.append(Step())
    try:
        seconds = None if pause == RESUME else float(pause)
    except ValueError:
        raise click.UsageError(f"--pause is {pause!r}; it must be seconds or `resume`") from None
    with context.driver(commit=commit) as driver:
        return Exit(driver.canary(read, pause=seconds, watch=watch, app=app))


@cutover.command(epilog=_epilog("resume"))
@commit_option
@pass_context
def resume(context: Context, *, commit: bool) -> Exit:
    """Go on with the release under way: paused, or left behind by a driver that has died, here or elsewhere."""
    with context.driver(commit=commit) as driver:
        return Exit(driver.resume())


@cutover.command()
@pass_context
def pause(context: Context) -> Exit:
    """Let the driver at work stop after its present step; the rollout of a RollingApp is held where it is, at once."""
    with context.driver() as driver:
        return Exit(driver.pause())


@cutover.command()
@commit_option
@pass_context
def abort(context: Context, *, commit: bool) -> Exit:
    """Take the release under way back."""
    with context.driver(commit=commit) as driver:
        return Exit(driver.abort())


@cutover.command(epilog=_epilog("undo", "undo --to 2"))
@click.option("--to", type=click.IntRange(min=1), metavar="N", help="What was live N releases ago; default the last.")
@app_option
@commit_option
@pass_context
def undo(context: Context, to: int | None, app: str, *, commit: bool) -> Exit:
    """Go back to what was live before: no gate, no analysis, no image pull. Apps of one version are rolled back."""
    with context.driver(commit=commit) as driver:
        return Exit(driver.undo(to or 0, app))


@cutover.command()
@commit_option
@pass_context
def retry(context: Context, *, commit: bool) -> Exit:
    """Begin the last release that did not end well again."""
    with context.driver(commit=commit) as driver:
        return Exit(driver.retry())


@cutover.command()
@app_option
@commit_option
@pass_context
def free(context: Context, app: str, *, commit: bool) -> Exit:
    """End the idle color's pods."""
    with context.driver(commit=commit) as driver:
        return Exit(driver.free(app))


@cutover.command(epilog=_epilog("history", "history --json"))
@pass_context
def history(context: Context) -> None:
    """List what has been released: when, who, which versions, how long, with which verdicts."""
    with meanwhile(lambda: [*context.engine.history()]) as updates:
        from cutover import history as histories
        from cutover.journal import Journal

        releases = Journal(context.engine.folder, context.engine.stack).releases
    found = histories.read(updates.result(), context.engine.project, releases)
    context.show(found, histories.Picture(found))


@cutover.command(epilog=_epilog("watch --seconds 300"))
@click.option("--seconds", default=PROMOTION_WATCH_SECONDS, show_default=True, type=click.FloatRange(min=0))
@app_option
@pass_context
def watch(context: Context, seconds: float, app: str) -> Exit:
    """Check what is live, as `promote` does after it has moved traffic. Changes nothing and holds no lock."""
    with meanwhile(context.engine.config) as config:
        from rich.markup import escape

        from cutover import choice
        from cutover.desk import Desk
        from cutover.watch import is_bad

    course = choice.of_verb(Desk(context.engine, config.result()), app)
    found = course.watch(course.live, seconds, context.say)
    context.show(found, "\n".join(f"{check.app}: {check.outcome}: {escape(check.text)}" for check in found))
    return Exit.NEEDS_PERSON if is_bad(found) else Exit.DONE


@cutover.command(epilog=_epilog("report", "report --markdown >> $GITHUB_STEP_SUMMARY"))
@click.argument("release", required=False)
@click.option("--markdown", is_flag=True, help="Print the summary instead of writing both and naming them.")
@pass_context
def report(context: Context, release: str | None, *, markdown: bool) -> None:
    """Report on a release (named by when it began; default the last): an HTML page, and Markdown for a pull request."""
    with meanwhile(lambda: context.engine.stack) as stack:
        from cutover.journal import Journal
        from cutover.report import pages
        from cutover.report.story import Story

    journal = Journal(context.engine.folder, stack.result())
    releases = journal.releases
    events = releases.get(release or next(reversed(releases), ""))
    if not events:
        known = ", ".join(releases) or "none"
        raise RefusedError(f"{journal.path} tells of no such release; it tells of: {known}")
    if markdown:
        click.echo(pages.summary(Story(events, _now())))
    else:
        files = pages.save(Story(events, _now()), journal.folder)
        context.show([str(file) for file in files], "\n".join(map(str, files)))


@cutover.command(epilog=_epilog("doctor"))
@pass_context
def doctor(context: Context) -> Exit:
    """Look at everything that a release needs, and say what puts right what is wrong."""
    from cutover.doctor.examination import examine
    from cutover.doctor.findings import State
    from cutover.view.finding import Checked

    found = []
    for finding in examine(context.engine):
        found.append(finding)
        if not context.as_json:
            context.out.print(Checked(finding))
    if context.as_json:
        context.show(found, "")
    return Exit.NEEDS_PERSON if any(finding.state is State.PROBLEM for finding in found) else Exit.DONE


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _stop)  # a pipeline that is canceled is Ctrl-C to us
    try:
        code: Any = cutover(arguments, prog_name="cutover", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.REFUSED)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(Exit.INTERRUPTED)
    except DriverError as error:
        console = _console(stderr=True)
        console.print("stopped:" if isinstance(error, StoppedError) else "[bold red]error:[/]", end=" ")
        console.print(str(error), markup=False, soft_wrap=True)
        sys.exit(error.exit)
    sys.exit(code or Exit.DONE)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt
