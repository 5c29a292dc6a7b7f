"""The Kubernetes provider of the embedded engine, in the words and ways of pulumi-kubernetes 4.34.

What it does not do it refuses by name: Patch, List, Helm, YAML and Kustomize kinds, client-side apply, rendering to
files, unreachable-cluster modes and `PULUMI_K8S_AWAIT_ALL`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Final

from engine.kubernetes import apply, diff, settings, waiting
from engine.kubernetes import check as checks
from engine.kubernetes.checkpoint import (
    field_manager,
    initial_api_version,
    inputs_of,
    outputs_of,
    parts_of,
    to_object,
)
from engine.kubernetes.client import Cluster
from engine.kubernetes.errors import ApiError, ClusterError, NoMatchError, NotReadyError
from engine.kubernetes.normal import READ_ONLY, normal
from engine.kubernetes.objects import (
    DELETION_PROPAGATION,
    REPLACE_UNREADY,
    SKIP_AWAIT,
    TIMEOUT_SECONDS,
    Object,
    annotation,
    id_of,
    is_true,
    kind_of,
    name_of,
    put,
    remove,
)
from engine.kubernetes.readiness import RULES, rule_of
from engine.provider import (
    CheckFailure,
    Diff,
    DiffKind,
    PartialFailureError,
    PropertyDiff,
    ProviderError,
    ReadResult,
    Report,
    Severity,
)
from engine.values import Properties, Unknown, contains

DELETE_TIMEOUT: Final = 600.0

SKIPS_WAIT_FOR_DELETE: Final = {
    ("v1", "Namespace"), ("v1", "Pod"), ("v1", "ReplicationController"), ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("batch/v1", "Job"),
}  # fmt: skip
"""Kinds for which `pulumi.com/skipAwait` also skips the wait for the end of a delete."""


def configure(inputs: Properties, report: Report) -> KubernetesProvider:
    """Make a provider from the inputs of its resource; the cluster is not asked anything yet.

    Raises:
        ProviderError: the configuration is refused or the kubeconfig cannot be used.
    """
    return KubernetesProvider(settings.Settings.read(inputs), report)


class KubernetesProvider:
    """See `engine.provider.Provider` for what each operation means."""

    def __init__(self, configured: settings.Settings, report: Report) -> None:
        self._settings = configured
        self._report = report
        self._cluster = Cluster(configured.connection)
        self._scopes: dict[tuple[str, str], bool] = {}

    def check(
        self, urn: str, old_inputs: Properties | None, inputs: Properties
    ) -> tuple[Properties, list[CheckFailure]]:
        obj = to_object(inputs)
        checks.refuse(urn, obj)
        if checks.is_definition(obj):
            kind, is_namespaced = checks.scope_in(obj)
            self._scopes[kind] = is_namespaced
        namespaced = self._is_namespaced(*checks.kind_of_type(urn))
        return checks.check(urn, old_inputs, inputs, self._settings.namespace, namespaced=namespaced), []

    def diff(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, inputs: Properties, ignore: Sequence[str]
    ) -> Diff:
        del old_inputs  # the outputs hold them as they were sent, `__inputs`
        sent, live = parts_of(old_outputs)
        obj = to_object(inputs)
        namespaced = self._is_namespaced(*checks.kind_of_type(urn))
        found = diff.compare(sent, live, obj, ignore, self._settings, namespaced=namespaced)
        if is_true(obj, REPLACE_UNREADY) and kind_of(obj) == ("batch/v1", "Job") and not self._is_ready(live):
            path = f'metadata.annotations["{REPLACE_UNREADY}"]'
            changed = found.detailed | {path: PropertyDiff(DiffKind.UPDATE_REPLACE)}
            found = Diff(changed, [*found.replaces, path], delete_before_replace=name_of(obj) == name_of(live))
        return found

    def create(self, urn: str, inputs: Properties, *, timeout: float | None, preview: bool) -> tuple[str, Properties]:
        obj = to_object(inputs)
        show = partial(self._report, urn)
        if preview and (contains(inputs, Unknown) or not self._is_known(obj)):
            return "", inputs
        manager = field_manager(obj, {}, f"pulumi-kubernetes-{secrets.token_hex(4)}")
        try:
            live = apply.create(self._cluster, obj, manager, self._settings, show, preview=preview)
        except NoMatchError as error:
            version, kind = kind_of(obj)
            raise ProviderError(
                f'creation of resource "{urn}" with kind {version}/{kind} failed because the Kubernetes API server '
                "reported that the apiVersion for this resource does not exist. "
                f"Verify that any required CRDs have been created: {error}"
            ) from error
        except ApiError as error:
            if preview and (error.code == 403 or error.already_exists or error.namespace_missing or _no_dry_run(error)):
                return "", inputs
            hint = apply.EXISTS_HINT if error.already_exists else ""
            raise ProviderError(
                f'resource "{urn}" was not successfully created by the Kubernetes API server: {error}{hint}'
            ) from error
        keep = partial(outputs_of, sent=obj, inputs=inputs, manager=manager, initial_api_version=kind_of(obj)[0])
        if preview:
            live.pop("status", None)
            return "", keep(live)
        show(Severity.INFO, "")
        try:
            live = self._await(obj, live, None, timeout, show)
        except NotReadyError as error:
            message = (
                f'resource "{urn}" was successfully created, but the Kubernetes API server '
                f"reported that it failed to fully initialize or become live: {error}"
            )
            reasons = [message, *error.reasons]
            raise PartialFailureError(
                message, id=id_of(error.live), outputs=keep(error.live), reasons=reasons
            ) from error
        return id_of(live), keep(live)

    def update(
        self,
        urn: str,
        id: str,  # noqa: A002 - the protocol's
        old_inputs: Properties,
        old_outputs: Properties,
        inputs: Properties,
        *,
        timeout: float | None,
        ignore: Sequence[str],
        preview: bool,
    ) -> Properties:
        del old_inputs, id  # name and namespace are in the inputs: a change of either replaces
        obj = normal(to_object(inputs))
        show = partial(self._report, urn)
        if preview and (contains(inputs, Unknown) or not self._is_known(obj)):
            return inputs
        sent, old_live = parts_of(old_outputs)
        version = initial_api_version(old_outputs, sent)
        fresh = f"pulumi-kubernetes-{secrets.token_hex(4)}"
        former, manager = field_manager(sent, old_outputs, fresh), field_manager(obj, old_outputs, fresh)
        keep = partial(outputs_of, sent=obj, inputs=inputs, manager=manager, initial_api_version=version)
        try:
            before, live = apply.update(self._cluster, obj, manager, self._settings, ignore, preview=preview)
            if preview:
                return keep(live)
            live = self._await(obj, live, before, timeout, show)
        except NoMatchError as error:
            raise ProviderError(
                f'update of resource "{urn}" failed because the Kubernetes API server '
                "reported that the apiVersion for this resource does not exist. "
                f"Verify that any required CRDs have been created: {error}"
            ) from error
        except ClusterError as error:
            if preview and isinstance(error, ApiError) and error.code == 403:
                return inputs
            live, reasons = self._after_failure(urn, old_live, error)
            message = (
                f'the Kubernetes API server reported that "{id_of(live)}" failed to fully initialize '
                f"or become live: {error}"
            )
            raise PartialFailureError(
                message, id=id_of(live), outputs=keep(live), reasons=[message, *reasons]
            ) from error
        if former != manager:
            apply.relinquish(self._cluster, live, former)
        return keep(live)

    def read(self, urn: str, id: str, inputs: Properties, outputs: Properties) -> ReadResult | None:  # noqa: A002
        _, old_live = parts_of(outputs)
        sent = normal(to_object(inputs))
        version, kind = kind_of(sent) if sent else kind_of(old_live) if old_live else checks.kind_of_type(urn)
        namespace, _, name = id.rpartition("/")
        try:
            live = self._cluster.get(version, kind, namespace, name)
        except NoMatchError:
            return None
        except ApiError as error:
            if error.not_found:
                return None
            raise
        live = {"apiVersion": version, "kind": kind} | live
        reasons = self._unready(live, partial(self._report, urn)) if sent and not is_true(sent, SKIP_AWAIT) else []
        found = diff.prune(live, sent) if sent else _as_inputs(live)
        manager = field_manager(sent, outputs, f"pulumi-kubernetes-{secrets.token_hex(4)}")
        stored = outputs_of(live, found, inputs, manager, initial_api_version(outputs, live))
        return ReadResult(id, inputs_of(found, inputs), stored, reasons)

    def delete(
        self,
        urn: str,
        id: str,  # noqa: A002 - the protocol's
        inputs: Properties,
        outputs: Properties,
        *,
        timeout: float | None,
    ) -> None:
        del inputs
        sent, live = parts_of(outputs)
        show = partial(self._report, urn)
        namespace, _, name = id.rpartition("/")
        put(live, ("metadata", "name"), name)
        if namespace:
            put(live, ("metadata", "namespace"), namespace)
        policy = {"orphan": "Orphan", "background": "Background"}
        try:
            self._cluster.delete(live, policy.get(annotation(sent, DELETION_PROPAGATION).lower(), "Foreground"))
        except NoMatchError:
            return
        except ApiError as error:
            if error.not_found:
                return
            raise
        if is_true(sent, SKIP_AWAIT) and kind_of(live) in SKIPS_WAIT_FOR_DELETE:
            show(Severity.INFO, "Skipping await logic")
        else:
            waiting.until_gone(self._cluster, live, _timeout(timeout, sent) or DELETE_TIMEOUT, show)
        show(Severity.INFO, "")

    def diff_config(self, old: Properties, new: Properties) -> Diff:
        return settings.compare(old, new)

    def cancel(self) -> None:
        self._cluster.stopped.set()

    def _is_namespaced(self, api_version: str, kind: str) -> bool:
        """Tell whether a kind has a namespace; one that nobody knows is taken to have one."""
        try:
            return self._cluster.place(api_version, kind).namespaced
        except NoMatchError:
            return self._scopes.get((api_version.rpartition("/")[0], kind), True)

    def _is_known(self, obj: Object) -> bool:
        try:
            self._cluster.place(*kind_of(obj))
        except NoMatchError:
            return False
        return True

    def _await(
        self, obj: Object, live: Object, before: Object | None, timeout: float | None, show: waiting.Show
    ) -> Object:
        """Wait until what was just written is ready; raises `NotReadyError`."""
        if is_true(obj, SKIP_AWAIT):
            show(Severity.INFO, "Skipping await logic")
        elif rule := rule_of(live):
            live = waiting.Wait(self._cluster, rule, before, _timeout(timeout, obj), show).until_ready(live)
        show(Severity.INFO, "")
        return live

    def _after_failure(self, urn: str, old_live: Object, error: ClusterError) -> tuple[Object, list[str]]:
        """Return the object as it is after an update that failed, and why it is not ready if that was the failure."""
        if isinstance(error, NotReadyError):
            return error.live, error.reasons
        try:
            return self._cluster.live(old_live), []
        except ClusterError as lost:
            raise ProviderError(
                f'update of resource "{urn}" failed: {error}\nunable to get cluster state: {lost}'
            ) from error

    def _unready(self, live: Object, show: waiting.Show) -> list[str]:
        """Judge a live object once; return the reasons if it is not ready."""
        rule = RULES.get(kind_of(live))
        if rule is None or not rule.on_read:
            return []
        verdict = waiting.judge(self._cluster, live, rule)
        for line in verdict.status:
            show(*line)
        if not verdict.ready:
            missing = [*verdict.missing, *waiting.complaints(self._cluster, live, verdict)]
            return [waiting.not_initialized(live), *missing]
        if verdict.done:
            show(Severity.INFO, verdict.done)
        show(Severity.INFO, "")
        return []

    def _is_ready(self, old_live: Object) -> bool:
        """Tell whether an object is ready today; one that cannot be asked counts as ready."""
        try:
            live = self._cluster.live(old_live)
            return waiting.judge(self._cluster, live, RULES[kind_of(old_live)]).ready
        except ClusterError:
            return True


def _timeout(asked: float | None, obj: Object) -> float | None:
    """Return the seconds to wait: the resource option's, else the annotation's, else None."""
    annotated = annotation(obj, TIMEOUT_SECONDS)
    return asked or (float(annotated) if annotated.isdecimal() else None)


def _no_dry_run(error: ApiError) -> bool:
    return error.code == 400 and "dry run" in str(error)


def _as_inputs(live: Object) -> Object:
    """Return a live object without what only the server writes: the inputs of a resource that was never ours."""
    obj = to_object(live)
    obj.pop("status", None)
    for key in READ_ONLY:
        remove(obj, ("metadata", key))
    for key in ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"):
        remove(obj, ("metadata", "annotations", key))
    return obj
