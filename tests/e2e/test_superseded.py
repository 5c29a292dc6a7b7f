"""Versions that overtake each other: bad ones before and after a good one, a third one, steps changed under way."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bench.traffic import Load, running
from tests.e2e.conftest import blue_green, canary
from tests.e2e.sites import Site
from tests.e2e.stacks import NEW, NEXT, OLD, Stack, size

BAD, NOWHERE = NEXT, "0.0.404"
"""A version that fails its gate, and one that never becomes ready."""

GATE = {"smoke": {"version": {"path": "/version", "body": NEW}}}
UNREADY, FAILED, REMEMBERED = "pods ready", "did not pass its gate: smoke version", "did not pass its gate on 20"


@pytest.mark.parametrize(("bad", "told"), [(BAD, FAILED), (NOWHERE, UNREADY)], ids=["gate", "readiness"])
def test_a_bad_version_before_and_after_a_good_one_gets_no_request(
    stack: Callable[..., Stack], port: int, bad: str, told: str
) -> None:
    web = stack({"web": blue_green(port, gate=GATE)}, imageTag={"blue": OLD, "green": bad}, idleReplicas=0)
    web.up()
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), f"superseded-{bad}") as traffic:
        web.set("activeColor", "green")
        assert told in web.fail_up().output
        web.set("imageTag.green", NEW)
        web.up()
        web.set("imageTag.blue", bad)
        web.set("activeColor", "blue")
        assert told in web.fail_up().output
        answers = traffic.stop()
    assert answers.errors == {}
    assert set(answers.versions) == {OLD, NEW}
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEW)]


def refuse(site: Site, told: str, **position: object) -> None:
    """Try to give a canary a share; it must fail and say why."""
    for key, value in position.items():
        site.stack.set(key, value)
    failure = site.stack.fail_up().output
    assert told in failure, failure


def test_no_bad_version_gets_a_share_whenever_it_comes(canary_site: Callable[..., Site]) -> None:
    site = canary_site(gate=GATE, position={"imageTag": {"blue": OLD, "green": NOWHERE}})
    share, none = {"canaryReplicas": 1, "canaryWeight": 25}, {"canaryReplicas": 0, "canaryWeight": 0}
    with running(site.load(rate=50, seconds=300), "superseded-route") as traffic:
        refuse(site, UNREADY, **share)
        refuse(site, FAILED, **{"imageTag.green": BAD})
        site.up(**none)
        refuse(site, REMEMBERED, **share)
        site.up(**{"imageTag.green": NEW})
        refuse(site, "has 25% of the live traffic", **{"imageTag.green": BAD})
        site.up(**{"imageTag.green": NEW}, **none, activeColor="green")
        refuse(site, FAILED, **{"imageTag.blue": BAD}, **share)
        answers = traffic.stop()
    assert answers.errors == {}
    assert set(answers.versions) == {OLD, NEW}
    assert site.answers(200).versions == {NEW: 200}


def versions(port: int) -> set[str]:
    time.sleep(1)  # the node's proxy writes its rules at most once a second
    with running(Load(f"http://127.0.0.1:{port}/version", rate=500, count=500), "superseded-look") as traffic:
        return set(traffic.wait().versions)


def test_a_canary_without_a_router_gives_way_is_dropped_and_starts_again(
    stack: Callable[..., Stack], port: int
) -> None:
    api = stack({"api": canary(port, gate=GATE)}, canaryReplicas=1)
    api.up()
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "superseded-canary") as traffic:
        api.set("imageTag.green", BAD)  # a third version while the canary takes traffic
        api.up()
        assert versions(port) == {OLD, BAD}
        api.set("canaryReplicas", 2)
        assert FAILED in api.fail_up().output
        api.set("canaryReplicas", 0)
        api.up()
        assert versions(port) == {OLD}
        api.set("canaryReplicas", 1)
        assert REMEMBERED in api.fail_up().output
        assert versions(port) == {OLD}
        api.set("imageTag.green", NEW)
        api.up()
        assert versions(port) == {OLD, NEW}
        answers = traffic.stop()
    assert answers.errors == {}


def test_the_share_follows_steps_that_change_under_way(canary_site: Callable[..., Site]) -> None:
    site = canary_site()
    with running(site.load(rate=100, seconds=300), "superseded-steps") as traffic:
        for replicas, weight, of in ((3, 50, 3), (1, 5, 3), (2, 25, 5)):
            site.up(canaryReplicas=replicas, canaryWeight=weight, **{"apps.web.replicas": of})
            share = site.answers(4000).share(NEW)
            assert share.fits(weight / 100), f"{share.value:.4f} is outside {share.band(weight / 100)}"
            assert (size(site.stack, "web-blue"), size(site.stack, "web-green")) == (of, replicas)
        answers = traffic.stop()
    assert answers.errors == {}
