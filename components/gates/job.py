"""Jobs of a gate: the user's own test, and smoke tests that are sent from inside the cluster."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from components import objects, pod
from components.gates.findings import Finding, Outcome
from components.gates.settings import Smoke, TestJob
from components.jobs import JobEnd, wait_until_ended
from components.kube import Cluster
from components.plan import Manifest
from components.reach import Answer, CannotAskError
from components.readiness import Say

KEEP_SECONDS = 3600
START_SECONDS = 60
"""What a Job gets beside its own deadline, to be scheduled and to pull its image."""

END_SECONDS = 10
"""What the cluster gets to end a Job that is overdue and to say so."""

CURL_USER = 65532
"""Images name curl's user by a word, of which Kubernetes cannot tell that it is not root."""

_MARK = "cutover-answer"


def test_template(test: TestJob, url: str) -> dict[str, Any]:
    """The pod template of the user's own test; `url` is where the color answers."""
    env = {"COLOR_URL": url, **test.env}
    container = {"name": "test", "image": test.image, "command": test.command, "args": test.args}
    return pod.job_template(
        container, env=env, env_from=test.env_from, account=test.service_account, user=test.run_as_user
    )


def curl_template(test: Smoke, url: str) -> dict[str, Any]:
    """The pod template of a smoke test: curl, which prints a line with the status after each body that is looked at."""
    headers = [part for name, value in test.headers.items() for part in ("--header", f"{name}: {value}")]
    ending = f"\\n{_MARK} %{{http_code}} %{{errormsg}}\\n"
    options = ["--silent", "--globoff", "--max-time", str(test.timeout_seconds), "--write-out", ending]
    one = [url + test.path] if test.body else ["--output", "/dev/null", url + test.path]
    container = {"name": "curl", "image": test.image, "args": [*options, *headers, *one * test.count]}
    return pod.job_template(container, env={}, env_from=[], account=None, user=CURL_USER)


def answers(log: Sequence[str]) -> list[Answer]:
    """Read what curl printed."""
    parts = re.split(rf"\n?{_MARK} (\d+) ?(.*)\n?", "\n".join(log))
    return [
        Answer(int(status), body, "" if int(status) else error or "no answer")
        for body, status, error in zip(parts[0::3], parts[1::3], parts[2::3], strict=False)
    ]


async def smoke_answers(cluster: Cluster, test: Smoke, meta: Manifest, url: str, say: Say) -> AsyncIterator[Answer]:
    """Send a smoke test's requests from a Job.

    Raises:
        CannotAskError: the Job could not run.
    """
    end = await _run(cluster, meta, curl_template(test, url), test.deadline_seconds, say)
    found = answers(end.log)
    if not found:
        raise CannotAskError(end.trouble or " ".join(end.log[-3:]) or "the Job printed no answer")
    for answer in found:
        yield answer


async def test(cluster: Cluster, settings: TestJob, meta: Manifest, url: str, say: Say) -> Finding:
    """Run the user's own test."""
    end = await _run(cluster, meta, test_template(settings, url), settings.deadline_seconds, say)
    head = f"job {settings.image}"
    if end.complete:
        return Finding(Outcome.PASSED, f"{head}: status 0")
    if end.overdue:
        return Finding(Outcome.FAILED, f"{head} had not ended after {settings.deadline_seconds} s")
    if end.code is None:
        return Finding(Outcome.INCONCLUSIVE, f"{head} could not run: {end.trouble}")
    tail = "".join(f"\n    {line}" for line in end.log[-10:])
    return Finding(Outcome.FAILED, f"{head}: status {end.code}; its last log lines:{tail}")


async def _run(cluster: Cluster, meta: Manifest, template: Manifest, seconds: int, say: Say) -> JobEnd:
    name, seconds = meta["name"], seconds + START_SECONDS
    await cluster.start_job(objects.job(meta, template, seconds=seconds, keep_seconds=KEEP_SECONDS))
    try:
        return await wait_until_ended(cluster, name, seconds=seconds + END_SECONDS, say=say)
    finally:
        await cluster.end_job(name)
