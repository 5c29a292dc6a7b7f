"""`make lint-manifests`: the manifests of every example keep to our rules, to kube-score's and to kube-linter's.

What is found is put right, or stands in accepted.yaml with the reason; an entry that nothing needs is a finding, too.
kube-score is built where it is missing; kube-linter is asked where it is installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console

from cluster.builds import Build
from cluster.errors import ClusterError
from components.color import Color
from components.config import load
from components.plan import Component, Manifest, StackPlan
from components.planner import plan
from policy.rules import OBJECT_RULES, STACK_RULES

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
KUBE_SCORE: Final = Build("kubescore", "github.com/zegl/kube-score", (), "about a minute on 2 cores", home=HERE)
KUBERNETES: Final = "v1.34"
"""The version whose API kube-score holds the manifests against: the embedded cluster's."""

KUBE_LINTER: Final = "kube-linter"

PASSED: Final = 10
"""kube-score's best grade; less is a finding."""


@dataclass(frozen=True)
class Finding:
    """What a check says of an object; `where` is `<example> <Kind>/<name>`."""

    check: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.check}: {self.text}"


@dataclass(frozen=True)
class Accepted:
    """Findings that are left as they are: of a check, at places and with texts of a pattern."""

    check: str
    because: str
    of: str = "*"
    text: str = "*"

    def covers(self, finding: Finding) -> bool:
        return (
            finding.check == self.check and fnmatchcase(finding.where, self.of) and fnmatchcase(finding.text, self.text)
        )


def stacks() -> dict[str, StackPlan]:
    """Plan each example as it is written, promoted, and with a canary where an app can have one; by a title."""
    found: dict[str, StackPlan] = {}
    own = (path for path in ROOT.glob("Pulumi.*.yaml") if not path.match("*.deploy.yaml"))
    for path in sorted([*own, *(ROOT / "examples").glob("Pulumi.*.yaml")]):
        name = path.suffixes[0][1:]
        config = yaml.safe_load(path.read_text())["config"]
        values = {key.removeprefix("cutover:"): value for key, value in config.items() if key.startswith("cutover:")}
        for title, position in _positions(values).items():
            found[f"{name}{title}"] = plan(load(values | position), owner=f"cutover/{name}")
    return found


def _positions(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Where a stack can stand, by what its title adds to the example's name."""
    positions: dict[str, dict[str, Any]] = {"": {}}
    if "imageTag" in values:
        active = Color(values.get("activeColor", Color.BLUE))
        positions["-promoted"] = {"activeColor": str(active.other), "canaryReplicas": 0, "canaryWeight": 0}
        canaries = [app for app in values["apps"].values() if app["component"] == Component.CANARY]
        if canaries:
            weight = 20 if any("router" in app for app in canaries) else 0
            tags = values["imageTag"] | {str(active.other): "6.9.2"}
            positions["-canary"] = {"canaryReplicas": 1, "canaryWeight": weight, "imageTag": tags}
    return positions


def broken_rules(title: str, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """Ask our own rules."""
    for name, rule in OBJECT_RULES.items():
        for manifest in manifests:
            yield from (Finding(name, _where(title, manifest), text) for text in rule(manifest))
    for name, of_all in STACK_RULES.items():
        yield from (Finding(name, _where(title, manifest), text) for manifest, text in of_all(manifests))


def scored(title: str, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """Ask kube-score, which ends with 1 when it finds something."""
    program = str(KUBE_SCORE.program("kube-score"))
    command = [program, "score", "--kubernetes-version", KUBERNETES, "--output-format", "json"]
    for entry in _told(command, "[", title, manifests):
        where = f"{title} {entry['type_meta']['kind']}/{entry['object_meta']['name']}"
        for each in entry["checks"]:
            if not each["skipped"] and each["grade"] < PASSED:
                for said in each["comments"] or [{"path": "", "summary": each["check"]["name"]}]:
                    text = f"{said['path']} {said['summary']}".strip()
                    yield Finding(f"kube-score/{each['check']['id']}", where, text)


def linted(title: str, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """Ask kube-linter for what it checks by default; it ends with 1 when it finds something."""
    for report in _told([KUBE_LINTER, "lint", "--format", "json"], "{", title, manifests)["Reports"] or ():
        found = report["Object"]["K8sObject"]
        where = f"{title} {found['GroupVersionKind']['Kind']}/{found['Name']}"
        yield Finding(f"{KUBE_LINTER}/{report['Check']}", where, report["Diagnostic"]["Message"])


def _told(command: Sequence[str], begins: str, title: str, manifests: Sequence[Manifest]) -> Any:
    """Return the JSON that a linter says of manifests, which `begins` so; its exit code only says if it found any."""
    done = subprocess.run(
        [*command, "-"], input=yaml.safe_dump_all(manifests), capture_output=True, text=True, timeout=60, check=False
    )
    if not done.stdout.startswith(begins):
        name = Path(command[0]).name
        raise ClusterError(f"{name} could not read the manifests of {title}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def judged(findings: Sequence[Finding], accepted: Sequence[Accepted]) -> list[str]:
    """Return what is to be put right: findings without a reason, and reasons without a finding."""
    wrong = [str(finding) for finding in findings if not any(each.covers(finding) for each in accepted)]
    idle = [each for each in accepted if not any(map(each.covers, findings))]
    return [
        *wrong,
        *(f"policy/accepted.yaml: nothing needs the entry of {each.check}, {each.of}, {each.text}" for each in idle),
    ]


def main() -> None:
    console = Console(soft_wrap=True, highlight=False)
    accepted = [Accepted(**entry) for entry in yaml.safe_load((HERE / "accepted.yaml").read_text())]
    asked = [broken_rules, scored]
    if shutil.which(KUBE_LINTER):
        asked.append(linted)
    else:
        console.print("kube-linter is not on the PATH and was not asked; see https://docs.kubelinter.io to install it")
        accepted = [each for each in accepted if not each.check.startswith(f"{KUBE_LINTER}/")]
    try:
        KUBE_SCORE.ensure(console)
        rendered = {title: stack.manifests for title, stack in stacks().items()}
        findings = [
            finding for title, manifests in rendered.items() for ask in asked for finding in ask(title, manifests)
        ]
    except ClusterError as error:
        sys.exit(str(error))
    wrong = judged(findings, accepted)
    for text in wrong:
        console.print(text, markup=False)
    objects = sum(map(len, rendered.values()))
    accepted_count = sum(any(each.covers(finding) for each in accepted) for finding in findings)
    console.print(
        f"{objects} manifests of {len(rendered)} stacks: {accepted_count} findings accepted, {len(wrong)} wrong"
    )
    sys.exit(bool(wrong))


def _where(title: str, manifest: Mapping[str, Any]) -> str:
    return f"{title} {manifest['kind']}/{manifest['metadata']['name']}"


if __name__ == "__main__":
    main()
