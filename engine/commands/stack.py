"""The commands below `stack`, and `cancel`."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from engine.backend import StackFile
from engine.commands.shell import (
    Group,
    Shell,
    ago,
    echo_json,
    echo_outputs,
    echo_table,
    json_option,
    plain,
    secrets_option,
    setting_json,
    stack_option,
    text_of,
    yes_option,
)
from engine.config import StackConfig, setting
from engine.errors import EngineError, SecretsError, UnsupportedError, UsageError
from engine.passphrase import Crypter
from engine.project import Workspace
from engine.session import Session
from engine.state import Codec, Resource, envelope


@click.group(cls=Group, invoke_without_command=True)
@stack_option
@secrets_option
@click.option("--show-name", is_flag=True, help="Display only the stack name")
@click.pass_context
def stack(context: click.Context, stack: str | None, *, show_secrets: bool, show_name: bool) -> None:
    """Manage stacks and view stack state."""
    if context.invoked_subcommand:
        return
    shell: Shell = context.obj
    if show_name:
        click.echo(shell.workspace.stack(stack).name)
        return
    session = Session(shell.workspace, stack)
    click.echo(f"Current stack is {session.file.name}:")
    snapshot, _ = session.load()
    updated = session.file.updated()
    if updated:
        click.echo(f"    Managed by {_host()}")
        click.echo(f"    Last updated: {ago(updated)} ({updated:%Y-%m-%d %H:%M:%S.%f} +0000 UTC)")
        click.echo(f"    Pulumi version used: {snapshot.version}")
    click.echo(f"Current stack resources ({len(snapshot.resources)}):")
    rows = [("TYPE", "NAME"), *_tree(snapshot.resources)]
    width = max(len(kind) for kind, _ in rows) + 2
    for kind, name in rows:
        click.echo(f"    {kind.ljust(width)}{name}")
    root = snapshot.root()
    outputs = root.outputs if root else {}
    click.echo(f"\nCurrent stack outputs ({len(outputs)}):")
    echo_outputs(outputs, show_secrets=show_secrets)
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
        echo_json([_summary(file, current) for file in files])
        return
    rows = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    for file in files:
        deployment = file.load()
        updated = file.updated()
        count = str(len(deployment.get("resources", ()))) if deployment else "n/a"
        rows.append((file.name + "*" * (file.name == current), ago(updated) if updated else "n/a", count))
    echo_table(rows)


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
    outputs = {key: plain(value, show_secrets=show_secrets) for key, value in (root.outputs if root else {}).items()}
    if name is None:
        if as_json:
            echo_json(outputs)
        else:
            click.echo(f"Current stack outputs ({len(outputs)}):")
            echo_outputs(outputs, show_secrets=True)
        return
    if name not in outputs:
        raise EngineError(f"current stack does not have output property '{name}'")
    if as_json:
        echo_json(outputs[name])
    else:
        click.echo(text_of(outputs[name]))


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
        raise EngineError(
            f"'{file.name}' still has resources; removal rejected. Possible actions:\n"
            f"- Make sure that '{file.name}' is the stack that you want to destroy\n"
            "- Run `pulumi destroy` to delete the resources, then run `pulumi stack rm`\n"
            "- Run `pulumi stack rm --force` to override this error"
        )
    remove_stack(workspace, file.name, preserve_config=preserve_config)


def remove_stack(workspace: Workspace, name: str, *, preserve_config: bool = False) -> None:
    file = workspace.stack(name)
    with file.locked():
        file.remove()
    if not preserve_config:
        workspace.project.config_file(name).unlink(missing_ok=True)
    click.echo(f"Stack '{name}' has been removed!")
    if workspace.selected() == name:
        workspace.select(None)


@stack.command(name="history")
@stack_option
@json_option
@secrets_option
@click.option("--page-size", default=10, show_default=True, help="How many updates a page holds; 0: all")
@click.option("--page", default=1, show_default=True, help="Which page to show")
@click.pass_obj
def stack_history(
    shell: Shell, stack: str | None, *, as_json: bool, show_secrets: bool, page_size: int, page: int
) -> None:
    """Display history for a stack, newest first."""
    session = Session(shell.workspace, stack)
    updates = session.file.history(page_size, page)
    if as_json:
        echo_json([_update_json(update, session, show_secrets=show_secrets) for update in updates])
    elif not updates:
        click.echo(f"No stack updates found on page '{page}'" if page > 1 else "Stack has never been updated")
    for update in updates if not as_json else ():
        _echo_update(update)


def _update_json(update: Mapping[str, Any], session: Session, *, show_secrets: bool) -> dict[str, Any]:
    def decrypt(ciphertext: str) -> str:
        if not show_secrets:
            return ""
        try:
            return session.decrypt(ciphertext)
        except SecretsError:
            return "ERROR_UNABLE_TO_DECRYPT"

    settings = {key: setting(value, decrypt) for key, value in sorted(update["config"].items())}
    return {
        **{key: update[key] for key in ("version", "kind")},
        "startTime": _moment(update["startTime"]),
        **{key: update[key] for key in ("message", "environment")},
        "config": {key: setting_json(value, show_secrets=show_secrets) for key, value in settings.items()},
        "result": update["result"],
        "endTime": _moment(update["endTime"]),
        "resourceChanges": update["resourceChanges"],
    }


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def _echo_update(update: Mapping[str, Any]) -> None:
    counts = "".join(
        f"{mark}{update['resourceChanges'].get(op, 0)}"
        for mark, op in (("+", "create"), ("-", "delete"), ("~", "update"), (" ", "same"))
    )
    when = ago(datetime.fromtimestamp(update["startTime"], UTC))
    click.echo(f"Version: {update['version']}\nUpdateKind: {update['kind']}\nStatus: {update['result']}")
    click.echo(f"Message: {update['message']}\n{counts} Updated {when} took {_took(update)}")
    for key, value in sorted(update["environment"].items()):
        if value.strip():
            click.echo(f"    {key}: {value}")
    click.echo()


def _took(update: Mapping[str, Any]) -> str:
    """Return how long an update took, as Go writes durations: `15s`, `1m0s`, `2h0m3s`."""
    minutes, seconds = divmod(update["endTime"] - update["startTime"], 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


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


@click.command()
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


def _host() -> str:
    return socket.gethostname()
