"""What is pinned is what the requirements ask for, all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
LOCK = (PROJECT / "requirements.lock").read_text()
PINNED = {
    canonicalize_name(found[1]): found[2]
    for found in re.finditer(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\\n]+)", LOCK)
}


def requirements(path: Path) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    own = [Requirement(line) for line in lines if line and not line.startswith("-r")]
    others = [path.parent / line.removeprefix("-r").strip() for line in lines if line.startswith("-r")]
    return own + [each for other in others for each in requirements(other)]


@pytest.mark.parametrize("asked", requirements(PROJECT / "requirements-dev.txt"), ids=str)
def test_what_is_asked_for_is_pinned(asked: Requirement) -> None:
    assert PINNED[canonicalize_name(asked.name)] in asked.specifier


def test_every_package_is_pinned_by_hash() -> None:
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", LOCK)[1:]
    assert len(entries) == len(PINNED) > 60
    assert all("--hash=sha256:" in entry for entry in entries)
