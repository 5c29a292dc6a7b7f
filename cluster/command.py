"""Running the system's own commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cluster.errors import CommandError


def run(*command: str, standard_input: str | None = None, folder: Path | None = None) -> str:
    """Run a command to its end, in `folder` (by default the present one), and return its standard output.

    Raises:
        CommandError: it ended with another exit code than 0.
    """
    done = subprocess.run(command, check=False, text=True, capture_output=True, input=standard_input, cwd=folder)
    if done.returncode:
        raise CommandError(command, done.returncode, done.stderr or done.stdout)
    return done.stdout
