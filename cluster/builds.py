"""Programs built from their Go modules into the user's cache folder, once per pinned version.

Each folder with a go.mod, beside this file or elsewhere, is one build: the programs of its `tool` lines, with the
versions and sums that go.mod and go.sum pin. Nothing is resolved anew (`-mod=readonly`).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cluster import layout
from cluster.errors import BuildError
from cluster.lock import locked

if TYPE_CHECKING:
    from rich.console import Console

_LOCK_SECONDS = 1800.0
_PLAIN_LINE_SECONDS = 15.0
_SHOWN_OUTPUT_LINES = 15
_SHOWN_PACKAGE = 40


@dataclass(frozen=True)
class Build:
    """One build: a module folder, and how its programs are linked.

    Attributes:
        module: name of the folder with go.mod and go.sum.
        requirement: path of the Go module that the build is about.
        variables: Go string variables set at link time; `{version}`, `{major}` and `{minor}` are filled in.
        expected: roughly how long it takes from nothing on two cores, in words.
        tags: versions to link it as, one link each; none: once, as the version that go.mod requires.
        assets: files that are kept beside the programs: of the Go module, or as `<module>//<path>` of another one.
        home: the folder that `module` is in.
    """

    module: str
    requirement: str
    variables: tuple[str, ...]
    expected: str
    tags: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    home: Path = field(default=Path(__file__).parent, repr=False)  # `repr` is in the cache's key: the place is not

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """What it is linked as: the tags, or else the version that go.mod requires, without the `v`."""
        if self.tags:
            return self.tags
        found = re.search(rf"^\s*(?:require )?{re.escape(self.requirement)} v(\S+)", self._text("go.mod"), re.MULTILINE)
        if found is None:
            raise BuildError(
                f"{self._source / 'go.mod'} requires no {self.requirement}; restore it from the repository"
            )
        return (found[1],)

    @cached_property
    def folder(self) -> Path:
        """Where the programs are, or will be: keyed by everything that decides what they contain."""
        own = [path.read_text() for path in sorted(self._source.glob("*.go"))]
        inputs = (self._text("go.mod"), self._text("go.sum"), self._go("env", "GOVERSION", "GOARCH"), repr(self), *own)
        key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:12]
        return layout.cache() / "builds" / f"{self.module}-{key}"

    def program(self, name: str, tag: str | None = None) -> Path:
        return self.folder / (tag or self.versions[0]) / name

    def ensure(self, console: Console) -> None:
        """Build unless it was built before; a second builder waits for the first.

        Raises:
            BuildError: there is no Go, or it failed; the message has the end of its output.
        """
        folder = self.folder
        if folder.exists():
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            locked(folder.parent / f"{self.module}.lock", _LOCK_SECONDS, console),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{self.module}-") as part,
        ):
            if folder.exists():
                return
            started = time.monotonic()
            versions = ", ".join(self.versions)
            console.print(f"building {self.module} {versions} into {folder}: {self.expected}, once")
            for version in self.versions:
                self._compile(version, Path(part, "done", version), console)
            for asset in self.assets:
                module, _, path = asset.rpartition("//")
                kept = Path(part, "done", path)
                kept.parent.mkdir(parents=True, exist_ok=True)
                source = self._go("list", "-m", "-f", "{{.Dir}}", module or self.requirement).strip()
                shutil.copyfile(Path(source, path), kept)
            Path(part, "done").rename(folder)
            console.print(f"built {self.module} in {time.monotonic() - started:.0f} s")

    def _compile(self, version: str, target: Path, console: Console) -> None:
        major, minor = version.split(".")[:2]
        values = " ".join(f"-X {v.format(version=version, major=major, minor=minor)}" for v in self.variables)
        with console.status(f"{self.module}: downloading its Go modules"):
            total = len(self._go("list", "-deps", "tool").split())
        output: list[str] = []
        with (
            subprocess.Popen(
                ["go", "build", "-v", "-trimpath", "-ldflags", f"-s -w {values}", "-o", f"{target}/", "tool"],
                cwd=self._source,
                env=_environment(),
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process,
            _Bar(console, f"{self.module} {version}", total) as bar,
        ):
            for line in process.stdout or ():
                output.append(line)
                bar.advance(line.strip())
        if process.returncode:
            tail = "".join(output[-_SHOWN_OUTPUT_LINES:])
            raise BuildError(f"building {self.module} {version} failed (exit code {process.returncode}):\n{tail}")

    @property
    def _source(self) -> Path:
        return self.home / self.module

    def _text(self, file: str) -> str:
        return (self._source / file).read_text()

    def _go(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                ["go", *arguments],
                cwd=self._source,
                env=_environment(),
                check=True,
                text=True,
                capture_output=True,
            )
        except FileNotFoundError as error:
            raise BuildError(
                "there is no `go` on the PATH; install Go 1.26 or newer: https://go.dev/doc/install"
            ) from error
        except subprocess.CalledProcessError as error:
            raise BuildError(f"`go {' '.join(arguments)}` failed in {self._source}:\n{error.stderr}") from error
        return done.stdout


def _environment() -> dict[str, str]:
    return os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}


class _Bar:
    """Progress of one compilation: a bar in a terminal, else a line now and then."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("packages"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[package]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._title = title
        self._total = total
        self._task = self._progress.add_task(title, total=total, package="")
        self._started = self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.update(self._task, completed=self._total, package="")
        self._progress.stop()

    def advance(self, package: str) -> None:
        self._progress.update(self._task, advance=1, package=package[-_SHOWN_PACKAGE:])
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said > _PLAIN_LINE_SECONDS:
            self._said = now
            done = self._progress.tasks[0].completed
            self._console.print(f"{self._title}: {done:.0f} of {self._total} packages, {now - self._started:.0f} s")
