"""What stood in the cluster over time: an app's ready pods and a Service's endpoints, per color, every change of them.

A watch and not a poll: the API server sends every state that an object went through, however short.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from lightkube import AsyncClient, KubeConfig
from lightkube.resources.core_v1 import Pod
from lightkube.resources.discovery_v1 import EndpointSlice

from bench.errors import WatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lightkube.operators import Operator

DEADLINE = 10
"""Seconds for a watch to start, and to catch up at its end."""

Watched = TypeVar("Watched", Pod, EndpointSlice)


@dataclass(frozen=True, slots=True)
class Count:
    """How many there were of each color from `at` on (monotonic clock, seconds; `wall` since the epoch)."""

    at: float
    wall: float
    colors: Counter[str]


@dataclass(frozen=True)
class Counts:
    """Every state seen, in order; each holds until the next."""

    states: tuple[Count, ...]

    def between(self, start: float, end: float = math.inf) -> Counts:
        """The states in force from `start` to `end`, on the monotonic clock: the one that was there at `start` too."""
        earlier = [state for state in self.states if state.at < start]
        return Counts((*earlier[-1:], *(state for state in self.states if start <= state.at < end)))

    def least(self, color: str | None = None) -> int:
        """The fewest there were at any moment, of one color or (None) of all together."""
        return min(_number(state, color) for state in self.states)

    def most(self, color: str | None = None) -> int:
        return max(_number(state, color) for state in self.states)

    @property
    def empty(self) -> list[Count]:
        """The states in which there was nothing at all."""
        return [state for state in self.states if not state.colors.total()]

    @property
    def mixed(self) -> list[Count]:
        """The states in which there was more than one color."""
        return [state for state in self.states if len(+state.colors) > 1]


def _number(state: Count, color: str | None) -> int:
    return state.colors.total() if color is None else state.colors[color]


def color(pod: Pod) -> str:
    labels: dict[str, str] = (pod.metadata and pod.metadata.labels) or {}
    return labels.get("color", "none")


def tag(pod: Pod) -> str:
    """The tag of its image, where no label tells what it runs."""
    return ((pod.spec and pod.spec.containers[0].image) or "").rpartition(":")[2]


def ready_pods(pods: Iterable[Pod], by: Callable[[Pod], str] = color) -> Counter[str]:
    """Pods per color that are Ready and not being deleted (those still answer, but leave the endpoints at once)."""
    ready: Counter[str] = Counter()
    for pod in pods:
        meta, status = pod.metadata, pod.status
        if meta is None or status is None or meta.deletionTimestamp is not None:
            continue
        if any(condition.type == "Ready" and condition.status == "True" for condition in status.conditions or []):
            ready[by(pod)] += 1
    return ready


def ready_endpoints(slices: Iterable[EndpointSlice]) -> Counter[str]:
    """Ready endpoints per color over all slices; the color is in the pod's name, `<app>-<color>-<template>-<pod>`."""
    ready: Counter[str] = Counter()
    for each in slices:
        for endpoint in each.endpoints or []:
            if endpoint.conditions is None or endpoint.conditions.ready is not False:
                parts = ((endpoint.targetRef and endpoint.targetRef.name) or "").rsplit("-", 3)
                ready[parts[1] if len(parts) == 4 else "none"] += 1
    return ready


class Watch(Generic[Watched]):
    """Watches objects in a thread of its own, from entering `with` until `stop`. See `pods` and `endpoints`."""

    def __init__(
        self,
        config: KubeConfig,
        kind: type[Watched],
        namespace: str,
        labels: Mapping[str, str],
        count: Callable[[Iterable[Watched]], Counter[str]],
    ) -> None:
        self._config, self._namespace = config, namespace
        self._labels: dict[str, str | Operator[Any] | Iterable[Any] | None] = {**labels}
        self._kind: type[Watched] = kind
        self._count: Callable[[Iterable[Watched]], Counter[str]] = count
        self._objects: dict[str, Watched] = {}
        self._states: list[Count] = []
        self.added = 0
        """How many objects were made since it began."""
        self._started, self._ending = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(DEADLINE) or self._failure:
            raise WatchError(f"{self} did not start within {DEADLINE} s: {self._failure}")
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(3 * DEADLINE)

    def __str__(self) -> str:
        labels = ",".join(f"{key}={value}" for key, value in self._labels.items())
        return f"the watch of {self._kind.__name__} {labels} in namespace {self._namespace}"

    def until(self, colors: Mapping[str, int], seconds: float) -> Count:
        """Wait until there are as many of each color as `colors` says, and return since when.

        Raises WatchError after so many seconds.
        """
        deadline = time.monotonic() + seconds
        while (state := self._states[-1]).colors != Counter(colors):
            if self._failure or time.monotonic() > deadline:
                now = dict(state.colors)
                raise WatchError(f"{self}: {now} and not {colors} after {seconds:.0f} s ({self._failure})")
            time.sleep(0.05)
        return state

    def stop(self) -> Counts:
        """End the watch once it has caught up with the cluster. Raises WatchError when it may have missed something."""
        self.__exit__()
        if self._failure is not None:
            raise WatchError(f"{self} has a gap: {self._failure!r}") from self._failure
        return Counts(tuple(self._states))

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except BaseException as failure:  # noqa: BLE001  # whatever ended the watch early is the caller's to know
            self._failure = failure
        self._started.set()

    async def _watch(self) -> None:
        client = AsyncClient(config=self._config)
        try:
            async with asyncio.timeout(DEADLINE):
                self._objects, version = await self._list(client)
            self._note()
            self._started.set()
            following = asyncio.create_task(self._follow(client, version))
            while not self._ending.is_set() and not following.done():
                await asyncio.wait([following], timeout=0.05)
            await self._catch_up(client, following)
            following.cancel()
        finally:
            await client.close()

    async def _list(self, client: AsyncClient) -> tuple[dict[str, Watched], str]:
        listed = client.list(self._kind, namespace=self._namespace, labels=self._labels)
        return {_uid(each): each async for each in listed}, listed.resourceVersion

    async def _follow(self, client: AsyncClient, version: str) -> None:
        """Apply every event after `version`; any break in the stream raises (lightkube's default)."""
        events = client.watch(self._kind, namespace=self._namespace, labels=self._labels, resource_version=version)
        async for event, each in events:
            if event == "DELETED":
                self._objects.pop(_uid(each), None)
            else:
                self._objects[_uid(each)] = each
                self.added += event == "ADDED"
            self._note()

    async def _catch_up(self, client: AsyncClient, following: asyncio.Task[None]) -> None:
        """Wait until what was watched is what is there now."""
        deadline = time.monotonic() + DEADLINE
        while not following.done():
            listed, _ = await self._list(client)
            if _versions(listed) == _versions(self._objects):
                return
            if time.monotonic() > deadline:
                raise WatchError(f"its last state is not the cluster's, {DEADLINE} s after the end")
            await asyncio.sleep(0.05)
        await following

    def _note(self) -> None:
        colors = self._count(self._objects.values())
        if not self._states or self._states[-1].colors != colors:
            self._states.append(Count(time.monotonic(), time.time(), colors))


def _uid(each: Pod | EndpointSlice) -> str:
    return (each.metadata and each.metadata.uid) or ""


def _versions(objects: Mapping[str, Pod] | Mapping[str, EndpointSlice]) -> dict[str, str | None]:
    return {uid: each.metadata.resourceVersion if each.metadata else None for uid, each in objects.items()}


def pods(config: KubeConfig, namespace: str, app: str, by: Callable[[Pod], str] = color) -> Watch[Pod]:
    """Watch an app's ready pods, per color, or by their `tag`."""
    return Watch(config, Pod, namespace, {"app": app}, partial(ready_pods, by=by))


def endpoints(config: KubeConfig, namespace: str, service: str) -> Watch[EndpointSlice]:
    """Watch a Service's ready endpoints, per color, over all its slices."""
    return Watch(config, EndpointSlice, namespace, {"kubernetes.io/service-name": service}, ready_endpoints)
