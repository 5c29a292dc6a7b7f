"""Every rule passes what the components make, and finds what breaks it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components.config import load
from components.plan import Manifest
from components.planner import plan
from policy.lint import stacks
from policy.rules import OBJECT_RULES, STACK_RULES
from tests.unit.configs import GATEWAY, app, canary, stack

STACKS = stacks()
Break = Callable[[Any], None]


def findings(manifests: list[Manifest]) -> Iterator[tuple[str, str]]:
    for name, rule in OBJECT_RULES.items():
        yield from ((name, text) for manifest in manifests for text in rule(manifest))
    for name, of_all in STACK_RULES.items():
        yield from ((name, text) for _, text in of_all(manifests))


def made(**position: Any) -> list[Manifest]:
    """A BlueGreenApp `web`, a StatefulApp `db` and a DaemonApp `agent`, which break no rule."""
    resources = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "1Mi"}}
    pods: dict[str, Any] = {"resources": resources, "probes": {"readiness": {"path": "/"}}}
    pods["sidecars"] = [{"name": "proxy", "image": "host:5000/proxy:1", "resources": resources}]
    apps = {"web": app(**pods), "db": app("StatefulApp", **pods), "agent": app("DaemonApp", **pods)}
    del apps["agent"]["replicas"]
    return copy.deepcopy(plan(load(stack(apps, tag="6.9.0", **position)), owner="shop/dev").manifests)


@pytest.mark.parametrize("name", STACKS)
def test_every_example_keeps_to_every_rule(name: str) -> None:
    assert not [*findings(STACKS[name].manifests)]


def test_the_examples_are_rendered_at_every_position() -> None:
    promoted = of(STACKS["canary-promoted"].manifests, "Deployment", "api-green")
    assert promoted["metadata"]["annotations"]["cutover/role"] == "active"
    assert of(STACKS["canary-canary"].manifests, "Deployment", "api-green")["spec"]["replicas"] == 1
    assert len(STACKS) == 13 + 8 + 6


def of(manifests: list[Manifest], kind: str, name: str) -> Any:
    (found,) = (each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name)
    return found


def pod(manifest: Manifest) -> Any:
    return manifest["spec"]["template"]["spec"]


def container(manifest: Manifest) -> Any:
    return pod(manifest)["containers"][0]


OWNERS = [("Deployment", "web-blue"), ("StatefulSet", "db"), ("DaemonSet", "agent")]
BREAKS: dict[str, tuple[str, str, Break]] = {
    "no probe": ("probes", "readinessProbe", lambda owner: container(owner).pop("readinessProbe")),
    "no request": ("resources", "requests.cpu", lambda owner: container(owner)["resources"]["requests"].pop("cpu")),
    "no limit": ("resources", "limits.memory", lambda owner: container(owner)["resources"].pop("limits")),
    "a sidecar without resources": (
        "resources",
        "proxy",
        lambda owner: pod(owner)["initContainers"][0].pop("resources"),
    ),
    "latest": ("fixed-images", "latest", lambda owner: container(owner).update(image="host:5000/web:latest")),
    "no tag": ("fixed-images", "newest", lambda owner: container(owner).update(image="host:5000/web")),
    "a sidecar's latest": (
        "fixed-images",
        "proxy",
        lambda owner: pod(owner)["initContainers"][0].update(image="proxy:latest"),
    ),
    "a version selected": (
        "stable-selectors",
        "version",
        lambda owner: owner["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/version": "x"}),
    ),
    "a tag selected": (
        "stable-selectors",
        "release=6.9.0",
        lambda owner: owner["spec"]["selector"]["matchLabels"].update(release="6.9.0"),
    ),
    "the host's network": ("restricted", "hostNetwork", lambda owner: pod(owner).update(hostNetwork=True)),
    "a path of the host": (
        "restricted",
        "hostPath",
        lambda owner: pod(owner)["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    ),
    "root": ("restricted", "root", lambda owner: pod(owner)["securityContext"].update(runAsUser=0)),
    "perhaps root": ("restricted", "root", lambda owner: pod(owner)["securityContext"].pop("runAsNonRoot")),
    "no seccomp": ("restricted", "seccomp", lambda owner: pod(owner)["securityContext"].pop("seccompProfile")),
    "privileges": (
        "restricted",
        "privileges",
        lambda owner: container(owner)["securityContext"].pop("allowPrivilegeEscalation"),
    ),
    "a capability": (
        "restricted",
        "capabilities",
        lambda owner: container(owner)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    ),
    "a port of the node": ("restricted", "port 80", lambda owner: container(owner)["ports"][0].update(hostPort=80)),
}


@pytest.mark.parametrize(("kind", "name"), OWNERS)
@pytest.mark.parametrize("case", BREAKS)
def test_a_rule_finds_what_breaks_it(case: str, kind: str, name: str) -> None:
    rule, word, change = BREAKS[case]
    manifests = made()
    change(of(manifests, kind, name))
    found = {name: text for name, text in findings(manifests) if name not in STACK_RULES}
    assert [*found] == [rule]
    assert word in found[rule]


def test_what_the_tests_break_is_whole() -> None:
    assert not [*findings(made())]


def test_jobs_are_restricted_and_have_fixed_images() -> None:
    job = {"kind": "Job", "metadata": {"name": "job"}, "spec": {"template": {"spec": {"containers": []}}}}
    job["spec"]["template"]["spec"]["containers"] = [{"name": "test", "image": "test"}]  # type: ignore[index]
    cron_job = {"kind": "CronJob", "metadata": {"name": "cron"}, "spec": {"jobTemplate": {"spec": job["spec"]}}}
    for each in (job, cron_job):
        assert {name for name, _ in findings([each])} == {"fixed-images", "restricted"}


def test_an_image_may_be_named_by_its_digest() -> None:
    manifests = made()
    container(of(manifests, "Deployment", "web-blue"))["image"] = "host/web@sha256:0123"
    assert not [*findings(manifests)]


@pytest.mark.parametrize("selector", ["web", "web-preview"])
def test_a_service_that_selects_a_version_is_found(selector: str) -> None:
    manifests = made()
    of(manifests, "Service", selector)["spec"]["selector"]["version"] = "6.9.0"
    assert ("stable-selectors", "its selector has version=6.9.0, which changes with the version") in findings(manifests)


def test_the_live_service_of_an_empty_color_is_found_and_the_preview_one_is_not() -> None:
    manifests = made(idleReplicas=0)
    assert of(manifests, "Deployment", "web-green")["spec"]["replicas"] == 0
    assert not [*findings(manifests)]
    of(manifests, "Service", "web")["spec"]["selector"]["color"] = "green"
    assert [name for name, _ in findings(manifests)] == ["live-traffic"]


@pytest.mark.parametrize("router", [GATEWAY, {"istio": {"hosts": ["a"]}}, {"nginx": {"hosts": ["a"]}}])
@pytest.mark.parametrize("weight", [0, 20])
@pytest.mark.parametrize("active", ["blue", "green"])
def test_a_share_of_a_route_for_an_empty_color_is_found(router: dict[str, Any], weight: int, active: str) -> None:
    values = stack({"web": canary(router=router)}, activeColor=active, canaryReplicas=1, canaryWeight=weight)
    manifests = copy.deepcopy(plan(load(values), owner="shop/dev").manifests)
    assert "live-traffic" not in {name for name, _ in findings(manifests)}
    for color in ("blue", "green"):
        emptied = copy.deepcopy(manifests)
        of(emptied, "Deployment", f"web-{color}")["spec"]["replicas"] = 0
        routes = [text for name, text in findings(emptied) if name == "live-traffic" and f"color={color}" in text]
        assert bool(routes) is (color == active or weight > 0)


def test_pods_without_a_budget_are_found() -> None:
    for kind, name in [("Deployment", "web-green"), ("StatefulSet", "db")]:
        manifests = made()
        manifests.remove(of(manifests, "PodDisruptionBudget", name))
        assert [each for each, _ in STACK_RULES["disruption-budgets"](manifests)] == [of(manifests, kind, name)]
