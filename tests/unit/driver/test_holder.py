"""Who holds a stack's lock, and whether that one still can let it go."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from cutover.holder import Holder

HERE = socket.gethostname()


def test_it_is_read_from_what_an_up_says() -> None:
    said = "error: the stack is currently locked by 1 lock(s).\n  file://x: created by me@build-7 (pid 1234) at now"
    assert Holder.named_in(said) == Holder("build-7", 1234)
    assert Holder.named_in("error: web: green (1.1.0) did not pass its gate") is None


def test_a_process_of_this_machine_that_has_ended_has_died() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert not Holder(HERE, process.pid).has_died
    finally:
        process.kill()
        process.wait()
    assert Holder(HERE, process.pid).has_died
    assert not Holder("elsewhere", process.pid).has_died


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not Holder(HERE, 1).has_died
