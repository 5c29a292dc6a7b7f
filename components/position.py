"""Where one app's release stands: its own position keys, else the stack's."""

from __future__ import annotations

from dataclasses import dataclass

from components.color import Color
from components.schema import App, PositionKeys, Settings, Tags


@dataclass(frozen=True)
class Position:
    """Where an app stands. `coupled` apps move together, as one release; `idle_replicas` None means the full size."""

    active: Color
    tags: Tags
    canary_replicas: int
    canary_weight: int
    idle_replicas: int | None
    coupled: bool


def position(app: App, settings: Settings) -> Position:
    """Return where `app` stands; one key of its own uncouples it, and what it leaves open is the stack's.

    Raises:
        LookupError: there are no tags; a configuration from `config.load` has them.
    """
    tags = app.image_tag or settings.image_tag
    if tags is None:
        raise LookupError("there is no imageTag")
    return Position(
        active=app.active_color or settings.active_color,
        tags=tags,
        canary_replicas=settings.canary_replicas if app.canary_replicas is None else app.canary_replicas,
        canary_weight=settings.canary_weight if app.canary_weight is None else app.canary_weight,
        idle_replicas=settings.idle_replicas if app.idle_replicas is None else app.idle_replicas,
        coupled=all(getattr(app, key) is None for key in PositionKeys.model_fields),
    )
