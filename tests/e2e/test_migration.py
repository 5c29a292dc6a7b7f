"""A migration runs before any pod of the new version, and the old version must be able to live with it."""

from __future__ import annotations

from collections.abc import Callable

from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import Job

from tests.e2e.conftest import blue_green
from tests.e2e.stacks import NEXT, OLD, Stack, client


def jobs(stack: Stack) -> set[str]:
    return {job.metadata.name for job in client(stack.namespace).list(Job) if job.metadata and job.metadata.name}


def image(stack: Stack) -> str | None:
    """The image of the staged color's pods."""
    deployment = client(stack.namespace).get(Deployment, "web-green")
    assert deployment.spec.template.spec
    return deployment.spec.template.spec.containers[0].image


def test_a_version_starts_only_after_its_migration(stack: Callable[..., Stack]) -> None:
    migration = {"command": ["./podinfo", "--version"]}
    web = stack({"web": blue_green(replicas=1, migration=migration)})
    web.up()
    first = jobs(web)
    assert len(first) == 2
    assert "expect-no-changes" not in web.run("preview", "--expect-no-changes").output
    staged = image(web)
    web.set("imageTag.green", NEXT)
    web.set("apps.web.migration.command[1]", "--no-such-flag")
    for _ in range(2):
        failure = web.fail_up().output
        assert "did not end well" in failure
        assert "get version number" in failure
        assert "kubectl delete job web-migrate-" in failure
        assert image(web) == staged
    web.set("apps.web.migration.command[1]", "--version")
    web.up()
    assert str(image(web)).endswith(NEXT)
    web.run("destroy", "--yes", deadline=180)


def test_the_live_version_must_live_with_the_migration(stack: Callable[..., Stack]) -> None:
    # what the live version answers stands for what the migration did to it
    gate = {"smoke": {"version": {"path": "/version", "body": NEXT}}}
    web = stack({"web": blue_green(replicas=1, gate=gate)}, imageTag={"blue": OLD, "green": OLD})
    web.up()
    web.set("imageTag.green", NEXT)
    web.set("apps.web.migration.command[0]", "./podinfo")
    web.set("apps.web.migration.command[1]", "--version")
    failure = web.fail_up().output
    assert "blue, which is live, fails its smoke test after migration web-migrate-" in failure
    assert str(image(web)).endswith(OLD)
