"""Whether this machine can carry the cluster; asked before anything is started."""

from __future__ import annotations

import os
import platform
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import network
from cluster.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LISTENING = "0A"  # the state column of /proc/net/tcp, see proc_net_tcp(5)


def check_user() -> None:
    """Only root on Linux can make pods.

    Raises:
        MachineError: it is another system, processor or user.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        system = f"{platform.system()} on {platform.machine()}"
        raise MachineError([f"it needs Linux on x86_64, this is {system}; name a cluster of yours instead"])
    if os.geteuid() != 0:
        raise MachineError([f"it needs root to make pods, you are user {os.geteuid()}; use sudo or `kind`"])


def check_room(ports: Iterable[int], memory_mib: int) -> None:
    """Whether `memory_mib` of memory, the cluster's address ranges and the given TCP ports are free.

    Raises:
        MachineError: something is not; it names all that was found.
    """
    reasons = list(network.conflicts())
    available = _available_mib()
    if available < memory_mib:
        reasons.append(f"{available} MiB of memory are available, it needs {memory_mib}; end something or add memory")
    owners = listeners()
    reasons += [f"port {port} is taken by {owners[port]}; stop that first" for port in ports if port in owners]
    if reasons:
        raise MachineError(reasons)


def listeners() -> dict[int, str]:
    """Who listens on which TCP port, as `PID 1234 (name)`."""
    inodes = {}
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net", table)
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == _LISTENING:
                inodes[f"socket:[{fields[9]}]"] = int(fields[1].rpartition(":")[2], 16)
    owners = dict.fromkeys(inodes.values(), "a process of another namespace")
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(descriptor.readlink())
            if target in inodes:
                process = descriptor.parent.parent
                owners[inodes[target]] = f"PID {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:  # it ended meanwhile
            continue
    return owners


def answers(path: Path) -> bool:
    """Whether anyone listens on that Unix socket; a file alone says nothing."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


def _available_mib() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0
