"""The cluster's processes: started detached, remembered by pid and start time, never looked up by name."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster import cgroups, layout
from cluster.errors import LeftoverError, ProcessError

_START_SECONDS = 5.0
_STOP_SECONDS = 15.0
# Joins its control groups, says who it is, and becomes the program: no moment in which it could be lost.
_LAUNCH = 'for file in $GROUPS_; do echo $$ > "$file"; done; echo $$ > "$PID_FILE"; unset GROUPS_ PID_FILE; exec "$@"'


@dataclass(frozen=True)
class Program:
    """How to run one process: its name, its command line, and the TCP ports it listens on."""

    name: str
    command: tuple[str, ...]
    ports: tuple[int, ...] = ()

    @property
    def log(self) -> Path:
        return layout.LOGS / f"{self.name}.log"


@dataclass(frozen=True)
class Process:
    """A process that was started.

    Attributes:
        pid: process id.
        started: start time in clock ticks since boot; tells it from a later process with the same pid.
        command: its command line.
    """

    name: str
    pid: int
    started: int
    command: tuple[str, ...]

    @property
    def alive(self) -> bool:
        return _start_time(self.pid) == self.started

    def end(self, number: signal.Signals = signal.SIGTERM, patience: float = _STOP_SECONDS) -> None:
        """Send the signal and wait until the process is gone; after `patience` seconds kill it."""
        for chosen in (number, signal.SIGKILL):
            try:
                handle = os.pidfd_open(self.pid)
            except ProcessLookupError:
                return
            try:
                if not self.alive:  # asked after the handle was had: the handle cannot mean a later process
                    return
                signal.pidfd_send_signal(handle, chosen)
                poll = select.poll()
                poll.register(handle, select.POLLIN)
                if poll.poll(patience * 1000):
                    return
            finally:
                os.close(handle)
        raise LeftoverError("processes", [f"{self.name} (PID {self.pid})"])


def find(name: str) -> Process | None:
    """The running process of that name, if it was started and is still alive."""
    record = layout.PROCESSES / f"{name}.json"
    if not record.exists():
        return None
    fields = json.loads(record.read_text())
    process = Process(**{**fields, "command": tuple(fields["command"])})
    return process if process.alive else None


def was_started(name: str) -> bool:
    """Whether it was started since the cluster's last `down`, and so should run."""
    return (layout.PROCESSES / f"{name}.json").exists()


def start(program: Program) -> Process:
    """Start a program in a session and in control groups of its own, with its log emptied (the last one is kept)."""
    for folder in (layout.LOGS, layout.PROCESSES):
        folder.mkdir(parents=True, exist_ok=True)
    pid_file = layout.PROCESSES / f"{program.name}.pid"
    pid_file.unlink(missing_ok=True)
    if program.log.exists():
        program.log.replace(program.log.with_suffix(".log.1"))
    groups = " ".join(str(file) for file in cgroups.create())
    with program.log.open("wb") as log:
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", _LAUNCH, program.name, *program.command],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": "/", "GROUPS_": groups, "PID_FILE": str(pid_file)},
        )
    deadline = time.monotonic() + _START_SECONDS
    while not (pid_file.exists() and (text := pid_file.read_text())):
        if time.monotonic() > deadline:
            raise ProcessError(program.name, "could not be started", program.log)
        time.sleep(0.005)
    pid = int(text)
    started = _start_time(pid)
    if started is None:
        raise ProcessError(program.name, "ended at once", program.log)
    process = Process(program.name, pid, started, program.command)
    part = pid_file.with_suffix(".part")
    part.write_text(json.dumps(asdict(process)))
    part.replace(pid_file.with_suffix(".json"))
    return process


def kill_all() -> None:
    """Kill everything that runs in the cluster's control groups: its processes, the shims, the pods.

    Raises:
        LeftoverError: some are still there after 15 s.
    """
    deadline = time.monotonic() + _STOP_SECONDS
    while pids := cgroups.members():
        if time.monotonic() > deadline:
            raise LeftoverError("processes", [f"PID {pid}" for pid in sorted(pids)])
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def _start_time(pid: int) -> int | None:
    """Field 22 of `/proc/<pid>/stat` (proc(5)); None for a process that is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])
