"""What an app of one version may say, and what is told of what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from components.config import load
from components.problems import written
from tests.unit.configs import problems
from tests.unit.workloads.apps import CLAIMS, stack

WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a rolling app with colors' tags": (
        stack("RollingApp", tag=None, imageTag={"blue": "1.0", "green": "2.0"}),
        "apps.web.imageTag",
        "is a key of BlueGreenApp, CanaryApp, not of RollingApp: it has no colors",
        "pulumi config rm --path apps.web.imageTag && pulumi config set --path apps.web.tag 1.0",
    ),
    "an app of two colors with a tag": (
        stack("BlueGreenApp"),
        "apps.web.tag",
        "is a key of RollingApp, StatefulApp, DaemonApp",
        "set --path apps.web.imageTag.blue 1.0 && pulumi config set --path apps.web.imageTag.green 1.0",
    ),
    "a gate, where no moment lies between two versions": (
        stack("RollingApp", gate={}),
        "apps.web.gate",
        "is a key of BlueGreenApp, CanaryApp, StatefulApp, not of RollingApp",
        "rm --path apps.web.gate",
    ),
    "pods of a canary that are no pods": (
        stack("StatefulApp", canary={"replicas": 1}),
        "apps.web.canary.replicas",
        "is not part of the pods",
        "move it to apps.web",
    ),
    "a daemon of a size": (stack("DaemonApp", replicas=2), "apps.web.replicas", "not of DaemonApp", "rm --path"),
    "no tag": (stack("RollingApp", tag=None), "apps.web.tag", "it says what web runs", "apps.web.tag <tag>"),
    "a share that is none": (
        stack("RollingApp", maxSurge="101%"),
        "apps.web.maxSurge",
        "a percentage from 0% to 100%",
        "apps.web.maxSurge 25%",
    ),
    "a rollout that could replace no pod": (
        stack("RollingApp", maxSurge=0, maxUnavailable="0%"),
        "apps.web.maxSurge",
        "no pod could be replaced",
        "apps.web.maxSurge 1",
    ),
    "bounds without a rolling update": (
        stack("RollingApp", strategy="Recreate", maxUnavailable=1),
        "apps.web.maxUnavailable",
        "strategy is not RollingUpdate",
        "rm --path apps.web.maxUnavailable",
    ),
    "two sizes": (
        stack("RollingApp", autoscaling={"minReplicas": 1, "maxReplicas": 2}),
        "apps.web.replicas",
        "autoscaling sizes this app",
        "rm --path apps.web.replicas",
    ),
    "a canary of all pods": (
        stack("StatefulApp", canaryReplicas=3, canary={"tag": "2.0"}),
        "apps.web.canaryReplicas",
        "below replicas, 3",
        "apps.web.canaryReplicas 2",
    ),
    "a canary of nothing else": (
        stack("StatefulApp", canaryReplicas=1),
        "apps.web.canaryReplicas",
        "what is different",
        "apps.web.canary.tag <tag>",
    ),
    "a canary that nobody updates": (
        stack("StatefulApp", canaryReplicas=1, canary={"tag": "2.0"}, updateStrategy="OnDelete"),
        "apps.web.canaryReplicas",
        "updateStrategy is OnDelete",
        "apps.web.canaryReplicas 0",
    ),
    "a gate by a Job": (
        stack("StatefulApp", gate={"smoke": {"home": {"path": "/", "via": "job", "image": "curl:1"}}}),
        "apps.web.gate.smoke.home.via",
        "the canary has none of its own",
        "via proxy",
    ),
    "a gate that tests nothing": (
        stack("StatefulApp", gate={"smoke": {"home": {"path": "/", "allowedFailures": 1}}}),
        "apps.web.gate.smoke.home.allowedFailures",
        "nothing is tested",
        "allowedFailures 0",
    ),
    "two volumes at one place": (
        stack("StatefulApp", volumeClaimTemplates=CLAIMS, volumes={"cache": {"mountPath": "/data"}}),
        "apps.web.volumeClaimTemplates.data.mountPath",
        "volume cache is mounted there",
        "mountPath </another/path>",
    ),
    "two volumes of one name": (
        stack("StatefulApp", volumeClaimTemplates=CLAIMS, canary={"volumes": {"data": {"mountPath": "/cache"}}}),
        "apps.web.volumeClaimTemplates.data",
        "a volume of the pod is",
        "rename it",
    ),
    "a daemon that surges and lacks": (
        stack("DaemonApp", maxSurge=1),
        "apps.web.maxUnavailable",
        "one of the two",
        "apps.web.maxUnavailable 0",
    ),
    "a daemon that could replace no pod": (
        stack("DaemonApp", maxUnavailable=0),
        "apps.web.maxUnavailable",
        "no pod could be replaced",
        "apps.web.maxUnavailable 1",
    ),
    "a pause of nothing": (
        stack("DaemonApp") | {"paused": True},
        "paused",
        "no app is a RollingApp",
        "pulumi config rm paused",
    ),
    "a probe of the canary that outlasts the rollout": (
        stack(
            "StatefulApp",
            progressDeadlineSeconds=60,
            canary={"probes": {"startup": {"tcp": True, "periodSeconds": 10, "failureThreshold": 9}}},
        ),
        "apps.web.progressDeadlineSeconds",
        "the startup probe may take 90 s",
        "apps.web.progressDeadlineSeconds 150",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_says_where_why_and_what_to_type(name: str) -> None:
    values, key, reason, remedy = WRONG[name]
    (problem,) = [each for each in problems(values) if written(each.path) == key]
    assert reason in problem.fault
    assert remedy in problem.remedy


def test_a_component_that_is_misspelled_is_read_as_the_nearest() -> None:
    (problem,) = problems(stack("RolingApp", maxSurge=1))
    assert problem.remedy == "pulumi config set --path apps.web.component RollingApp"


def test_the_stacks_tag_is_for_all_that_have_none_of_their_own() -> None:
    settings = load(stack("RollingApp", tag=None) | {"tag": "3.0"})
    assert settings.workloads["web"].tag is None
    assert settings.apps == {}


def test_colors_and_workloads_stand_side_by_side() -> None:
    apps = stack("RollingApp")["apps"] | {"api": {"component": "CanaryApp", "image": "registry.local/podinfo"}}
    settings = load({"apps": apps, "imageTag": {"blue": "1.0", "green": "2.0"}})
    assert (list(settings.apps), list(settings.workloads)) == (["api"], ["web"])
