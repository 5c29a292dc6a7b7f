"""Property values and their changes as text, laid out as the CLI does (pkg/backend/display/object_diff.go)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from engine import paths
from engine.provider import Diff, DiffKind, PropertyDiff
from engine.state import Resource
from engine.steps import Op, Step
from engine.values import Properties, Secret, Unknown, Value, reveal

_MISSING: Final = object()


def show(value: Value, indent: int = 0) -> str:  # noqa: PLR0911 - one case per kind
    """Show a value that starts on a line indented by `indent`; secrets stay hidden."""
    match value:
        case Secret():
            return "[secret]"
        case Unknown():
            return "[unknown]"
        case dict() if value:
            return "\n".join(["{", *properties(value, indent + 4), " " * indent + "}"])
        case list() if value:
            items = [f"{' ' * (indent + 4)}[{i}]: {show(item, indent + 4)}" for i, item in enumerate(value)]
            return "\n".join(["[", *items, " " * indent + "]"])
        case dict():
            return "{}"
        case list():
            return "[]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def properties(values: Mapping[str, Value], indent: int) -> Iterator[str]:
    """Show a map's entries, one per line or more, their colons below each other."""
    width = max(map(len, values), default=0)
    for key in sorted(values):
        yield f"{' ' * indent}{key.ljust(width)}: {show(values[key], indent)}"


def changes(old: Properties, new: Properties, keys: Iterable[str], indent: int) -> Iterator[str]:
    """Show the entries of `keys`, each marked as added, removed, changed or (by blanks) the same."""
    shown = sorted(keys)
    width = max(map(len, shown), default=0)
    for key in shown:
        yield from change(key, width, old.get(key, _MISSING), new.get(key, _MISSING), indent)


def change(key: str, width: int, old: Any, new: Any, indent: int) -> Iterator[str]:
    """Show one entry; the mark stands in the two columns before `indent`."""
    before = " " * (indent - 2)
    name = key.ljust(width)
    if old is _MISSING:
        yield f"{before}+ {name}: {show(new, indent)}"
    elif new is _MISSING:
        yield f"{before}- {name}: {show(old, indent)}"
    elif same(old, new):
        yield f"{before}  {name}: {show(new, indent)}"
    elif isinstance(old, dict) and isinstance(new, dict):
        differing = [k for k in {*old, *new} if not same(old.get(k, _MISSING), new.get(k, _MISSING))]
        yield f"{before}~ {name}: {{"
        yield from changes(old, new, differing, indent + 4)
        yield f"{' ' * (indent)}}}"
    elif isinstance(old, list) and isinstance(new, list):
        yield f"{before}~ {name}: ["
        for i in range(max(len(old), len(new))):
            one = old[i] if i < len(old) else _MISSING
            other = new[i] if i < len(new) else _MISSING
            if not same(one, other):
                yield from change(f"[{i}]", 0, one, other, indent + 4)
        yield f"{' ' * (indent)}]"
    else:
        yield f"{before}~ {name}: {show(old, indent)} => {show(new, indent)}"


def same(one: Any, other: Any) -> bool:
    if one is _MISSING or other is _MISSING:
        return one is other
    return isinstance(one, Secret) == isinstance(other, Secret) and reveal(one) == reveal(other)


def step_details(step: Step, indent: int) -> Iterator[str]:
    """Show what a step does to its resource's properties."""
    if step.op in (Op.CREATE, Op.CREATE_REPLACEMENT) and step.new:
        yield from properties(step.new.inputs, indent)
    elif step.old and step.new and step.op is not Op.SAME:
        old, new = changed_parts(step.diff.detailed, step.old, step.new)
        yield from changes(old, new, {*old, *new}, indent)


def changed_parts(detailed: Mapping[str, PropertyDiff], old: Resource, new: Resource) -> tuple[Properties, Properties]:
    """Cut the old and the new properties down to the paths that changed."""
    before: Properties = {}
    after: Properties = {}
    for text, entry in detailed.items():
        path = paths.parse(text)
        if entry.kind not in (DiffKind.ADD, DiffKind.ADD_REPLACE):
            _graft(before, path, _at(old.inputs if entry.input_diff else old.outputs, path))
        if entry.kind not in (DiffKind.DELETE, DiffKind.DELETE_REPLACE):
            _graft(after, path, _at(new.inputs, path))
    return before, after


def _at(value: Value, path: paths.Path) -> Value:
    hidden = False
    for segment in path:
        if isinstance(value, Secret):
            value, hidden = value.value, True
        try:
            value = value[segment]
        except (KeyError, IndexError, TypeError):
            return None
    return Secret(value) if hidden and not isinstance(value, Secret) else value


def _graft(target: Properties, path: paths.Path, value: Value) -> None:
    """Put a value at a path; a list's items are kept under their index, written as a key."""
    keys = [f"[{segment}]" if isinstance(segment, int) else segment for segment in path]
    for key in keys[:-1]:
        target = target.setdefault(key, {})
    target[keys[-1]] = value


def diff_summary(diff: Diff) -> str:
    """Show the changed top-level keys: `[diff: +added-removed~changed]`."""
    marks: dict[str, set[str]] = {"+": set(), "-": set(), "~": set()}
    for text, entry in diff.detailed.items():
        path = paths.parse(text)
        mark = {"add": "+", "delete": "-"}.get(entry.kind.removesuffix("-replace"), "~") if len(path) == 1 else "~"
        marks[mark].add(str(path[0]))
    marks["~"] |= marks["+"] & marks["-"]
    text = "".join(mark + ",".join(sorted(keys)) for mark, keys in marks.items() if keys)
    return f"[diff: {text}]" if text else ""
