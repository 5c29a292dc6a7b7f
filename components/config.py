"""Reading the configuration: every problem at once, each with what puts it right."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from components import rules
from components.color import Color
from components.errors import ConfigError
from components.keys import Keys
from components.native import Fault
from components.plan import Component
from components.problems import Path, Problem, remove, set_to, written, wrong
from components.schema import KEYS, Canary, Pod, Settings, keys_at


def load(values: Mapping[str, Any]) -> Settings:
    """Read the stack's own configuration.

    Args:
        values: the stack's keys without `cutover:`, structured ones decoded from JSON.

    Raises:
        ConfigError: something in it cannot be; it holds every problem.
    """
    problems: list[Problem] = []
    rest, settings = copy.deepcopy(dict(values)), None
    while settings is None:
        try:
            settings = Settings.model_validate(rest)
        except ValidationError as error:
            # What is wrong is reported and taken out, and the rest is read again, so that the rules that tie several
            # keys together are seen to in the same run.
            details = error.errors(include_url=False)
            _add(problems, [problem for detail in details for problem in _explained(detail, rest)])
            before = copy.deepcopy(rest)
            for detail in details:
                _take_out(rest, detail)
            if rest == before:
                raise ConfigError(problems) from None
    _add(problems, rules.broken(settings, unread=bool(_names(values) - settings.described.keys())))
    problems += rules.names_clash(values.get("apps"))
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: [str(part) for part in problem.path]))
    return settings


def _add(problems: list[Problem], more: Iterable[Problem]) -> None:
    """Add what is not about a place that is reported already: it may follow from what was taken out there."""
    reported = {problem.path for problem in problems}
    problems += [
        problem
        for problem in more
        if not any(problem.path[: len(path)] == path or path[: len(problem.path)] == problem.path for path in reported)
    ]


def _explained(detail: ErrorDetails, values: Mapping[str, Any]) -> Iterator[Problem]:
    """Say in our words what pydantic found."""
    path, value, context = _place(detail), detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            yield _unknown(path, value, values)
        case "missing":
            yield _missing(path, value, values)
        case "native":
            yield from (_native(path, fault) for fault in context["faults"])
        case "refused" if path != detail["loc"]:
            yield Problem(path, value, f"cannot be called so; {context['reason']}", "rename it in Pulumi.<stack>.yaml")
        case "refused":
            yield wrong(path, value, context["reason"], set_to(path, context["suggestion"]))
        case _ if path[-1] == "imageTag":
            yield _not_a_map_of_tags(path, value)
        case kind:
            wanted = "a list" if kind == "list_type" else "a map of keys"
            yield wrong(path, value, f"it must be {wanted}", remove(path))


def _place(detail: ErrorDetails) -> Path:
    """Where it is; of a key that cannot be, pydantic says so by one more part."""
    at_key = detail["type"] == "refused" and detail["loc"][-1] == "[key]"
    return detail["loc"][:-1] if at_key else detail["loc"]


def _unknown(path: Path, value: Any, values: Mapping[str, Any]) -> Problem:
    *above, key = path
    keys = keys_at(tuple(above), values)
    known = [field.alias for field in keys.model_fields.values() if field.alias]
    app_keys = {alias for each in KEYS.values() for alias in _aliases(each)}
    if keys in KEYS.values() and key in app_keys:
        return _of_another(path, value, keys)
    if keys in {Pod, Canary} and key in _aliases(KEYS[Component.STATEFUL if keys is Canary else Component.CANARY]):
        fault = "is not part of the pods, so it cannot differ by color"
        return Problem(path, value, fault, f"move it to {written(path[:2])} in Pulumi.<stack>.yaml")
    if keys is Settings and key in app_keys:
        return Problem(path, value, "is a key of an app", "move it to apps.<name> in Pulumi.<stack>.yaml")
    return _no_such_key(path, value, "is no key that Cutover knows", known)


def _of_another(path: Path, value: Any, keys: type[Keys]) -> Problem:
    """A key that other components have."""
    *above, key = path
    owners = [component for component, each in KEYS.items() if key in _aliases(each)]
    owns = ", ".join(component for component, each in KEYS.items() if each is keys)
    fault = f"is a key of {', '.join(owners)}, not of {owns}"
    match key:
        case "imageTag":
            tag = value.get("blue", "<tag>") if isinstance(value, Mapping) else value
            return Problem(
                path,
                value,
                f"{fault}: it has no colors, and what it runs is its tag",
                f"{remove(path)} && {set_to((*above, 'tag'), str(tag))}",
            )
        case "tag":
            tags = " && ".join(set_to((*above, "imageTag", str(color)), str(value)) for color in Color)
            return Problem(path, value, f"{fault}: each of its colors has one", f"{remove(path)} && {tags}")
        case _:
            return Problem(path, value, fault, remove(path))


def _aliases(keys: type[Keys]) -> set[str | None]:
    return {field.alias for field in keys.model_fields.values()}


def _no_such_key(path: Path, value: Any, fault: str, known: Iterable[str]) -> Problem:
    known = list(known)
    *above, key = path
    nearest = difflib.get_close_matches(str(key), known, 1)
    if not nearest:
        return Problem(path, value, f"{fault}; known here are {', '.join(known)}", remove(path))
    right = (*above, nearest[0])
    remedy = f"rename it to {nearest[0]} in Pulumi.<stack>.yaml"
    if isinstance(value, str | int | bool):
        text = value if isinstance(value, str) else str(value).lower()
        remedy = f"{remove(path)} && {set_to(right, text)}"
    return Problem(path, value, f"{fault}; did you mean {nearest[0]}?", remedy)


def _missing(path: Path, beside: Any, values: Mapping[str, Any]) -> Problem:
    *above, key = path
    if above[-1:] == ["imageTag"]:
        tag = beside.get(Color(str(key)).other, "<tag>")
        fault = "is missing; both colors need a tag, and it may be the same"
        return Problem(path, None, fault, set_to(path, str(tag)))
    field = next(field for field in keys_at(tuple(above), values).model_fields.values() if field.alias == key)
    for rule in field.metadata:
        return Problem(path, None, f"is missing; it must be {rule.words}", set_to(path, rule.suggest(None)))
    return Problem(path, None, "is missing", f"give it in Pulumi.<stack>.yaml: {field.description}")


def _native(path: Path, fault: Fault) -> Problem:
    where = (*path, *fault.path)
    if fault.known:
        return _no_such_key(where, fault.value, fault.reason, fault.known)
    return Problem(where, fault.value, fault.reason, "put it right in Pulumi.<stack>.yaml")


def _not_a_map_of_tags(path: Path, value: Any) -> Problem:
    tag = str(value) if isinstance(value, str | int) else "<tag>"
    command = " && ".join(set_to((*path, str(color)), tag) for color in Color)
    return wrong(path, value, "it must be a map with a tag for each color", command)


def _take_out(values: dict[str, Any], detail: ErrorDetails) -> None:
    """Remove what is wrong from `values`: the key, or where it lacks one or stands in a list, what it belongs to."""
    path = [*_place(detail)]
    stands_in = path[:1] + path[2:] == ["apps", "image"]  # so that the app's other keys are still looked at
    if detail["type"] == "missing" and not stands_in:
        path.pop()
    path = path[: next((index for index, part in enumerate(path) if isinstance(part, int)), len(path))]
    *above, key = path
    holder: Any = values
    for part in above:
        holder = holder.get(part, {})
    holder.pop(key, None)
    if stands_in:
        holder["image"] = "unread"
    if path[:1] + path[2:] == ["apps", "component"] and detail["ctx"]["suggestion"] in list(Component):
        holder["component"] = detail["ctx"]["suggestion"]


def _names(values: Mapping[str, Any]) -> set[str]:
    apps = values.get("apps")
    return set(apps) if isinstance(apps, Mapping) else set()
