"""The README's own words, typed as they stand: its stack, its commands, in its order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import yaml

from tests.e2e.conftest import TINY, canary
from tests.e2e.stacks import CONTEXT, IMAGE, NEW, NEXT, OLD, PROJECT, Stack

README = (PROJECT / "README.md").read_text()
TAGS = {"1.0.0": OLD, "6.9.2": NEXT}
"""The versions of the README's example, and those of the demo app."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def typed(line: str) -> list[list[str]]:
    """The commands of a line, each without the name of the program; `up` asks no questions of a test."""
    commands = [shlex.split(command, comments=True) for command in line.split("&&")]
    return [[*command[1:], *(["--yes"] if command[1] == "up" else [])] for command in commands if command]


def adapted(arguments: list[str]) -> list[str]:
    return [TAGS.get(argument, CONTEXT if argument == "my-cluster" else argument) for argument in arguments]


def test_the_two_commands_come_first() -> None:
    targets = [line.split()[1] for line in blocks("sh")[0].splitlines()]
    assert targets == ["demo", "test"]
    makefile = (PROJECT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_a_stack_of_ones_own_goes_through_the_table_of_commands(stack: Callable[..., Stack], port: int) -> None:
    (app,) = yaml.safe_load(blocks("yaml")[0])["cutover:apps"].values()
    web = app | {"image": IMAGE, "port": 9898, "resources": TINY, "drainSeconds": 1}
    web |= {
        "probes": {"readiness": {"path": "/readyz", "periodSeconds": 1}},
        "expose": {"type": "NodePort", "nodePort": port},
    }
    prod = stack({"web": web, "api": canary(replicas=3)}, imageTag={"blue": OLD, "green": NEW})
    (own,) = (block for block in blocks("sh") if "stack init" in block)
    for line in own.splitlines():
        for arguments in typed(line):
            if arguments[:2] != ["stack", "init"]:
                prod.run(*adapted(arguments), deadline=180)
    rows = re.findall(r"^\| (.*?) \| `(.*?)` \|$", README, re.MULTILINE)
    expected = {"stage a version": "blue", "promote it": "green", "roll back": "blue", "promote the canary": "green"}
    assert len(rows) == 7
    for wish, line in rows:
        for arguments in typed(line):
            prod.run(*adapted(arguments), deadline=180)
        outputs = prod.outputs()
        if wish in expected:
            assert outputs["web"]["activeColor"] == outputs["api"]["activeColor"] == expected[wish]
        assert outputs["api"]["otherShare"] == ("1/4" if wish.startswith("try it on one pod") else "0%")
        assert outputs["web"]["imageTag"]["green"] == NEXT
