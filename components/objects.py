"""Kubernetes objects of an app, from values that are already decided; planner.py decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.plan import Manifest
from components.schema import App, AppKeys, Autoscaling, Config, PodSecurity, ServiceType

# Read by Pulumi's Kubernetes provider (pulumi.com: "Kubernetes provider: annotations").
_SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
_PATCH_FORCE = {"pulumi.com/patchForce": "true"}
# One manager for all: an `up` that takes over what a killed one made must not find itself in conflict with it.
_FIELD_MANAGER = {"pulumi.com/patchFieldManager": "pulumi-cutover"}
_DELETE_IN_BACKGROUND = {"pulumi.com/deletionPropagationPolicy": "background"}


def metadata(
    name: str, namespace: str, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> Manifest:
    """Metadata with an explicit namespace, so that no default of a kubeconfig decides where an object goes."""
    told = {**(annotations or {}), **_FIELD_MANAGER}
    return {"name": name, "namespace": namespace, "labels": dict(labels), "annotations": told}


def namespace(name: str, labels: Mapping[str, str], security: PodSecurity) -> Manifest:
    """A namespace that admits only pods of a Pod Security level."""
    enforce = {"pod-security.kubernetes.io/enforce": str(security)}
    meta = {"name": name, "labels": {**labels, **enforce}, "annotations": dict(_FIELD_MANAGER)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}


def deployment(meta: Manifest, app: App, selector: Mapping[str, str], template: Manifest, replicas: int) -> Manifest:
    """A color's Deployment. A rollout never takes a pod away before its successor is ready."""
    return controller(
        "Deployment",
        meta,
        app,
        selector=selector,
        template=template,
        progressDeadlineSeconds=app.progress_deadline_seconds,
        replicas=replicas,
        strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
    )


def controller(
    kind: str, meta: Manifest, app: AppKeys, *, selector: Mapping[str, str], template: Manifest, **own: Any
) -> Manifest:
    """What keeps pods of a template, by its kind; `own` are fields that only this kind's spec has."""
    annotations = {**meta["annotations"], **_PATCH_FORCE, **_SKIP_AWAIT, **_DELETE_IN_BACKGROUND}
    spec = {
        "minReadySeconds": app.min_ready_seconds,
        "revisionHistoryLimit": app.revision_history_limit,
        "selector": {"matchLabels": dict(selector)},
        "template": template,
        **own,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {**meta, "annotations": annotations},
        "spec": dict(sorted(spec.items())),
    }


def inner_service(meta: Manifest, app: AppKeys, selector: Mapping[str, str], *, forced: bool = False) -> Manifest:
    """A Service inside the cluster: a color's own one, or with `forced` the preview one, whose selector moves."""
    annotations = {**meta["annotations"], **_SKIP_AWAIT, **(_PATCH_FORCE if forced else {})}
    return _service({**meta, "annotations": annotations}, app, selector, ServiceType.CLUSTER_IP, {"name": "app"})


def live_service(meta: Manifest, app: AppKeys, selector: Mapping[str, str]) -> Manifest:
    """The Service that carries live traffic, exposed as the app says."""
    annotations = {**app.expose.annotations, **meta["annotations"], **_SKIP_AWAIT, **_PATCH_FORCE}
    port: Manifest = {"name": app.expose.port_name} if app.expose.port_name else {}
    if app.expose.node_port:
        port["nodePort"] = app.expose.node_port
    return _service({**meta, "annotations": annotations}, app, selector, app.expose.type, port)


def route_metadata(meta: Manifest) -> Manifest:
    """Metadata of what a router reads; the release itself sees whether it is in effect."""
    return {**meta, "annotations": {**meta["annotations"], **_SKIP_AWAIT, **_PATCH_FORCE}}


def _service(meta: Manifest, app: AppKeys, selector: Mapping[str, str], kind: ServiceType, named: Manifest) -> Manifest:
    port: Manifest = {**named, "port": app.expose.port, "protocol": "TCP", "targetPort": "app"}
    if app.expose.app_protocol:
        port["appProtocol"] = app.expose.app_protocol
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"type": str(kind), "selector": dict(selector), "ports": [port]},
    }


def disruption_budget(meta: Manifest, selector: Mapping[str, str]) -> Manifest:
    """Evictions take one pod of a color at a time, and an unhealthy one always, so that a drain never hangs."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta,
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": dict(selector)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def autoscaler(meta: Manifest, aims: Autoscaling, *, deployment: str, least: int, may_shrink: bool) -> Manifest:
    """A Deployment's autoscaler, from `least` pods up; one that may not shrink keeps what the release gave it."""
    metrics = list(aims.metrics)
    if aims.cpu_utilization or not metrics:
        target = {"type": "Utilization", "averageUtilization": aims.cpu_utilization or 80}
        metrics.insert(0, {"type": "Resource", "resource": {"name": "cpu", "target": target}})
    behavior = dict(aims.behavior)
    if not may_shrink:
        behavior["scaleDown"] = {**behavior.get("scaleDown", {}), "selectPolicy": "Disabled"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
            "minReplicas": least,
            "maxReplicas": aims.max_replicas,
            "metrics": metrics,
            **({"behavior": behavior} if behavior else {}),
        },
    }


def config_map(meta: Manifest, config: Config) -> Manifest:
    """Configuration data that never change under this name."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": dict(config.data), "immutable": True}


def job(
    meta: Manifest,
    template: Manifest,
    *,
    seconds: int,
    retries: int = 0,
    keep_seconds: int | None = None,
) -> Manifest:
    """A Job that has `seconds` to end; with `keep_seconds` the cluster removes it so long after its end."""
    spec: Manifest = {
        "activeDeadlineSeconds": seconds,
        "backoffLimit": retries,
        "template": {**template, "spec": {**template["spec"], "restartPolicy": "Never"}},
    }
    if keep_seconds is not None:
        spec["ttlSecondsAfterFinished"] = keep_seconds
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**meta, "annotations": {**meta.get("annotations", {}), **_SKIP_AWAIT, **_DELETE_IN_BACKGROUND}},
        "spec": spec,
    }
