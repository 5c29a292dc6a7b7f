"""One run at a time: a lock file, held as long as the process lives."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cluster.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console


@contextmanager
def locked(path: Path, patience: float, console: Console) -> Iterator[None]:
    """Hold the lock; wait at most `patience` seconds for it, and say for whom.

    Raises:
        BusyError: another process still held it then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        deadline = time.monotonic() + patience
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                owner = file.read() or "another process"
                if time.monotonic() > deadline:
                    raise BusyError(f"{owner} has held {path} for {patience:.0f} s; wait for it or end it") from None
                if not waiting:
                    console.print(f"waiting for {owner}, which holds {path}")
                    waiting = True
                time.sleep(0.1)
        file.truncate(0)
        file.write(f"PID {os.getpid()}")
        file.flush()
        yield
