"""Waiting, by short polling, until an object is ready or gone.

Polling rather than watching: a poll needs no resume, no relist and no special case when the API server restarts, and
at these intervals it is as quick as anyone can see.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from engine.kubernetes.client import Cluster
from engine.kubernetes.errors import ApiError, ClusterError, NoMatchError, NotReadyError
from engine.kubernetes.objects import Object, dig, items, name_of, namespace_of, owned_by, text
from engine.kubernetes.readiness import Rule, Verdict, complaints_of
from engine.provider import Severity

SETTLE_SECONDS: Final = float(os.environ.get("ENGINE_SETTLE_SECONDS", "10"))
"""How long a Service's endpoints must stay the same. The provider's value; the variable is for tests."""
COMPLAIN_EVERY: Final = 10.0
INTERVALS: Final = ((0.5, 0.05), (5.0, 0.2), (60.0, 0.5), (float("inf"), 1.0))
"""Seconds between two polls, by how long the wait has lasted."""


Show: TypeAlias = Callable[[Severity, str], None]
"""Shows a status line beside the step."""


@dataclass(frozen=True, slots=True)
class NamespaceReader:
    """Looks things up beside one object."""

    cluster: Cluster
    namespace: str

    def get(self, api_version: str, kind: str, name: str) -> Object | None:
        try:
            return self.cluster.get(api_version, kind, self.namespace, name)
        except ApiError as error:
            if error.not_found:
                return None
            raise

    def find(self, api_version: str, kind: str, selector: Object) -> list[Object]:
        return self.cluster.find(api_version, kind, self.namespace, written(selector))


def written(selector: Object) -> str:
    """Write a LabelSelector the way a query wants it."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in items(selector, "matchExpressions"):
        key, operator, values = expression["key"], expression["operator"], ",".join(expression.get("values") or [])
        if operator in {"In", "NotIn"}:
            parts.append(f"{key} {operator.lower()} ({values})")
        else:
            parts.append(key if operator == "Exists" else f"!{key}")
    return ",".join(parts)


def judge(cluster: Cluster, live: Object, rule: Rule) -> Verdict:
    """Judge an object once, as it stands now; what needs time to settle counts as settled."""
    return rule.judge(live, live, NamespaceReader(cluster, namespace_of(live)))


def complaints(cluster: Cluster, live: Object, verdict: Verdict) -> list[str]:
    """Return what the object's pods say of why they are not ready."""
    if not verdict.pods_of:
        return []
    selector = dig(live, "spec", "selector") or {}
    pods = cluster.find("v1", "Pod", namespace_of(live), written(selector))
    return complaints_of(sorted((pod for pod in pods if owned_by(pod, verdict.pods_of)), key=name_of))


@dataclass(slots=True)
class Wait:
    """One wait for readiness.

    Attributes:
        before: the object before an update; None after a create.
        timeout: seconds; None for the rule's own.
    """

    cluster: Cluster
    rule: Rule
    before: Object | None
    timeout: float | None
    show: Show
    _shown: tuple[tuple[Severity, str], ...] = ()
    _settling: str = ""
    _settling_since: float = 0.0
    _complained_at: float = field(default_factory=time.monotonic)

    def until_ready(self, obj: Object) -> Object:
        """Wait until `obj`, just written, is ready; return it as it is then.

        Raises:
            NotReadyError: the time is over, the run was cancelled, the object is gone or has failed for good.
        """
        reader = NamespaceReader(self.cluster, namespace_of(obj))
        started = time.monotonic()
        deadline = started + (self.rule.timeout if self.timeout is None else self.timeout)
        while True:
            try:
                obj = self.cluster.live(obj)
                verdict = self.rule.judge(obj, self.before, reader)
            except ClusterError as error:
                raise NotReadyError(_cancelled(self.cluster, obj) or str(error), obj, []) from error
            is_last = time.monotonic() >= deadline
            self._tell(obj, verdict)
            if verdict.ready and (self._has_settled(verdict) or is_last):
                if verdict.done:
                    self.show(Severity.INFO, verdict.done)
                return obj
            if verdict.failed or is_last:
                late = f"'{name_of(obj)}' timed out waiting to be Ready"
                missing = [*verdict.missing, *complaints(self.cluster, obj, verdict)]
                raise NotReadyError(not_initialized(obj) if verdict.failed else late, obj, missing)
            if _pause(self.cluster, started):
                raise NotReadyError(_cancelled(self.cluster, obj), obj, list(verdict.missing))

    def _has_settled(self, verdict: Verdict) -> bool:
        now = time.monotonic()
        if verdict.settle != self._settling:
            self._settling, self._settling_since = verdict.settle, now
        return not verdict.settle or now - self._settling_since >= SETTLE_SECONDS

    def _tell(self, obj: Object, verdict: Verdict) -> None:
        """Show what is new in the verdict, and every few seconds what the pods say."""
        for line in verdict.status:
            if line not in self._shown:
                self.show(*line)
        self._shown = verdict.status
        if time.monotonic() - self._complained_at >= COMPLAIN_EVERY:
            self._complained_at = time.monotonic()
            for message in complaints(self.cluster, obj, verdict):
                self.show(Severity.WARNING, message)


def until_gone(cluster: Cluster, obj: Object, timeout: float, show: Show) -> None:
    """Wait until the object is no more, or is another of the same name.

    Raises:
        NotReadyError: the time is over or the run was cancelled.
    """
    started = time.monotonic()
    uid = text(obj, "metadata", "uid")
    is_told = False
    while True:
        try:
            live = cluster.live(obj)
        except NoMatchError:
            return
        except ApiError as error:
            if error.not_found:
                return
            raise
        if uid not in {"", text(live, "metadata", "uid")}:
            return
        if dig(live, "metadata", "deletionTimestamp") and not is_told:
            is_told = True
            show(Severity.INFO, "Resource scheduled for deletion")
        if time.monotonic() - started >= timeout:
            finalizers = ", ".join(dig(live, "metadata", "finalizers") or [])
            show(Severity.WARNING, f"finalizers might be preventing deletion ({finalizers})")
            late = f"'{name_of(obj)}' is still there {timeout:.0f} s after its deletion; finalizers: [{finalizers}]"
            raise NotReadyError(late, live, [])
        if _pause(cluster, started):
            raise NotReadyError(_cancelled(cluster, live), live, [])


def not_initialized(obj: Object) -> str:
    return f"Resource '{name_of(obj)}' was created but failed to initialize"


def _pause(cluster: Cluster, started: float) -> bool:
    """Sleep until the next poll; tell whether the run was cancelled."""
    waited = time.monotonic() - started
    return cluster.stopped.wait(next(pause for until, pause in INTERVALS if waited < until))


def _cancelled(cluster: Cluster, obj: Object) -> str:
    return f'Resource operation was cancelled for "{name_of(obj)}"' if cluster.stopped.is_set() else ""
