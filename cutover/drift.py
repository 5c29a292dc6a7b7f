"""What the next `up` would do where a stack stands, and what another hand than Cutover's has done there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from components.color import Color
from components.memory import notes_on
from components.plan import SHARE, TAG, ColorPlan, Manifest
from cutover.seen import SeenApp

OURS = frozenset({"pulumi-cutover", "pulumi-kubernetes", "cutover"})
"""Field managers of what an `up` writes: the program's, the provider's for a create, and that of the checks."""
AUTOSCALER = "kube-controller-manager"


class Drift(msgspec.Struct, frozen=True):
    """What another hand than Cutover's has changed, whose and when ("" if unknown), and what puts it right."""

    text: str
    by: str
    at: str
    remedy: str


def differences(app: SeenApp) -> Iterator[str]:
    """Say what the next `up` does, as far as it follows from what is configured and what is there."""
    plan = app.plan
    if app.active is None:
        yield f"takes over Service {plan.name}, which is there already" if app.service else "makes it"
        return
    if app.active != plan.active.color:
        yield f"moves traffic from {app.active} to {plan.active.color}"
    elif app.told.get(SHARE) != plan.share:
        yield f"moves {plan.other.color}'s share from {app.told.get(SHARE)} to {plan.share}"
    for color in plan.colors.values():
        yield from _difference(app, color)


def _difference(app: SeenApp, color: ColorPlan) -> Iterator[str]:
    deployment, size = app.deployment(color), app.size(color)
    if deployment is None:
        yield f"makes {color.name}"
        return
    tag = notes_on(deployment).get(TAG)
    if not app.is_as_configured(color):
        what = f"{color.color} from {tag} to {color.tag}"
        if tag == color.tag:
            what = f"the configuration of {color.color}'s pods"
        if color.color == app.active == app.plan.active.color and app.plan.in_place != color.tag:
            yield f"refuses to change {what}, as it is live: stage it on {color.color.other}"
        else:
            yield f"changes {what}"
    if size != color.replicas and not color.autoscaler and not _scaled_by(app, color):
        yield f"scales {color.color} from {size} to {color.replicas}"


def drifts(app: SeenApp) -> Iterator[Drift]:
    """Say what somebody else has changed of sizes and traffic, by the field managers that the cluster notes."""
    for color in app.plan.colors.values():
        size, hand = app.size(color), _scaled_by(app, color)
        if hand and size != color.replicas and not color.autoscaler:
            yield Drift(f"{color.name} was scaled to {size} and is to have {color.replicas}", *hand, "pulumi up")
    if app.service and app.active and (hand := _hand(_managed(app.service), "selector")):
        selected = (app.service["spec"].get("selector") or {}).get("color")
        text, back = f"Service {app.plan.name} selects {selected or 'both colors'}", "pulumi up --refresh"
        if app.plan.splits_by_pods:
            if selected:
                yield Drift(f"{text} alone", *hand, back)
        elif selected != app.active:
            key = "activeColor" if app.plan.coupled else f"--path apps.{app.plan.name}.activeColor"
            follow = f"  # or to follow it: pulumi config set {key} {selected} && pulumi up"
            remedy = back + follow * (selected in set(Color))
            yield Drift(f"{text}; its last move was to {app.active}", *hand, remedy)
    if app.route and (hand := _hand(_managed(app.route), "rules", "http")):
        kind, name = app.plan.mover["kind"], app.plan.mover["metadata"]["name"]
        yield Drift(f"{kind} {name} was changed", *hand, "pulumi up --refresh")


def _scaled_by(app: SeenApp, color: ColorPlan) -> tuple[str, str] | None:
    """Who else than Cutover and an autoscaler has given a color its size, and when."""
    deployment = app.deployment(color)
    entries = (deployment and deployment.metadata and deployment.metadata.managedFields) or []
    return _hand([entry.to_dict() for entry in entries], "replicas")


def _hand(managed: Iterable[Mapping[str, Any]], *fields: str) -> tuple[str, str] | None:
    """Who else than Cutover owns one of these fields of a spec, and since when; None where one of ours does."""
    owners = {
        str(entry.get("manager")): str(entry.get("time") or "")
        for entry in managed
        if any(f"f:{field}" in (entry.get("fieldsV1") or {}).get("f:spec", {}) for field in fields)
    }
    ours = owners.keys() & {*OURS, AUTOSCALER}
    return None if ours else max(owners.items(), key=lambda owner: owner[1], default=None)


def _managed(item: Manifest) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = item["metadata"].get("managedFields") or []
    return found
