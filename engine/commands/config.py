"""The commands below `config`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from engine.commands.shell import (
    Group,
    Shell,
    config_file_option,
    echo_json,
    echo_table,
    json_option,
    path_option,
    secrets_option,
    setting_json,
    stack_option,
)
from engine.config import setting
from engine.errors import EngineError, UsageError
from engine.session import Session


@click.group(cls=Group, invoke_without_command=True)
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
    settings = session.config.settings(session.decrypt if show_secrets else lambda _: "[secret]")
    if as_json:
        echo_json({key: setting_json(value, show_secrets=show_secrets) for key, value in settings.items()})
        return
    prefix = f"{session.project.name}:"
    rows = [
        (key.removeprefix(prefix), "[secret]" if value.secret and not show_secrets else value.text)
        for key, value in settings.items()
    ]
    echo_table([("KEY", "VALUE"), *rows])


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
        raise EngineError(f"configuration key '{key}' not found for stack '{session.file.name}'")
    value = setting(found, session.decrypt)
    if as_json:
        echo_json(setting_json(value, show_secrets=True))
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


@config.command(name="set-all")
@path_option
@click.option("--plaintext", multiple=True, metavar="KEY=VALUE", help="Marks a value as plaintext (unencrypted)")
@click.option("--secret", multiple=True, metavar="KEY=VALUE", help="Marks a value as secret to be encrypted")
@stack_option
@click.pass_context
def config_set_all(
    context: click.Context, stack: str | None, *, inside: bool, plaintext: Sequence[str], secret: Sequence[str]
) -> None:
    """Set multiple configuration values."""
    session = _session(context, stack)
    for pairs, sealed in ((plaintext, False), (secret, True)):
        for pair in pairs:
            key, value = _pair(pair)
            name, path = session.config.split(key, path=inside)
            session.config.set(name, path, value, session.crypter if sealed else None)
    session.config.save()


@config.command(name="rm-all")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@path_option
@stack_option
@click.pass_context
def config_rm_all(context: click.Context, keys: Sequence[str], stack: str | None, *, inside: bool) -> None:
    """Remove multiple configuration values."""
    session = _session(context, stack)
    for key in keys:
        session.config.remove(*session.config.split(key, path=inside))
    session.config.save()


def _pair(text: str) -> tuple[str, str]:
    """Split `key=value`; a key with `=` in it stands in quotes."""
    quote = text[:1] if text[:1] in {'"', "'"} else ""
    key, found, value = text.removeprefix(quote).partition(f"{quote}=")
    if not found:
        raise EngineError("config value must be in the form [key]=[value]")
    return key, value
