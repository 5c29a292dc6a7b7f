"""A connection to one cluster: JSON requests by kind, with discovery, timeouts and careful retries.

lightkube reads the kubeconfig and sets up TLS and authentication (certificates, tokens, exec plugins); its typed
client is not used, because any kind must work and an object must come back exactly as the server sent it.
"""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from lightkube import ConfigError, SingleConfig
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.models import User

from engine.kubernetes.errors import ApiError, NoMatchError, StoppedError, UnreachableError
from engine.kubernetes.objects import Object, items, kind_of, name_of, namespace_of
from engine.provider import ProviderError

CREATE_MANAGER: Final = "pulumi-kubernetes"
"""The field manager of a plain create; the first update moves its fields to the resource's own manager."""

TIMEOUT: Final = httpx2.Timeout(60.0, connect=5.0)
"""Seconds for one answer; admission webhooks may take 30."""
CONNECTIONS: Final = 64
FIRST_PATIENCE: Final = 15.0
"""Seconds that a cluster may take to answer for the first time; a wrong address should not cost a minute."""
PATIENCE: Final = 60.0
"""Seconds that a cluster which has answered before may be away, as while its API server restarts."""
RETRY_EVERY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a kind lives in the API; `root` is `/api/v1` or `/apis/<group>/<version>`."""

    root: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        parts = [self.root]
        if self.namespaced:
            parts += ["namespaces", namespace or "default"]
        return "/".join([*parts, self.plural, *([name] if name else [])])


class Cluster:
    """One cluster, for use from many threads.

    Every request raises `ApiError` when the server refuses, `UnreachableError` when there is no answer in time, and
    `NoMatchError` for a kind that the server does not know.
    """

    def __init__(self, config: SingleConfig) -> None:
        """Prepare the connection; nothing is sent yet.

        Raises:
            ProviderError: the kubeconfig's certificates or user cannot be used.
        """
        if config.user is None:
            config = config._replace(user=User())
        self.server = config.cluster.server
        try:
            # Go programs never use a proxy for loopback addresses; httpx does.
            settings = ConnectionParams(timeout=TIMEOUT, trust_env=not _is_loopback(self.server)).httpx_params(config)
        except (ConfigError, OSError, ValueError) as error:
            raise ProviderError(f"context {config.context_name} of the kubeconfig cannot be used: {error}") from error
        limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._http = httpx2.Client(**settings, limits=limits)
        self._kinds: dict[str, dict[str, Place]] = {}
        self._has_answered = False
        self.stopped = threading.Event()

    def place(self, api_version: str, kind: str) -> Place:
        """Find a kind by discovery; known ones are remembered, unknown ones asked for again each time."""
        found = self._kinds.get(api_version, {}).get(kind)
        if found is None:
            self._kinds[api_version] = self._discover(api_version)
            found = self._kinds[api_version].get(kind)
        if found is None:
            raise NoMatchError(api_version, kind)
        return found

    def _discover(self, api_version: str) -> dict[str, Place]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            answer = self._send("GET", root)
        except ApiError as error:
            if error.not_found:
                return {}
            raise
        return {
            resource["kind"]: Place(root, resource["name"], resource["namespaced"])
            for resource in items(answer, "resources")
            if "/" not in resource["name"]  # no subresources
        }

    def forget(self, api_version: str) -> None:
        """Ask the server again for the kinds of this version: a definition came or went."""
        self._kinds.pop(api_version, None)

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object:
        return self._send("GET", self.place(api_version, kind).path(namespace, name))

    def live(self, obj: Object) -> Object:
        """Fetch the object of the same kind, namespace and name."""
        return self.get(*kind_of(obj), namespace_of(obj), name_of(obj))

    def find(self, api_version: str, kind: str, namespace: str, selector: str = "") -> list[Object]:
        path = self.place(api_version, kind).path(namespace)
        answer = self._send("GET", path, {"labelSelector": selector} if selector else {})
        return items(answer, "items")

    def create(self, obj: Object, *, dry_run: bool = False) -> Object:
        params = {"fieldManager": CREATE_MANAGER} | _dry(dry_run)
        path = self.place(*kind_of(obj)).path(namespace_of(obj))
        return self._send("POST", path, params, obj, repeatable=dry_run)

    def apply(self, obj: Object, manager: str, *, force: bool, dry_run: bool = False) -> Object:
        """Server-side apply."""
        params = {"fieldManager": manager, "force": str(force).lower()} | _dry(dry_run)
        return self._send("PATCH", self._path(obj), params, obj, content="application/apply-patch+yaml")

    def replace(self, obj: Object, manager: str, *, dry_run: bool = False) -> Object:
        return self._send("PUT", self._path(obj), {"fieldManager": manager} | _dry(dry_run), obj)

    def patch(self, obj: Object, operations: list[Object]) -> Object:
        """Apply a JSON patch."""
        return self._send("PATCH", self._path(obj), {}, operations, content="application/json-patch+json")

    def delete(self, obj: Object, propagation: str) -> None:
        self._send("DELETE", self._path(obj), {"propagationPolicy": propagation})

    def _path(self, obj: Object) -> str:
        return self.place(*kind_of(obj)).path(namespace_of(obj), name_of(obj))

    def _send(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None = None,
        body: Any = None,
        *,
        content: str = "application/json",
        repeatable: bool = True,
    ) -> Object:
        """Send until there is an answer; what may have been done already is not sent twice unless `repeatable`."""
        data = None if body is None else json.dumps(body, allow_nan=False)
        headers = {"Accept": "application/json", "Content-Type": content}
        deadline = time.monotonic() + (PATIENCE if self._has_answered else FIRST_PATIENCE)
        while True:
            try:
                response = self._http.request(method, path, params=params, content=data, headers=headers)
            except ConfigError as error:  # from an authentication plugin
                raise UnreachableError(self.server, str(error)) from error
            except httpx2.TransportError as error:
                unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
                if not (unsent or repeatable) or time.monotonic() > deadline:
                    raise UnreachableError(self.server, str(error) or type(error).__name__) from error
            else:
                self._has_answered = True
                if not _is_passing(response, repeatable=repeatable) or time.monotonic() > deadline:
                    return self._read(response)
            if self.stopped.wait(RETRY_EVERY):
                raise StoppedError(f"cancelled while {self.server} gave no answer to {method} {path}")

    def _read(self, response: httpx2.Response) -> Object:
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        if response.is_success and isinstance(answer, dict):
            return answer
        message = answer.get("message") or f"{response.status_code} {response.reason_phrase}: {response.text[:200]}"
        raise ApiError(response.status_code, answer.get("reason") or "", message, answer.get("details"))


def _is_passing(response: httpx2.Response, *, repeatable: bool) -> bool:
    """Tell whether the server asks to be tried again (a `Retry-After` says that nothing was done)."""
    if "Retry-After" in response.headers:
        return response.status_code == 429 or response.status_code >= 500
    return repeatable and response.status_code in {429, 502, 503, 504}


def _dry(dry_run: bool) -> dict[str, str]:  # noqa: FBT001 - a word of the API
    return {"dryRun": "All"} if dry_run else {}


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
