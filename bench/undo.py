"""The moment of fear: a bad version has gone live, or is a canary, and one command takes it back.

    python -m bench.undo

`cutover undo` and `cutover abort`, Argo Rollouts' `undo` and `abort`, and `kubectl rollout undo` of a plain Deployment:
one cluster, one run, the same pods, the same clients. Writes its section of docs/benchmarks.md, with a chart; what
every command came to is kept in build/compare/, every request in build/traffic/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import click

from bench.rounds import CLIENTS, RATE, apps, await_answer, await_leaving, console, measured, publish, watched
from bench.steps import Watched, undone
from bench.switches import Kind, Seen
from bench.ways import (
    BAD,
    BLUE,
    PEERS,
    Canary,
    Driven,
    DrivenCanary,
    Replacement,
    Rolling,
    Rollouts,
    RolloutsCanary,
    faulty,
)
from bench.ways.way import Way
from cluster import Cluster

KEPT = 80
"""Clients with kept connections beside a canary: so many that some have theirs to its one pod."""
PAUSE = 2.0
"""Seconds until the node's proxy has followed a canary's beginning."""
PATIENCE = 45.0
"""Seconds for which clients on the bad version are watched once the command has ended."""
STATUSES = (200, 500)
"""Of an answer: what the bad version answers is no failure of the way back."""

HOW = """\
`python -m bench.undo`: {rounds} rounds of a bad version that went live and one that is a canary, the ways in turn, on \
one embedded cluster. The bad version answers every tenth request with a 500, and is ready all the same; the good one \
is podinfo. The same pods for all: {live} of each version, or {canary} and one canary, preStop sleep 5 s, readiness \
asked every second; no router. {rate} requests/s from {clients} clients with a connection per request, and as many \
from {clients} ({kept} beside a canary) with kept ones that were open before the command; no retries. What the bad \
version answered, 500 or not, is a bad answer; failed is any other request that got none. Figures with a stroke are \
median / longest, or median / most.

| | a version that is live is taken back by | a canary by |
|---|---|---|
| kubectl rollout | `kubectl rollout undo deployment/web`, all of the Deployment at its default (`maxSurge` and \
`maxUnavailable` 25 %) | |
| Argo Rollouts {rollouts} | `kubectl argo rollouts undo web` within the 30 s for which it keeps the old pods \
(`scaleDownDelaySeconds`) | `kubectl argo rollouts abort web`; `undo` afterwards is not in the figures: until the \
image is set back, the Rollout is Degraded |
| Cutover | `cutover undo` after `cutover promote` | `cutover abort` after `cutover canary 1 --pause resume` |
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(min=1), help="Each way takes back one of each."
)
def main(rounds: int) -> None:
    """Compare the ways back, and write what was measured into docs/benchmarks.md; a round takes 4 minutes."""
    publish(
        "undo",
        "Taking a bad version back",
        HOW.format(
            rounds=rounds,
            live=Replacement.replicas,
            canary=Canary.replicas,
            rate=RATE,
            clients=CLIENTS,
            kept=KEPT,
            rollouts=PEERS.versions[0],
        ),
        caption="Every way back, by the time of the last bad answer",
        measure=lambda: compare(rounds),
        rows=lambda _: undone(PATIENCE),
        patience=PATIENCE,
    )


def compare(rounds: int) -> list[Watched]:
    """Measure `rounds` rounds of every way back, in turn: from a version that is live, then from canaries."""
    cluster = Cluster(console)
    cluster.up()
    faulty.load(cluster, console)
    live, canary = Driven(), DrivenCanary()
    with apps(live, lambda template: [Rolling(template), Rollouts(template)]) as others:
        lives = measured(rounds, (*others, live), lambda way, *_: from_live(way))
    with apps(canary, lambda template: [RolloutsCanary(template)]) as others:
        return lives + measured(rounds, (*others, canary), lambda way, *_: from_canary(way))


def from_live(way: Replacement) -> Iterator[Watched]:
    """Make the bad version live, and take it back."""
    way.stage(BAD)
    way.promote(BAD)
    await_answer(way, BAD, STATUSES)
    yield measure(way, Kind.AT_ONCE, partial(way.roll_back, BLUE), CLIENTS)


def from_canary(way: Canary) -> Iterator[Watched]:
    """Make the bad version a canary, and drop it."""
    way.begin(BAD)
    way.settle(Kind.CANARY)
    time.sleep(PAUSE)
    yield measure(way, Kind.DROP, partial(way.drop, BAD), KEPT)
    way.settle(Kind.DROP)


def measure(way: Way, kind: Kind, command: Callable[[], None], kept: int) -> Watched:
    """Give the command under traffic, and watch the clients until they are rid of the bad version."""
    with watched(way, kind, kept, STATUSES) as (new, old, pods):
        begin = time.monotonic()
        command()
        seconds = time.monotonic() - begin
        for clients in (new, old):
            await_leaving(clients, BAD, PATIENCE)
        end = time.monotonic()
        answers = new.stop()
        counts = pods.stop().between(begin)
        return Watched(
            way=way.name,
            kind=kind,
            seconds=seconds,
            new=Seen.of(answers, BAD, begin, end),
            kept=Seen.of(old.stop(), BAD, begin, end),
            fewest=counts.least(),
            most=counts.most(),
            started=pods.added,
        )


if __name__ == "__main__":
    main()
