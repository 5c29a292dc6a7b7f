"""Jobs of a gate: what their pods are, what curl prints, and how a Job's end is judged."""

from __future__ import annotations

import asyncio
import subprocess
from typing import Any

import pytest

from components.gates import job
from components.gates.findings import Outcome
from components.gates.settings import Smoke, TestJob
from components.plan import Manifest
from components.reach import Answer, CannotAskError
from tests.unit.clock import in_no_time
from tests.unit.jobs import Jobs
from tests.unit.pod_security import violations

URL = "http://10.0.0.7:80"
SMOKE = Smoke.model_validate(
    {"path": "/a[1]?b={c}", "via": "job", "image": "curlimages/curl:8.11.0", "count": 3, "headers": {"X-Test": "a b"}}
)
TEST = TestJob.model_validate({"image": "tests:1", "args": ["--all"], "env": {"A": "1"}, "deadlineSeconds": 20})
TEMPLATES = {"the user's test": job.test_template(TEST, URL), "curl": job.curl_template(SMOKE, URL)}


@pytest.mark.parametrize("name", TEMPLATES)
def test_its_pods_are_as_secure_as_the_apps(name: str) -> None:
    spec = TEMPLATES[name]["spec"]
    assert list(violations(spec)) == []
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}, "root"),
        ({"securityContext": {"runAsNonRoot": True}}, "seccomp"),
        ({"volumes": [{"name": "a", "hostPath": {}}]}, "volume hostPath"),
        ({"containers": [{"name": "test"}]}, "privileges"),
        ({"initContainers": [{"securityContext": {"allowPrivilegeEscalation": False}}]}, "capabilities"),
    ],
)
def test_what_is_less_secure_is_seen(change: dict[str, Any], violation: str) -> None:
    assert violation in violations(TEMPLATES["the user's test"]["spec"] | change)


def test_the_users_test_is_told_where_the_color_answers() -> None:
    (container,) = TEMPLATES["the user's test"]["spec"]["containers"]
    assert (container["image"], container["args"]) == ("tests:1", ["--all"])
    assert container["env"] == [{"name": "COLOR_URL", "value": URL}, {"name": "A", "value": "1"}]


def test_an_account_brings_its_token() -> None:
    keys = {"image": "tests:1", "serviceAccount": "tester", "runAsUser": 7}
    spec = job.test_template(TestJob.model_validate(keys), URL)["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("tester", True)
    assert spec["securityContext"]["runAsUser"] == 7


# what curl printed, line by line, and the answers in it
PRINTED: dict[str, tuple[list[str], list[Answer]]] = {
    "nothing": ([], []),
    "a body": (["hello", "cutover-answer 200 "], [Answer(200, "hello")]),
    "no body": (["", "cutover-answer 204 "], [Answer(204)]),
    "a body of lines, the last one ended": (
        ["one", "", "two", "", "cutover-answer 200 "],
        [Answer(200, "one\n\ntwo\n")],
    ),
    "several": (
        ["cutover-answer 200 ", "hello", "cutover-answer 500 ", "", "cutover-answer 204 "],
        [Answer(200), Answer(500, "hello"), Answer(204)],
    ),
    "none, with a reason": (
        ["cutover-answer 000 Connection refused", "hello", "cutover-answer 200 "],
        [Answer(error="Connection refused"), Answer(200, "hello")],
    ),
    "none, without": (["cutover-answer 000 "], [Answer(error="no answer")]),
    "something else": (["exec: curl: not found"], []),
}


@pytest.mark.parametrize("case", PRINTED)
def test_reads_what_curl_printed(case: str) -> None:
    log, answers = PRINTED[case]
    assert job.answers(log) == answers


@pytest.mark.parametrize("body", ["one", None], ids=["bodies", "none that is looked at"])
def test_curl_prints_what_is_read(body: str | None) -> None:
    smoke = SMOKE.model_copy(update={"body": body})
    responses = [(b"204 No Content", b""), None, (b"500 Oops", b"one\n\ntwo\n\n")]
    requests: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if response := responses.pop(0):
            writer.write(b"HTTP/1.1 %b\r\nConnection: close\r\n\r\n%b" % response)
        writer.close()

    async def run() -> str:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        (container,) = job.curl_template(smoke, url)["spec"]["containers"]
        async with server:
            curl = ["curl", *container["args"]]
            done = await asyncio.to_thread(
                subprocess.run, curl, capture_output=True, text=True, check=False, timeout=60
            )
        assert isinstance(done.stdout, str)
        return done.stdout

    first, refused, last = job.answers(asyncio.run(run()).splitlines())
    assert (first, last) == (Answer(204), Answer(500, "one\n\ntwo\n\n" if body else ""))
    assert refused.error in {"Empty reply from server", "Recv failure: Connection reset by peer"}
    assert all(request.startswith("GET /a[1]?b={c} HTTP/1.1") for request in requests)
    assert all("X-Test: a b" in request for request in requests)


META: Manifest = {"name": "web-blue-gate-1", "namespace": "test", "labels": {"app": "web"}}

ENDS: dict[str, tuple[Jobs, Outcome, str]] = {
    "well": (Jobs(), Outcome.PASSED, "job tests:1: status 0"),
    "badly": (
        Jobs(code=3, printed=[f"line {number}" for number in range(12)]),
        Outcome.FAILED,
        "job tests:1: status 3; its last log lines:\n    line 2\n",
    ),
    "too late": (
        # the cluster needs a while to end its pods and to say so
        Jobs(seconds=85, code=None, overdue=True, reason="Job was active longer than specified deadline"),
        Outcome.FAILED,
        "job tests:1 had not ended after 20 s",
    ),
    "never": (Jobs(seconds=1e9), Outcome.INCONCLUSIVE, "could not run: Job web-blue-gate-1 has not ended after 90 s"),
    "by another hand": (Jobs(gone=True), Outcome.INCONCLUSIVE, "could not run: Job web-blue-gate-1 is not there after"),
    "without a start": (
        Jobs(seconds=1e9, waiting="ImagePullBackOff"),
        Outcome.INCONCLUSIVE,
        "could not run: Pod pod: ImagePullBackOff (no such image).",
    ),
    "by the cluster": (
        Jobs(code=None, reason="Job has reached the specified backoff limit"),
        Outcome.INCONCLUSIVE,
        "could not run: Job has reached the specified backoff limit",
    ),
}


@pytest.mark.parametrize("case", ENDS)
def test_the_users_test_ends(case: str) -> None:
    jobs, outcome, text = ENDS[case]
    cluster: Any = jobs
    finding = in_no_time(job.test(cluster, TEST, META, URL, lambda _: None))
    assert finding.outcome is outcome
    assert text in finding.text
    assert jobs.ended == ["web-blue-gate-1"]
    (manifest,) = jobs.started
    assert manifest["metadata"]["name"] == "web-blue-gate-1"
    assert (manifest["spec"]["activeDeadlineSeconds"], manifest["spec"]["backoffLimit"]) == (80, 0)
    assert manifest["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert "metadata" not in manifest["spec"]["template"], "no label that a Service could select"


async def answered(jobs: Jobs) -> list[Answer]:
    cluster: Any = jobs
    return [answer async for answer in job.smoke_answers(cluster, SMOKE, META, URL, lambda _: None)]


def test_smoke_tests_have_the_answers_that_curl_got() -> None:
    log = ["cutover-answer 200 ", "cutover-answer 000 refused"]
    jobs = Jobs(code=7, printed=log)
    assert in_no_time(answered(jobs)) == [Answer(200), Answer(error="refused")]
    assert jobs.ended == ["web-blue-gate-1"]


@pytest.mark.parametrize(
    ("jobs", "why"),
    [
        (Jobs(code=127, printed=["curl: not found"]), "curl: not found"),
        (Jobs(code=0, printed=[]), "the Job printed no answer"),
        (Jobs(seconds=1e9, waiting="ErrImagePull"), "ErrImagePull"),
    ],
)
def test_a_job_without_answers_blames_nobody(jobs: Jobs, why: str) -> None:
    with pytest.raises(CannotAskError, match=why):
        in_no_time(answered(jobs))
    assert jobs.ended == ["web-blue-gate-1"]
