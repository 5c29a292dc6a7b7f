"""Rules that tie several keys together. Each yields what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from components import pod_rules
from components.color import Color
from components.gates import rules as gate_rules
from components.grammar import OWN_PREFIXES
from components.plan import Component
from components.problems import Path, Problem, remove, set_to, wrong
from components.routers import rules as router_rules
from components.schema import App, AppKeys, Settings
from components.workloads import rules as workload_rules
from components.workloads.rules import autoscaled

MOST_BESIDE_BASELINE = 50
"""Percent: a baseline gets as much as its canary."""


def broken(settings: Settings, *, unread: bool = False) -> Iterator[Problem]:
    """Yield every rule that `settings` breaks; with apps `unread`, no rule that they may satisfy."""
    yield from _namespace(settings)
    yield from _node_ports(settings)
    if not unread:
        yield from _apps(settings)
    for name, described in settings.described.items():
        path = ("apps", name)
        yield from _expose(path, described)
        yield from _deadlines(path, described)
        yield from pod_rules.broken(name, described, settings.pod_security)
    for name, workload in settings.workloads.items():
        yield from workload_rules.broken(("apps", name), workload, settings)
    for name, app in settings.apps.items():
        path = ("apps", name)
        yield from _tags(app, settings)
        yield from _own_position(path, app)
        yield from _sizes(path, app, settings)
        if app.baseline and not _has_canary(app):
            reason = f"it stands beside a canary, and {name} is a BlueGreenApp, which has none"
            yield wrong((*path, "baseline"), app.baseline, reason, remove((*path, "baseline")))
        if app.router:
            if app.router.nginx and app.baseline:
                reason = "ingress-nginx splits between two, and has no third for it"
                yield wrong((*path, "baseline"), app.baseline, reason, remove((*path, "baseline")))
            yield from router_rules.broken((*path, "router"), app.router, canary=_has_canary(app))
            yield from _weight(path, app, settings)
        if app.gate:
            yield from gate_rules.broken((*path, "gate"), app.gate, baseline=app.baseline)


def names_clash(apps: Any) -> Iterator[Problem]:
    """Yield the apps whose names other apps make for their own objects; `apps` is as it was written."""
    if not isinstance(apps, Mapping):
        return
    for name in apps:
        for suffix in ("blue", "green", "preview", "canary", "baseline", "pods"):
            if f"{name}-{suffix}" in apps:
                path = ("apps", f"{name}-{suffix}")
                yield Problem(
                    path,
                    path[1],
                    f"cannot be called so; app {name} names objects of its own {name}-blue, {name}-green, "
                    f"{name}-preview, {name}-canary, {name}-baseline and {name}-pods",
                    "rename one of the two in Pulumi.<stack>.yaml",
                )


def _namespace(settings: Settings) -> Iterator[Problem]:
    name = settings.namespace
    if name and settings.create_namespace and (name == "default" or name.startswith("kube-")):
        yield wrong(
            ("namespace",),
            name,
            "every cluster has that one, so it cannot be made",
            set_to(("createNamespace",), "false"),
        )


def _node_ports(settings: Settings) -> Iterator[Problem]:
    ports = {name: app.expose.node_port for name, app in settings.described.items() if app.expose.node_port}
    for first, second in combinations(ports, 2):
        if ports[first] == ports[second]:
            path = ("apps", second, "expose", "nodePort")
            yield wrong(path, ports[second], f"app {first} has it", set_to(path, "<another port>"))


def _apps(settings: Settings) -> Iterator[Problem]:
    components = {app.component for app in settings.described.values()}
    if not components:
        yield Problem(
            ("apps",), None, "is empty; there is nothing to release", "describe an app in Pulumi.<stack>.yaml"
        )
        return
    if settings.paused and Component.ROLLING not in components:
        path, reason = ("paused",), "no app is a RollingApp, whose rollout it could pause"
        yield wrong(path, settings.paused, reason, remove(path))
    if settings.canary_replicas and Component.CANARY not in components:
        path, reason = ("canaryReplicas",), "no app is a CanaryApp, so none can have a canary"
        yield wrong(path, settings.canary_replicas, reason, set_to(path, "0"))
    if settings.canary_weight and not any(app.router and _has_canary(app) for app in settings.apps.values()):
        yield wrong(("canaryWeight",), settings.canary_weight, _NO_SPLIT, set_to(("canaryWeight",), "0"))
    if settings.idle_replicas is not None and not any(map(_has_idle, settings.apps.values())):
        path = ("idleReplicas",)
        yield wrong(path, settings.idle_replicas, _NO_IDLE, remove(path))


_NO_IDLE = (
    "it is the size of an idle color; without a router every pod of a CanaryApp takes live traffic, so its other color "
    "has canaryReplicas pods and no idle ones"
)
_NO_SPLIT = "it needs a CanaryApp with a router, which splits by weight; without one it must be 0"


def _has_canary(app: App) -> bool:
    return app.component is Component.CANARY


def _has_idle(app: App) -> bool:
    return app.router is not None or not _has_canary(app)


def _tags(app: App, settings: Settings) -> Iterator[Problem]:
    if not (app.image_tag or settings.image_tag):
        command = " && ".join(set_to(("imageTag", color), "<tag>") for color in Color)
        yield Problem(("imageTag",), None, "is missing; it says which tag each color runs", command)


def _own_position(path: Path, app: App) -> Iterator[Problem]:
    if app.canary_weight and not (app.router and _has_canary(app)):
        key = (*path, "canaryWeight")
        yield wrong(key, app.canary_weight, _NO_SPLIT, remove(key))
    if app.canary_replicas and not _has_canary(app):
        key = (*path, "canaryReplicas")
        reason = f"{path[1]} is a {app.component}, and only a CanaryApp has a canary"
        yield wrong(key, app.canary_replicas, reason, remove(key))
    if app.idle_replicas is not None and not _has_idle(app):
        key = (*path, "idleReplicas")
        yield wrong(key, app.idle_replicas, _NO_IDLE, remove(key))


def _weight(path: Path, app: App, settings: Settings) -> Iterator[Problem]:
    """A share needs pods to take it."""
    weight = settings.canary_weight if app.canary_weight is None else app.canary_weight
    replicas = settings.canary_replicas if app.canary_replicas is None else app.canary_replicas
    if _has_canary(app) and weight and not replicas:
        key = ("canaryWeight",) if app.canary_weight is None else (*path, "canaryWeight")
        other = (app.active_color or settings.active_color).other
        reason = f"canaryReplicas is 0, so that {path[1]} has no pod of {other} to take it"
        yield wrong(key, weight, reason, set_to(key, "0"))
    elif app.baseline and weight > MOST_BESIDE_BASELINE:
        key = ("canaryWeight",) if app.canary_weight is None else (*path, "canaryWeight")
        reason = f"the baseline of {path[1]} gets as much, so that it must be at most {MOST_BESIDE_BASELINE}"
        yield wrong(key, weight, reason, set_to(key, str(MOST_BESIDE_BASELINE)))


def _sizes(path: Path, app: App, settings: Settings) -> Iterator[Problem]:
    if not app.autoscaling:
        return
    yield from autoscaled(path, app, app.autoscaling)
    most = app.autoscaling.max_replicas
    name = "canaryReplicas" if app.component is Component.CANARY else "idleReplicas"
    own = app.canary_replicas if app.component is Component.CANARY else app.idle_replicas
    stack = settings.canary_replicas if app.component is Component.CANARY else settings.idle_replicas
    size = stack if own is None else own
    if size is not None and size > most:
        key = (name,) if own is None else (*path, name)
        reason = f"autoscaling of {path[1]} goes to maxReplicas, {most}"
        yield wrong(key, size, reason, set_to(key, str(most)))


def _expose(path: Path, app: AppKeys) -> Iterator[Problem]:
    expose, key = app.expose, (*path, "expose", "nodePort")
    if expose.type == "NodePort" and expose.node_port is None:
        reason = "is missing; a NodePort is fixed here, so that a cluster rebuilt has the same"
        yield Problem(key, None, reason, set_to(key, "<port>"))
    if expose.type == "ClusterIP" and expose.node_port is not None:
        reason = "the app is exposed as ClusterIP, which has none"
        yield wrong(key, expose.node_port, reason, set_to((*path, "expose", "type"), "NodePort"))
    for name in expose.annotations:
        if name.startswith(OWN_PREFIXES):
            key = (*path, "expose", "annotations", name)
            yield Problem(key, expose.annotations[name], "is an annotation that Cutover writes itself", remove(key))


def _deadlines(path: Path, app: AppKeys) -> Iterator[Problem]:
    deadline = app.progress_deadline_seconds
    if app.min_ready_seconds >= deadline:
        key = (*path, "minReadySeconds")
        reason = f"it must be less than progressDeadlineSeconds, {deadline}"
        yield wrong(key, app.min_ready_seconds, reason, set_to(key, str(deadline - 1)))
    for pod in pod_rules.pods(app):
        startup = pod.probes.startup
        if not startup:
            continue
        longest = startup.initial_delay_seconds + startup.period_seconds * startup.failure_threshold
        if longest >= deadline:
            key = (*path, "progressDeadlineSeconds")
            reason = f"the startup probe may take {longest} s, and the rollout would have failed before"
            yield wrong(key, deadline, reason, set_to(key, str(longest + 60)))
            return
