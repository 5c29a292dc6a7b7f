"""The cookbook, docs/strategies.md, whose commands are typed as they stand there, and the examples it speaks of."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bench.command import GRACE, PASSPHRASE, ROOT, environment, read
from bench.errors import CommandError

PAGE: Final = ROOT / "docs" / "strategies.md"
EXAMPLES: Final = ROOT / "examples"
CLUSTER: Final = "cutover-embedded"
"""The cluster that the examples name."""
SECONDS: Final = 300.0
"""What a command gets."""
ADVICE: Final = "Run it again: it starts from nothing."

_EXAMPLE: Final = re.compile(r"\]\(\.\./examples/Pulumi\.([a-z-]+)\.yaml\)")
_ROW: Final = re.compile(r"^\| (.+?) \| `(pulumi .+?)` \|", re.MULTILINE)
_USE: Final = re.compile(r"^\*\*For\*\* (.+?)\.\s", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """A section of the cookbook: its title, what the strategy is for, and its lines by what they are for."""

    title: str
    use: str
    lines: Mapping[str, str]


def recipes(page: str) -> dict[str, Recipe]:
    """Read the sections that name an example; key: the example's stack."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)
    return {match[1]: _recipe(section) for section in sections if (match := _EXAMPLE.search(section))}


def _recipe(section: str) -> Recipe:
    use = _USE.search(section)
    return Recipe(section.partition("\n")[0], " ".join(use[1].split()) if use else "", dict(_ROW.findall(section)))


class Example:
    """An example in a folder of its own, which holds the project by links; its configuration is a copy.

    Args:
        name: which one, such as `blue-green`.
        folder: where; it is made, with a state of its own.
        replaced: texts of its configuration, and what stands there instead.
        stack: what its stack is called, where not as it is: a cluster knows whose a namespace is by that.
    """

    def __init__(self, name: str, folder: Path, replaced: Mapping[str, str], stack: str | None = None) -> None:
        self.stack = stack or name
        self._folder = folder / "examples"
        self._folder.mkdir(parents=True)
        for link in ("__main__.py", "components", ".venv"):
            (folder / link).symlink_to(ROOT / link)
        (self._folder / "Pulumi.yaml").symlink_to(EXAMPLES / "Pulumi.yaml")
        self._settings = self._folder / f"Pulumi.{self.stack}.yaml"
        text = (EXAMPLES / f"Pulumi.{name}.yaml").read_text(encoding="utf-8")
        for old, new in replaced.items():
            text = text.replace(old, new)
        self._settings.write_text(text, encoding="utf-8")
        self._variables = {
            "PULUMI_BACKEND_URL": f"file://{folder}",
            "PULUMI_HOME": str(folder / "home"),
            PASSPHRASE: "",
        }

    @property
    def config(self) -> dict[str, Any]:
        """The stack's own keys as they stand now."""
        config: dict[str, Any] = yaml.safe_load(self._settings.read_text(encoding="utf-8"))["config"]
        return {key.removeprefix("cutover:"): value for key, value in config.items()}

    @property
    def namespace(self) -> str:
        return str(self.config["namespace"])

    @property
    def apps(self) -> dict[str, dict[str, Any]]:
        return dict(self.config["apps"])

    def set_up(self) -> None:
        """Make the stack, and all that it describes."""
        self.type(f"pulumi stack init {self.stack} && pulumi up")

    def type(self, line: str, *, interrupt: float | None = None) -> None:
        """Run a line of the cookbook; `up` asks no questions, and Ctrl-C ends the last command after so many seconds.

        Raises CommandError.
        """
        *first, last = [_typed(command) for command in line.split("&&")]
        for command in first:
            self._run(command)
        if interrupt is None:
            self._run(last)
        else:
            self._interrupt(last, interrupt)

    def _run(self, command: Sequence[str]) -> None:
        read(command, SECONDS, ADVICE, self._folder, variables=self._variables)

    def _interrupt(self, command: Sequence[str], seconds: float) -> None:
        env = environment() | self._variables
        none = subprocess.DEVNULL
        process = subprocess.Popen(
            command, cwd=self._folder, env=env, stdin=none, stdout=none, stderr=none, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(GRACE)
        else:
            raise CommandError(command, code, f"It was to be interrupted after {seconds:.0f} s. {ADVICE}")
        finally:
            process.kill()


def _typed(command: str) -> list[str]:
    _, *arguments = shlex.split(command)
    unasked = ["--yes", "--skip-preview"] if arguments[0] == "up" else []
    return [str(ROOT / "pulumiw"), *arguments, *unasked]
