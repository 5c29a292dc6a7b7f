"""What an autoscaler has come to."""

from __future__ import annotations

import msgspec
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler


class Autoscaling(msgspec.Struct, frozen=True):
    """An autoscaler's limits, how many pods it has seen and how many it wants."""

    least: int
    most: int
    current: int
    wanted: int

    @classmethod
    def of(cls, item: HorizontalPodAutoscaler | None) -> Autoscaling | None:
        if item is None or item.spec is None:
            return None
        status = item.status
        return cls(
            least=item.spec.minReplicas or 1,
            most=item.spec.maxReplicas,
            current=(status and status.currentReplicas) or 0,
            wanted=status.desiredReplicas if status else 0,
        )
