"""What a color's Deployment may not do in one step, judged from the engine's state before anything is written.

The guards run as hooks, in a preview too: a pull request shows the refusal before anyone runs `up`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.color import Color, Role
from components.conditions import Gating, gating
from components.errors import (
    UNMOVED,
    CanaryChangedError,
    GateFailedError,
    LeftOverCanaryError,
    LiveColorChangedError,
    NotAsItIsError,
    NotOursError,
)
from components.memory import Memory
from components.plan import SOURCE, AppPlan, ColorPlan, Manifest


def check(
    app: AppPlan,
    color: ColorPlan,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    live: bool,
    unjudged_share: int = 0,
) -> None:
    """Refuse a change of a color's Deployment that would hurt live traffic.

    Args:
        app: the app as it is planned.
        color: the color whose Deployment changes.
        old: the Deployment's inputs in the engine's state.
        new: its inputs now.
        live: whether the live Service in the cluster is on this color, and stays. What the state says would not do: a
            promotion that was stopped has written the color's new role, and moved nothing.
        unjudged_share: the percent of the live traffic that a canary has and another template of it may not take.

    Raises:
        LeftOverCanaryError: the live color would become a canary.
        LiveColorChangedError: the live color's pod template would change in place.
        CanaryChangedError: a canary's pod template would change under its share, before its gate has judged it.
    """
    paths = sorted(set(changed_paths(old["spec"]["template"], new["spec"]["template"])))
    if paths and unjudged_share:
        raise CanaryChangedError(app.name, color.color, color.tag, weight=unjudged_share, paths=paths)
    if not live:
        return
    if color.role is Role.CANARY:
        raise LeftOverCanaryError(app.name, app.active.color, replicas=color.replicas, weight=app.weight)
    if paths and app.in_place != color.tag:
        own_doing = old["metadata"].get("annotations", {}).get(SOURCE) == new["metadata"]["annotations"][SOURCE]
        raise LiveColorChangedError(app.name, color.color, color.tag, paths=paths, own_doing=own_doing)


def check_unknown(app: AppPlan, color: ColorPlan, found: str | None, *, live: bool) -> None:
    """Refuse to take over a live Deployment that Pulumi does not know, as after a lost state, with another template.

    Args:
        app: the app as it is planned.
        color: the color whose Deployment is to be taken over.
        found: the hash of what the one in the cluster was planned from; None if there is none.
        live: whether the live Service in the cluster is on this color, and stays.

    Raises:
        LiveColorChangedError: its pod template would change in place.
    """
    same = found in {None, color.source}
    if live and app.in_place != color.tag and (color.kept or not same):
        raise LiveColorChangedError(app.name, color.color, color.tag, paths=["spec.template"], own_doing=same)


def check_ours(manifest: Manifest, found: Mapping[str, str] | None, context: str) -> None:
    """Refuse to take over an object that is there already, unless an `up` of ours that was killed has made it.

    It must be of the same component, too: Pulumi would take an app's objects over for the new component, and then
    delete them as the old one's.

    Args:
        manifest: the object that is to be created.
        found: the labels of the one that is there; None if there is none.
        context: where that is, for the error.

    Raises:
        NotOursError: it is somebody else's.
    """
    ours = {key: value for key, value in manifest["metadata"]["labels"].items() if key.startswith("cutover/")}
    if found is not None and not ours.items() <= found.items():
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        raise NotOursError(kind, name, context, expected=ours, found=found)


def check_taken_over(app: AppPlan, found: Manifest) -> None:
    """Refuse to take a Service over and expose it in another way than it is.

    A port of another name is another port to a node's proxy, which knows no endpoints of it until their news has come
    as well, and refuses connections until then; a type or a port that goes takes what points at it along.

    Args:
        app: the app as it is planned.
        found: the Service that is there.

    Raises:
        NotAsItIsError: type, port, port name or node port would change.
    """
    planned = app.live_service["spec"]
    (port,) = planned["ports"]
    there = [each for each in found["spec"].get("ports", []) if each.get("protocol", "TCP") == "TCP"]
    same = next((each for each in there if each["port"] == port["port"]), there[0] if there else {})
    is_now = {
        "type": found["spec"].get("type", "ClusterIP"),
        "port": same.get("port"),
        "portName": same.get("name", ""),
        "nodePort": same.get("nodePort"),
    }
    will_be = {
        "type": planned["type"],
        "port": port["port"],
        "portName": port.get("name", ""),
        "nodePort": port.get("nodePort", is_now["nodePort"]),
    }
    if changes := {key: (value, will_be[key]) for key, value in is_now.items() if value != will_be[key]}:
        raise NotAsItIsError(app.name, changes)


def refuse_failed(
    app: AppPlan, color: ColorPlan, template: str, memories: Mapping[Color, Memory], where: str = UNMOVED
) -> Gating:
    """Refuse to give traffic to what has failed, so that it does not begin again; else return what its gate is to it.

    Raises:
        GateFailedError: the color's gate has failed this template.
    """
    due, verdict = gating(app, color, template, memories), memories[color.color].verdict
    if verdict and due is Gating.FAILED:
        raise GateFailedError(app.name, color.color, color.tag, findings=verdict.findings, at=verdict.at, where=where)
    return due


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
