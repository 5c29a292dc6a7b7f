"""Findings are put right or have a reason, and a reason is a finding's."""

from __future__ import annotations

import re

import pytest
import yaml

from policy.lint import HERE, Accepted, Finding, judged, stacks
from policy.rules import OBJECT_RULES, STACK_RULES
from tests.unit.released import register

FINDING = Finding("kube-score/service-type", "canary Service/api", "The service is of type NodePort")
STACKS = stacks()


def test_a_finding_without_a_reason_is_wrong() -> None:
    assert judged([FINDING], []) == [str(FINDING)]
    assert not judged([FINDING], [Accepted(FINDING.check, "so it is", of="canary* Service/*", text="* NodePort")])


@pytest.mark.parametrize("change", [{"check": "other"}, {"of": "other Service/*"}, {"text": "other"}])
def test_a_reason_covers_its_own_findings_and_is_told_when_nothing_needs_it(change: dict[str, str]) -> None:
    accepted = Accepted(**({"check": FINDING.check, "because": "so it is"} | change))
    first, second = judged([FINDING], [accepted])
    assert first == str(FINDING)
    assert second.startswith("policy/accepted.yaml: nothing needs")


def test_every_reason_is_a_sentence() -> None:
    entries = yaml.safe_load((HERE / "accepted.yaml").read_text())
    assert all(entry["because"].endswith(".") and len(entry["because"]) > 40 for entry in entries)


@pytest.mark.parametrize("name", STACKS)
def test_what_is_checked_is_what_the_program_registers(name: str) -> None:
    registered = [
        (each.type.rpartition(":")[2], each.name) for each in register(STACKS[name]).requests.values() if each.custom
    ]
    assert sorted(registered) == sorted((each["kind"], each["metadata"]["name"]) for each in STACKS[name].manifests)


def test_the_page_tells_of_every_rule() -> None:
    page = (HERE.parent / "docs" / "security.md").read_text()
    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \|", page)) == {*OBJECT_RULES, *STACK_RULES}
