"""Rounds of a comparison: the apps of its ways, the clients that ask them, the record of what was measured."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from lightkube import KubeConfig
from lightkube.resources.core_v1 import Pod
from rich.console import Console

from bench import chart, watch
from bench.command import ROOT
from bench.errors import BenchError
from bench.report import machine, write_section
from bench.switches import GONE, Kind, Row, Switch, table
from bench.traffic import Load, Traffic, running
from bench.ways import BLUE, FOLDER, GREEN, PEERS, Stack, Way, controller
from cluster import Cluster, ClusterError, layout

RATE = 100
"""Requests per second of each of the two groups of clients."""
CLIENTS = 8
CALM = 1.0
"""Seconds of traffic before a command."""
WRITTEN = 1.0
"""Seconds within which an answer is in the record."""
SETTLED = 60.0
"""Seconds for an app that was just made to answer."""

console = Console(highlight=False)

S = TypeVar("S", bound=Switch)
W = TypeVar("W", bound=Way)


def publish(
    name: str,
    title: str,
    how: str,
    *,
    caption: str,
    measure: Callable[[], Sequence[S]],
    rows: Callable[[Kind], Iterable[Row[S]]],
    patience: float,
) -> None:
    """Measure, write section `name` of docs/benchmarks.md with its chart, and print the figures; or say why not."""
    try:
        switches = measure()
    except (BenchError, ClusterError) as error:
        console.print(f"[bold red]error:[/] {error}")
        sys.exit(1)
    figures = table(switches, rows)
    picture = ROOT / "docs" / f"{name}.svg"
    chart.save(switches, picture, patience)
    write_section(name, f"## {title}\n\n{machine()} {how}\n{figures}\n\n![{caption}]({picture.name})")
    console.print(figures, soft_wrap=True)


def measured(rounds: int, ways: Sequence[W], round_of: Callable[[W, str, str], Iterable[S]]) -> list[S]:
    """Measure `rounds` rounds of the ways, in turn; a round begins with one version live, and ends with the other."""
    record = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    switches: list[S] = []
    with record.open("wb") as file:
        for number in range(rounds):
            old, new = (BLUE, GREEN) if number % 2 == 0 else (GREEN, BLUE)
            for way in ways:
                for switch in round_of(way, old, new):
                    file.write(msgspec.json.encode(switch) + b"\n")
                    file.flush()
                    switches.append(switch)
                    console.print(f"{number + 1}/{rounds} {switch}", soft_wrap=True)
    return switches


@contextlib.contextmanager
def apps(ours: Stack, others: Callable[[dict[str, Any]], Sequence[W]]) -> Iterator[Sequence[W]]:
    """The app of every way, serving; the others are made from our pod template. Nothing of them is left at the end."""
    Cluster(console).up()
    PEERS.ensure(console)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_serving(ours))
        theirs = others(ours.template())
        stack.enter_context(controller())
        for way in theirs:
            stack.enter_context(_serving(way))
        yield theirs


@contextlib.contextmanager
def _serving(way: Way) -> Iterator[None]:
    way.remove()
    try:
        way.set_up()
        await_answer(way, BLUE)
        yield
    finally:
        way.remove()


def load(way: Way, *, keep_alive: bool, clients: int = CLIENTS, statuses: tuple[int, ...] = Load.statuses) -> Load:
    return Load(way.url, rate=RATE, clients=clients, seconds=600, keep_alive=keep_alive, statuses=statuses)


@contextlib.contextmanager
def watched(
    way: Way, kind: Kind, kept: int, statuses: tuple[int, ...] = Load.statuses
) -> Iterator[tuple[Traffic, Traffic, watch.Watch[Pod]]]:
    """A calm moment before a command: the clients, so many of them with kept connections, and a watch of the pods."""
    label = f"{way.namespace}-{kind.name.lower()}"
    every = load(way, keep_alive=False, statuses=statuses)
    keeping = load(way, keep_alive=True, clients=kept, statuses=statuses)
    pods = watch.pods(KubeConfig.from_file(layout.kubeconfig()), way.namespace, "web", by=watch.tag)
    with running(every, f"{label}-new") as new, running(keeping, f"{label}-kept") as old, pods:
        time.sleep(CALM)
        yield new, old, pods


def await_leaving(kept: Traffic, old: str, patience: float) -> None:
    """Wait until kept connections have left the old version, for `patience` seconds at most."""
    deadline = time.monotonic() + patience
    while (now := time.monotonic()) < deadline:
        last = kept.so_far().last(old)
        if last is None or last.start < now - GONE - WRITTEN:
            return
        time.sleep(0.5)


def await_answer(way: Way, version: str, statuses: tuple[int, ...] = Load.statuses) -> None:
    """Wait until an app answers with a version, and only with that."""
    deadline = time.monotonic() + SETTLED
    while time.monotonic() < deadline:
        with running(Load(way.url, seconds=1, statuses=statuses), f"{way.namespace}-ready") as traffic:
            answers = traffic.wait()
        if set(answers.versions) == {version} and not answers.lost:
            return
    raise BenchError(f"{way.name} does not answer {version} at {way.url} after {SETTLED:.0f} s: {answers.errors}")
