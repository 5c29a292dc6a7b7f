"""Play the strategies of docs/strategies.md, or some of them.

    python -m bench.strategies
    python -m bench.strategies blue-green canary

Without names, all of them: writes the tables and the pictures of docs/strategies.md. With names, only pictures, in
build/strategies/. Every request is kept in build/traffic/.
"""

from __future__ import annotations

import shutil
import sys
import time

import click
from lightkube import ApiError, Client, KubeConfig
from lightkube.resources.core_v1 import Namespace
from rich.console import Console

from bench.command import ROOT
from bench.errors import BenchError
from bench.report import machine, write_section
from bench.strategies import drawing, figures
from bench.strategies.cookbook import CLUSTER, PAGE, Example, recipes
from bench.strategies.plays import PLAYS, Play
from bench.strategies.run import RATE, TIMEOUT, Seen, run
from cluster import Cluster, ClusterError, layout

BUILD = ROOT / "build" / "strategies"
PICTURES = PAGE.with_suffix("")
GONE = 120.0
"""Seconds for what an earlier run has left to go."""

console = Console(highlight=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice([play.stack for play in PLAYS]))
def main(names: tuple[str, ...]) -> None:
    """Play all strategies and write docs/strategies.md, or those that are named and draw them in build/strategies/."""
    try:
        Cluster(console).up(with_gateway=True)
        seen = {play.stack: perform(play) for play in PLAYS if not names or play.stack in names}
    except (BenchError, ClusterError) as error:
        console.print(f"[bold red]error:[/] {error}")
        sys.exit(1)
    for stack, each in seen.items():
        drawing.save(each, (BUILD if names else PICTURES) / f"{stack}.svg")
    if not names:
        write(seen)


def perform(play: Play) -> Seen:
    """Set a play's example up, run the play, and take the example away."""
    recipe = recipes(PAGE.read_text(encoding="utf-8"))[play.stack]
    folder = BUILD / play.stack
    shutil.rmtree(folder, ignore_errors=True)
    example = Example(play.stack, folder, {CLUSTER: layout.NAME})
    remove(example.namespace, GONE)
    try:
        example.set_up()
        seen = run(play, example, recipe.lines)
    finally:
        remove(example.namespace)
    console.print(
        f"{recipe.title}: {figures.failed(seen.answers.values())} failed\n{figures.steps(seen)}", soft_wrap=True
    )
    return seen


def write(seen: dict[str, Seen]) -> None:
    """Write what was measured into the cookbook, each play's into its section."""
    page = recipes(PAGE.read_text(encoding="utf-8"))
    write_section("comparison", figures.comparison(seen, page), PAGE)
    for stack, each in seen.items():
        write_section(stack, figures.steps(each), PAGE)
    how = f"`python -m bench.strategies`, {RATE} requests/s of each group, no retries, {TIMEOUT:.0f} s for an answer."
    write_section("machine", f"{machine()} {how}", PAGE)


def remove(namespace: str, seconds: float = 0.0) -> None:
    """Remove an example's namespace, and wait for so many seconds until it is gone. Raises BenchError."""
    client = Client(KubeConfig.from_file(layout.kubeconfig()))
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.delete(Namespace, namespace)
        except ApiError as error:
            if error.status.code == 404:
                return
            if error.status.code != 409:
                raise
        if not seconds:
            return
        if time.monotonic() > deadline:
            raise BenchError(f"namespace {namespace} is still ending after {seconds:.0f} s; look into what holds it")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
