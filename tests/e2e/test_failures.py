"""What cannot work stops, says why, and leaves traffic and outputs as they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lightkube.models.core_v1 import ResourceQuotaSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, ResourceQuota, Service
from lightkube.resources.discovery_v1 import EndpointSlice

from bench.traffic import Load, running
from tests.e2e.conftest import blue_green, canary
from tests.e2e.stacks import NEW, OLD, Stack, client, live, namespace_exists


def test_an_image_that_does_not_exist_is_named_within_a_minute(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    before = web.outputs()
    web.set("imageTag.green", "0.0.404")
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "bad-image") as traffic:
        for _ in range(2):
            failure = web.fail_up()
            assert failure.seconds < 60
            assert "web-green has 0 of 3 pods ready" in failure.output
            assert "ImagePullBackOff" in failure.output or "ErrImagePull" in failure.output
            assert "Traceback" not in failure.output
        web.set("imageTag.green", NEW)
        web.up()
        answers = traffic.stop()
    assert not answers.errors
    assert set(answers.versions) == {OLD}
    assert web.outputs() == before
    web.set("activeColor", "green")
    web.up()
    assert web.outputs()["web"]["activeColor"] == "green"


def test_a_bad_version_is_not_promoted(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    web.set("imageTag.green", "0.0.404")
    web.set("activeColor", "green")
    for _ in range(2):
        assert "Traffic is where it was" in web.fail_up().output
        assert live(web, "web") == "blue"
        assert web.outputs()["web"]["activeColor"] == "blue"
    web.set("activeColor", "blue")
    web.set("imageTag.green", NEW)
    web.up()


def crash() -> dict[str, Any]:
    return {"args": ["--no-such-flag"]}


def unready() -> dict[str, Any]:
    return {"probes": {"readiness": {"path": "/status/503", "periodSeconds": 1}}}


def no_secret() -> dict[str, Any]:
    return {"env": {"KEY": {"secretKeyRef": {"name": "missing", "key": "key"}}}}


def too_big() -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": "64"}}}


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        (crash, ["CrashLoopBackOff", "Its last log lines:", "get version number"]),
        (no_secret, ["CreateContainerConfigError", 'secret "missing" not found']),
        (too_big, ["Unschedulable", "Insufficient cpu"]),
    ],
)
def test_what_keeps_a_color_from_being_ready_is_named(
    stack: Callable[..., Stack], overlay: Callable[[], dict[str, Any]], told: list[str]
) -> None:
    web = stack({"web": blue_green(replicas=1, colors={"green": overlay()})})
    failure = web.fail_up()
    for words in told:
        assert words in failure.output


def test_a_readiness_probe_that_never_passes_fails_at_the_deadline(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=1, progressDeadlineSeconds=10, colors={"green": unready()})})
    failure = web.fail_up(deadline=90).output
    assert "web-green has 0 of 1 pods ready" in failure
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in failure


def test_a_quota_that_forbids_pods_is_named(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=2)}, createNamespace=False)
    here = client(web.namespace)
    here.create(Namespace(metadata=ObjectMeta(name=web.namespace)))
    here.create(ResourceQuota(metadata=ObjectMeta(name="small"), spec=ResourceQuotaSpec(hard={"pods": "1"})))
    failure = web.fail_up()
    assert "FailedCreate" in failure.output
    assert "exceeded quota: small" in failure.output


def test_all_mistakes_of_a_configuration_are_told_at_once_and_nothing_is_touched(stack: Callable[..., Stack]) -> None:
    web = stack(
        {"web": blue_green(80), "web-blue": blue_green()},
        activeColor="gren",
        canaryReplicas=-1,
        activColor="blue",
        imageTag={"blue": OLD, "green": 1.10},
    )
    failure = web.attempt("preview")
    assert failure.code != 0
    for words in ("gren", "canaryReplicas", "-1", "activColor", "imageTag.green", "web-blue", "nodePort"):
        assert words in failure.output
    assert "Traceback" not in failure.output
    assert not namespace_exists(web.namespace)
    web.write(namespace=web.namespace, apps={"web": blue_green()}, imageTag="v1")
    assert "pulumi config set --path imageTag.blue" in web.attempt("preview").output


def test_the_live_color_is_not_changed_in_place(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    web.set("imageTag.blue", "6.9.2")
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        failure = web.attempt(*command)
        assert failure.code != 0
        assert "web-blue is live, and its pod template would change in place" in failure.output
        assert "pulumi config set activeColor green && pulumi up" in failure.output
    web.set("apps.web.inPlace", "6.9.2")
    web.up()
    client(web.namespace).patch(Service, "web", {"spec": {"selector": {"color": "green"}}})
    web.set("imageTag.green", OLD)
    web.set("activeColor", "green")
    assert "web-green is live, and its pod template would change in place" in web.fail_up().output


def test_a_promotion_with_canary_keys_left_over_is_refused(stack: Callable[..., Stack], port: int) -> None:
    api = stack({"api": canary(port, replicas=3)}, canaryReplicas=1)
    api.up()
    api.set("activeColor", "green")
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        failure = api.attempt(*command)
        assert failure.code != 0
        assert "pulumi config set canaryReplicas 0 && pulumi up" in failure.output
    assert api.outputs()["api"]["activeColor"] == "blue"


def test_a_move_that_is_not_seen_leaves_the_old_color_whole(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    here = client(web.namespace)
    (slice_,) = here.list(EndpointSlice, labels={"kubernetes.io/service-name": "web"})
    # one that no controller looks after: traffic of the live Service goes on to blue, wherever that points
    slice_.metadata = ObjectMeta(name="stranger", labels={"kubernetes.io/service-name": "web"})
    here.create(slice_)
    web.set("idleReplicas", 0)
    web.set("activeColor", "green")
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=600), "not-seen") as traffic:
        for _ in range(2):
            failure = web.fail_up().output
            assert "traffic was not seen on green alone within 30 s" in failure
            assert "3 of green, 3 of blue" in failure
            assert here.get(Deployment, "web-blue").spec.replicas == 3
        here.delete(EndpointSlice, "stranger")
        web.up()
        answers = traffic.stop()
    assert not answers.errors
    assert answers.records[-1].version == NEW
    assert here.get(Deployment, "web-blue").spec.replicas == 0


def test_the_namespace_goes_with_the_stack_and_in_no_other_way(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=1)})
    web.up()
    for key, value in (("namespace", f"{web.namespace}-moved"), ("createNamespace", "false")):
        web.set(key, value)
        for command in (["preview"], ["up", "--yes", "--skip-preview"]):
            refused = web.attempt(*command)
            assert refused.code != 0
            assert f"pulumi config set namespace {web.namespace}" in refused.output
        web.run("config", "set", "namespace", web.namespace)
    web.set("createNamespace", "true")
    web.run("preview", "--expect-no-changes")
    web.run("destroy", "--yes", deadline=180)
    assert not namespace_exists(web.namespace)
