"""Three ways of switching side by side: `kubectl patch` of the selector, Argo Rollouts' blue-green, and Cutover.

    python -m bench.compare

One cluster, one run, the same pods, the same clients. Writes its section of docs/benchmarks.md, with a chart; what
every switch came to is kept in build/compare/, every request in build/traffic/.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import click
import msgspec
from rich.console import Console

from bench import chart
from bench.command import ROOT
from bench.errors import BenchError
from bench.report import machine, write_section
from bench.switches import GONE, Kind, Seen, Switch, table
from bench.traffic import Load, Traffic, running
from bench.ways import BLUE, FOLDER, GREEN, PEERS, Cutover, Patch, Rollouts, Way, controller
from cluster import Cluster, ClusterError

CHART = ROOT / "docs" / "comparison.svg"

RATE = 100
CLIENTS = 8
"""Requests per second and clients of each of the two groups."""
CALM = 1.0
"""Seconds of traffic before a command."""
PATIENCE = 45.0
"""Seconds after the command's end for which clients on the old version are watched; Argo Rollouts keeps it for 30."""
PAUSE = 5.0
"""Seconds of traffic after a command that nothing is known to follow."""
WRITTEN = 1.0
"""Seconds within which an answer is in the record."""
SETTLED = 60.0
"""Seconds for an app that was just made to answer."""

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

console = Console(highlight=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rounds", default=7, show_default=True, type=click.IntRange(min=1), help="Three switches of each way in each."
)
def main(rounds: int) -> None:
    """Compare the ways of switching, and write what was measured into docs/benchmarks.md; a round takes 5 minutes."""
    try:
        switches = compare(rounds)
    except (BenchError, ClusterError) as error:
        console.print(f"[bold red]error:[/] {error}")
        sys.exit(1)
    how = HOW.format(rounds=rounds, rate=RATE, clients=CLIENTS, pause=PAUSE, rollouts=PEERS.versions[0])
    figures = table(switches, PATIENCE)
    chart.save(switches, CHART, PATIENCE)
    picture = f"![Every switch, by the time of its last old answer]({CHART.name})"
    write_section("comparison", f"## Side by side\n\n{machine()} {how}\n{figures}\n\n{picture}")
    console.print(figures, soft_wrap=True)


def compare(rounds: int) -> list[Switch]:
    """Measure `rounds` rounds of every way, in turn."""
    Cluster(console).up()
    PEERS.ensure(console)
    FOLDER.mkdir(parents=True, exist_ok=True)
    record = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    switches: list[Switch] = []
    with apps() as ways, record.open("wb") as file:
        for number in range(rounds):
            old, new = (BLUE, GREEN) if number % 2 == 0 else (GREEN, BLUE)
            for way in ways:
                for switch in round_of(way, old, new):
                    file.write(msgspec.json.encode(switch) + b"\n")
                    file.flush()
                    switches.append(switch)
                    console.print(f"{number + 1}/{rounds} {tell(switch)}", soft_wrap=True)
    return switches


@contextlib.contextmanager
def apps() -> Iterator[Sequence[Way]]:
    """The app of every way, serving; nothing of them is left at the end."""
    cutover = Cutover()
    with contextlib.ExitStack() as stack:
        cutover.remove()
        stack.callback(cutover.remove)
        cutover.set_up()
        others: tuple[Way, ...] = (Patch(cutover.template()), Rollouts(cutover.template()))
        ways = (*others, cutover)
        stack.enter_context(controller())
        for way in others:
            way.remove()
            stack.callback(way.remove)
            way.set_up()
        for way in ways:
            await_answer(way, BLUE)
        yield ways


def round_of(way: Way, old: str, new: str) -> Iterator[Switch]:
    """Three switches; `old` is live before, `new` after. The rollback at once comes back from the one before it."""
    way.stage(new)
    yield measure(way, Kind.PROMOTION, lambda: way.promote(new), old)
    yield measure(way, Kind.LATER, lambda: way.roll_back_later(old), new)
    yield measure(way, Kind.AT_ONCE, lambda: way.roll_back(new), old)


def measure(way: Way, kind: Kind, command: Callable[[], None], old: str) -> Switch:
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


def load(way: Way, *, keep_alive: bool) -> Load:
    return Load(way.url, rate=RATE, clients=CLIENTS, seconds=600, keep_alive=keep_alive)


def await_leaving(kept: Traffic, old: str, patience: float) -> None:
    """Wait until kept connections have left the old version, for `patience` seconds at most."""
    deadline = time.monotonic() + patience
    while (now := time.monotonic()) < deadline:
        last = kept.so_far().last(old)
        if last is None or last.start < now - GONE - WRITTEN:
            return
        time.sleep(0.5)


def await_answer(way: Way, version: str) -> None:
    """Wait until an app that was just made answers with its first version, and only with that."""
    deadline = time.monotonic() + SETTLED
    while time.monotonic() < deadline:
        with running(Load(way.url, seconds=1), f"{way.namespace}-ready") as traffic:
            answers = traffic.wait()
        if set(answers.versions) == {version} and not answers.lost:
            return
    raise BenchError(f"{way.name} does not answer {version} at {way.url} after {SETTLED:.0f} s: {answers.errors}")


def tell(switch: Switch) -> str:
    """One line on a switch."""

    def group(seen: Seen | None) -> str:
        if seen is None:
            return "-"
        last = "not gone" if seen.last is None else f"{seen.last:.2f} s"
        return f"{sum(seen.errors.values())} of {seen.requests} failed, last old answer {last}"

    return (
        f"{switch.way}, {switch.kind}: {switch.seconds:.1f} s; new connections: {group(switch.new)}; "
        f"kept: {group(switch.kept)}"
    )


if __name__ == "__main__":
    main()
