"""A cluster that has one Job."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod

from components.plan import Manifest
from tests.unit.plans import an


@dataclass
class Jobs:
    """Runs one Job, which ends `seconds` after its start with this code and these lines, if it is not `gone`."""

    code: int | None = 0
    printed: Sequence[str] = ()
    seconds: float = 5
    waiting: str = ""
    reason: str = ""
    overdue: bool = False
    gone: bool = False
    started: list[Manifest] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    begin: float = 0

    async def start_job(self, manifest: Manifest) -> None:
        self.started.append(manifest)
        self.begin = asyncio.get_running_loop().time()

    async def end_job(self, name: str) -> None:
        self.ended.append(name)

    async def job(self, _: str) -> Job | None:
        if self.gone:
            return None
        kind = "Complete" if self.code == 0 else "Failed"
        reason = "DeadlineExceeded" if self.overdue else "BackoffLimitExceeded"
        condition = {"type": kind, "status": "True", "reason": reason, "message": self.reason}
        return an(Job, {"status": {"conditions": [condition] if self._over else []}})

    async def pods(self, _: Mapping[str, str]) -> list[Pod]:
        state: dict[str, Any] = {"running": {}}
        if self._over and self.code is not None:
            state = {"terminated": {"exitCode": self.code}}
        if self.waiting:
            state = {"waiting": {"reason": self.waiting, "message": "no such image"}}
        status = {
            "containerStatuses": [{"name": "test", "image": "", "imageID": "", "ready": False, "restartCount": 0}]
        }
        status["containerStatuses"][0]["state"] = state
        return [an(Pod, {"metadata": {"name": "pod"}, "status": status})]

    async def log_tail(self, *_: Any) -> list[str]:
        return list(self.printed)

    @property
    def _over(self) -> bool:
        return asyncio.get_running_loop().time() - self.begin >= self.seconds
