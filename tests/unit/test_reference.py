"""docs/configuration.md says what the schema says."""

from __future__ import annotations

from docs.reference import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `python -m docs.reference`"
