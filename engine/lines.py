"""YAML edited by whole lines, so that every comment stays where it is: above what it speaks of, or beside it.

ruamel.yaml hangs a comment on the value before it. When that value goes, or another one is put after it, so does what
stands above the next key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

_YAML: Final = YAML(pure=True)


def without(text: str, path: Sequence[str | int]) -> str | None:
    """Return `text` without the key at `path` and its value; None where they do not fill lines of their own.

    A map that has lost its last key becomes `{}`.
    """
    *above, last = path
    holder = _find(_YAML.compose(text), above)
    lines = text.splitlines(keepends=True)
    found = _entry(holder, last)
    if not isinstance(holder, MappingNode) or found is None:
        return None
    key, value = found
    first = key.start_mark.line
    if lines[first][: key.start_mark.column].strip() or holder.flow_style:
        return None
    del lines[first : _last_line(key, value) + 1]
    if len(holder.value) == 1:
        outer = _entry(_find(_YAML.compose(text), above[:-1]), above[-1])
        if outer is None:
            return None
        end = outer[0].end_mark
        line = lines[end.line]
        colon = line.find(":", end.column) + 1
        lines[end.line] = f"{line[:colon]} {{}}{line[colon:]}"
    return "".join(lines)


def extended(text: str, path: Sequence[str | int], addition: str) -> str | None:
    """Return `text` with lines added to the map at `path`, right after what it holds; None where it is written flat."""
    holder = _find(_YAML.compose(text), path)
    if not isinstance(holder, MappingNode) or holder.flow_style or not holder.value:
        return None
    margin = " " * holder.value[0][0].start_mark.column
    lines = text.splitlines(keepends=True)
    lines.insert(
        _last_line(*holder.value[-1]) + 1, "".join(margin + line for line in addition.splitlines(keepends=True))
    )
    return "".join(lines)


def _find(node: Node | None, path: Sequence[str | int]) -> Node | None:
    for segment in path:
        if isinstance(node, SequenceNode):
            node = node.value[segment]
        else:
            entry = _entry(node, segment)
            node = entry and entry[1]
    return node


def _entry(node: Node | None, key: str | int) -> tuple[Node, Node] | None:
    """Return a key of a map and its value; None where it is none, or has it by a merge (`<<`)."""
    pairs: list[tuple[Node, Node]] = node.value if isinstance(node, MappingNode) else []
    return next((pair for pair in pairs if pair[0].value == key), None)


def _last_line(key: Node | None, value: Node) -> int:
    """Return the last line that an entry itself stands on; comments after it are not its own."""
    if key and value.start_mark.line < key.start_mark.line:  # an alias is what it stands for, in another place
        aliased: int = key.end_mark.line
        return aliased
    if isinstance(value, MappingNode | SequenceNode) and not value.flow_style and value.value:
        last: Any = value.value[-1]
        return _last_line(*last) if isinstance(value, MappingNode) else _last_line(None, last)
    start, end = value.start_mark, value.end_mark
    if key and (start.line, start.column) == (end.line, end.column):  # nothing at all, which the parser sees further on
        end = key.end_mark
    line: int = end.line - (end.column == 0 and end.line > start.line)
    return line
