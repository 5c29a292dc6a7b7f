"""Commands as a user types them: shown, run in the project's folder, and never failed silently."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).parent.parent

PASSPHRASE: Final = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105  # the name of the variable

GRACE: Final = 60
"""Seconds that a command gets to stop in order once it is interrupted: an `up` finishes the write it is in."""


def environment() -> dict[str, str]:
    """The caller's environment; the stack's secrets open with an empty passphrase unless the caller says otherwise."""
    given = PASSPHRASE in os.environ or f"{PASSPHRASE}_FILE" in os.environ
    return {**os.environ} if given else {**os.environ, PASSPHRASE: ""}


def run(command: Sequence[str], seconds: float, advice: str) -> None:
    """Run a command whose output the reader sees as it comes. Raises CommandError, which ends with `advice`."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment())
    try:
        code = process.wait(seconds)
    except BaseException as error:
        # Ctrl-C reaches the command too; a deadline does not
        if isinstance(error, subprocess.TimeoutExpired):
            process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        process.kill()
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise CommandError(command, None, f"It had not ended after {seconds:.0f} s. {advice}") from error
        raise
    if code != 0:
        raise CommandError(command, code, advice)


def read(
    command: Sequence[str],
    seconds: float,
    advice: str,
    folder: Path = ROOT,
    *,
    variables: Mapping[str, str] | None = None,
    ends: int = 0,
) -> str:
    """Run a command that is to end with the code `ends`, and return what it printed.

    `variables` are added to its environment. Raises CommandError with what it said instead, and `advice`.
    """
    env = {**environment(), **(variables or {})}
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(command, None, f"It had not ended after {seconds:.0f} s. {advice}") from error
    if done.returncode != ends:
        raise CommandError(command, done.returncode, f"It said: {(done.stdout + done.stderr).strip()}\n{advice}")
    return done.stdout
