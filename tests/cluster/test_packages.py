from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cluster import packages
from cluster.errors import CommandError, PackageError

if TYPE_CHECKING:
    from pathlib import Path

MISSING = {"etcd", "/usr/lib/cni/bridge"}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None if program in MISSING else f"/usr/bin/{program}")
    monkeypatch.setattr(packages, "_POLICY", tmp_path / "policy-rc.d")


def test_what_is_missing_is_installed_while_services_may_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[tuple[str, ...]] = []
    lines: list[str] = []

    def run(*command: str) -> str:
        if "apt-get" in command:
            assert packages._POLICY.read_text().endswith("exit 101\n")
        commands.append(command)
        return ""

    monkeypatch.setattr(packages, "run", run)
    packages.install_missing(lines.append)
    assert lines == ["installing the Debian packages etcd-server containernetworking-plugins"]
    assert commands[1][-2:] == ("etcd-server", "containernetworking-plugins")
    assert not packages._POLICY.exists()


def test_a_machine_s_own_policy_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    packages._POLICY.write_text("theirs")
    monkeypatch.setattr(packages, "run", lambda *_: "")
    packages.install_missing(print)
    assert packages._POLICY.read_text() == "theirs"


def test_a_failed_installation_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: str) -> str:
        raise CommandError(command, 100, "Unable to fetch some archives")

    monkeypatch.setattr(packages, "run", run)
    with pytest.raises(PackageError, match=r"Unable to fetch some archives\n.*apt-get install .* etcd-server"):
        packages.install_missing(print)
    assert not packages._POLICY.exists()


def test_elsewhere_than_on_debian_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(PackageError) as caught:
        packages.install_missing(print)
    assert "etcd-server" in caught.value.packages
    assert "there is no apt-get" in str(caught.value)
