"""When an object counts as ready: one pure function per kind, and the words for what is missing.

The rules and texts are those of pulumi-kubernetes (`provider/pkg/await`). A rule looks at the live object, at the
object before the update (None after a create) and, through a `Reader`, at its neighbours. Kinds without a rule are
ready as soon as they exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from engine import paths
from engine.kubernetes.objects import (
    WAIT_FOR,
    Object,
    annotation,
    condition,
    dig,
    items,
    name_of,
    namespace_of,
    number,
    owned_by,
    text,
)
from engine.provider import ProviderError, Severity

REVISION: Final = "deployment.kubernetes.io/revision"


class Reader(Protocol):
    """Looks up objects in the namespace of the one that is waited for (or cluster-wide kinds)."""

    def get(self, api_version: str, kind: str, name: str) -> Object | None: ...

    def find(self, api_version: str, kind: str, selector: Object) -> list[Object]:
        """Find by a LabelSelector (`matchLabels`, `matchExpressions`); an empty one means all."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of an object.

    Attributes:
        ready: whether it is as wanted.
        status: status lines to show now.
        missing: why it is not ready, for the error should it never be.
        pods_of: uid of the owner of the pods that may say more; "" for none.
        settle: what must stay the same for a while before ready counts; "" when it counts at once.
        failed: whether waiting longer is of no use.
        done: the status line that ends the wait; "" for none.
    """

    ready: bool
    status: tuple[tuple[Severity, str], ...] = ()
    missing: tuple[str, ...] = ()
    pods_of: str = ""
    settle: str = ""
    failed: bool = False
    done: str = ""


Judge: TypeAlias = Callable[[Object, Object | None, Reader], Verdict]


@dataclass(frozen=True, slots=True)
class Rule:
    """How to judge a kind.

    Attributes:
        judge: the function.
        timeout: seconds to wait unless the user says otherwise.
        on_read: whether a refresh judges it as well.
    """

    judge: Judge
    timeout: float = 600.0
    on_read: bool = True


def rule_of(obj: Object) -> Rule | None:
    """Return the rule for an object: its `pulumi.com/waitFor` annotation, else its kind's, else None.

    Raises:
        ProviderError: the annotation cannot be read.
    """
    wanted = annotation(obj, WAIT_FOR)
    return Rule(_all_of(wanted)) if wanted else RULES.get((text(obj, "apiVersion"), text(obj, "kind")))


def _info(message: str) -> tuple[Severity, str]:
    return Severity.INFO, message


def _warning(message: str) -> tuple[Severity, str]:
    return Severity.WARNING, message


def deployment(live: Object, _before: Object | None, reader: Reader) -> Verdict:
    """Ready when available and the ReplicaSet of the present revision has all its pods ready.

    Not waited for: the end of the old pods, and the progress deadline.
    """
    if number(live, "metadata", "generation") != dig(live, "status", "observedGeneration"):
        return Verdict(ready=False, missing=("Minimum number of live Pods was not attained",))
    revision = annotation(live, REVISION)
    uid = text(live, "metadata", "uid")
    sets = [found for found in reader.find("apps/v1", "ReplicaSet", live["spec"]["selector"]) if owned_by(found, uid)]
    current = next((found for found in sets if revision and annotation(found, REVISION) == revision), None)

    available = condition(live, "Available")
    progressing = condition(live, "Progressing")
    complaints = [
        f"[{found['reason']}] {found['message']}"
        for found in (progressing, available)
        if found.get("status") not in {None, "True"} and found.get("reason") and found.get("message")
    ]
    status = [_warning(complaint) for complaint in complaints]
    is_available = available.get("status") == "True"
    has_rolled = progressing.get("status") == "True" and progressing.get("reason") == "NewReplicaSetAvailable"

    wanted, have, is_grown = 0, 0, False
    if current is not None:
        wanted = dig(current, "spec", "replicas")
        wanted = 1 if wanted is None else wanted
        have = number(current, "status", "readyReplicas")
        is_grown = have >= wanted
        if not is_grown:
            status.append(_info(f"Waiting for app ReplicaSet to be available ({have}/{wanted} Pods available)"))
        elif wanted == 0:
            status.append(_warning(f'Replicas scaled to 0 for Deployment "{name_of(live)}"'))

    unbound = _unbound_claims(live, reader) if is_available and is_grown else []
    status += [
        _warning(f"PersistentVolumeClaim: [{name_of(claim)}] is not ready. status.phase currently at: {phase}")
        for claim, phase in unbound
    ]
    missing = complaints
    if unbound:
        names = ",".join(name_of(claim) for claim, _ in unbound)
        missing.append(f'Failed to bind PersistentVolumeClaim(s): "{names}"')
    if not is_available:
        missing.append("Minimum number of live Pods was not attained")
    elif (not has_rolled and revision != "1") or (not is_grown and revision == "1"):
        missing.append("Minimum number of Pods to consider the application live was not attained")
    elif not is_grown:
        missing.append("Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live")

    return Verdict(
        ready=is_available and is_grown and not unbound and (has_rolled or revision == "1"),
        status=tuple(status),
        missing=tuple(missing),
        pods_of=text(current, "metadata", "uid"),
        done="Deployment initialization complete",
    )


def _unbound_claims(live: Object, reader: Reader) -> list[tuple[Object, str]]:
    names = {
        text(volume, "persistentVolumeClaim", "claimName")
        for volume in items(live, "spec", "template", "spec", "volumes")
    }
    claims = [reader.get("v1", "PersistentVolumeClaim", name) for name in sorted(names - {""})]
    phases = [(claim, text(claim, "status", "phase")) for claim in claims if claim is not None]
    return [(claim, phase) for claim, phase in phases if phase != "Bound"]


def stateful_set(live: Object, _before: Object | None, _reader: Reader) -> Verdict:
    """Ready when all replicas are ready and of the revision that the update wants.

    A `partition` above 0 therefore never counts as ready, as with pulumi-kubernetes.
    """
    generation = number(live, "metadata", "generation")
    wanted = number(live, "spec", "replicas")
    counts = live.get("status") or {}
    have = number(counts, "readyReplicas")
    current, update = text(counts, "currentRevision"), text(counts, "updateRevision")
    if number(counts, "observedGeneration") < generation:
        is_current = is_grown = False
        have = 0
    elif generation > 1 and text(live, "spec", "updateStrategy", "type") == "OnDelete":
        is_current = True
        is_grown = wanted == number(counts, "replicas") == have
    else:
        is_current = current != "" and current == update
        is_grown = wanted == number(counts, "replicas") == have == number(counts, "currentReplicas")
    if not is_current:
        have = min(have, number(counts, "updatedReplicas"))

    missing = []
    if not is_grown:
        missing.append(f"{have} out of {wanted} replicas succeeded readiness checks")
    if not is_current:
        missing.append(f'StatefulSet controller failed to advance from revision "{current}" to revision "{update}"')
    if generation <= 1:
        line = f"[1/2] Waiting for StatefulSet to create Pods ({have}/{wanted} Pods ready)"
    elif not is_grown:
        line = f"[1/3] Waiting for StatefulSet update to roll out ({have}/{wanted} Pods ready)"
    else:
        line = "[2/3] Waiting for StatefulSet to update .status.currentRevision"
    return Verdict(
        ready=not missing,
        status=(_info(line),) if missing else (),
        missing=tuple(missing),
        pods_of=text(live, "metadata", "uid"),
        done="StatefulSet initialization complete",
    )


def daemon_set(live: Object, _before: Object | None, _reader: Reader) -> Verdict:
    """Ready when every node that wants a pod has one that is updated, available and ready."""
    counts = live.get("status") or {}
    wanted = dig(counts, "desiredNumberScheduled")
    generation, observed = number(live, "metadata", "generation"), dig(counts, "observedGeneration")
    line, ready = "", False
    if observed != generation:
        line = f"DaemonSet generation is {generation}, but latest observed generation is {observed}"
    elif wanted is None:
        line = "Missing .status.desiredNumberScheduled"
    else:
        for field, word in (
            ("currentNumberScheduled", "Current"),
            ("updatedNumberScheduled", "Updated"),
            ("numberAvailable", "Available"),
            ("numberReady", "Ready"),
        ):
            if number(counts, field) < wanted:
                line = f"{word}: {number(counts, field)}/{wanted}"
                break
        else:
            line, ready = f"All replicas scheduled as expected. Replicas: {wanted}", True
    return Verdict(ready, (_info(line),), () if ready else (line,), pods_of=text(live, "metadata", "uid"))


def job(live: Object, _before: Object | None, _reader: Reader) -> Verdict:
    """Ready when complete; failed when its pods failed too often or it took too long."""
    name, counts = _full_name(live), live.get("status") or {}
    uid = text(live, "metadata", "uid")
    if "startTime" not in counts:
        line = f'Waiting for Job "{name}" to start'
        return Verdict(ready=False, status=(_info(line),), missing=(line,), pods_of=uid)
    failure = condition(live, "Failed")
    if failure.get("status") == "True" and failure.get("reason") in {"BackoffLimitExceeded", "DeadlineExceeded"}:
        reason = f"[{failure['reason']}] {failure.get('message', '')}"
        return Verdict(ready=False, missing=(reason,), pods_of=uid, failed=True)
    progress = ", ".join(f"{word}: {number(counts, word.lower())}" for word in ("Active", "Succeeded", "Failed"))
    line = f'Waiting for Job "{name}" to succeed ({progress.replace(", ", " | ")})'
    ready = condition(live, "Complete").get("status") == "True"
    return Verdict(ready, (_info(line),), () if ready else (line,), pods_of=uid)


def service(live: Object, _before: Object | None, reader: Reader) -> Verdict:
    """Ready when its endpoints have settled and none is unready; a load balancer also needs its address.

    No endpoint at all is ready too. Without pods to look for (headless, ExternalName, no selector) it need only exist.
    """
    kind = text(live, "spec", "type") or "ClusterIP"
    has_address = kind != "LoadBalancer" or bool(items(live, "status", "loadBalancer", "ingress"))
    if kind == "ExternalName" or text(live, "spec", "clusterIP") == "None" or not dig(live, "spec", "selector"):
        return Verdict(has_address, status=(_info("[1/3] Finding Pods to direct traffic to"),))
    endpoints = reader.get("v1", "Endpoints", name_of(live))
    subsets = items(endpoints, "subsets")
    is_pending = any(subset.get("notReadyAddresses") for subset in subsets)
    has_endpoints = any(subset.get("addresses") for subset in subsets)
    missing = []
    if not has_endpoints:
        missing.append(
            "Service does not target any Pods. Selected Pods may not be ready, or "
            "field '.spec.selector' may not match labels on any Pods"
        )
    if not has_address:
        missing.append("Service was not allocated an IP address; does your cloud provider support this?")
    waits_for_address = has_endpoints and not has_address and not is_pending
    line = (
        "[2/3] Attempting to allocate IP address to Service"
        if waits_for_address
        else "[1/3] Finding Pods to direct traffic to"
    )
    return Verdict(
        ready=has_address and not is_pending,
        status=(_info(line),),
        missing=tuple(missing),
        settle=text(endpoints, "metadata", "resourceVersion") or "none yet",
        done="Service initialization complete",
    )


def ingress(live: Object, _before: Object | None, reader: Reader) -> Verdict:
    """Ready when it has an address and the Service of every path has endpoints (or, once settled, a warning)."""
    has_address = bool(items(live, "status", "loadBalancer", "ingress"))
    lost = [
        (text(rule, "host") + text(path, "path"), name)
        for rule in items(live, "spec", "rules")
        for path in items(rule, "http", "paths")
        if (name := text(path, "backend", "service", "name")) and not _has_backend(name, reader)
    ]
    status = [
        _warning(f'No matching service found for ingress rule: "{path}"{"" if path else " (default path)"} -> "{name}"')
        for path, name in lost
    ]
    missing = ["Ingress has at least one rule with an unavailable target endpoint."] if lost else []
    if not has_address:
        missing.append(
            "Ingress .status.loadBalancer field was not updated with a hostname/IP address. "
            "\n    for more information about this error, see https://pulumi.io/xdv72s"
        )
        status.append(_info("[2/3] Waiting for update of .status.loadBalancer with hostname/IP"))
    return Verdict(
        ready=has_address,
        status=tuple(status),
        missing=tuple(missing),
        settle=",".join(name for _, name in lost),
        done="Ingress initialization complete",
    )


def _has_backend(name: str, reader: Reader) -> bool:
    if reader.get("v1", "Endpoints", name) is not None:
        return True
    found = reader.get("v1", "Service", name)
    return found is not None and text(found, "spec", "type") == "ExternalName"


def pod(live: Object, _before: Object | None, _reader: Reader) -> Verdict:
    """Ready when scheduled, initialized and ready, or when it has succeeded."""
    name = _full_name(live)
    is_done = text(live, "status", "phase") == "Succeeded"
    for step, words in (("PodScheduled", "scheduled"), ("Initialized", "initialized"), ("Ready", "ready")):
        if condition(live, step).get("status") != "True" and not (step == "Ready" and is_done):
            line = f'Waiting for Pod "{name}" to be {words}'
            return Verdict(ready=False, status=(_info(line),), missing=tuple(complaints_of([live])))
    return Verdict(ready=True)


def persistent_volume_claim(live: Object, before: Object | None, reader: Reader) -> Verdict:
    """Ready when bound; a claim whose class binds with the first consumer is ready while it is pending."""
    phase, class_name = text(live, "status", "phase"), text(live, "spec", "storageClassName")
    found = reader.get("storage.k8s.io/v1", "StorageClass", class_name) if class_name else None
    if before is None and text(found, "volumeBindingMode") == "WaitForFirstConsumer":
        return _in_phase(phase, {"Pending", "Bound"})
    return _in_phase(phase, {"Bound"})


def _in_phase(phase: str, wanted: set[str]) -> Verdict:
    ready = phase in wanted
    line = f"status.phase is {phase or 'not set'}, not {' or '.join(sorted(wanted))}"
    return Verdict(ready, () if ready else (_info(line),), () if ready else (line,))


RULES: Final[dict[tuple[str, str], Rule]] = {
    ("apps/v1", "Deployment"): Rule(deployment),
    ("apps/v1", "StatefulSet"): Rule(stateful_set),
    ("apps/v1", "DaemonSet"): Rule(daemon_set),
    ("batch/v1", "Job"): Rule(job),
    ("networking.k8s.io/v1", "Ingress"): Rule(ingress),
    ("v1", "PersistentVolumeClaim"): Rule(persistent_volume_claim, 300, on_read=False),
    ("v1", "Pod"): Rule(pod),
    ("v1", "Service"): Rule(service),
}


def complaints_of(pods: Iterable[Object]) -> list[str]:
    """Return what pods say of why they are not ready, one text per pod; a pod that waits for a node says nothing."""
    complaints = []
    for found in pods:
        if condition(found, "PodScheduled").get("status") != "True":
            continue
        ready = next(
            (state for kind in ("Initialized", "Ready") if (state := condition(found, kind)).get("status") != "True"),
            None,
        )
        if not ready or text(found, "status", "phase") == "Succeeded":
            continue
        errors = [
            error for status in items(found, "status", "containerStatuses") for error in _container_errors(status)
        ]
        message = text(ready, "message") if text(ready, "reason") else ""
        if errors or text(ready, "message"):
            complaints.append(f"[Pod {_full_name(found)}]: {message}" + "\n".join(errors))
    return complaints


def _container_errors(status: Object) -> list[str]:
    if status.get("ready"):
        return []
    errors = []
    waiting, ended, last = (
        dig(status, *path) for path in (("state", "waiting"), ("state", "terminated"), ("lastState", "terminated"))
    )
    if waiting and text(waiting, "reason") != "ContainerCreating":
        errors.append(f"[{text(waiting, 'reason')}] {_shorten(text(waiting, 'message'))}")
    if text(ended, "reason"):
        said = text(ended, "message")
        errors.append(
            f"[{text(ended, 'reason')}] {_shorten(said)}"
            if said
            else f'container "{text(status, "name")}" completed with exit code {number(ended, "exitCode")}'
        )
    if last:
        errors.append(
            f'container "{text(status, "name")}" terminated at {text(last, "finishedAt")} '
            f"({text(last, 'reason')}: exit code {number(last, 'exitCode')})"
        )
        errors += [text(last, "message")] if text(last, "message") else []
    return errors


def _shorten(message: str) -> str:
    prefix = "rpc error: code = Unknown desc = Error response from daemon: "
    return message.removeprefix(prefix).removesuffix(": manifest unknown")


def _full_name(obj: Object) -> str:
    """Return `namespace/name`, without the namespace `default`."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace not in {"", "default"} else name_of(obj)


def _all_of(annotated: str) -> Judge:
    """Read `pulumi.com/waitFor`: one expression, or a JSON list of them that must all hold."""
    try:
        expressions = json.loads(annotated)
    except ValueError:
        expressions = [annotated]
    if not isinstance(expressions, list) or not expressions:
        expressions = [annotated]
    tests = [_expression(str(expression)) for expression in expressions]

    def judge(live: Object, _before: Object | None, _reader: Reader) -> Verdict:
        generation, observed = (
            dig(live, *path) for path in (("metadata", "generation"), ("status", "observedGeneration"))
        )
        is_stale = generation is not None and observed is not None and observed < generation
        open_ones = tuple(name for name, holds in tests if is_stale or not holds(live))
        return Verdict(not open_ones, tuple(_info(f"Waiting for {name}") for name in open_ones), open_ones)

    return judge


def _expression(expression: str) -> tuple[str, Callable[[Object], bool]]:
    if expression.startswith("condition="):
        kind, _, wanted = expression.removeprefix("condition=").partition("=")
        return expression, lambda live: str(condition(live, kind).get("status")).lower() == (wanted or "True").lower()
    braced, _, value = expression.removeprefix("jsonpath=").partition("}")
    if not expression.startswith("jsonpath=") or not braced.startswith("{") or value[:1] not in {"", "="}:
        raise ProviderError(
            f"{WAIT_FOR}: cannot read {expression!r}; write jsonpath={{.status.phase}}=Running or condition=Ready"
        )
    try:
        path = paths.parse(braced[1:].strip().removeprefix("$").removeprefix("."))
    except ValueError as error:
        raise ProviderError(
            f"{WAIT_FOR}: {expression!r}: the embedded engine reads plain paths, such as {{.status.phase}}: {error}"
        ) from error
    return expression, lambda live: _matches(live, path, value[1:])


def _matches(live: Object, path: paths.Path, wanted: str) -> bool:
    found: Any = live
    for step in path:
        is_there = step in found if isinstance(found, dict) else isinstance(step, int) and step < len(found or [])
        if not is_there:
            return False
        found = found[step]
    said = json.dumps(found) if isinstance(found, bool) else str(found)
    return not wanted or said == wanted
