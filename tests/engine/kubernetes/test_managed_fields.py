from __future__ import annotations

from typing import Any

from engine.kubernetes.managed_fields import adopt, belongs_to_others, is_from_create


def entry(manager: str, operation: str, fields: dict[str, Any], subresource: str = "") -> dict[str, Any]:
    made = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return made | ({"subresource": subresource} if subresource else {})


def owned(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"managedFields": list(entries)}}


REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
SELECTOR: dict[str, Any] = {"f:spec": {"f:selector": {}}}


def test_the_fields_of_a_create_move_to_the_resources_own_manager() -> None:
    status = entry("kube-controller-manager", "Update", {"f:status": {}}, "status")
    assert adopt(owned(entry("pulumi-kubernetes", "Update", REPLICAS), status), "pulumi-kubernetes-1") == [
        status,
        entry("pulumi-kubernetes-1", "Apply", REPLICAS),
    ]


def test_what_kubectl_wrote_joins_what_we_applied() -> None:
    live = owned(entry("pulumi-kubernetes-1", "Apply", REPLICAS), entry("kubectl-patch", "Update", SELECTOR))
    both: dict[str, Any] = {"f:spec": {"f:replicas": {}, "f:selector": {}}}
    assert adopt(live, "pulumi-kubernetes-1") == [entry("pulumi-kubernetes-1", "Apply", both)]


def test_a_scale_by_hand_and_other_appliers_are_left_alone() -> None:
    live = owned(
        entry("pulumi-kubernetes-1", "Apply", SELECTOR),
        entry("kubectl", "Update", REPLICAS, "scale"),
        entry("argocd", "Apply", REPLICAS),
    )
    assert adopt(live, "pulumi-kubernetes-1") is None


def test_a_field_belongs_to_others_only_when_we_do_not_own_it_too() -> None:
    ours, scaled = entry("us", "Apply", REPLICAS), entry("kubectl", "Update", REPLICAS, "scale")
    path = ("spec", "replicas")
    assert belongs_to_others(owned(scaled), "us", path)
    assert not belongs_to_others(owned(scaled, ours), "us", path)
    assert not belongs_to_others(owned(), "us", path)
    assert belongs_to_others(owned(scaled), "us", ("spec",))
    assert not belongs_to_others(owned(scaled), "us", ("spec", "selector"))


def test_a_preview_knows_whether_the_create_still_owns_fields() -> None:
    assert is_from_create(owned(entry("pulumi-kubernetes", "Update", REPLICAS)))
    assert not is_from_create(owned(entry("pulumi-kubernetes-1", "Apply", REPLICAS), entry("kubectl", "Update", {})))
