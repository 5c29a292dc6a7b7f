"""The figures of the comparison: what counts as the last old answer, and how a column of them reads."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, NoReturn

import pytest

from bench import chart
from bench.answers import Answer, Answers
from bench.errors import BenchError
from bench.report import BENCHMARKS
from bench.rounds import publish
from bench.switches import Kind, Seen, Switch, rows, table

if TYPE_CHECKING:
    from pathlib import Path


def answers(*versions: tuple[float, str | None]) -> Answers:
    """Requests at these times, each answered a tenth of a second later; None is a reset."""
    return Answers.of(Answer(at, at, 0.1, 0.0, version, None if version else "reset") for at, version in versions)


def test_a_record_that_is_being_written_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    whole = answers((1, "a"), (2, "b"))
    whole.write(tmp_path / "record.jsonl")
    with (tmp_path / "record.jsonl").open("ab") as record:
        record.write(b'{"start":3,"wal')
    assert Answers.read(tmp_path / "record.jsonl") == whole


def seen(last: float | None, errors: int = 0) -> Seen:
    return Seen(100, {"reset": errors} if errors else {}, last, 0.0, 7)


def test_the_last_old_answer_is_counted_from_the_command() -> None:
    requests = answers((9.5, "a"), (10.4, "a"), (11, "b"), (11.3, "a"), (11.6, None), (11.9, "b"))
    found = Seen.of(requests, "a", begin=10, end=20)
    assert (found.requests, found.errors) == (6, {"reset": 1})
    assert found.last == pytest.approx(1.4)
    assert found.overlap == pytest.approx(0.3)
    assert found.old == 2


def test_an_old_version_that_had_left_before_the_command_took_no_time() -> None:
    assert Seen.of(answers((9, "a"), (10.5, "b"), (20, "b")), "a", begin=10, end=20).last == 0


def test_an_old_version_that_answers_to_the_end_has_not_left() -> None:
    assert Seen.of(answers((11, "b"), (19, "a")), "a", begin=10, end=20).last is None


def test_the_table_has_a_column_per_way_and_the_failures_by_kind() -> None:
    switches = [
        Switch("patch", Kind.PROMOTION, 0.1, seen(0.2), seen(None)),
        Switch("patch", Kind.PROMOTION, 0.3, seen(0.4), seen(7.0)),
        Switch("ours", Kind.PROMOTION, 9.0, seen(1.0), seen(8.0, errors=3)),
    ]
    text = table(switches, lambda kind: rows(kind, patience=45))
    assert "| | patch | ours |" in text
    assert "| the command takes, s | 0.20 / 0.30 | 9.00 / 9.00 |" in text
    assert "0 / 200" in text
    assert "3 (3 reset) / 100" in text
    assert "7.00 / 7.00; 1 of 2 not within 45 s" in text


def test_the_chart_has_a_dot_per_switch_and_an_arrow_for_what_stayed(tmp_path: Path) -> None:
    switches = [
        Switch("patch", Kind.PROMOTION, 0.1, seen(0.0), seen(None)),
        Switch("patch", Kind.LATER, 0.1, seen(45.0), None),
        Switch("patch", Kind.CANARY, 0.1, seen(20.0), seen(20.0)),  # leaves no version
    ]
    chart.save(switches, tmp_path / "chart.svg", patience=45)
    drawn = ET.parse(tmp_path / "chart.svg").getroot()  # noqa: S314  # our own
    tag = "{http://www.w3.org/2000/svg}"
    places = [float(dot.attrib["cx"]) for dot in drawn.iter(f"{tag}circle")]
    assert len(places) == 2
    assert len(list(drawn.iter(f"{tag}path"))) == 1
    assert places[0] < places[1]


def test_a_benchmark_that_fails_says_why_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> NoReturn:
        raise BenchError("the way does not answer")

    page = BENCHMARKS.read_text()
    with pytest.raises(SystemExit, match="1"):
        publish("none", "None", "", caption="", measure=fail, rows=lambda _: [], patience=1)
    assert capsys.readouterr().out == "error: the way does not answer\n"
    assert BENCHMARKS.read_text() == page
