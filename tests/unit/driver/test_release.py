"""The note of a release under way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.color import Color
from cutover.errors import RefusedError
from cutover.release import KEY, Release, State, Step

CANARY = Release(
    "canary",
    Color.GREEN,
    (Step(pods=1), Step(pods=3), Step()),
    began="2026-11-21T20:00:00.000Z",
    by="root@host",
    pause=30,
    watch=5,
)

steps = st.one_of(
    st.just(Step()), st.integers(1, 99).map(lambda n: Step(weight=n)), st.integers(1, 500).map(lambda n: Step(pods=n))
)
releases = st.builds(
    Release,
    verb=st.sampled_from(["promote", "canary", "undo"]),
    to=st.sampled_from(Color),
    steps=st.lists(steps, min_size=1).map(tuple),
    began=st.just("2026-11-21T20:00:00.000Z"),
    by=st.text("ab@.", min_size=1),
    app=st.sampled_from(["", "web"]),
    at=st.integers(0, 9),
    state=st.sampled_from(State),
    pause=st.none() | st.integers(0, 3600).map(float),
    watch=st.integers(0, 3600).map(float),
)


@given(releases)
def test_a_note_is_read_as_it_was_written(release: Release) -> None:
    note = {path.removeprefix(f"{KEY}."): value for path, value in release.note().items()}
    assert Release.of_note(note) == release


@given(releases)
def test_numbers_that_the_engine_made_of_text_are_read_too(release: Release) -> None:
    note = {path.removeprefix(f"{KEY}."): value for path, value in release.note().items()}
    typed = {key: int(value) if value.isdigit() else value for key, value in note.items()}
    assert Release.of_note(typed) == release


def test_no_note_is_no_release() -> None:
    assert Release.of_note({}) is None


@pytest.mark.parametrize("spoilt", [{"to": "red"}, {"at": "first"}, {"steps": ""}, {"state": "lost"}])
def test_a_spoilt_note_is_refused_with_the_way_out(spoilt: dict[str, str]) -> None:
    note = {path.removeprefix(f"{KEY}."): value for path, value in CANARY.note().items()}
    with pytest.raises(RefusedError, match=r"cannot be read .* `pulumi config rm release`"):
        Release.of_note(note | spoilt)


@pytest.mark.parametrize("text", ["0", "0%", "100%", "1.5", "-1", "green", ""])
def test_a_step_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="neither a number of pods"):
        Step.read(text)


def test_it_says_where_it_is() -> None:
    assert CANARY.place == "at step 1 of 3 (green: 1 pod)"
    assert CANARY.next().place == "at step 2 of 3 (green: 3 pods)"
    assert CANARY.next().next().place == "at step 3 of 3 (green: all traffic)"
    assert replace(CANARY, state=State.BACK).place == "on its way back to blue"
