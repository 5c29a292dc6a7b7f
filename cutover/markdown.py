"""Names, tags and texts of others in GitHub's Markdown, where they stay text.

They come from configurations, clusters and logs. In a line or a cell of a table they are escaped, in a block of code
nothing closes it early, and neither calls anybody's attention, links to an issue, or writes from right to left.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup


def escaped(value: Any) -> Any:
    """Escape text for a line of Markdown or a cell of a table; Markup is left as it is."""
    if isinstance(value, Markup):
        return value
    line = html.escape(_visible(re.sub(r"\s*\n\s*", " ", str(value))), quote=False)
    line = re.sub(r"(?<!\w)@|#(?=\d)", "\\g<0>\u200b", line)
    return Markup(re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line))  # noqa: S704  # this is the escaping


def fenced(language: str, lines: Iterable[str]) -> Markup:
    """Return a block of code."""
    text = "\n".join(_visible(line) for line in lines)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return Markup(f"{fence}{language}\n{text}\n{fence}")  # noqa: S704  # in a fence nothing is read but its end


def _visible(text: str) -> str:
    """Show what would have no width, or change what is beside it, as U+FFFD."""
    line = re.sub(r"\s", " ", text)
    if line.isprintable():
        return line
    return "".join("\ufffd" if unicodedata.category(each) in {"Cc", "Cf", "Cs"} else each for each in line)
