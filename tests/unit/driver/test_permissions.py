"""The Role for a namespace has what a stack needs, and nothing else."""

from __future__ import annotations

import yaml

from cutover.doctor.permissions import OWN, PERMISSIONS, manifests, needed
from docs.permissions import PAGE, page
from tests.unit.configs import stack, web
from tests.unit.driver.store import stack_plan


def rules(**keys: object) -> dict[tuple[str, str], list[str]]:
    """The verbs of the Role of a stack, by API group and resource."""
    _, role, _ = manifests(needed(stack_plan(web(**keys))), "releaser", "shop")
    return {(*rule["apiGroups"], *rule["resources"]): rule["verbs"] for rule in role["rules"]}


def test_a_role_has_one_rule_for_each_resource() -> None:
    found = rules(config={"data": {"A": "1"}})
    assert found["apps", "deployments"] == [*OWN]
    assert found["", "pods"] == ["list", "delete"]
    assert found["", "configmaps"] == [*OWN]
    assert ("batch", "jobs") not in found


def test_nothing_of_the_whole_cluster_is_in_it() -> None:
    plan = stack_plan(stack())
    assert any(each.everywhere for each in needed(plan))
    assert ("", "namespaces") not in rules()


def test_account_role_and_binding_belong_together() -> None:
    account, role, binding = manifests(PERMISSIONS, "releaser", "shop")
    assert {each["metadata"]["namespace"] for each in (account, role, binding)} == {"shop"}
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": "shop"}]


def test_no_rule_has_a_wildcard() -> None:
    assert "*" not in str(manifests(PERMISSIONS, "releaser", "shop"))


def test_the_page_is_up_to_date_and_has_every_rule_with_its_purpose() -> None:
    text = PAGE.read_text()
    assert text == page(), "run `python -m docs.permissions`"
    assert [*yaml.safe_load_all(text)] == manifests(PERMISSIONS, "cutover", "shop")
    assert all(each.purpose in text for each in PERMISSIONS if not each.everywhere)
