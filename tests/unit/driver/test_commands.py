"""Every command of ours that a page, a help text or a message tells people to type is one that can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cutover.cli import cutover

PROJECT = Path(__file__).parents[3]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
MESSAGES = sorted((PROJECT / "cutover").rglob("*.py"))
STANDS_FOR = {"N": "2", "SECONDS": "60", "preview.json": "-"}
"""Words of a usage that click would not take for a number, or would not find."""


def in_blocks_and_spans(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in {"fence", "code_block", "code_inline"}:
            yield from token.content.splitlines()
        yield from in_blocks_and_spans(token.children or [])


def typed(line: str) -> Iterator[list[str]]:
    """The words after `cutover` in a line of a shell or a pipeline, with `$` or `-` before it or a remark after it."""
    for command in re.split(r"&&|\|\||[|>;]", re.sub(r"^[$-] ", "", line.strip())):
        told = re.split(r"\s{2,}|\s#", command.strip())[0]
        program, *words = shlex.split(told) if told.startswith(("cutover ", "python -m cutover ")) else [""]
        if program:
            yield [STANDS_FOR.get(word, word) for word in (words[2:] if program == "python" else words)]


def of_pages() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for line in in_blocks_and_spans(MarkdownIt("commonmark").enable("table").parse(page.read_text())):
            for words in typed(line):
                yield page.name, words


def of_help() -> Iterator[tuple[str, list[str]]]:
    for name, command in cutover.commands.items():
        for line in (command.epilog or "").splitlines():
            for words in typed(line):
                yield f"{name} --help", words


def of_messages() -> Iterator[tuple[str, list[str]]]:
    for module in MESSAGES:
        joined = re.sub(r'"\s*\n\s*f?"', "", module.read_text())
        for told in re.findall(r"`(cutover [^`{]+)`", joined):
            for words in typed(told):
                yield module.name, words


TOLD = sorted({(where, *words) for where, words in [*of_pages(), *of_help(), *of_messages()]})


def parse(words: list[str]) -> None:
    """Let click parse a command, without running it. Raises click.UsageError."""
    with cutover.make_context("cutover", list(words)) as context:
        arguments = [*context._protected_args, *context.args]
        name, command, rest = cutover.resolve_command(context, arguments)
        assert command
        command.make_context(name, rest, parent=context).close()


@pytest.mark.parametrize("told", TOLD, ids=" ".join)
def test_what_people_are_told_to_type_can_be_typed(told: tuple[str, ...]) -> None:
    parse(list(told[1:]))


def test_every_verb_is_told_of() -> None:
    assert {told[1] for told in TOLD if told[0] == "driver.md"} == set(cutover.commands)


@pytest.mark.parametrize("wrong", ["promot", "undo --too 2", "canary", "status extra", "promote --watch soon"])
def test_what_cannot_be_typed_is_found(wrong: str) -> None:
    with pytest.raises(click.UsageError):
        parse(shlex.split(wrong))


def test_a_line_of_a_page_is_read_as_a_shell_reads_it() -> None:
    line = '$ cutover stage 1.0 --set "a=b c" && cutover promote   the rest is told'
    assert [*typed(line)] == [["stage", "1.0", "--set", "a=b c"], ["promote"]]
    assert [*typed("cutover report --markdown >> $FILE")] == [["report", "--markdown"]]
    assert [*typed("pulumi up"), *typed("the cutover")] == []
