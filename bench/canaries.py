"""Canaries side by side: Argo Rollouts' without traffic routing, by its ratio of pods, and Cutover's without a router.

    python -m bench.canaries

One cluster, one run, the same pods, the same clients. Writes its section of docs/benchmarks.md, with a chart; what
every step came to is kept in build/compare/, every request in build/traffic/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import click

from bench.rounds import CLIENTS, RATE, apps, await_leaving, measured, publish, watched
from bench.steps import Step, rows
from bench.switches import Kind, Seen
from bench.ways import PEERS, Canary, CutoverCanary, RolloutsCanary

KEPT = 80
"""Clients with kept connections: so many that some have theirs to the one canary pod."""
STANDS = 120.0
"""Seconds within which the pods are those that were asked for."""
PAUSE = 2.0
"""Seconds until the node's proxy has followed."""
COUNTED = 20.0
"""Seconds for which a canary's share is counted."""
PATIENCE = 45.0
"""Seconds for which clients on the version that leaves are watched once the pods are those that were asked for."""

HOW = """\
`python -m bench.canaries`: {rounds} rounds of a canary that is promoted and one that is dropped, the ways in turn, on \
one embedded cluster. The same pods for both: podinfo, {replicas} of them, preStop sleep 5 s, readiness asked every \
second; no router. {rate} requests/s from {clients} clients with a connection per request, and as many from {kept} \
with kept ones that were open before the command; no retries. A step stands once the ready pods are those that it asks \
for; a canary's share is then counted for {counted:.0f} s. Seconds with a stroke are median / longest.

| | a canary is started by | promoted by | dropped by |
|---|---|---|---|
| Argo Rollouts {rollouts} | `kubectl argo rollouts set image web app=…`; the steps are `setWeight: 10` and \
`pause: {{}}`, all else the defaults (`maxSurge` and `maxUnavailable` 25 %) | `kubectl argo rollouts promote web` | \
`kubectl argo rollouts abort web`; `undo` afterwards is not in the figures: until the image is set back, the Rollout \
is Degraded |
| Cutover | `pulumiw config set --path imageTag.green 6.9.1 && pulumiw config set canaryReplicas 1 && pulumiw up --yes \
--skip-preview`, all else the defaults | `pulumiw config set activeColor green && pulumiw config set canaryReplicas 0 \
&& pulumiw up …` | `pulumiw config set canaryReplicas 0 && pulumiw up …` |
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(min=1), help="Two canaries of each way in each."
)
def main(rounds: int) -> None:
    """Compare the ways of a canary, and write what was measured into docs/benchmarks.md; a round takes 5 minutes."""
    publish(
        "canaries",
        "Canaries side by side",
        HOW.format(
            rounds=rounds,
            replicas=Canary.replicas,
            rate=RATE,
            clients=CLIENTS,
            kept=KEPT,
            counted=COUNTED,
            rollouts=PEERS.versions[0],
        ),
        caption="Every promotion and drop, by the time of its last old answer",
        measure=lambda: compare(rounds),
        rows=partial(rows, patience=PATIENCE),
        patience=PATIENCE,
    )


def compare(rounds: int) -> list[Step]:
    """Measure `rounds` rounds of both ways, in turn."""
    cutover = CutoverCanary()
    with apps(cutover, lambda template: [RolloutsCanary(template)]) as others:
        return measured(rounds, (*others, cutover), round_of)


def round_of(way: Canary, old: str, new: str) -> Iterator[Step]:
    """A canary that is promoted, and one of the version that was live before, which is dropped."""
    yield measure(way, Kind.CANARY, partial(way.begin, new), new, {old: way.beside, new: 1})
    yield measure(way, Kind.PROMOTION, partial(way.promote, new), old, {new: way.replicas})
    yield measure(way, Kind.CANARY, partial(way.begin, old), old, {new: way.beside, old: 1})
    yield measure(way, Kind.DROP, partial(way.drop, old), old, {new: way.replicas})


def measure(way: Canary, kind: Kind, command: Callable[[], None], version: str, pods: dict[str, int]) -> Step:
    """Go to a position with these ready `pods` under traffic.

    Watch the clients for as long as the share is counted of the `version` that comes, as a canary does; of one that
    goes, until it has no clients any more.
    """
    with watched(way, kind, KEPT) as (new, kept, standing):
        begin = time.monotonic()
        command()
        seconds = time.monotonic() - begin
        stands = standing.until(pods, STANDS).at - begin
        time.sleep(PAUSE)
        settled = time.monotonic()
        if kind is Kind.CANARY:
            time.sleep(COUNTED)
        else:
            await_leaving(kept, version, PATIENCE)
        end = time.monotonic()
        answers = new.stop()
        counts = standing.stop().between(begin)
        step = Step(
            way=way.name,
            kind=kind,
            seconds=seconds,
            new=Seen.of(answers, version, begin, end),
            kept=Seen.of(kept.stop(), version, begin, end),
            fewest=counts.least(),
            most=counts.most(),
            started=standing.added,
            stands=stands,
            share=answers.between(settled, end).share(version),
            asked=1 / sum(pods.values()),
        )
    way.settle(kind)
    return step


if __name__ == "__main__":
    main()
