"""A gate, run from its first request to its verdict."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from components.color import Role
from components.gates import job
from components.gates.findings import Finding, Outcome
from components.gates.load import load
from components.gates.metrics import measure
from components.gates.settings import Gate, Load, Metric, Prometheus, Side, Smoke, TestJob, Via
from components.gates.smoke import asked, smoke
from components.kube import Cluster, names
from components.plan import AppPlan, ColorPlan, Manifest
from components.pod import digest
from components.reach import Answer, Ask, CannotAskError, direct
from components.readiness import Say


@dataclass(frozen=True)
class Judge:
    """Judges one color of an app.

    Args:
        cluster: where it is.
        app: the app; its `gate` says what to ask.
        color: the color that is asked.
        say: shows progress.
    """

    cluster: Cluster
    app: AppPlan
    color: ColorPlan
    say: Say

    async def judge(self, gate: Gate) -> list[Finding]:
        """Ask all that a gate asks, part by part, and stop after the first part that did not pass."""
        clock = asyncio.get_running_loop().time
        begin = clock()
        found = await self.smoke(gate)
        if gate.load and passed(found):
            found += await self._load(gate, gate.load)
        if gate.job and passed(found):
            found.append(await self._asked("job", self._test(gate.job)))
        if gate.metrics and gate.prometheus and passed(found):
            found += await self._measure(gate, gate.prometheus, begin)
        return found

    async def smoke(self, gate: Gate) -> list[Finding]:
        """Send the requests of all smoke tests, one test after the other."""
        found: list[Finding] = []
        for name, test in gate.smoke.items():
            if passed(found):
                found.append(await self._asked(f"smoke {name}", self._smoke(name, test)))
        return found

    async def _asked(self, head: str, finding: Any) -> Finding:
        """Await a finding; what could not even be asked blames nobody."""
        self.say(head)
        try:
            found: Finding = await finding
        except CannotAskError as error:
            return Finding(Outcome.INCONCLUSIVE, f"{head}: {error}")
        return found

    async def _smoke(self, name: str, test: Smoke) -> Finding:
        async with AsyncExitStack() as ways:
            answers: AsyncIterator[Answer]
            if test.via is Via.JOB:
                meta = await self._job(f"smoke-{name}")
                answers = job.smoke_answers(self.cluster, test, meta, await self._url(), self.say)
                return await smoke(name, test, answers, seconds=None)
            answers = asked(test, await self._way(test.via, ways, str(self.color.color)))
            return await smoke(name, test, answers, seconds=test.deadline_seconds)

    async def _load(self, gate: Gate, settings: Load) -> list[Finding]:
        """Send the load to the color, and as much to a baseline that it is compared with: like with like."""
        targets = {"load": str(self.color.color)}
        if any(metric.against is Side.BASELINE for metric in gate.metrics.values()):
            side = await self._side(Side.BASELINE)
            targets |= {f"load on {side}": side} if side == Side.BASELINE else {}

        async def sent(head: str, color: str) -> Finding:
            async with AsyncExitStack() as ways:
                return await load(head, settings, await self._way(settings.via, ways, color))

        return await asyncio.gather(*(self._asked(head, sent(head, color)) for head, color in targets.items()))

    async def _test(self, settings: TestJob) -> Finding:
        return await job.test(self.cluster, settings, await self._job("test"), await self._url(), self.say)

    async def _measure(self, gate: Gate, prometheus: Prometheus, begin: float) -> list[Finding]:
        clock = asyncio.get_running_loop().time
        if prometheus.url:
            ask = direct(prometheus.url)
        else:
            there = prometheus.namespace or self.app.namespace
            ask = self.cluster.reach.proxy(there, prometheus.service or "", prometheus.port)

        def filled(query: str, color: str) -> str:
            known = {
                "app": self.app.name,
                "namespace": self.app.namespace,
                "color": color,
                "live": str(self.color.color.other),
                "window": f"{math.ceil(clock() - begin)}s",
            }
            for name, value in known.items():
                query = query.replace("{{" + name + "}}", value)
            return query

        async def measured(name: str, metric: Metric) -> Finding:
            colors = [str(self.color.color), *([await self._side(metric.against)] if metric.against else [])]
            return await measure(name, metric, colors, filled, ask=ask, headers=prometheus.headers)

        return await asyncio.gather(*(measured(name, metric) for name, metric in gate.metrics.items()))

    async def _side(self, against: Side) -> str:
        """Return the color that a side's pods have.

        There is a baseline while there is a canary, and until the canary is promoted. A color that is promoted without
        having been one is compared with the other, which is as large.
        """
        other, baseline = str(self.color.color.other), str(Side.BASELINE)
        if against is Side.STABLE:
            return other
        canary = self.color.role is Role.CANARY
        return baseline if canary or await self.cluster.size(f"{self.app.name}-{baseline}") else other

    async def _way(self, via: Via, ways: AsyncExitStack, color: str) -> Ask:
        """The way to the color that is judged, or to its baseline, which runs what the other color runs."""
        namespace, name = self.app.namespace, f"{self.app.name}-{color}"
        if via is Via.PROXY:
            return self.cluster.reach.proxy(namespace, name, self.app.port)
        pods = sorted(names(await self.cluster.pods({**self.color.labels, "color": color})))
        if not pods:
            raise CannotAskError(f"{name} has no pods")
        port = (self.color if color == self.color.color else self.app.colors[self.color.color.other]).pod_port
        return await ways.enter_async_context(self.cluster.reach.forward(namespace, pods, port))

    async def _url(self) -> str:
        """Where the color's own Service answers inside the cluster, without a need for DNS."""
        service = await self.cluster.service(self.color.name)
        if not (service and service.spec and service.spec.clusterIP):
            raise CannotAskError(f"Service {self.color.name} has no address")
        return f"http://{service.spec.clusterIP}:{self.app.port}"

    async def _job(self, what: str) -> Manifest:
        """Metadata of a Job that goes with the color's Deployment."""
        deployment = await self.cluster.deployment(self.color.name)
        if not (deployment and deployment.metadata and deployment.metadata.uid):
            raise CannotAskError(f"Deployment {self.color.name} is not there")
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.color.name, "uid": deployment.metadata.uid}
        labels = {**self.color.deployment["metadata"]["labels"]}
        name = f"{self.color.name}-gate-{digest(what)}"
        return {"name": name, "namespace": self.app.namespace, "labels": labels, "ownerReferences": [owner]}


def passed(findings: Iterable[Finding]) -> bool:
    """Tell whether all findings that count are good."""
    return all(finding.outcome is Outcome.PASSED for finding in findings if not finding.dry_run)


def failed(findings: Iterable[Finding]) -> bool:
    """Tell whether there is blame: a finding that counts and is bad."""
    return any(finding.outcome is Outcome.FAILED for finding in findings if not finding.dry_run)
