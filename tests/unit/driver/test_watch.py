"""What is blamed after a step, and what is not."""

from __future__ import annotations

import time
from typing import Any

import pytest

from components.plan import WorkloadPlan
from cutover import watch
from cutover.journal import Check
from cutover.watch import watch_workloads
from tests.unit.driver.store import Store, stack_plan, unready, waiting
from tests.unit.workloads.apps import stack

CANARY: dict[str, Any] = {"canaryReplicas": 1, "canary": {"tag": "2.0"}}
GATE = {"smoke": {"home": {"path": "/version", "count": 2}}}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "ROUND_SECONDS", 0.01)


def made(component: str, **keys: Any) -> Store:
    return Store(stack_plan(stack(component, **keys)))


def watched(store: Store, seconds: float = 0.0) -> list[Check]:
    plans: tuple[WorkloadPlan, ...] = store.plan.workloads
    return store.read(lambda cluster: watch_workloads(plans, cluster, seconds, lambda _: None))


@pytest.mark.parametrize("component", ["RollingApp", "StatefulApp", "DaemonApp"])
def test_pods_that_are_well_are_looked_at_once_at_least(component: str) -> None:
    assert watched(made(component)) == [Check("passed", "pods of web: 3 of 3 pods ready", "web", "", "pods")]


@pytest.mark.parametrize("component", ["RollingApp", "StatefulApp", "DaemonApp"])
def test_pods_that_stay_unready_are_to_blame_after_some_rounds(component: str) -> None:
    store = made(component)
    unready(store.pods_of("web")[0])
    ((plural, items),) = [
        (key, store.items[key]) for key in store.items if key in {"deployments", "statefulsets", "daemonsets"}
    ]
    items["web"]["status"]["numberAvailable" if plural == "daemonsets" else "availableReplicas"] = 2
    assert [check.outcome for check in watched(store)] == ["passed"]
    found = watched(store, seconds=20)
    assert [check.outcome for check in found] == ["passed", "passed", "failed"]
    assert watch.is_bad(found)


def test_a_paused_rollout_is_well_while_no_new_pod_is_in_trouble() -> None:
    store = made("RollingApp", paused=True)
    store.items["deployments"]["web"]["status"]["updatedReplicas"] = 1
    assert not watch.is_bad(watched(store, seconds=0.2))
    waiting(store.pods_of("web")[0], "CrashLoopBackOff")
    assert watch.is_bad(watched(store, seconds=20))


def answering(store: Store, status: int) -> list[str]:
    """Let pods answer with a status through the API server, and return what they are asked."""
    asked: list[str] = []
    serve = store.api.serve

    def served(path: str) -> tuple[int, Any]:
        if "/proxy" in path:
            asked.append(path)
            return status, {"version": "2.0"}
        return serve(path)

    store.api.serve = served
    return asked


def test_a_canary_is_asked_what_its_gate_asks() -> None:
    store = made("StatefulApp", **CANARY, gate=GATE)
    asked = answering(store, 200)
    pods, smoke = watched(store)
    assert (pods.outcome, smoke.outcome) == ("passed", "passed")
    assert smoke.text == "smoke home: GET /version via proxy: 2 of 2 requests answered 200"
    assert asked == ["/api/v1/namespaces/test/pods/http:web-2:8080/proxy/version"] * 2
    answering(store, 500)
    assert [check.outcome for check in watched(store, seconds=20)] == ["passed", "failed"]


def test_an_app_without_a_canary_has_nothing_to_be_asked() -> None:
    store = made("StatefulApp", gate=GATE)
    assert answering(store, 500) == []
    assert [check.outcome for check in watched(store)] == ["passed"]


def test_what_could_not_be_asked_blames_nobody() -> None:
    store = made("StatefulApp", **CANARY, gate=GATE)
    del store.items["pods"]["web-2"]
    assert [check.outcome for check in watched(store)] == ["passed", "inconclusive"]
    store.forbidden.add("pods")
    (check,) = watched(store)
    assert (check.outcome, check.name) == ("inconclusive", "cluster")


def test_it_goes_on_for_as_long_as_it_is_told() -> None:
    store = made("DaemonApp")
    begin = time.monotonic()
    assert not watch.is_bad(watched(store, seconds=0.5))
    assert 0.5 <= time.monotonic() - begin < 10
