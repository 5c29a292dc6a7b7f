"""Strategic merge patches. That an API server does the same is shown in tests/e2e/test_manifests.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from components.merge import MergeKeyMissingError, merged

POD: dict[str, Any] = {
    "nodeSelector": {"os": "linux"},
    "tolerations": [{"key": "a"}],
    "containers": [{"name": "app", "image": "x", "env": [{"name": "A", "value": "1"}]}],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({}, {}),
        ({"nodeSelector": {"arch": "arm"}}, {"nodeSelector": {"os": "linux", "arch": "arm"}}),
        ({"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        ({"nodeSelector": {"$patch": "delete"}}, {"nodeSelector": {}}),
        ({"nodeSelector": {"$patch": "replace", "a": "b"}}, {"nodeSelector": {"a": "b"}}),
        ({"volumes": [{"name": "tmp", "$patch": "delete"}]}, {"volumes": []}),
        ({"volumes": [{"$patch": "replace"}, {"name": "x"}]}, {"volumes": [{"name": "x"}]}),
        (
            {"volumes": [{"name": "tmp", "$retainKeys": ["name", "secret"], "secret": {}}]},
            {"volumes": [{"name": "tmp", "secret": {}}]},
        ),
        (
            {"containers": [{"name": "app", "image": None, "env": [{"name": "B", "value": "2"}]}, {"name": "b"}]},
            {
                "containers": [
                    {"name": "app", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
                    {"name": "b"},
                ]
            },
        ),
    ],
)
def test_merges(patch: dict[str, Any], changed: dict[str, Any]) -> None:
    before = copy.deepcopy(POD)

    assert merged(POD, patch) == POD | changed
    assert before == POD


def test_null_removes() -> None:
    assert "nodeSelector" not in merged(POD, {"nodeSelector": None})


def test_an_element_must_say_which_it_is() -> None:
    with pytest.raises(MergeKeyMissingError, match="each element of containers needs its name") as caught:
        merged(POD, {"containers": [{"image": "y"}]})

    assert (caught.value.field, caught.value.merge_key) == ("containers", "name")
