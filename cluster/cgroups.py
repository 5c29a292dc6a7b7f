"""The control groups that everything of the cluster runs in: its processes in `system`, its pods in `kubepods`.

Whatever a process of the cluster starts, shims and pods included, stays in them. So all that runs can be found without
asking a name, even after the state was lost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cluster import layout
from cluster.errors import LeftoverError

_REMOVAL_SECONDS = 10.0
_WEIGHTS = {"cpu.shares": 8 * 1024, "cpu.weight": 8 * 100}
"""Eight times that of any one process beside it, of versions 1 and 2. A node has its CPUs to itself; here ten busy
commands would leave all of the cluster an eleventh of them, and its proxy late by more than a pod takes to end."""


def hierarchies() -> list[Path]:
    """Mount points of all hierarchies, of version 1 and 2: a machine may have either or both."""
    mounts = (line.partition(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [Path(fields.split()[4]) for fields, _, kind in mounts if kind.split()[0] in {"cgroup", "cgroup2"}]


def create() -> list[Path]:
    """Make the groups; return the files that a starting process writes its pid to."""
    files = []
    for hierarchy in hierarchies():
        if (controllers := hierarchy / "cgroup.controllers").exists():
            for controller in controllers.read_text().split():
                with suppress(OSError):  # some cannot be given away; kubelet names the one that it misses
                    (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}")
        ours = hierarchy / layout.CGROUP
        for group in (ours, ours / "system"):
            group.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):  # version 1 starts them empty, and then takes no process
                if (group / file).exists() and not (group / file).read_text().strip():
                    (group / file).write_text((group.parent / file).read_text())
        for name, weight in _WEIGHTS.items():
            if (ours / name).exists():
                (ours / name).write_text(str(weight))
        files.append(ours / "system" / "cgroup.procs")
    return files


def members() -> set[int]:
    """Pids of all processes in the groups."""
    pids = set()
    for hierarchy in hierarchies():
        for group in _groups(hierarchy):
            with suppress(OSError):
                pids |= {int(pid) for pid in (group / "cgroup.procs").read_text().split()}
    return pids - {0}


def remove() -> None:
    """Remove the groups, innermost first; the kernel needs a moment after the last process ended.

    Raises:
        LeftoverError: some are still in use after 10 s.
    """
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while True:
        left = []
        for hierarchy in hierarchies():
            for group in _groups(hierarchy):
                try:
                    group.rmdir()
                except OSError:
                    left.append(str(group))
        if not left:
            return
        if time.monotonic() > deadline:
            raise LeftoverError("control groups", left)
        time.sleep(0.05)


def _groups(hierarchy: Path) -> Iterator[Path]:
    """All groups, innermost first. They go while one looks, which `os.walk`, unlike `rglob`, takes as it is."""
    return (Path(folder) for folder, *_ in os.walk(hierarchy / layout.CGROUP, topdown=False))
