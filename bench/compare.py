"""Three ways of switching side by side: `kubectl patch` of the selector, Argo Rollouts' blue-green, and Cutover.

    python -m bench.compare

One cluster, one run, the same pods, the same clients. Writes its section of docs/benchmarks.md, with a chart; what
every switch came to is kept in build/compare/, every request in build/traffic/.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial

import click

from bench.errors import BenchError
from bench.rounds import CALM, CLIENTS, RATE, apps, await_leaving, load, measured, publish
from bench.switches import Kind, Seen, Switch, rows
from bench.traffic import running
from bench.ways import PEERS, BlueGreen, Cutover, Patch, Rollouts

PATIENCE = 45.0
"""Seconds after the command's end for which clients on the old version are watched; Argo Rollouts keeps it for 30."""
PAUSE = 5.0
"""Seconds of traffic after a command that nothing is known to follow."""

HOW = """\
`python -m bench.compare`: {rounds} rounds of three switches, the ways in turn, on one embedded cluster. The same pods \
for all: podinfo, 3 of each version, preStop sleep 5 s, readiness asked every second. {rate} requests/s from {clients} \
clients with a connection per request, and as many from {clients} with kept connections that were open before the \
command; no retries. A rollback at once begins {pause:.0f} s after the command before it has ended. Figures with a \
stroke are median / longest.

| | is promoted by | and rolled back by | keeps the other version's pods |
|---|---|---|---|
| kubectl patch | `kubectl patch service web --patch …` of the selector, two Deployments | the same | for ever |
| Argo Rollouts {rollouts} | `kubectl argo rollouts promote web`, after `set image`; `autoPromotionEnabled: false` and \
a `previewService`, else the defaults | `kubectl argo rollouts undo web`; once the old pods have ended, it waits for \
new ones, and then `promote` again | for 30 s (`scaleDownDelaySeconds`) |
| Cutover | `pulumiw config set activeColor green && pulumiw up --yes --skip-preview`, all that concerns a switch at \
its default | the same with `blue` | for ever (`idleReplicas`), but ends and replaces each once connections have had \
15 s (`drainSeconds`, `recycle`) |
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rounds", default=7, show_default=True, type=click.IntRange(min=1), help="Three switches of each way in each."
)
def main(rounds: int) -> None:
    """Compare the ways of switching, and write what was measured into docs/benchmarks.md; a round takes 5 minutes."""
    publish(
        "comparison",
        "Side by side",
        HOW.format(rounds=rounds, rate=RATE, clients=CLIENTS, pause=PAUSE, rollouts=PEERS.versions[0]),
        caption="Every switch, by the time of its last old answer",
        measure=lambda: compare(rounds),
        rows=partial(rows, patience=PATIENCE),
        patience=PATIENCE,
    )


def compare(rounds: int) -> list[Switch]:
    """Measure `rounds` rounds of every way, in turn."""
    cutover = Cutover()
    with apps(cutover, lambda template: (Patch(template), Rollouts(template))) as others:
        return measured(rounds, (*others, cutover), round_of)


def round_of(way: BlueGreen, old: str, new: str) -> Iterator[Switch]:
    """Three switches; `old` is live before, `new` after. The rollback at once comes back from the one before it."""
    way.stage(new)
    yield measure(way, Kind.PROMOTION, lambda: way.promote(new), old)
    yield measure(way, Kind.LATER, lambda: way.roll_back_later(old), new)
    yield measure(way, Kind.AT_ONCE, lambda: way.roll_back(new), old)


def measure(way: BlueGreen, kind: Kind, command: Callable[[], None], old: str) -> Switch:
    """Switch away from version `old` under traffic, and watch it until the old version has no clients any more."""
    label = f"{way.namespace}-{kind.name.lower()}"
    with contextlib.ExitStack() as stack:
        new = stack.enter_context(running(load(way, keep_alive=False), f"{label}-new"))
        kept = None
        if kind is not Kind.LATER:  # they take too long to leave for what comes next to be at once
            kept = stack.enter_context(running(load(way, keep_alive=True), f"{label}-kept"))
        time.sleep(CALM)
        begin = time.monotonic()
        command()
        seconds = time.monotonic() - begin
        time.sleep(PAUSE)
        if kept:
            await_leaving(kept, old, PATIENCE - PAUSE)
        end = time.monotonic()
        answers = new.stop()
        if answers.records[-1].version == old:
            raise BenchError(f"{way.name}: clients still get {old} after its {kind}; see {answers.load['url']}")
        return Switch(
            way=way.name,
            kind=kind,
            seconds=seconds,
            new=Seen.of(answers, old, begin, end),
            kept=Seen.of(kept.stop(), old, begin, end) if kept else None,
        )


if __name__ == "__main__":
    main()
