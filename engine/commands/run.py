"""The commands preview, up, refresh and destroy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.commands.shell import Command, Shell, config_file_option, json_option, stack_option, yes_option
from engine.commands.stack import remove_stack
from engine.display import Action, DiffDisplay, Display, PlainDisplay
from engine.errors import CancelledError, UnexpectedChangesError, UsageError
from engine.json_display import JsonEvents, JsonPreview
from engine.live import LiveDisplay
from engine.operations import Options, Run
from engine.session import Session


def run_options(command: Command) -> Command:
    """Add the flags of preview, up, refresh and destroy."""
    for option in reversed(
        (
            stack_option,
            config_file_option,
            json_option,
            click.option("-m", "--message", default="", help="Optional message to associate with the operation"),
            click.option("--diff", "as_diff", is_flag=True, help="Display operation as a rich diff"),
            click.option("-p", "--parallel", type=click.IntRange(min=1), default=16, show_default=True),
            click.option("--expect-no-changes", is_flag=True, help="Return an error if any changes occur"),
            click.option("--show-sames", is_flag=True, help="Show resources that needn't be updated, too"),
            click.option("-r", "--refresh", is_flag=False, flag_value="true", default="false", help="Refresh first"),
        )
    ):
        command = option(command)
    return command


class Operation:
    """One of the four, with its flags: previews, asks, does."""

    def __init__(
        self,
        shell: Shell,
        action: Action,
        *,
        stack: str | None,
        config_file: Path | None,
        message: str,
        as_json: bool,
        as_diff: bool,
        parallel: int,
        expect_no_changes: bool,
        show_sames: bool,
        refresh: str,
    ) -> None:
        self._shell = shell
        self._action = action
        self._session = Session(shell.workspace, stack, config_file)
        self._session.message = message
        self._json = as_json
        self._diff = as_diff
        self._expect_no_changes = expect_no_changes
        self._show_sames = show_sames
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
            # Events are of one run: with --json the preview is left out.
            if not skip_preview and not self._json:
                self._confirm(self._run(dry_run=True), yes=yes)
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

    def _run(self, *, dry_run: bool) -> Display:
        display = self._display(dry_run=dry_run)
        run = Run(self._session, display, self.options)
        {Action.UPDATE: run.update, Action.REFRESH: run.refresh, Action.DESTROY: run.destroy}[self._action]()
        if self._expect_no_changes and display.changed:
            kind = "preview" if dry_run else self._action
            raise UnexpectedChangesError(f"no changes were expected for {kind} but changes were proposed")
        return display

    def _display(self, *, dry_run: bool) -> Display:
        target = self._session.target
        kind: type[Display]
        if self._json:
            kind = JsonPreview if dry_run else JsonEvents
        elif self._diff:
            kind = DiffDisplay
        else:
            kind = LiveDisplay if self._shell.interactive else PlainDisplay
        display = kind(self._action, target.stack, target.root, dry_run=dry_run)
        display.shows_sames = self._show_sames
        display.config = self._session.config.values
        return display


@click.command()
@run_options
@click.pass_obj
def preview(shell: Shell, /, **flags: Any) -> None:
    """Show a preview of updates to a stack's resources."""
    Operation(shell, Action.UPDATE, **flags).preview()


@click.command(name="up")
@run_options
@yes_option
@click.option("-f", "--skip-preview", is_flag=True, help="Do not calculate a preview before performing the update")
@click.pass_obj
def up(shell: Shell, /, *, yes: bool, skip_preview: bool, **flags: Any) -> None:
    """Create or update the resources in a stack."""
    Operation(shell, Action.UPDATE, **flags).perform(yes=yes, skip_preview=skip_preview)


@click.command()
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


@click.command()
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
        remove_stack(shell.workspace, name)
        return
    click.echo(
        "The resources in the stack have been deleted, but the history and configuration associated with the stack are "
        f"still maintained. \nIf you want to remove the stack completely, run `pulumi stack rm {name}`."
    )
