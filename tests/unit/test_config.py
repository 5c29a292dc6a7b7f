"""What a stack's configuration may say, and what is said back when it may not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.color import Color
from components.config import load
from components.errors import ConfigError
from components.problems import written
from components.schema import Settings
from tests.unit.configs import GATEWAY, TAGS, app, canary, problems, stack, web

ROOT = Path(__file__).parents[2]
HPA = {"minReplicas": 2, "maxReplicas": 4}
CPU = {"requests": {"cpu": "100m"}}


def keys(values: Mapping[str, Any]) -> list[str]:
    return [written(problem.path) for problem in problems(values)]


# what is written, the key that is named, a part of what is said, the command or place that puts it right
BROKEN: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a color that is none": (
        stack(activeColor="gren"),
        "activeColor",
        'is "gren"; it must be blue or green',
        "pulumi config set activeColor green",
    ),
    "a color that is like none": (stack(activeColor="red"), "activeColor", "blue or green", "<blue|green>"),
    "a color that is no text": (stack(activeColor=1), "activeColor", "blue or green", "<blue|green>"),
    "an unknown key": (
        stack(activColor="blue"),
        "activColor",
        "did you mean activeColor?",
        "pulumi config rm activColor && pulumi config set activeColor blue",
    ),
    "an unknown key like none": (stack(zzz=1), "zzz", "known here are activeColor", "pulumi config rm zzz"),
    "an app's key at the top": (stack(probes={}), "probes", "is a key of an app", "apps.<name>"),
    "fewer than no canaries": (
        stack({"api": canary()}, canaryReplicas=-1),
        "canaryReplicas",
        "is -1; it must be a whole number of 0 or more",
        "pulumi config set canaryReplicas 0",
    ),
    "a number that is none": (stack(idleReplicas="many"), "idleReplicas", "whole number", "set idleReplicas 0"),
    "half a pod": (stack(idleReplicas=1.5), "idleReplicas", "is 1.5", "set idleReplicas 0"),
    "a boolean for a number": (stack(idleReplicas=True), "idleReplicas", "is true", "set idleReplicas 0"),
    "canaries of no CanaryApp": (
        stack(canaryReplicas=1),
        "canaryReplicas",
        "no app is a CanaryApp",
        "canaryReplicas 0",
    ),
    "idle pods of no BlueGreenApp": (
        stack({"api": canary()}, idleReplicas=1),
        "idleReplicas",
        "takes live traffic",
        "pulumi config rm idleReplicas",
    ),
    "a weight without a router": (
        stack(canaryWeight=10),
        "canaryWeight",
        "a CanaryApp with a router",
        "canaryWeight 0",
    ),
    "a weight above all": (stack(canaryWeight=101), "canaryWeight", "from 0 to 100", "canaryWeight 100"),
    "one tag for both colors": (
        stack(imageTag="v1"),
        "imageTag",
        "a map with a tag for each color",
        "pulumi config set --path imageTag.blue v1 && pulumi config set --path imageTag.green v1",
    ),
    "no tags": (stack(imageTag=None), "imageTag", "is missing", "pulumi config set --path imageTag.blue <tag>"),
    "one color's tag": (
        stack(imageTag={"blue": "6.9.0"}),
        "imageTag.green",
        "is missing",
        "pulumi config set --path imageTag.green 6.9.0",
    ),
    "a third color's tag": (
        stack(imageTag=TAGS | {"red": "1"}),
        "imageTag.red",
        "blue, green",
        "rm --path imageTag.red",
    ),
    "a tag that YAML made a number": (
        stack(imageTag={"blue": "6.9.0", "green": 1.10}),
        "imageTag.green",
        "1.10 becomes 1.1",
        "pulumi config set --path imageTag.green 1.1",
    ),
    "a tag that is a boolean": (stack(imageTag=TAGS | {"blue": True}), "imageTag.blue", "is true; it must be", "<tag>"),
    "a tag of strange letters": (stack(imageTag=TAGS | {"blue": "a b"}), "imageTag.blue", "an image tag", "<tag>"),
    "a tag too long": (stack(imageTag=TAGS | {"blue": "a" * 129}), "imageTag.blue", "at most 128", "<tag>"),
    "an empty tag": (stack(imageTag=TAGS | {"blue": ""}), "imageTag.blue", "an image tag", "<tag>"),
    "a namespace that cannot be": (stack(namespace="My_Space"), "namespace", "lower-case", "set namespace <name>"),
    "a namespace that is there": (stack(namespace="default"), "namespace", "cannot be made", "createNamespace false"),
    "a level that is none": (
        stack(podSecurity="strict"),
        "podSecurity",
        "restricted, baseline",
        "podSecurity restricted",
    ),
    "neither true nor false": (
        stack(createNamespace="yes"),
        "createNamespace",
        "true or false",
        "createNamespace true",
    ),
    "no app": (stack({}), "apps", "is empty", "describe an app"),
    "apps that are no map": (stack() | {"apps": ["web"]}, "apps", "a map of keys", "pulumi config rm apps"),
    "an app that is no map": (stack({"web": "podinfo"}), "apps.web", "a map of keys", "rm --path apps.web"),
    "an app name that cannot be": (stack({"Web": app()}), "apps.Web", "an app name", "rename it"),
    "an app name too long": (stack({"w" * 41: app()}), f"apps.{'w' * 41}", "at most 40 characters", "rename it"),
    "a name that another app makes": (
        stack({"web": app(), "web-blue": app()}),
        "apps.web-blue",
        "app web names objects of its own web-blue, web-green, web-preview, web-canary, web-baseline and web-pods",
        "rename one of the two",
    ),
    "a name that another app's preview has": (
        stack({"web": app(), "web-preview": app()}),
        "apps.web-preview",
        "web-preview",
        "rename one of the two",
    ),
    "no component": (
        stack({"web": {"image": "a"}}),
        "apps.web.component",
        "is missing; it must be BlueGreenApp, CanaryApp, RollingApp, StatefulApp or DaemonApp",
        "set --path apps.web.component",
    ),
    "a component that is none": (
        web(component="CanryApp"),
        "apps.web.component",
        "it must be BlueGreenApp, CanaryApp, RollingApp, StatefulApp or DaemonApp",
        "component CanaryApp",
    ),
    "an app's unknown key": (
        web(replica=1),
        "apps.web.replica",
        "did you mean replicas?",
        "--path apps.web.replicas 1",
    ),
    "no image": (stack({"web": {"component": "CanaryApp"}}), "apps.web.image", "is missing", "--path apps.web.image"),
    "an image with a tag": (
        web(image="registry.local:5000/podinfo:6.9.0"),
        "apps.web.image",
        "the tag does not belong here",
        "pulumi config set --path apps.web.image registry.local:5000/podinfo",
    ),
    "an image with a digest": (
        web(image="podinfo@sha256:" + "0" * 64),
        "apps.web.image",
        "a digest cannot stand here",
        "pulumi config set --path apps.web.image podinfo",
    ),
    "an image that is none": (web(image="Podinfo"), "apps.web.image", "an image without its tag", "apps.web.image"),
    "a port too high": (web(port=65536), "apps.web.port", "from 1 to 65535", "apps.web.port 65535"),
    "a port of 0": (web(probePort=0), "apps.web.probePort", "from 1 to 65535", "apps.web.probePort 1"),
    "a node port too low": (
        web(expose={"type": "NodePort", "nodePort": 80}),
        "apps.web.expose.nodePort",
        "from 30000 to 32767 (Kubernetes' default range",
        "pulumi config set --path apps.web.expose.nodePort 30000",
    ),
    "a NodePort without one": (web(expose={"type": "NodePort"}), "apps.web.expose.nodePort", "is missing", "<port>"),
    "a node port inside": (web(expose={"nodePort": 30001}), "apps.web.expose.nodePort", "ClusterIP", "type NodePort"),
    "one node port twice": (
        stack({name: app(expose={"type": "NodePort", "nodePort": 30001}) for name in ("api", "web")}),
        "apps.web.expose.nodePort",
        "app api has it",
        "<another port>",
    ),
    "an annotation of ours": (
        web(expose={"annotations": {"cutover/active": "blue"}}),
        'apps.web.expose.annotations["cutover/active"]',
        "Cutover writes itself",
        "pulumi config rm --path 'apps.web.expose.annotations[\"cutover/active\"]'",
    ),
    "no live pod": (web(replicas=0), "apps.web.replicas", "of 1 or more", "apps.web.replicas 1"),
    "replicas beside an autoscaler": (
        web(autoscaling=HPA, resources=CPU),
        "apps.web.replicas",
        "one of the two",
        "rm --path apps.web.replicas",
    ),
    "bounds the wrong way": (
        web(replicas=None, autoscaling={"minReplicas": 5, "maxReplicas": 4}, resources=CPU),
        "apps.web.autoscaling.minReplicas",
        "at most maxReplicas, 4",
        "minReplicas 4",
    ),
    "an autoscaler of nothing": (
        web(replicas=None, autoscaling=HPA),
        "apps.web.resources.requests.cpu",
        "is missing; autoscaling by CPU is a percentage of it",
        "apps.web.resources.requests.cpu <quantity>",
    ),
    "more canaries than the autoscaler allows": (
        stack({"api": canary(replicas=None, autoscaling=HPA, resources=CPU)}, canaryReplicas=5),
        "canaryReplicas",
        "autoscaling of api goes to maxReplicas, 4",
        "canaryReplicas 4",
    ),
    "more idle pods than the autoscaler allows": (
        web(replicas=None, autoscaling=HPA, resources=CPU, idleReplicas=5),
        "apps.web.idleReplicas",
        "goes to maxReplicas, 4",
        "--path apps.web.idleReplicas 4",
    ),
    "a metric that is none": (
        web(replicas=None, resources=CPU, autoscaling=HPA | {"metrics": [{"type": "Pods", "pod": {}}]}),
        "apps.web.autoscaling.metrics[0].pod",
        "did you mean pods?",
        "Pulumi.<stack>.yaml",
    ),
    "an app's canaries of no CanaryApp": (
        web(canaryReplicas=1),
        "apps.web.canaryReplicas",
        "only a CanaryApp",
        "rm --path",
    ),
    "an app's idle pods of no BlueGreenApp": (
        stack({"api": canary(idleReplicas=1)}),
        "apps.api.idleReplicas",
        "takes live traffic",
        "rm --path apps.api.idleReplicas",
    ),
    "an app's weight": (
        stack({"api": canary(canaryWeight=5)}),
        "apps.api.canaryWeight",
        "a CanaryApp with a router",
        "rm --path apps.api.canaryWeight",
    ),
    "a weight that nothing takes": (
        stack({"api": canary(router=GATEWAY)}, canaryWeight=5),
        "canaryWeight",
        "api has no pod of green to take it",
        "canaryWeight 0",
    ),
    "a share that leaves nothing": (
        stack({"api": canary(router=GATEWAY, baseline=True)}, canaryReplicas=1, canaryWeight=60),
        "canaryWeight",
        "the baseline of api gets as much",
        "canaryWeight 50",
    ),
    "a baseline of no CanaryApp": (
        web(baseline=True),
        "apps.web.baseline",
        "web is a BlueGreenApp",
        "rm --path apps.web.baseline",
    ),
    "a baseline of ingress-nginx": (
        stack({"api": canary(router={"nginx": {"hosts": ["api.example.com"]}}, baseline=True)}),
        "apps.api.baseline",
        "splits between two",
        "rm --path apps.api.baseline",
    ),
    "two routers": (
        web(router=GATEWAY | {"nginx": {"hosts": ["shop.example.com"]}}),
        "apps.web.router",
        "one of gateway, istio and nginx",
        "rm --path apps.web.router.nginx",
    ),
    "testers of no CanaryApp": (
        web(router=GATEWAY | {"testers": {"headers": {"X-Canary": "yes"}}}),
        "apps.web.router.testers",
        "web is a BlueGreenApp",
        "rm --path apps.web.router.testers",
    ),
    "a route without a Gateway": (
        web(router={"gateway": {"parents": []}}),
        "apps.web.router.gateway.parents",
        "needs a Gateway",
        "parents[0].name' <name>",
    ),
    "a mirror of ingress-nginx": (
        stack({"api": canary(router={"nginx": {"hosts": ["api.example.com"]}, "mirror": 10})}),
        "apps.api.router.mirror",
        "no mirror with a share",
        "rm --path apps.api.router.mirror",
    ),
    "testers of ingress-nginx with a word of their own": (
        stack({"api": canary(router={"nginx": {"hosts": ["a.b"]}, "testers": {"headers": {"X-Canary": "yes"}}})}),
        "apps.api.router.testers.headers.X-Canary",
        "`always` to green",
        "X-Canary always",
    ),
    "a rule that is no map": (
        web(router={"gateway": {"parents": [{"name": "edge"}], "rules": ["all"]}}),
        "apps.web.router.gateway.rules[0]",
        "a rule, as the router writes it",
        "{}",
    ),
    "an app's own tags in half": (
        web(imageTag={"green": "2"}),
        "apps.web.imageTag.blue",
        "is missing",
        "pulumi config set --path apps.web.imageTag.blue 2",
    ),
    "an app's one tag": (web(imageTag="2"), "apps.web.imageTag", "for each color", "--path apps.web.imageTag.blue 2"),
    "a drain too long": (web(drainSeconds=121), "apps.web.drainSeconds", "from 0 to 120", "drainSeconds 120"),
    "ready later than the deadline": (
        web(minReadySeconds=300),
        "apps.web.minReadySeconds",
        "less than progressDeadlineSeconds, 300",
        "minReadySeconds 299",
    ),
    "a startup slower than the deadline": (
        web(probes={"startup": {"path": "/", "failureThreshold": 60}}),
        "apps.web.progressDeadlineSeconds",
        "the startup probe may take 600 s",
        "progressDeadlineSeconds 660",
    ),
    "a probe that asks nothing": (
        web(probes={"liveness": {}}),
        "apps.web.probes.liveness",
        "exactly one of",
        "liveness.",
    ),
    "a probe that asks twice": (
        web(probes={"liveness": {"path": "/", "tcp": True}}),
        "apps.web.probes.liveness",
        "has path and tcp",
        "rm --path apps.web.probes.liveness.tcp",
    ),
    "a path that is none": (
        web(probes={"readiness": {"path": "ok"}}),
        "apps.web.probes.readiness.path",
        "/healthz",
        "path",
    ),
    "a probe that never pauses": (
        web(probes={"readiness": {"tcp": True, "periodSeconds": 0}}),
        "apps.web.probes.readiness.periodSeconds",
        "1 or more",
        "periodSeconds 1",
    ),
    "a liveness that must pass twice": (
        web(probes={"liveness": {"path": "/", "successThreshold": 2}}),
        "apps.web.probes.liveness.successThreshold",
        "only 1",
        "successThreshold 1",
    ),
    "asleep until the kill": (
        web(preStop={"sleep": 30}),
        "apps.web.terminationGracePeriodSeconds",
        "preStop sleeps for 30 s of it",
        "terminationGracePeriodSeconds 55",
    ),
    "two things before the end": (
        web(preStop={"sleep": 1, "path": "/"}),
        "apps.web.preStop",
        "exactly one of",
        "preStop.path",
    ),
    "a quantity that is none": (
        web(resources={"requests": {"memory": "64MB"}}),
        "apps.web.resources.requests.memory",
        "a Kubernetes quantity",
        "<quantity>",
    ),
    "a request above its limit": (
        web(resources={"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}),
        "apps.web.resources.requests.memory",
        "at most the limit, 512Mi",
        "requests.memory 512Mi",
    ),
    "a variable's name that cannot be": (
        web(env={"1A": "x"}),
        "apps.web.env.1A",
        "an environment variable",
        "rename it",
    ),
    "a variable that YAML made a number": (web(env={"A": 1.5}), "apps.web.env.A", "write it in quotes", "env.A 1.5"),
    "a variable from a Secret without key": (
        web(env={"A": {"secretKeyRef": {"name": "s"}}}),
        "apps.web.env.A.secretKeyRef.key",
        "is missing",
        "Pulumi.<stack>.yaml",
    ),
    "a source of variables that is none": (
        web(envFrom=[{"secretRf": {"name": "s"}}]),
        "apps.web.envFrom[0].secretRf",
        "did you mean secretRef?",
        "rename it",
    ),
    "configuration without data": (web(config={}), "apps.web.config.data", "is missing", "File name or variable name"),
    "a file name that cannot be": (
        web(config={"data": {"../x": "y"}, "mountPath": "/c"}),
        'apps.web.config.data["../x"]',
        "a ConfigMap key",
        "rename it",
    ),
    "a variable's name from a file's": (
        web(config={"data": {"9.yaml": "y"}}),
        'apps.web.config.data["9.yaml"]',
        "without config.mountPath the data are variables",
        "config.mountPath </path>",
    ),
    "too much configuration": (
        web(config={"data": {f"f{n}": "x" * 260_000 for n in range(5)}, "mountPath": "/c"}),
        "apps.web.config.data",
        "a ConfigMap holds 1,048,576",
        "into the image",
    ),
    "two volumes in one place": (
        web(volumes={"a": {"mountPath": "/x"}, "b": {"mountPath": "/x"}}),
        "apps.web.volumes.b.mountPath",
        "volume a is mounted there",
        "</another/path>",
    ),
    "a volume where the configuration is": (
        web(volumes={"a": {"mountPath": "/x"}}, config={"data": {"k": "v"}, "mountPath": "/x"}),
        "apps.web.config.mountPath",
        "volume a is mounted there",
        "</another/path>",
    ),
    "a volume called as the configuration's": (
        web(volumes={"config": {"mountPath": "/x"}}, config={"data": {"k": "v"}, "mountPath": "/c"}),
        "apps.web.volumes.config",
        "cannot be called so",
        "rm --path apps.web.volumes.config",
    ),
    "a relative place": (
        web(volumes={"a": {"mountPath": "x"}}),
        "apps.web.volumes.a.mountPath",
        "absolute",
        "mountPath",
    ),
    "a volume of two sources": (
        web(volumes={"a": {"mountPath": "/x", "source": {"emptyDir": {}, "secret": {"secretName": "s"}}}}),
        "apps.web.volumes.a.source",
        "has 2 sources",
        "rm --path apps.web.volumes.a.source",
    ),
    "a volume of the node": (
        web(volumes={"a": {"mountPath": "/x", "source": {"hostPath": {"path": "/"}}}}),
        "apps.web.volumes.a.source.hostPath",
        "restricted allows",
        "rm --path",
    ),
    "root": (web(runAsUser=0), "apps.web.runAsUser", "allows no root", "runAsUser 1"),
    "a label that selects": (web(podLabels={"color": "red"}), "apps.web.podLabels.color", "sets itself", "rm --path"),
    "a label that cannot be": (
        web(podLabels={"a": "b c"}),
        "apps.web.podLabels.a",
        "a label value",
        "podLabels.a <value>",
    ),
    "an annotation that is ours": (
        web(podAnnotations={"cutover/x": "y"}),
        'apps.web.podAnnotations["cutover/x"]',
        "sets itself",
        "rm --path",
    ),
    "an annotation's key that cannot be": (
        web(podAnnotations={"a/b/c": "y"}),
        'apps.web.podAnnotations["a/b/c"]',
        "[prefix/]name",
        "rename it",
    ),
    "a toleration that is none": (
        web(tolerations=[{"efect": "NoSchedule"}]),
        "apps.web.tolerations[0].efect",
        "is no field of a Kubernetes Toleration; did you mean effect?",
        "apps.web.tolerations[0].effect",
    ),
    "a toleration of the wrong type": (
        web(tolerations=[{"tolerationSeconds": "soon"}]),
        "apps.web.tolerations[0].tolerationSeconds",
        'is "soon"; Kubernetes wants a whole number here',
        "Pulumi.<stack>.yaml",
    ),
    "a boolean for Kubernetes' number": (
        web(tolerations=[{"tolerationSeconds": True}]),
        "apps.web.tolerations[0].tolerationSeconds",
        "is true; Kubernetes wants a whole number here",
        "Pulumi.<stack>.yaml",
    ),
    "a sidecar called as the app": (
        web(sidecars=[{"name": "app", "image": "x"}]),
        "apps.web.sidecars[0].name",
        "the app's own container has that name",
        "<another-name>",
    ),
    "two containers of one name": (
        web(initContainers=[{"name": "a", "image": "x"}, {"name": "a", "image": "y"}]),
        "apps.web.initContainers[1].name",
        "another container has that name",
        "<another-name>",
    ),
    "a container without a name": (
        web(initContainers=[{"image": "x"}]),
        "apps.web.initContainers[0].name",
        "is missing",
        "Pulumi.<stack>.yaml",
    ),
    "a patch of the labels that select": (
        web(podTemplate={"metadata": {"labels": {"color": "red"}}}),
        "apps.web.podTemplate",
        "the labels app and color",
        "take it out",
    ),
    "a patch of the app's image": (
        web(podTemplate={"spec": {"containers": [{"name": "app", "image": "x:y"}]}}),
        "apps.web.podTemplate",
        "with its image, must stay",
        "take it out",
    ),
    "a patch without the app": (
        web(podTemplate={"spec": {"containers": [{"name": "app", "$patch": "delete"}]}}),
        "apps.web.podTemplate",
        "the container named app",
        "take it out",
    ),
    "a patch of no container": (
        web(podTemplate={"spec": {"containers": [{"image": "x"}]}}),
        "apps.web.podTemplate",
        "each element of containers needs its name",
        "Pulumi.<stack>.yaml",
    ),
    "a patch of no field": (
        web(podTemplate={"spec": {"hostNetwrk": True}}),
        "apps.web.podTemplate.spec.hostNetwrk",
        "did you mean hostNetwork?",
        "apps.web.podTemplate.spec.hostNetwork true",
    ),
    "a color's key that is no pod's": (
        web(colors={"green": {"replicas": 1}}),
        "apps.web.colors.green.replicas",
        "cannot differ by color",
        "move it to apps.web",
    ),
    "a color that is none, of an app": (web(colors={"red": {}}), "apps.web.colors.red", "blue, green", "colors.red"),
    "a color's own mistake": (
        web(colors={"green": {"preStop": {"sleep": 60}}}),
        "apps.web.colors.green.terminationGracePeriodSeconds",
        "preStop sleeps for 60 s",
        "apps.web.colors.green.terminationGracePeriodSeconds 85",
    ),
    "a color's own patch": (
        web(colors={"green": {"podTemplate": {"metadata": {"labels": {"app": "x"}}}}}),
        "apps.web.colors.green.podTemplate",
        "the labels app and color",
        "take it out",
    ),
    "an allowance that is no tag": (web(inPlace="a b"), "apps.web.inPlace", "an image tag", "inPlace <tag>"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_says_where_why_and_what_to_type(case: str) -> None:
    values, key, reason, remedy = BROKEN[case]

    (problem,) = problems(values)

    assert written(problem.path) == key
    assert reason in problem.fault
    assert remedy in problem.remedy


def test_reports_all_at_once() -> None:
    values = stack(
        {
            "web": app(expose={"type": "NodePort", "nodePort": 80}),
            "web-blue": app(),
            "api": canary(),
        },
        activeColor="gren",
        activColor="blue",
        canaryReplicas=-1,
        imageTag={"blue": "6.9.0", "green": 1.10},
    )

    assert keys(values) == [
        "activColor",
        "activeColor",
        "apps.web.expose.nodePort",
        "apps.web-blue",
        "canaryReplicas",
        "imageTag.green",
    ]
    assert keys(values | {"imageTag": "v1"})[-1] == "imageTag"


def test_looks_at_all_of_an_app_whose_name_is_taken() -> None:
    assert keys(stack({"web": app(), "web-blue": app(port=0)})) == ["apps.web-blue", "apps.web-blue.port"]


def test_looks_at_all_of_an_app_whose_image_is_wrong() -> None:
    values = web(image="podinfo:1", preStop={"sleep": 60}, colors={"green": {"replicas": 2}})

    assert keys(values) == [
        "apps.web.colors.green.replicas",
        "apps.web.image",
        "apps.web.terminationGracePeriodSeconds",
    ]


def test_says_nothing_that_may_follow_from_what_it_could_not_read() -> None:
    values = stack({"web": app(), "api": canary(component="CanryApp")}, canaryReplicas=1)

    assert keys(values) == ["apps.api.component"]


def test_says_once_what_is_wrong_in_both_colors() -> None:
    both = {"env": {"A": "1"}}
    values = web(preStop={"sleep": 60}, colors={"blue": both, "green": both})

    assert keys(values) == ["apps.web.terminationGracePeriodSeconds"]


def test_the_text_reads_as_a_list() -> None:
    with pytest.raises(ConfigError) as caught:
        load(stack(activeColor="gren", imageTag={"blue": "1"}))

    assert str(caught.value) == (
        "2 problems in the configuration; nothing was touched.\n"
        '  - activeColor is "gren"; it must be blue or green\n'
        "        pulumi config set activeColor green\n"
        "  - imageTag.green is missing; both colors need a tag, and it may be the same\n"
        "        pulumi config set --path imageTag.green 1"
    )


def test_reads_what_config_set_stores_as_text() -> None:
    settings = load(stack({"api": canary(replicas="10", recycle="false")}, canaryReplicas="1", createNamespace="false"))

    assert settings.canary_replicas == 1
    assert settings.create_namespace is False
    assert (settings.apps["api"].replicas, settings.apps["api"].recycle) == (10, False)


def test_reads_text_that_config_set_path_turned_into_numbers_and_booleans() -> None:
    settings = load(stack({"web": app(env={"PORT": 8080, "DEBUG": True})}, imageTag={"blue": 7, "green": "8"}))

    assert settings.image_tag
    assert settings.image_tag.of(Color.BLUE) == "7"
    assert settings.apps["web"].env == {"PORT": "8080", "DEBUG": "true"}


def test_a_shared_tag_is_not_needed_where_every_app_has_its_own() -> None:
    assert load(stack({"web": app(imageTag=TAGS)}, imageTag=None)).image_tag is None


@pytest.mark.parametrize("name", ["w", "w" * 40, "web-1", "web-bluer", "blue"])
def test_app_names_that_are_allowed(name: str) -> None:
    assert name in load(stack({name: app()})).apps


@pytest.mark.parametrize(
    "image", ["podinfo", "stefanprodan/podinfo", "ghcr.io/a/b", "localhost:5000/a", "10.0.0.1:80/a__b/c-d.e"]
)
def test_images_that_are_allowed(image: str) -> None:
    assert load(web(image=image)).apps["web"].image == image


def test_resources_of_other_makers_are_allowed() -> None:
    limits = {"example.com/gpu": 1}

    assert load(web(resources={"limits": limits})).apps["web"].resources.limits == {"example.com/gpu": "1"}


@pytest.mark.parametrize("amount", ["0", "1", "0.5", ".5", "250m", "64Mi", "1e3", "1E", "2Gi", 1, 0.5])
def test_quantities_that_are_allowed(amount: str | float) -> None:
    assert load(web(resources={"requests": {"cpu": amount}})).apps["web"].resources.requests == {"cpu": str(amount)}


@given(
    st.dictionaries(
        st.sampled_from([field.alias or "" for field in Settings.model_fields.values()]) | st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
            max_leaves=5,
        ),
    )
)
def test_whatever_is_written_is_answered_in_our_words(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(values)

    assert caught.value.problems
    assert "Input should" not in str(caught.value)


@given(st.data())
def test_whatever_an_app_says_is_answered_in_our_words(data: st.DataObject) -> None:
    anything = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=1)
    fields = [field.alias or "" for field in load(stack()).apps["web"].__class__.model_fields.values()]
    key = data.draw(st.sampled_from(fields))
    value = data.draw(
        anything | st.dictionaries(st.sampled_from([*fields, "path", "data", "green"]), anything, max_size=2)
    )

    try:
        load(web(**{key: value}))
    except ConfigError as error:
        assert "Input should" not in str(error)  # noqa: PT017


def test_pulumi_yaml_declares_what_the_schema_has() -> None:
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    declared = {key: value for key, value in config.items() if not key.startswith("kubernetes:")}
    fields = {field.alias: field for field in Settings.model_fields.values()}

    assert declared.keys() == fields.keys() - {"imageTag", "tag", "namespace", "idleReplicas", "release"}
    for key, declaration in declared.items():
        assert re.sub(r"\W+", "", declaration["description"]) == re.sub(r"\W+", "", fields[key].description or "")
        if "default" in declaration:
            assert str(declaration["default"]) == str(fields[key].default)


def test_the_dev_stack_is_fine() -> None:
    config = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    settings = load(
        {key.removeprefix("cutover:"): value for key, value in config.items() if key.startswith("cutover:")}
    )

    assert list(settings.apps) == ["web", "api"]
