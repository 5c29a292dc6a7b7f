"""The few questions that the cluster's own start and status ask of its programs, and the objects that it makes."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster import layout
from cluster.errors import ObjectError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS = 5.0
_APPLIED = {"Content-Type": "application/apply-patch+yaml"}
_MERGED = {"Content-Type": "application/merge-patch+json"}


def answer(port: int, path: str) -> bytes | None:
    """The body that a program on loopback answers; None where it does not answer or answers with an error."""
    return _get(http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS), path)


@dataclass(frozen=True)
class Api:
    """A client of the API server with the certificates of that folder; a proxy of the environment is never used."""

    certificates: Path

    def get(self, path: str) -> bytes | None:
        """The body of the answer; None where the server does not answer or answers with an error."""
        if not (self.certificates / "admin.crt").exists():
            return None
        return _get(self._connection(), path)

    def apply(self, path: str, document: str) -> None:
        """Make the object at that path what a document in YAML says, whoever wrote it before (server-side apply).

        Raises:
            ObjectError: the server does not answer or refuses it.
        """
        self._patch(path, "?fieldManager=cutover-cluster&force=true", document, _APPLIED)

    def merge(self, path: str, changes: Mapping[str, Any]) -> None:
        """Change fields of the object at that path; None removes one.

        Raises:
            ObjectError: the server does not answer or refuses it.
        """
        self._patch(path, "", json.dumps(changes), _MERGED)

    def _patch(self, path: str, query: str, document: str, headers: Mapping[str, str]) -> None:
        try:
            status, body = _ask(self._connection(), "PATCH", path + query, document.encode(), headers)
        except (OSError, http.client.HTTPException) as error:
            raise ObjectError(path, str(error)) from error
        if status not in {http.client.OK, http.client.CREATED}:
            raise ObjectError(path, body.decode(errors="replace"))

    def objects(self, path: str) -> list[dict[str, Any]]:
        """The items of a list; none where the server does not answer."""
        body = self.get(path)
        return list(json.loads(body)["items"]) if body else []

    @property
    def ready(self) -> bool:
        return self.get("/readyz") is not None

    @property
    def node_ready(self) -> bool:
        return any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for node in self.objects("/api/v1/nodes")
            for condition in node["status"].get("conditions", ())
        )

    def _connection(self) -> http.client.HTTPConnection:
        context = ssl.create_default_context(cafile=self.certificates / "ca.crt")
        context.load_cert_chain(self.certificates / "admin.crt", self.certificates / "admin.key")
        return http.client.HTTPSConnection("127.0.0.1", layout.API_PORT, context=context, timeout=_SECONDS)


def _get(connection: http.client.HTTPConnection, path: str) -> bytes | None:
    try:
        status, body = _ask(connection, "GET", path)
    except (OSError, http.client.HTTPException):
        return None
    return body if status == http.client.OK else None


def _ask(connection: http.client.HTTPConnection, *request: Any) -> tuple[int, bytes]:
    """Send a request over a connection that is then closed; status and body of the answer."""
    try:
        connection.request(*request)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
