"""The figures of the comparison of canaries: shares over all steps, and pods."""

from __future__ import annotations

import pytest

from bench.answers import Share
from bench.steps import Step, rows
from bench.switches import Kind, Seen, table


def step(kind: Kind, share: Share, *, fewest: int = 10, started: int = 1, asked: float = 0.1) -> Step:
    """One whose kept clients lost two requests."""
    new, kept = Seen(100, {}, 0.5, 0.0), Seen(100, {"closed": 2}, None, 0.0)
    return Step("ours", kind, 9.0, new, kept, 4.0, fewest, 11, started, share, asked)


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
