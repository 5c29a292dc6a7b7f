"""Who drives a stack: one driver at a time on a machine, and what others ask of it meanwhile."""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

import yaml

from cutover.engine import POLL_SECONDS, Engine
from cutover.errors import RefusedError, UnderWayError
from cutover.release import KEY

WISH = "wish"
TAKEN_UP_SECONDS = 900.0
"""For how long a wish waits for the driver at work to take it up: an `up` that it is in may come first."""


class Helm:
    """The driver's place at a stack; as a context, to be taken. Raises UnderWayError, naming the driver that has it.

    Args:
        engine: the stack.
        folder: where its journal is.
        say: shown what goes on.
    """

    def __init__(self, engine: Engine, folder: Path, say: Callable[[str], None]) -> None:
        self._engine = engine
        self._folder = folder
        self._say = say
        self._lock: IO[str] | None = None

    def __enter__(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = (self._folder / "driver.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with lock:
                lock.seek(0)
                raise UnderWayError(
                    f"{lock.read().strip()} is at work on stack {self._engine.stack}. `cutover status --watch` shows "
                    "it, `cutover pause` and `cutover abort` reach it."
                ) from None
        lock.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        lock.write(f"{who()} (pid {os.getpid()}, since {since})")
        lock.flush()
        self._lock = lock

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock:
            self._lock.close()

    def wish(self, wish: str) -> None:
        """Ask the driver at work for something, and wait until it has done it."""
        self._engine.change({f"{KEY}.{WISH}": wish})
        self._say(f"Asked for: {wish}.")
        give_up = time.monotonic() + TAKEN_UP_SECONDS
        while self.wished == wish:
            if time.monotonic() > give_up:
                raise RefusedError(f"nobody has taken it up within {TAKEN_UP_SECONDS:.0f} s; `cutover resume` goes on")
            time.sleep(POLL_SECONDS)

    @property
    def wished(self) -> str | None:
        """What somebody has asked for, read straight from the file: it is asked often."""
        written = yaml.safe_load(self._engine.file.read_text(encoding="utf-8")) or {}
        note = (written.get("config") or {}).get(f"{self._engine.project}:{KEY}") or {}
        return note.get(WISH)

    def unwish(self) -> None:
        if self.wished:
            self._engine.change({}, [f"{KEY}.{WISH}"])


def who() -> str:
    """Who is at work: the one who started the pipeline, else the user, and on which machine."""
    return f"{os.environ.get('GITHUB_ACTOR') or getpass.getuser()}@{socket.gethostname()}"
