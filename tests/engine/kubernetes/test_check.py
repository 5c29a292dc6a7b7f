from __future__ import annotations

import re
from typing import Any

import pytest

from engine.kubernetes import check as checks
from engine.provider import ProviderError
from engine.values import UNKNOWN, Properties, Secret

DEPLOYMENT = "urn:pulumi:dev::probe::a:b:C$kubernetes:apps/v1:Deployment::web"
CONFIG_MAP = "urn:pulumi:dev::probe::kubernetes:core/v1:ConfigMap::auto"


def config_map(**metadata: Any) -> Properties:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "1"}}


def check(
    inputs: Properties, old: Properties | None = None, urn: str = CONFIG_MAP, *, namespaced: bool = True
) -> Properties:
    return checks.check(urn, old, inputs, "team", namespaced=namespaced)


def test_the_type_of_a_resource_names_its_kind() -> None:
    assert checks.kind_of_type(DEPLOYMENT) == ("apps/v1", "Deployment")
    assert checks.kind_of_type(CONFIG_MAP) == ("v1", "ConfigMap")


def test_an_object_without_a_name_gets_one_and_keeps_it() -> None:
    first = check(config_map())
    assert re.fullmatch(r"auto-[0-9a-f]{8}", first["metadata"]["name"])
    assert first["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert check(config_map(), first) == first
    assert check(config_map())["metadata"]["name"] != first["metadata"]["name"]


def test_a_name_is_left_alone_known_or_not() -> None:
    assert check(config_map(name="mine"))["metadata"] == {"name": "mine", "namespace": "team"}
    assert check(config_map(name=UNKNOWN))["metadata"] == {"name": UNKNOWN, "namespace": "team"}
    assert check(config_map() | {"metadata": UNKNOWN})["metadata"] is UNKNOWN


def test_a_name_given_up_is_not_kept() -> None:
    assert "name" not in check(config_map(), check(config_map(name="mine")))["metadata"]


def test_the_namespace_is_the_objects_else_the_providers_and_only_where_there_is_one() -> None:
    assert check(config_map(name="m", namespace="own"))["metadata"]["namespace"] == "own"
    assert check(config_map(name="m", namespace=UNKNOWN))["metadata"]["namespace"] is UNKNOWN
    assert "namespace" not in check(config_map(name="m"), namespaced=False)["metadata"]


def test_secrets_stay_marked_at_the_leaf_and_a_list_as_a_whole() -> None:
    inputs = config_map(name="m") | {"data": {"k": "1", "s": Secret("x")}, "list": [{"a": 1}, {"b": Secret("y")}]}
    checked = check(inputs)
    assert checked["data"] == {"k": "1", "s": Secret("x")}
    assert checked["list"] == Secret([{"a": 1}, {"b": "y"}])


def test_the_text_of_a_secret_becomes_data_that_is_secret_as_a_whole() -> None:
    inputs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"token": "plain"}}
    assert check(inputs)["data"] == Secret({"token": "cGxhaW4="})


def test_keys_of_definitions_are_written_with_dashes() -> None:
    inputs = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "d"}}
    inputs["spec"] = {"x_kubernetes_preserve_unknown_fields": True}
    assert check(inputs, namespaced=False)["spec"] == {"x-kubernetes-preserve-unknown-fields": True}


@pytest.mark.parametrize(
    ("kind", "inputs", "said"),
    [
        ("core/v1:ServicePatch", {"kind": "Service"}, "Patch resources are not supported"),
        ("helm.sh/v3:Release", {}, "Helm charts and releases are not supported"),
        ("core/v1:ConfigMapList", {"kind": "ConfigMapList", "items": []}, "list resources exist for compatibility"),
        (
            "core/v1:ConfigMap",
            {"metadata": {"generateName": "x-"}},
            r"`\.metadata\.generateName` field is not supported",
        ),
        ("core/v1:Pod", {"metadata": {"annotations": {"pulumi.com/waitFor": "Ready"}}}, "waitFor: cannot read 'Ready'"),
        ("core/v1:Pod", {"metadata": {"annotations": {"pulumi.com/waitFor": "jsonpath={.a[?(@.b)]}"}}}, "plain paths"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(kind: str, inputs: Properties, said: str) -> None:
    with pytest.raises(ProviderError, match=said):
        check(inputs, urn=f"urn:pulumi:dev::probe::kubernetes:{kind}::x")


def test_a_definition_tells_the_scope_of_its_kind() -> None:
    spec = {"group": "g.example", "names": {"kind": "Thing"}, "scope": "Cluster"}
    assert checks.scope_in({"spec": spec}) == (("g.example", "Thing"), False)
    assert checks.scope_in({"spec": spec | {"scope": "Namespaced"}}) == (("g.example", "Thing"), True)
