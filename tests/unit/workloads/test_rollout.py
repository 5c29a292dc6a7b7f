"""How far a rollout is, what ends it, and which pods must be ended for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from components.errors import CanaryFailedError, ChangedByHandError, MigrationError, RolloutStoppedError
from components.plan import WorkloadPlan
from components.readiness import Progress
from components.workloads.rollout import Rollout, Standing, counted, judge
from tests.unit.clock import in_no_time
from tests.unit.workloads.apps import daemon, rolling, stateful, with_canary
from tests.unit.workloads.world import Pods, World, pod, stands


def rollout(world: World, plan: WorkloadPlan) -> tuple[Rollout, list[str]]:
    told: list[str] = []
    cluster: Any = world
    return Rollout(plan, cluster, say=lambda _: None, note=told.append, warn=told.append), told


def pods_of(plan: WorkloadPlan) -> list[Any]:
    """Pods as the plan wants them."""
    if plan.kind == "DaemonSet":
        return [pod("web-x1", plan.template_hash)]
    canary = range(plan.partition, plan.replicas or 0) if plan.base else range(plan.replicas or 0)
    return [
        pod(f"web-{number}", plan.template_hash if number in canary else plan.base_hash)
        for number in range(plan.replicas or 0)
    ]


@pytest.mark.parametrize("plan", [stateful(), with_canary(), daemon()], ids=["stateful", "canary", "daemon"])
def test_done_is_every_pod_as_it_is_wanted(plan: WorkloadPlan) -> None:
    updated = {"updatedReplicas": 1} if plan.base else {}
    assert judge(plan, stands(plan, **updated), pods_of(plan)).progress.done


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        (stateful(), {"observedGeneration": 1}),
        (stateful(), {"availableReplicas": 2}),
        (stateful(), {"replicas": 2}),
        (stateful(), {"updatedReplicas": 2}),
        (with_canary(), {"updatedReplicas": 0}),
        (daemon(), {"observedGeneration": 1}),
        (daemon(), {"updatedNumberScheduled": 0}),
        (daemon(), {"numberAvailable": 0}),
        (daemon(), {"desiredNumberScheduled": 2}),
    ],
)
def test_what_the_controller_has_not_done_is_not_done(plan: WorkloadPlan, status: dict[str, int]) -> None:
    assert not judge(plan, stands(plan, **status), pods_of(plan)).progress.done


def test_a_pod_of_another_template_is_not_done_and_neither_is_one_that_ends() -> None:
    plan = stateful()
    for last in (pod("web-2", "another"), pod("web-2", plan.template_hash, ending=True)):
        assert not judge(plan, stands(plan), [*pods_of(plan)[:2], last]).progress.done


def test_ordinals_below_the_partition_keep_what_they_were() -> None:
    plan = with_canary()
    all_new = [pod(f"web-{number}", plan.template_hash) for number in range(3)]
    standing = judge(plan, stands(plan, updatedReplicas=3), all_new)
    assert not standing.progress.done
    assert (standing.made, standing.others) == (1, 2)


def test_an_ordinal_that_is_no_canary_any_more_is_ended_once_all_are_ready() -> None:
    plan = with_canary()
    (zero, _, two), one = pods_of(plan), pod("web-1", plan.template_hash)
    assert judge(plan, stands(plan), [zero, one, two]).to_end == "web-1"
    two = pod("web-2", plan.template_hash, ready=False)
    assert judge(plan, stands(plan), [zero, one, two]).to_end is None


def test_a_pod_that_is_ill_and_must_go_back_is_ended() -> None:
    plan = stateful()
    bad = pod("web-2", "a-bad-one", ready=False)
    assert judge(plan, stands(plan, updatedReplicas=2), [*pods_of(plan)[:2], bad]).to_end == "web-2"
    unseen = stands(plan, observedGeneration=1)
    assert judge(plan, unseen, [*pods_of(plan)[:2], bad]).to_end is None


def test_kubernetes_itself_replaces_what_is_well() -> None:
    plan = stateful()
    assert judge(plan, stands(plan), [*pods_of(plan)[:2], pod("web-2", "another")]).to_end is None


def test_on_delete_nobody_but_their_owner_ends_pods() -> None:
    plan = stateful(updateStrategy="OnDelete")
    bad = pod("web-2", "another", ready=False)
    assert judge(plan, stands(plan), [*pods_of(plan)[:2], bad]).to_end is None


def test_a_deployments_pods_are_counted_without_those_that_end() -> None:
    plan, progress = rolling(), Progress(1, 3, done=False, troubles=())
    pods = [pod("web-x1", plan.template_hash), pod("web-x2", "old"), pod("web-x3", "old", ending=True)]
    assert counted(plan, progress, pods) == Standing(progress, made=1, others=1)


def test_a_forced_rollback_comes_to_its_end() -> None:
    plan = stateful()
    whole = pods_of(plan)
    world = World(found=stands(plan), there=[*whole[:2], pod("web-2", "a-bad-one", ready=False)], reborn=whole)
    check, told = rollout(world, plan)
    in_no_time(check.rolled_out())
    assert world.log == ["end web-2"]
    assert "web-2 is ended" in told[0]


def test_a_version_that_cannot_start_stops_the_rollout_with_its_reason_and_the_way_back() -> None:
    plan = stateful(tag="2.0")
    old = [pod(f"web-{number}", "old", tag="1.0") for number in range(2)]
    bad = pod("web-2", plan.template_hash, ready=False, waits="ImagePullBackOff", tag="2.0")
    gone = pod("web-3", "old", ending=True, tag="1.0")
    world = World(found=stands(plan, availableReplicas=2, updatedReplicas=1), there=[*old, bad, gone])
    with pytest.raises(RolloutStoppedError) as stopped:
        in_no_time(rollout(world, plan)[0].rolled_out())
    assert "Pod web-2: ImagePullBackOff (because)." in str(stopped.value)
    assert stopped.value.serving == {"1.0": 2}
    assert stopped.value.way_back == "pulumi config set --path apps.web.tag 1.0"
    assert world.log == []


def test_a_canary_that_cannot_start_is_dropped_to_go_back() -> None:
    plan = with_canary()
    zero, one, _ = pods_of(plan)
    bad = pod("web-2", plan.template_hash, ready=False, waits="CrashLoopBackOff", tag="2.0")
    world = World(found=stands(plan, availableReplicas=2), there=[zero, one, bad], printed=["out of luck"])
    with pytest.raises(RolloutStoppedError, match="out of luck") as stopped:
        in_no_time(rollout(world, plan)[0].rolled_out())
    assert stopped.value.way_back == "pulumi config set --path apps.web.canaryReplicas 0"


def test_the_first_version_has_nothing_to_go_back_to() -> None:
    plan = daemon()
    bad = pod("web-x1", plan.template_hash, ready=False, waits="ErrImageNeverPull")
    with pytest.raises(RolloutStoppedError, match="No pod is ready, so nobody serves") as stopped:
        in_no_time(rollout(World(found=stands(plan, numberAvailable=0), there=[bad]), plan)[0].rolled_out())
    assert "To go back" not in str(stopped.value)


def test_a_pod_that_never_becomes_ready_is_given_up_with_what_its_probe_says() -> None:
    plan = daemon(progressDeadlineSeconds=20)
    slow = pod("web-x1", plan.template_hash, ready=False)
    world = World(found=stands(plan, numberAvailable=0), there=[slow], warning="Readiness probe failed: 503")
    with pytest.raises(RolloutStoppedError, match=r"For 20 s there was not one more\. Pod .*503"):
        in_no_time(rollout(world, plan)[0].rolled_out())


def test_pods_that_cannot_be_made_are_given_up_with_what_their_controller_says() -> None:
    plan = stateful(progressDeadlineSeconds=20)
    world = World(found=stands(plan, replicas=0, availableReplicas=0), warning="create Pod web-0 failed: quota")
    with pytest.raises(RolloutStoppedError, match=r"StatefulSet web: NotReady \(create Pod web-0 failed: quota\)"):
        in_no_time(rollout(world, plan)[0].rolled_out())


def test_a_pod_that_comes_and_goes_is_no_progress() -> None:
    plan = daemon(progressDeadlineSeconds=20)

    class Flapping(World):
        async def pods(self, _: Any) -> list[Any]:
            return [pod("web-x1", plan.template_hash, ready=int(asyncio.get_running_loop().time() / 3) % 2 == 0)]

    world = Flapping(found=stands(plan, numberAvailable=0))
    with pytest.raises(RolloutStoppedError, match="not one more"):
        in_no_time(asyncio.wait_for(rollout(world, plan)[0].rolled_out(), 200))


def test_a_long_rollout_has_its_deadline_anew_with_every_pod() -> None:
    plan = stateful(progressDeadlineSeconds=20, tag="2.0")

    class Slow(World):
        """Each pod takes 15 s; three of them take longer than the deadline."""

        async def pods(self, _: Any) -> list[Any]:
            updated = min(3, int(asyncio.get_running_loop().time() / 15))
            made = stands(plan, updatedReplicas=updated)
            self.found = made
            return [*pods_of(plan)[3 - updated :], *(pod(f"web-{number}", "old") for number in range(3 - updated))]

    in_no_time(rollout(Slow(found=stands(plan, updatedReplicas=0)), plan)[0].rolled_out())


def test_pods_that_wait_for_their_deletion_are_told_and_not_awaited() -> None:
    plan = daemon(updateStrategy="OnDelete", tag="2.0")
    check, told = rollout(World(found=stands(plan, updatedNumberScheduled=0), there=[pod("web-x1", "old")]), plan)
    in_no_time(check.rolled_out())
    assert told == [
        "web: pods are replaced when somebody deletes them; 0 pods are as 2.0 wants them, 1 are not",
    ]


def test_the_first_pods_are_awaited_whoever_replaces_them() -> None:
    plan = daemon(updateStrategy="OnDelete")
    bad = pod("web-x1", plan.template_hash, ready=False, waits="ErrImageNeverPull")
    with pytest.raises(RolloutStoppedError):
        in_no_time(rollout(World(found=stands(plan, numberAvailable=0), there=[bad]), plan)[0].rolled_out())


def test_a_canary_that_is_made_anew_comes_after_the_pods_beside_it() -> None:
    plan = with_canary()
    world = World(there=[pod(f"web-{number}", plan.base_hash) for number in range(3)])
    check, told = rollout(world, plan)
    in_no_time(check.prepared())
    assert world.log == ["apply 1.0 as pulumi-cutover"]
    assert "made with 1.0 before any gets 2.0" in told[0]


def test_a_canary_beside_pods_that_are_there_needs_no_preparing() -> None:
    plan = with_canary()
    world = World(found=stands(plan))
    in_no_time(rollout(world, plan)[0].prepared())
    assert world.log == []


@pytest.mark.parametrize("plan", [stateful(tag="2.0"), daemon(tag="2.0"), rolling(tag="2.0", paused=True)])
def test_a_template_that_nobody_of_us_wrote_is_not_called_a_success(plan: WorkloadPlan) -> None:
    by_hand = stands({"StatefulSet": stateful, "DaemonSet": daemon, "Deployment": rolling}[plan.kind]())
    with pytest.raises(ChangedByHandError, match="pulumi up --refresh") as stopped:
        in_no_time(rollout(World(found=by_hand), plan)[0].rolled_out())
    assert stopped.value.expected == plan.template_hash


GATED: dict[str, Any] = {"gate": {"smoke": {"home": {"path": "/home"}}}}


def test_a_canary_is_asked_once_it_stands() -> None:
    plan, pods = with_canary(**GATED), Pods()
    world = World(found=stands(plan, updatedReplicas=1), there=pods_of(plan), reach=pods)
    in_no_time(rollout(world, plan)[0].rolled_out())
    assert pods.asked == ["test web-2 8080 /home"]


@pytest.mark.parametrize(
    "plan",
    [with_canary(canaryReplicas=2, **GATED), stateful(tag="2.0", **GATED)],
    ids=["more of it", "promoted"],
)
def test_a_canary_that_fails_its_gate_does_not_spread(plan: WorkloadPlan) -> None:
    before = with_canary()
    world = World(found=stands(before), there=pods_of(before), reach=Pods(500))
    with pytest.raises(CanaryFailedError, match=r"the canary \(2.0\) did not pass its gate: smoke home.*status 500"):
        in_no_time(rollout(world, plan)[0].prepared())
    assert world.reach.asked == ["test web-2 8080 /home"]


@pytest.mark.parametrize(
    "plan",
    [stateful(**GATED), with_canary(canary={"tag": "3.0"}, **GATED), with_canary(**GATED)],
    ids=["dropped", "another one", "as it is"],
)
def test_a_canary_that_does_not_spread_is_not_asked_before(plan: WorkloadPlan) -> None:
    before = with_canary()
    world = World(found=stands(before), there=pods_of(before), reach=Pods(500))
    in_no_time(rollout(world, plan)[0].prepared())
    assert world.reach.asked == []


def test_a_canary_without_pods_could_not_be_asked() -> None:
    world = World(found=stands(with_canary()), reach=Pods())
    with pytest.raises(CanaryFailedError, match="it has no pods"):
        in_no_time(rollout(world, stateful(tag="2.0", **GATED))[0].prepared())


def test_a_migration_that_fails_comes_before_any_pod() -> None:
    plan = rolling(migration={"command": ["migrate"]})
    with pytest.raises(MigrationError, match="no room"):
        in_no_time(rollout(World(code=1, printed=["no room"]), plan)[0].prepared())
