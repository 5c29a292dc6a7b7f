"""The rules, as functions of manifests; the policy pack and `make lint-manifests` ask them.

A manifest is a Kubernetes object as the API writes it. A rule yields one text for each thing that breaks it. Nothing of
the project is imported here, as the pack is published by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Manifest: TypeAlias = Mapping[str, Any]

ObjectRule: TypeAlias = Callable[[Manifest], Iterator[str]]
"""What one object must keep to by itself."""

StackRule: TypeAlias = Callable[[Sequence[Manifest]], Iterator[tuple[Manifest, str]]]
"""What objects must keep to together; each text is about one of them."""

SERVING = ("Deployment", "StatefulSet", "DaemonSet")
"""Kinds whose pods serve until they are told to end."""

_TOLD_BY_TAG = re.compile(r"(^|[/-])(tag|version|revision)$|^pod-template-hash$|^controller-revision-hash$")
"""Labels that say which version a pod is of."""

# Kubernetes, "Pod Security Standards", level restricted.
_VOLUMES = frozenset(
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


def probes(manifest: Manifest) -> Iterator[str]:
    """Traffic goes to a pod because it is ready: each container of a pod that serves says how to tell.

    A liveness probe is the app's choice: one that asks too much restarts pods that only have much to do.
    """
    for container in _spec(manifest, SERVING).get("containers", []):
        if not container.get("readinessProbe"):
            yield f"container {container['name']} has no readinessProbe; traffic would reach it before it can answer"


def resources(manifest: Manifest) -> Iterator[str]:
    """A second color starts beside the first: the scheduler must know whether there is room, and the node what to end.

    A limit of CPU is not asked for: it slows a pod down that has just started, which is when it must become ready.
    """
    pod = _spec(manifest, SERVING)
    for container in [*pod.get("containers", []), *_sidecars(pod)]:
        said = container.get("resources") or {}
        for kind, resource in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
            if resource not in (said.get(kind) or {}):
                yield f"container {container['name']} has no resources.{kind}.{resource}"


def fixed_images(manifest: Manifest) -> Iterator[str]:
    """An image is named by a tag that stays what it is: `latest` is another version tomorrow, and no way back."""
    pod = _spec(manifest)
    for container in _containers(pod):
        image = container["image"]
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@" not in image and tag in {"", "latest"}:
            yield f"container {container['name']} runs {image}, which is whatever is newest; name a version"


def stable_selectors(manifest: Manifest) -> Iterator[str]:
    """A selector never names a version: it cannot be changed, and to replace its owner is to end all of its pods."""
    tags = {container["image"].rpartition("/")[2].partition(":")[2] for container in _containers(_spec(manifest))}
    for key, value in _selector(manifest).items():
        if _TOLD_BY_TAG.search(key) or (value and value in tags):
            yield f"its selector has {key}={value}, which changes with the version"


def restricted(manifest: Manifest) -> Iterator[str]:
    """Pods pass the Pod Security level restricted."""
    pod = _spec(manifest)
    shared = pod.get("securityContext") or {}
    yield from (f"its pods use {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key))
    for volume in pod.get("volumes") or []:
        yield from (f"volume {volume['name']} is of type {kind}" for kind in volume if kind not in {"name", *_VOLUMES})
    for container in _containers(pod):
        name, own = container["name"], container.get("securityContext") or {}
        both = {**shared, **own}
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            yield f"container {name} may run as root; set runAsNonRoot"
        if (both.get("seccompProfile") or {}).get("type") not in {"RuntimeDefault", "Localhost"}:
            yield f"container {name} has no seccompProfile of type RuntimeDefault or Localhost"
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield f"container {name} may gain privileges; set allowPrivilegeEscalation to false"
        capabilities = own.get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or []) or {*(capabilities.get("add") or [])} - {"NET_BIND_SERVICE"}:
            yield f"container {name} has capabilities; drop ALL, and add none but NET_BIND_SERVICE"
        for port in container.get("ports") or []:
            if port.get("hostPort"):
                yield f"container {name} takes port {port['hostPort']:g} of its node"


def live_traffic(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, str]]:
    """What carries live traffic never leads to a color without pods: the live Service, and each share of a route."""
    services = {_place(each): each for each in manifests if each["kind"] == "Service"}
    for carrier in manifests:
        for name in _leads_to(carrier, manifests):
            service = services.get((_place(carrier)[0], name))
            if service and _selector(service) and not any(_serves(each, service) for each in manifests):
                chosen = ",".join(f"{key}={value}" for key, value in sorted(_selector(service).items()))
                yield carrier, f"it leads to {chosen}, of which there is no pod; users would get errors"


def disruption_budgets(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, str]]:
    """A node that is emptied takes a color's pods one by one.

    Pods beside a canary, for metrics to compare it with, need none: they may go, and their share with them. The pods of
    a DaemonSet stay with their node.
    """
    budgets = [each for each in manifests if each["kind"] == "PodDisruptionBudget"]
    for owner in manifests:
        labels = _pod_labels(owner)
        if owner["kind"] not in {"Deployment", "StatefulSet"} or labels.get("color") == "baseline":
            continue
        if not any(_selects(budget, owner) for budget in budgets):
            yield owner, "no PodDisruptionBudget selects its pods; all could be evicted at once"


OBJECT_RULES: Mapping[str, ObjectRule] = {
    "probes": probes,
    "resources": resources,
    "fixed-images": fixed_images,
    "stable-selectors": stable_selectors,
    "restricted": restricted,
}
STACK_RULES: Mapping[str, StackRule] = {"live-traffic": live_traffic, "disruption-budgets": disruption_budgets}


def _spec(manifest: Manifest, kinds: Sequence[str] = (*SERVING, "ReplicaSet", "Job", "CronJob", "Pod")) -> Manifest:
    """The spec of an object's pods; empty if it is of no such kind."""
    if manifest["kind"] not in kinds:
        return {}
    spec: Manifest = manifest.get("spec") or {}
    if manifest["kind"] == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    if manifest["kind"] != "Pod":
        spec = (spec.get("template") or {}).get("spec") or {}
    return spec


def _containers(pod: Manifest) -> list[Manifest]:
    return [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]


def _sidecars(pod: Manifest) -> list[Manifest]:
    return [each for each in pod.get("initContainers") or [] if each.get("restartPolicy") == "Always"]


def _selector(manifest: Manifest) -> Mapping[str, str]:
    selector: Mapping[str, Any] = (manifest.get("spec") or {}).get("selector") or {}
    labels: Mapping[str, str] = selector if manifest["kind"] == "Service" else selector.get("matchLabels") or {}
    return labels


def _pod_labels(manifest: Manifest) -> Mapping[str, str]:
    template: Mapping[str, Any] = (manifest.get("spec") or {}).get("template") or {}
    labels: Mapping[str, str] = (template.get("metadata") or {}).get("labels") or {}
    return labels


def _place(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest.get("metadata") or {}
    return metadata.get("namespace", ""), metadata.get("name", "")


def _selects(chooser: Manifest, owner: Manifest) -> bool:
    """Whether a Service or a budget selects an object's pods."""
    same_namespace = _place(chooser)[0] == _place(owner)[0]
    return same_namespace and _selector(chooser).items() <= _pod_labels(owner).items()


def _serves(owner: Manifest, service: Manifest) -> bool:
    """Whether an object has pods that a Service leads to."""
    return owner["kind"] in SERVING and owner["spec"].get("replicas", 1) > 0 and _selects(service, owner)


def _leads_to(carrier: Manifest, manifests: Sequence[Manifest]) -> Iterator[str]:
    """Names of the Services that live traffic reaches through an object."""
    spec = carrier.get("spec") or {}
    match carrier["kind"]:
        case "Service":
            # the live Service bears its app's name
            name, labels = _place(carrier)[1], carrier["metadata"].get("labels") or {}
            if name == labels.get("app") and labels.get("app.kubernetes.io/managed-by") == "cutover":
                yield name
        case "HTTPRoute":
            backends = (each for rule in spec.get("rules") or [] for each in rule.get("backendRefs") or [])
            yield from (each["name"] for each in backends if each.get("weight", 1) > 0)
        case "VirtualService":
            ways = (each for rule in spec.get("http") or [] for each in rule.get("route") or [])
            yield from (each["destination"]["host"].partition(".")[0] for each in ways if each.get("weight", 100) > 0)
        case "Ingress" if _has_share(carrier, manifests):
            paths = (path for rule in spec.get("rules") or [] for path in (rule.get("http") or {}).get("paths") or [])
            yield from (path["backend"]["service"]["name"] for path in paths)


def _has_share(ingress: Manifest, manifests: Sequence[Manifest]) -> bool:
    """Whether ingress-nginx sends traffic through an Ingress: a canary takes its weight, its main one the rest."""
    weight = _canary_weight(ingress)
    if weight is not None:
        return weight > 0
    hosts = _hosts(ingress)
    return all(_canary_weight(each) != 100 for each in manifests if each["kind"] == "Ingress" and _hosts(each) == hosts)


def _canary_weight(ingress: Manifest) -> int | None:
    annotations = ingress["metadata"].get("annotations") or {}
    prefix = "nginx.ingress.kubernetes.io/canary"
    return int(annotations.get(f"{prefix}-weight", 0)) if annotations.get(prefix) == "true" else None


def _hosts(ingress: Manifest) -> list[str]:
    return [rule.get("host", "") for rule in ingress["spec"].get("rules") or []]
