from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kubernetes.normal import normal, quantity
from engine.values import UNKNOWN


@pytest.mark.parametrize(
    ("said", "canonical"),
    [
        ("1000m", "1"), ("1500m", "1500m"), ("0.5", "500m"), (1, "1"), (0.25, "250m"), ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"), ("0.5Gi", "512Mi"), ("512Ki", "512Ki"), ("0.5Ki", "512"), ("1000Ki", "1000Ki"),
        ("1000k", "1M"), ("128974848", "128974848"), ("1e3", "1e3"), ("1e4", "10e3"), ("129e6", "129e6"), ("0", "0"),
        ("0Mi", "0"), ("100n", "100n"), ("0.1n", "1n"), ("-1000m", "-1"), ("12e-3", "12e-3"),
        ("", ""), ("ten", "ten"), (True, True),
    ],
)  # fmt: skip
def test_quantities_have_one_form(said: Any, canonical: Any) -> None:
    assert quantity(said) == canonical


@given(st.from_regex(r"(0|[1-9]\d{0,5})(\.\d{1,3})?(m|k|M|G|Ki|Mi|Gi|)", fullmatch=True))
def test_a_canonical_quantity_stays_as_it_is(said: str) -> None:
    assert quantity(quantity(said)) == quantity(said)


def test_a_secret_keeps_only_encoded_data() -> None:
    said = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "uid": "1"},
        "data": {"a": "b2xk", "b": "b2xk\n"},
        "stringData": {"a": "new"},
    }
    assert normal(said) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "bmV3", "b": "b2xk"},
    }


def test_what_means_nothing_vanishes_and_what_is_a_choice_stays() -> None:
    said = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "labels": {},
            "annotations": {"limits": "1000m", "value": ""},
            "managedFields": [],
            "generation": 1,
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": 0,
            "template": {
                "spec": {
                    "hostNetwork": False,
                    "automountServiceAccountToken": False,
                    "initContainers": [],
                    "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "b", "emptyDir": {"sizeLimit": "1024Mi"}}],
                    "containers": [{"env": [{"name": "A", "value": ""}], "resources": {"limits": {"cpu": "1000m"}}}],
                }
            },
        },
    }
    assert normal(said) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"annotations": {"limits": "1000m", "value": ""}},
        "spec": {
            "replicas": 0,
            "template": {
                "spec": {
                    "automountServiceAccountToken": False,
                    "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "b", "emptyDir": {"sizeLimit": "1Gi"}}],
                    "containers": [{"env": [{"name": "A"}], "resources": {"limits": {"cpu": "1"}}}],
                }
            },
        },
    }


@pytest.mark.parametrize("api_version", ["probe.example/v1", "gateway.networking.k8s.io/v1"])
def test_custom_resources_pass_untouched(api_version: str) -> None:
    said = {"apiVersion": api_version, "kind": "Thing", "spec": {"limits": {"cpu": "1000m"}, "list": [], "value": 0}}
    assert normal(said) == said


def test_unknown_values_leave_the_rest_as_it_is() -> None:
    said = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": UNKNOWN}, "metadata": {"uid": "1"}}
    assert normal(said) == {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": UNKNOWN}, "metadata": {}}
