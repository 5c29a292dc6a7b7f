"""Kills, locks, interrupts: nothing is ever lost."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

from tests.engine.projects import Project

Make = Callable[[str], Project]

SLOW = "a = Thing('a', name='a')\nThing('slow', name='slow', sleep=30, opts=Opts(depends_on=[a]))\n"


def wait_for(condition: Callable[[], bool], deadline: float = 60) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "the awaited moment did not come"
        time.sleep(0.02)


def test_a_killed_run_loses_nothing_and_the_next_one_warns(project: Make) -> None:
    stack = project(SLOW)
    process = stack.start("up", "--yes", "--skip-preview")
    wait_for(lambda: "create slow timeout=None" in stack.log)
    process.kill()
    process.wait()
    latest = stack.checkpoint["checkpoint"]["latest"]
    assert [r["urn"].split("::")[-1] for r in latest["resources"]][-1] == "a"
    assert [(p["type"], p["resource"]["urn"].split("::")[-1]) for p in latest["pending_operations"]] == [
        ("creating", "slow")
    ]

    locked = stack.run("up", "--yes", "--skip-preview")
    assert locked.code == 1
    assert "the stack is currently locked by 1 lock(s)" in locked.err
    assert f"(pid {process.pid})" in locked.err

    stack.must("cancel", "--yes")
    again = stack.start("up", "--yes", "--skip-preview")
    wait_for(lambda: stack.log.count("create slow timeout=None") == 2)
    again.kill()
    again.wait()
    assert len(stack.checkpoint["checkpoint"]["latest"]["pending_operations"]) == 1
    stack.must("cancel", "--yes")
    stack.write(stack.folder.joinpath("__main__.py").read_text().replace("sleep=30", "sleep=0"))
    result = stack.up()
    assert "Attempting to deploy or update resources with 1 pending operations from previous deployment." in result.out
    assert "slow, interrupted while creating" in result.out
    assert "pending_operations" not in stack.checkpoint["checkpoint"]["latest"]
    assert stack.objects() == {"a", "slow"}


def test_a_cloud_that_is_away_before_anything_is_planned_fails_the_run_in_its_own_words(project: Make) -> None:
    stack = project("Thing('a', name='a', away=True)\n")
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        failed = stack.run(*command)
        assert failed.code == 1
        assert "error: the cloud does not answer" in failed.out
        assert "Traceback" not in failed.out + failed.err


def test_the_program_ends_with_a_killed_engine(project: Make) -> None:
    stack = project(SLOW + "open('pid', 'w').write(str(__import__('os').getpid()))\n")
    process = stack.start("up", "--yes", "--skip-preview")
    wait_for(lambda: "create slow timeout=None" in stack.log)
    pid = int((stack.folder / "pid").read_text())
    process.kill()
    process.wait()
    wait_for(lambda: not _alive(pid), 10)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_first_interrupt_ends_the_run_in_order(project: Make) -> None:
    stack = project(SLOW)
    process = stack.start("up", "--yes", "--skip-preview")
    wait_for(lambda: "create slow timeout=None" in stack.log)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 8, out
    assert "^C received; cancelling" in out
    latest = stack.checkpoint["checkpoint"]["latest"]
    assert "pending_operations" not in latest
    assert [r["urn"].split("::")[-1] for r in latest["resources"]][-1] == "a"
    assert list(stack.state.glob("locks/**/*.json")) == []


def test_the_second_interrupt_ends_everything_at_once(project: Make) -> None:
    stack = project(
        "import time\n"
        "def hook(args):\n"
        "    import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "    open('hook', 'w').close()\n"
        "    time.sleep(60)\n"
        "Thing('h', name='h', opts=Opts(hooks=ResourceHookBinding(before_create=[ResourceHook('b', hook)])))\n"
    )
    process = stack.start("up", "--yes", "--skip-preview")
    wait_for((stack.folder / "hook").exists)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=3)
    assert process.returncode == 8


def test_preview_needs_no_lock_and_writes_nothing(project: Make) -> None:
    stack = project("Thing('a', name='a')\n")
    before = stack.checkpoint
    lock = stack.state / "locks/organization/probe/dev/other.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": 1, "username": "ann", "hostname": "host", "timestamp": "2026-01-01T00:00:00Z"}))
    stack.must("preview")
    assert stack.checkpoint == before
    refused = stack.run("destroy", "--yes")
    assert refused.code == 1
    assert "created by ann@host (pid 1) at 2026-01-01T00:00:00Z" in refused.err


def test_each_update_leaves_history_a_backup_and_the_file_before(project: Make) -> None:
    stack = project("Thing('a', name='a')\n")
    stack.must("up", "--yes", "--skip-preview", "-m", "the first")
    history = sorted(stack.state.glob("history/probe/dev/*.history.json"))
    entry = json.loads(history[0].read_text())
    assert entry["kind"] == "update"
    assert entry["message"] == "the first"
    assert entry["result"] == "succeeded"
    assert entry["resourceChanges"] == {"create": 2}
    assert len(list(stack.state.glob("history/probe/dev/*.checkpoint.json"))) == 1
    assert len(list(stack.state.glob("backups/probe/dev/dev.*.json"))) == 1
    assert (stack.state / "stacks/probe/dev.json.bak").exists()
    assert (stack.state / "meta.yaml").read_text() == "version: 1\n"


def test_refresh_finds_what_changed_and_what_is_gone(project: Make) -> None:
    stack = project("a = Thing('a', name='a', value='1')\nThing('b', name='b', opts=Opts(depends_on=[a]))\n")
    stack.up()
    (stack.cloud / "b.json").write_text(json.dumps({"name": "b", "value": "drifted"}))
    (stack.cloud / "a.json").unlink()
    preview = stack.must("refresh", "--preview-only")
    assert preview.section("Resources") == ["    ~ 1 to update", "    - 1 to delete", "    2 changes. 1 unchanged"]
    assert len(stack.resources) == 3
    stack.must("refresh", "--yes")
    assert list(stack.resources)[1:] == ["kubernetes:core/v1:ConfigMap::b"]
    b = stack.resources["kubernetes:core/v1:ConfigMap::b"]
    assert b["outputs"]["value"] == "drifted"
    assert "dependencies" not in b
    stack.must("up", "--yes", "--skip-preview", "--refresh")
    assert json.loads((stack.cloud / "b.json").read_text()).get("value") is None
    assert stack.objects() == {"a", "b"}
