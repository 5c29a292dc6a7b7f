"""Small configurations of apps of one version, and their plans."""

from __future__ import annotations

from typing import Any

from components.config import load
from components.plan import WorkloadPlan
from components.planner import plan

CLAIMS: dict[str, Any] = {"data": {"mountPath": "/data", "size": "1Gi"}}


def stack(component: str, name: str = "web", **keys: Any) -> dict[str, Any]:
    """A stack of one app, with three pods unless every node has one."""
    size = {} if component == "DaemonApp" else {"replicas": 3}
    app = {"component": component, "image": "registry.local/podinfo", "tag": "1.0"} | size | keys
    return {"namespace": "test", "apps": {name: {key: value for key, value in app.items() if value is not None}}}


def planned(component: str, **keys: Any) -> WorkloadPlan:
    (found,) = plan(load(stack(component, **keys)), owner="cutover/unit").workloads
    return found


def rolling(**keys: Any) -> WorkloadPlan:
    return planned("RollingApp", **keys)


def stateful(**keys: Any) -> WorkloadPlan:
    return planned("StatefulApp", **{"volumeClaimTemplates": CLAIMS} | keys)


def with_canary(**keys: Any) -> WorkloadPlan:
    """A StatefulApp whose highest ordinal runs 2.0 beside two of 1.0."""
    return stateful(**{"canaryReplicas": 1, "canary": {"tag": "2.0"}} | keys)


def daemon(**keys: Any) -> WorkloadPlan:
    return planned("DaemonApp", **keys)
