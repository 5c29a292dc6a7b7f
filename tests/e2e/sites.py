"""An app behind the Gateway, Contour and Envoy, under a host name of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from bench.answers import Answers
from bench.traffic import Load, running
from cluster import gateway
from tests.e2e.stacks import Stack

EDGE = {"name": gateway.NAME, "namespace": gateway.NAMESPACE}


class Site:
    """A stack of one app behind the Gateway."""

    def __init__(self, stack: Callable[..., Stack], app: dict[str, Any], **position: Any) -> None:
        self.host = f"{uuid.uuid4().hex[:8]}.example.com"
        router = {"gateway": {"parents": [EDGE], "hostnames": [self.host]}} | app.get("router", {})
        self.stack = stack({"web": app | {"router": router}}, **position)

    def load(self, **load: Any) -> Load:
        headers = {"Host": self.host} | load.pop("headers", {})
        return Load(f"{gateway.URL}/version", keep_alive=True, headers=headers, **load)

    def answers(self, count: int, **load: Any) -> Answers:
        """What `count` requests get, of which none may be lost."""
        with running(self.load(count=count, rate=1000, seconds=120, **load), "gateway") as traffic:
            found = traffic.wait()
        assert (len(found), found.errors) == (count, {})
        return found

    def up(self, **position: Any) -> None:
        for key, value in position.items():
            self.stack.set(key, value)
        self.stack.up()
