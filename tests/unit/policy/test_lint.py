"""Findings are put right or have a reason, and a reason is a finding's."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster.errors import ClusterError
from policy.lint import HERE, Accepted, Finding, judged, linted, stacks
from policy.rules import OBJECT_RULES, STACK_RULES
from tests.unit.released import register

LINTED = """{"Checks": [], "Reports": [{
    "Diagnostic": {"Message": "object has 10 replicas but does not specify inter pod anti-affinity"},
    "Check": "no-anti-affinity",
    "Remediation": "Specify anti-affinity in your pod specification",
    "Object": {"Metadata": {"FilePath": "<standard input>"}, "K8sObject": {
        "Namespace": "cutover-demo", "Name": "api-blue",
        "GroupVersionKind": {"Group": "apps", "Version": "v1", "Kind": "Deployment"}
    }}
}], "Summary": {"ChecksStatus": "Failed"}}"""
"""What kube-linter says of the demo's manifests, but for what is not read of it."""

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


@pytest.fixture
def kube_linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program in kube-linter's place that ends with 1 after it has run a line of a shell."""

    def put(line: str) -> None:
        program = tmp_path / "kube-linter"
        program.write_text(f"#!/bin/sh\n{line}\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return put


def test_a_finding_of_kube_linter_is_read(kube_linter: Callable[[str], None]) -> None:
    kube_linter(f"cat > /dev/null; cat <<'END'\n{LINTED}\nEND")
    (finding,) = linted("dev", [])
    assert str(finding) == (
        "dev Deployment/api-blue: kube-linter/no-anti-affinity: "
        "object has 10 replicas but does not specify inter pod anti-affinity"
    )


def test_kube_linter_reads_what_is_planned(kube_linter: Callable[[str], None], tmp_path: Path) -> None:
    kube_linter(f"cat > {tmp_path}/read; echo '{{\"Reports\": null}}'")
    assert not [*linted("dev", STACKS["dev"].manifests)]
    assert [*yaml.safe_load_all((tmp_path / "read").read_text())] == [*STACKS["dev"].manifests]


def test_a_kube_linter_that_cannot_read_is_told(kube_linter: Callable[[str], None]) -> None:
    kube_linter("echo no such file >&2")
    with pytest.raises(ClusterError, match="kube-linter could not read the manifests of dev: no such file"):
        list(linted("dev", []))
