"""What to type to go on from where a release stands, without the driver."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from cutover.release import LIVE
from cutover.report.story import Result, Story


@dataclass(frozen=True)
class Way:
    """Commands, and where they lead."""

    title: str
    commands: list[str]


def ways(story: Story) -> list[Way]:
    """Return the ways from here: on to the new version, back to the old one, or what there is of both."""
    if not story.apps:
        return []
    app, present = story.apps[0], story.standings[-1][story.apps[0]]
    old, new = story.old(app), story.new(app)
    unsure = story.unsure_since is not None
    found = []
    if unsure or present.active != new:
        found.append(Way(f"All traffic to {new} ({story.tag(app, new)})", _to(story, new)))
    if unsure or present.active != old or present.percent:
        found.append(Way(f"Back to {old} ({story.tag(app, old)})", _to(story, old)))
    if story.result is Result.STUCK:
        found.insert(0, Way("Try the way back again with the driver", ["cutover resume"]))
    elif story.result.is_noted:
        found.insert(0, Way("Go on with the driver", ["cutover resume"]))
        found.append(Way("Give it up with the driver", ["cutover abort"]))
    return found


def _to(story: Story, color: str) -> list[str]:
    """Commands that give a color all the traffic, whatever the position that is written says."""
    canary = [standing.share for standing in story.standings[-1].values() if standing.percent]
    if story.result.is_noted:
        canary += [step for step in story.steps if step != LIVE]
    values = {"activeColor": color}
    if canary:
        values["canaryReplicas"] = "0"
    if any(share.endswith("%") for share in canary):
        values["canaryWeight"] = "0"
    return [
        shlex.join(["pulumi", "stack", "select", story.first.stack]),
        *(shlex.join(["pulumi", "config", "set", *_path(story, key), value]) for key, value in values.items()),
        *(["pulumi config rm release"] if story.result.is_noted else []),
        "pulumi up",
    ]


def _path(story: Story, key: str) -> list[str]:
    """Where a position key stands: the stack's own, or an app's that has one of its own."""
    app = story.note.get("app")
    return ["--path", f"apps.{app}.{key}"] if app else [key]
