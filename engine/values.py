"""Property values: what travels between program, engine, provider and state.

A value is JSON (`None`, `bool`, `int`, `float`, `str`, `list`, `dict` with `str` keys) in which two more kinds may
stand anywhere: `Secret`, a value that must never be written or shown in the clear, and `UNKNOWN`, a value that a
preview cannot know yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

Value: TypeAlias = Any
Properties: TypeAlias = dict[str, Any]

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key of an object that is no object: its value says what it stands for."""
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a signature


@final
@dataclass(frozen=True, slots=True)
class Secret:
    """A value that state holds encrypted and no output shows. Never holds another `Secret`."""

    value: Value

    def __repr__(self) -> str:
        return "[secret]"


@final
class Unknown:
    """A value that only `up` will know. There is one instance, `UNKNOWN`."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()


def reveal(value: Value) -> Value:
    """Return a copy of `value` with every `Secret` replaced by what it holds."""
    match value:
        case Secret():
            return reveal(value.value)
        case Mapping():
            return {key: reveal(item) for key, item in value.items()}
        case list():
            return [reveal(item) for item in value]
        case _:
            return value


def contains(value: Value, kind: type[Secret | Unknown]) -> bool:
    """Tell whether `kind` (`Secret` or `Unknown`) stands anywhere in `value`."""
    match value:
        case Secret() if kind is not Secret:
            return contains(value.value, kind)
        case Mapping():
            return any(contains(item, kind) for item in value.values())
        case list():
            return any(contains(item, kind) for item in value)
        case _:
            return isinstance(value, kind)
