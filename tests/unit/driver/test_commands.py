"""Every command of ours that a page, a help text or a message tells people to type is one that can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from cutover.cli import cutover
from tests.unit.typed import PROJECT, of_line, of_pages, parse

PROGRAM = r"cutover|python -m cutover"
MESSAGES = sorted((PROJECT / "cutover").rglob("*.py"))
STANDS_FOR = {"N": "2", "SECONDS": "60", "preview.json": "-"}
"""Words of a usage that click would not take for a number, or would not find."""


def of_help() -> Iterator[tuple[str, list[str]]]:
    for name, command in cutover.commands.items():
        for line in (command.epilog or "").splitlines():
            for words in of_line(line, PROGRAM):
                yield f"{name} --help", words


def of_messages() -> Iterator[tuple[str, list[str]]]:
    for module in MESSAGES:
        joined = re.sub(r'"\s*\n\s*f?"', "", module.read_text())
        for told in re.findall(r"`(cutover [^`{]+)`", joined):
            for words in of_line(told, PROGRAM):
                yield module.name, words


TOLD = sorted({(where, *words) for where, words in [*of_pages(PROGRAM), *of_help(), *of_messages()]})


@pytest.mark.parametrize("told", TOLD, ids=" ".join)
def test_what_people_are_told_to_type_can_be_typed(told: tuple[str, ...]) -> None:
    parse(cutover, [STANDS_FOR.get(word, word) for word in told[1:]])


def test_every_verb_is_told_of() -> None:
    assert {told[1] for told in TOLD if told[0] == "driver.md"} == set(cutover.commands)


@pytest.mark.parametrize("wrong", ["promot", "undo --too 2", "canary", "status extra", "promote --watch soon"])
def test_what_cannot_be_typed_is_found(wrong: str) -> None:
    with pytest.raises(click.UsageError):
        parse(cutover, shlex.split(wrong))


def test_a_line_of_a_page_is_read_as_a_shell_reads_it() -> None:
    line = '$ cutover stage 1.0 --set "a=b c" && cutover promote   the rest is told'
    assert [*of_line(line, PROGRAM)] == [["stage", "1.0", "--set", "a=b c"], ["promote"]]
    assert [*of_line("cutover report --markdown >> $FILE", PROGRAM)] == [["report", "--markdown"]]
    assert [*of_line("pulumi up", PROGRAM), *of_line("the cutover", PROGRAM)] == []
