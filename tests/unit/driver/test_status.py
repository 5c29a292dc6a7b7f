"""What is told of a cluster, and that it is the cluster's and not the configuration's word."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from components.color import Color, Role
from components.kube import REQUEST_SECONDS, Cluster
from components.plan import MANAGED_BY, StackPlan
from cutover import drift, status
from cutover.errors import NotStartedError, RefusedError
from cutover.pods import PodState
from cutover.status import AppStatus, ColorStatus, Lookout, Status
from tests.unit.api import Api
from tests.unit.configs import GATEWAY, app, canary, stack, web
from tests.unit.driver.engine import FakeEngine
from tests.unit.driver.store import SOON, Store, managed, stack_plan, unready, waiting

NOW = datetime.now(UTC)
ISTIO = {"istio": {"hosts": ["web.example.com"]}}
NGINX = {"nginx": {"hosts": ["web.example.com"]}}


def stand(store: Store, wished: StackPlan | None = None, **note: Any) -> Status:
    """What is told of `store` where the configuration has come to mean `wished`."""
    plan = wished or store.plan
    return store.read(lambda cluster: status.read(plan, cluster, note))


def the_app(store: Store, wished: StackPlan | None = None) -> AppStatus:
    (found,) = stand(store, wished).apps
    return found


def side(found: AppStatus, color: str) -> ColorStatus:
    return next(each for each in found.colors if each.color == color)


def test_an_app_that_stands_as_configured() -> None:
    found = the_app(Store(stack_plan(web())))
    blue, green = found.colors
    assert (found.active, found.share, found.traffic) == (Color.BLUE, "0%", {"blue": 3})
    assert (blue.role, blue.tag, blue.wanted, blue.ready, blue.updated, blue.share) == (
        Role.ACTIVE,
        "6.9.0",
        3,
        3,
        3,
        100,
    )
    assert (green.role, green.tag, green.wanted, green.ready, green.share) == (Role.IDLE, "6.9.1", 3, 3, 0)
    assert (blue.served, green.served) == (True, False)
    assert (found.differences, found.drifts, found.warnings, blue.reasons) == ((), (), (), ())


def test_the_number_of_requests_does_not_grow_with_the_apps() -> None:
    def requests(count: int) -> int:
        store = Store(stack_plan(stack({f"web{number}": app() for number in range(count)})))
        stand(store)
        return len(store.api.asked)

    assert requests(1) == requests(12) == 6


def test_the_json_reads_back_whole() -> None:
    found = stand(Store(stack_plan(stack({"web": app(), "api": canary(router=GATEWAY)}))), verb="canary", to="green")
    assert msgspec.json.decode(found.to_json(), type=Status) == found
    told = json.loads(found.to_json())
    assert told["release"] == {"verb": "canary", "to": "green"}
    assert told["apps"][1]["colors"][0]["pods"][0]["state"] == "ready"


def test_without_a_router_traffic_is_what_the_endpoints_say() -> None:
    plan = stack_plan(stack({"web": canary()}, canaryReplicas=1))
    store = Store(plan)
    store.items["endpointslices"]["web-slice"]["endpoints"][0]["conditions"]["ready"] = False
    found = the_app(store)
    assert found.traffic == {"blue": 9, "green": 1}
    assert (side(found, "blue").share, side(found, "green").share) == (90, 10)
    assert side(found, "green").role is Role.CANARY


def test_pods_of_neither_color_behind_the_live_service_are_seen() -> None:
    store = Store(stack_plan(web()))
    store.items["endpointslices"]["web-slice"]["endpoints"].append({"addresses": ["10.0.0.2"]})
    assert the_app(store).traffic == {"blue": 3, "others": 1}


@pytest.mark.parametrize("router", [GATEWAY, ISTIO, NGINX], ids=["gateway", "istio", "nginx"])
@pytest.mark.parametrize("live", ["blue", "green"])
def test_with_a_router_traffic_is_what_the_route_says(router: dict[str, Any], live: str) -> None:
    plan = stack_plan(stack({"web": canary(router=router)}, activeColor=live, canaryReplicas=2, canaryWeight=5))
    found = the_app(Store(plan))
    assert found.traffic == {live: 95, Color(live).other: 5}
    assert found.route is not None
    assert found.route.trouble == ""


def test_a_canary_for_testers_alone_is_one_without_a_share() -> None:
    found = the_app(Store(stack_plan(stack({"web": canary(router=GATEWAY)}, canaryReplicas=2))))
    assert (side(found, "green").role, side(found, "green").share) == (Role.CANARY, 0)


def test_a_baseline_has_its_part_of_the_traffic() -> None:
    metrics = {"errors": {"query": "errors{color='{{color}}'}", "maxRatio": 2, "against": "baseline"}}
    gate = {"prometheus": {"service": "prometheus"}, "metrics": metrics}
    app = canary(router=GATEWAY, baseline=True, gate=gate)
    found = the_app(Store(stack_plan(stack({"web": app}, canaryReplicas=2, canaryWeight=5))))
    assert found.traffic == {"blue": 90, "green": 5, "baseline": 5}
    assert found.baseline is not None
    assert (found.baseline.wanted, found.baseline.ready, found.baseline.share) == (2, 2, 5)


def test_a_route_that_its_gateway_has_not_taken() -> None:
    store = Store(stack_plan(stack({"web": canary(router=GATEWAY)})))
    store.items["httproutes"]["web"]["metadata"]["generation"] = 2
    route = the_app(store).route
    assert route is not None
    assert route.trouble == "Gateway edge has not looked at it yet"


@pytest.mark.parametrize("kind", ["httproutes", "virtualservices"])
def test_a_route_that_somebody_has_emptied_carries_nothing(kind: str) -> None:
    store = Store(stack_plan(stack({"web": canary(router=GATEWAY if kind == "httproutes" else ISTIO)})))
    store.items[kind]["web"]["spec"] |= {"rules": [], "http": []}
    assert the_app(store).traffic == {}


def test_an_app_that_has_just_got_a_router_is_where_its_service_is() -> None:
    before, after = stack_plan(stack({"web": canary()})), stack_plan(stack({"web": canary(router=GATEWAY)}))
    found = the_app(Store(before), after)
    assert (found.active, found.traffic) == (Color.BLUE, {"blue": 10})
    assert found.route is not None
    assert found.route.trouble == "it is not there"


def state_of(change: Callable[[dict[str, Any]], object]) -> tuple[PodState, str]:
    store = Store(stack_plan(web()))
    change(store.pods_of("web-green")[0])
    pod = side(the_app(store), "green").pods[0]
    return pod.state, pod.reason


def end(pod: dict[str, Any]) -> None:
    pod["metadata"]["deletionTimestamp"] = SOON


def crash(pod: dict[str, Any]) -> None:
    unready(pod)
    ended = {"terminated": {"exitCode": 1, "reason": "OOMKilled"}}
    pod["status"]["containerStatuses"][0] |= {"state": ended, "ready": False}


def evict(pod: dict[str, Any]) -> None:
    pod["status"] = {"phase": "Failed", "reason": "Evicted"}


@pytest.mark.parametrize(
    ("change", "state", "reason"),
    [
        (lambda _: None, PodState.READY, ""),
        (unready, PodState.STARTING, ""),
        (lambda pod: waiting(pod, "ContainerCreating"), PodState.STARTING, ""),
        (lambda pod: waiting(pod, "ImagePullBackOff"), PodState.FAILING, "ImagePullBackOff"),
        (crash, PodState.FAILING, "OOMKilled"),
        (evict, PodState.FAILING, "Evicted"),
        (end, PodState.ENDING, ""),
    ],
    ids=["ready", "not ready yet", "starting", "no image", "crashed", "evicted", "ending"],
)
def test_the_state_of_a_pod(change: Callable[[dict[str, Any]], object], state: PodState, reason: str) -> None:
    assert state_of(change) == (state, reason)


def test_why_pods_are_not_ready_is_told_with_the_end_of_the_log() -> None:
    store = Store(stack_plan(web()))
    for pod in store.pods_of("web-green"):
        waiting(pod, "CrashLoopBackOff", "back-off 10s")
    store.items["deployments"]["web-green"]["status"]["availableReplicas"] = 0
    found = side(the_app(store), "green")
    assert found.ready == 0
    assert found.reasons == (
        "Pod web-green-now-0: CrashLoopBackOff (back-off 10s). Its last log lines:\n    panic: no database\n",
    )


def test_a_probe_that_fails_is_told_from_the_warning_about_it() -> None:
    store = Store(stack_plan(web()))
    unready(store.pods_of("web-green")[1])
    store.items["deployments"]["web-green"]["status"]["availableReplicas"] = 2
    store.warn("Pod", "web-green-now-1", "Unhealthy", "Readiness probe failed: 503\n", SOON)
    found = side(the_app(store), "green")
    assert found.reasons == ("Pod web-green-now-1: NotReady (Readiness probe failed: 503).",)
    assert found.ready == 2


def test_a_pod_between_two_crashes_is_told_by_the_last_warning_about_it() -> None:
    store = Store(stack_plan(web()))
    crash(store.pods_of("web-green")[0])
    store.items["deployments"]["web-green"]["status"]["availableReplicas"] = 2
    store.warn("Pod", "web-green-now-0", "BackOff", "the last", SOON)
    store.warn("Pod", "web-green-now-0", "BackOff", "one before", "2026-01-01T00:00:00Z")
    assert side(the_app(store), "green").reasons == ("Pod web-green-now-0: OOMKilled (the last).",)


def test_pods_of_an_older_template_are_told_apart() -> None:
    store = Store(stack_plan(web()))
    store.pods_of("web-green")[0]["metadata"]["labels"]["pod-template-hash"] = "before"
    found = side(the_app(store), "green")
    assert [pod.present for pod in found.pods] == [False, True, True]
    assert found.ready == 2


def test_an_autoscaler_is_told_and_its_size_is_no_difference() -> None:
    plan = stack_plan(
        web(replicas=None, autoscaling={"minReplicas": 3, "maxReplicas": 9}, resources={"requests": {"cpu": "10m"}})
    )
    store = Store(plan)
    made = store.put("horizontalpodautoscalers", plan.apps[0].active.autoscaler or {})
    made["status"] = {"currentReplicas": 3, "desiredReplicas": 5}
    store.scale("web-blue", 5, by=drift.AUTOSCALER)
    store.scale("web-green", 7, by="kubectl")
    found = the_app(store)
    scaler = side(found, "blue").autoscaler
    assert scaler is not None
    assert (scaler.least, scaler.most, scaler.current, scaler.wanted) == (3, 9, 3, 5)
    assert (found.differences, found.drifts) == ((), ())


GATE = {"smoke": {"up": {"path": "/"}}}


@pytest.mark.parametrize(
    ("template", "gate"), [(True, True), (False, True), (True, False)], ids=["present", "older template", "older gate"]
)
def test_a_verdict_is_told_with_what_it_judged(*, template: bool, gate: bool) -> None:
    plan = stack_plan(web(gate=GATE))
    store, (the,) = Store(plan), plan.apps
    judged = {
        "template": the.other.template_hash if template else "older",
        "gate": the.gate_hash if gate else "older",
        "passed": False,
        "at": SOON,
        "findings": ["smoke up: 500"],
    }
    store.items["deployments"]["web-green"]["metadata"]["annotations"]["cutover/verdict"] = json.dumps(judged)
    verdict = side(the_app(store), "green").verdict
    assert verdict is not None
    assert (verdict.passed, verdict.at, verdict.findings) == (False, SOON, ("smoke up: 500",))
    assert (verdict.template, verdict.gate) == (template, gate)


def test_a_live_color_that_an_older_cutover_has_written_has_served() -> None:
    store = Store(stack_plan(web()))
    store.items["deployments"]["web-blue"]["metadata"]["annotations"]["cutover/served"] = "as an older one wrote it"
    assert side(the_app(store), "blue").served


def test_warnings_are_the_newest_ones_about_the_apps_own_objects() -> None:
    store = Store(stack_plan(web()))
    old = (NOW - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for pod in store.pods_of("web-green")[:2]:
        unready(pod)
    store.warn("Pod", "web-green-now-0", "Failed", "too long ago", old)
    store.warn("Pod", "webster-1", "Failed", "of somebody else", SOON)
    store.warn("Pod", "web-green-now-2", "Unhealthy", "is ready by now", SOON)
    store.warn("Pod", "web-green-before-1", "Unhealthy", "is gone by now", SOON)
    store.warn("Pod", "web-green-now-0", "BackOff", "the first", SOON)
    store.warn("Pod", "web-green-now-1", "BackOff", "the second", SOON)
    (warning,) = the_app(store).warnings
    assert (warning.subject, warning.reason, warning.text, warning.count) == (
        "Pod web-green-now-1",
        "BackOff",
        "the second",
        2,
    )


def test_what_is_told_as_the_reason_is_no_warning_as_well() -> None:
    store = Store(stack_plan(web()))
    unready(store.pods_of("web-green")[0])
    store.items["deployments"]["web-green"]["status"]["availableReplicas"] = 2
    store.warn("Pod", "web-green-now-0", "Unhealthy", "probe failed: 503", SOON)
    store.warn("ReplicaSet", "web-green-now", "FailedCreate", "exceeded quota", SOON)
    found = the_app(store)
    assert len(side(found, "green").reasons) == 1
    assert [warning.reason for warning in found.warnings] == ["FailedCreate"]


def test_events_that_may_not_be_seen_are_no_obstacle() -> None:
    store = Store(stack_plan(web()), forbidden={"events"})
    assert the_app(store).warnings == ()


def differences(**wished: Any) -> tuple[str, ...]:
    return the_app(Store(stack_plan(web())), stack_plan(stack(**wished))).differences


def test_what_the_next_up_would_do() -> None:
    assert differences(activeColor="green") == ("moves traffic from blue to green",)
    assert differences(imageTag={"blue": "6.9.0", "green": "7.0"}) == ("changes green from 6.9.1 to 7.0",)
    assert differences(imageTag={"blue": "7.0", "green": "6.9.1"}) == (
        "refuses to change blue from 6.9.0 to 7.0, as it is live: stage it on green",
    )
    assert differences(imageTag={"blue": "7.0", "green": "6.9.1"}, apps={"web": app(inPlace="7.0")}) == (
        "changes blue from 6.9.0 to 7.0",
    )
    assert differences(apps={"web": app(colors={"green": {"env": {"A": "1"}}})}) == (
        "changes the configuration of green's pods",
    )
    assert differences(idleReplicas=1) == ("scales green from 3 to 1",)


def test_what_the_next_up_would_do_with_a_canary() -> None:
    before, after = stack_plan(stack({"web": canary()})), stack_plan(stack({"web": canary()}, canaryReplicas=1))
    found = the_app(Store(before), after)
    assert found.differences == ("moves green's share from 0% to 1/11", "scales green from 0 to 1")
    assert side(found, "green").role is Role.IDLE


def test_what_is_not_there_yet() -> None:
    store = Store(stack_plan(web()))
    store.items.clear()
    found = the_app(store)
    assert (found.active, found.traffic) == (None, {})
    assert found.differences == ("makes it",)
    assert [color.wanted for color in found.colors] == [None, None]
    store.put("services", {"metadata": {"name": "web"}, "spec": {"selector": {"run": "web"}, "ports": []}})
    assert the_app(store).differences == ("takes over Service web, which is there already",)


def test_a_live_service_that_a_hand_has_moved() -> None:
    store = Store(stack_plan(web()))
    store.select("web", {"app": "web", "color": "green"}, by="kubectl-edit")
    found = the_app(store)
    assert (found.active, found.traffic) == (Color.BLUE, {"green": 3})
    assert side(found, "green").role is Role.CANARY
    (one,) = found.drifts
    assert one.text == "Service web selects green; its last move was to blue"
    assert (one.by, one.at) == ("kubectl-edit", "2026-01-01T00:00:00Z")
    assert one.remedy.startswith("pulumi up --refresh")
    assert "pulumi config set activeColor green" in one.remedy


def test_an_app_with_a_position_of_its_own_is_followed_there() -> None:
    store = Store(stack_plan(web(activeColor="blue")))
    store.select("web", {"app": "web", "color": "green"}, by="kubectl-edit")
    (one,) = the_app(store).drifts
    assert "pulumi config set --path apps.web.activeColor green" in one.remedy


def test_a_canary_apps_service_that_a_hand_has_narrowed() -> None:
    store = Store(stack_plan(stack({"web": canary()}, canaryReplicas=1)))
    store.select("web", {"app": "web", **MANAGED_BY}, by="kubectl-edit")
    assert the_app(store).drifts == ()
    store.select("web", {"app": "web", "color": "blue"}, by="kubectl-edit")
    (one,) = the_app(store).drifts
    assert (one.text, one.remedy) == ("Service web selects blue alone", "pulumi up --refresh")


def test_a_live_service_that_a_hand_has_opened_to_both_colors() -> None:
    store = Store(stack_plan(web()))
    store.select("web", {"app": "web"}, by="kubectl-edit")
    (one,) = the_app(store).drifts
    assert one.text == "Service web selects both colors; its last move was to blue"
    assert one.remedy == "pulumi up --refresh"


def test_a_color_that_a_hand_has_scaled() -> None:
    store = Store(stack_plan(web()))
    store.scale("web-green", 1, by="kubectl")
    store.scale("web-blue", 3, by="kubectl")
    found = the_app(store)
    (one,) = found.drifts
    assert (one.text, one.by, one.at) == ("web-green was scaled to 1 and is to have 3", "kubectl", "")
    assert found.differences == ()


def test_what_an_up_writes_is_no_drift() -> None:
    store = Store(stack_plan(web()))
    store.select("web", {"app": "web", "color": "green"}, by="pulumi-cutover")
    store.scale("web-green", 1, by="cutover")
    assert the_app(store).drifts == ()


def test_a_route_that_a_hand_has_changed() -> None:
    store = Store(stack_plan(stack({"web": canary(router=GATEWAY)})))
    store.items["httproutes"]["web"]["metadata"]["managedFields"] = managed("kubectl-edit", "rules")
    (one,) = the_app(store).drifts
    assert (one.text, one.by) == ("HTTPRoute web was changed", "kubectl-edit")


def test_a_cluster_that_does_not_let_us_look() -> None:
    with pytest.raises(NotStartedError, match=r"context c says: you may not; `cutover doctor`"):
        stand(Store(stack_plan(web()), forbidden={"pods"}))


def test_a_kubeconfig_whose_certificate_is_gone() -> None:
    plan = stack_plan(web())
    kubeconfig = Api(url="https://127.0.0.1:1").kubeconfig
    kubeconfig["clusters"][0]["cluster"]["certificate-authority"] = "/nowhere/ca.pem"
    with pytest.raises(NotStartedError, match=r"context c cannot be used: .*No such file"):
        asyncio.run(status.read(plan, Cluster(json.dumps(kubeconfig), "c", "test")))


class Stack(FakeEngine):
    """A stack in a cluster of the test's own; `reads` counts how often its configuration was asked for."""

    reads = 0
    kubeconfig = ""

    def config(self) -> dict[str, Any]:
        self.reads += 1
        return super().config() | {"kubernetes:context": "c", "kubernetes:kubeconfig": self.kubeconfig}


def test_a_lookout_reads_the_configuration_anew_when_it_has_changed(tmp_path: Path) -> None:
    engine, store = Stack(tmp_path, web()), Store(stack_plan(web()))

    async def look() -> list[Status]:
        async with asyncio.timeout(20), store.api.up():
            engine.kubeconfig = json.dumps(store.api.kubeconfig)
            lookout = Lookout(engine)
            found = [await lookout(), await lookout()]
            assert engine.reads == 1
            engine.change({"activeColor": "green", "release.verb": "promote"})
            return [*found, await lookout()]

    first, second, third = asyncio.run(look())
    assert engine.reads == 2
    assert first.apps == second.apps
    assert (first.release, third.release) == (None, {"verb": "promote"})
    assert third.apps[0].differences == ("moves traffic from blue to green",)


def test_a_configuration_that_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="imageTag"):
        asyncio.run(Lookout(Stack(tmp_path, stack(imageTag={"blue": "1"})))())


def test_a_cluster_that_is_away_is_soon_told() -> None:
    store = Store(stack_plan(web()))
    store.api.silent = lambda _: True
    begin = time.monotonic()
    with pytest.raises(NotStartedError, match=r"has not answered for 0 s .*`cutover doctor`"):
        store.read(lambda cluster: status.read(store.plan, cluster.within(0.2)))
    assert time.monotonic() - begin < REQUEST_SECONDS
