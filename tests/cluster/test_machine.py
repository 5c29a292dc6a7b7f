from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import machine, network
from cluster.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_who_listens_is_named(taken: int) -> None:
    name = Path("/proc/self/comm").read_text().strip()
    assert machine.listeners()[taken] == f"PID {os.getpid()} ({name})"


def test_all_that_is_wrong_is_said_at_once(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "conflicts", lambda: iter(["the route is in the way"]))
    with pytest.raises(MachineError) as caught:
        machine.check_room([taken, 1], memory_mib=10**9)
    route, memory, port = caught.value.reasons
    assert route == "the route is in the way"
    assert "of memory are available, it needs 1000000000" in memory
    assert port.startswith(f"port {taken} is taken by PID {os.getpid()} (")


def test_only_root_can_make_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MachineError, match="needs root to make pods, you are user 1000"):
        machine.check_user()


def test_only_linux_has_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(MachineError, match="it needs Linux on x86_64, this is"):
        machine.check_user()


def test_a_socket_file_without_a_listener_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert machine.answers(path)
    assert path.is_socket()
    assert not machine.answers(path)
