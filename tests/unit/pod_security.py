"""The Pod Security level restricted, as Kubernetes' page "Pod Security Standards" has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.pod_rules import RESTRICTED_VOLUMES


def violations(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of a pod's spec the level does not admit."""
    pod = spec.get("securityContext", {})
    yield from (key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    for volume in spec.get("volumes", []):
        yield from (f"volume {source}" for source in volume.keys() - {"name"} - RESTRICTED_VOLUMES)
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        own = container.get("securityContext", {})
        both = {**pod, **own}
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            yield "root"
        if both.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
            yield "seccomp"
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield "privileges"
        capabilities = own.get("capabilities", {})
        if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
            yield "capabilities"
        yield from ("host port" for port in container.get("ports", []) if port.get("hostPort"))
