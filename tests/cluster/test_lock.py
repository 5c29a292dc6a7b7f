from __future__ import annotations

import fcntl
import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from cluster.errors import BusyError
from cluster.lock import locked

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_run_waits_and_says_for_whom(tmp_path: Path) -> None:
    output = io.StringIO()
    path = tmp_path / "lock"
    with path.open("w") as other:
        other.write("PID 4711")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="PID 4711 has held"), locked(path, 0.2, Console(file=output, width=300)):
            pytest.fail("two hold the lock")
    assert "waiting for PID 4711" in output.getvalue()
    with locked(path, 0.2, Console(file=output)):
        assert path.read_text().startswith("PID ")
