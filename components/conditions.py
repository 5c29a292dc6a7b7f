"""When a gate is asked, and what an old color needs before it changes: conditions of what there is. Pure.

checks.py acts on them in an `up`, and forecast.py tells in a preview what they come to.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from components.color import Color
from components.memory import Memory, Verdict, has_served
from components.plan import AppPlan, ColorPlan


class Gating(Enum):
    """What a gate is to a color that is about to take more traffic; only the last one asks it."""

    NONE = auto()
    """There is no gate."""
    SERVED = auto()
    """The template has carried the live traffic before."""
    FORCED = auto()
    """`force` names the tag."""
    FAILED = auto()
    """The same gate has failed the same template."""
    DUE = auto()


def gating(app: AppPlan, color: ColorPlan, template: str, memories: Mapping[Color, Memory]) -> Gating:
    """Say what the app's gate is to a color, of whose pods `template` is the hash."""
    if app.gate is None:
        return Gating.NONE
    if has_served(template, memories.values()):
        return Gating.SERVED
    if app.force == color.tag:
        return Gating.FORCED
    verdict = memories[color.color].verdict
    return Gating.FAILED if verdict and not verdict.passed and judges(app, verdict, template) else Gating.DUE


def judges(app: AppPlan, verdict: Verdict, template: str) -> bool:
    """Tell whether a verdict is of this template, by the gate that the app has now."""
    return (verdict.template, verdict.gate) == (template, app.gate_hash)


def moves_at_once(app: AppPlan, live: Color | None) -> bool:
    """Tell whether one write takes all traffic from the color that is live to another."""
    return not app.splits_by_pods and live not in {None, app.active.color}


def takes_more(app: AppPlan, weight: int, template: str, verdict: Verdict | None) -> bool:
    """Tell whether a route gives a canary more than it is known to be fit for.

    Args:
        app: the app as it is planned, with the canary's weight.
        weight: what the route gives the canary now, in percent.
        template: the hash of the canary's template.
        verdict: the last one on the canary.
    """
    passed = verdict is not None and verdict.passed and judges(app, verdict, template)
    return app.weight > (weight if passed else 0)


def is_recycled(app: AppPlan) -> bool:
    """Tell whether the pods of a color that traffic has left are ended one by one and come back.

    With a router nobody has a connection to a pod that outlives a request, so nothing is left to end by that.
    """
    return app.recycle and app.other.replicas > 0 and not app.routes


def must_drain(app: AppPlan, size: int, served: str | None, template: str) -> bool:
    """Tell whether the color that traffic has left loses pods, so that their connections get time to end.

    A live Service that splits by pods selects them to their end.

    Args:
        app: the app as it is planned; the color is its other one.
        size: how many pods the color has now.
        served: the hash of the template that it has served with.
        template: the hash of the one that it gets.
    """
    return not app.splits_by_pods and (is_recycled(app) or size > app.other.replicas or served != template)
