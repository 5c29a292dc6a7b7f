from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from cluster import __main__

if TYPE_CHECKING:
    from pathlib import Path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["cluster", *arguments])
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    return caught.value.code


def test_the_kubeconfig_is_the_cluster_s_own(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "/ambient")
    assert call(monkeypatch, "kubeconfig") == 0
    assert capsys.readouterr().out == f"{tmp_path}/.kube/cutover-embedded.yaml\n"


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_an_error_is_a_message_and_exit_code_1(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert call(monkeypatch, command) == 1
    assert capsys.readouterr().err.startswith("error: the embedded cluster cannot start here:\n  - it needs root")
