"""What can go wrong between the provider and a cluster.

engine.provider.ProviderError
└── ClusterError
    ├── UnreachableError   no answer, or none that a Kubernetes API server would give
    ├── ApiError           the API server answered with a failure
    ├── NoMatchError       the API server does not know the kind
    ├── NotReadyError      the object is there but did not become ready (or did not go away) in time
    └── StoppedError       the run was cancelled while a request was being retried
"""

from __future__ import annotations

from typing import Any

from engine.provider import ProviderError


class ClusterError(ProviderError):
    """Base of everything that this package raises about a cluster."""


class UnreachableError(ClusterError):
    """No answer from the API server.

    Attributes:
        server: its URL.
    """

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(f"configured Kubernetes cluster is unreachable: {server}: {reason}")
        self.server = server


class ApiError(ClusterError):
    """The API server answered with a `Status` of failure; the text is the server's own.

    Attributes:
        code: HTTP status code.
        reason: the machine-readable reason, such as `AlreadyExists`; may be empty.
        details: the status's details; may be empty.
    """

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details or {}

    @property
    def not_found(self) -> bool:
        return self.code == 404

    @property
    def conflict(self) -> bool:
        return self.reason == "Conflict"

    @property
    def already_exists(self) -> bool:
        return self.reason == "AlreadyExists"

    @property
    def namespace_missing(self) -> bool:
        return self.not_found and self.details.get("kind") == "namespaces"


class NoMatchError(ClusterError):
    """The API server serves no such kind; its CustomResourceDefinition may not be there yet.

    Attributes:
        api_version: as in the object.
        kind: as in the object.
    """

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f'no matches for kind "{kind}" in version "{api_version}"')
        self.api_version = api_version
        self.kind = kind


class NotReadyError(ClusterError):
    """A wait ended before its object was as wanted.

    Attributes:
        live: the object as last seen.
        reasons: what was missing, one line each; may be empty.
    """

    def __init__(self, message: str, live: dict[str, Any], reasons: list[str]) -> None:
        super().__init__(message)
        self.live = live
        self.reasons = reasons


class StoppedError(ClusterError):
    """The run was cancelled."""
