"""What is wrong in a configuration, said so that it can be put right."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the configuration: `("apps", "web", "command", 0)`."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong: where, the value found there (None: it is missing), what is wrong, and what puts it right.

    `fault` goes on where the key leaves off: "is -1; it must be a whole number of 0 or more".
    """

    path: Path
    value: Any
    fault: str
    remedy: str

    def __str__(self) -> str:
        return f"{written(self.path)} {self.fault}\n        {self.remedy}"


def written(path: Path) -> str:
    """Write a path the way `pulumi config --path` reads it: `apps.web.env["a.b"]`, `apps.web.command[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part)}]"
    return text


def shown(value: Any) -> str:
    """Show a value on one line, shortened if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def wrong(path: Path, value: Any, reason: str, remedy: str) -> Problem:
    """A value that cannot be, for a reason."""
    return Problem(path, value, f"is {shown(value)}; {reason}", remedy)


def set_to(path: Path, value: str) -> str:
    """Write the command that sets a key; a `<placeholder>` stays as it is."""
    text = value if value.startswith("<") else shlex.quote(value)
    return f"pulumi config set {_argument(path)} {text}"


def remove(path: Path) -> str:
    """Write the command that removes a key."""
    return f"pulumi config rm {_argument(path)}"


def _argument(path: Path) -> str:
    return shlex.quote(written(path)) if len(path) == 1 else f"--path {shlex.quote(written(path))}"
