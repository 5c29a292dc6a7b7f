"""A stack's config: Pulumi.<stack>.yaml, edited in place with its comments and order kept, and what a program gets.

The rules are the CLI's (sdk/go/common/resource/config, pkg/workspace/config.go).
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from engine import lines, paths
from engine.backend import write_atomically
from engine.errors import EngineError, ProjectError
from engine.passphrase import Crypter
from engine.project import Project

_INTEGER: Final = re.compile(r"0|-?[1-9]\d*")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value as the program gets it: text, or JSON text when it is a list or map."""

    text: str
    secret: bool
    structured: bool


class StackConfig:
    """One Pulumi.<stack>.yaml."""

    def __init__(self, project: Project, stack: str, path: Path | None = None) -> None:
        self._project = project
        self._stack = stack
        self.path = path or project.config_file(stack)
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = 4096
        self._yaml.indent(mapping=2, sequence=4, offset=2)
        try:
            self._document = self._load(self.path.read_text(encoding="utf-8") if self.path.exists() else "")
        except YAMLError as error:
            raise ProjectError(f"could not read {self.path}: {error}") from error
        if self._document.get("environment"):
            raise ProjectError(f"{self.path}: the embedded engine does not do 'environment' (Pulumi ESC)")
        if (provider := self._document.get("secretsprovider")) not in (None, "passphrase", "default"):
            raise ProjectError(
                f"{self.path}: the embedded engine does not do secretsprovider '{provider}'; passphrase only"
            )

    @property
    def salt(self) -> str | None:
        salt: str | None = self._document.get("encryptionsalt")
        return salt

    @salt.setter
    def salt(self, salt: str) -> None:
        if "encryptionsalt" in self._document:
            self._document["encryptionsalt"] = salt
        else:
            self._document.insert(0, "encryptionsalt", salt)

    @property
    def values(self) -> dict[str, Any]:
        """The file's values and the project's defaults, secrets sealed; key: `namespace:name`."""
        merged = {self.key(key): _plain(value) for key, value in (self._document.get("config") or {}).items()}
        for declared, declaration in self._project.config.items():
            key, inside = self.split(declared, path=True)
            value = _declared_value(declaration)
            if value is not None and _lookup(merged.get(key), inside) is None:
                if inside and not isinstance(merged.get(key), dict | list):
                    merged[key] = _container(inside[0])
                if inside:
                    _set(merged[key], [key], inside, value)
                else:
                    merged[key] = value
        return merged

    def save(self) -> None:
        write_atomically(self.path, self._dump(self._document))

    def _load(self, text: str) -> CommentedMap:
        document = self._yaml.load(text)
        if not isinstance(document, CommentedMap | None):
            raise ProjectError(f"{self.path} must be a map")
        return CommentedMap() if document is None else document

    def _dump(self, value: Any) -> str:
        text = io.StringIO()
        self._yaml.dump(value, text)
        return text.getvalue()

    def key(self, text: str) -> str:
        """Complete a key with the project's namespace."""
        return text if ":" in text else f"{self._project.name}:{text}"

    def split(self, text: str, *, path: bool) -> tuple[str, paths.Path]:
        """Split a key as typed into the config key and the path inside its value."""
        if not path:
            return self.key(text), []
        # Only the first segment names a namespace; those inside a value may hold colons of their own.
        top = re.match(r"[^.[]*", text)[0]  # type: ignore[index]  # matches anything
        namespace, _, name = (self.key(top) + text[len(top) :]).partition(":")
        try:
            first, *rest = paths.parse(name)
        except ValueError as error:
            raise EngineError(f"invalid configuration key: invalid config key path: {error}") from error
        if not isinstance(first, str) or not first:
            raise EngineError("invalid configuration key: first path segment of config key must be a string")
        return f"{namespace}:{first}", rest

    # --- edits

    def set(self, key: str, inside: paths.Path, value: str, crypter: Crypter | None) -> None:
        """Set a value, sealed when a crypter is given.

        At a path, `true`, `false` and integers are taken as what they look like; a value without a path is text.
        """
        item: Any = {"secure": crypter.encrypt(value)} if crypter else _guess(value) if inside else value
        config = self._document.setdefault("config", CommentedMap())
        path = [self._existing(config, key), *inside]
        self._unshare(config, path)
        before = self._dump(self._document)
        way = self._way(config, path)
        name = path[0]
        if not inside:
            config[name] = item
        else:
            if not isinstance(config.get(name), dict | list) or "secure" in config[name]:
                config[name] = _container(inside[0])
            _set(config[name], key.split(":", 1)[1:], inside, item)
        if way < len(path):
            above, new = ["config", *path[:way]], path[way]
            holder: Any = self._document
            for segment in above:
                holder = holder[segment]
            # right after its siblings, not after the comments that follow those
            self._adopt(lines.extended(before, above, self._dump({new: holder[new]})))

    def remove(self, key: str, inside: paths.Path) -> None:
        """Remove a value, if it is there."""
        config = self._document.get("config") or {}
        path = [self._existing(config, key), *inside]
        if self._way(config, path) < len(path):
            return
        self._unshare(config, path)
        before = self._dump(self._document)
        outer: Any = None
        holder: Any = config
        for segment in path[:-1]:
            outer, holder = holder, holder[segment]
        del holder[path[-1]]
        if not holder and outer:  # comments inside would stand between the key and the `[]` that is left
            outer[path[-2]] = _container(path[-1])
            outer.ca.items.pop(path[-2], None)
        self._adopt(lines.without(before, ["config", *path]))

    def _adopt(self, text: str | None) -> None:
        """Take a text over that says what the document says, but keeps more of what stood in the file."""
        if text is None:
            return
        document = self._load(text)
        if _plain(document) == _plain(self._document):
            self._document = document

    @staticmethod
    def _unshare(config: Any, path: paths.Path) -> None:
        """Give a path that leads through an alias (`*name`) a copy of its own, so that one place alone changes."""
        holder = config
        for segment in path[:-1]:
            if not _has(holder, segment):
                return
            if getattr(holder[segment], "anchor", None) and holder[segment].anchor.value:
                holder[segment] = copy.deepcopy(holder[segment])
                holder[segment].yaml_set_anchor(None)
            holder = holder[segment]

    @staticmethod
    def _way(config: Any, path: paths.Path) -> int:
        """Return how many segments of a path there are in the file."""
        for count, segment in enumerate(path):
            if not _has(config, segment):
                return count
            config = config[segment]
        return len(path)

    def _existing(self, config: Mapping[str, Any], key: str) -> str:
        """Return the key as the file spells it, with or without the project's namespace."""
        short = key.removeprefix(f"{self._project.name}:")
        return short if short in config else key

    # --- reading

    def lookup(self, key: str, inside: paths.Path) -> Any:
        """Return a value as it stands in the file or, failing that, as the project declares it; None: neither."""
        return _lookup(self.values.get(key), inside)

    def settings(self, decrypt: Callable[[str], str]) -> dict[str, Setting]:
        """Return all settings, the project's defaults and values included, ordered by key."""
        return {key: setting(value, decrypt) for key, value in sorted(self.values.items())}

    def validate(self, settings: Mapping[str, Setting]) -> None:
        """Check the settings against Pulumi.yaml's `config:`, in the CLI's words. Raises ProjectError."""
        missing = []
        for declared, declaration in sorted(self._project.config.items()):
            key, inside = self.split(declared, path=True)
            found = settings.get(key)
            value = (
                None if found is None else _lookup(json.loads(found.text) if found.structured else found.text, inside)
            )
            if value is None:
                if key.startswith(f"{self._project.name}:"):
                    missing.append(declared)
            elif isinstance(declaration, dict) and declaration.get("type"):
                self._validate(declared, declaration, value, secret=bool(found and found.secret))
        if missing:
            names = (
                f"'{missing[0]}'"
                if len(missing) == 1
                else " and ".join([", ".join(f"'{name}'" for name in missing[:-1]), f"'{missing[-1]}'"])
            )
            raise ProjectError(
                f"Stack '{self._stack}' is missing configuration value{'s' if len(missing) > 1 else ''} {names}"
            )

    def _validate(self, declared: str, declaration: dict[str, Any], value: Any, *, secret: bool) -> None:
        where = f"Stack '{self._stack}' with configuration key '{declared}' must be"
        if declaration.get("secret") and not secret:
            raise ProjectError(f"{where} encrypted as it's secret")
        if not _fits(declaration, value):
            raise ProjectError(f"{where} of type '{_type_name(declaration)}'")


def setting(value: Any, decrypt: Callable[[str], str]) -> Setting:
    """Return a value of the file as the program gets it."""
    if isinstance(value, dict | list) and not _sealed(value):
        secrets: list[str] = []

        def open_(item: Any) -> Any:
            if _sealed(item):
                secrets.append(item["secure"])
                return decrypt(item["secure"])
            if isinstance(item, dict):
                return {key: open_(child) for key, child in sorted(item.items())}
            return [open_(child) for child in item] if isinstance(item, list) else item

        text = json.dumps(open_(value), separators=(",", ":"), ensure_ascii=False)
        return Setting(text, secret=bool(secrets), structured=True)
    if _sealed(value):
        return Setting(decrypt(value["secure"]), secret=True, structured=False)
    if isinstance(value, float):
        return Setting(json.dumps(value), secret=False, structured=True)
    return Setting(str(value).lower() if isinstance(value, bool) else str(value), secret=False, structured=False)


def _sealed(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str)


def _plain(value: Any) -> Any:
    """Return a plain copy of a YAML value: JSON kinds only."""
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case bool() | None:
            return value
        case int():
            return int(value)
        case float():
            return float(value)
        case _:
            return str(value)


def _guess(text: str) -> str | int | bool:
    """Take `true`, `false` and integers for what they look like; leading zeros make text."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _INTEGER.fullmatch(text) else text


def _container(accessor: str | int) -> Any:
    return [] if isinstance(accessor, int) else CommentedMap()


def _has(holder: Any, segment: str | int) -> bool:
    if isinstance(holder, list):
        return isinstance(segment, int) and segment < len(holder)
    return isinstance(holder, dict) and segment in holder


def _lookup(value: Any, inside: paths.Path) -> Any:
    for segment in inside:
        if not _has(value, segment):
            return None
        value = value[segment]
    return value


def _set(holder: Any, prefix: list[Any], inside: paths.Path, item: Any) -> None:
    segment, *rest = inside
    where = paths.show([*prefix, segment])
    if isinstance(holder, list):
        if not isinstance(segment, int):
            raise EngineError(f"could not set config: {where}: key for an array must be an int")
        if segment > len(holder):
            raise EngineError(f"could not set config: {where}: array index out of range")
        if segment == len(holder):
            holder.append(None)
    elif isinstance(segment, int):
        raise EngineError(f"could not set config: {where}: key for a map must be a string")
    if not rest:
        holder[segment] = item
        return
    child = holder[segment] if _has(holder, segment) else None
    if child is None:
        child = holder[segment] = _container(rest[0])
    if not isinstance(child, dict | list):
        kind = "an array" if isinstance(rest[0], int) else "a map"
        raise EngineError(f"could not set config: {where}: expected {kind}")
    _set(child, [*prefix, segment], rest, item)


def _declared_value(declaration: Any) -> Any:
    if not isinstance(declaration, dict):
        return declaration
    value = declaration.get("default", declaration.get("value"))
    return _plain(value)


def _fits(declaration: Any, value: Any) -> bool:
    match declaration["type"]:
        case "string":
            return isinstance(value, str)
        case "integer":
            whole = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
            return whole or (isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value) is not None)
        case "boolean":
            return isinstance(value, bool) or value in ("true", "false")
        case "object":
            return isinstance(value, dict)
        case "array":
            items = declaration.get("items")
            return isinstance(value, list) and bool(items) and all(_fits(items, item) for item in value)
        case unknown:
            raise ProjectError(f"unknown config type '{unknown}'; use string, integer, boolean, array or object")


def _type_name(declaration: dict[str, Any]) -> str:
    return f"array<{_type_name(declaration['items'])}>" if declaration["type"] == "array" else declaration["type"]
