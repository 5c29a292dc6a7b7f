"""The recorded program through our engine, step by step: the same plans, the same output, the same state."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.cluster_stack import ClusterStack
from tests.engine.projects import Result
from tests.engine.recordings import (
    GOLDEN,
    adapted,
    comparable,
    differences,
    final_rows,
    planned,
    read,
    recorded,
    settled,
)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PORT = 30990
NAMESPACE = "engine-golden"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    program = (GOLDEN / "program.py").read_text().replace("30300", str(PORT))
    made = ClusterStack(tmp_path_factory.mktemp("golden"), program, NAMESPACE, project="cutover")
    made.project.set(activeColor="blue", imageTag__blue="v1", imageTag__green="v2")
    made.project.must("config", "set", "--secret", "token", "s3cr3t")
    yield made
    made.close()


def recording(name: str) -> str:
    return adapted((GOLDEN / name).read_text()).replace("30300", str(PORT))


def up(stack: ClusterStack, *flags: str) -> Result:
    return stack.project.run("up", "--yes", "--skip-preview", *flags)


def check_state(stack: ClusterStack, name: str) -> None:
    expected = comparable(read(json.loads(recording(name))), "default")
    ours = stack.comparable()
    for resources in (expected, ours):
        for fields in resources.values():
            # The words for an image that cannot be had are the container runtime's, and the registry's state.
            fields["init_errors"] = [error.split("[app]")[0] for error in fields["init_errors"]]
        _hide_tokens(resources)
    assert differences(ours, expected) == []


def _hide_tokens(value: Any) -> None:
    """Make all secret texts equal: the recordings' token is theirs."""
    if isinstance(value, dict):
        if "secret" in value:
            value["secret"] = None
        for item in value.values():
            _hide_tokens(item)
    elif isinstance(value, list):
        for item in value:
            _hide_tokens(item)


def blocks(text: str) -> Counter[str]:
    """Return what `--diff` shows of each resource, whatever their order; namespace and ids as in the recordings."""
    text = re.sub(rf'(\[id=|namespace: "){NAMESPACE}', r"\1default", text)
    text = re.sub(r"::[0-9a-f]{8}-[0-9a-f-]{27}\]", "::id]", text).replace("exit 0", "").rstrip()
    return Counter(re.split(r"\n(?=\s*[-+~ ]{1,2} ?\S+:\S+:? \()|\n(?=    --outputs)|\n(?=Resources:)", text))


def test_a_first_preview(stack: ClusterStack) -> None:
    expected = json.loads(recording("02-preview-json.json"))
    found = stack.project.must("preview", "--json").json
    assert planned(found) == planned(expected)
    assert found["changeSummary"] == expected["changeSummary"]
    states = {step["urn"]: step["newState"] for step in found["steps"]}
    for step in expected["steps"]:
        assert _wanted(states[step["urn"]], NAMESPACE) == _wanted(step["newState"], "default"), step["urn"]
    assert blocks(stack.project.must("preview", "--diff").out) == blocks(recording("02-preview-diff.txt"))


def _wanted(state: dict[str, Any], namespace: str) -> Any:
    kept = {key: value for key, value in state.items() if key not in ("sourcePosition", "stackTrace")}
    if "dependencies" in kept:
        kept["dependencies"] = sorted(kept["dependencies"])
    return settled(kept, namespace)


def test_created(stack: ClusterStack) -> None:
    result = up(stack)
    assert result.code == 0
    assert final_rows(result.out) == final_rows(recording("03-up.txt").split("Updating (dev):")[1])
    assert result.section("Outputs") == ['    activeColor: "blue"', "    token      : [secret]"]
    assert result.section("Resources") == ["    + 9 created"]
    check_state(stack, "checkpoint-03-created.json")


def test_created_is_in_the_history(stack: ClusterStack) -> None:
    recorded_entry = json.loads(recording("history-03.json"))
    path = min(stack.project.state.glob("history/cutover/dev/*.history.json"))
    entry = json.loads(path.read_text())
    assert entry.keys() == recorded_entry.keys()
    for key in ("kind", "message", "version", "result", "resourceChanges"):
        assert entry[key] == recorded_entry[key]
    assert entry["config"]["cutover:imageTag"] == recorded_entry["config"]["cutover:imageTag"]
    assert entry["config"]["cutover:token"].keys() == {"secure"}


def test_nothing_to_do(stack: ClusterStack) -> None:
    assert stack.project.must("preview").section("Resources") == ["    9 unchanged"]


def test_a_promotion_previewed(stack: ClusterStack) -> None:
    stack.project.set(activeColor="green")
    expected = json.loads(recording("05-preview-json.json"))
    found = stack.project.must("preview", "--json").json
    assert planned(found) == planned(expected)
    assert found["changeSummary"] == expected["changeSummary"]
    assert blocks(stack.project.must("preview", "--diff").out) == blocks(recording("05-preview-diff.txt"))


def test_the_gate_fails(stack: ClusterStack) -> None:
    stack.project.set(fail="true")
    result = up(stack)
    assert result.code == 1
    words = 'error: before hook "probe-gate" failed: smoke test of green: 3 of 20 requests failed'
    assert words in recording("06-up-gate-fails.txt")
    assert words in result.out
    assert "Traceback" not in result.out + result.err
    check_state(stack, "checkpoint-06-gate-failed.json")
    assert stack.project.must("stack", "output", "activeColor").out == "blue\n"


def test_promoted(stack: ClusterStack) -> None:
    stack.project.must("config", "rm", "fail")
    result = up(stack)
    assert result.code == 0
    expected = recording("07-up.txt")
    assert final_rows(result.out) == final_rows(expected)
    for line in (*result.section("Outputs"), *result.section("Resources")):
        assert line in expected
    check_state(stack, "checkpoint-07-promoted.json")


def test_events(stack: ClusterStack) -> None:
    expected = json.loads(recording("08-up-events.json"))
    result = up(stack, "--json")
    events = [json.loads(line) for line in result.out.splitlines()]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert Counter(map(_kind, events)) == Counter(map(_kind, expected))
    assert _shape(events) == _shape(expected)


def _kind(event: dict[str, Any]) -> tuple[str, str, str]:
    kind = next(key for key in event if key not in ("sequence", "timestamp"))
    metadata = event[kind].get("metadata", {})
    return kind, metadata.get("op", ""), metadata.get("urn", "")


def _shape(events: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return which fields each kind of event has."""
    shape: dict[str, set[str]] = {}
    for event in events:
        kind = _kind(event)[0]
        shape.setdefault(kind, set()).update(event[kind].get("metadata", event[kind]))
    return shape


def test_output(stack: ClusterStack) -> None:
    found = stack.project.must("stack", "output", "--json").json
    assert found == json.loads(recording("09-output-json.txt").replace("exit 0", ""))


def test_an_image_that_does_not_exist(stack: ClusterStack) -> None:
    stack.project.set(imageTag__blue="v404")
    result = up(stack)
    assert result.code == 1
    assert "error: 3 errors occurred:" in result.out
    assert "'probe-blue' timed out waiting to be Ready" in result.out
    assert "Minimum number of Pods to consider the application live was not attained" in result.out
    assert "ImagePullBackOff" in result.out or "ErrImagePull" in result.out
    check_state(stack, "checkpoint-11-bad-image.json")
    assert "~ 1 to update" in stack.project.must("preview").out


def test_repaired(stack: ClusterStack) -> None:
    stack.project.set(imageTag__blue="v1")
    result = up(stack)
    assert result.code == 0
    assert result.section("Resources") == ["    ~ 1 updated", "    8 unchanged"]
    blue = next(fields for urn, fields in stack.comparable().items() if urn.endswith("Deployment::probe-blue"))
    assert blue["init_errors"] == []
    assert "6.9.0" in blue["inputs"]["spec"]["template"]["spec"]["containers"][0]["image"]


def test_drift_is_found_by_refresh_and_mended(stack: ClusterStack) -> None:
    stack.patch("service", "probe", {"spec": {"selector": {"color": "blue"}}})
    assert stack.project.must("preview").section("Resources") == ["    9 unchanged"]
    refreshed = stack.project.must("refresh", "--preview-only", "--diff").out
    assert '~ color: "green" => "blue"' in refreshed
    assert "    ~ 1 to update\n    8 unchanged" in refreshed
    result = up(stack, "--refresh")
    assert final_rows(result.out) & {"~ kubernetes:core/v1:Service probe updated [diff: ~spec]"}
    assert result.section("Resources") == ["    ~ 1 updated", "    8 unchanged"]
    assert stack.get("service", "probe")["spec"]["selector"]["color"] == "green"


def deleted(text: str) -> list[str]:
    """Return the names of the resources that a run deleted, in order."""
    return [line.split()[2] for line in text.splitlines() if re.search(r" deleted \(", line)]


def test_destroyed(stack: ClusterStack) -> None:
    result = stack.project.must("destroy", "--yes", "--skip-preview")
    assert result.section("Resources") == ["    - 9 deleted"]
    order = [line.split()[2] for line in result.out.splitlines() if re.search(r" deleted \(", line)]
    recorded_order = [
        line.split()[2] for line in recording("15-destroy.txt").splitlines() if re.search(r" deleted \(", line)
    ]
    assert order[0] == recorded_order[0] == "probe"
    assert sorted(order[1:3]) == sorted(recorded_order[1:3]) == ["probe-blue", "probe-green"]
    assert recorded(GOLDEN / "checkpoint-15-destroyed.json") == stack.comparable() == {}
    stack.project.must("stack", "rm", "--yes")
