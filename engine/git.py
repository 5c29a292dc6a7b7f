"""Where a program came from: what the CLI notes of the git repository around a project (pkg/cmd/pulumi/metadata)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SECONDS: Final = 10
"""What git gets; a work tree that takes longer is not worth the wait."""
_COMMIT: Final = {
    "git.head": "%H",
    "git.committer": "%cn",
    "git.committer.email": "%ce",
    "git.author": "%an",
    "git.author.email": "%ae",
}
_VARIABLES: Final = {
    "git.head": "PULUMI_GIT_HEAD",
    "git.headName": "PULUMI_GIT_HEAD_NAME",
    "git.committer": "PULUMI_GIT_COMMITTER",
    "git.committer.email": "PULUMI_GIT_COMMITTER_EMAIL",
    "git.author": "PULUMI_GIT_AUTHOR",
    "git.author.email": "PULUMI_GIT_AUTHOR_EMAIL",
}
"""What stands in for a repository where there is none."""


def describe(folder: Path) -> tuple[str, Mapping[str, str]]:
    """Return the title of the commit that a folder stands at, and what to note of the repository.

    Without a repository that is what the environment says (`PULUMI_GIT_HEAD`, …); without git it is nothing.
    """
    if not any((above / ".git").exists() for above in (folder, *folder.parents)):
        noted = {key: os.environ[name] for key, name in _VARIABLES.items() if os.environ.get(name)}
        return os.environ.get("PULUMI_GIT_COMMIT_MESSAGE", "").split("\n", 1)[0], noted
    commit = _git(folder, "show", "--no-patch", "--no-show-signature", f"--format={'%n'.join(_COMMIT.values())}%n%s")
    if not commit:
        return "", {}
    *values, title = commit.split("\n")
    noted = dict(zip(_COMMIT, values, strict=True))
    if branch := _git(folder, "symbolic-ref", "--quiet", "HEAD"):
        noted["git.headName"] = branch
    if (changed := _git(folder, "status", "--porcelain")) is not None:
        noted["git.dirty"] = str(bool(changed)).lower()
    return title, noted


def _git(folder: Path, *command: str) -> str | None:
    """Return what git says; None when it fails, is missing or takes too long."""
    try:
        done = subprocess.run(
            ["git", *command],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.removesuffix("\n")
