"""StatefulApp: pods with storage of their own, updated from the highest ordinal down, with a canary by ordinal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import Pod

from bench.watch import tag
from components.reach import Reach
from tests.e2e.census import census
from tests.e2e.conftest import podinfo
from tests.e2e.stacks import CONTEXT, NEW, OLD, Stack, client, kubeconfig


def stateful(**keys: Any) -> dict[str, Any]:
    claims = {"data": {"mountPath": "/data", "size": "64Mi"}}
    quick: dict[str, Any] = {"preStop": {"sleep": 0}, "terminationGracePeriodSeconds": 1}
    app = podinfo("StatefulApp", tag=OLD, volumeClaimTemplates=claims, **quick) | keys
    return {key: value for key, value in app.items() if key != "drainSeconds"}


def configure(stack: Stack, **keys: Any) -> None:
    stack.write(namespace=stack.namespace, apps={"db": stateful(**keys)})


def tags(stack: Stack) -> list[str]:
    """What the pods run, from ordinal 0 up."""
    pods = client(stack.namespace).list(Pod, labels={"app": "db"})
    return [tag(pod) for pod in sorted(pods, key=lambda pod: (pod.metadata and pod.metadata.name) or "")]


def uids(stack: Stack) -> set[str | None]:
    return {pod.metadata.uid for pod in client(stack.namespace).list(Pod, labels={"app": "db"}) if pod.metadata}


def ask_pod(stack: Stack, number: int, path: str, content: str | None = None) -> str:
    """Ask one pod through the API server; with `content`, send that."""

    async def asked() -> str:
        config = kubeconfig().get(CONTEXT)
        assert config
        server = Reach(config)._server
        url = f"/api/v1/namespaces/{stack.namespace}/pods/http:db-{number}:9898/proxy{path}"
        answer = await (server.get(url) if content is None else server.post(url, content=content.encode()))
        assert answer.status_code == 202, answer.text
        return str(answer.text if content is None else answer.json()["hash"])

    return asyncio.run(asked())


@pytest.fixture
def db(stack: Callable[..., Stack]) -> Stack:
    made = stack({"db": stateful()})
    made.up()
    return made


def test_data_outlive_a_partitioned_update_and_its_rollback(db: Stack) -> None:
    written = {number: ask_pod(db, number, "/store", f"of pod {number}") for number in range(3)}

    def expect(*versions: str) -> None:
        assert tags(db) == [*versions]
        assert [ask_pod(db, number, f"/store/{name}") for number, name in written.items()] == [
            f"of pod {number}" for number in range(3)
        ]

    with census(db, "db") as pods:
        configure(db, canary={"tag": NEW}, canaryReplicas=1)
        db.up()
        expect(OLD, OLD, NEW)
        outputs = db.outputs()["db"]
        assert (outputs["tag"], outputs["canaryTag"], outputs["partition"]) == (OLD, NEW, 2)

        configure(db, canary={"tag": NEW}, canaryReplicas=2)
        db.up()
        expect(OLD, NEW, NEW)
        configure(db, canary={"tag": NEW}, canaryReplicas=1)
        db.up()
        expect(OLD, OLD, NEW)
        seen = pods.stop()
    assert seen.least("ready") == 2
    assert seen.most("pods") == 3

    # made again from configuration alone, it stands at the same point
    db.lose_state()
    client(db.namespace).delete(StatefulSet, "db")
    give_up = time.monotonic() + 60
    while tags(db):
        assert time.monotonic() < give_up, "the StatefulSet's pods do not end"
        time.sleep(0.2)
    db.up()
    expect(OLD, OLD, NEW)

    configure(db)
    db.up()
    expect(OLD, OLD, OLD)


def test_what_is_bad_stops_at_its_first_pod_and_what_never_changes_is_refused(db: Stack) -> None:
    with census(db, "db") as pods:
        configure(db, tag="0.0.0")
        failed = db.fail_up()
        assert "ImagePull" in failed.output
        assert f"Ready now: 2 of {OLD}" in failed.output
        assert tags(db) == [OLD, OLD, "0.0.0"]
        # Kubernetes would wait for the pod that cannot start before it takes it back
        configure(db)
        db.up()
        seen = pods.stop()
    assert tags(db) == [OLD, OLD, OLD]
    assert seen.least("ready") == 2

    # a canary that does not pass its gate keeps to itself
    failing, passing = ({"smoke": {"home": {"path": path}}} for path in ("/status/500", "/version"))
    configure(db, canary={"tag": NEW}, canaryReplicas=1, gate=failing)
    assert "did not pass its gate" in db.fail_up().output
    configure(db, tag=NEW, gate=failing)
    assert "did not pass its gate" in db.fail_up().output
    assert tags(db) == [OLD, OLD, NEW]
    configure(db, tag=NEW, gate=passing)
    db.up()
    assert tags(db) == [NEW, NEW, NEW]

    before = uids(db)
    configure(db, tag=NEW, volumeClaimTemplates={"data": {"mountPath": "/data", "size": "128Mi"}})
    refused = db.attempt("preview")
    assert refused.code != 0
    assert "--cascade=orphan" in refused.output
    assert "--cascade=orphan" in db.fail_up().output
    assert uids(db) == before
