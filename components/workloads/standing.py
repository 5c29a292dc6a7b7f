"""Where an app of one version stands before an `up` or a preview: what that refuses, keeps and does.

It is read once, while the program starts and nothing is registered yet, so that a refusal shows in a pull request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import ControllerRevision, ReplicaSet
from lightkube.resources.core_v1 import ConfigMap, Pod

from components.errors import CanaryBaseError, ClaimsChangedError
from components.grammar import quantity
from components.kube import Cluster
from components.plan import CANARY_TAG, MANAGED_BY, STACK, TAG, Manifest, WorkloadPlan, template_of
from components.schema import UpdateStrategy


@dataclass(frozen=True)
class Present:
    """What there is of an app: its controller, and names of templates that it has had, by revision."""

    controller: Mapping[str, Any]
    templates: Mapping[str, str]

    @property
    def base(self) -> str:
        """The name of the template that a StatefulSet's pods below a partition are made of."""
        return self.templates.get(self.controller.get("status", {}).get("currentRevision", ""), "")


async def confront_workload(plan: WorkloadPlan, cluster: Cluster) -> WorkloadPlan:
    """Return `plan` as it can be done where the cluster stands, with what the next `up` does beside its writes.

    A version that this controller has had before is spared its migration, which must not hold up a way back. What
    pods still need keeps its ConfigMap while they wait to be replaced.

    Raises:
        ClaimsChangedError: a StatefulSet would change in what Kubernetes never changes.
        CanaryBaseError: pods beside a canary would not be what the configuration says.
    """
    found = await cluster.find(plan.controller)
    if found is None:
        return replace(plan, foretold=tuple(_foretold_anew(plan)))
    kind: type[ReplicaSet | ControllerRevision] = ReplicaSet if plan.kind == "Deployment" else ControllerRevision
    metas = [revision.metadata or ObjectMeta() for revision in await cluster.objects(kind, plan.labels)]
    present = Present(found, {meta.name or "": template_of({"labels": meta.labels}) for meta in metas})
    check(plan, present)
    if plan.migration and plan.template_hash in present.templates.values():
        there = await cluster.job(plan.migration["metadata"]["name"])
        plan = plan if there else replace(plan, migration=None)
    if plan.holds:
        ours = {**plan.labels, **MANAGED_BY, STACK: plan.controller["metadata"]["labels"][STACK]}
        maps, pods = await cluster.objects(ConfigMap, ours), await cluster.pods(plan.labels)
        plan = replace(plan, config_maps=(*plan.config_maps, *still_needed(plan, maps, pods)))
    return replace(plan, foretold=tuple(_foretold(plan, present)))


def check(plan: WorkloadPlan, present: Present) -> None:
    """Refuse what Kubernetes cannot do.

    Raises:
        ClaimsChangedError: a StatefulSet would change in what Kubernetes never changes.
        CanaryBaseError: pods beside a canary would not be what the configuration says.
    """
    if plan.kind != "StatefulSet":
        return
    was, will_be = _fixed(present.controller["spec"]), _fixed(plan.controller["spec"])
    keys = [key for key in was | will_be if _value(was.get(key)) != _value(will_be.get(key))]
    changes = {key: (was.get(key), will_be.get(key)) for key in keys}
    if changes:
        raise ClaimsChangedError(plan.name, plan.namespace, changes)
    if plan.base and present.base != plan.base_hash:
        annotations = present.controller["metadata"].get("annotations", {})
        raise CanaryBaseError(
            plan.name,
            plan.tag,
            canary_replicas=(plan.replicas or 0) - plan.partition,
            found=f"{annotations.get(TAG, 'another version')}, template {present.base or 'unknown'}",
        )


def still_needed(plan: WorkloadPlan, config_maps: Iterable[ConfigMap], pods: Iterable[Pod]) -> Iterator[Manifest]:
    """Yield the app's ConfigMaps that pods use and `plan` does not have."""
    used = {name for pod in pods if pod.spec for name in _used(pod.spec.to_dict())}
    planned = {manifest["metadata"]["name"] for manifest in plan.config_maps}
    for found in config_maps:
        meta = found.metadata
        if meta and meta.name in used - planned:
            yield {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": meta.name,
                    "namespace": plan.namespace,
                    "labels": dict(meta.labels or {}),
                    "annotations": dict(meta.annotations or {}),
                },
                "data": dict(found.data or {}),
                "immutable": True,
            }


def _used(spec: Mapping[str, Any]) -> Iterator[str]:
    """The ConfigMaps that a pod names as its own volume or variables."""
    for volume in spec.get("volumes", []):
        yield volume.get("configMap", {}).get("name", "")
    for container in [*spec.get("containers", []), *spec.get("initContainers", [])]:
        for source in container.get("envFrom", []):
            yield source.get("configMapRef", {}).get("name", "")


def _fixed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What never changes of a StatefulSet, by field."""
    fixed = {key: spec[key] for key in ("serviceName", "podManagementPolicy")}
    for claim in spec.get("volumeClaimTemplates", []):
        field, asked = f"volumeClaimTemplates.{claim['metadata']['name']}", claim["spec"]
        size = asked["resources"]["requests"]["storage"]
        fixed[field] = {"size": size, "accessModes": asked["accessModes"], "class": asked.get("storageClassName")}
    return fixed


def _value(fixed: Any) -> Any:
    """The same in a form that compares: the API server writes 1024Mi as 1Gi."""
    return {**fixed, "size": quantity(fixed["size"])} if isinstance(fixed, dict) else fixed


def _foretold_anew(plan: WorkloadPlan) -> Iterator[str]:
    if plan.base:
        yield (
            f"prepare: all pods are made with {plan.tag} first; then {_canary(plan)}, as Kubernetes can make them "
            "in no other way"
        )
    if plan.holds and plan.kind == "Deployment":
        yield "roll: the rollout is paused, so that no pod is made"


def _foretold(plan: WorkloadPlan, present: Present) -> Iterator[str]:
    """What becomes of the pods, where their template changes or a rollout is paused."""
    if plan.holds and plan.kind == "Deployment":
        yield "roll: the rollout is paused; pods stay as they are until `paused` is false"
        return
    spec, will_be = present.controller["spec"], plan.controller["spec"]
    goes, was = [*_replaced(plan, present)], spec.get("updateStrategy", {})
    if plan.base:
        if goes or was != will_be["updateStrategy"]:
            yield f"roll: {_canary(plan)}, and the others {plan.tag}; storage stays"
        return
    if goes:
        change = f"pods of {' and '.join(goes)} are replaced" + (f" by {plan.tag}" if goes != [plan.tag] else "")
    elif spec.get("paused"):
        change = "the rollout goes on"
    elif was.get("type") == UpdateStrategy.ON_DELETE and not plan.holds:
        change = "pods that are still of an earlier template are replaced"
    else:
        return
    yield f"roll: {change}" + (", each when somebody deletes it" if plan.holds else _pace(will_be))


def _replaced(plan: WorkloadPlan, present: Present) -> Iterator[str]:
    """The tags of the templates that are there, by the controller, and that the plan has not."""
    annotations = present.controller["metadata"].get("annotations", {})
    tag, canary_tag = annotations.get(TAG, "another version"), annotations.get(CANARY_TAG)
    there = {template_of(present.controller["spec"]["template"]["metadata"]): canary_tag or tag}
    if canary_tag:
        there[present.base] = tag
    wanted = {plan.template_hash, plan.base_hash if plan.base else plan.template_hash}
    yield from dict.fromkeys(name for template, name in there.items() if template not in wanted)


def _pace(spec: Mapping[str, Any]) -> str:
    strategy = spec.get("strategy") or spec["updateStrategy"]
    if strategy["type"] == "Recreate":
        return ": all of them end before new ones start, and nobody answers meanwhile"
    bounds = strategy["rollingUpdate"]
    if "partition" in bounds:
        return ", one by one from the highest ordinal; storage stays"
    more, fewer = (_bound(bounds[key]) for key in ("maxSurge", "maxUnavailable"))
    return f", with {more} more and {fewer} fewer of them meanwhile"


def _bound(share: int | str) -> str:
    return "none" if share in {0, "0%"} else f"up to {share}"


def _canary(plan: WorkloadPlan) -> str:
    """Who gets the canary's tag, in the order in which they do."""
    first, last = (plan.replicas or 0) - 1, plan.partition
    if first == last:
        return f"ordinal {first} gets {plan.canary_tag}"
    return f"ordinals {first} {'and' if first - last == 1 else 'to'} {last} get {plan.canary_tag}"
