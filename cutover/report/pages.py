"""A release as an HTML page that needs nothing but itself, and as a Markdown summary for a pull request.

Names, tags and texts come from configurations, clusters and logs. Whatever a template prints is escaped for where it
stands, and the page forbids scripts and requests to anywhere.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape

from cutover.journal import Kind
from cutover.markdown import escaped
from cutover.report import byhand, chart, figures
from cutover.report.story import Act, Result, Story, worst

WIDE, NARROW = 1000.0, 380.0
"""Widths that the timeline is laid out for."""
PLOT = (300.0, 84.0)

_BAR = 10
"""Cells of a share's bar in the summary."""

_CLASSES = {
    Result.DONE: "good",
    Result.ROLLED_BACK: "bad",
    Result.STUCK: "bad",
    Result.INTERRUPTED: "open",
    Result.PAUSED: "open",
    Result.UNDER_WAY: "open",
}
_ACTS = {
    Act.MOVING: "moving",
    Act.WATCHING: "watching",
    Act.PAUSED: "idle",
    Act.AWAY: "idle",
    Act.BACK: "back",
    Act.BETWEEN: "idle",
}


def page(story: Story) -> str:
    """Return the page of a release."""
    return _render("page.html", story)


def summary(story: Story) -> str:
    """Return the summary of a release, in GitHub's Markdown."""
    return _render("summary.md", story, finalize=escaped)


def save(story: Story, folder: Path) -> tuple[Path, Path]:
    """Write a release's page and summary into a folder, and return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^0-9A-Za-z]+", "-", story.first.release).strip("-")
    html_file, summary_file = folder / f"{name}.html", folder / f"{name}.md"
    html_file.write_text(page(story), encoding="utf-8")
    summary_file.write_text(summary(story), encoding="utf-8")
    return html_file, summary_file


def _render(template: str, story: Story, **options: Any) -> str:
    environment = Environment(
        loader=PackageLoader("cutover.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    environment.filters |= {
        "duration": figures.duration,
        "clock": figures.clock,
        "percent": figures.percent,
        "number": figures.number,
        "moment": figures.moment,
        "bar": _bar,
        "plain": escape,
    }
    return environment.get_template(template).render(
        story=story,
        ways=byhand.ways(story),
        pictures={"wide": chart.timeline(story, WIDE, 116), "narrow": chart.timeline(story, NARROW, 96)},
        plot=partial(chart.plot, story, width=PLOT[0], height=PLOT[1]),
        result_class=_CLASSES[story.result],
        acts=_ACTS,
        signs=defaultdict(lambda: "?", passed="✓", failed="✕", inconclusive="?"),
        Act=Act,
        worst=worst,
        counts=Counter(each.check.outcome for each in story.judged),
        longest=max((stage.seconds for stage in story.stages), default=1.0),
        reached=max((event.step for event in story.events if event.kind is Kind.MOVED), default=0),
    )


def _bar(share: float) -> str:
    cells = round(share / 100 * _BAR)
    if 0 < share < 100:
        cells = min(max(cells, 1), _BAR - 1)
    return "█" * cells + "░" * (_BAR - cells)
