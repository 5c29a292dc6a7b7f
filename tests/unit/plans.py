"""Small plans for tests of what follows the planning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, cast

from lightkube.core.dictmixin import DictMixin

from components.color import Color, Role
from components.plan import AppPlan, ColorPlan, Component

Kind = TypeVar("Kind", bound=DictMixin)


def an(kind: type[Kind], data: dict[str, Any]) -> Kind:
    """Make a Kubernetes object as a client would read it."""
    return cast("Kind", kind.from_dict(data))


def color_plan(color: Color, role: Role, *, replicas: int = 3, template: str = "", hpa: bool = False) -> ColorPlan:
    labels = {"app": "web", "color": color.value}
    metadata = {"name": f"web-{color}", "annotations": {"cutover/source": f"source-of-{color}"}}
    return ColorPlan(
        color=color,
        role=role,
        tag="1.0",
        replicas=replicas,
        template_hash=template or f"template-of-{color}",
        deployment={"metadata": metadata, "spec": {"selector": {"matchLabels": labels}}},
        service={},
        disruption_budget={},
        autoscaler={"kind": "HorizontalPodAutoscaler", "spec": {"maxReplicas": 8}} if hpa else None,
        config_maps=(),
    )


def app_plan(**changes: Any) -> AppPlan:
    """A BlueGreenApp `web`, blue active and green idle, 3 pods each; `changes` are fields of the plan."""
    return replace(
        AppPlan(
            name="web",
            namespace="test",
            component=Component.BLUE_GREEN,
            active=color_plan(Color.BLUE, Role.ACTIVE),
            other=color_plan(Color.GREEN, Role.IDLE),
            live_service={},
            preview_service={},
            share="0%",
            drain_seconds=2,
            recycle=True,
            progress_deadline_seconds=30,
            in_place=None,
            force=None,
            coupled=True,
        ),
        **changes,
    )
