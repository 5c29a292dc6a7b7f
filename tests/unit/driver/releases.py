"""Releases as their journal tells them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cutover.journal import Check, Event, Kind, Standing, percent

BEGAN = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)


def text_of(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Release:
    """A release that is played event by event, in the words of the driver."""

    verb: str
    steps: str
    tags: dict[str, tuple[str, str]]
    """Each app's tags on blue and on green."""
    old: str = "blue"
    pause: str = "0"
    by: str = "ada@laptop"
    at: float = 0.0
    step: int = 0
    events: list[Event] = field(default_factory=list)

    @property
    def new(self) -> str:
        return "green" if self.old == "blue" else "blue"

    def tell(self, kind: Kind, text: str, after: float = 0.05, **more: Any) -> None:
        self.at += after
        self.events.append(
            Event(
                at=text_of(BEGAN + timedelta(seconds=self.at)),
                release=text_of(BEGAN),
                stack="shop",
                verb=self.verb,
                kind=kind,
                text=text,
                by=self.by,
                step=self.step,
                steps=len(self.steps.split(",")),
                **more,
            )
        )

    def standing(self, shares: Iterable[str], active: str | None = None) -> dict[str, Standing]:
        apps = zip(self.tags.items(), shares, strict=True)
        return {
            app: Standing(active or self.old, {"blue": blue, "green": green}, share, percent(share))
            for (app, (blue, green)), share in apps
        }

    def begin(self) -> Release:
        self.step = 1
        note = {"verb": self.verb, "to": self.new, "steps": self.steps, "pause": self.pause, "watch": "30"}
        standing = self.standing(["0%"] * len(self.tags))
        self.tell(Kind.BEGAN, f"{self.verb} of {self.new} by {self.by}", 0, standing=standing, note=note)
        return self

    def move(self, *shares: str, seconds: float = 8.0, live: bool = False) -> Release:
        self.tell(Kind.MOVING, f"{self.new} takes {shares[0]}")
        active = self.new if live else self.old
        standing = self.standing(shares, active)
        self.tell(Kind.MOVED, f"{self.new} has {shares[0]}", seconds, standing=standing, seconds=seconds)
        return self

    def watch(self, *checks: Check, seconds: float = 30.0) -> Release:
        self.tell(Kind.CHECKED, f"{self.new} is well", seconds, checks=checks, seconds=seconds)
        return self

    def next(self, after: float = 0.2) -> Release:
        self.at += after
        self.step += 1
        return self

    def done(self) -> Release:
        self.tell(Kind.DONE, f"{self.new} has all traffic", 1.2)
        return self

    def fail(self, text: str, *checks: Check, seconds: float = 11.0) -> Release:
        self.tell(Kind.FAILED, text, seconds, checks=checks)
        return self

    def back(self, why: str, seconds: float = 6.3) -> Release:
        standing = self.standing(["0%"] * len(self.tags))
        self.tell(Kind.BACK, f"{self.old} has all traffic", seconds, standing=standing, seconds=seconds)
        self.tell(Kind.ROLLED_BACK, f"rolled back to {self.old}: {why}", 0.9)
        return self


def pods(app: str, color: str = "green", ready: str = "10 of 10") -> Check:
    return Check("passed", f"pods of {app}-{color}: {ready} pods ready", app, color, "pods")


def errors(*values: float, app: str = "api", color: str = "green", most: float = 0.01) -> Check:
    bad = sum(value > most for value in values)
    told = ", ".join(f"{value:g}" for value in values)
    text = (
        f"metric errors: {told} (at most {most:g}; {bad} of {len(values)} measurements out of bounds, 0 may be); "
        "query: "
        f'sum(rate(http_requests_total{{app="{app}",color="{color}",status=~"5.."}}[30s])) / '
        f'sum(rate(http_requests_total{{app="{app}",color="{color}"}}[30s]))'
    )
    return Check("failed" if bad else "passed", text, app, color, "errors", values)


def latency(*values: float, app: str = "api", color: str = "green") -> Check:
    told = ", ".join(f"{value:g}" for value in values)
    text = f"metric p99-seconds: {told} (at most 0.5; 0 of {len(values)} measurements out of bounds, 0 may be)"
    return Check("passed", text, app, color, "p99-seconds", values)


def smoke(app: str = "api", color: str = "green") -> Check:
    text = "smoke version: GET /version via proxy: 10 of 10 requests answered 200"
    return Check("passed", text, app, color)


def promotion() -> Release:
    """A promotion that passed."""
    release = Release("promote", "live", {"web": ("6.9.0", "6.9.1")}).begin()
    release.move("0%", seconds=14.2, live=True)
    return release.watch(pods("web"), smoke("web"), latency(0.041, 0.043, 0.042, app="web")).done()


def canary(by: str = "ada@laptop", pause: str = "120") -> Release:
    """A canary of 1, 3, 5 and 10 pods with timed pauses, which is then promoted."""
    release = Release("canary", "1,3,5,10,live", {"api": ("6.9.0", "6.9.1")}, pause=pause, by=by).begin()
    rates = ((0.0, 0.001, 0.0), (0.002, 0.001, 0.002), (0.001, 0.003, 0.001), (0.002, 0.002, 0.001), (0.001,) * 3)
    times = ((0.052, 0.055, 0.05), (0.061, 0.058, 0.063), (0.066, 0.07, 0.068), (0.09, 0.084, 0.08), (0.078,) * 3)
    for number, (rate, time) in enumerate(zip(rates, times, strict=True)):
        share = ("1/11", "3/13", "5/15", "10/20", "0/10")[number]
        release.move(share, seconds=(7.1, 8.4, 8.8, 12.5, 21.0)[number], live=number == 4)
        release.watch(pods("api"), smoke(), errors(*rate), latency(*time))
        if number < 4:
            release.next(float(pause))
    return release.done()


def failed_canary() -> Release:
    """A canary whose third step fails its metric, and is rolled back."""
    release = Release("canary", "5%,25%,50%,live", {"api": ("6.9.0", "6.9.2")}, pause="20").begin()
    release.move("5%").watch(pods("api", ready="1 of 1"), errors(0.0, 0.001), latency(0.05, 0.06)).next(20)
    release.move("25%").watch(pods("api", ready="3 of 3"), errors(0.004, 0.006), latency(0.07, 0.08)).next(20)
    release.move("50%")
    bad = errors(0.008, 0.031)
    release.fail(f"failed at step 3 of 4 (green: 50% of the traffic): {bad.text}", pods("api"), bad, latency(0.2, 0.4))
    return release.back(bad.text)


def resumed() -> Release:
    """A canary that was interrupted on one machine, went on on another, died there, and went on again."""
    release = Release("canary", "1,3,5,live", {"api": ("6.9.0", "6.9.1")}, pause="resume").begin()
    release.move("1/11").watch(pods("api"), errors(0.0, 0.001, 0.0))
    release.tell(Kind.PAUSED, "paused at step 1 of 4 (green: 1 pod)")
    release.tell(Kind.RESUMED, "resumed at step 1 of 4 (green: 1 pod)", 5400)
    release.next().tell(Kind.MOVING, "green takes 3 pods")
    release.tell(Kind.INTERRUPTED, "interrupted at step 2 of 4 (green: 3 pods)", 3.1)
    release.by = "bob@runner-7"
    release.tell(Kind.RESUMED, "resumed at step 2 of 4 (green: 3 pods)", 840)
    release.move("3/13").watch(pods("api"), errors(0.002, 0.001, 0.0)).next(0)
    release.tell(Kind.MOVING, "green takes 5 pods")
    release.by = "bob@runner-9"
    release.tell(Kind.RESUMED, "resumed at step 3 of 4 (green: 5 pods)", 65)
    release.move("5/15", seconds=2.0).watch(pods("api"), errors(0.001, 0.001, 0.002)).next()
    return release.move("0/10", live=True, seconds=19).watch(pods("api"), errors(0.001, 0.0, 0.001)).done()


def together() -> Release:
    """Two apps in one release: one moves at once, the other has a canary before."""
    tags = {"web": ("6.9.0", "6.9.1"), "api": ("2.4.0", "2.5.0-rc.1")}
    release = Release("canary", "3,live", tags, old="green").begin()
    release.move("0%", "3/13").watch(pods("web", "blue"), pods("api", "blue"), errors(0.001, 0.002, color="blue"))
    release.next().move("0%", "0/10", seconds=18, live=True)
    return release.watch(pods("web", "blue"), pods("api", "blue"), errors(0.001, 0.001, color="blue")).done()


def under_way() -> Release:
    """A canary in the middle of its second step."""
    release = Release("canary", "10%,50%,live", {"api": ("6.9.0", "6.9.1")}, pause="60").begin()
    release.move("10%").watch(pods("api", ready="1 of 1"), errors(0.0, 0.001)).next(60)
    release.tell(Kind.MOVING, "green takes 50% of the traffic")
    return release


def aborted() -> Release:
    """A canary that somebody has aborted while it was paused."""
    release = Release("canary", "1,5,live", {"api": ("6.9.0", "6.9.1")}, pause="resume").begin()
    release.move("1/11").watch(pods("api"))
    release.tell(Kind.PAUSED, "paused at step 1 of 3 (green: 1 pod)")
    release.at += 600
    return release.back("aborted")


def stuck() -> Release:
    """A promotion whose gate fails in the `up`, and whose way back fails, too."""
    release = Release("promote", "live", {"web": ("6.9.0", "6.9.2")}).begin()
    release.tell(Kind.MOVING, "green takes all traffic")
    why = "web: green (6.9.2) did not pass its gate: smoke version: 3 of 10 requests failed, 0 may: status 500"
    release.fail(f"failed at step 1 of 1 (green: all traffic): {why}", seconds=17)
    release.tell(Kind.STUCK, "could not go back: the API server stayed away", 61)
    return release


def hostile() -> Release:
    """Every name, tag and text a script, with all that Markdown and tables take for their own."""
    bad = "<script>alert('x')</script>\"'|`*_[a](javascript:b)@all\n# c"
    release = Release(bad, "1,live", {bad: (bad, bad)}, by=bad)
    release.step = 1
    note = {"to": bad, "steps": bad, "app": bad}
    release.tell(Kind.BEGAN, bad, standing=release.standing(["0%"], bad), note=note)
    release.move("1/11")
    check = Check(bad, bad, bad, bad, bad, (1.0, 2.0))
    release.watch(check, Check("failed", bad, bad, bad, bad, (0.5,))).fail(bad, check)
    release.events = [
        Event(**{**{name: getattr(each, name) for name in each.__struct_fields__}, "stack": bad, "release": bad})
        for each in release.events
    ]
    return release


CASES = {
    "promotion": promotion,
    "canary": canary,
    "failed canary": failed_canary,
    "resumed": resumed,
    "together": together,
    "under way": under_way,
    "aborted": aborted,
    "stuck": stuck,
    "hostile": hostile,
}
