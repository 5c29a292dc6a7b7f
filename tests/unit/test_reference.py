"""docs/configuration.md says what the schema says, and its examples are fine."""

from __future__ import annotations

import re

import pytest
import yaml

from components.config import load
from components.schema import Settings
from docs.reference import PAGE, page

EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `python -m docs.reference`"


def test_every_link_leads_to_a_heading() -> None:
    headings = {
        re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.*)", page())
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", page())) <= headings


def read(example: str) -> Settings:
    config = yaml.safe_load(example)["config"]
    return load({key.removeprefix("cutover:"): value for key, value in config.items()})


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_used(example: str) -> None:
    assert read(example).described


def test_a_gate_is_shown() -> None:
    assert any(app.gate and app.gate.metrics for example in EXAMPLES for app in read(example).apps.values())
