"""What the gate of a release found, by the verdicts in the cluster and what a failed `up` said."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment

from components.checks import LONGEST_FINDING
from components.color import Color
from components.errors import GateFailedError
from components.memory import Memory, Verdict
from cutover.colors import Colors
from cutover.desk import Desk
from cutover.release import Release, Step
from tests.unit.driver.engine import FakeEngine

AT = "2026-05-01T10:00:00Z"
APP = {"image": "registry.example.com/app", "port": 8080, "gate": {"smoke": {"up": {"path": "/"}}}}
KEYS = {
    "activeColor": "blue",
    "imageTag": {"blue": "1.0.0", "green": "1.1.0"},
    "apps": {name: {"component": "BlueGreenApp"} | APP for name in ("api", "web", "my-web")},
}
LOG = "job migrated: " + "line\n" * LONGEST_FINDING


def judged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, findings: dict[str, list[str]], failed: dict[str, list[str]]
) -> list[tuple[str, str, str]]:
    """What is told of an `up` that failed for the gates of the apps in `failed`."""
    verdicts = {app: Verdict("t", "g", app not in failed, AT, tuple(findings[app])) for app in findings}
    notes = [Memory(verdict=verdicts[app]).annotations if app in verdicts else {} for app in sorted(KEYS["apps"])]
    found = [
        Deployment(metadata=ObjectMeta(annotations=each), spec=DeploymentSpec(LabelSelector(), PodTemplateSpec()))
        for each in notes
    ]
    monkeypatch.setattr("cutover.desk.Cluster", lambda *_: SimpleNamespace(wait_for=lambda _: found))
    errors = [str(GateFailedError(app, Color.GREEN, "1.1.0", findings=told)) for app, told in failed.items()]
    release = Release("promote", "green", (Step(),), began=AT, by="ann")
    course = Colors(Desk.of(FakeEngine(folder, KEYS)), "")
    return [(each.app, each.outcome, each.text) for each in course.judged(release, AT, "\n".join(errors))]


@pytest.mark.parametrize(
    ("findings", "failed"),
    [
        (["smoke a: status 500", "smoke b: status 200"], ["smoke a: status 500"]),
        (["a: 1", "a: 1 of 3", "b: 50", "b: 500"], ["a: 1 of 3", "b: 500"]),
        (["a: 500", "smoke a: 500"], ["smoke a: 500"]),
        (["errors: 0.5; query: a", "query: a"], ["errors: 0.5; query: a"]),
        (["one.", "two.", "three."], ["one.", "three."]),
        ([LOG[:LONGEST_FINDING], "smoke a: status 200"], [LOG]),
        (["smoke (a+): [x]", "last\nline"], ["smoke (a+): [x]", "last\nline"]),
    ],
    ids=["the first", "longer", "its end", "its parts", "full stops", "cut", "signs and lines"],
)
def test_what_an_up_has_failed_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, findings: list[str], failed: list[str]
) -> None:
    bad = {told[:LONGEST_FINDING] for told in failed}
    found = judged(tmp_path, monkeypatch, {"web": findings}, {"web": failed})
    assert found == [("web", "failed" if told in bad else "passed", told) for told in findings]


def test_one_app_is_not_blamed_for_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same, other = "errors: 0.5", "latency: 3"
    found = judged(
        tmp_path,
        monkeypatch,
        {"api": [same], "my-web": [same, other], "web": [same, other]},
        {"my-web": [same], "web": [other]},
    )
    assert found == [
        ("api", "passed", same),
        ("my-web", "failed", same),
        ("my-web", "passed", other),
        ("web", "passed", same),
        ("web", "failed", other),
    ]
