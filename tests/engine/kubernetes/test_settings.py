from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.kubernetes.settings import Settings, compare
from engine.provider import ProviderError
from engine.values import UNKNOWN, Secret


def kubeconfig(**clusters: str) -> dict[str, Any]:
    return {
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in clusters.items()],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "u", "namespace": f"{name}-ns"}} for name in clusters
        ],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "current-context": next(iter(clusters)),
    }


TWO = kubeconfig(one="https://one", two="https://two")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_kubeconfig_is_given_as_contents_or_path(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(yaml.dump(TWO))
    for given in (yaml.dump(TWO), "~/config", str(tmp_path / "config"), Secret(yaml.dump(TWO))):
        settings = Settings.read({"kubeconfig": given, "context": "two"})
        assert settings.connection.cluster.server == "https://two"
        assert settings.namespace == "two-ns"


def test_the_current_context_and_overrides() -> None:
    contents = yaml.dump(TWO)
    assert Settings.read({"kubeconfig": contents}).connection.context_name == "one"
    settings = Settings.read({"kubeconfig": contents, "cluster": "two", "namespace": "mine"})
    assert (settings.connection.cluster.server, settings.namespace) == ("https://two", "mine")


def test_without_one_the_environment_then_the_home_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(yaml.dump(kubeconfig(home="https://home")))
    assert Settings.read({}).connection.cluster.server == "https://home"
    for name in ("a", "b"):
        (tmp_path / name).write_text(yaml.dump(kubeconfig(**{name: f"https://{name}"})))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a:{tmp_path}/missing:{tmp_path}/b")
    assert Settings.read({}).connection.cluster.server == "https://a"
    assert Settings.read({"context": "b"}).connection.cluster.server == "https://b"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"kubeconfig": "/nowhere/config"}, "Configuration file /nowhere/config not found"),
        ({"kubeconfig": yaml.dump(TWO), "context": "three"}, "Context 'three' not found"),
        ({"kubeconfig": yaml.dump(TWO), "cluster": "three"}, "the kubeconfig has no 'three'"),
        ({"kubeconfig": "clusters:\ncontexts:\n"}, "unable to load Kubernetes client configuration"),
        ({"kubeconfig": "{}"}, "neither the path of a file nor a kubeconfig's contents"),
        ({"kubeconfig": "{:"}, "unable to load Kubernetes client configuration"),
        ({}, "unable to load Kubernetes client configuration"),
        ({"kubeconfig": UNKNOWN}, "kubeconfig is not known before `up` has run"),
        ({"renderYamlToDirectory": "out"}, "renderYamlToDirectory = 'out' is not supported by the embedded engine"),
        ({"enableServerSideApply": "false"}, "enableServerSideApply = 'false' is not supported"),
        ({"deleteUnreachable": "true"}, "deleteUnreachable = 'true' is not supported"),
        ({"nonsense": "x"}, "nonsense = 'x' is not supported"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(ProviderError, match=said):
        Settings.read(inputs)


def test_variables_that_ask_for_more_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_AWAIT_ALL", "true")
    with pytest.raises(ProviderError, match="PULUMI_K8S_AWAIT_ALL=true is not supported"):
        Settings.read({"kubeconfig": yaml.dump(TWO)})


def test_switches_are_read_from_the_provider_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE", "true")
    monkeypatch.setenv("PULUMI_K8S_ENABLE_SECRET_MUTABLE", "true")
    harmless = {"version": "4.34.2", "__internal": {}, "kubeClientSettings": "{}", "deleteUnreachable": "false"}
    settings = Settings.read(
        {"kubeconfig": yaml.dump(TWO), "enablePatchForce": "true", "enableSecretMutable": "false", **harmless}
    )
    assert settings.enable_patch_force
    assert settings.enable_config_map_mutable
    assert not settings.enable_secret_mutable
    assert not settings.upsert_existing_objects


ONE = {"kubeconfig": yaml.dump(TWO), "context": "one"}


@pytest.mark.parametrize(
    ("old", "new", "changed", "replaces"),
    [
        (ONE, ONE, set(), []),
        (ONE, ONE | {"version": "5"}, {"version"}, []),
        (ONE, ONE | {"context": "two"}, {"context"}, ["context"]),
        (ONE, ONE | {"namespace": "x"}, {"namespace"}, []),
        (
            ONE,
            {"kubeconfig": yaml.dump(kubeconfig(one="https://three"))},
            {"kubeconfig", "context"},
            ["kubeconfig", "context"],
        ),
        ({"context": "one"}, {"context": "two"}, {"context"}, []),
        (
            ONE | {"clusterIdentifier": "a"},
            ONE | {"clusterIdentifier": "b"},
            {"clusterIdentifier"},
            ["clusterIdentifier"],
        ),
        (ONE | {"clusterIdentifier": "a"}, ONE | {"clusterIdentifier": "a", "context": "two"}, {"context"}, []),
        (ONE, ONE | {"clusterIdentifier": "a"}, {"clusterIdentifier"}, []),
        ({"kubeconfig": "/gone"}, ONE, {"kubeconfig", "context"}, []),
    ],
)
def test_another_cluster_replaces_the_provider(old: Any, new: Any, changed: set[str], replaces: list[str]) -> None:
    found = compare(old, new)
    assert set(found.detailed) == changed
    assert found.replaces == replaces
