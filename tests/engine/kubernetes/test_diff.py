from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from engine.kubernetes import diff
from engine.kubernetes.checkpoint import parts_of, to_object
from engine.kubernetes.settings import Settings
from engine.provider import Diff
from engine.values import UNKNOWN
from tests.engine.kubernetes.recordings import Transition


def kinds(found: Diff) -> dict[str, str]:
    return {path: change.kind.value for path, change in found.detailed.items()}


def test_differences_are_those_of_the_real_provider(transition: Transition, settings: Settings) -> None:
    sent, live = parts_of(transition.old.outputs)
    new = to_object(transition.new.inputs)
    is_autonamed = "pulumi.com/autonamed" in live["metadata"].get("annotations", {})
    if is_autonamed:  # the state after a replacement has the next name; the diff saw the old one
        new["metadata"]["name"] = live["metadata"]["name"]
    namespaced = "namespace" in live["metadata"]
    found = diff.compare(sent, live, new, transition.new.ignore_changes, settings, namespaced=namespaced)
    assert kinds(found) == transition.changes
    assert bool(found.replaces) == (transition.op == "replace")
    assert found.delete_before_replace == (transition.op == "replace" and not is_autonamed)


def deployment(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


def live_of(obj: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    spec = {"progressDeadlineSeconds": 600, "replicas": 1, **obj["spec"], **defaults}
    return obj | {"metadata": obj["metadata"] | {"uid": "1", "resourceVersion": "2"}, "spec": spec, "status": {}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {"replicas": 1.0}, {"spec.replicas": "add"}),
        ({}, {"replicas": 0}, {"spec.replicas": "add"}),
        ({"replicas": 2}, {"replicas": 2.0}, {}),
        ({"replicas": 2}, {}, {"spec.replicas": "delete"}),
        ({}, {"minReadySeconds": 0}, {}),
        ({"paused": True}, {"paused": 1}, {"spec.paused": "update"}),
        ({"replicas": 2}, {"replicas": UNKNOWN}, {"spec.replicas": "update"}),
        ({}, {"replicas": UNKNOWN}, {"spec.replicas": "add"}),
        ({"template": {"containers": [{"a": 1}, {"b": 2}]}}, {"template": {"containers": [{"a": 1}]}},
         {"spec.template.containers[1]": "delete"}),
        ({"template": {"containers": [{"a": 1}]}}, {"template": {"containers": [{"a": 1}, {"b": 2}]}},
         {"spec.template.containers[1]": "add"}),
        ({"template": {"containers": [{"a": 1, "c": 3}]}}, {"template": {"containers": [{"a": 2}]}},
         {"spec.template.containers[0].a": "update", "spec.template.containers[0].c": "delete"}),
        ({"template": {"requests": {"cpu": "1"}}}, {"template": {"requests": {"cpu": "1000m"}}}, {}),
        ({"template": {"annotations": {"a.b/c": "1"}}}, {"template": {"annotations": {"a.b/c": "2"}}},
         {'spec.template.annotations["a.b/c"]': "update"}),
        ({}, {"selector": {"matchLabels": {"app": "other"}}}, {"spec.selector.matchLabels.app": "update-replace"}),
    ],
)  # fmt: skip
def test_paths_and_kinds(
    old: dict[str, Any], new: dict[str, Any], expected: dict[str, str], settings: Settings
) -> None:
    before = deployment(**old)
    found = diff.compare(before, live_of(before), deployment(**new), (), settings, namespaced=True)
    assert kinds(found) == expected


def test_an_empty_value_that_the_server_drops_shows_once(settings: Settings) -> None:
    without, with_it = deployment(), deployment(template={"securityContext": {"runAsUser": 0, "sysctls": []}})
    first = diff.compare(without, live_of(without), with_it, (), settings, namespaced=True)
    assert kinds(first) == {"spec.template": "add"}
    dropped = live_of(deployment(template={"securityContext": {}}))
    assert not diff.compare(with_it, dropped, with_it, (), settings, namespaced=True).changes


def test_a_zero_that_is_a_choice_is_seen(settings: Settings) -> None:
    old = deployment(template={"securityContext": {}})
    new = deployment(template={"securityContext": {"runAsUser": 0}})
    found = diff.compare(old, live_of(old), new, (), settings, namespaced=True)
    assert kinds(found) == {"spec.template.securityContext.runAsUser": "add"}


def test_live_values_of_the_last_write_count_not_the_old_inputs(settings: Settings) -> None:
    obj = deployment(replicas=2)
    found = diff.compare(obj, live_of(obj, replicas=5), obj, (), settings, namespaced=True)
    assert kinds(found) == {"spec.replicas": "update"}
    assert not diff.compare(obj, live_of(obj, replicas=5), obj, ["spec.replicas"], settings, namespaced=True).changes


def config_map(value: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "default"},
        "data": {"k": value},
        **more,
    }


@pytest.mark.parametrize(
    ("mutable", "immutable", "replaces"), [(False, None, True), (True, None, False), (True, True, True)]
)
def test_config_maps_are_replaced_unless_the_provider_may_change_them(
    mutable: Any, immutable: Any, replaces: Any, settings: Settings
) -> None:
    configured = dataclasses.replace(settings, enable_config_map_mutable=mutable)
    more = {} if immutable is None else {"immutable": immutable}
    found = diff.compare(config_map("1"), config_map("1"), config_map("2", **more), (), configured, namespaced=True)
    assert bool(found.replaces) == replaces


def test_a_delete_is_said_to_come_from_the_inputs(settings: Settings) -> None:
    obj = deployment(replicas=2, paused=True)
    found = diff.compare(obj, live_of(obj), deployment(replicas=3), (), settings, namespaced=True)
    assert {path: change.input_diff for path, change in found.detailed.items()} == {
        "spec.replicas": False,
        "spec.paused": True,
    }


def test_another_name_or_namespace_replaces_without_deleting_first(settings: Settings) -> None:
    old = config_map("1")
    for key, value in (("name", "d"), ("namespace", "other")):
        new = config_map("1") | {"metadata": old["metadata"] | {key: value}}
        found = diff.compare(old, old, new, (), settings, namespaced=True)
        assert kinds(found) == {f"metadata.{key}": "update-replace"}
        assert not found.delete_before_replace


def test_namespaces_are_compared_only_where_the_kind_has_them(settings: Settings) -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}}
    misplaced = role | {"metadata": {"name": "r", "namespace": "default"}}
    assert not diff.compare(role, role, misplaced, (), settings, namespaced=False).changes
    unplaced = config_map("1") | {"metadata": {"name": "c"}}
    assert not diff.compare(config_map("1"), config_map("1"), unplaced, (), settings, namespaced=True).changes


def test_containers_of_a_pod_are_immutable_by_field(settings: Settings) -> None:
    def pod(**container: Any) -> dict[str, Any]:
        meta = {"name": "p", "namespace": "default"}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta,
            "spec": {"containers": [{"name": "a", **container}]},
        }

    found = diff.compare(pod(image="1"), pod(image="1"), pod(image="2"), (), settings, namespaced=True)
    assert kinds(found) == {"spec.containers[0].image": "update-replace"}
    found = diff.compare(pod(), pod(), pod(restartPolicy="Never"), (), settings, namespaced=True)
    assert kinds(found) == {"spec.containers[0].restartPolicy": "add"}
