"""A change of the configuration by paths, and the trees of keys that it leads from and to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from components.problems import Path, written
from cutover.errors import RefusedError


class Edit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of the configuration by paths: what to remove first, what to write, and which of that is secret."""

    values: dict[str, Any] = {}
    remove: list[str] = []
    secret: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.values or self.remove)

    def __or__(self, other: Edit) -> Edit:
        """Do both at once."""
        remove = [*dict.fromkeys([*self.remove, *other.remove])]
        return Edit(self.values | other.values, remove, self.secret | other.secret)


def difference(old: Mapping[str, Any], new: Mapping[str, Any], at: Path) -> Edit:
    """Return what makes one tree of keys, which stands at a path, another."""
    before, after = dict(values_of(old, at)), dict(values_of(new, at))
    changed = [path for path in after if path not in before or before[path] != after[path]]
    # a list is replaced whole: it is taken out before its new items are written
    lists = [path for path in changed if isinstance(before.get(path), list)]
    gone = [_missing(new, path, len(at)) for path in before if path not in after]
    leaves = {written(leaf): value for path in changed for leaf, value in leaves_of(after[path], path)}
    return Edit(leaves, list(dict.fromkeys(written(path) for path in [*gone, *lists])))


def _missing(tree: Any, path: Path, depth: int) -> Path:
    """Return the beginning of a path at which a tree, which stands `depth` keys down, has nothing any more."""
    for end, key in enumerate(path[depth:], depth + 1):
        if not isinstance(tree, Mapping) or key not in tree:
            return path[:end]
        tree = tree[key]
    return path


def path_of(text: str) -> Path:
    """Read a path as `pulumi config --path` does: `env.LOG`, `web.env["a.b"]`. Raises RefusedError."""
    parts = re.findall(r'\.?([^.\[\]"]+)|\["([^"]+)"\]', text)
    if not parts or _joined(parts) != text:
        raise RefusedError(f"{text!r} is no path of keys such as env.LOG_LEVEL")
    return tuple(plain or quoted for plain, quoted in parts)


def _joined(parts: list[tuple[str, str]]) -> str:
    return "".join(f".{plain}" if plain else f'["{quoted}"]' for plain, quoted in parts).removeprefix(".")


def put(into: dict[Any, Any], path: Path, value: Any) -> None:
    """Write a value into a tree of keys."""
    *above, key = path
    for part in above:
        into = into.setdefault(part, {})
    into[key] = value


def values_of(tree: Any, above: Path) -> Iterator[tuple[Path, Any]]:
    """Every value below a tree of maps by its path; a list is one value."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from values_of(value, (*above, key))
    else:
        yield above, tree


def leaves_of(value: Any, above: Path) -> Iterator[tuple[Path, Any]]:
    """What `config set --path` takes for a value: each single one below it by its path."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves_of(item, (*above, place))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves_of(item, (*above, key))
    else:
        yield above, value


def value_at(tree: Any, path: Sequence[Any]) -> Any:
    """Return what stands at a path; None where there is nothing."""
    for part in path:
        tree = (tree or {}).get(part)
    return tree
