from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest

from engine.kubernetes import waiting
from engine.kubernetes.client import Cluster
from engine.kubernetes.errors import ApiError, NotReadyError, UnreachableError
from engine.kubernetes.readiness import Reader, Rule, Verdict
from engine.provider import Severity

Object = dict[str, Any]

THING: Object = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "team", "uid": "1"}}
GONE = ApiError(404, "NotFound", 'things "t" not found')


class FakeCluster:
    """Answers `live` from a list; the last answer is given for ever."""

    def __init__(self, *answers: Object | Exception) -> None:
        self.answers = list(answers)
        self.stopped = threading.Event()

    def live(self, _obj: Object) -> Object:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find(self, *_: object) -> list[Object]:
        waiting_for_image = {"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": "none such"}}}
        conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Initialized", "status": "True"}]
        conditions.append({"type": "Ready", "status": "False", "reason": "r", "message": "unready: "})
        metadata = {"name": "p", "ownerReferences": [{"uid": "owner"}]}
        return [{"metadata": metadata, "status": {"conditions": conditions, "containerStatuses": [waiting_for_image]}}]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "INTERVALS", ((float("inf"), 0.01),))
    monkeypatch.setattr(waiting, "SETTLE_SECONDS", 0.1)


class Steps:
    """A rule that gives one verdict after the other, the last one for ever."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = list(verdicts)

    def __call__(self, _live: Object, _before: Object | None, _reader: Reader) -> Verdict:
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]


def wait(cluster: FakeCluster, *verdicts: Verdict, timeout: float = 5.0) -> tuple[Object, list[str]]:
    shown: list[str] = []
    waits = waiting.Wait(
        cast("Cluster", cluster),
        Rule(Steps(*verdicts)),
        None,
        timeout,
        lambda _severity, message: shown.append(message),
    )
    return waits.until_ready(THING), shown


def line(message: str) -> tuple[tuple[Severity, str], ...]:
    return ((Severity.INFO, message),)


def test_status_lines_are_shown_when_they_change_and_at_the_end() -> None:
    _, shown = wait(
        FakeCluster(THING),
        Verdict(ready=False, status=line("0/2")),
        Verdict(ready=False, status=line("0/2")),
        Verdict(ready=False, status=line("1/2")),
        Verdict(ready=False, status=line("0/2")),
        Verdict(ready=True, done="complete"),
    )
    assert shown == ["0/2", "1/2", "0/2", "complete"]


def test_what_must_settle_starts_again_with_every_change() -> None:
    started = time.monotonic()
    changing = [Verdict(ready=True, settle=str(version)) for version in range(15)]
    wait(FakeCluster(THING), *changing, Verdict(ready=True, settle="last"))
    assert time.monotonic() - started > 0.2


def test_a_wait_that_is_over_names_what_was_missing_and_what_the_pods_say() -> None:
    with pytest.raises(NotReadyError, match="'t' timed out waiting to be Ready") as caught:
        wait(FakeCluster(THING), Verdict(ready=False, missing=("pods",), pods_of="owner"), timeout=0.05)
    assert caught.value.reasons == ["pods", "[Pod p]: unready: [ErrImagePull] none such"]
    assert caught.value.live == THING


def test_what_is_ready_but_never_settles_passes_when_the_time_is_over() -> None:
    versions = iter(range(10_000))
    rule = Rule(lambda *_: Verdict(ready=True, settle=str(next(versions))))
    started = time.monotonic()
    waiting.Wait(cast("Cluster", FakeCluster(THING)), rule, None, 0.3, lambda *_: None).until_ready(THING)
    assert 0.3 <= time.monotonic() - started < 3


def test_pods_complain_while_the_wait_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "COMPLAIN_EVERY", 0.0)
    _, shown = wait(FakeCluster(THING), Verdict(ready=False, pods_of="owner"), Verdict(ready=True))
    assert shown == ["[Pod p]: unready: [ErrImagePull] none such"]


def test_what_failed_for_good_is_not_waited_for() -> None:
    started = time.monotonic()
    with pytest.raises(NotReadyError, match="Resource 't' was created but failed to initialize") as caught:
        wait(FakeCluster(THING), Verdict(ready=False, missing=("no",), failed=True))
    assert caught.value.reasons == ["no"]
    assert time.monotonic() - started < 1


def test_an_object_that_vanishes_or_a_cluster_that_is_lost_ends_the_wait_with_what_was_last_seen() -> None:
    for answer in (GONE, UnreachableError("https://c", "refused")):
        with pytest.raises(NotReadyError, match=str(answer)) as caught:
            wait(FakeCluster(THING, answer), Verdict(ready=False))
        assert caught.value.live == THING


def test_cancel_ends_every_wait_soon() -> None:
    cluster = FakeCluster(THING)
    threading.Timer(0.05, cluster.stopped.set).start()
    with pytest.raises(NotReadyError, match='Resource operation was cancelled for "t"'):
        wait(cluster, Verdict(ready=False), timeout=60)
    with pytest.raises(NotReadyError, match='Resource operation was cancelled for "t"'):
        waiting.until_gone(cast("Cluster", cluster), THING, 60, lambda *_: None)


def test_an_object_is_gone_when_it_is_not_found_or_is_another_one() -> None:
    deleting = THING | {"metadata": THING["metadata"] | {"deletionTimestamp": "now"}}
    another = THING | {"metadata": THING["metadata"] | {"uid": "2"}}
    shown: list[str] = []
    for last in (GONE, another):
        cluster = cast("Cluster", FakeCluster(THING, deleting, deleting, last))
        waiting.until_gone(cluster, THING, 5, lambda _severity, message: shown.append(message))
    assert shown == ["Resource scheduled for deletion"] * 2


def test_a_delete_that_never_ends_names_the_finalizers() -> None:
    held = THING | {"metadata": THING["metadata"] | {"finalizers": ["g.example/hold"]}}
    shown: list[str] = []
    with pytest.raises(
        NotReadyError, match=r"'t' is still there 0 s after its deletion; finalizers: \[g.example/hold\]"
    ):
        waiting.until_gone(cast("Cluster", FakeCluster(held)), held, 0.05, lambda _, message: shown.append(message))
    assert shown == ["finalizers might be preventing deletion (g.example/hold)"]


def test_selectors_are_written_as_queries() -> None:
    expressions = [
        {"key": "a", "operator": "In", "values": ["1", "2"]},
        {"key": "b", "operator": "NotIn", "values": ["3"]},
        {"key": "c", "operator": "Exists"},
        {"key": "d", "operator": "DoesNotExist"},
    ]
    assert waiting.written({"matchLabels": {"x": "y"}, "matchExpressions": expressions}) == (
        "x=y,a in (1,2),b notin (3),c,!d"
    )
