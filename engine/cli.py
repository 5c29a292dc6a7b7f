"""The command line: the Pulumi CLI's words, flags and exit codes for what this engine does."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from engine.backend import StackFile
from engine.config import StackConfig, setting
from engine.details import show
from engine.display import Action, DiffDisplay, Display, PlainDisplay
from engine.errors import CancelledError, EngineError, FailedError, StackNotFoundError, UnexpectedChangesError
from engine.errors import UnsupportedError, UsageError
from engine.json_display import JsonEvents, JsonPreview
from engine.live import LiveDisplay
from engine.operations import Options, Run
from engine.passphrase import Crypter
from engine.project import Workspace
from engine.session import Session
from engine.state import VERSION, Codec, Resource, envelope
from engine.urn import Urn
from engine.values import Secret, reveal

_REFUSED: Final = frozenset(
    "about ai cloud console convert deployment do env events import insights install login logout logs neo new org "
    "package plugin policy project query replay-events schema state template trace view-trace watch whoami".split()
)


class _Group(click.Group):
    """Refuses the CLI's other commands and flags by name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None:
            path = " ".join([*ctx.command_path.split()[1:], name])
            if ctx.parent is not None or name in _REFUSED:
                raise UnsupportedError(f"`pulumi {path}`")
            raise UsageError(f'unknown command "{name}" for "pulumi"')
        return super().resolve_command(ctx, args)


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        pulumi(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.NoSuchOption as error:
        _fail(f"the embedded engine does not know the flag {error.option_name}; see --help", UsageError.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), UsageError.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("canceled", CancelledError.exit_code)
    except FailedError as error:
        sys.exit(error.exit_code)
    except EngineError as error:
        _fail(str(error), error.exit_code)
    sys.exit(0)


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(code)


# --- flags that many commands share

Command = Callable[..., Any]
stack_option = click.option("-s", "--stack", help="The name of the stack to operate on. Defaults to the current stack")
yes_option = click.option("-y", "--yes", is_flag=True, help="Automatically approve and perform the operation")
json_option = click.option("-j", "--json", "as_json", is_flag=True, help="Emit output as JSON")
secrets_option = click.option("--show-secrets", is_flag=True, help="Show secret values in plaintext")
path_option = click.option("--path", "inside", is_flag=True, help="The key contains a path to a property in a map or list")
config_file_option = click.option("--config-file", type=click.Path(path_type=Path), help="Use this stack file")


def run_options(command: Command) -> Command:
    """Add the flags of preview, up, refresh and destroy."""
    for option in reversed(
        (
            stack_option,
            config_file_option,
            json_option,
            click.option("--diff", "as_diff", is_flag=True, help="Display operation as a rich diff"),
            click.option("-p", "--parallel", type=click.IntRange(min=1), default=16, show_default=True),
            click.option("--expect-no-changes", is_flag=True, help="Return an error if any changes occur"),
            click.option("-r", "--refresh", is_flag=False, flag_value="true", default="false", help="Refresh first"),
        )
    ):
        command = option(command)
    return command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "--cwd", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@click.option("--non-interactive", is_flag=True, help="Disable interactive mode for all commands")
@click.option("--color", default="auto", help="Colorize output: always, never, raw, auto")
@click.version_option(f"{VERSION} (embedded engine)", message="%(version)s")
@click.pass_context
def pulumi(context: click.Context, cwd: Path, *, non_interactive: bool, color: str) -> None:
    """Run Pulumi programs for Kubernetes without the Pulumi CLI."""
    context.obj = Shell(cwd.resolve(), interactive=not non_interactive and sys.stdin.isatty() and sys.stdout.isatty())
    context.obj.color = color


class Shell:
    """Where the command runs and whether someone can answer."""

    def __init__(self, cwd: Path, *, interactive: bool) -> None:
        self.cwd = cwd
        self.interactive = interactive
        self.color = "auto"

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.cwd)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Raises CancelledError when the user says no, UsageError when there is nobody to ask."""
        if yes:
            return
        if not self.interactive:
            raise UsageError("--yes must be passed in to proceed when running in non-interactive mode")
        if not click.confirm(question):
            raise CancelledError("confirmation declined")


# --- preview, up, refresh, destroy


class Operation:
    """One of the four, with its flags: previews, asks, does."""

    def __init__(
        self,
        shell: Shell,
        action: Action,
        *,
        stack: str | None,
        config_file: Path | None,
        as_json: bool,
        as_diff: bool,
        parallel: int,
        expect_no_changes: bool,
        refresh: str,
    ) -> None:
        self._shell = shell
        self._action = action
        self._session = Session(shell.workspace, stack, config_file)
        self._json = as_json
        self._diff = as_diff
        self._expect_no_changes = expect_no_changes
        self.options = Options(parallel=parallel, refresh=refresh == "true")

    def preview(self) -> Display:
        return self._run(dry_run=True)

    def perform(self, *, yes: bool, skip_preview: bool, preview_only: bool = False) -> Display:
        """Preview, ask and do, as the flags say."""
        if preview_only:
            return self.preview()
        if not self._shell.interactive and not yes and not skip_preview:
            raise UsageError(
                "--yes or --skip-preview or --preview-only must be passed in to proceed when running in "
                "non-interactive mode"
            )
        with self._session.file.locked():
            if not skip_preview:
                self._confirm(self._run(dry_run=True, quiet=self._json), yes=yes)
            return self._run(dry_run=False)

    def _confirm(self, display: Display, *, yes: bool) -> None:
        if yes:
            return
        while True:
            answer = click.prompt(
                f"Do you want to perform this {self._action}?", type=click.Choice(["yes", "no", "details"])
            )
            if answer == "yes":
                return
            if answer == "no":
                raise CancelledError(f"{self._action} canceled: confirmation declined")
            self._details(display)

    def _details(self, display: Display) -> None:
        """Show a preview again, as a diff."""
        diff = DiffDisplay(self._action, display.stack, display.root, dry_run=True)
        diff.open()
        for row in display.rows.values():
            diff.began(row.step)
            diff.ended(row.step)

    def _run(self, *, dry_run: bool, quiet: bool = False) -> Display:
        display = self._display(dry_run=dry_run, quiet=quiet)
        run = Run(self._session, display, self.options)
        {Action.UPDATE: run.update, Action.REFRESH: run.refresh, Action.DESTROY: run.destroy}[self._action]()
        if self._expect_no_changes and display.changed:
            kind = "preview" if dry_run else self._action
            raise UnexpectedChangesError(f"no changes were expected for {kind} but changes were proposed")
        return display

    def _display(self, *, dry_run: bool, quiet: bool) -> Display:
        target = self._session.target
        if quiet:
            kind: type[Display] = Display
        elif self._json:
            kind = JsonPreview if dry_run else JsonEvents
        elif self._diff:
            kind = DiffDisplay
        else:
            kind = LiveDisplay if self._shell.interactive else PlainDisplay
        display = kind(self._action, target.stack, target.root, dry_run=dry_run)
        display.config = self._session.config.raw
        return display


@pulumi.command()
@run_options
@click.pass_obj
def preview(shell: Shell, /, **flags: Any) -> None:
    """Show a preview of updates to a stack's resources."""
    Operation(shell, Action.UPDATE, **flags).preview()


@pulumi.command(name="up")
@run_options
@yes_option
@click.option("-f", "--skip-preview", is_flag=True, help="Do not calculate a preview before performing the update")
@click.pass_obj
def up(shell: Shell, /, *, yes: bool, skip_preview: bool, **flags: Any) -> None:
    """Create or update the resources in a stack."""
    Operation(shell, Action.UPDATE, **flags).perform(yes=yes, skip_preview=skip_preview)


pulumi.add_command(up, "update")


@pulumi.command()
@run_options
@yes_option
@click.option("-f", "--skip-preview", is_flag=True, help="Do not calculate a preview before performing the refresh")
@click.option("--preview-only", is_flag=True, help="Only show a preview of the refresh")
@click.option("--clear-pending-creates", is_flag=True, help="Clear all pending creates, dropping them from the state")
@click.pass_obj
def refresh(
    shell: Shell, /, *, yes: bool, skip_preview: bool, preview_only: bool, clear_pending_creates: bool, **flags: Any
) -> None:
    """Refresh the resources in a stack."""
    operation = Operation(shell, Action.REFRESH, **flags)
    operation.options = Options(parallel=operation.options.parallel, clear_creates=clear_pending_creates)
    operation.perform(yes=yes, skip_preview=skip_preview, preview_only=preview_only)


@pulumi.command()
@run_options
@yes_option
@click.option("-f", "--skip-preview", is_flag=True, help="Do not calculate a preview before performing the destroy")
@click.option("--preview-only", is_flag=True, help="Only show a preview of the destroy")
@click.option("--remove", is_flag=True, help="Remove the stack and its config after all resources are deleted")
@click.pass_obj
def destroy(shell: Shell, /, *, yes: bool, skip_preview: bool, preview_only: bool, remove: bool, **flags: Any) -> None:
    """Destroy all existing resources in the stack."""
    name = shell.workspace.stack(flags["stack"]).name
    Operation(shell, Action.DESTROY, **flags).perform(yes=yes, skip_preview=skip_preview, preview_only=preview_only)
    if preview_only or flags["as_json"]:
        return
    if remove:
        _remove(shell.workspace, name)
        return
    click.echo(
        "The resources in the stack have been deleted, but the history and configuration associated with the stack are "
        f"still maintained. \nIf you want to remove the stack completely, run `pulumi stack rm {name}`."
    )


@pulumi.command()
@click.argument("name", required=False)
@stack_option
@yes_option
@click.pass_obj
def cancel(shell: Shell, name: str | None, stack: str | None, *, yes: bool) -> None:
    """Cancel a stack's currently running update, if any."""
    file = shell.workspace.stack(name or stack)
    if shell.interactive:
        shell.confirm(f"This will irreversibly cancel the currently running update for '{file.name}'!", yes=yes)
    file.cancel()
    click.echo(f"The currently running update for '{file.name}' has been canceled!")


# --- stack


@pulumi.group(cls=_Group, invoke_without_command=True)
@stack_option
@secrets_option
@click.option("--show-name", is_flag=True, help="Display only the stack name")
@click.pass_context
def stack(context: click.Context, stack: str | None, *, show_secrets: bool, show_name: bool) -> None:
    """Manage stacks and view stack state."""
    if context.invoked_subcommand:
        return
    shell: Shell = context.obj
    session = Session(shell.workspace, stack)
    if show_name:
        click.echo(session.file.name)
        return
    click.echo(f"Current stack is {session.file.name}:")
    snapshot, _ = session.load()
    updated = session.file.updated()
    if updated:
        click.echo(f"    Managed by {_host()}")
        click.echo(f"    Last updated: {_ago(updated)} ({updated:%Y-%m-%d %H:%M:%S.%f} +0000 UTC)")
        click.echo(f"    Pulumi version used: {snapshot.version}")
    click.echo(f"Current stack resources ({len(snapshot.resources)}):")
    rows = [("TYPE", "NAME"), *_tree(snapshot.resources)]
    width = max(len(kind) for kind, _ in rows) + 2
    for kind, name in rows:
        click.echo(f"    {kind.ljust(width)}{name}")
    root = snapshot.root()
    outputs = root.outputs if root else {}
    click.echo(f"\nCurrent stack outputs ({len(outputs)}):")
    _echo_outputs(outputs, show_secrets=show_secrets)
    click.echo("\nUse `pulumi stack select` to change stack; `pulumi stack ls` lists known ones")


@stack.command(name="init")
@click.argument("name", required=False)
@stack_option
@click.option("--no-select", is_flag=True, help="Do not select the stack")
@click.option("--secrets-provider", default="default", help="Only 'passphrase' is known")
@click.pass_obj
def stack_init(shell: Shell, name: str | None, stack: str | None, *, no_select: bool, secrets_provider: str) -> None:
    """Create an empty stack with the given name, ready for updates."""
    if secrets_provider not in ("default", "passphrase"):
        raise UnsupportedError(f"the secrets provider '{secrets_provider}'", "use 'passphrase'")
    workspace = shell.workspace
    wanted = name or stack or (click.prompt("Please enter your desired stack name") if shell.interactive else None)
    if not wanted:
        raise UsageError("missing stack name")
    plain = workspace.parse(wanted)
    file = workspace.backend.stack(workspace.project.name, plain)
    if not file.exists():
        config = StackConfig(workspace.project, plain)
        if config.salt is None:
            config.salt = Crypter.create(plain).salt
            config.save()
    file.create()
    if not no_select:
        workspace.select(plain)
    click.echo(f"Created stack '{plain}'", err=True)


@stack.command(name="select")
@click.argument("name", required=False)
@stack_option
@click.option("-c", "--create", is_flag=True, help="If selected stack does not exist, create it")
@click.pass_context
def stack_select(context: click.Context, name: str | None, stack: str | None, *, create: bool) -> None:
    """Switch the current workspace to the given stack."""
    workspace = context.obj.workspace
    wanted = name or stack
    if not wanted:
        raise UsageError("missing stack name")
    plain = workspace.parse(wanted)
    if create and not workspace.backend.stack(workspace.project.name, plain).exists():
        context.invoke(stack_init, name=plain, stack=None, no_select=False, secrets_provider="default")
        return
    workspace.stack(plain)
    workspace.select(plain)


@stack.command(name="ls")
@json_option
@click.pass_obj
def stack_ls(shell: Shell, *, as_json: bool) -> None:
    """List stacks."""
    workspace = shell.workspace
    current = workspace.selected()
    files = workspace.backend.stacks(workspace.project.name)
    if as_json:
        _echo_json([_summary(file, current) for file in files])
        return
    rows = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    for file in files:
        deployment = file.load()
        updated = file.updated()
        count = str(len(deployment.get("resources", ()))) if deployment else "n/a"
        rows.append((file.name + "*" * (file.name == current), _ago(updated) if updated else "n/a", count))
    _echo_table(rows)


def _summary(file: StackFile, current: str | None) -> dict[str, Any]:
    deployment = file.load()
    updated = file.updated()
    summary: dict[str, Any] = {"name": file.name, "current": file.name == current}
    if updated:
        summary["lastUpdate"] = updated.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if deployment:
        summary["resourceCount"] = len(deployment.get("resources", ()))
    return summary


@stack.command(name="output")
@click.argument("name", required=False)
@stack_option
@json_option
@secrets_option
@click.pass_obj
def stack_output(shell: Shell, name: str | None, stack: str | None, *, as_json: bool, show_secrets: bool) -> None:
    """Show a stack's output properties."""
    snapshot, _ = Session(shell.workspace, stack).load()
    root = snapshot.root()
    outputs = {key: _plain(value, show_secrets=show_secrets) for key, value in (root.outputs if root else {}).items()}
    if name is None:
        if as_json:
            _echo_json(outputs)
        else:
            click.echo(f"Current stack outputs ({len(outputs)}):")
            _echo_outputs(outputs, show_secrets=True)
        return
    if name not in outputs:
        raise StackNotFoundError(f"current stack does not have output property '{name}'")
    if as_json:
        _echo_json(outputs[name])
    else:
        click.echo(_text(outputs[name]))


@stack.command(name="rm")
@click.argument("name", required=False)
@stack_option
@yes_option
@click.option("-f", "--force", is_flag=True, help="Remove the stack even if it has resources, leaving those behind")
@click.option("--preserve-config", is_flag=True, help="Do not delete the stack's config file")
@click.pass_obj
def stack_rm(
    shell: Shell, name: str | None, stack: str | None, *, yes: bool, force: bool, preserve_config: bool
) -> None:
    """Remove a stack and its configuration."""
    workspace = shell.workspace
    file = workspace.stack(name or stack)
    shell.confirm(f"This will permanently remove the '{file.name}' stack!", yes=yes)
    deployment = file.load()
    if deployment and deployment.get("resources") and not force:
        raise StackNotFoundError(
            f"'{file.name}' still has resources; removal rejected. Possible actions:\n"
            f"- Make sure that '{file.name}' is the stack that you want to destroy\n"
            "- Run `pulumi destroy` to delete the resources, then run `pulumi stack rm`\n"
            "- Run `pulumi stack rm --force` to override this error"
        )
    _remove(workspace, file.name, preserve_config=preserve_config)


def _remove(workspace: Workspace, name: str, *, preserve_config: bool = False) -> None:
    file = workspace.stack(name)
    with file.locked():
        file.remove()
    if not preserve_config:
        workspace.project.config_file(name).unlink(missing_ok=True)
    click.echo(f"Stack '{name}' has been removed!")
    if workspace.selected() == name:
        workspace.select(None)


@stack.command(name="export")
@stack_option
@click.option("--file", "target", type=click.Path(path_type=Path), help="Write to this file instead of stdout")
@click.pass_obj
def stack_export(shell: Shell, stack: str | None, target: Path | None) -> None:
    """Export a stack's deployment to standard out."""
    deployment = Session(shell.workspace, stack).file.load() or {}
    text = json.dumps({**envelope(deployment), "deployment": deployment}, indent=4, ensure_ascii=False)
    if target:
        target.write_text(text + "\n", encoding="utf-8")
    else:
        click.echo(text)


@stack.command(name="import")
@stack_option
@click.option("--file", "source", type=click.File(), default="-", help="Read from this file instead of stdin")
@click.pass_obj
def stack_import(shell: Shell, stack: str | None, source: Any) -> None:
    """Import a deployment from standard in into an existing stack."""
    session = Session(shell.workspace, stack)
    document = json.load(source)
    deployment = document.get("deployment") or {}
    snapshot = Codec(session.crypter).snapshot(deployment)
    for resource in snapshot.resources:
        if (resource.urn.stack, resource.urn.project) != (session.target.stack, session.target.project):
            raise UsageError(f"resource '{resource.urn}' belongs to another stack or project")
    with session.file.locked():
        session.file.save(deployment)
    click.echo("Import complete.", err=True)


# --- config


@pulumi.group(cls=_Group, invoke_without_command=True)
@stack_option
@config_file_option
@json_option
@secrets_option
@click.pass_context
def config(
    context: click.Context, stack: str | None, config_file: Path | None, *, as_json: bool, show_secrets: bool
) -> None:
    """Manage configuration."""
    context.ensure_object(Shell)
    context.meta["config"] = (stack, config_file)
    if context.invoked_subcommand:
        return
    session = Session(context.obj.workspace, stack, config_file)
    settings = session.config.settings(session.crypter.decrypt if show_secrets else lambda _: "[secret]")
    if as_json:
        _echo_json({key: _setting_json(value, show_secrets=show_secrets) for key, value in settings.items()})
        return
    prefix = f"{session.project.name}:"
    rows = [
        (key.removeprefix(prefix), "[secret]" if value.secret and not show_secrets else value.text)
        for key, value in settings.items()
    ]
    _echo_table([("KEY", "VALUE"), *rows])


def _session(context: click.Context, stack: str | None) -> Session:
    """Open the stack that a config command names, before its name or after it."""
    above, config_file = context.meta["config"]
    return Session(context.obj.workspace, stack or above, config_file)


@config.command(name="get")
@click.argument("key")
@path_option
@stack_option
@json_option
@click.pass_context
def config_get(context: click.Context, key: str, stack: str | None, *, inside: bool, as_json: bool) -> None:
    """Get a single configuration value."""
    session = _session(context, stack)
    name, path = session.config.split(key, path=inside)
    found = session.config.lookup(name, path)
    if found is None:
        raise StackNotFoundError(f"configuration key '{key}' not found for stack '{session.file.name}'")
    value = setting(found, lambda text: session.crypter.decrypt(text))
    if as_json:
        _echo_json(_setting_json(value, show_secrets=True))
    else:
        click.echo(value.text)


@config.command(name="set", context_settings={"ignore_unknown_options": True})
@click.argument("key")
@click.argument("value", required=False)
@path_option
@click.option("--secret", is_flag=True, help="Encrypt the value instead of storing it in plaintext")
@click.option("--plaintext", is_flag=True, help="Save the value as plaintext (unencrypted)")
@stack_option
@click.pass_context
def config_set(
    context: click.Context,
    key: str,
    value: str | None,
    stack: str | None,
    *,
    inside: bool,
    secret: bool,
    plaintext: bool,
) -> None:
    """Set configuration value."""
    if secret and plaintext:
        raise UsageError("only one of --secret or --plaintext may be specified")
    session = _session(context, stack)
    if value is None:
        if context.obj.interactive:
            value = str(click.prompt("value", hide_input=secret, default="", show_default=False))
        else:
            value = sys.stdin.read().removesuffix("\n")
    name, path = session.config.split(key, path=inside)
    session.config.set(name, path, value, session.crypter if secret else None)
    session.config.save()


@config.command(name="rm")
@click.argument("key")
@path_option
@stack_option
@click.pass_context
def config_rm(context: click.Context, key: str, stack: str | None, *, inside: bool) -> None:
    """Remove configuration value."""
    session = _session(context, stack)
    session.config.remove(*session.config.split(key, path=inside))
    session.config.save()


# --- printing


def _setting_json(value: Any, *, show_secrets: bool) -> dict[str, Any]:
    if value.secret and not show_secrets:
        return {"secret": True}
    shown = {"value": value.text, "secret": value.secret}
    return {**shown, "objectValue": json.loads(value.text)} if value.structured else shown


def _plain(value: Any, *, show_secrets: bool) -> Any:
    """Return a value for output: secrets revealed or as the word [secret]."""
    match value:
        case Secret():
            return reveal(value) if show_secrets else "[secret]"
        case dict():
            return {key: _plain(item, show_secrets=show_secrets) for key, item in value.items()}
        case list():
            return [_plain(item, show_secrets=show_secrets) for item in value]
        case _:
            return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _echo_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _echo_outputs(outputs: dict[str, Any], *, show_secrets: bool) -> None:
    if not outputs:
        click.echo("    No output values currently in this stack")
        return
    rows = [("OUTPUT", "VALUE")]
    rows += [(key, _text(_plain(outputs[key], show_secrets=show_secrets))) for key in sorted(outputs)]
    _echo_table(rows, indent=4)


def _echo_table(rows: Sequence[tuple[str, ...]], indent: int = 0) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(" " * indent + line.rstrip())


def _tree(resources: Sequence[Resource]) -> list[tuple[str, str]]:
    """Return the resources as a tree of types, each with its name."""
    urns = {resource.urn for resource in resources}
    children: dict[str, list[Resource]] = {}
    for resource in resources:
        children.setdefault(resource.parent if resource.parent in urns else "", []).append(resource)
    roots = children.get("", [])
    top, others = roots[:1], roots[1:]
    rows: list[tuple[str, str]] = []

    def walk(resource: Resource, lead: str, below: str, extra: list[Resource]) -> None:
        rows.append((lead + resource.type, resource.urn.name))
        nested = [*children.get(resource.urn, []), *extra]
        for index, child in enumerate(nested):
            last = index == len(nested) - 1
            walk(child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), [])

    for resource in top:
        walk(resource, "", "", others)
    return rows


def _ago(moment: datetime) -> str:
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' * (count > 1)} ago"
    return "now"


def _host() -> str:
    import socket  # noqa: PLC0415

    return socket.gethostname()
