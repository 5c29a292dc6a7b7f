"""What a preview changes of each object, path by path, as lines of a diff.

Where an app's configuration ends, which may be secret (environments, arguments, data, headers), the lines tell that
something changes and not what: a comment is read by more people than a cluster, and an engine only hides what it has
been told is a secret.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutover.previews import Op

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""Marks a secret that somebody had shown (`preview --show-secrets`; sdk/go/common/resource/sig in pulumi/pulumi)."""
_PRIVATE: Final = re.compile(
    r"^(data|binaryData|stringData)\b|\.(env|httpHeaders)\[.*\.value$|\.(args|command)\[\d+\]$"
)


def title(preview: Mapping[str, Any]) -> str:
    """Count the objects by what happens to them."""
    counts = Counter(step["op"] for step in _steps(preview))
    return ", ".join(f"{count} to {op}" for op, count in sorted(counts.items()))


def lines(preview: Mapping[str, Any]) -> Iterator[str]:
    """Yield a heading for each object, and then what goes (-), what comes (+) and what changes unseen (!)."""
    for step in _steps(preview):
        kind, name = step["urn"].split("::", 3)[2:]
        yield f"@@ {step['op']} {kind.rpartition('$')[2]} {name} @@"
        told = [*_differences(step)]
        yield from told or (f"! {path}" for path in sorted(step.get("detailedDiff") or ()))


def _steps(preview: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those that change an object, by its name, whatever order the engine took; components have none of their own."""
    changed = (step for step in preview.get("steps", ()) if step["op"] != Op.SAME)
    objects = (step for step in changed if (step.get("newState") or step.get("oldState") or {}).get("custom", True))
    return sorted(objects, key=lambda step: step["urn"].split("::")[:1:-1])


def _differences(step: Mapping[str, Any]) -> Iterator[str]:
    old, new = (dict(_leaves((step.get(age) or {}).get("inputs"))) for age in ("oldState", "newState"))
    for path in sorted({*old, *new}):
        sides = [(sign, side[path]) for sign, side in (("-", old), ("+", new)) if path in side]
        if old.get(path) == new.get(path):
            continue
        if _PRIVATE.search(path) or any(isinstance(value, Mapping) for _, value in sides):
            yield f"{sides[0][0] if len(sides) == 1 else '!'} {path}"
        else:
            yield from (f"{sign} {path}: {json.dumps(value, ensure_ascii=False)}" for sign, value in sides)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values at the ends of an object, and secrets as they stand; items that have a name go by it."""
    if isinstance(value, Mapping) and _SIGNATURE not in value:
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            name = each.get("name", index) if isinstance(each, Mapping) else index
            yield from _leaves(each, f"{path}[{name}]")
    elif value is not None:
        yield path, value
