"""Property paths: `spec.containers[0].image`, `labels["app.kubernetes.io/name"]`, with `*` for any element.

The syntax is Pulumi's (sdk/go/common/resource/property_path.go).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from engine.values import Properties, Value

Path: TypeAlias = list[str | int]

_SEGMENT: Final = re.compile(r"""\.?(?:\[(?P<index>\d+|\*)\]|\["(?P<quoted>(?:[^"\\]|\\.)*)"\]|(?P<name>[^.\[\]]+))""")
_PLAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def parse(text: str) -> Path:
    """Split a path into its keys and indexes. Raises ValueError when it is none."""
    path: Path = []
    position = 0
    while position < len(text):
        segment = _SEGMENT.match(text, position)
        if not segment or (position == 0 and text[0] == "."):
            raise ValueError(f"invalid property path {text!r} at {text[position:]!r}")
        index, quoted, name = segment.group("index", "quoted", "name")
        if index is not None:
            path.append(index if index == "*" else int(index))
        else:
            path.append(name if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = segment.end()
    return path


def show(path: Sequence[str | int]) -> str:
    """Write a path the way Pulumi does; the inverse of `parse`."""
    text = ""
    for segment in path:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif _PLAIN.fullmatch(segment):
            text += f".{segment}" if text else segment
        else:
            escaped = segment.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def covers(pattern: Sequence[str | int], path: Sequence[str | int]) -> bool:
    """Tell whether `path` is what `pattern` names, or lies inside it."""
    return len(pattern) <= len(path) and all(want in ("*", have) for want, have in zip(pattern, path, strict=False))


def reset(pattern: Path, old: Value, new: Value) -> Value:
    """Return `new` with what stands at `pattern` taken from `old`: absent there, absent here.

    A part of the way that only one side has is left as it is, as Pulumi does.
    """
    if not pattern:
        return old
    head, rest = pattern[0], pattern[1:]
    if isinstance(new, dict) and isinstance(old, dict):
        keys = sorted({*old, *new}) if head == "*" else [str(head)]
        return _reset_keys(keys, rest, old, new)
    if isinstance(new, list) and isinstance(old, list):
        return [reset(rest, old[i], item) if i < len(old) and head in ("*", i) else item for i, item in enumerate(new)]
    return new


def _reset_keys(keys: list[str], rest: Path, old: Properties, new: Properties) -> Properties:
    result = dict(new)
    for key in keys:
        if key in old and (key in new or not rest):
            result[key] = reset(rest, old[key], new.get(key))
        elif key in new and key not in old and not rest:
            del result[key]
    return result
