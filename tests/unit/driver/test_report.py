"""What is told of a release, from the events in its journal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from cutover import driver
from cutover.errors import RolledBackError
from cutover.journal import Check, Journal, Kind
from cutover.release import Step
from cutover.report import byhand, chart, figures, pages
from cutover.report.story import Act, Result, Story
from tests.unit.driver import releases
from tests.unit.driver.engine import FakeEngine
from tests.unit.driver.releases import BEGAN, CASES, Release

VOID = {"meta", "br"}


def story(case: str, seconds: float | None = None) -> Story:
    now = BEGAN + timedelta(seconds=seconds) if seconds is not None else None
    return Story(CASES[case]().events, now)


@dataclass
class Page(HTMLParser):
    """A page as a browser reads it, which must close what it opens."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def of(self, tag: str, css: str) -> list[dict[str, str | None]]:
        return [each for name, each in self.tags if name == tag and css in (each.get("class") or "").split()]


# The story.

# Per case: the result, the seconds of all, of moving, watching, pauses and absence; moves there and back.
SPENT: dict[str, tuple[Result, float, float, float, float, float, int, int]] = {
    "promotion": (Result.DONE, 45.45, 14.2, 30, 0, 0, 1, 0),
    "canary": (Result.DONE, 689.25, 57.8, 150, 480.2, 0, 5, 0),
    "failed canary": (Result.ROLLED_BACK, 142.35, 24, 71, 40.1, 0, 2 + 1, 1),
    "resumed": (Result.DONE, 6467.05, 40.1, 120, 5400.15, 840 + 65, 4, 0),
    "stuck": (Result.STUCK, 78.05, 17, 0, 0, 0, 0, 0),
    "aborted": (Result.ROLLED_BACK, 645.2, 8, 30, 600.05, 0, 1, 1),
}


@pytest.mark.parametrize("case", SPENT)
def test_tells_what_took_how_long(case: str) -> None:
    result, seconds, moving, watching, paused, away, moves, returns = SPENT[case]
    told = story(case)
    assert told.result is result
    assert told.seconds == pytest.approx(seconds, abs=0.3)
    spent = [told.spent(act) for act in (Act.MOVING, Act.WATCHING, Act.PAUSED, Act.AWAY)]
    assert spent == pytest.approx([moving, watching, paused, away], abs=0.3)
    assert (told.moves, told.returns) == (moves, returns)


@pytest.mark.parametrize("case", CASES)
def test_stages_leave_no_time_out_and_count_none_twice(case: str) -> None:
    told = story(case, seconds=300 if case == "under way" else None)
    assert sum(stage.seconds for stage in told.stages) == pytest.approx(told.seconds)
    assert all(one.end == other.begin for one, other in pairwise(told.stages))


def test_a_release_under_way_goes_on_until_now() -> None:
    assert story("under way").result is Result.UNDER_WAY
    assert story("under way").seconds == pytest.approx(98.1, abs=0.01)
    told = story("under way", seconds=120)
    assert told.seconds == 120
    assert told.stages[-1].act is Act.MOVING
    assert told.stages[-1].end == 120
    assert story("promotion", seconds=9999).seconds < 60, "one that has ended does not"


def test_what_has_failed_is_told_with_how_long_the_way_back_took() -> None:
    told = story("failed canary")
    assert told.failure is not None
    assert "metric errors: 0.008, 0.031" in told.failure.text
    assert told.return_seconds == pytest.approx(6.3)
    assert [stage.act for stage in told.stages if stage.failed] == [Act.WATCHING]
    assert story("promotion").failure is None
    assert story("promotion").return_seconds is None


def test_a_driver_that_was_killed_is_away_until_another_resumes() -> None:
    told = story("resumed")
    away = [(stage.event.kind, round(stage.seconds)) for stage in told.stages if stage.act is Act.AWAY]
    assert away == [(Kind.INTERRUPTED, 840), (Kind.MOVING, 65)]
    assert [by for _, by in told.hands] == ["ada@laptop", "bob@runner-7", "bob@runner-9"]


def test_the_share_slopes_while_it_moves_and_is_level_otherwise() -> None:
    corners = story("failed canary").shares("api")
    level = [one[1] for one, other in pairwise(corners) if one[1] == other[1] and one[0] < other[0]]
    slopes = [(one[1], other[1], round(other[0] - one[0], 1)) for one, other in pairwise(corners) if one[1] != other[1]]
    assert [share for share, _ in groupby(level)] == [0, 5, 25, 50, 0]
    assert slopes == [(0, 5, 8.0), (5, 25, 8.0), (25, 50, 8.0), (50, 0, 6.3)]
    times = [at for at, _ in corners]
    assert times == sorted(times)
    assert corners[-1] == (story("failed canary").seconds, 0)


def test_a_promotion_gives_the_new_color_all() -> None:
    assert story("promotion").shares("web")[-1][1] == 100
    told = story("together")
    assert [told.shares(app)[-1][1] for app in told.apps] == [100, 100]
    assert (told.old("api"), told.new("api")) == ("green", "blue")
    assert told.changes == {("6.9.1", "6.9.0"): ["web"], ("2.5.0-rc.1", "2.4.0"): ["api"]}


def test_a_clock_that_is_behind_does_not_turn_time_back() -> None:
    release = releases.promotion()
    release.at -= 30
    release.tell(Kind.DONE, "green has all traffic", 0)
    told = Story(release.events)
    assert told.times == sorted(told.times)
    assert all(stage.seconds > 0 for stage in told.stages)


def test_a_check_of_an_up_is_a_gate_and_any_other_a_watch() -> None:
    release = Release("promote", "live", {"web": ("1", "2")}).begin()
    release.tell(Kind.MOVING, "green takes all traffic")
    release.tell(Kind.FAILED, "the gate", 4, checks=(releases.errors(0.5),))
    assert [each.in_gate for each in Story(release.events).judged] == [True]
    assert [each.in_gate for each in story("promotion").judged] == [False] * 3


def test_a_failure_does_not_count_its_checks_again() -> None:
    bad = releases.errors(0.5)
    release = Release("promote", "live", {"web": ("1", "2")}).begin().move("0%", live=True).watch(bad)
    release.fail("it failed", bad)
    assert len(Story(release.events).judged) == 1


def test_values_are_spread_over_the_time_of_their_check() -> None:
    judged = next(each for each in story("promotion").judged if each.check.values)
    assert judged.times == pytest.approx([judged.at - 20, judged.at - 10, judged.at])
    release = Release("promote", "live", {"web": ("1", "2")}).begin().move("0%", live=True)
    release.tell(Kind.CHECKED, "green is well", 30, checks=(releases.errors(0, 0),), seconds=12.0)
    (said,) = Story(release.events).judged
    assert said.times == pytest.approx([said.at - 6, said.at]), "of the time that the check says it took"
    failed = [each for each in story("failed canary").judged if each.check.outcome == "failed"]
    assert failed[0].times == pytest.approx([failed[0].at - 5.5, failed[0].at]), "or of all since the event before"


def test_no_events_are_no_story() -> None:
    with pytest.raises(ValueError, match="without events"):
        Story([])


# The pictures.


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [pages.NARROW, pages.WIDE])
def test_everything_has_its_place_in_the_picture(case: str, width: float) -> None:
    picture = chart.timeline(story(case, seconds=200 if case == "under way" else None), width, 100)
    places = [x for x, _ in [*picture.steps, *picture.ticks, *picture.hands]] + [mark.x for mark in picture.marks]
    places += [edge for band in picture.bands for edge in (band.x, band.x + band.width)]
    assert all(chart.LEFT <= x <= width - chart.RIGHT + 1 for x in places)
    for texts in (picture.steps, picture.ticks):
        ends = [(x, x + chart.LETTER * len(text)) for x, text in texts]
        assert all(one[1] <= other[0] for one, other in pairwise(ends)), "texts overlap"
    assert max(lane.top + lane.height for lane in picture.lanes) < picture.foot < picture.height


def test_the_picture_cuts_long_pauses_short_and_nothing_else() -> None:
    told = story("resumed")
    axis = chart.Axis(told, 0, 1000)
    assert [stage.act for stage in axis.cuts] == [Act.PAUSED, Act.AWAY, Act.AWAY]
    widths = {stage.begin: axis.place(stage.end) - axis.place(stage.begin) for stage in told.stages}
    assert max(widths[stage.begin] for stage in axis.cuts) < 400
    per_second = {round(widths[stage.begin] / stage.seconds, 3) for stage in told.stages if stage not in axis.cuts}
    assert len(per_second) == 1, "all else is to one scale"
    assert not chart.Axis(story("promotion"), 0, 1000).cuts, "however long it was watched"


def test_a_step_is_told_where_it_began_first() -> None:
    told = story("resumed")
    picture = chart.timeline(told, 1000, 100)
    begun = [at for at, event in zip(told.times, told.events, strict=True) if event.kind is Kind.MOVING]
    axis = chart.Axis(told, chart.LEFT, 1000 - chart.RIGHT)
    assert picture.steps == [(axis.place(begun[number]), f"step {step}") for step, number in enumerate((0, 1, 3, 5), 1)]


def test_ticks_stand_where_time_is_to_scale() -> None:
    axis = chart.Axis(story("resumed"), 0, 1000)
    assert axis.ticks(60)[0] == (0.0, "0:00")
    for x, _ in axis.ticks(60):
        assert not any(axis.place(cut.begin) + 1 < x < axis.place(cut.end) - 1 for cut in axis.cuts)


def test_a_failure_is_marked_where_it_was() -> None:
    picture = chart.timeline(story("failed canary"), 1000, 100)
    assert [mark.outcome for mark in picture.marks] == ["passed", "passed", "failed"]
    assert picture.failures == [pytest.approx(picture.marks[-1].x)]
    assert "0.031" in picture.marks[-1].title
    assert not chart.timeline(story("canary"), 1000, 100).failures


def test_measured_values_are_drawn_to_scale() -> None:
    told = story("failed canary")
    plot = chart.plot(told, told.series["api", "green", "errors"], 300, 100)
    assert (plot.low, plot.high) == (0, 0.05)
    assert [dot.outcome for dot in plot.dots] == ["passed"] * 4 + ["failed"] * 2
    heights = [plot.dots[0].y - dot.y for dot in plot.dots]
    assert heights == pytest.approx([value / 0.05 * 88 for value in (0, 0.001, 0.004, 0.006, 0.008, 0.031)])


def test_the_picture_of_a_value_has_the_moves_and_no_line_where_time_was_cut() -> None:
    told = story("failed canary")
    plot = chart.plot(told, told.series["api", "green", "errors"], 300, 100)
    assert len(plot.moves) == 3 + 1
    assert plot.moves[0] < plot.dots[0].x < plot.dots[1].x < plot.moves[1], "it was watched after its move"
    told = story("resumed")
    assert len(chart.plot(told, told.series["api", "green", "errors"], 300, 100).lines) == 3


def test_values_below_zero_and_all_zero_have_a_scale() -> None:
    release = Release("promote", "live", {"web": ("1", "2")}).begin().move("0%", live=True)
    release.watch(
        Check("passed", "", "web", "green", "a", (-2.0, -1.0)), Check("passed", "", "web", "green", "b", (0.0,))
    )
    told = Story(release.events)
    below = chart.plot(told, told.series["web", "green", "a"], 300, 100)
    assert below.low == -2
    assert all(0 <= dot.y <= 100 for dot in below.dots)
    assert chart.plot(told, told.series["web", "green", "b"], 300, 100).dots[0].y == 94


# The pages.


@pytest.mark.parametrize("case", CASES)
def test_the_page_needs_nothing_but_itself(case: str) -> None:
    page = Page(pages.page(story(case)))
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in page.tags)
    attributes = {name for _, attributes in page.tags for name in attributes}
    assert {"src", "href", "xlink:href", "srcset", "style"}.isdisjoint(attributes)
    assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"@import|url\((?!#(idle|slope)-)", page.html)
    policy = next(each for tag, each in page.tags if tag == "meta" and each.get("http-equiv"))
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_page_tells_what_was_released_and_how_it_went() -> None:
    text = Page(pages.page(story("failed canary"))).text
    for part in (
        "rolled back canary on shop",
        "api 6.9.0 → 6.9.2",
        "2026-03-04 10:00:00 UTC, by ada@laptop",
        "2 min 22 s in all",
        "3 of 4 steps taken",
        "8 of 9 checks passed",
        "6.3 s to get traffic back",
        "Why it was rolled back failed at step 3 of 4",
        "api: blue (6.9.0) has all the live traffic",
        "0.008, 0.031",
        "watching, step 3 of 4: failed 11 s api 50%",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("case", "badge"), [("promotion", "done"), ("aborted", "rolled back"), ("under way", "under way")]
)
def test_the_page_says_at_once_how_it_ended(case: str, badge: str) -> None:
    assert Page(pages.page(story(case))).text.startswith(f"{' '.join(HEADS[case].split())}: {badge}")


HEADS = {"promotion": "web 6.9.0 → 6.9.1", "aborted": "api 6.9.0 → 6.9.1", "under way": "api 6.9.0 → 6.9.1"}


@pytest.mark.parametrize("case", ["aborted", "under way"])
def test_what_has_not_ended_well_says_so_without_a_failure(case: str) -> None:
    last = {"aborted": "rolled back to blue: aborted", "under way": "green takes 50% of the traffic"}[case]
    assert last in Page(pages.page(story(case))).text
    assert last in pages.summary(story(case))
    assert not story(case).failure


def test_long_names_are_cut_to_the_picture() -> None:
    release = Release("promote", "live", {"a" * 63: ("1", "2")}).begin().move("0%", live=True)
    (lane,) = chart.timeline(Story(release.events), pages.NARROW, 100).lanes
    assert lane.title.endswith("a…")
    assert chart.LETTER * len(lane.title) <= pages.NARROW
    assert lane.app == "a" * 63


def test_the_page_has_a_picture_for_a_screen_and_one_for_a_phone() -> None:
    page = Page(pages.page(story("together")))
    for css, width in (("wide", 1000), ("narrow", 380)):
        (picture,) = page.of("svg", css)
        assert (picture["viewbox"] or "").startswith(f"0 0 {width} ")
    assert len(page.of("path", "area")) == 2 * 2 * 2, "two pictures of two apps with two versions"


def test_what_was_measured_has_a_picture_each() -> None:
    page = Page(pages.page(story("canary")))
    assert len(page.of("circle", "dot")) == 2 * 5 * 3
    assert not Page(pages.page(story("aborted"))).of("circle", "dot")


def test_texts_of_others_stay_texts_in_the_page() -> None:
    page = Page(pages.page(story("hostile")))
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count("<script>alert('x')</script>") > 20


def test_texts_of_others_stay_texts_in_the_summary() -> None:
    summary = pages.summary(story("hostile"))
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(summary)
    page = Page(re.sub(r"<br>", "", rendered))
    assert {"script", "a", "code", "em"}.isdisjoint(tag for tag, _ in page.tags)
    assert "<script>alert('x')</script>" in page.text
    outside_code = re.sub(r"<pre>.*?</pre>", "", summary, flags=re.DOTALL)
    assert not re.search(r"(?<![\w@])@(?!\u200b)", outside_code), "somebody would be mentioned"
    rows = [line for line in summary.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5, 7}, "a cell broke out of its column"


def test_the_summary_tells_what_a_reviewer_asks() -> None:
    summary = pages.summary(story("failed canary"))
    assert summary.startswith("### ↩️ api 6.9.0 → 6.9.2: rolled back\n")
    assert "canary on shop, 2026-03-04 10:00:00 UTC, by ada@laptop. Took 2 min 22 s, of it 40 s paused; " in summary
    assert "checks: 1 failed, 8 passed." in summary
    assert "> **Rolled back:** failed at step 3 of 4 (green: 50% of the traffic): metric errors: 0.008" in summary
    assert "| 2:04 | watching, step 3 of 4: **failed** | 11 s | █████░░░░░ api 50% |" in summary
    assert "pulumi config set activeColor green" in summary


def test_the_summary_shows_a_share_however_small() -> None:
    release = Release("canary", "1%,live", {"api": ("1", "2")}).begin().move("1%")
    assert "█░░░░░░░░░ api 1%" in pages.summary(Story(release.events))
    assert "█████████░ api 99%" in pages.summary(Story(release.move("99%").events))


@pytest.mark.parametrize(
    ("case", "since"),
    [("promotion", None), ("failed canary", None), ("aborted", None), ("under way", 98.1), ("stuck", 0.05)],
)
def test_where_traffic_is_is_unsure_once_an_up_was_begun_and_did_not_end_well(case: str, since: float | None) -> None:
    assert story(case).unsure_since == (None if since is None else pytest.approx(since))


def test_where_traffic_is_is_unsure_once_a_way_back_was_begun() -> None:
    release = Release("promote", "live", {"web": ("1", "2")}).begin().move("0%", live=True, seconds=8)
    going_back = Story(release.fail("errors", seconds=11).events)
    assert going_back.unsure_since == going_back.times[-1]
    release.tell(Kind.STUCK, "could not go back", 60)
    assert Story(release.events).unsure_since == going_back.times[-1]
    aborted = releases.aborted()
    aborted.events = aborted.events[:-2]
    aborted.tell(Kind.STUCK, "could not go back", 0, seconds=60.0)
    assert Story(aborted.events).unsure_since is not None


def test_does_not_say_where_traffic_is_when_nobody_knows() -> None:
    text = Page(pages.page(story("stuck"))).text
    assert "has all the live traffic" not in text
    assert "Where the traffic is now is not known from here: cutover status shows it" in text
    picture = chart.timeline(story("stuck"), 1000, 100)
    (striped,) = picture.lanes[0].slopes
    assert striped.right == pytest.approx(1000 - chart.RIGHT)
    assert striped.height == 100
    assert [stage.standing for stage in story("stuck").stages if stage.act in {Act.MOVING, Act.BACK}] == [{}, {}]


def test_tells_of_what_the_driver_itself_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = {"component": "CanaryApp", "image": "registry.example.com/api", "port": 8080, "replicas": 10}
    keys = {"activeColor": "blue", "imageTag": {"blue": "1.0.0", "green": "1.1.0"}, "apps": {"api": app}}
    rounds = [[releases.pods("api")], [releases.errors(0.5)]]

    async def watch(*_: Any) -> list[Check]:
        return rounds.pop(0)

    monkeypatch.setattr("cutover.watch.watch", watch)
    monkeypatch.setattr("cutover.desk.Cluster", lambda *_: None)
    journal = Journal(tmp_path, "dev")
    with pytest.raises(RolledBackError):
        driver.Driver(FakeEngine(tmp_path, keys), journal, lambda _: None).canary(
            (Step(pods=1), Step(pods=3), Step()), pause=0, watch=0
        )
    (events,) = journal.releases.values()
    told = Story(events)
    assert (told.result, told.moves, told.returns) == (Result.ROLLED_BACK, 2, 1)
    assert told.changes == {("1.0.0", "1.1.0"): ["api"]}
    shares = [share for share, _ in groupby(told.shares("api"), key=lambda corner: round(corner[1]))]
    assert shares[-3:] == [9, 23, 0]
    assert "2 of 3 steps taken" in Page(pages.page(told)).text
    assert pages.summary(told).startswith("### ↩️ api 1.0.0 → 1.1.0: rolled back")


def test_saves_both_beside_each_other(tmp_path: Path) -> None:
    page, summary = pages.save(story("promotion"), tmp_path / "reports")
    assert page.name == "2026-03-04T10-00-00-000Z.html"
    assert summary.name == "2026-03-04T10-00-00-000Z.md"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert summary.read_text(encoding="utf-8").startswith("### ")
    outside, _ = pages.save(story("hostile"), tmp_path)
    assert outside.parent == tmp_path


def test_is_made_of_what_the_journal_gives_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "shop")
    events = releases.failed_canary().events
    for event in events:
        journal.tell(event)
    assert pages.page(Story(list(journal.events(events[0].release)))) == pages.page(Story(events))


# What to type.

BACK, DROP = "activeColor blue", "canaryReplicas 0"


@pytest.mark.parametrize(
    ("case", "ways"),
    [
        ("promotion", [["pulumi stack select shop", f"pulumi config set {BACK}", "pulumi up"]]),
        ("failed canary", [["pulumi stack select shop", "pulumi config set activeColor green", "pulumi up"]]),
        (
            "stuck",
            [
                ["cutover resume"],
                [
                    "pulumi stack select shop",
                    "pulumi config set activeColor green",
                    "pulumi config rm release",
                    "pulumi up",
                ],
                [
                    "pulumi stack select shop",
                    "pulumi config set activeColor blue",
                    "pulumi config rm release",
                    "pulumi up",
                ],
            ],
        ),
        (
            "under way",
            [
                ["cutover resume"],
                [
                    "pulumi stack select shop",
                    "pulumi config set activeColor green",
                    f"pulumi config set {DROP}",
                    "pulumi config set canaryWeight 0",
                    "pulumi config rm release",
                    "pulumi up",
                ],
                [
                    "pulumi stack select shop",
                    f"pulumi config set {BACK}",
                    f"pulumi config set {DROP}",
                    "pulumi config set canaryWeight 0",
                    "pulumi config rm release",
                    "pulumi up",
                ],
                ["cutover abort"],
            ],
        ),
    ],
)
def test_says_what_to_type_from_here(case: str, ways: list[list[str]]) -> None:
    assert [way.commands for way in byhand.ways(story(case))] == ways


def test_both_ways_are_told_where_nobody_knows() -> None:
    release = Release("promote", "live", {"web": ("1", "2")}).begin().move("0%", live=True).fail("errors")
    release.tell(Kind.STUCK, "could not go back", 60)
    assert [way.title for way in byhand.ways(Story(release.events))] == [
        "Try the way back again with the driver",
        "All traffic to green (2)",
        "Back to blue (1)",
    ]


def test_a_canary_that_may_have_begun_is_dropped_by_hand() -> None:
    release = Release("canary", "5%,live", {"api": ("1", "2")}).begin()
    release.tell(Kind.MOVING, "green takes 5% of the traffic")
    for way in byhand.ways(Story(release.events))[1:3]:
        assert {"pulumi config set canaryReplicas 0", "pulumi config set canaryWeight 0"} <= set(way.commands)


def test_an_app_with_a_position_of_its_own_is_moved_by_that() -> None:
    release = Release("promote", "live", {"web": ("1", "2")}).begin()
    release.events[0].note["app"] = "web"
    (back,) = byhand.ways(Story(release.move("0%", live=True).done().events))
    assert "pulumi config set --path apps.web.activeColor blue" in back.commands


# Figures.


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (38.4, "38 s"),
        (59.6, "1 min 00 s"),
        (245, "4 min 05 s"),
        (7500, "2 h 05 min"),
        (3599.7, "1 h 00 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_writes_durations(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(7, "0:07"), (750, "12:30"), (7500, "2:05:00"), (3599.7, "1:00:00")])
def test_writes_times(seconds: float, text: str) -> None:
    assert figures.clock(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (100, "100%"), (100 / 11, "9%"), (0.1, "0.10%"), (99.9, "99.90%"), (99.999, ">99.99%")],
)
def test_writes_shares(share: float, text: str) -> None:
    assert figures.percent(share) == text


@pytest.mark.parametrize(("value", "end"), [(0.031, 0.05), (1, 1), (7, 10), (0, 1), (2.4, 2.5), (110, 200)])
def test_axes_end_at_round_numbers(value: float, end: float) -> None:
    assert figures.ceiling(value) == pytest.approx(end)


def rolled(*events: tuple[Kind, str]) -> Story:
    """A release of an app of one version, which has no color and no share."""
    release = Release("roll", "live", {}, by="ada")
    release.step = 1
    release.tell(Kind.BEGAN, "roll to 2.0", 0, note={"verb": "roll", "to": "2.0", "app": "db", "steps": "live"})
    for kind, text in events:
        release.tell(kind, text, 5)
    return Story(release.events)


def test_a_release_without_colors_tells_no_shares() -> None:
    done = rolled((Kind.MOVING, "takes 2.0"), (Kind.MOVED, "has 2.0"), (Kind.DONE, "all pods run 2.0"))
    assert "roll of db to 2.0: done" in pages.summary(done)
    assert "<h1>roll of db to 2.0</h1>" in pages.page(done)
    back = rolled((Kind.MOVING, "takes 2.0"), (Kind.FAILED, "no image"), (Kind.BACK, ""), (Kind.ROLLED_BACK, "back"))
    assert "The old version was back 5.0 s later" in pages.summary(back)
    for text in (pages.summary(back), pages.page(back), pages.summary(done), pages.page(done)):
        assert not re.findall("share|traffic|not known", text.rpartition("</style>")[2])


@pytest.mark.parametrize("told", [rolled((Kind.MOVING, "takes 2.0"), (Kind.DONE, "")), story("promotion")])
def test_its_stages_are_one_table(told: Story) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(pages.summary(told))
    of_table = tokens[: next(number for number, token in enumerate(tokens) if token.type == "table_close")]
    assert sum(token.type == "tr_open" for token in of_table) == 1 + sum(
        stage.act is Act.MOVING or stage.seconds >= 5 for stage in told.stages
    )
