"""What the next `up` would do where a stack stands, and what another hand than Cutover's has done there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from components.color import Color
from components.memory import notes_on
from components.plan import SHARE, TAG, ColorPlan, Manifest, WorkloadPlan
from components.pod import CONTAINER
from cutover.seen import SeenApp, SeenWorkload

OURS = frozenset({"pulumi-cutover", "pulumi-kubernetes", "cutover"})
"""Field managers of what an `up` writes: the program's, the provider's for a create, and that of the checks."""
AUTOSCALER = "kube-controller-manager"
RESTARTED = frozenset({"template/f:metadata/f:annotations/f:kubectl.kubernetes.io/restartedAt"})
"""What `kubectl rollout restart` writes, which leaves a template as it is."""


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


def rollout_differences(app: SeenWorkload) -> Iterator[str]:
    """Say what the next `up` does with an app of one version, as far as it follows from what is there."""
    plan, written, found = app.plan, app.written, app.controller
    if found is None:
        yield "makes it"
        return
    if written.tag != plan.tag:
        yield f"replaces {written.tag} by {plan.tag}"
    was, will_be = _canary(written), _canary(plan)
    if was != will_be:
        told = f"has a canary of {will_be}" + (f", after one of {was}" if was else "")
        yield told if will_be else f"has no canary any more, after one of {was}"
    same = (written.template_hash, written.base_hash) == (plan.template_hash, plan.base_hash)
    if not same and (written.tag, written.canary_tag) == (plan.tag, plan.canary_tag):
        yield "replaces its pods, whose configuration is another one"
    if plan.kind == "Deployment" and written.holds != plan.holds and not _paused_by(app):
        yield "pauses its rollout" if plan.holds else "lets its rollout go on"
    if written.replicas != plan.replicas and not plan.autoscaler and not _sized_by(app):
        yield f"scales it from {written.replicas} to {plan.replicas}"


def rollout_drifts(app: SeenWorkload) -> Iterator[Drift]:
    """Say what somebody else has changed of an app of one version, by the field managers that the cluster notes."""
    plan, written, found = app.plan, app.written, app.controller
    if found is None:
        return
    name, back = f"{plan.kind} {plan.name}", "pulumi up --refresh"
    if hand := _hand(_managed(found), "template"):
        runs = _image_tag(found["spec"]["template"])
        wrote = written.canary_tag or written.tag
        which = f": it runs {runs}, and its last `up` wrote {wrote}" if runs != wrote else ""
        yield Drift(f"the pod template of {name} was changed{which}", *hand, back)
    if plan.kind == "Deployment" and written.holds and (hand := _paused_by(app)):
        yield Drift(f"{name} was paused", *hand, back)
    if hand := _hand(_managed(found), "strategy", "updateStrategy"):
        yield Drift(f"how {name} replaces its pods was changed", *hand, back)
    if written.replicas != plan.replicas and not plan.autoscaler and (hand := _sized_by(app)):
        yield Drift(
            f"{name} was scaled to {written.replicas} and is to have {plan.replicas}", *hand, "pulumi up --refresh"
        )


def _canary(plan: WorkloadPlan) -> str:
    """The canary in few words; "" where there is none."""
    if plan.base is None:
        return ""
    last = (plan.replicas or 0) - 1
    which = f"s {plan.partition}-{last}" if plan.partition < last else f" {last}"
    return f"{plan.canary_tag} on ordinal{which}"


def _image_tag(template: Manifest) -> str:
    containers = template["spec"]["containers"]
    return next((str(each["image"]) for each in containers if each["name"] == CONTAINER), "").rpartition(":")[2]


def _paused_by(app: SeenWorkload) -> tuple[str, str] | None:
    return _hand(_managed(app.controller), "paused") if app.controller else None


def _sized_by(app: SeenWorkload) -> tuple[str, str] | None:
    return _hand(_managed(app.controller), "replicas") if app.controller else None


def _scaled_by(app: SeenApp, color: ColorPlan) -> tuple[str, str] | None:
    """Who else than Cutover and an autoscaler has given a color its size, and when."""
    deployment = app.deployment(color)
    entries = (deployment and deployment.metadata and deployment.metadata.managedFields) or []
    return _hand([entry.to_dict() for entry in entries], "replicas")


def _hand(managed: Iterable[Mapping[str, Any]], *fields: str) -> tuple[str, str] | None:
    """Who else than Cutover owns something of these fields of a spec, and since when; None where ours own all of it."""
    ours: set[str] = set()
    others: list[tuple[str, str, set[str]]] = []
    for entry in managed:
        spec, manager = (entry.get("fieldsV1") or {}).get("f:spec", {}), str(entry.get("manager"))
        owned = {path for field in fields for path in _paths(spec.get(f"f:{field}"), field)}
        if manager in {*OURS, AUTOSCALER}:
            ours |= owned
        else:
            others.append((str(entry.get("time") or ""), manager, owned - RESTARTED))
    hands = [(at, manager) for at, manager, owned in others if owned - ours]
    return max(((manager, at) for at, manager in hands), key=lambda hand: hand[1], default=None)


def _paths(fields: Any, path: str) -> Iterator[str]:
    """The innermost fields of a tree as `managedFields` has it; nothing where there is none."""
    below = [key for key in fields or () if key != "."]
    if fields is not None and not below:
        yield path
    for key in below:
        yield from _paths(fields[key], f"{path}/{key}")


def _managed(item: Manifest) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = item["metadata"].get("managedFields") or []
    return found
