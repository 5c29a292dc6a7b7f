"""Figures of the long tests, as sections of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from bench.answers import Answers
from bench.report import machine, write_section


def promotions(name: str, title: str, answers: Answers, notes: str = "") -> None:
    """Write what clients saw of promotions back and forth into section `name`."""
    switches = answers.switches()
    overlaps = [switch.overlap * 1000 for switch in switches]
    rows = {
        "promotions": f"{len(switches)}",
        "both versions answering, median / longest": f"{median(overlaps):.0f} / {max(overlaps):.0f} ms",
        "old answers after a new one had been read": f"{sum(switch.stragglers for switch in switches)}",
    }
    _write(name, title, answers, rows, notes)


def weights(name: str, title: str, answers: Answers, *, changes: int, promotions: int, notes: str) -> None:
    """Write what clients saw of canaries behind a route into section `name`."""
    _write(name, title, answers, {"changes of weight": f"{changes}", "promotions": f"{promotions}"}, notes)


def _write(name: str, title: str, answers: Answers, rows: Mapping[str, str], notes: str) -> None:
    latency = f"{answers.latency(0.5) * 1000:.1f} / {answers.latency(0.99) * 1000:.1f} ms"
    counts = {"requests": f"{len(answers):,}", "requests lost": f"{answers.lost}"}
    load = f"{answers.load['rate']:.0f} requests/s, {answers.load['clients']} clients"
    connections = "kept connections" if answers.load["keep_alive"] else "a connection per request"
    told = {**counts, **rows, "latency p50 / p99": latency}
    table = "\n".join(f"| {what} | {figure} |" for what, figure in told.items())
    how = f"{machine()} {load}, {connections}, no retries. {notes}".rstrip()
    write_section(name, f"## {title}\n\n{how}\n\n| what clients saw | |\n|---|--:|\n{table}")
