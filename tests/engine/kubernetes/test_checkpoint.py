from __future__ import annotations

from engine.kubernetes.checkpoint import field_manager, inputs_of, outputs_of, parts_of, to_object
from engine.values import Secret
from tests.engine.kubernetes.recordings import Transition


def test_recorded_outputs_are_made_of_their_parts(transition: Transition) -> None:
    for recorded in (transition.old, transition.new):
        sent, live = parts_of(recorded.outputs)
        manager, version = recorded.outputs["__fieldManager"], recorded.outputs["__initialApiVersion"]
        assert outputs_of(live, sent, recorded.inputs, manager, version) == recorded.outputs
        assert inputs_of(to_object(recorded.inputs), recorded.inputs) == recorded.inputs


def test_a_list_with_a_secret_is_secret_as_a_whole_in_live_and_sent() -> None:
    inputs = {"kind": "Deployment", "spec": {"replicas": 1, "env": [{"name": "A", "value": Secret("x")}]}}
    live = {"kind": "Deployment", "spec": {"replicas": 1, "env": [{"name": "A", "value": "x", "more": True}]}}
    outputs = outputs_of(live, to_object(inputs), inputs, "m", "v1")
    assert outputs["spec"] == {"replicas": 1, "env": Secret([{"name": "A", "value": "x", "more": True}])}
    assert outputs["__inputs"]["spec"]["env"] == Secret([{"name": "A", "value": "x"}])


def test_a_field_that_is_secret_as_a_whole_holds_no_second_secret() -> None:
    inputs = {"kind": "Thing", "spec": Secret({"a": {"b": 1}})}
    outputs = outputs_of({"kind": "Thing", "spec": {"a": {"b": 1}}}, to_object(inputs), inputs, "m", "v1")
    assert outputs["spec"] == Secret({"a": {"b": 1}})


def test_definitions_are_stored_with_underscores_and_sent_with_dashes() -> None:
    live = {"kind": "CustomResourceDefinition", "spec": {"x-kubernetes-list-type": "map", "x-other": 1}}
    outputs = outputs_of(live, live, live, "m", "apiextensions.k8s.io/v1")
    assert outputs["spec"] == {"x_kubernetes_list_type": "map", "x-other": 1}
    assert parts_of(outputs) == (live, live)


def test_objects_hold_whole_numbers_and_no_marks() -> None:
    assert to_object({"replicas": 2.0, "share": 0.5, "data": Secret({"n": 3.0})}) == {
        "replicas": 2,
        "share": 0.5,
        "data": {"n": 3},
    }


def test_the_field_manager_is_the_annotations_else_the_stored_one_else_fresh() -> None:
    annotated = {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "mine"}}}
    assert field_manager(annotated, {"__fieldManager": "stored"}, "fresh") == "mine"
    assert field_manager({}, {"__fieldManager": "stored"}, "fresh") == "stored"
    assert field_manager({}, {}, "fresh") == "fresh"
