from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rich.console import Console

from cluster import packages
from cluster.errors import CommandError, PackageError

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


def test_what_is_unpacked_elsewhere_than_on_debian_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(PackageError, match=r"prometheus: there is no apt-get.*\n.*apt-get download prometheus"):
        packages.DebianProgram("prometheus").ensure(Console())


def test_a_package_is_unpacked_once_and_keeps_nothing_but_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []

    def run(*command: str, folder: Path | None = None) -> str:
        commands.append(command[0])
        if "download" in command and folder:
            (folder / "hello_1%3a2.10+ds-3_amd64.deb").touch()
        if "--extract" in command:
            programs = Path(command[-1], "usr", "bin")
            programs.mkdir(parents=True)
            (programs / "hello").touch()
        return "2.10+ds" if "--show" in command else ""

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages, "run", run)
    for _ in range(2):
        packages.DebianProgram("hello").ensure(Console())
    assert commands == ["env", "env", "dpkg-deb", "dpkg-deb"]
    hello = packages.DebianProgram("hello")
    assert hello.version == "2.10"
    assert {path.name for path in hello.program.parent.iterdir()} == {"hello", "version"}
    assert {path.name for path in hello.program.parent.parent.iterdir()} == {hello.program.parent.name, "hello.lock"}


WHEEL = packages.WheelProgram("hello", "hello-server", "2.10", "c0ffee", "hello/bin/hello")


def test_a_wheel_s_program_is_the_one_that_was_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins: list[str] = []

    def run(*command: str) -> str:
        options = dict(word.split("=") for word in command if "=" in word)
        assert "--require-hashes" in command
        pins.append(Path(options["--requirement"]).read_text())
        program = Path(options["--target"], WHEEL.path)
        program.parent.mkdir(parents=True)
        program.touch()
        return ""

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages, "run", run)
    for _ in range(2):
        WHEEL.ensure(Console())
    assert pins == ["hello-server==2.10 --hash=sha256:c0ffee\n"]
    assert [path.name for path in WHEEL.program.parent.iterdir()] == ["hello"]


def test_a_wheel_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: str) -> str:
        raise CommandError(command, 1, "THESE PACKAGES DO NOT MATCH THE HASHES")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages, "run", run)
    with pytest.raises(PackageError, match=r"DO NOT MATCH THE HASHES\n.*pip download --no-deps hello-server==2\.10$"):
        WHEEL.ensure(Console())
    assert [path.name for path in (tmp_path / "cutover" / "packages").iterdir()] == ["hello.lock"]


def test_libraries_are_where_the_loader_of_an_image_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = """\
\tlinux-vdso.so.1 (0x00007ffd3b5f2000)
\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f1c2c3a0000)
\tlibown.so => /opt/own/lib/libown.so (0x00007f1c2c300000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f1c2c4d0000)
"""
    monkeypatch.setattr(packages, "run", lambda *_: lines)
    assert packages.libraries(Path("/bin/program")) == {
        "lib/x86_64-linux-gnu/libz.so.1": Path("/lib/x86_64-linux-gnu/libz.so.1"),
        "lib/x86_64-linux-gnu/libown.so": Path("/opt/own/lib/libown.so"),
        "lib64/ld-linux-x86-64.so.2": Path("/lib64/ld-linux-x86-64.so.2"),
    }
