"""The project: Pulumi.yaml, and which of its stacks is selected."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from engine.backend import Backend, StackFile, backend_url, pulumi_home, write_atomically
from engine.errors import ProjectError, StackNotFoundError, UnsupportedError, UsageError

_STACK_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Project:
    """What Pulumi.yaml says. `config` maps a declared key to its declaration or plain value."""

    path: Path
    name: str
    main: str = "."
    virtualenv: str | None = None
    stack_config_dir: str = "."
    backend: str | None = None
    required_version: str | None = None
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.path.parent

    @property
    def program(self) -> Path:
        """The folder (or file) that holds the program."""
        return (self.root / self.main).resolve()

    @property
    def python(self) -> str:
        """The interpreter that runs the program: the project's virtual environment, else the engine's own."""
        if self.virtualenv is None:
            return sys.executable
        python = self.root / self.virtualenv / "bin" / "python"
        if not python.exists():
            raise ProjectError(
                f"{self.path}: runtime.options.virtualenv is '{self.virtualenv}' but {python} does not exist; "
                f"make it with `python3 -m venv {self.virtualenv}` and install requirements.txt there"
            )
        return str(python)

    def config_file(self, stack: str) -> Path:
        return self.root / self.stack_config_dir / f"Pulumi.{stack}.yaml"


def find_project(start: Path) -> Project:
    """Read the Pulumi.yaml in `start` or the nearest folder above. Raises ProjectError."""
    for folder in (start, *start.parents):
        for name in ("Pulumi.yaml", "Pulumi.yml"):
            if (folder / name).is_file():
                return _read(folder / name)
    raise ProjectError(
        f"no Pulumi.yaml project file found (searching upwards from {start}). If you have not created a project yet, "
        "use `pulumi new` to do so"
    )


def _read(path: Path) -> Project:
    try:
        document = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise ProjectError(f"could not read {path}: {error}") from error
    if not isinstance(document, dict) or not document.get("name"):
        raise ProjectError(f"{path}: project is missing a 'name' attribute")
    runtime = document.get("runtime") or {}
    language = runtime if isinstance(runtime, str) else runtime.get("name")
    if language != "python":
        raise UnsupportedError(f"projects with runtime '{language}'", "only 'python' programs run here")
    options = {} if isinstance(runtime, str) else runtime.get("options") or {}
    if (toolchain := options.get("toolchain", "pip")) != "pip":
        raise UnsupportedError(f"the Python toolchain '{toolchain}'", "use pip with runtime.options.virtualenv")
    if document.get("plugins"):
        raise UnsupportedError("'plugins:' in Pulumi.yaml")
    return Project(
        path=path,
        name=document["name"],
        main=document.get("main") or ".",
        virtualenv=options.get("virtualenv"),
        stack_config_dir=document.get("stackConfigDir") or ".",
        backend=(document.get("backend") or {}).get("url"),
        required_version=document.get("requiredPulumiVersion"),
        config=document.get("config") or {},
    )


class Workspace:
    """A project with its backend and selected stack, as one command sees them."""

    def __init__(self, cwd: Path) -> None:
        self.project = find_project(cwd)
        self.backend = Backend(backend_url(self.project.backend))
        digest = hashlib.sha1(str(self.project.path).encode(), usedforsecurity=False).hexdigest()
        self._settings = pulumi_home() / "workspaces" / f"{self.project.name}-{digest}-workspace.json"

    def parse(self, name: str) -> str:
        """Return the plain name of `dev`, `project/dev` or `organization/project/dev`."""
        *scope, plain = name.split("/")
        if len(scope) > 2 or (scope and scope[-1] != self.project.name):
            raise UsageError(f"stack '{name}' is not one of project '{self.project.name}'")
        if not _STACK_NAME.fullmatch(plain):
            raise UsageError(
                f"invalid stack name '{plain}': a stack name may only contain alphanumeric, hyphens, underscores, or "
                "periods, and at most 100 of them"
            )
        return plain

    def selected(self) -> str | None:
        """Return the stack that `stack select` chose; PULUMI_STACK wins."""
        if name := os.environ.get("PULUMI_STACK"):
            return self.parse(name)
        settings = self._read_settings()
        name = settings.get("stacks", {}).get(self.backend.url) or settings.get("stack")
        return self.parse(name) if name else None

    def select(self, name: str | None) -> None:
        settings = self._read_settings()
        settings.pop("stack", None)
        stacks = settings.setdefault("stacks", {})
        stacks.pop(self.backend.url, None)
        if name:
            stacks[self.backend.url] = f"organization/{self.project.name}/{name}"
        write_atomically(self._settings, json.dumps(settings, indent=4))

    def _read_settings(self) -> dict[str, Any]:
        try:
            settings: dict[str, Any] = json.loads(self._settings.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ProjectError(f"could not parse file {self._settings}: {error}") from error
        return settings

    def stack(self, name: str | None) -> StackFile:
        """Return the named or the selected stack. Raises StackNotFoundError."""
        chosen = self.parse(name) if name else self.selected()
        if not chosen:
            raise StackNotFoundError(
                "no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one"
            )
        stack = self.backend.stack(self.project.name, chosen)
        if not stack.exists():
            raise StackNotFoundError(f"no stack named '{chosen}' found")
        return stack
