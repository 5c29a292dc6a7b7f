"""Pod templates: what the configuration says of pods, in Kubernetes' words.

The defaults pass the Pod Security level *restricted* (Kubernetes, "Pod Security Standards").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from json import dumps
from typing import Any

from components.gates.settings import Migration
from components.merge import merged
from components.schema import Config, Handler, Pod, PreStop, Probe, Volume

CONTAINER = "app"
"""The name of the app's container, in every pod."""

ANY_COLOR = "*"
"""Stands for the color's name where it does not matter; no color or label can be called so."""

PORT, PROBE_PORT = "app", "probe"
"""The names of the container's ports."""

_TMP = Volume.model_validate({"mountPath": "/tmp"})  # noqa: S108  # a path in the pod, not here
_SECURITY: Mapping[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def digest(value: Any) -> str:
    """Name JSON content: ten hexadecimal digits that do not depend on the order of keys."""
    return sha256(dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:10]


def config_map_name(owner: str, config: Config) -> str:
    return f"{owner}-{digest(config.data)}"


def template(
    owner: str,
    tag: str,
    pod: Pod,
    *,
    selector: Mapping[str, str],
    labels: Mapping[str, str],
    patches: Iterable[Mapping[str, Any]],
    spread_by: str = "pod-template-hash",
) -> dict[str, Any]:
    """Build a pod template.

    Args:
        owner: the object whose pods they are, after which the ConfigMap is named.
        tag: the image's tag.
        pod: what the configuration says of these pods.
        selector: the labels that select the pods, and never change.
        labels: labels of the pods beside those.
        patches: strategic merge patches, applied last, in this order.
        spread_by: the label by which the owner's controller tells templates apart.

    Raises:
        MergeKeyMissingError: a patch cannot be merged.
    """
    volumes = volumes_of(owner, pod)
    result = _said(
        metadata=_said(labels={**labels, **pod.pod_labels, **selector}, annotations=pod.pod_annotations),
        spec=_said(
            automountServiceAccountToken=pod.service_account is not None,
            containers=[_container(owner, tag, pod, volumes)],
            enableServiceLinks=False,
            imagePullSecrets=[{"name": name} for name in pod.image_pull_secrets],
            initContainers=[*map(_secured, pod.init_containers), *map(_sidecar, pod.sidecars)],
            nodeSelector=pod.node_selector,
            securityContext=_pod_security(pod.run_as_user),
            serviceAccountName=pod.service_account,
            terminationGracePeriodSeconds=pod.termination_grace_period_seconds,
            tolerations=pod.tolerations,
            topologySpreadConstraints=[_spread(constraint, selector, spread_by) for constraint in pod.topology_spread],
            volumes=[{"name": name, **volume.source} for name, volume in volumes.items()],
        ),
    )
    for patch in patches:
        result = merged(result, patch)
    return result


def job_template(
    container: Mapping[str, Any],
    *,
    env: Mapping[str, Any],
    env_from: Sequence[Any],
    account: str | None,
    user: int | None = None,
) -> dict[str, Any]:
    """Build the pod template of a Job with one container, as secure as an app's."""
    variables = [_variable(name, value) for name, value in env.items()]
    container = _said(**container, env=variables, envFrom=list(env_from))
    return {
        "spec": _said(
            automountServiceAccountToken=account is not None,
            containers=[_secured(container)],
            enableServiceLinks=False,
            securityContext=_pod_security(user),
            serviceAccountName=account,
            terminationGracePeriodSeconds=1,
        )
    }


def migration_template(template: Mapping[str, Any], migration: Migration) -> dict[str, Any]:
    """Build the pod template of a migration from a color's: its pods without traffic; sidecars end when it does."""
    spec = template["spec"]
    (app,) = (container for container in spec["containers"] if container["name"] == CONTAINER)
    serving = {"command", "args", "ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle"}
    own = {key: value for key, value in app.items() if key not in serving}
    container = _said(**own, command=migration.command, args=migration.args)
    rest = {key: value for key, value in spec.items() if key != "topologySpreadConstraints"}
    return {"spec": {**rest, "containers": [container]}}


def volumes_of(owner: str, pod: Pod) -> dict[str, Volume]:
    """Return all volumes of pods by name: the configured ones, `tmp`, and `config` if that is mounted."""
    volumes = dict(sorted(pod.volumes.items()))
    if "tmp" not in volumes and all(volume.mount_path != _TMP.mount_path for volume in volumes.values()):
        volumes["tmp"] = _TMP
    if pod.config and pod.config.mount_path:
        source = {"configMap": {"name": config_map_name(owner, pod.config)}}
        volumes["config"] = Volume.model_validate(
            {"mountPath": pod.config.mount_path, "readOnly": True, "source": source}
        )
    return volumes


def _pod_security(user: int | None) -> dict[str, Any]:
    return _said(runAsNonRoot=True, runAsUser=user, seccompProfile={"type": "RuntimeDefault"})


def _container(owner: str, tag: str, pod: Pod, volumes: Mapping[str, Volume]) -> dict[str, Any]:
    ports = {PORT: pod.port} if pod.probe_port in {None, pod.port} else {PORT: pod.port, PROBE_PORT: pod.probe_port}
    probe_port = PROBE_PORT if PROBE_PORT in ports else PORT
    env_from = list(pod.env_from)
    if pod.config and not pod.config.mount_path:
        env_from.append({"configMapRef": {"name": config_map_name(owner, pod.config)}})
    return _said(
        name=CONTAINER,
        image=f"{pod.image}:{tag}",
        imagePullPolicy=str(pod.image_pull_policy),
        command=pod.command,
        args=pod.args,
        ports=[{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()],
        env=[
            _variable(name, pod.env[name]) for name in sorted(pod.env, key=lambda name: _reading_order(pod.env, name))
        ],
        envFrom=env_from,
        startupProbe=pod.probes.startup and _probe(pod.probes.startup, pod, probe_port),
        readinessProbe=_probe(pod.probes.readiness, pod, probe_port),
        livenessProbe=pod.probes.liveness and _probe(pod.probes.liveness, pod, probe_port),
        lifecycle=_said(preStop=_pre_stop(pod.pre_stop, probe_port)),
        resources=_said(requests=pod.resources.requests, limits=pod.resources.limits),
        securityContext={**_SECURITY, "readOnlyRootFilesystem": pod.read_only_root_filesystem},
        volumeMounts=[
            _said(name=name, mountPath=volume.mount_path, subPath=volume.sub_path, readOnly=volume.read_only or None)
            for name, volume in volumes.items()
        ],
    )


def _reading_order(env: Mapping[str, Any], name: str) -> tuple[bool, str]:
    # variables that use others, as in `$(HOST):80`, come after those; Kubernetes reads them in order
    return "$(" in str(env[name]), name


def _variable(name: str, value: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "value": value} if isinstance(value, str) else {"name": name, "valueFrom": value}


def _probe(probe: Probe, pod: Pod, port: str) -> dict[str, Any]:
    # grpc is the one handler that takes no port name (core/v1 GRPCAction)
    number = probe.port or pod.probe_port or pod.port
    return _said(
        tcpSocket={"port": probe.port or port} if probe.tcp else None,
        grpc=None if probe.grpc is None else {"port": number, "service": probe.grpc},
        **_handler(probe, port),
        initialDelaySeconds=probe.initial_delay_seconds,
        periodSeconds=probe.period_seconds,
        timeoutSeconds=probe.timeout_seconds,
        successThreshold=probe.success_threshold,
        failureThreshold=probe.failure_threshold,
    )


def _pre_stop(pre_stop: PreStop, port: str) -> dict[str, Any]:
    return _said(sleep={"seconds": pre_stop.sleep} if pre_stop.sleep else None, **_handler(pre_stop, port))


def _handler(handler: Handler, port: str) -> dict[str, Any]:
    return _said(
        exec={"command": handler.exec} if handler.exec else None,
        httpGet={"path": handler.path, "port": handler.port or port, "scheme": str(handler.scheme)}
        if handler.path
        else None,
    )


def _secured(container: Mapping[str, Any]) -> dict[str, Any]:
    security = {**_SECURITY, "readOnlyRootFilesystem": True}
    return {**container, "securityContext": {**security, **container.get("securityContext", {})}}


def _sidecar(container: Mapping[str, Any]) -> dict[str, Any]:
    return {**_secured(container), "restartPolicy": "Always"}


def _spread(constraint: Mapping[str, Any], selector: Mapping[str, str], by: str) -> dict[str, Any]:
    if "labelSelector" in constraint:
        return dict(constraint)
    # only pods of the same template count, so that old ones do not push new ones aside during a rollout
    return {**constraint, "labelSelector": {"matchLabels": dict(selector)}, "matchLabelKeys": [by]}


def _said(**fields: Any) -> dict[str, Any]:
    """The fields that say something: neither None nor empty."""
    return {key: value for key, value in fields.items() if value is not None and value not in ({}, [])}
