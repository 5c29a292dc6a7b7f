"""How far a rollout is, what stops it, and what must hold around it.

The judgement is pure. The provider's own wait is not used: it does not fail before its ten minutes are over, and never
ends while a partition holds a StatefulSet's pods back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from lightkube.models.core_v1 import PodStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from components import readiness
from components.errors import CanaryFailedError, ChangedByHandError, MigrationError, RolloutStoppedError
from components.gates.findings import Finding, Outcome
from components.gates.settings import CanaryGate, Via
from components.gates.smoke import asked, smoke
from components.jobs import wait_until_ended
from components.kube import Cluster
from components.plan import Manifest, WorkloadPlan, template_of
from components.pod import CONTAINER
from components.problems import set_to
from components.reach import CannotAskError
from components.readiness import POLL_SECONDS, Patience, Progress, Say, Trouble, explain, not_ready, pod_troubles

APPLIES = "pulumi.com/patchFieldManager"


@dataclass(frozen=True)
class Standing:
    """How far a controller is with its pods.

    `made` are the pods that are as the plan wants them, ready or not, and `others` those that are not. `to_end` is one
    of these that Kubernetes itself would leave as it is.
    """

    progress: Progress
    made: int
    others: int
    to_end: str | None = None


def judge(plan: WorkloadPlan, found: Mapping[str, Any], pods: Sequence[Pod]) -> Standing:
    """Judge a StatefulSet or a DaemonSet as the cluster has it, by its status and its pods."""
    pods = [pod for pod in pods if not _meta(pod).deletionTimestamp]
    wanted_pods = [pod for pod in pods if is_wanted(plan, pod)]
    status, meta = found.get("status", {}), found["metadata"]
    if plan.kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        counts = {status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)}
    else:
        wanted = found["spec"].get("replicas", 1)
        updated = status.get("updatedReplicas", 0) + (plan.partition if plan.base else 0)
        counts = {status.get("replicas", 0), status.get("availableReplicas", 0), wanted if plan.holds else updated}
    ready = sum(map(is_ready, wanted_pods))
    observed = status.get("observedGeneration", 0) >= meta.get("generation", 0)
    progress = Progress(
        ready,
        wanted,
        done=observed and {*counts, ready} == {wanted},
        troubles=tuple(trouble for pod in wanted_pods for trouble in pod_troubles(pod)) if observed else (),
    )
    others = [pod for pod in pods if not is_wanted(plan, pod)]
    settled = observed and plan.kind == "StatefulSet" and not plan.holds
    return Standing(progress, len(wanted_pods), len(others), _to_end(plan, pods, others) if settled else None)


def _to_end(plan: WorkloadPlan, pods: Sequence[Pod], others: Sequence[Pod]) -> str | None:
    """Name a pod that must end to be made as it is wanted.

    Kubernetes waits for one that is not ready before it updates any (Kubernetes, "StatefulSets", "Forced rollback"),
    and leaves one alone that is newer than a partition which has risen. Those end one at a time, from the highest.
    """
    for pod in sorted(others, key=ordinal, reverse=True):
        ill = not is_ready(pod)
        held_back = ordinal(pod) < plan.partition and all(map(is_ready, pods)) and len(pods) == plan.replicas
        if ill or held_back:
            return _meta(pod).name
    return None


def is_wanted(plan: WorkloadPlan, pod: Pod) -> bool:
    """Whether a pod is of the template that the plan has for it."""
    below = plan.base is not None and ordinal(pod) < plan.partition
    return template_of({"labels": _meta(pod).labels}) == (plan.base_hash if below else plan.template_hash)


def counted(plan: WorkloadPlan, progress: Progress, pods: Sequence[Pod]) -> Standing:
    """How far a Deployment is that has come to `progress`, by its pods."""
    wanted = [is_wanted(plan, pod) for pod in pods if not _meta(pod).deletionTimestamp]
    return Standing(progress, wanted.count(True), wanted.count(False))


def is_ready(pod: Pod) -> bool:
    conditions = (pod.status or PodStatus()).conditions or []
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)


def ordinal(pod: Pod) -> int:
    """The number at the end of a StatefulSet's pod's name."""
    return int((_meta(pod).name or "").rpartition("-")[2])


def serving(pods: Sequence[Pod]) -> Counter[str]:
    """Count ready pods by the tag that they run."""
    return Counter(tag_of(pod) for pod in pods if is_ready(pod) and not _meta(pod).deletionTimestamp)


def tag_of(pod: Pod) -> str:
    """The tag that a pod runs."""
    containers = pod.spec.containers if pod.spec else []
    return next(((each.image or "") for each in containers if each.name == CONTAINER), "").rpartition(":")[2]


def _meta(pod: Pod) -> ObjectMeta:
    return pod.metadata or ObjectMeta()


async def ask_canary(plan: WorkloadPlan, gate: CanaryGate, partition: int, cluster: Cluster, say: Say) -> list[Finding]:
    """Ask the pods from the ordinal `partition` up what a canary's gate asks; what it says of each test is returned."""
    alive = [pod for pod in await cluster.pods(plan.labels) if not _meta(pod).deletionTimestamp]
    names = [_meta(pod).name or "" for pod in sorted(alive, key=ordinal) if ordinal(pod) >= partition]
    findings = []
    for name, test in gate.smoke.items():
        say(f"smoke {name}")
        try:
            if not names:
                raise CannotAskError("it has no pods")  # noqa: TRY301  # told as what else could not be asked
            async with AsyncExitStack() as ways:
                if test.via is Via.PROXY:
                    ask = cluster.reach.pods(plan.namespace, names, plan.pod_port)
                else:
                    ask = await ways.enter_async_context(cluster.reach.forward(plan.namespace, names, plan.pod_port))
                findings.append(await smoke(name, test, asked(test, ask), seconds=test.deadline_seconds))
        except CannotAskError as error:
            findings.append(Finding(Outcome.INCONCLUSIVE, f"smoke {name}: {error}"))
    return findings


class Rollout:
    """The checks before and after an app's controller is written.

    They know no Pulumi: they read the cluster on every `up`, so that a rollout that was stopped goes on where it
    stands, and one that failed fails again.

    Args:
        plan: what the app is to be.
        cluster: where it is.
        say: shows progress for the moment.
        note: shows what is worth reading afterwards.
        warn: shows what should be looked into.
    """

    def __init__(self, plan: WorkloadPlan, cluster: Cluster, *, say: Say, note: Say, warn: Say) -> None:
        self.plan = plan
        self.cluster = cluster
        self.say = say
        self.note = note
        self.warn = warn
        self.known: Mapping[str, Any] = {}
        """What Outputs in the plan have come to."""

    async def prepared(self) -> None:
        """See a canary that has passed before others become like it, and the migration end.

        Of a canary that is to be made anew, the pods that it stands beside are made first.

        Raises:
            CanaryFailedError: the present canary does not pass the gate.
            MigrationError: the migration did not end well.
            RolloutStoppedError: the pods beside the canary cannot become ready.
        """
        found = await self.cluster.find(self.plan.controller)
        if found and self.plan.gate:
            await self._may_spread(self.plan.gate, found["spec"])
        if self.plan.migration:
            await self._migrated(self.plan.migration)
        base = self.plan.base
        if base and found is None:
            self.note(
                f"{self.plan.name}: all pods are made with {self.plan.tag} before any gets {self.plan.canary_tag}"
            )
            await self.cluster.apply(base, base["metadata"]["annotations"][APPLIES])
            await self._wait(replace(self.plan, controller=base, base=None, canary_tag=None))

    async def rolled_out(self) -> None:
        """See every pod as the plan wants it, and a canary past its gate; with `holds`, tell how many are.

        Raises:
            ChangedByHandError: the controller has another template than the one that was written.
            RolloutStoppedError: pods cannot become ready.
            CanaryFailedError: the canary does not pass its gate.
        """
        plan = self.plan
        written = await self.cluster.find(plan.controller)
        found = template_of(written["spec"]["template"]["metadata"]) if written else plan.template_hash
        if found != plan.template_hash:
            tag = plan.canary_tag or plan.tag
            raise ChangedByHandError(plan.kind, plan.name, tag, expected=plan.template_hash, found=found)
        standing = await self._look(plan)
        if not plan.holds or (plan.kind != "Deployment" and not standing.others):
            await self._wait(plan)
            if plan.base and plan.gate:
                await self._judge(plan.gate, plan.partition)
            return
        waits = "its rollout is paused" if plan.kind == "Deployment" else "pods are replaced when somebody deletes them"
        self.note(f"{plan.name}: {waits}; {standing.made} pods are as {plan.tag} wants them, {standing.others} are not")
        for reason in await explain(self.cluster, standing.progress.troubles):
            self.warn(f"{plan.name}: {reason}")

    async def _may_spread(self, gate: CanaryGate, spec: Mapping[str, Any]) -> None:
        """Judge the present canary where more pods are to be like it; what is otherwise made of it needs no gate."""
        present = spec["updateStrategy"].get("rollingUpdate", {}).get("partition", 0)
        same = template_of(spec["template"]["metadata"]) == self.plan.template_hash
        if same and self.plan.partition < present:
            await self._judge(gate, present)

    async def _judge(self, gate: CanaryGate, partition: int) -> None:
        """Ask the pods from the ordinal `partition` up. Raises CanaryFailedError."""
        plan = self.plan
        findings = await ask_canary(plan, gate, partition, self.cluster, self.say)
        if bad := [str(finding) for finding in findings if finding.outcome is not Outcome.PASSED]:
            raise CanaryFailedError(plan.name, plan.canary_tag or plan.tag, findings=bad)
        for finding in findings:
            self.note(f"{plan.name}: {finding}")

    async def _wait(self, plan: WorkloadPlan) -> None:
        """Wait until all pods are as `plan` wants them; the deadline begins anew with every one more."""
        clock = asyncio.get_running_loop().time
        seconds = plan.progress_deadline_seconds
        patience, best, deadline = Patience(), (0, 0), clock() + seconds
        while True:
            standing = await self._look(plan)
            progress = standing.progress
            if progress.done:
                return
            if standing.to_end:
                self.note(f"{plan.name}: pod {standing.to_end} is ended, to come back as the configuration has it")
                await self.cluster.delete_pod(standing.to_end)
            now, reached = clock(), (standing.made, progress.available)
            if reached > best:  # a pod that comes and goes is no progress
                best, deadline = reached, now + seconds
            lasting = patience.lasting(progress.troubles, now)
            if lasting or now >= deadline:
                reasons = [] if lasting else [f"For {seconds} s there was not one more."]
                reasons += await explain(self.cluster, [*lasting, *progress.troubles])
                raise await self._stopped(plan, progress, reasons)
            self.say(str(progress))
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, plan: WorkloadPlan) -> Standing:
        pods = await self.cluster.pods(plan.labels)
        if plan.kind == "Deployment":
            progress = await readiness.look(self.cluster, plan.name, plan.labels)
            return counted(plan, progress, pods)
        found = await self.cluster.find(plan.controller)
        if found is None:
            return Standing(Progress(0, plan.replicas or 1, done=False, troubles=()), 0, len(pods))
        standing = judge(plan, found, pods)
        if standing.progress.done or standing.progress.troubles:
            return standing
        troubles = await not_ready(self.cluster, [pod for pod in pods if is_wanted(plan, pod)])
        if not troubles and (warning := await self.cluster.last_warning(plan.name)):
            troubles = [Trouble("NotReady", f"{plan.kind} {plan.name}", warning)]  # it may be of long ago
        return replace(standing, progress=replace(standing.progress, troubles=tuple(troubles)))

    async def _stopped(self, plan: WorkloadPlan, progress: Progress, reasons: Sequence[str]) -> RolloutStoppedError:
        there = serving(await self.cluster.pods(plan.labels))
        tag = plan.canary_tag or plan.tag
        before = next((version for version, _ in there.most_common() if version != tag), None)
        if plan.canary_tag:
            way_back = set_to(("apps", plan.name, "canaryReplicas"), "0")
        else:
            way_back = set_to(plan.tag_key, before) if before else ""
        return RolloutStoppedError(
            plan.kind,
            plan.name,
            tag,
            ready=progress.available,
            wanted=progress.wanted,
            serving=there,
            reasons=reasons,
            way_back=way_back,
        )

    async def _migrated(self, migration: Manifest) -> None:
        job, seconds = migration["metadata"]["name"], migration["spec"]["activeDeadlineSeconds"]
        end = await wait_until_ended(self.cluster, job, seconds=seconds, say=self.say)
        if not end.complete:
            log = "".join(f"\n    {line}" for line in end.log[-10:])
            raise MigrationError(self.plan.name, job, live=None, reasons=[f"{end.trouble}{log}"])
