"""An API server's memory after an `up` of a plan has ended well, for tests to change things in by hand."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from components.config import load
from components.kube import Cluster
from components.plan import AppPlan, ColorPlan, StackPlan, WorkloadPlan
from components.planner import plan
from tests.unit.api import Api

SOON = f"{datetime.now(UTC) + timedelta(days=1):%FT%TZ}"
"""A time that is recent, however long after the collection of the tests it is looked at."""

Answer = TypeVar("Answer")
Item = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
FORBIDDEN = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "message": "you may not"}


def stack_plan(values: Mapping[str, Any]) -> StackPlan:
    return plan(load(values), owner="shop/dev")


@dataclass
class Store:
    """Objects by plural and name, in the namespace `test`; what is `forbidden` is a plural, or `verb plural`."""

    plan: StackPlan
    items: dict[str, dict[str, Item]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    api: Api = field(default_factory=Api)

    def __post_init__(self) -> None:
        self.api.serve = self._serve
        if self.plan.namespace_manifest:
            self.put("namespaces", self.plan.namespace_manifest)
        for app in self.plan.apps:
            self._stand(app)
        for workload in self.plan.workloads:
            self._roll_out(workload)

    def read(self, look: Callable[[Cluster], Awaitable[Answer]]) -> Answer:
        """What `look` finds in a cluster that is this."""

        async def run() -> Answer:
            async with asyncio.timeout(20), self.api.up():
                return await look(Cluster(json.dumps(self.api.kubeconfig), "c", "test"))

        return asyncio.run(run())

    def put(self, plural: str, item: Mapping[str, Any]) -> Item:
        made: Item = copy.deepcopy(dict(item))
        self.items.setdefault(plural, {})[made["metadata"]["name"]] = made
        return made

    def pods_of(self, deployment: str) -> list[Item]:
        return [self.items["pods"][name] for name in sorted(self.items["pods"]) if name.startswith(f"{deployment}-")]

    def warn(self, kind: str, name: str, reason: str, message: str, at: str) -> None:
        """Let Kubernetes warn of an object."""
        meta = {"name": f"{name}.{len(self.items.get('events', ()))}"}
        about = {"kind": kind, "name": name}
        event = {"metadata": meta, "involvedObject": about, "reason": reason, "message": message, "type": "Warning"}
        self.put("events", {**event, "count": 1, "lastTimestamp": at})

    def _stand(self, app: AppPlan) -> None:
        self.put("services", app.preview_service)
        for color in app.colors.values():
            self.put("poddisruptionbudgets", color.disruption_budget)
            for config_map in color.config_maps:
                self.put("configmaps", config_map)
            if color.autoscaler:
                self.put("horizontalpodautoscalers", color.autoscaler)
            live = {"cutover/live": "seen", "cutover/served": color.template_hash}
            self._deploy(color.deployment, live if color.role == "active" else {})
            self._serve_pods(self.put("services", color.service))
        if app.baseline and app.baseline.replicas:
            self._deploy(app.baseline.deployment, {})
        self._serve_pods(self.put("services", app.live_service))
        for route in app.routes:
            made = self.put(f"{route['kind'].lower()}{'es' if route['kind'] == 'Ingress' else 's'}", route)
            made["metadata"]["generation"] = 1
            conditions = [
                {"type": kind, "status": "True", "observedGeneration": 1} for kind in ("Accepted", "ResolvedRefs")
            ]
            parents = route["spec"].get("parentRefs", [])
            made["status"] = {"parents": [{"parentRef": parent, "conditions": conditions} for parent in parents]}

    def _roll_out(self, plan: WorkloadPlan) -> None:
        for config_map in plan.config_maps:
            self.put("configmaps", config_map)
        for plural, item in (
            ("poddisruptionbudgets", plan.disruption_budget),
            ("horizontalpodautoscalers", plan.autoscaler),
        ):
            if item:
                self.put(plural, item)
        if plan.kind == "Deployment":
            self._deploy(plan.controller, {})
            self.items["deployments"][plan.name]["spec"].setdefault("paused", False)
        else:
            self._keep(plan)
        for service in plan.services:
            self._serve_pods(self.put("services", service))

    def _keep(self, plan: WorkloadPlan) -> None:
        """Let a StatefulSet or a DaemonSet (of three nodes) have all of its pods."""
        made, size = self.put(f"{plan.kind.lower()}s", plan.controller), plan.replicas or 3
        made["metadata"] |= {"uid": f"uid-of-{plan.name}", "generation": 1}
        counts: tuple[str, ...] = ("replicas", "readyReplicas", "availableReplicas")
        if plan.kind == "DaemonSet":
            counts = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled")
            counts += ("numberAvailable", "numberReady", "numberMisscheduled")
        made["status"] = {"observedGeneration": 1, "currentRevision": "base", **dict.fromkeys(counts, size)}
        if plan.kind == "StatefulSet":
            made["status"]["updatedReplicas"] = size - (plan.partition if plan.base else 0)
        for number in range(size):
            below = plan.base is not None and number < plan.partition
            template = ((plan.base if below else None) or plan.controller)["spec"]["template"]
            labels = {**template["metadata"]["labels"], "controller-revision-hash": "base" if below else "top"}
            self.put("pods", _pod(f"{plan.name}-{number}", labels, template["spec"]))

    def _deploy(self, manifest: Item, notes: Mapping[str, str]) -> None:
        made = self.put("deployments", manifest)
        name, size = made["metadata"]["name"], made["spec"]["replicas"]
        made["metadata"] |= {"uid": f"uid-of-{name}", "generation": 1}
        made["metadata"]["annotations"] |= {REVISION: "1", **notes}
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), size)
        made["status"] = {"observedGeneration": 1, **counts}
        template = made["spec"]["template"]
        labels = {**template["metadata"]["labels"], "pod-template-hash": "now"}
        meta = {"name": f"{name}-now", "labels": labels, "annotations": {REVISION: "1"}}
        spec = {"selector": {"matchLabels": labels}, "replicas": size}
        self.put("replicasets", {"metadata": meta, "spec": spec, "status": {"replicas": size, **counts}})
        for number in range(size):
            self.put("pods", _pod(f"{name}-now-{number}", labels, template["spec"]))

    def _serve_pods(self, service: Item) -> None:
        name = service["metadata"]["name"]
        chosen = [item for item in self.items["pods"].values() if _selects(service["spec"]["selector"], item)]
        endpoints = [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "targetRef": {"name": item["metadata"]["name"]}}
            for item in chosen
        ]
        meta = {"name": f"{name}-slice", "labels": {"kubernetes.io/service-name": name}}
        self.put("endpointslices", {"metadata": meta, "addressType": "IPv4", "endpoints": endpoints})

    def select(self, service: str, selector: Mapping[str, str], by: str) -> None:
        """Let somebody change what a Service selects."""
        found = self.items["services"][service]
        found["spec"]["selector"] = dict(selector)
        found["metadata"]["managedFields"] = managed(by, "selector")
        self._serve_pods(found)

    def scale(self, deployment: str, size: int, by: str) -> None:
        """Let somebody change the size of a Deployment."""
        found = self.items["deployments"][deployment]
        found["spec"]["replicas"] = size
        (entry,) = found["metadata"]["managedFields"] = managed(by, "replicas")
        del entry["time"]  # the API server notes none for the scale subresource

    def _serve(self, path: str) -> tuple[int, Any]:
        address = urlsplit(path)
        parts, query = address.path.strip("/").split("/"), parse_qs(address.query)
        if parts[-1] == "selfsubjectaccessreviews":
            return 201, self._may(json.loads(self.api.body))
        if address.path == "/version":
            return 200, {"gitVersion": "v1.37.0"}
        if parts[-1] == "log":
            return 200, "panic: no database\n"
        parts = parts[2 if parts[0] == "api" else 3 :]
        if len(parts) > 2:  # below a namespace
            parts = parts[2:]
        plural, *name = parts or ["discovery"]
        if plural in self.forbidden:
            return 403, FORBIDDEN
        found = self.items.get(plural, {})
        if name:
            missing = {**FORBIDDEN, "code": 404, "message": f"{plural} {name[0]} not found", "reason": "NotFound"}
            return (200, found[name[0]]) if name[0] in found else (404, missing)
        return 200, {"kind": "List", "metadata": {}, "items": list(_chosen(found.values(), query))}

    def _may(self, review: Item) -> Item:
        asked = review["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
        allowed = not self.forbidden & {resource, f"{asked['verb']} {resource}"}
        return {**review, "metadata": {}, "status": {"allowed": allowed}}


def managed(by: str, field: str) -> list[Item]:
    fields: Item = {"f:spec": {f"f:{field}": {}}}
    return [{"manager": by, "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields}]


def waiting(pod: Item, reason: str, message: str = "") -> None:
    """Let a pod wait for a reason."""
    (status,) = pod["status"]["containerStatuses"]
    status |= {"state": {"waiting": {"reason": reason, "message": message}}, "ready": False, "restartCount": 2}
    unready(pod)


def unready(pod: Item) -> None:
    """Let a pod run without being ready."""
    (condition,) = pod["status"]["conditions"]
    condition["status"] = "False"


def color_of(plan: StackPlan, name: str) -> ColorPlan:
    """The plan of Deployment `name`."""
    return next(color for app in plan.apps for color in app.colors.values() if color.name == name)


def _pod(name: str, labels: Mapping[str, str], spec: Item) -> Item:
    container = {"name": "app", "image": "", "imageID": "", "ready": True, "restartCount": 0, "state": {"running": {}}}
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [container],
    }
    return {"metadata": {"name": name, "labels": dict(labels)}, "spec": spec, "status": status}


def _selects(selector: Mapping[str, str], item: Item) -> bool:
    labels: Mapping[str, str] = item["metadata"]["labels"]
    return selector.items() <= labels.items()


def _chosen(items: Any, query: Mapping[str, list[str]]) -> Iterator[Item]:
    """Those that selectors of the forms `a=b` and `a in (b,c)` choose."""
    wanted: dict[str, set[str]] = {}
    for text in query.get("labelSelector", []):
        key, _, values = text.partition(" in ")
        wanted |= {key: set(values.strip("()").split(","))} if values else {text.split("=")[0]: {text.split("=")[1]}}
    for item in items:
        labels = item["metadata"].get("labels", {})
        if all(labels.get(key) in values for key, values in wanted.items()):
            yield item
