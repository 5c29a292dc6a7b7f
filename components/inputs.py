"""What of a manifest is no plain value to Pulumi: Outputs of someone's own program, and secrets of the configuration.

Planning is pure, so a word holds an Output's place until it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi import Output

from components.plan import Manifest

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


def seal(manifest: Manifest) -> Manifest:
    """Return a manifest in which all that may hold a secret of the configuration is one to Pulumi.

    These are the texts that an app is given: its variables, its arguments and its data. The engine encrypts them in the
    state and shows them nowhere.
    """
    match manifest:
        case {"kind": "ConfigMap", "data": data}:
            return {**manifest, "data": _sealed(data)}
        case {"spec": {"template": {"spec": pod}}}:
            template = {**manifest["spec"]["template"], "spec": _sealed_pod(pod)}
            return {**manifest, "spec": {**manifest["spec"], "template": template}}
        case _:
            return manifest


def _sealed_pod(pod: Manifest) -> Manifest:
    kinds = [kind for kind in ("initContainers", "containers") if kind in pod]
    return {**pod, **{kind: [_sealed_container(each) for each in pod[kind]] for kind in kinds}}


def _sealed_container(container: Manifest) -> Manifest:
    said: Manifest = {key: _sealed(container[key]) for key in ("args", "command") if key in container}
    if "env" in container:
        said["env"] = [
            {**variable, "value": _sealed(variable["value"])} if "value" in variable else variable
            for variable in container["env"]
        ]
    return {**container, **said}


def _sealed(value: Any) -> Any:
    match value:
        case str():
            return Output.secret(value)
        case dict():
            return {key: _sealed(item) for key, item in value.items()}
        case _:
            return [_sealed(item) for item in value]
