"""The checks after a step: is what has just got traffic still well? They hold no lock, so that anyone may roll back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from lightkube import ApiError

from components.color import Color
from components.errors import CutoverError
from components.gates.findings import Finding, Outcome
from components.gates.gate import Judge
from components.kube import Cluster
from components.plan import AppPlan
from components.readiness import look
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
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    found: list[Check] = []
    unready = dict.fromkeys((app.name for app in apps), 0)
    while True:
        begin = clock()
        found += [check for app in apps for check in await _round(app, color, cluster, unready, say)]
        if is_bad(found) or clock() >= end:
            return found
        await asyncio.sleep(max(0.0, min(begin + ROUND_SECONDS, end) - clock()))


def is_bad(checks: Sequence[Check]) -> bool:
    """Tell whether there is blame."""
    return any(check.outcome == Outcome.FAILED for check in checks)


async def _round(
    app: AppPlan, color: Color, cluster: Cluster, unready: dict[str, int], say: Callable[[str], None]
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
    unready[app.name] = 0 if progress.done else unready[app.name] + 1
    ill = unready[app.name] >= UNREADY_ROUNDS
    pods = Check(Outcome.FAILED if ill else Outcome.PASSED, f"pods of {plan.name}: {progress}", app.name, color, "pods")
    judged = [
        Check(each.outcome, str(each), app.name, color, each.name, each.values) for each in found if not each.dry_run
    ]
    return [pods, *judged]
