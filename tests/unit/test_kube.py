"""What the one module that talks to Kubernetes makes of an API server's answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from lightkube import ApiError

from components.kube import Cluster
from tests.unit.api import Api

STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {}}


def namespaces(status: int, said: dict[str, Any]) -> tuple[list[str], str]:
    api = Api(lambda _: (status, said))

    async def run() -> list[str]:
        async with asyncio.timeout(20), api.up():
            return await Cluster(json.dumps(api.kubeconfig), "c", "shop").namespaces("shop.prod")

    return asyncio.run(run()), api.asked[0][0]


def test_the_namespaces_of_a_stack_are_those_with_its_label() -> None:
    ending = {"name": "old", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    items = [{"metadata": {"name": "shop"}}, {"metadata": ending}]
    found, path = namespaces(200, {"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": items})
    assert found == ["shop"]
    assert path == "/api/v1/namespaces?labelSelector=cutover%2Fstack%3Dshop.prod"


def test_who_may_not_list_namespaces_has_made_none() -> None:
    found, _ = namespaces(403, {**STATUS, "reason": "Forbidden", "code": 403, "message": "namespaces is forbidden"})
    assert found == []


def test_another_answer_is_not_taken_for_none() -> None:
    with pytest.raises(ApiError):
        namespaces(400, {**STATUS, "reason": "BadRequest", "code": 400, "message": "what?"})
