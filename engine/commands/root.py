"""`pulumi` itself: global flags, and how every error becomes a line and an exit code."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import Final, NoReturn

import click

from engine.commands.shell import Group, Shell
from engine.errors import CancelledError, EngineError, FailedError, UsageError
from engine.version import VERSION

_MODULES: Final = {
    "preview": "run:preview",
    "up": "run:up",
    "update": "run:up",
    "refresh": "run:refresh",
    "destroy": "run:destroy",
    "cancel": "stack:cancel",
    "stack": "stack:stack",
    "config": "config:config",
}


@click.group(cls=Group, modules=_MODULES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "--cwd", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@click.option("--non-interactive", is_flag=True, help="Disable interactive mode for all commands")
@click.option("--color", type=click.Choice(["auto", "always", "never", "raw"]), default="auto", expose_value=False)
@click.version_option(f"{VERSION} (embedded engine)", message="%(version)s")
@click.pass_context
def pulumi(context: click.Context, cwd: Path, *, non_interactive: bool) -> None:
    """Run Pulumi programs for Kubernetes without the Pulumi CLI."""
    context.obj = Shell(cwd.resolve(), interactive=not non_interactive and sys.stdin.isatty() and sys.stdout.isatty())


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line (by default the process's own) and exit."""
    try:
        pulumi(
            _global_flags_first(sys.argv[1:] if arguments is None else arguments),
            prog_name="pulumi",
            standalone_mode=False,
        )
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


def _global_flags_first(arguments: list[str]) -> list[str]:
    """Let global flags stand anywhere, as with the CLI: `pulumi up --yes -C folder`."""
    first: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in ("-C", "--cwd", "--color"):
            first += [argument, *islice(remaining, 1)]
        elif argument == "--non-interactive" or argument.startswith(("--cwd=", "--color=")):
            first.append(argument)
        else:
            rest.append(argument)
    return first + rest


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(code)
