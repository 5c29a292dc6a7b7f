from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import layout, processes
from cluster.processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator


def start_time(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_known_by_pid_and_start_time(child: subprocess.Popen[bytes]) -> None:
    started = start_time(child.pid)
    assert Process("sleep", child.pid, started, ("sleep", "60")).alive
    assert not Process("sleep", child.pid, started - 1, ("sleep", "60")).alive


def test_a_process_that_only_waits_to_be_reaped_is_dead(child: subprocess.Popen[bytes]) -> None:
    process = Process("sleep", child.pid, start_time(child.pid), ())
    os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while process.alive:
        assert time.monotonic() < deadline
    assert Path(f"/proc/{child.pid}").exists()


def test_another_process_with_the_same_pid_is_never_ended(child: subprocess.Popen[bytes]) -> None:
    Process("sleep", child.pid, start_time(child.pid) - 1, ()).end()
    assert child.poll() is None


def test_one_that_ignores_sigterm_is_killed() -> None:
    with subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo ready; sleep 60 & wait; wait"], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        Process("sh", child.pid, start_time(child.pid), ()).end(patience=0.2)
        assert child.wait(timeout=5) == -signal.SIGKILL


def test_a_record_is_found_only_while_its_process_lives(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    child: subprocess.Popen[bytes],
) -> None:
    monkeypatch.setattr(layout, "PROCESSES", tmp_path)
    assert processes.find("etcd") is None
    assert not processes.was_started("etcd")
    record = Process("etcd", child.pid, start_time(child.pid), ("etcd", "--flag"))
    (tmp_path / "etcd.json").write_text(json.dumps(asdict(record)))
    assert processes.find("etcd") == record
    child.kill()
    child.wait()
    assert processes.find("etcd") is None
    assert processes.was_started("etcd")
