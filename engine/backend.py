"""Where stacks are kept: Pulumi's file backend, in its own layout (pkg/backend/diy).

<root>/.pulumi/meta.yaml                                    version: 1
stacks/<project>/<stack>.json (+ .json.bak)  the checkpoint and the one before it
history/<project>/<stack>/…                  one entry and one checkpoint per update
backups/<project>/<stack>/…                  one checkpoint per update
locks/organization/<project>/<stack>/…       one file per process that writes
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.errors import LockedError, StackNotFoundError, StateError, UnsupportedError
from engine.state import check_envelope, envelope

ORGANIZATION: Final = "organization"


def pulumi_home() -> Path:
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def backend_url(project_url: str | None) -> str:
    """Return the backend to use: PULUMI_BACKEND_URL, else the project's, else the one logged in to, else file://~."""
    if url := os.environ.get("PULUMI_BACKEND_URL") or project_url:
        return url
    try:
        current = json.loads((pulumi_home() / "credentials.json").read_text()).get("current")
    except (OSError, ValueError):
        current = None
    return current or "file://~"


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a crash at any moment leaves the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@dataclass(frozen=True, slots=True)
class Lock:
    """A process that holds a stack; `created` is RFC 3339."""

    path: Path
    pid: int
    username: str
    hostname: str
    created: str


class Backend:
    """All stacks below one folder."""

    def __init__(self, url: str) -> None:
        """Open the backend at `url`, making it when it is new. Raises UnsupportedError when it is not `file://`."""
        if not url.startswith("file://"):
            raise UnsupportedError(
                f"the backend '{url}'", "it keeps state in files: set PULUMI_BACKEND_URL=file://~ or log in to file://~"
            )
        self.url = url
        place = url.removeprefix("file://").split("?", 1)[0]
        self.root = Path(place).expanduser().resolve() / ".pulumi"
        meta = self.root / "meta.yaml"
        if not meta.exists():
            if any((self.root / "stacks").glob("*.json")):
                raise UnsupportedError(
                    f"the old layout of {self.root}", "run `pulumi state upgrade` with the Pulumi CLI"
                )
            write_atomically(meta, "version: 1\n")
        elif (version := meta.read_text().strip()) != "version: 1":
            raise UnsupportedError(f"backends of '{version}'", f"{meta} must say 'version: 1'")

    def stack(self, project: str, name: str) -> StackFile:
        return StackFile(self, project, name)

    def stacks(self, project: str) -> list[StackFile]:
        names = sorted(path.stem for path in (self.root / "stacks" / project).glob("*.json"))
        return [self.stack(project, name) for name in names]


class StackFile:
    """One stack's files."""

    def __init__(self, backend: Backend, project: str, name: str) -> None:
        self.project = project
        self.name = name
        self._root = backend.root
        self.path = self._root / "stacks" / project / f"{name}.json"
        self._history = self._root / "history" / project / name
        self._backups = self._root / "backups" / project / name
        self._locks = self._root / "locks" / ORGANIZATION / project / name

    @property
    def full_name(self) -> str:
        return f"{ORGANIZATION}/{self.project}/{self.name}"

    # --- the checkpoint

    def exists(self) -> bool:
        for suffix in (".gz", ".zst"):
            if self.path.with_name(self.path.name + suffix).exists():
                raise UnsupportedError(f"compressed state ({self.path.name}{suffix})")
        return self.path.exists()

    def create(self) -> None:
        """Write a checkpoint without any deployment. Raises StateError when the stack exists."""
        if self.exists():
            raise StateError(f"stack '{self.full_name}' already exists")
        self._write({"version": 3, "checkpoint": {"stack": self.full_name}})

    def load(self) -> dict[str, Any] | None:
        """Return the latest deployment, None when there was none yet."""
        if not self.exists():
            raise StackNotFoundError(f"no stack named '{self.name}' found")
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StateError(f"{self.path} is no JSON ({error}); the previous one is {self.path.name}.bak") from error
        check_envelope(document)
        latest: dict[str, Any] | None = document["checkpoint"].get("latest")
        return latest

    def save(self, deployment: dict[str, Any]) -> None:
        """Make `deployment` the latest, keeping the previous file as .bak."""
        if self.path.exists():
            backup = self.path.with_name(self.path.name + ".bak")
            temporary = backup.with_name(f".{backup.name}.tmp")
            temporary.unlink(missing_ok=True)
            os.link(self.path, temporary)
            temporary.replace(backup)
        self._write({**envelope(deployment), "checkpoint": {"stack": self.full_name, "latest": deployment}})

    def _write(self, document: dict[str, Any]) -> None:
        try:
            write_atomically(self.path, json.dumps(document, separators=(",", ":"), ensure_ascii=False))
        except OSError as error:
            raise StateError(f"could not write the stack's state to {self.path}: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the stack with its history and locks; backups stay, as with the CLI."""
        self.path.unlink(missing_ok=True)
        self.path.with_name(self.path.name + ".bak").unlink(missing_ok=True)
        shutil.rmtree(self._history, ignore_errors=True)
        shutil.rmtree(self._locks, ignore_errors=True)

    def updated(self) -> datetime | None:
        """Return when the latest deployment was written."""
        latest = self.load()
        time_ = latest and latest["manifest"]["time"]
        return datetime.fromisoformat(time_[:26] + "+00:00") if time_ else None

    # --- history

    def record(self, update: dict[str, Any]) -> None:
        """Add an update to the history, with a copy of the checkpoint, and a backup."""
        stamp = time.time_ns()
        entry = self._history / f"{self.name}-{stamp}.history.json"
        write_atomically(entry, json.dumps(update, indent=4))
        checkpoint = self.path.read_text(encoding="utf-8")
        write_atomically(self._history / f"{self.name}-{stamp}.checkpoint.json", checkpoint)
        write_atomically(self._backups / f"{self.name}.{time.time_ns()}.json", checkpoint)

    def history(self, page_size: int, page: int) -> list[dict[str, Any]]:
        """Return a page of the updates, newest first; pages count from 1, and a size of 0 means all."""
        entries = sorted(self._history.glob("*.history.json"), reverse=True)
        start = (max(page, 1) - 1) * page_size if page_size > 0 else 0
        wanted = entries[start : start + page_size] if page_size > 0 else entries
        return [self._read_entry(entry) for entry in wanted]

    @staticmethod
    def _read_entry(path: Path) -> dict[str, Any]:
        try:
            entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StateError(f"getting history: reading history file {path}: {error}") from error
        return entry

    # --- locks

    def locks(self) -> list[Lock]:
        held = []
        for path in sorted(self._locks.glob("*.json")):
            try:
                content = json.loads(path.read_text())
            except (OSError, ValueError):
                content = {}
            held.append(
                Lock(
                    path,
                    content.get("pid", 0),
                    content.get("username", "?"),
                    content.get("hostname", "?"),
                    content.get("timestamp", "?"),
                )
            )
        return held

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the stack for writing. Raises LockedError when another process does."""
        self._refuse_if_locked(own=None)
        own = self._locks / f"{uuid.uuid4()}.json"
        content = {
            "pid": os.getpid(),
            "username": getpass.getuser(),
            "hostname": socket.gethostname(),
            "timestamp": datetime.now().astimezone().isoformat(),
        }
        write_atomically(own, json.dumps(content))
        try:
            self._refuse_if_locked(own)
            yield
        finally:
            own.unlink(missing_ok=True)

    def _refuse_if_locked(self, own: Path | None) -> None:
        others = [lock for lock in self.locks() if lock.path != own]
        if others:
            lines = [
                f"\n  file://{lock.path}: created by {lock.username}@{lock.hostname} (pid {lock.pid}) at {lock.created}"
                for lock in others
            ]
            raise LockedError(
                f"the stack is currently locked by {len(others)} lock(s). Either wait for the other process(es) to end "
                "or delete the lock file with `pulumi cancel`." + "".join(lines)
            )

    def cancel(self) -> int:
        """Remove all locks; return how many there were."""
        held = self.locks()
        for lock in held:
            lock.path.unlink(missing_ok=True)
        return len(held)
