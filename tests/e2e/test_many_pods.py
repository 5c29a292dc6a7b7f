"""A color of more pods than one EndpointSlice holds (100): a move is then several writes of a controller."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench import figures, watch
from bench.traffic import Load, running
from tests.e2e.conftest import blue_green
from tests.e2e.stacks import NEW, OLD, Stack, kubeconfig

PODS = 120
MIXED_SECONDS = 4.0
"""About three times the 1.4 s that were measured."""


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_promotions_of_many_pods_lose_no_request(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port, replicas=PODS, recycle=False, progressDeadlineSeconds=900)})
    web.up(deadline=1200)
    with (
        running(Load(f"http://127.0.0.1:{port}/version", seconds=1200), "many-pods") as traffic,
        watch.endpoints(kubeconfig(), web.namespace, "web") as endpoints,
    ):
        for number in range(4):
            web.set("activeColor", ("green", "blue")[number % 2])
            web.up(deadline=300)
        answers, counts = traffic.stop(), endpoints.stop()
    assert not answers.errors
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEW), (NEW, OLD)] * 2
    assert counts.empty == []
    # several slices change one after the other: for a moment both colors answer, none is missing
    assert max(switch.overlap for switch in answers.switches()) < MIXED_SECONDS
    notes = f"BlueGreenApp of {PODS} pods, two EndpointSlices; endpoints of both colors in {len(counts.mixed)} states: "
    notes += "the slices change one after the other, and the node's proxy takes up changes at most once a second."
    figures.promotions("many-pods", "Promotions of 120 pods", answers, notes)
