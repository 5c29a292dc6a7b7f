"""What the Gateway's start makes of an API server that is not as it should be; the real one is in test_lifecycle.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster import certificates, gateway, layout
from cluster.api import Api
from cluster.errors import ObjectError

API = Api(Path("/nowhere"))


def serve(monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]) -> None:
    """Let the API server take every object and answer that path."""
    monkeypatch.setattr(Api, "apply", lambda *_: None)
    monkeypatch.setattr(Api, "get", lambda _, asked: json.dumps(body).encode() if asked == path else None)


@pytest.mark.parametrize(("status", "seen", "programmed"), [("True", 2, True), ("True", 1, False), ("False", 2, False)])
def test_a_gateway_is_programmed_once_contour_has_taken_its_last_change(
    monkeypatch: pytest.MonkeyPatch, status: str, seen: int, *, programmed: bool
) -> None:
    condition = {"type": "Programmed", "status": status, "observedGeneration": seen}
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/cutover-gateway/gateways/edge"
    serve(monkeypatch, path, {"metadata": {"generation": 2}, "status": {"conditions": [condition]}})
    assert gateway.is_programmed(API) == programmed


def test_a_gateway_that_is_not_there_is_not_programmed(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "/elsewhere", {})
    assert not gateway.is_programmed(API)


def test_a_kind_that_is_never_served_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_SERVED_SECONDS", 0.0)
    monkeypatch.setattr(gateway, "_definitions", lambda: iter([]))
    serve(monkeypatch, "/apis/gateway.networking.k8s.io/v1", {"resources": [{"name": "gatewayclasses"}]})
    with pytest.raises(ObjectError, match="not served within 0 s") as caught:
        gateway.create(API)
    assert caught.value.path == "/apis/gateway.networking.k8s.io/v1/gateways"


def test_an_object_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates.write_all(tmp_path)
    monkeypatch.setattr(layout, "API_PORT", 1)
    with pytest.raises(ObjectError, match=r"/api/v1/namespaces/web .*refused; `python -m cluster up` tries again"):
        Api(tmp_path).apply("/api/v1/namespaces/web", "{}")
