"""Figures of the long tests, as sections of docs/benchmarks.md."""

from __future__ import annotations

from statistics import median

from bench.answers import Answers
from bench.report import machine, write_section


def promotions(name: str, title: str, answers: Answers, notes: str = "") -> None:
    """Write what clients saw of promotions back and forth into section `name`."""
    switches = answers.switches()
    overlaps = [switch.overlap * 1000 for switch in switches]
    rows = {
        "requests": f"{len(answers):,}",
        "requests lost": f"{answers.lost}",
        "promotions": f"{len(switches)}",
        "both versions answering, median / longest": f"{median(overlaps):.0f} / {max(overlaps):.0f} ms",
        "old answers after a new one had been read": f"{sum(switch.stragglers for switch in switches)}",
        "latency p50 / p99": f"{answers.latency(0.5) * 1000:.1f} / {answers.latency(0.99) * 1000:.1f} ms",
    }
    load = f"{answers.load['rate']:.0f} requests/s, {answers.load['clients']} clients"
    connections = "kept connections" if answers.load["keep_alive"] else "a connection per request"
    table = "\n".join(f"| {what} | {figure} |" for what, figure in rows.items())
    how = f"{machine()} {load}, {connections}, no retries. {notes}".rstrip()
    write_section(name, f"## {title}\n\n{how}\n\n| what clients saw | |\n|---|--:|\n{table}")
