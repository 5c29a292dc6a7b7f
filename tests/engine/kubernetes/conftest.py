"""What the provider's tests share."""

from __future__ import annotations

import pytest
from lightkube import KubeConfig

from engine.kubernetes.settings import Settings
from tests.engine.kubernetes.recordings import transitions


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "transition" in metafunc.fixturenames:
        metafunc.parametrize("transition", list(transitions()), ids=lambda transition: transition.name)


@pytest.fixture(autouse=True)
def _passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "golden")


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
