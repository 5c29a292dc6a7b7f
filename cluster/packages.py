"""The programs that come from Debian, installed when they are missing and never run as services of the machine."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import layout
from cluster.command import run
from cluster.errors import CommandError, PackageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A program that must be there, and the package that has it: another package may well have brought it already.
_PROGRAMS = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "runc": "runc",
    str(layout.CNI_PLUGINS / "bridge"): "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "catatonit": "catatonit",
    "ip": "iproute2",
    "modprobe": "kmod",
    "mount": "mount",
}
_APT_GET = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
_POLICY = Path("/usr/sbin/policy-rc.d")


def install_missing(say: Callable[[str], None]) -> None:
    """Install by apt-get what is missing.

    Raises:
        PackageError: this is not Debian, or apt-get failed.
    """
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise PackageError(missing, "there is no apt-get here to install them")
    say(f"installing the Debian packages {' '.join(missing)}")
    try:
        with _services_kept_down():
            run(*_APT_GET, "update")
            run(*_APT_GET, "install", "--yes", "--no-install-recommends", *missing)
    except CommandError as error:
        raise PackageError(missing, str(error)) from error
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
