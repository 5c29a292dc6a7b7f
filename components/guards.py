"""What a color's Deployment may not do in one step, judged from the engine's state before anything is written.

The guards run as hooks, in a preview too: a pull request shows the refusal before anyone runs `up`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.color import Role
from components.errors import LeftOverCanaryError, LiveColorChangedError
from components.plan import ROLE, SOURCE, AppPlan, ColorPlan


def check(
    app: AppPlan, color: ColorPlan, old: Mapping[str, Any], new: Mapping[str, Any], *, selected: bool = False
) -> None:
    """Refuse a change of a color's Deployment that would hurt live traffic.

    Args:
        app: the app as it is planned.
        color: the color whose Deployment changes.
        old: the Deployment's inputs in the engine's state.
        new: its inputs now.
        selected: whether the live Service in the cluster selects this color alone, whatever the state says of it.

    Raises:
        LeftOverCanaryError: the live color would become a canary.
        LiveColorChangedError: the live color's pod template would change in place.
    """
    was_active = _annotation(old, ROLE) == Role.ACTIVE
    if was_active and color.role is Role.CANARY:
        raise LeftOverCanaryError(app.name, app.active.color, "canaryReplicas", color.replicas)
    stays_active = was_active and color.role is Role.ACTIVE
    if not (stays_active or selected) or app.in_place == color.tag:
        return
    paths = sorted(set(changed_paths(old["spec"]["template"], new["spec"]["template"])))
    if paths:
        own_doing = _annotation(old, SOURCE) == _annotation(new, SOURCE)
        raise LiveColorChangedError(app.name, color.color, color.tag, paths=paths, own_doing=own_doing)


def changed_paths(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two JSON values differ; numbers compare by value, as the wire makes them all floats."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in old.keys() | new.keys():
            yield from changed_paths(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from changed_paths(before, after, f"{path}[{index}]")
    elif json.dumps(old) != json.dumps(new) and old != new:
        yield path


def _annotation(inputs: Mapping[str, Any], key: str) -> str | None:
    value: str | None = inputs["metadata"].get("annotations", {}).get(key)
    return value
