from __future__ import annotations

import pytest

from engine import paths
from engine.goal import seconds
from engine.urn import Urn


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("spec.replicas", ["spec", "replicas"]),
        ("spec.containers[0].image", ["spec", "containers", 0, "image"]),
        ('labels["app.kubernetes.io/name"]', ["labels", "app.kubernetes.io/name"]),
        ('["a.b"].c', ["a.b", "c"]),
        ("list[*].x", ["list", "*", "x"]),
        ("metadata", ["metadata"]),
    ],
)
def test_paths_are_read_and_written(text: str, path: paths.Path) -> None:
    assert paths.parse(text) == path
    assert paths.parse(paths.show([p for p in path if p != "*"])) == [p for p in path if p != "*"]


@pytest.mark.parametrize("text", ["a[", "a..b[", ".a", "a[x]", 'a["b'])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid property path"):
        paths.parse(text)


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("a.b", {"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 2}}, {"a": {"b": 1, "c": 2}}),
        ("a.b", {"a": {}}, {"a": {"b": 2}}, {"a": {}}),
        ("a.b", {"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
        ("a[1].x", {"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 8}, {"x": 9}]}, {"a": [{"x": 8}, {"x": 2}]}),
        ("a[*].x", {"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 8}, {"x": 9}]}, {"a": [{"x": 1}, {"x": 2}]}),
        ("a.*", {"a": {"b": 1}}, {"a": {"b": 2}}, {"a": {"b": 1}}),
        ("x.y", {}, {"a": 1}, {"a": 1}),
    ],
)
def test_ignored_paths_are_set_back(
    path: str, old: dict[str, object], new: dict[str, object], expected: object
) -> None:
    assert paths.reset(paths.parse(path), old, new) == expected


def test_a_pattern_covers_what_lies_inside() -> None:
    assert paths.covers(paths.parse("spec.containers[*]"), paths.parse("spec.containers[3].image"))
    assert not paths.covers(paths.parse("spec.containers"), paths.parse("spec"))


def test_urns_have_their_parents_types() -> None:
    stack = Urn.of("dev", "p", "", "pulumi:pulumi:Stack", "p-dev")
    outer = Urn.of("dev", "p", stack, "a:b:C", "outer")
    inner = Urn.of("dev", "p", Urn.of("dev", "p", outer, "d:e:F", "mid"), "kubernetes:apps/v1:Deployment", "web::x")
    assert inner == "urn:pulumi:dev::p::a:b:C$d:e:F$kubernetes:apps/v1:Deployment::web::x"
    assert (inner.stack, inner.project, inner.type, inner.name) == (
        "dev",
        "p",
        "kubernetes:apps/v1:Deployment",
        "web::x",
    )


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("500ms", 0.5), ("1.5s", 1.5)])
def test_durations_are_gos(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "5x"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds(text)
