"""A Pulumi project of a test, and the embedded engine to run it with."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from engine import operations
from engine.backend import Backend
from engine.commands.root import main
from engine.config import StackConfig
from engine.project import find_project
from tests.engine.fake_cloud import Cloud

_SALT = "v1:c8aGE5pr1V4=:v1:f/JMGIWhEC4dwDM+:6x01iBBYBzzRX4+JWkyppFMzvf2YVg=="
ROOT = Path(__file__).parents[2]
PASSPHRASE = "golden"  # noqa: S105 - of the recordings
_FAKE = Path(__file__).with_name("fake_cloud.py")


class Result:
    """What a command said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def section(self, title: str) -> list[str]:
        """Return the lines of a section such as `Resources:`, up to the next empty line."""
        lines = self.out.split("\n")
        start = lines.index(f"{title}:") + 1
        return lines[start : lines.index("", start)]


class Project:
    """A folder with a program and, unless `stack` is False, an empty stack `dev` in the recordings' passphrase.

    `fake` runs it on a cloud that is a folder of files.
    """

    def __init__(
        self, folder: Path, program: str, *, name: str = "probe", fake: bool = False, stack: bool = True
    ) -> None:
        self.folder = folder / "project"
        self.folder.mkdir(parents=True)
        self.cloud = folder / "cloud"
        self._name = name
        self._fake = fake
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI")},
            "PYTHONPATH": str(ROOT),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "FAKE_CLOUD": str(self.cloud),
        }
        self.write(program)
        (self.folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
        if stack:
            self.environment["PULUMI_STACK"] = "dev"
            Backend(self.environment["PULUMI_BACKEND_URL"]).stack(name, "dev").create()
            config = self.config
            config.salt = _SALT
            config.save()

    @property
    def config(self) -> StackConfig:
        return StackConfig(find_project(self.folder), "dev")

    def set(self, **values: str) -> None:
        """Set config values, quicker than by the command line; `__` in a name stands for the dot of a path."""
        config = self.config
        for name, value in values.items():
            config.set(*config.split(name.replace("__", "."), path=True), value, None)
        config.save()

    def write(self, program: str) -> None:
        (self.folder / "__main__.py").write_text(program)

    def run(self, *arguments: str, stdin: str = "") -> Result:
        """Run a command with the engine in this very process, which is quicker than a new one."""
        out, err = io.StringIO(), io.StringIO()
        factories = {"kubernetes": Cloud} if self._fake else operations.FACTORIES
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(operations, "FACTORIES", factories),
            mock.patch.object(sys, "stdin", io.StringIO(stdin)),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as exited,
        ):
            main(["--cwd", str(self.folder), *arguments])
        return Result(int(exited.value.code or 0), out.getvalue(), err.getvalue())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command on the fake cloud in a process of its own and return at once."""
        return subprocess.Popen(
            [sys.executable, "-P", str(_FAKE), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def must(self, *arguments: str, stdin: str = "") -> Result:
        result = self.run(*arguments, stdin=stdin)
        assert result.code == 0, f"{' '.join(arguments)}: {result!r}"
        return result

    def up(self) -> Result:
        return self.must("up", "--yes", "--skip-preview")

    @property
    def state(self) -> Path:
        return Path(self.environment["PULUMI_BACKEND_URL"].removeprefix("file://")) / ".pulumi"

    @property
    def has_state(self) -> bool:
        return (self.state / f"stacks/{self._name}/dev.json").exists()

    @property
    def checkpoint(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.state / f"stacks/{self._name}/dev.json").read_text())
        return document

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the state's resources by `type::name`, without the default provider; in order."""
        found = self.checkpoint["checkpoint"]["latest"].get("resources", ())
        return {r["urn"].split("::", 2)[2]: r for r in found if "::default" not in r["urn"]}

    @property
    def log(self) -> list[str]:
        """Return what the fake cloud was asked to do, in order."""
        path = self.cloud / "log"
        return path.read_text().splitlines() if path.exists() else []

    def objects(self) -> frozenset[str]:
        return frozenset(path.stem for path in self.cloud.glob("*.json"))
