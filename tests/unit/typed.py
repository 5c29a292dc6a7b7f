"""What pages tell people to type: the commands in their blocks and spans, word by word."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
from markdown_it import MarkdownIt
from markdown_it.token import Token

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]


@cache
def parsed(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text())


def of_pages(program: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a program (an expression for its name), each with the page that tells of it."""
    for page in PAGES:
        for line in _in_blocks_and_spans(parsed(page)):
            for words in of_line(line, program):
                yield page.name, words


def of_line(line: str, program: str) -> Iterator[list[str]]:
    """The words after the program in a line of a shell or a pipeline, with `$` or `-` before it, a remark after it."""
    for command in re.split(r"&&|\|\||[|>;]", re.sub(r"^[$-] ", "", line.strip())):
        told = re.split(r"\s{2,}|\s#", command.strip())[0]
        if named := re.match(rf"(?:{program}) ", told):
            yield shlex.split(told[named.end() :])


def parse(group: click.Group, words: list[str]) -> None:
    """Let click parse a command, without running it. Raises click.UsageError."""
    with group.make_context(group.name, list(words)) as context:
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert command
        if isinstance(command, click.Group):
            parse(command, rest)
        else:
            command.make_context(name, rest, parent=context).close()


def _in_blocks_and_spans(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in {"fence", "code_block", "code_inline"}:
            yield from token.content.splitlines()
        yield from _in_blocks_and_spans(token.children or [])
