"""An upgrade replaces nothing: what the last release has made keeps its name in the state and its immutable fields."""

from __future__ import annotations

import json

import pytest

from components import objects
from tests.unit.released import RECORD, present

RECORDED = json.loads(RECORD.read_text())


def test_every_example_of_the_last_release_is_there() -> None:
    assert RECORDED.keys() <= present().keys()


def test_nothing_is_made_anew() -> None:
    now = present()
    for name, made in RECORDED.items():
        assert {urn: now[name].get(urn) for urn in made} == made, f"{name}: an upgrade would replace it"


def test_a_selector_that_changes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = objects.controller

    def changed(*args: object, selector: dict[str, str], **keys: object) -> object:
        return controller(*args, selector={**selector, "more": "x"}, **keys)  # type: ignore[arg-type]

    monkeypatch.setattr(objects, "controller", changed)
    with pytest.raises(AssertionError, match="an upgrade would replace it"):
        test_nothing_is_made_anew()


def test_a_component_that_is_called_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    other = json.loads(json.dumps(RECORDED).replace("BlueGreenApp$", "OtherApp$"))
    monkeypatch.setitem(globals(), "RECORDED", other)
    with pytest.raises(AssertionError, match="an upgrade would replace it"):
        test_nothing_is_made_anew()
