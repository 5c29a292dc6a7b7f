"""Deployments, StatefulSets and DaemonSets that replace their own pods, from values that are already decided."""

from __future__ import annotations

from collections.abc import Mapping

from components.objects import controller, inner_service
from components.plan import Manifest
from components.pod import CONTAINER
from components.schema import AppKeys, DaemonApp, RollingApp, StatefulApp, Strategy, UpdateStrategy


def deployment(
    meta: Manifest, app: RollingApp, selector: Mapping[str, str], template: Manifest, *, paused: bool
) -> Manifest:
    bounds = {"rollingUpdate": {"maxSurge": app.max_surge, "maxUnavailable": app.max_unavailable}}
    return controller(
        "Deployment",
        meta,
        app,
        selector=selector,
        template=template,
        progressDeadlineSeconds=app.progress_deadline_seconds,
        replicas=app.size,
        strategy={"type": str(app.strategy), **(bounds if app.strategy is Strategy.ROLLING_UPDATE else {})},
        paused=paused,
    )


def stateful_set(
    meta: Manifest,
    app: StatefulApp,
    *,
    selector: Mapping[str, str],
    template: Manifest,
    service: str,
    partition: int,
) -> Manifest:
    """A StatefulSet whose pods from the ordinal `partition` up are updated; `service` gives each pod its name."""
    retention = app.persistent_volume_claim_retention_policy
    claims = [
        {
            "metadata": {"name": name},
            "spec": {
                "accessModes": [str(mode) for mode in claim.access_modes],
                "resources": {"requests": {"storage": claim.size}},
                **({"storageClassName": claim.storage_class} if claim.storage_class else {}),
            },
        }
        for name, claim in sorted(app.volume_claim_templates.items())
    ]
    return controller(
        "StatefulSet",
        meta,
        app,
        selector=selector,
        template=template,
        replicas=app.replicas,
        serviceName=service,
        podManagementPolicy=str(app.pod_management_policy),
        updateStrategy=_update(app.update_strategy, {"partition": partition}),
        persistentVolumeClaimRetentionPolicy={
            "whenDeleted": str(retention.when_deleted),
            "whenScaled": str(retention.when_scaled),
        },
        volumeClaimTemplates=claims,
    )


def claims_patch(app: StatefulApp) -> Manifest:
    """What a StatefulApp's claims mean to its pod template."""
    if not app.volume_claim_templates:
        return {}
    mounts = [
        {"name": name, "mountPath": claim.mount_path} for name, claim in sorted(app.volume_claim_templates.items())
    ]
    # a large volume is not walked through at each start
    security = {"fsGroup": app.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    return {"spec": {"securityContext": security, "containers": [{"name": CONTAINER, "volumeMounts": mounts}]}}


def headless_service(meta: Manifest, app: AppKeys, selector: Mapping[str, str]) -> Manifest:
    """The Service that gives each pod a name of its own, also while it is not ready: members find each other by it."""
    service = inner_service(meta, app, selector)
    return {**service, "spec": {**service["spec"], "clusterIP": "None", "publishNotReadyAddresses": True}}


def daemon_set(meta: Manifest, app: DaemonApp, selector: Mapping[str, str], template: Manifest) -> Manifest:
    bounds: Manifest = {"maxSurge": app.max_surge, "maxUnavailable": app.max_unavailable}
    update = _update(app.update_strategy, bounds)
    return controller("DaemonSet", meta, app, selector=selector, template=template, updateStrategy=update)


def _update(strategy: UpdateStrategy, bounds: Manifest) -> Manifest:
    return {"type": str(strategy), **({"rollingUpdate": bounds} if strategy is UpdateStrategy.ROLLING_UPDATE else {})}
