"""Where a release stands in the cluster now, beside what the configuration asks for.

All of it is read at once, in a handful of requests however many apps there are, and nothing is changed. What is in the
cluster is told as it is, never as the configuration wishes it; `differences` are what the next `up` would do about it,
and `drifts` what another hand than Cutover's has done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from lightkube import ApiError
from lightkube import ConfigError as KubeConfigError
from lightkube.resources.apps_v1 import Deployment, ReplicaSet
from lightkube.resources.core_v1 import Event, Pod

from components.color import Color, Role
from components.errors import ClusterUnreachableError
from components.kube import Cluster, size_of
from components.memory import has_served, notes_on
from components.plan import ROLE, SHARE, TAG, AppPlan, ColorPlan, Component, StackPlan
from components.planner import BASELINE
from components.readiness import Trouble, explain, judge, pod_troubles
from components.routers import router
from cutover.desk import Desk
from cutover.drift import Drift, differences, drifts
from cutover.engine import Engine
from cutover.errors import NotStartedError
from cutover.seen import Found, SeenApp, labels_of, look, name_of

SECONDS = 5.0
"""How long a cluster may be silent before it counts as away: `read(plan, cluster.within(SECONDS))`."""
LOG_SECONDS = 1.0
"""What the end of a crashed container's log may take; a node that is away must not hold up the rest."""
RECENT = timedelta(minutes=10)
WARNINGS = 3


class PodState(StrEnum):
    """READY; STARTING, or running and not ready yet; FAILING for a reason that Kubernetes names; ENDING."""

    READY = "ready"
    STARTING = "starting"
    FAILING = "failing"
    ENDING = "ending"


class PodStatus(msgspec.Struct, frozen=True):
    """One pod; `present`: whether it is of its Deployment's present template."""

    name: str
    state: PodState
    reason: str
    restarts: int
    present: bool

    @property
    def is_ill(self) -> bool:
        return self.state in {PodState.STARTING, PodState.FAILING}


class Autoscaling(msgspec.Struct, frozen=True):
    """An autoscaler's limits, how many pods it has seen and how many it wants."""

    least: int
    most: int
    current: int
    wanted: int


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


class WarningEvent(msgspec.Struct, frozen=True):
    """Warning events of one reason about one thing: the newest message, and how many there were."""

    subject: str
    reason: str
    text: str
    count: int
    at: str


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
    """A stack at a moment (RFC 3339 in UTC). `release` is the note of a release under way, else None."""

    at: str
    stack: str
    context: str
    namespace: str
    apps: tuple[AppStatus, ...]
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
        apps = await asyncio.gather(*(_App(SeenApp(app, found), cluster).status() for app in plan.apps))
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
        at=_text(datetime.now(UTC)),
        stack=plan.owner,
        context=cluster.context,
        namespace=plan.namespace,
        apps=tuple(apps),
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
            warnings=tuple(self._warnings([*colors, *([baseline] if baseline else [])])),
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
            autoscaler=self._autoscaler(plan.name),
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

    def _autoscaler(self, name: str) -> Autoscaling | None:
        item = self.found.autoscalers.get(name)
        if item is None or item.spec is None:
            return None
        status = item.status
        return Autoscaling(
            least=item.spec.minReplicas or 1,
            most=item.spec.maxReplicas,
            current=(status and status.currentReplicas) or 0,
            wanted=status.desiredReplicas if status else 0,
        )

    async def _pods(self, name: str, color: str) -> PodsStatus:
        """The pods of Deployment `name`, which have `color` as their label."""
        labels = {"app": self.plan.name, "color": str(color)}
        pods = sorted((pod for pod in self.found.pods if _has(pod, labels)), key=_born)
        sets = [item for item in self.found.replica_sets if _has(item, labels)]
        deployment = self.found.deployments.get(name)
        present = _present(deployment, sets)
        shown = tuple(self._pod(pod, present) for pod in pods)
        status = deployment.status if deployment else None
        return PodsStatus(
            wanted=size_of(deployment),
            ready=sum(pod.state is PodState.READY and pod.present for pod in shown),
            updated=(status and status.updatedReplicas) or 0,
            share=self.seen.share(color),
            pods=shown,
            reasons=tuple(await self._reasons(deployment, sets, pods)) if deployment else (),
        )

    def _pod(self, pod: Pod, present: str | None) -> PodStatus:
        statuses = (pod.status and pod.status.containerStatuses) or []
        ready = any(
            each.type == "Ready" and each.status == "True" for each in (pod.status and pod.status.conditions) or []
        )
        reason = next((trouble.reason for trouble in pod_troubles(pod)), "")
        ended = next((each.state.terminated for each in statuses if each.state and each.state.terminated), None)
        if pod.metadata and pod.metadata.deletionTimestamp:
            state = PodState.ENDING
        elif ready:
            state, reason = PodState.READY, ""
        elif reason or ended or (pod.status and pod.status.phase == "Failed"):
            state = PodState.FAILING
            reason = reason or (ended and ended.reason) or (pod.status and pod.status.reason) or "Failed"
        else:
            state = PodState.STARTING
        return PodStatus(
            name=name_of(pod.metadata),
            state=state,
            reason=reason,
            restarts=sum(each.restartCount for each in statuses),
            present=labels_of(pod).get("pod-template-hash") == present,
        )

    async def _reasons(self, deployment: Deployment, sets: Sequence[ReplicaSet], pods: Sequence[Pod]) -> list[str]:
        """Why a Deployment's pods are not all ready, with the end of the log of one that crashes."""
        progress = judge(deployment, sets, pods)
        if progress.done:
            return []
        troubles = progress.troubles or self._ailments(pods)
        try:
            async with asyncio.timeout(LOG_SECONDS):
                return await explain(self.cluster, troubles)
        except TimeoutError:
            return [str(trouble) for trouble in {each.reason: each for each in troubles}.values()]

    def _ailments(self, pods: Sequence[Pod]) -> list[Trouble]:
        """What ails a pod that says nothing itself, by the last warning about it: which probe fails, and how."""
        ill = {pod.name: pod.reason or "NotReady" for pod in (self._pod(each, None) for each in pods) if pod.is_ill}
        about = {event.involvedObject.name: event.message or "" for event in sorted(self.found.events, key=_when)}
        return [Trouble(ill[name], f"Pod {name}", about[name].strip()) for name in ill if name in about][:1]

    def _warnings(self, sides: Sequence[PodsStatus]) -> list[WarningEvent]:
        """The newest warnings about the app's own objects, those of one reason about pods of one color as one.

        A pod that is ready or gone has come over it, as every probe fails while a pod starts; and one that is named in
        a reason has said enough.
        """
        since = datetime.now(UTC) - RECENT
        ill = {pod.name for side in sides for pod in side.pods if pod.is_ill}
        told = " ".join(reason for side in sides for reason in side.reasons)
        groups: dict[tuple[str, str], list[Event]] = {}
        for event in sorted(self.found.events, key=_when):
            name = event.involvedObject.name or ""
            owner = self._owner(name) if event.involvedObject.kind != "Pod" or name in ill else None
            if owner and _when(event) >= since and f"Pod {name}:" not in told:
                groups.setdefault((owner, event.reason or ""), []).append(event)
        newest = sorted(groups.values(), key=lambda events: _when(events[-1]), reverse=True)
        return [_warning(events) for events in newest[:WARNINGS]]

    def _owner(self, name: str) -> str | None:
        """Which of the app's objects, or pods of it, is called so."""
        sides = [f"{self.plan.name}-{side}" for side in (*Color, BASELINE)]
        if name == self.plan.name or name in {route["metadata"]["name"] for route in self.plan.routes}:
            return self.plan.name
        return next((side for side in sides if name == side or name.startswith(f"{side}-")), None)


def _warning(events: Sequence[Event]) -> WarningEvent:
    """Several events as one; the newest speaks."""
    newest = events[-1]
    return WarningEvent(
        subject=f"{newest.involvedObject.kind} {newest.involvedObject.name}",
        reason=newest.reason or "",
        text=(newest.message or "").strip(),
        count=sum((event.series and event.series.count) or event.count or 1 for event in events),
        at=_text(_when(newest)),
    )


def _when(event: Event) -> datetime:
    last = event.series.lastObservedTime if event.series else None
    return last or event.lastTimestamp or event.eventTime or datetime.min.replace(tzinfo=UTC)


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


def _born(pod: Pod) -> tuple[str, str]:
    return str((pod.metadata and pod.metadata.creationTimestamp) or ""), name_of(pod.metadata)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
