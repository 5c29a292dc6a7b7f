"""Wall time and memory of the commands that people wait for. Measurements, not tests: nothing here passes or fails.

    python -m bench.measure

Writes its section of docs/benchmarks.md. It uses the stack that `make demo` leaves running, and leaves it as it was.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
from rich.console import Console

from bench.command import ROOT, environment, read
from bench.errors import BenchError, CommandError
from bench.report import machine, write_section

if TYPE_CHECKING:
    from collections.abc import Sequence

ADVICE = "Run `make demo` first: it starts what is measured here."
DEADLINE = 300
SAMPLED = 0.1
"""Seconds between two looks at the memory; a peak shorter than that is missed."""

PROMOTIONS = ("green", "blue", "green", "blue")
REPEATS = 5

console = Console(highlight=False)


@dataclass(frozen=True)
class Run:
    """What one run of a command took.

    `seconds` is wall time. `memory` is the most that the command's process and all those it started held at once, in
    MiB of proportional set size: pages that several of them share are counted once.
    """

    seconds: float
    memory: float


def main() -> None:
    try:
        read([sys.executable, "-m", "cluster", "up"], DEADLINE, ADVICE)
        read(["./pulumiw", "stack", "select", "dev", "--create"], DEADLINE, ADVICE)
        read(["./pulumiw", "up", "--yes"], DEADLINE, ADVICE)
        rows = [row(what, runs) for what, runs in measurements()]
    except BenchError as error:
        console.print(f"[bold red]error:[/] {error}")
        sys.exit(1)
    text = "\n".join(
        [
            "## Commands",
            "",
            f"{machine()} `python -m bench.measure`, on the demo's stack and the embedded cluster.",
            "",
            "| what | runs | median s | fastest s | slowest s | peak memory MiB |",
            "|---|--:|--:|--:|--:|--:|",
            *rows,
        ]
    )
    write_section("commands", text)
    console.print(text)


def measurements() -> list[tuple[str, list[Run]]]:
    python = (sys.executable, "-c")
    return [
        ("`import pulumi, pulumi_kubernetes`", repeat(*python, "import pulumi, pulumi_kubernetes")),
        ("`import components.stack`", repeat(*python, "import components.stack")),
        ("`pulumiw preview` without changes", repeat("./pulumiw", "preview", "--expect-no-changes")),
        ("`cutover status`", repeat(sys.executable, "-m", "cutover", "status")),
        ("`pulumiw up` without changes", repeat("./pulumiw", "up", "--yes", "--expect-no-changes")),
        ("`pulumiw up` of a promotion or rollback", [promote(color) for color in PROMOTIONS]),
    ]


def repeat(*command: str) -> list[Run]:
    return [measure(command) for _ in range(REPEATS)]


def promote(color: str) -> Run:
    read(["./pulumiw", "config", "set", "activeColor", color], DEADLINE, ADVICE)
    return measure(["./pulumiw", "up", "--yes"])


def measure(command: Sequence[str]) -> Run:
    """Run a command and look at its memory all the while. Raises CommandError."""
    console.print(f"[dim]$ {' '.join(command)}[/]")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        begin = time.perf_counter()
        process = psutil.Popen(command, cwd=ROOT, env=environment(), stdout=output, stderr=subprocess.STDOUT)
        peak = 0.0
        while True:
            peak = max(peak, memory(process))
            try:
                code = process.wait(SAMPLED)
                break
            except psutil.TimeoutExpired:
                if time.perf_counter() - begin > DEADLINE:
                    process.terminate()
        seconds = time.perf_counter() - begin
        if code != 0:
            output.seek(0)
            raise CommandError(command, code, f"It said: {output.read().strip()}\n{ADVICE}")
    return Run(seconds, peak)


def memory(process: psutil.Process) -> float:
    """The proportional set size of a process and its descendants now, in MiB; one that ends meanwhile counts 0."""
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for each in family:
        try:
            total += each.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 2**20


def row(what: str, runs: Sequence[Run]) -> str:
    seconds = [run.seconds for run in runs]
    times = " | ".join(f"{figure:.1f}" for figure in (statistics.median(seconds), min(seconds), max(seconds)))
    return f"| {what} | {len(runs)} | {times} | {max(run.memory for run in runs):.0f} |"


if __name__ == "__main__":
    main()
