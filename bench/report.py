"""Figures in docs/benchmarks.md: each run rewrites its own section, with the machine and the commit they belong to."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

import psutil

from bench.command import ROOT

if TYPE_CHECKING:
    from pathlib import Path

BENCHMARKS = ROOT / "docs" / "benchmarks.md"


def write_section(name: str, text: str, path: Path = BENCHMARKS) -> None:
    """Put `text` between the marks of section `name`, at the end of the file if it has no such section yet."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    page = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    marked = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    page, sections = marked.subn(lambda _: section, page)
    if not sections:
        page = f"{page.rstrip()}\n\n{section}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def machine() -> str:
    """One paragraph on where and on what the figures were measured."""
    memory = psutil.virtual_memory().total / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    packages = ", ".join(f"{name} {version(name)}" for name in ("pulumi", "pulumi-kubernetes", "lightkube"))
    return (
        f"Measured on {time.strftime('%Y-%m-%d')} at {commit()}: {len(os.sched_getaffinity(0))} cores, "
        f"{memory:.0f} GiB, {system}, Linux {platform.release()}, Python {platform.python_version()}, {packages}, "
        f"{engine()}."
    )


def engine() -> str:
    """Which engine `./pulumiw` runs, in its own words."""
    said = subprocess.run(("./pulumiw", "version"), cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stderr.partition("\n")[0].removeprefix("pulumiw: using ")


def commit() -> str:
    """The commit that stands in the work tree, and whether anything was changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = " with local changes" if git("status", "--porcelain", "--", ".", ":!docs") else ""
    return f"commit {git('rev-parse', '--short', 'HEAD') or 'none'}{changed}"
