"""What the commands share: refusals, flags, where the command runs, tables."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from engine.config import Setting
from engine.errors import CancelledError, UnsupportedError, UsageError
from engine.project import Workspace
from engine.values import Secret, reveal

_REFUSED: Final = frozenset(
    [
        "about",
        "ai",
        "cloud",
        "console",
        "convert",
        "deployment",
        "do",
        "env",
        "events",
        "import",
        "insights",
        "install",
        "login",
        "logout",
        "logs",
        "neo",
        "new",
        "org",
        "package",
        "plugin",
        "policy",
        "project",
        "query",
        "replay-events",
        "schema",
        "state",
        "template",
        "trace",
        "view-trace",
        "watch",
        "whoami",
    ]
)

_DAY: Final = 86400
_UNITS: Final = (
    (360 * _DAY, "year"),
    (30 * _DAY, "month"),
    (7 * _DAY, "week"),
    (_DAY, "day"),
    (3600, "hour"),
    (60, "minute"),
    (1, "second"),
)
"""In seconds; months and years as the CLI rounds them."""


class Group(click.Group):
    """Loads its commands when they are used (`module:name`), and refuses the CLI's others by name."""

    def __init__(self, *args: Any, modules: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._modules = modules or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self._modules, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._modules:
            module, name = self._modules[cmd_name].split(":")
            command: click.Command = getattr(importlib.import_module(f"engine.commands.{module}"), name)
            return command
        return super().get_command(ctx, cmd_name)

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


Command = Callable[..., Any]
stack_option = click.option("-s", "--stack", help="The name of the stack to operate on. Defaults to the current stack")
yes_option = click.option("-y", "--yes", is_flag=True, help="Automatically approve and perform the operation")
json_option = click.option("-j", "--json", "as_json", is_flag=True, help="Emit output as JSON")
secrets_option = click.option("--show-secrets", is_flag=True, help="Show secret values in plaintext")
path_option = click.option(
    "--path", "inside", is_flag=True, help="The key contains a path to a property in a map or list"
)
config_file_option = click.option("--config-file", type=click.Path(path_type=Path), help="Use this stack file")


# --- printing


def plain(value: Any, *, show_secrets: bool) -> Any:
    """Return a value for output: secrets revealed or as the word [secret]."""
    match value:
        case Secret():
            return reveal(value) if show_secrets else "[secret]"
        case dict():
            return {key: plain(item, show_secrets=show_secrets) for key, item in value.items()}
        case list():
            return [plain(item, show_secrets=show_secrets) for item in value]
        case _:
            return value


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def echo_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def setting_json(value: Setting, *, show_secrets: bool) -> dict[str, Any]:
    """Return a value of the config as `--json` shows it."""
    if value.secret and not show_secrets:
        return {"secret": True}
    structured = {"objectValue": json.loads(value.text)} if value.structured else {}
    return {"value": value.text, **structured, "secret": value.secret}


def ago(moment: datetime) -> str:
    """Say how long ago it was, in the largest unit."""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for size, word in _UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' * (count > 1)} ago"
    return "now"


def echo_outputs(outputs: dict[str, Any], *, show_secrets: bool) -> None:
    if not outputs:
        click.echo("    No output values currently in this stack")
        return
    rows = [("OUTPUT", "VALUE")]
    rows += [(key, text_of(plain(outputs[key], show_secrets=show_secrets))) for key in sorted(outputs)]
    echo_table(rows, indent=4)


def echo_table(rows: Sequence[tuple[str, ...]], indent: int = 0) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(" " * indent + line.rstrip())
