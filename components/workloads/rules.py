"""Rules that tie several keys of a RollingApp, a StatefulApp or a DaemonApp together. Each yields what breaks it."""

from __future__ import annotations

from collections.abc import Iterator

from components.gates import rules as gate_rules
from components.pod_rules import pods
from components.problems import Path, Problem, remove, set_to, wrong
from components.schema import (
    AppKeys,
    Autoscaling,
    DaemonApp,
    Pod,
    RollingApp,
    Settings,
    StatefulApp,
    Strategy,
    UpdateStrategy,
    Workload,
)


def broken(path: Path, app: Workload, settings: Settings) -> Iterator[Problem]:
    """Yield every rule that the app at `path` breaks."""
    if not (app.tag or settings.tag):
        key = (*path, "tag")
        yield Problem(key, None, f"is missing; it says what {path[1]} runs", set_to(key, "<tag>"))
    match app:
        case RollingApp():
            yield from _rolling(path, app)
        case StatefulApp():
            yield from _canary(path, app)
            yield from _claims(path, app)
        case DaemonApp():
            yield from _nodes(path, app)


def autoscaled(path: Path, app: AppKeys, autoscaling: Autoscaling) -> Iterator[Problem]:
    """Yield what an autoscaler cannot work with."""
    replicas, most = getattr(app, "replicas", None), autoscaling.max_replicas
    if replicas is not None:
        key = (*path, "replicas")
        yield wrong(key, replicas, "autoscaling sizes this app; give one of the two", remove(key))
    if autoscaling.min_replicas > most:
        key = (*path, "autoscaling", "minReplicas")
        least = autoscaling.min_replicas
        yield wrong(key, least, f"it must be at most maxReplicas, {most}", set_to(key, str(most)))
    by_cpu = autoscaling.cpu_utilization or not autoscaling.metrics
    for pod in pods(app):
        if by_cpu and "cpu" not in {**pod.resources.limits, **pod.resources.requests}:
            key = (*path, "resources", "requests", "cpu")
            reason = "is missing; autoscaling by CPU is a percentage of it"
            yield Problem(key, None, reason, set_to(key, "<quantity>"))
            return


def _rolling(path: Path, app: RollingApp) -> Iterator[Problem]:
    if app.autoscaling:
        yield from autoscaled(path, app, app.autoscaling)
    if app.strategy is Strategy.RECREATE:
        yield from _only_rolling(path, app, "strategy")
    elif _is_none(app.max_surge) and _is_none(app.max_unavailable):
        key = (*path, "maxSurge")
        reason = "maxUnavailable is none as well, so that no pod could be replaced"
        yield wrong(key, app.max_surge, reason, set_to(key, "1"))


def _canary(path: Path, app: StatefulApp) -> Iterator[Problem]:
    key = (*path, "canaryReplicas")
    if app.canary_replicas and app.update_strategy is UpdateStrategy.ON_DELETE:
        reason = "updateStrategy is OnDelete: which pods are new is for those to say who delete them"
        yield wrong(key, app.canary_replicas, reason, set_to(key, "0"))
    elif app.canary_replicas >= app.replicas:
        most = app.replicas - 1
        reason = f"it must be below replicas, {app.replicas}, as one pod at least keeps the own tag; for all, set tag"
        yield wrong(key, app.canary_replicas, reason, set_to(key, str(most)))
    elif app.canary_replicas and not app.canary.model_fields_set:
        reason = "canary does not say what is different in these pods"
        yield wrong(key, app.canary_replicas, reason, set_to((*path, "canary", "tag"), "<tag>"))
    if app.gate:
        yield from gate_rules.canary_broken((*path, "gate"), app.gate)


def _claims(path: Path, app: StatefulApp) -> Iterator[Problem]:
    found = {problem.path: problem for pod in pods(app) for problem in _mounted(path, app, pod)}
    yield from found.values()


def _mounted(path: Path, app: StatefulApp, pod: Pod) -> Iterator[Problem]:
    mounts = {volume.mount_path: f"volume {name}" for name, volume in pod.volumes.items()}
    if pod.config and pod.config.mount_path:
        mounts[pod.config.mount_path] = "config"
    for name, claim in app.volume_claim_templates.items():
        key = (*path, "volumeClaimTemplates", name)
        if name in {*pod.volumes, "tmp", "config"}:
            yield Problem(key, None, "cannot be called so; a volume of the pod is", "rename it in Pulumi.<stack>.yaml")
        if claim.mount_path in mounts:
            mount = (*key, "mountPath")
            reason = f"{mounts[claim.mount_path]} is mounted there"
            yield wrong(mount, claim.mount_path, reason, set_to(mount, "</another/path>"))
        mounts[claim.mount_path] = f"volume claim {name}"


def _nodes(path: Path, app: DaemonApp) -> Iterator[Problem]:
    surges, lacks = not _is_none(app.max_surge), not _is_none(app.max_unavailable)
    if app.update_strategy is UpdateStrategy.ON_DELETE:
        yield from _only_rolling(path, app, "updateStrategy")
    elif surges and lacks:
        key = (*path, "maxUnavailable")
        reason = "maxSurge is set, and Kubernetes allows a DaemonSet one of the two"
        yield wrong(key, app.max_unavailable, reason, set_to(key, "0"))
    elif not (surges or lacks):
        key = (*path, "maxUnavailable")
        reason = "maxSurge is none as well, so that no pod could be replaced"
        yield wrong(key, app.max_unavailable, reason, set_to(key, "1"))


def _only_rolling(path: Path, app: Workload, strategy: str) -> Iterator[Problem]:
    """Refuse what bounds a rolling update where there is none."""
    said = {"maxSurge": "max_surge", "maxUnavailable": "max_unavailable"}
    for alias, name in said.items():
        if name in app.model_fields_set:
            key = (*path, alias)
            reason = f"{strategy} is not RollingUpdate, which it is for"
            yield wrong(key, getattr(app, name), reason, remove(key))


def _is_none(share: int | str) -> bool:
    return share in {0, "0%"}
