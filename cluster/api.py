"""The few questions that the cluster's own start and status ask of its API server."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster import layout

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 5.0


@dataclass(frozen=True)
class Api:
    """A client of the API server with the certificates of that folder; a proxy of the environment is never used."""

    certificates: Path

    def get(self, path: str) -> bytes | None:
        """The body of the answer; None where the server does not answer or answers with an error."""
        if not (self.certificates / "admin.crt").exists():
            return None
        context = ssl.create_default_context(cafile=self.certificates / "ca.crt")
        context.load_cert_chain(self.certificates / "admin.crt", self.certificates / "admin.key")
        connection = http.client.HTTPSConnection("127.0.0.1", layout.API_PORT, context=context, timeout=_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return body if response.status == http.client.OK else None

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
