"""What the demo and the benchmarks show is what was seen, and a command that fails never passes silently."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from bench.answers import Answer, Answers
from bench.command import PASSPHRASE, ROOT, environment, read, run
from bench.errors import CommandError
from bench.picture import BAR, picture, save
from bench.report import write_section

if TYPE_CHECKING:
    from pathlib import Path


def second(number: int, **outcomes: int) -> list[Answer]:
    """One second of answers: how many of each version, or lost (`reset`)."""
    kinds = [kind for kind, count in outcomes.items() for _ in range(count)]
    return [
        Answer(
            start=number + position / len(kinds),
            wall=number,
            latency=0.0015,
            late=0,
            version=None if kind == "reset" else kind,
            error="reset" if kind == "reset" else None,
        )
        for position, kind in enumerate(kinds)
    ]


def drawn(answers: Answers) -> list[str]:
    console = Console(width=100, file=io.StringIO(), force_terminal=False)
    console.print(picture(answers, "web"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_row_per_second_with_its_counts() -> None:
    title, heading, *rows = drawn(Answers.of([*second(0, v1=100), *second(1, v1=60, v2=40), *second(2, v2=50)]))
    assert title.strip() == "web"
    assert heading.split() == ["time", "requests", "answered", "by", "v1", "v2", "lost", "p50", "ms", "p99", "ms"]
    assert [row.split()[1:] for row in rows] == [
        ["100", "█" * BAR, "100", "0", "0", "1.5", "1.5"],
        ["100", "█" * BAR, "60", "40", "0", "1.5", "1.5"],
        ["50", "█" * (BAR // 2), "0", "50", "0", "1.5", "1.5"],
    ]


def test_one_lost_request_in_a_thousand_is_drawn_and_named() -> None:
    answers = Answers.of(second(0, v1=999, reset=1))
    assert "1 reset" in drawn(answers)[2]
    bar = next(column for column in picture(answers, "web").columns if column.header == "answered by")
    (cells,) = bar.cells
    assert [(part.end - part.start, part.style) for part in cells.spans] == [(BAR - 1, "dodger_blue1"), (1, "bold red")]  # type: ignore[union-attr]


def test_whatever_occurred_is_drawn_however_little_it_was() -> None:
    rows = drawn(Answers.of([*second(0, v1=1000), *second(1, v1=1), *second(2, v1=1, v2=1, reset=1)]))[2:]
    assert [row.count("█") for row in rows] == [BAR, 1, 3]


def test_a_silent_second_has_a_row_and_no_latency() -> None:
    rows = drawn(Answers.of([*second(0, v1=10), *second(2, v1=10)]))[2:]
    assert rows[1].split()[1:] == ["0", "0", "0", "-", "-"]


def test_a_saved_picture_asks_no_other_server(tmp_path: Path) -> None:
    save(picture(Answers.of(second(0, v1=10)), "web"), tmp_path / "deep" / "picture.svg", "a title")
    svg = (tmp_path / "deep" / "picture.svg").read_text()
    assert "a&#160;title" in svg or "a title" in svg
    assert "url(http" not in svg


def test_a_failing_command_is_an_error_with_its_code_and_the_way_out() -> None:
    with pytest.raises(CommandError, match=r"`false` ended with exit code 1\. Do this\."):
        run(["false"], 10, "Do this.")
    with pytest.raises(CommandError, match=r"exit code 3\. It said: why\nDo this\."):
        read([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"], 10, "Do this.")


def test_a_command_out_of_time_is_interrupted_and_may_end_in_order(tmp_path: Path) -> None:
    orderly = (
        "import pathlib, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it\n"
        "try: time.sleep(60)\nexcept KeyboardInterrupt: pathlib.Path({!r}).write_text('ended')"
    )
    begin = time.monotonic()
    with pytest.raises(CommandError, match="had not ended after 1 s") as caught:
        run([sys.executable, "-c", orderly.format(str(tmp_path / "file"))], 1, "Do this.")
    assert caught.value.code is None
    assert (tmp_path / "file").read_text() == "ended"
    assert time.monotonic() - begin < 20


def test_commands_run_in_the_project_with_a_passphrase_even_if_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE, raising=False)
    monkeypatch.delenv(f"{PASSPHRASE}_FILE", raising=False)
    assert environment()[PASSPHRASE] == ""
    assert read(["pwd"], 10, "").strip() == str(ROOT)
    monkeypatch.setenv(PASSPHRASE, "mine")
    assert environment()[PASSPHRASE] == "mine"


def test_a_section_is_rewritten_in_its_place(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "benchmarks.md"
    write_section("one", "first", page)
    write_section("two", "second", page)
    write_section("one", r"again \1", page)
    one, two = "<!-- begin one -->\nagain \\1\n<!-- end one -->", "<!-- begin two -->\nsecond\n<!-- end two -->"
    assert page.read_text() == f"# Benchmarks\n\n{one}\n\n{two}\n"
