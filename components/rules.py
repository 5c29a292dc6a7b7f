"""Rules that tie several keys together. Each yields what breaks it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from components.color import Color
from components.grammar import ENV_NAME, quantity
from components.merge import MergeKeyMissingError
from components.plan import Component
from components.pod import ANY_COLOR, CONTAINER, template
from components.problems import Path, Problem, found, remove, set_to, written
from components.schema import App, Pod, PodSecurity, Probe, Settings

# Volumes that the level restricted allows (Kubernetes, "Pod Security Standards", Volume Types).
RESTRICTED_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
OWN_LABELS = frozenset(
    {
        "app",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/name",
        "app.kubernetes.io/version",
        "color",
        "pod-template-hash",
    }
)
MOST_CONFIG_BYTES = 1_048_576
OWN_PREFIXES = ("cutover/", "pulumi.com/")


def broken(settings: Settings, *, unread: bool = False) -> Iterator[Problem]:
    """Yield every rule that `settings` breaks; with apps `unread`, no rule that they may satisfy."""
    yield from _namespace(settings)
    yield from _node_ports(settings)
    if settings.canary_weight:
        yield _weight(("canaryWeight",), settings.canary_weight)
    if not unread:
        yield from _apps(settings)
    for name, app in settings.apps.items():
        path = ("apps", name)
        yield from _tags(app, settings)
        yield from _own_position(path, app)
        yield from _sizes(path, app, settings)
        yield from _expose(path, app)
        yield from _deadlines(path, app)
        yield from _pods(name, app, settings)


def names_clash(apps: Any) -> Iterator[Problem]:
    """Yield the apps whose names other apps make for their own objects; `apps` is as it was written."""
    if not isinstance(apps, Mapping):
        return
    for name in apps:
        for suffix in ("blue", "green", "preview"):
            if f"{name}-{suffix}" in apps:
                path = ("apps", f"{name}-{suffix}")
                yield Problem(
                    path,
                    path[1],
                    f"cannot be called so; app {name} names objects of its own {name}-blue, {name}-green and "
                    f"{name}-preview",
                    "rename one of the two in Pulumi.<stack>.yaml",
                )


def _namespace(settings: Settings) -> Iterator[Problem]:
    name = settings.namespace
    if settings.create_namespace and (name == "default" or name.startswith("kube-")):
        yield Problem(
            ("namespace",),
            name,
            found(name, "every cluster has that one, so it cannot be made"),
            set_to(("createNamespace",), "false"),
        )


def _node_ports(settings: Settings) -> Iterator[Problem]:
    ports = {name: app.expose.node_port for name, app in settings.apps.items() if app.expose.node_port}
    for first, second in combinations(ports, 2):
        if ports[first] == ports[second]:
            path = ("apps", second, "expose", "nodePort")
            yield Problem(
                path, ports[second], found(ports[second], f"app {first} has it"), set_to(path, "<another port>")
            )


def _apps(settings: Settings) -> Iterator[Problem]:
    components = {app.component for app in settings.apps.values()}
    if not components:
        yield Problem(
            ("apps",), None, "is empty; there is nothing to release", "describe an app in Pulumi.<stack>.yaml"
        )
        return
    if settings.canary_replicas and Component.CANARY not in components:
        path, reason = ("canaryReplicas",), "no app is a CanaryApp, so none can have a canary"
        yield Problem(path, settings.canary_replicas, found(settings.canary_replicas, reason), set_to(path, "0"))
    if settings.idle_replicas is not None and Component.BLUE_GREEN not in components:
        path = ("idleReplicas",)
        yield Problem(path, settings.idle_replicas, found(settings.idle_replicas, _NO_IDLE), remove(path))


_NO_IDLE = (
    "it is the size of an idle color of a BlueGreenApp; every pod of a CanaryApp takes live traffic, so its other "
    "color has canaryReplicas pods and no idle ones"
)


def _weight(path: Path, weight: int) -> Problem:
    reason = "it needs a router that splits by weight, and this version has none; without one it must be 0"
    return Problem(path, weight, found(weight, reason), set_to(path, "0"))


def _tags(app: App, settings: Settings) -> Iterator[Problem]:
    if not (app.image_tag or settings.image_tag):
        command = " && ".join(set_to(("imageTag", color), "<tag>") for color in Color)
        yield Problem(("imageTag",), None, "is missing; it says which tag each color runs", command)


def _own_position(path: Path, app: App) -> Iterator[Problem]:
    if app.canary_weight:
        yield _weight((*path, "canaryWeight"), app.canary_weight)
    if app.canary_replicas and app.component is not Component.CANARY:
        key = (*path, "canaryReplicas")
        reason = f"{path[1]} is a {app.component}, and only a CanaryApp has a canary"
        yield Problem(key, app.canary_replicas, found(app.canary_replicas, reason), remove(key))
    if app.idle_replicas is not None and app.component is not Component.BLUE_GREEN:
        key = (*path, "idleReplicas")
        yield Problem(key, app.idle_replicas, found(app.idle_replicas, _NO_IDLE), remove(key))


def _sizes(path: Path, app: App, settings: Settings) -> Iterator[Problem]:
    if app.replicas == 0:
        key = (*path, "replicas")
        yield Problem(key, 0, found(0, "the live color needs 1 or more, or nothing would answer"), set_to(key, "1"))
    if not app.autoscaling:
        return
    most = app.autoscaling.max_replicas
    if app.replicas is not None:
        key = (*path, "replicas")
        yield Problem(
            key, app.replicas, found(app.replicas, "autoscaling sizes this app; give one of the two"), remove(key)
        )
    if app.autoscaling.min_replicas > most:
        key = (*path, "autoscaling", "minReplicas")
        least = app.autoscaling.min_replicas
        yield Problem(key, least, found(least, f"it must be at most maxReplicas, {most}"), set_to(key, str(most)))
    name = "canaryReplicas" if app.component is Component.CANARY else "idleReplicas"
    own = app.canary_replicas if app.component is Component.CANARY else app.idle_replicas
    stack = settings.canary_replicas if app.component is Component.CANARY else settings.idle_replicas
    size = stack if own is None else own
    if size is not None and size > most:
        key = (name,) if own is None else (*path, name)
        reason = f"autoscaling of {path[1]} goes to maxReplicas, {most}"
        yield Problem(key, size, found(size, reason), set_to(key, str(most)))
    by_cpu = app.autoscaling.cpu_utilization or not app.autoscaling.metrics
    for color in Color:
        resources = app.pod(color).resources
        if by_cpu and "cpu" not in {**resources.limits, **resources.requests}:
            key = (*path, "resources", "requests", "cpu")
            reason = "is missing; autoscaling by CPU is a percentage of it"
            yield Problem(key, None, reason, set_to(key, "<quantity>"))
            return


def _expose(path: Path, app: App) -> Iterator[Problem]:
    expose, key = app.expose, (*path, "expose", "nodePort")
    if expose.type == "NodePort" and expose.node_port is None:
        reason = "is missing; a NodePort is fixed here, so that a cluster rebuilt has the same"
        yield Problem(key, None, reason, set_to(key, "<port>"))
    if expose.type == "ClusterIP" and expose.node_port is not None:
        reason = "the app is exposed as ClusterIP, which has none"
        yield Problem(
            key, expose.node_port, found(expose.node_port, reason), set_to((*path, "expose", "type"), "NodePort")
        )
    for name in expose.annotations:
        if name.startswith(OWN_PREFIXES):
            key = (*path, "expose", "annotations", name)
            yield Problem(key, expose.annotations[name], "is an annotation that Cutover writes itself", remove(key))


def _deadlines(path: Path, app: App) -> Iterator[Problem]:
    deadline = app.progress_deadline_seconds
    if app.min_ready_seconds >= deadline:
        key = (*path, "minReadySeconds")
        reason = f"it must be less than progressDeadlineSeconds, {deadline}"
        yield Problem(key, app.min_ready_seconds, found(app.min_ready_seconds, reason), set_to(key, str(deadline - 1)))
    for color in Color:
        startup = app.pod(color).probes.startup
        if not startup:
            continue
        longest = startup.initial_delay_seconds + startup.period_seconds * startup.failure_threshold
        if longest >= deadline:
            key = (*path, "progressDeadlineSeconds")
            reason = f"the startup probe may take {longest} s, and the rollout would have failed before"
            yield Problem(key, deadline, found(deadline, reason), set_to(key, str(longest + 60)))
            return


def _pods(name: str, app: App, settings: Settings) -> Iterator[Problem]:
    """Check the pods that the app's keys give, then those that a color's own keys give on top."""
    path: Path = ("apps", name)
    of_both = [*_pod(path, app, settings)]
    yield from of_both
    yield from _patched(path, name, app, app.pod_template)
    for color in Color:
        own = app.colors.of(color)
        if own.model_fields_set:
            own_path, pod = (*path, "colors", str(color)), app.pod(color)
            for as_apps, as_colors in zip(_pod(path, pod, settings), _pod(own_path, pod, settings), strict=True):
                if as_apps not in of_both:
                    yield as_colors
            yield from _patched(own_path, name, pod, own.pod_template)


def _pod(path: Path, pod: Pod, settings: Settings) -> Iterator[Problem]:
    for kind in ("startup", "readiness", "liveness"):
        probe = getattr(pod.probes, kind)
        if probe:
            yield from _probe((*path, "probes", kind), probe)
    yield from _ending(path, pod)
    yield from _volumes(path, pod, settings)
    yield from _config(path, pod)
    yield from _resources(path, pod)
    yield from _labels(path, pod)
    yield from _containers(path, pod)


def _probe(path: Path, probe: Probe) -> Iterator[Problem]:
    ways = {"path": probe.path, "tcp": probe.tcp or None, "grpc": probe.grpc, "exec": probe.exec}
    yield from _one_of(path, ways)
    if path[-1] != "readiness" and probe.success_threshold != 1:
        key = (*path, "successThreshold")
        reason = f"Kubernetes allows only 1 for a {path[-1]} probe"
        yield Problem(key, probe.success_threshold, found(probe.success_threshold, reason), set_to(key, "1"))


def _ending(path: Path, pod: Pod) -> Iterator[Problem]:
    sleep, grace = pod.pre_stop.sleep, pod.termination_grace_period_seconds
    yield from _one_of((*path, "preStop"), {"sleep": sleep, "path": pod.pre_stop.path, "exec": pod.pre_stop.exec})
    if sleep is not None and sleep >= grace:
        key = (*path, "terminationGracePeriodSeconds")
        reason = f"preStop sleeps for {sleep} s of it, so the app would be killed before it is asked to end"
        yield Problem(key, grace, found(grace, reason), set_to(key, str(sleep + 25)))


def _one_of(path: Path, ways: Mapping[str, Any]) -> Iterator[Problem]:
    given = [way for way, value in ways.items() if value is not None]
    if len(given) == 1:
        return
    *others, last = ways
    rule = f"exactly one of {', '.join(others)} and {last} says what is done"
    if given:
        yield Problem(path, given, f"has {' and '.join(given)}; {rule}", remove((*path, given[-1])))
    else:
        yield Problem(path, None, f"does not say what is done; {rule}", set_to((*path, last), "<value>"))


def _volumes(path: Path, pod: Pod, settings: Settings) -> Iterator[Problem]:
    mounts = {volume.mount_path: name for name, volume in reversed(pod.volumes.items())}
    for name, volume in pod.volumes.items():
        key = (*path, "volumes", name)
        if mounts[volume.mount_path] != name:
            reason = f"volume {mounts[volume.mount_path]} is mounted there"
            mount = (*key, "mountPath")
            yield Problem(mount, volume.mount_path, found(volume.mount_path, reason), set_to(mount, "</another/path>"))
        if len(volume.source) != 1:
            fault = f"has {len(volume.source)} sources; a volume has one, such as {{emptyDir: {{}}}}"
            yield Problem((*key, "source"), volume.source, fault, remove((*key, "source")))
        for source in volume.source.keys() - RESTRICTED_VOLUMES:
            if settings.pod_security is PodSecurity.RESTRICTED:
                reason = f"the Pod Security level restricted allows {', '.join(sorted(RESTRICTED_VOLUMES))}"
                yield Problem(
                    (*key, "source", source), source, f"cannot be; {reason}", remove((*key, "source", source))
                )
    config = pod.config
    if config and config.mount_path and "config" in pod.volumes:
        key = (*path, "volumes", "config")
        yield Problem(key, None, "cannot be called so; the app's own config is that volume", remove(key))
    if config and config.mount_path in mounts:
        mount = (*path, "config", "mountPath")
        reason = f"volume {mounts[config.mount_path]} is mounted there"
        yield Problem(mount, config.mount_path, found(config.mount_path, reason), set_to(mount, "</another/path>"))


def _config(path: Path, pod: Pod) -> Iterator[Problem]:
    if not pod.config:
        return
    size = sum(len(key.encode()) + len(text.encode()) for key, text in pod.config.data.items())
    if size > MOST_CONFIG_BYTES:
        key = (*path, "config", "data")
        fault = f"has {size:,} bytes; a ConfigMap holds {MOST_CONFIG_BYTES:,}"
        yield Problem(key, None, fault, "put large files into the image or a volume")
    for name in pod.config.data:
        if not pod.config.mount_path and not re.fullmatch(ENV_NAME, name):
            key = (*path, "config", "data", name)
            reason = "cannot be the name of a variable, and without config.mountPath the data are variables"
            yield Problem(key, None, reason, set_to((*path, "config", "mountPath"), "</path>"))


def _resources(path: Path, pod: Pod) -> Iterator[Problem]:
    limits = pod.resources.limits
    for resource, request in pod.resources.requests.items():
        if resource in limits and quantity(request) > quantity(limits[resource]):
            key = (*path, "resources", "requests", resource)
            reason = f"it must be at most the limit, {limits[resource]}"
            yield Problem(key, request, found(request, reason), set_to(key, limits[resource]))


def _labels(path: Path, pod: Pod) -> Iterator[Problem]:
    for label, value in pod.pod_labels.items():
        if label in OWN_LABELS or label.startswith(OWN_PREFIXES):
            key = (*path, "podLabels", label)
            yield Problem(key, value, "is a label that Cutover or Kubernetes sets itself", remove(key))
    for annotation, value in pod.pod_annotations.items():
        if annotation.startswith(OWN_PREFIXES):
            key = (*path, "podAnnotations", annotation)
            yield Problem(key, value, "is an annotation that Cutover or Pulumi sets itself", remove(key))


def _containers(path: Path, pod: Pod) -> Iterator[Problem]:
    names = {CONTAINER: "the app's own"}
    for kind, containers in (("initContainers", pod.init_containers), ("sidecars", pod.sidecars)):
        for index, container in enumerate(containers):
            key, name = (*path, kind, index, "name"), container["name"]
            if name in names:
                reason = f"{names[name]} container has that name"
                yield Problem(key, name, found(name, reason), set_to(key, "<another-name>"))
            names[name] = "another"


def _patched(path: Path, name: str, pod: Pod, patch: Mapping[str, Any]) -> Iterator[Problem]:
    """Check what a patch leaves of what a release stands on: the labels that select, and the app's image."""
    key = (*path, "podTemplate")
    try:
        before, after = (
            template(name, ANY_COLOR, "tag", pod, labels={}, patches=patches) for patches in ((), (patch,))
        )
    except MergeKeyMissingError as error:
        yield Problem(key, patch, f"cannot be merged; {error}", "give it in Pulumi.<stack>.yaml")
        return
    if _kept(after) != _kept(before):
        yield Problem(
            key,
            patch,
            f"changes what a release stands on; the labels app and color, and the container named {CONTAINER} with its "
            "image, must stay (what a color runs is its tag in imageTag)",
            f"take it out of {written(key)} in Pulumi.<stack>.yaml",
        )


def _kept(template: Mapping[str, Any]) -> Any:
    labels = template.get("metadata", {}).get("labels", {})
    containers = template.get("spec", {}).get("containers", [])
    return (
        labels.get("app"),
        labels.get("color"),
        [container.get("image") for container in containers if container.get("name") == CONTAINER],
    )
