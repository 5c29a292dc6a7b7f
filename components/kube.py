"""The cluster as the release sees it: the one module that talks to Kubernetes.

It reads what the checks judge and makes the few writes that are not Pulumi's: sizes under an HPA, pod restarts, and
what the release remembers (annotations under a field manager of our own, which Pulumi's apply leaves alone).
Reads and writes here are idempotent, so each is repeated while the API server is away, for at most `PATIENCE_SECONDS`
unless somebody only wants a glance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import yaml
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.core.exceptions import ConfigError as KubeConfigError
from lightkube.core.resource import NamespacedResource
from lightkube.core.resource_registry import resource_registry
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.authorization_v1 import ResourceAttributes, SelfSubjectAccessReviewSpec
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.resources.apps_v1 import Deployment, DeploymentScale, ReplicaSet
from lightkube.resources.authorization_v1 import SelfSubjectAccessReview
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Event, Namespace, Pod, Service
from lightkube.resources.discovery_v1 import EndpointSlice
from lightkube.types import CascadeType, PatchType

from components.errors import ClusterUnreachableError, ContextError, WrongClusterError
from components.plan import STACK
from components.reach import Reach

FIELD_MANAGER = "cutover"
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.5
REQUEST_SECONDS = 10.0

Answer = TypeVar("Answer")
Kind = TypeVar("Kind", bound=NamespacedResource)

_ROUTES = (
    create_namespaced_resource("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
    create_namespaced_resource("networking.istio.io", "v1", "VirtualService", "virtualservices"),
)


@dataclass(frozen=True)
class Endpoint:
    """One address behind a Service, as an EndpointSlice lists it."""

    pod: str
    ready: bool


class Cluster:
    """A namespace of the cluster that a kubeconfig context names.

    Args:
        kubeconfig: path (`~` is expanded) or contents of a kubeconfig, as the provider's `kubeconfig` takes it.
        context: the context in it.
        namespace: the namespace that every method looks in.

    Raises:
        ContextError: there is no such kubeconfig or context.
    """

    def __init__(self, kubeconfig: str, context: str, namespace: str) -> None:
        self.context = context
        self.namespace = namespace
        config = _load(kubeconfig, context)
        named = config.get(context) if context in config.contexts else None
        if named is None:
            raise ContextError(context, kubeconfig)
        self._config = named
        self._made: AsyncClient | None = None
        self._patience = PATIENCE_SECONDS
        self.was_away = False
        """Whether the API server had to be asked again: what it says may then be late news to nodes and controllers."""

    def wait_for(self, look: Callable[[Cluster], Coroutine[Any, Any, Answer]]) -> Answer:
        """Return what `look` finds here; for a program that is no coroutine and runs inside a loop all the same."""
        there = self.within(self._patience)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(look(there))).result()

    def within(self, seconds: float) -> Cluster:
        """The same cluster for another event loop, or for a glance: away once it is silent for `seconds`."""
        there = copy(self)
        there._patience = seconds  # noqa: SLF001  # of the same class
        there._made = None  # noqa: SLF001  # a client belongs to the loop that made it
        vars(there).pop("reach", None)  # and so does this
        return there

    @cached_property
    def reach(self) -> Reach:
        """HTTP to what runs in the cluster."""
        return Reach(self._config)

    @property
    def _client(self) -> AsyncClient:
        # made on first use, inside the event loop that will use it
        if self._made is None:
            self._made = AsyncClient(
                self._config,
                namespace=self.namespace,
                timeout=httpx2.Timeout(min(REQUEST_SECONDS, self._patience)),
                field_manager=FIELD_MANAGER,
                trust_env=False,
            )
        return self._made

    @property
    def node_host(self) -> str:
        """Where a NodePort answers: this machine for a cluster on it, else any node."""
        host = httpx2.URL(self._config.cluster.server).host
        return host if host in {"127.0.0.1", "localhost", "::1"} else "<any node>"

    async def find(self, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the object of a manifest's kind and name as the cluster has it; None when it is not there."""
        model: Any = resource_registry.load(manifest["apiVersion"], manifest["kind"])
        found = await self._find(lambda: self._client.get(model, manifest["metadata"]["name"]))
        return None if found is None else {**found.to_dict(), "kind": manifest["kind"]}

    async def service(self, name: str) -> Service | None:
        return await self._find(lambda: self._client.get(Service, name))

    async def deployment(self, name: str) -> Deployment | None:
        return await self._find(lambda: self._client.get(Deployment, name))

    async def verify(self, manifest: Mapping[str, Any], uid: str) -> None:
        """Make sure that an object is the very one that Pulumi has.

        Raises:
            WrongClusterError: it is another one, or not there.
        """
        found = await self.find(manifest)
        found_uid: str | None = found["metadata"]["uid"] if found else None
        if found_uid != uid:
            raise WrongClusterError(manifest["metadata"]["name"], self.context, expected=uid, found=found_uid)

    async def namespaces(self, stack: str) -> list[str]:
        """Return the namespaces that a stack has made; none where we may not look for them."""

        async def read() -> list[str]:
            found = self._client.list(Namespace, labels={STACK: stack})
            return [name async for item in found for name in names([item])]

        try:
            return await self._patiently(read)
        except ApiError as error:
            if error.status.code == httpx2.codes.FORBIDDEN:
                return []
            raise

    async def replica_sets(self, labels: Mapping[str, str]) -> list[ReplicaSet]:
        return await self.objects(ReplicaSet, labels)

    async def pods(self, labels: Mapping[str, str]) -> list[Pod]:
        return await self.objects(Pod, labels)

    async def objects(
        self,
        kind: type[Kind],
        labels: Mapping[str, str | Sequence[str]] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> list[Kind]:
        """Return all objects of a kind with these labels (a sequence: one of these values) and fields."""

        async def read() -> list[Kind]:
            found = self._client.list(kind, labels=dict(labels or {}), fields=dict(fields or {}))
            return [item async for item in found]

        return await self._patiently(read)

    async def may(self, verb: str, resource: str, *, group: str = "", everywhere: bool = False) -> bool:
        """Tell whether we may do this to a `resource` (`pods`, `pods/log`) in the namespace, or `everywhere`."""
        kind, _, subresource = resource.partition("/")
        attributes = ResourceAttributes(
            verb=verb,
            group=group,
            resource=kind,
            subresource=subresource or None,
            namespace=None if everywhere else self.namespace,
        )
        asked = SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resourceAttributes=attributes))
        answer = await self._patiently(lambda: self._client.create(asked))
        return bool(answer.status and answer.status.allowed)

    async def endpoints(self, service: str) -> list[Endpoint]:
        """Return what all EndpointSlices of a Service list; above 100 addresses there are several slices."""
        labels = {"kubernetes.io/service-name": service}
        return endpoints_in(await self.objects(EndpointSlice, labels))

    async def last_warning(self, pod: str) -> str:
        """Return the message of the newest Warning event of a pod; "" when there is none, or events are not ours."""

        async def read() -> list[Event]:
            fields = {"involvedObject.name": pod, "type": "Warning"}
            return [event async for event in self._client.list(Event, fields={**fields})]

        try:
            events = await self._patiently(read)
        except ApiError:
            return ""
        newest = max(events, key=lambda event: str(event.lastTimestamp or event.eventTime or ""), default=None)
        return (newest and newest.message) or ""

    async def log_tail(self, pod: str, container: str, lines: int = 5) -> list[str]:
        """Return the last lines that a container wrote; none when there is no log to read."""

        async def read() -> list[str]:
            return [line async for line in self._client.log(pod, container=container, tail_lines=lines, newlines=False)]

        try:
            return await self._patiently(read)
        except ApiError:
            return []

    async def size(self, deployment: str) -> int | None:
        """Return how many pods a Deployment is to have; None when it is not there."""
        return size_of(await self.deployment(deployment))

    async def scale(self, deployment: str, replicas: int) -> None:
        """Write a size to the scale subresource, which is where an HPA writes it too."""
        patch = DeploymentScale(spec=ScaleSpec(replicas=replicas))
        await self._patiently(
            lambda: self._client.patch(DeploymentScale, deployment, patch, patch_type=PatchType.MERGE)
        )

    async def apply(self, manifest: Mapping[str, Any], manager: str) -> None:
        """Write an object as Pulumi's provider does, under its field manager: what comes next from there owns it."""
        model: Any = resource_registry.load(manifest["apiVersion"], manifest["kind"])
        name = manifest["metadata"]["name"]
        await self._patiently(
            lambda: self._client.patch(
                model, name, dict(manifest), patch_type=PatchType.APPLY, force=True, field_manager=manager
            )
        )

    async def delete_pod(self, name: str) -> None:
        await self._find(lambda: self._client.delete(Pod, name))

    async def job(self, name: str) -> Job | None:
        return await self._find(lambda: self._client.get(Job, name))

    async def start_job(self, manifest: Mapping[str, Any]) -> None:
        """Create a Job, instead of one of the same name that a release which died has left."""
        await self.end_job(manifest["metadata"]["name"])
        try:
            await self._patiently(lambda: self._client.create(Job.from_dict(dict(manifest))))
        except ApiError as error:
            # it was made by an attempt before this one, whose answer was lost
            if error.status.code != httpx2.codes.CONFLICT:
                raise

    async def end_job(self, name: str) -> None:
        """Delete a Job, and with it its pods."""
        await self._find(lambda: self._client.delete(Job, name, cascade=CascadeType.BACKGROUND))

    async def remember(self, deployment: str, annotations: dict[str, str]) -> None:
        """Make `annotations` all that the release remembers of a Deployment."""
        note = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": deployment, "annotations": annotations},
        }
        await self._patiently(
            lambda: self._client.patch(Deployment, deployment, note, patch_type=PatchType.APPLY, force=True)
        )

    async def _find(self, call: Callable[[], Awaitable[Answer]]) -> Answer | None:
        try:
            return await self._patiently(call)
        except ApiError as error:
            if error.status.code == httpx2.codes.NOT_FOUND:
                return None
            raise

    async def _patiently(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Repeat `call` while the API server is away or overloaded.

        Raises:
            ClusterUnreachableError: it stayed away for as long as this cluster is waited for.
            ApiError: it answered with any other error.
        """
        give_up = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                return await call()
            except (ApiError, httpx2.TransportError) as error:
                if isinstance(error, ApiError) and error.response.status_code not in {429, 500, 502, 503, 504}:
                    raise
                self.was_away = True
                if asyncio.get_running_loop().time() >= give_up:
                    cause = str(error) or type(error).__name__  # a timeout has no words
                    raise ClusterUnreachableError(self.context, self._patience, cause) from error
            await asyncio.sleep(RETRY_SECONDS)


def _load(kubeconfig: str, context: str) -> KubeConfig:
    if "\n" in kubeconfig or kubeconfig.lstrip().startswith("{"):
        return KubeConfig.from_dict(yaml.safe_load(kubeconfig))
    path = Path(kubeconfig).expanduser()
    try:
        return KubeConfig.from_file(path)
    except (OSError, KubeConfigError) as error:
        raise ContextError(context, str(path)) from error


def endpoints_in(slices: Iterable[EndpointSlice]) -> list[Endpoint]:
    """What EndpointSlices list."""
    return [
        Endpoint(pod=(endpoint.targetRef and endpoint.targetRef.name) or "", ready=_is_ready(endpoint.conditions))
        for piece in slices
        for endpoint in piece.endpoints or []
    ]


def _is_ready(conditions: object) -> bool:
    # no condition means ready: discovery.k8s.io/v1, EndpointConditions
    return getattr(conditions, "ready", None) is not False


def size_of(deployment: Deployment | None) -> int | None:
    """How many pods a Deployment is to have; None where there is no Deployment."""
    return deployment.spec.replicas if deployment and deployment.spec is not None else None


def names(pods: Iterable[Pod | Namespace]) -> set[str]:
    """The names of pods or namespaces, without those that are ending."""
    return {
        pod.metadata.name for pod in pods if pod.metadata and pod.metadata.name and not pod.metadata.deletionTimestamp
    }
