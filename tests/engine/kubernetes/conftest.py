"""What the provider's tests share: the transitions that the real provider was recorded with, and a fake connection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lightkube import KubeConfig

from engine.kubernetes.settings import Settings
from engine.values import Secret

RECORDED = Path(__file__).with_name("recorded.json")
"""Pairs of states and what `preview --json` said between them: pulumi-kubernetes 4.34.2 on Kubernetes 1.34.

A secret is `{"$secret": value}`; managed fields and status are left out.
"""


def _unwrap(value: Any) -> Any:
    match value:
        case {"$secret": inner}:
            return Secret(inner)
        case dict():
            return {key: _unwrap(item) for key, item in value.items()}
        case list():
            return [_unwrap(item) for item in value]
        case _:
            return value


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "transition" in metafunc.fixturenames:
        found = _unwrap(json.loads(RECORDED.read_text()))
        names = [
            f"{entry['case']}, {entry['urn'].rpartition(':')[0].split(':')[-2]} {entry['urn'].rpartition(':')[2]}"
            for entry in found
        ]
        metafunc.parametrize("transition", found, ids=names)


@pytest.fixture
def settings() -> Settings:
    connection = KubeConfig.from_server("http://127.0.0.1:1").get()
    assert connection is not None
    return Settings(
        connection,
        namespace="default",
        enable_patch_force=False,
        upsert_existing_objects=False,
        enable_config_map_mutable=False,
        enable_secret_mutable=False,
    )
