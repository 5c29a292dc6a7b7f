"""Writes docs/rbac.yaml from the table of permissions: `python -m docs.permissions`."""

from __future__ import annotations

import json
from pathlib import Path

from cutover.doctor.permissions import PERMISSIONS, manifests

PAGE = Path(__file__).parent / "rbac.yaml"

INTRODUCTION = """\
# What releases need to be allowed, in one namespace that is there: an account, its Role, their binding. Leave out the
# rules of what your stack does without, write your own names, and apply it: docs/security.md. Made by
# `python -m docs.permissions` from cutover/doctor/permissions.py.
"""


def page() -> str:
    """Return the page as it should be: each rule under what it is for."""
    account, role, binding = manifests(PERMISSIONS, account="cutover", namespace="shop")
    rules = role.pop("rules")
    lines = [INTRODUCTION.rstrip(), _written(account), "---", _written(role), "rules:"]
    for rule in rules:
        (group,), (resource,) = rule["apiGroups"], rule["resources"]
        alike = [
            each for each in PERMISSIONS if (each.group, each.resource, each.everywhere) == (group, resource, False)
        ]
        lines += [f"  # {'; '.join(each.purpose for each in alike)}", f"  - {json.dumps(rule)}"]
    return "\n".join([*lines, "---", _written(binding), ""])


def _written(manifest: dict[str, object]) -> str:
    return "\n".join(
        f"{key}: {value if isinstance(value, str) else json.dumps(value)}" for key, value in manifest.items()
    )


if __name__ == "__main__":
    PAGE.write_text(page())
