"""The program's process: the engine's side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from engine.backend import ORGANIZATION
from engine.config import Setting
from engine.project import Project
from engine.urn import Target

_PATIENCE = 5.0
"""Seconds that an interrupted program has to end."""


class Program:
    """A running program, whose lines of output go to `show` as they come."""

    def __init__(
        self,
        project: Project,
        target: Target,
        settings: Mapping[str, Setting],
        address: str,
        *,
        dry_run: bool,
        parallel: int,
        show: Callable[[str], None],
    ) -> None:
        arguments = {
            "program": str(project.program),
            "project": target.project,
            "stack": target.stack,
            "organization": ORGANIZATION,
            "root_directory": str(project.root),
            "monitor": address,
            "engine": address,
            "dry_run": dry_run,
            "parallel": parallel,
        }
        environment = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps({key: setting.text for key, setting in settings.items()}),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps([key for key, setting in settings.items() if setting.secret]),
        }
        # A session of its own: Ctrl-C is the engine's to pass on. Its stdin stays open as long as the engine lives.
        self._process = subprocess.Popen(
            [project.python, "-u", "-P", str(Path(__file__).with_name("program.py")), json.dumps(arguments)],
            cwd=project.program if project.program.is_dir() else project.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._interrupted = False
        self._readers = [
            threading.Thread(target=self._read, args=(stream, show), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes], show: Callable[[str], None]) -> None:
        for line in stream:
            if not self._interrupted:
                show(line.decode(errors="replace").rstrip("\n"))

    def wait(self, timeout: float) -> int | None:
        """Return the exit code, None when the program still runs after `timeout` seconds."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        for reader in self._readers:
            reader.join(_PATIENCE)
        return code

    def interrupt(self) -> None:
        """Ask the program to end, as Ctrl-C would, then end it. What it prints from here on is not shown."""
        if self._process.poll() is None:
            self._interrupted = True
            self._process.send_signal(signal.SIGINT)
            if self.wait(_PATIENCE) is None:
                self.kill()

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
