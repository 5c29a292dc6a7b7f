"""Promotions of a BlueGreenApp by `config set` and `up`, under traffic that never retries."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bench import figures
from bench.answers import Answers
from bench.traffic import Load, running
from tests.e2e.conftest import blue_green
from tests.e2e.stacks import NEW, NEXT, OLD, Stack, ask, namespace_exists

ENDING_SECONDS = 15
"""A pod that ends serves on for its preStop (5 s) and podinfo for 3 s more; about twice that."""


def promote_back_and_forth(stack: Stack, port: int, times: int) -> Answers:
    """Promote `times` times under 200 requests a second, and see that no request is lost and none goes back."""
    with running(Load(f"http://127.0.0.1:{port}/version", seconds=3600, count=1_000_000), "promotion") as traffic:
        for number in range(times):
            stack.set("activeColor", ("green", "blue")[number % 2])
            stack.up()
        answers = traffic.stop()
    assert answers.errors == {}
    seen = [(switch.old, switch.new) for switch in answers.switches()]
    assert seen == [((OLD, NEW), (NEW, OLD))[number % 2] for number in range(times)]
    assert [switch.stragglers for switch in answers.switches()] == [0] * times
    return answers


def test_the_staged_version_answers_before_it_is_live(stack: Callable[..., Stack]) -> None:
    web = stack({"web": blue_green(replicas=1)})
    web.up()
    assert OLD in ask(web.namespace, "web")
    assert NEW in ask(web.namespace, "web-preview")
    web.set("imageTag.green", NEXT)
    web.up()
    assert OLD in ask(web.namespace, "web")
    assert NEXT in ask(web.namespace, "web-preview")


def test_promotions_lose_no_request(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    promote_back_and_forth(web, port, 10)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_hundred_promotions_lose_no_request(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    answers = promote_back_and_forth(web, port, 100)
    figures.promotions("promotions", "A hundred promotions", answers, "BlueGreenApp of 3 pods, NodePort, no router.")


def test_keep_alive_clients_leave_the_old_version_when_its_pods_have_ended(
    stack: Callable[..., Stack], port: int
) -> None:
    web = stack({"web": blue_green(port)})
    web.up()
    web.set("activeColor", "green")
    with running(Load(f"http://127.0.0.1:{port}/version", seconds=300, keep_alive=True), "keep-alive") as traffic:
        web.up()
        ended = time.monotonic()
        time.sleep(ENDING_SECONDS + 5)
        answers = traffic.stop()
    (switch,) = answers.switches()
    assert (switch.old, switch.new) == (OLD, NEW)
    last = answers.last(OLD)
    assert last is not None
    assert last.start < ended + ENDING_SECONDS
    assert answers.lost <= 8, f"{answers.errors}: more than one request per connection"


def test_up_twice_changes_nothing_and_destroy_leaves_nothing(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port, config={"data": {"GREETING": "hello"}})})
    web.up()
    assert "unchanged" in web.up("--expect-no-changes").output
    assert "unchanged" in web.run("preview", "--expect-no-changes").output
    web.run("destroy", "--yes", deadline=120)
    assert not namespace_exists(web.namespace)
    assert web.run("stack", "output", "--json").output.strip() == "{}"
