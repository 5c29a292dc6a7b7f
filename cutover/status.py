"""Where a release stands in the cluster now, beside what the configuration asks for.

All of it is read at once, in a handful of requests however many apps there are, and nothing is changed. What is in the
cluster is told as it is, never as the configuration wishes it; `differences` are what the next `up` would do about it,
and `drifts` what another hand than Cutover's has done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from lightkube import ApiError
from lightkube import ConfigError as KubeConfigError
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Pod

from components.color import Color, Role
from components.errors import ClusterUnreachableError
from components.kube import Cluster, size_of
from components.memory import has_served, notes_on
from components.plan import ROLE, SHARE, TAG, AppPlan, ColorPlan, Component, StackPlan
from components.planner import BASELINE
from components.readiness import judge
from components.routers import router
from cutover.autoscaling import Autoscaling
from cutover.desk import Desk
from cutover.drift import Drift, differences, drifts
from cutover.engine import Engine
from cutover.errors import NotStartedError
from cutover.events import WarningEvent, newest, text_of
from cutover.pods import PodState, PodStatus, born, reasons
from cutover.seen import Found, SeenApp, SeenWorkload, labels_of, look
from cutover.workloads import WorkloadStatus, workload_status

SECONDS = 5.0
"""How long a cluster may be silent before it counts as away: `read(plan, cluster.within(SECONDS))`."""


class GateVerdict(msgspec.Struct, frozen=True):
    """What a color's gate last came to, at a time as RFC 3339 has it.

    `template` and `gate`: whether it judged the template, by the gate, that the configuration has now.
    """

    passed: bool
    at: str
    findings: tuple[str, ...]
    template: bool
    gate: bool


class PodsStatus(msgspec.Struct, frozen=True):
    """The pods of a Deployment: how many it wants (None without Deployment), and how many of them are ready.

    `updated` are those of its present template, and only they count as ready. `share` is their part of the live traffic
    in percent. `reasons` say why not all of them are ready.
    """

    wanted: int | None
    ready: int
    updated: int
    share: float
    pods: tuple[PodStatus, ...]
    reasons: tuple[str, ...]


class ColorStatus(PodsStatus, frozen=True):
    """One color as it stands.

    `tag` is what its Deployment has, and `configured` what the configuration says; `changed`: whether its pods are to
    be others than it has, by their tag or else. `role` is what traffic makes of it. `served`: whether what is
    configured for it has carried the live traffic before, and needs no gate.
    """

    color: Color
    role: Role
    tag: str | None
    configured: str
    changed: bool
    served: bool
    autoscaler: Autoscaling | None
    verdict: GateVerdict | None


class Route(msgspec.Struct, frozen=True):
    """The object that splits an app's traffic; `trouble` is why its router does not act on it, "" when it does."""

    kind: str
    name: str
    trouble: str


class AppStatus(msgspec.Struct, frozen=True):
    """One app.

    `active` is the color that the last move has made active, None before the first; `share` what it said of the other
    color's. `traffic` is where live traffic goes now: ready pods behind the live Service by color (`baseline` and
    `others` among them), or with a route the weights of it. `differences` go on from "the next `up`": it moves,
    changes, refuses.
    """

    name: str
    component: Component
    active: Color | None
    share: str
    traffic: dict[str, int]
    route: Route | None
    colors: tuple[ColorStatus, ...]
    baseline: PodsStatus | None
    differences: tuple[str, ...]
    drifts: tuple[Drift, ...]
    warnings: tuple[WarningEvent, ...]


class Status(msgspec.Struct, frozen=True):
    """A stack at a moment (RFC 3339 in UTC): `apps` have two colors, `workloads` one version.

    `release` is the note of a release under way, else None.
    """

    at: str
    stack: str
    context: str
    namespace: str
    apps: tuple[AppStatus, ...]
    workloads: tuple[WorkloadStatus, ...] = ()
    release: dict[str, Any] | None = None

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()


async def read(plan: StackPlan, cluster: Cluster, note: Mapping[str, Any] | None = None) -> Status:
    """Look at all apps of a stack at once.

    Args:
        plan: what the configuration means.
        cluster: where to look; `cluster.within(SECONDS)`, so that one which is away is soon told.
        note: the release under way.

    Raises:
        NotStartedError: the cluster is away, or does not let us look.
    """
    try:
        found = await look(plan, cluster)
        apps, workloads = await asyncio.gather(
            asyncio.gather(*(_App(SeenApp(app, found), cluster).status() for app in plan.apps)),
            asyncio.gather(*(workload_status(SeenWorkload(each, found), cluster) for each in plan.workloads)),
        )
    except ClusterUnreachableError as error:
        raise NotStartedError(
            f"the API server of context {error.context} has not answered for {error.seconds:.0f} s ({error.cause}); "
            "`cutover doctor` looks closer"
        ) from error
    except (KubeConfigError, OSError) as error:
        raise NotStartedError(
            f"context {cluster.context} cannot be used: {error}; `cutover doctor` looks closer"
        ) from error
    except ApiError as error:
        raise NotStartedError(
            f"the API server of context {cluster.context} says: {error.status.message}; `cutover doctor` lists what "
            "you may not do and need to"
        ) from error
    return Status(
        at=text_of(datetime.now(UTC)),
        stack=plan.owner,
        context=cluster.context,
        namespace=plan.namespace,
        apps=tuple(apps),
        workloads=tuple(workloads),
        release=dict(note) if note else None,
    )


class Lookout:
    """Looks at a stack again and again, as its configuration stands at that moment, over the same connections.

    Args:
        engine: the stack.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read_at = -1
        self._desk = Desk(engine)
        self._cluster: Cluster | None = None

    async def __call__(self) -> Status:
        """Look once.

        Raises:
            NotStartedError: the configuration cannot be read, or the cluster is away or does not let us look.
            RefusedError: there is something wrong with the configuration.
        """
        written_at = self._engine.file.stat().st_mtime_ns if self._engine.file.exists() else 0
        if self._cluster is None or written_at != self._read_at:
            self._desk = await asyncio.to_thread(Desk.of, self._engine)
            self._cluster, self._read_at = self._desk.cluster.within(SECONDS), written_at
        return await read(self._desk.plan, self._cluster, self._desk.settings.release)


@dataclass(frozen=True)
class _App:
    """Tells of one app."""

    seen: SeenApp
    cluster: Cluster

    @property
    def plan(self) -> AppPlan:
        return self.seen.plan

    @property
    def found(self) -> Found:
        return self.seen.found

    async def status(self) -> AppStatus:
        plan = self.plan.baseline
        colors = await asyncio.gather(*(self._color(self.plan.colors[color]) for color in Color))
        baseline = await self._pods(plan.name, BASELINE) if plan else None
        return AppStatus(
            name=self.plan.name,
            component=self.plan.component,
            active=self.seen.active,
            share=self.seen.told.get(SHARE, ""),
            traffic=dict(self.seen.traffic),
            route=self._route(),
            colors=tuple(colors),
            baseline=baseline,
            differences=tuple(differences(self.seen)),
            drifts=tuple(drifts(self.seen)),
            warnings=self._warnings([*colors, *([baseline] if baseline else [])]),
        )

    def _route(self) -> Route | None:
        if not self.plan.routes:
            return None
        kind, name = self.plan.mover["kind"], self.plan.mover["metadata"]["name"]
        trouble = router.trouble(self.seen.route) if self.seen.route else "it is not there"
        return Route(kind, name, trouble or "")

    async def _color(self, plan: ColorPlan) -> ColorStatus:
        deployment = self.seen.deployment(plan)
        notes = notes_on(deployment)
        pods = await self._pods(plan.name, plan.color)
        template = self.seen.template(plan)
        return ColorStatus(
            **msgspec.structs.asdict(pods),
            color=plan.color,
            role=self._role(plan.color, notes.get(ROLE)),
            tag=notes.get(TAG),
            configured=plan.tag,
            changed=deployment is not None and not self.seen.is_as_configured(plan),
            served=has_served(template, (self.seen.memory(each) for each in self.plan.colors.values())),
            autoscaler=Autoscaling.of(self.found.autoscalers.get(plan.name)),
            verdict=self._verdict(plan, template),
        )

    def _role(self, color: Color, told: str | None) -> Role:
        """What traffic makes of a color; a canary for testers alone has no share, and only its Deployment tells."""
        if color == self.seen.active:
            return Role.ACTIVE
        return Role.CANARY if self.seen.share(color) or told == Role.CANARY else Role.IDLE

    def _verdict(self, plan: ColorPlan, template: str) -> GateVerdict | None:
        verdict = self.seen.memory(plan).verdict
        if verdict is None:
            return None
        return GateVerdict(
            passed=verdict.passed,
            at=verdict.at,
            findings=verdict.findings,
            template=verdict.template == template,
            gate=verdict.gate == self.plan.gate_hash,
        )

    async def _pods(self, name: str, color: str) -> PodsStatus:
        """The pods of Deployment `name`, which have `color` as their label."""
        labels = {"app": self.plan.name, "color": str(color)}
        pods = sorted((pod for pod in self.found.pods if _has(pod, labels)), key=born)
        sets = [item for item in self.found.replica_sets if _has(item, labels)]
        deployment = self.found.deployments.get(name)
        present = _present(deployment, sets)
        shown = tuple(PodStatus.of(pod, present=labels_of(pod).get("pod-template-hash") == present) for pod in pods)
        status = deployment.status if deployment else None
        told: list[str] = []
        if deployment:
            told = await reasons(self.cluster, judge(deployment, sets, pods), pods, self.found.events)
        return PodsStatus(
            wanted=size_of(deployment),
            ready=sum(pod.state is PodState.READY and pod.present for pod in shown),
            updated=(status and status.updatedReplicas) or 0,
            share=self.seen.share(color),
            pods=shown,
            reasons=tuple(told),
        )

    def _warnings(self, sides: Sequence[PodsStatus]) -> tuple[WarningEvent, ...]:
        """The newest warnings about the app's own objects, pods of one color as one."""
        pods = [pod for side in sides for pod in side.pods]
        return newest(self.found.events, self._owner, pods, [reason for side in sides for reason in side.reasons])

    def _owner(self, name: str) -> str | None:
        """Which of the app's objects, or pods of it, is called so."""
        sides = [f"{self.plan.name}-{side}" for side in (*Color, BASELINE)]
        if name == self.plan.name or name in {route["metadata"]["name"] for route in self.plan.routes}:
            return self.plan.name
        return next((side for side in sides if name == side or name.startswith(f"{side}-")), None)


def _present(deployment: Deployment | None, sets: Iterable[ReplicaSet]) -> str | None:
    """The label that pods of a Deployment's present template have."""
    revision = "deployment.kubernetes.io/revision"
    wanted = notes_on(deployment).get(revision)
    for item in sets:
        if wanted and ((item.metadata and item.metadata.annotations) or {}).get(revision) == wanted:
            return labels_of(item).get("pod-template-hash")
    return None


def _has(item: Pod | ReplicaSet, labels: Mapping[str, str]) -> bool:
    return labels.items() <= labels_of(item).items()
