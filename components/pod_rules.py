"""Rules that tie several keys of a pod together. Each yields what breaks it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.color import Color
from components.grammar import ENV_NAME, OWN_PREFIXES, quantity
from components.merge import MergeKeyMissingError
from components.plan import MANAGED_BY
from components.pod import ANY_COLOR, CONTAINER, template
from components.problems import Path, Problem, remove, set_to, written, wrong
from components.schema import App, AppKeys, Pod, PodSecurity, Probe, StatefulApp

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


def broken(name: str, app: AppKeys, security: PodSecurity) -> Iterator[Problem]:
    """Check the pods that the app's keys give, then those that keys of only some of its pods give on top."""
    path: Path = ("apps", name)
    of_all = [*_pod(path, app, security)]
    yield from of_all
    yield from _patched(path, name, app, app.pod_template)
    for part, own in _overlays(app).items():
        if own.model_fields_set:
            own_path, pod = (*path, *part), app.overlaid(own)
            for as_apps, as_own in zip(_pod(path, pod, security), _pod(own_path, pod, security), strict=True):
                if as_apps not in of_all:
                    yield as_own
            yield from _patched(own_path, name, pod, own.pod_template)


def pods(app: AppKeys) -> list[Pod]:
    """The pods that an app can have: of each color, or of a StatefulApp's canary and its others."""
    overlays: list[Pod] = [app.overlaid(own) for own in _overlays(app).values()]
    return overlays if isinstance(app, App) else [app, *overlays]


def _overlays(app: AppKeys) -> Mapping[Path, Pod]:
    """The keys that stand over the app's own for some of its pods, by where they stand."""
    match app:
        case App():
            return {("colors", str(color)): app.colors.of(color) for color in Color}
        case StatefulApp():
            return {("canary",): app.canary}
        case _:
            return {}


def _pod(path: Path, pod: Pod, security: PodSecurity) -> Iterator[Problem]:
    for kind in ("startup", "readiness", "liveness"):
        probe = getattr(pod.probes, kind)
        if probe:
            yield from _probe((*path, "probes", kind), probe)
    yield from _ending(path, pod)
    yield from _volumes(path, pod, security)
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
        yield wrong(key, probe.success_threshold, reason, set_to(key, "1"))


def _ending(path: Path, pod: Pod) -> Iterator[Problem]:
    sleep, grace = pod.pre_stop.sleep, pod.termination_grace_period_seconds
    yield from _one_of((*path, "preStop"), {"sleep": sleep, "path": pod.pre_stop.path, "exec": pod.pre_stop.exec})
    if sleep is not None and sleep >= grace:
        key = (*path, "terminationGracePeriodSeconds")
        reason = f"preStop sleeps for {sleep} s of it, so the app would be killed before it is asked to end"
        yield wrong(key, grace, reason, set_to(key, str(sleep + 25)))


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


def _volumes(path: Path, pod: Pod, security: PodSecurity) -> Iterator[Problem]:
    mounts = {volume.mount_path: name for name, volume in reversed(pod.volumes.items())}
    for name, volume in pod.volumes.items():
        key = (*path, "volumes", name)
        if mounts[volume.mount_path] != name:
            reason = f"volume {mounts[volume.mount_path]} is mounted there"
            mount = (*key, "mountPath")
            yield wrong(mount, volume.mount_path, reason, set_to(mount, "</another/path>"))
        if len(volume.source) != 1:
            fault = f"has {len(volume.source)} sources; a volume has one, such as {{emptyDir: {{}}}}"
            yield Problem((*key, "source"), volume.source, fault, remove((*key, "source")))
        for source in volume.source.keys() - RESTRICTED_VOLUMES:
            if security is PodSecurity.RESTRICTED:
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
        yield wrong(mount, config.mount_path, reason, set_to(mount, "</another/path>"))


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
            yield wrong(key, request, reason, set_to(key, limits[resource]))


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
                yield wrong(key, name, reason, set_to(key, "<another-name>"))
            names[name] = "another"


def _patched(path: Path, name: str, pod: Pod, patch: Mapping[str, Any]) -> Iterator[Problem]:
    """Check what a patch leaves of what a release stands on: the labels that select, and the app's image."""
    key, selector = (*path, "podTemplate"), {"app": name, "color": ANY_COLOR}
    try:
        before, after = (
            template(name, "tag", pod, selector=selector, labels=MANAGED_BY, patches=patches)
            for patches in ((), (patch,))
        )
    except MergeKeyMissingError as error:
        yield Problem(key, patch, f"cannot be merged; {error}", "give it in Pulumi.<stack>.yaml")
        return
    if _kept(after) != _kept(before):
        yield Problem(
            key,
            patch,
            "changes what a release stands on; the labels app and color and app.kubernetes.io/managed-by, and the "
            f"container named {CONTAINER} with its image, must stay (what a color runs is its tag in imageTag)",
            f"take it out of {written(key)} in Pulumi.<stack>.yaml",
        )


def _kept(template: Mapping[str, Any]) -> Any:
    labels = template.get("metadata", {}).get("labels", {})
    containers = template.get("spec", {}).get("containers", [])
    return (
        [labels.get(label) for label in ("app", "color", *MANAGED_BY)],
        [container.get("image") for container in containers if container.get("name") == CONTAINER],
    )
