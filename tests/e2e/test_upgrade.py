"""A newer Cutover that writes pod templates differently: the other color takes the new one first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

from bench.traffic import Load, running
from tests.e2e.conftest import blue_green
from tests.e2e.stacks import NEW, OLD, PROJECT, Stack


def test_the_live_color_keeps_what_an_earlier_cutover_wrote(stack: Callable[..., Stack], port: int) -> None:
    web = stack({"web": blue_green(port)})
    program = web.folder / "components"
    program.unlink()
    shutil.copytree(PROJECT / "components", program, ignore=shutil.ignore_patterns("__pycache__"))
    pod = program / "pod.py"
    earlier = pod.read_text().replace("enableServiceLinks=False", "enableServiceLinks=True")
    assert earlier != pod.read_text()
    pod.write_text(earlier)
    web.up()
    shutil.rmtree(program)
    program.symlink_to(PROJECT / "components")
    steps = json.loads(web.run("preview", "--json").output)["steps"]
    assert {step["op"] for step in steps} <= {"same", "update"}  # nothing is replaced
    with running(Load(f"http://127.0.0.1:{port}/version", rate=50, seconds=300), "upgrade") as traffic:
        staged = web.run("up", "--yes", "--diff", deadline=180).output
        assert "web-green" in staged
        assert "web-blue" not in staged
        web.run("preview", "--expect-no-changes")
        for color in ("green", "blue"):
            web.set("activeColor", color)
            web.up()
        answers = traffic.stop()
    assert not answers.errors
    assert [(switch.old, switch.new) for switch in answers.switches()] == [(OLD, NEW), (NEW, OLD)]
