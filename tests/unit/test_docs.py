"""The pages of the documentation: links lead somewhere, tests that are named are there, figures were measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from markdown_it.token import Token

from tests.unit.typed import parsed

PROJECT = Path(__file__).parents[2]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
ADDRESS = {"link_open": "href", "image": "src"}
COMPARISON = PROJECT / "docs" / "comparison.md"


def inline(page: Path) -> Iterator[Token]:
    for block in parsed(page):
        yield from block.children or ()


def links(page: Path) -> Iterator[str]:
    for token in inline(page):
        if token.type in ADDRESS:
            yield str(token.attrGet(ADDRESS[token.type]))
        if token.type == "html_inline":
            yield from re.findall(r'(?:href|src)="([^"]*)"', token.content)


def anchor(heading: str) -> str:
    """The name that GitHub gives a heading: lower-case, with nothing of it but words and hyphens."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> set[str]:
    headings = (after for token, after in pairwise(parsed(page)) if token.type == "heading_open")
    return {anchor("".join(each.content for each in heading.children or ())) for heading in headings}


def test_a_heading_has_the_name_that_github_gives_it() -> None:
    assert anchor("What the next `up` means: `cutover plan`") == "what-the-next-up-means-cutover-plan"
    assert anchor("A/B by header") == "ab-by-header"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    lost = []
    for link in links(page):
        address = urlsplit(link)
        target = (page.parent / address.path).resolve() if address.path else page
        here = target.exists() and target.is_relative_to(PROJECT)
        if not address.scheme and (not here or (address.fragment and address.fragment not in anchors(target))):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_reference_of_a_page_is_defined(page: Path) -> None:
    """One that is not stays as it was typed."""
    assert not [token.content for token in inline(page) if token.type == "text" and re.search(r"\]\[\w", token.content)]


def test_every_test_that_the_comparison_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", COMPARISON.read_text()))
    there = {
        name for path in PROJECT.glob("tests/**/test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert len(named) > 50
    assert not named - there


def test_every_figure_of_the_comparison_was_measured() -> None:
    """A row of its tables stands in the benchmarks, under the heading that it links to, whatever it is called there."""
    _, _, measured = COMPARISON.read_text().partition("## What was measured\n")
    benchmarks = (PROJECT / "docs" / "benchmarks.md").read_text()
    parts = re.findall(r"\(benchmarks\.md#([\w-]+)\):(.*?)(?=\n\[|\n## )", measured, re.DOTALL)
    sections = {anchor(title): text for title, text in re.findall(r"(?ms)^## (.*?)$(.*?)(?=^## |\Z)", benchmarks)}
    assert len(parts) == 3
    for name, part in parts:
        rows = re.findall(r"(?m)^\| [^|]*\|(.* \|)$", part)
        assert rows
        assert not [row for row in rows if row not in sections[name]]
