"""The figures of the comparison of canaries: shares over all steps, and pods."""

from __future__ import annotations

import pytest

from bench.answers import Share
from bench.steps import Step, Watched, rows, undone
from bench.switches import Kind, Seen, table


def step(kind: Kind, share: Share, *, fewest: int = 10, started: int = 1, asked: float = 0.1) -> Step:
    """One whose kept clients lost two requests."""
    new, kept = Seen(100, {}, 0.5, 0.0, 3), Seen(100, {"closed": 2}, None, 0.0, 80)
    return Step("ours", kind, 9.0, new, kept, fewest, 11, started, 4.0, share, asked)


@pytest.mark.parametrize(
    ("hits", "text"),
    [
        ((90, 120), "10.50% / 10.00% (4.5 sigma: 6.98% to 13.02%)"),
        ((140, 140), "14.00% / 10.00% (4.5 sigma: 6.98% to 13.02%, outside)"),
    ],
)
def test_a_share_is_judged_over_all_canaries_together(hits: tuple[int, int], text: str) -> None:
    steps = [step(Kind.CANARY, Share(each, 1000)) for each in hits]
    assert f"| {text} |" in table(steps, lambda kind: rows(kind, patience=45))


def test_the_table_has_the_fewest_pods_of_all_steps_and_how_many_were_started() -> None:
    steps = [
        step(Kind.PROMOTION, Share(0, 10), fewest=fewest, started=started) for fewest, started in ((10, 9), (8, 12))
    ]
    text = table(steps, lambda kind: rows(kind, patience=45))
    assert "| ready pods, fewest / most | 8 / 11 |" in text
    assert "| pods started | 9 to 12 |" in text
    assert "| it stands, s after the command began | 4.00 / 4.00 |" in text
    assert "| kept connections: failed / requests | 4 (4 closed) / 200 |" in text
    assert "| … last old answer, s after the command began | not within 45 s |" in text


def test_a_canary_leaves_no_version_and_only_a_canary_has_a_share() -> None:
    canary, drop = (table([step(kind, Share(1, 10))], lambda kind: rows(kind, 45)) for kind in (Kind.CANARY, Kind.DROP))
    assert ("answer" in canary, "share" in canary) == (False, True)
    assert ("last bad answer" in drop, "share" in drop) == (True, False)


def test_a_way_that_knows_no_canaries_has_no_figures_of_one() -> None:
    def undo(way: str, kind: Kind, last: float, old: int) -> Watched:
        return Watched(way, kind, 0.1, Seen(100, {}, last, 0.0, old), Seen(100, {}, None, 0.0, 90), 3, 4, 3)

    undos = [
        *(undo("plain", Kind.AT_ONCE, last, old) for last, old in ((4.0, 2300), (5.0, 2100), (4.5, 1900))),
        *(undo("ours", kind, 2.0, 200) for kind in (Kind.AT_ONCE, Kind.DROP)),
    ]
    text = table(undos, lambda _: undone(45))
    assert "| **Rollback at once, 3 of each** | | |" in text
    assert "| **Drop of a canary, 1 of each** | | |" in text
    assert "| … last bad answer, s after the command began | 4.50 / 5.00 | 2.00 / 2.00 |" in text
    assert "| … bad answers since the command began | 2,100 / 2,300 | 200 / 200 |" in text
    assert "| … last bad answer, s after the command began | - | 2.00 / 2.00 |" in text
    assert "| … last bad answer, s after the command began | - | not within 45 s |" in text
    assert "| ready pods, fewest / most | 3 / 4 | 3 / 4 |" in text
