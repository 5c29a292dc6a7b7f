"""The checks after a step: is what has just got traffic still well? They hold no lock, so that anyone may roll back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from lightkube import ApiError

from components.color import Color
from components.errors import CutoverError
from components.gates.findings import Finding, Outcome
from components.gates.gate import Judge
from components.kube import Cluster
from components.plan import AppPlan, WorkloadPlan
from components.readiness import Progress, look
from components.workloads.rollout import ask_canary, judge
from cutover.journal import Check

ROUND_SECONDS = 5.0
"""From one round of checks to the next, at least."""
UNREADY_ROUNDS = 3
"""Rounds in a row without all pods ready at which a color is ill: one may be a pod that was evicted."""


async def watch(
    apps: Sequence[AppPlan], color: Color, cluster: Cluster, seconds: float, say: Callable[[str], None]
) -> list[Check]:
    """Check a color of every app, round by round, for some seconds or until a round fails; once at least.

    A round is the app's gate without its Job, and a look at its pods. What could not be asked blames nobody.

    Returns:
        The findings of all rounds, in order.
    """
    unready: Counter[str] = Counter()

    async def once() -> list[Check]:
        return [check for app in apps for check in await _round(app, color, cluster, unready, say)]

    return await _rounds(once, seconds)


async def watch_workloads(
    workloads: Sequence[WorkloadPlan], cluster: Cluster, seconds: float, say: Callable[[str], None]
) -> list[Check]:
    """Check apps of one version as `watch` does a color: their pods, and a canary's gate.

    While pods are not replaced by themselves, none of the new ones may be in trouble.
    """
    unready: Counter[str] = Counter()

    async def once() -> list[Check]:
        return [check for plan in workloads for check in await _workload_round(plan, cluster, unready, say)]

    return await _rounds(once, seconds)


async def _rounds(once: Callable[[], Awaitable[list[Check]]], seconds: float) -> list[Check]:
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    found: list[Check] = []
    while True:
        begin = clock()
        found += await once()
        if is_bad(found) or clock() >= end:
            return found
        await asyncio.sleep(max(0.0, min(begin + ROUND_SECONDS, end) - clock()))


def is_bad(checks: Sequence[Check]) -> bool:
    """Tell whether there is blame."""
    return any(check.outcome == Outcome.FAILED for check in checks)


async def _round(
    app: AppPlan, color: Color, cluster: Cluster, unready: Counter[str], say: Callable[[str], None]
) -> list[Check]:
    plan = app.colors[color]
    try:
        progress = await look(cluster, plan.name, plan.labels)
        found: list[Finding] = []
        if app.gate:
            judge = Judge(cluster, app, plan, lambda text: say(f"{app.name}: {text}"))
            found = await judge.judge(app.gate.model_copy(update={"job": None}))
    except (CutoverError, ApiError) as error:
        return [Check(Outcome.INCONCLUSIVE, str(error), app.name, color, "cluster")]
    text = f"pods of {plan.name}: {progress}"
    pods = Check(_outcome(unready, app.name, well=progress.done), text, app.name, color, "pods")
    judged = [
        Check(each.outcome, str(each), app.name, color, each.name, each.values) for each in found if not each.dry_run
    ]
    return [pods, *judged]


async def _workload_round(
    plan: WorkloadPlan, cluster: Cluster, unready: Counter[str], say: Callable[[str], None]
) -> list[Check]:
    try:
        pods = await cluster.pods(plan.labels)
        if plan.kind == "Deployment":
            progress = await look(cluster, plan.name, plan.labels)
        else:
            found = await cluster.find(plan.controller)
            progress = judge(plan, found, pods).progress if found else Progress(0, 1, done=False, troubles=())
        findings = []
        if plan.base and plan.gate:
            findings = await ask_canary(
                plan, plan.gate, plan.partition, cluster, lambda text: say(f"{plan.name}: {text}")
            )
    except (CutoverError, ApiError) as error:
        return [Check(Outcome.INCONCLUSIVE, str(error), plan.name, "", "cluster")]
    well = progress.done or (plan.holds and not progress.troubles)
    text = f"pods of {plan.name}: {progress}"
    told = [Check(_outcome(unready, plan.name, well=well), text, plan.name, "", "pods")]
    return told + [Check(each.outcome, str(each), plan.name, "", each.name) for each in findings]


def _outcome(unready: Counter[str], app: str, *, well: bool) -> Outcome:
    """Blame an app whose pods have not been well for some rounds."""
    unready[app] = 0 if well else unready[app] + 1
    return Outcome.FAILED if unready[app] >= UNREADY_ROUNDS else Outcome.PASSED
