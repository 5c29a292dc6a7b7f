"""Outputs in the arguments of a component: planning is pure, so a word holds an Output's place until it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi import Output

Held = dict[str, Output[Any]]
"""The Outputs by the words that hold their places."""


def hold(value: Any, held: Held) -> Any:
    """Return `value` with a word in the place of every Output, which goes into `held`.

    The word passes for a name, an image or a tag; where nothing but a known value will do, the configuration's check
    names it.
    """
    match value:
        case Output():
            word = f"pulumi-output-{len(held):04}"
            held[word] = value
            return word
        case Mapping():
            return {key: hold(item, held) for key, item in value.items()}
        case str():
            return value
        case Sequence():
            return [hold(item, held) for item in value]
        case _:
            return value


def fill(value: Any, held: Held) -> Any:
    """Return `value` with the Outputs in their places again, also inside a longer text."""
    match value:
        case str():
            words = [word for word in held if word in value]
            if not words:
                return value
            return Output.all(**{word: held[word] for word in words}).apply(lambda known: _put(value, known))
        case dict():
            return {key: fill(item, held) for key, item in value.items()}
        case list():
            return [fill(item, held) for item in value]
        case _:
            return value


def _put(text: str, known: Mapping[str, Any]) -> str:
    for word, output in known.items():
        text = text.replace(word, str(output))
    return text
