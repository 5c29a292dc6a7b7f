"""docs/configuration.md says what the schema and the outputs' types say, and its examples are fine."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pulumi
import pytest
import yaml

from components.config import load
from components.plan import Component
from components.planner import plan
from components.release import Release
from components.schema import Settings
from docs.reference import PAGE, TOLD, outputs, page
from tests.unit.recorder import Echo, Nowhere, Recorder

EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `python -m docs.reference`"


def test_every_output_is_told_and_nothing_else() -> None:
    assert TOLD.keys() == {name for component in Component for name in outputs(component)}


@pytest.mark.parametrize("component", Component)
def test_a_stack_has_the_outputs_that_the_page_says(component: Component) -> None:
    app = {"component": component, "image": "registry.local/web"}
    settings = load({"apps": {"web": app}, "tag": "1.0", "imageTag": {"blue": "1.0", "green": "2.0"}})
    told: dict[str, Any] = {}

    async def program() -> None:
        pulumi.runtime.set_mocks(Echo(), project="cutover", stack="unit", preview=True, monitor=Recorder())
        cluster: Any = Nowhere()
        told.update(Release(plan(settings, owner="cutover/unit"), cluster).outputs["web"])
        await pulumi.runtime.stack.wait_for_rpcs()

    asyncio.run(program())
    assert told.keys() == outputs(component).keys()


def read(example: str) -> Settings:
    config = yaml.safe_load(example)["config"]
    return load({key.removeprefix("cutover:"): value for key, value in config.items()})


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_used(example: str) -> None:
    assert read(example).described


def test_a_gate_is_shown() -> None:
    assert any(app.gate and app.gate.metrics for example in EXAMPLES for app in read(example).apps.values())
