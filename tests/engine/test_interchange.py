"""Where the Pulumi CLI is installed: either engine carries on where the other stopped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.cluster_stack import ClusterStack

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="the Pulumi CLI is not on the PATH"),
]

PROGRAM = """
import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()


def gate(args):
    pulumi.log.info("gate")


class Box(pulumi.ComponentResource):
    def __init__(self):
        super().__init__("test:index:Box", "box")
        hooks = pulumi.ResourceHookBinding(before_update=[pulumi.ResourceHook("gate", gate)])
        self.map = k8s.core.v1.ConfigMap(
            "map", metadata={"name": "map", "labels": {"v": config.get("v") or "1"}}, data={"k": "1"},
            opts=pulumi.ResourceOptions(parent=self, hooks=hooks),
        )
        k8s.core.v1.Secret("secret", metadata={"name": "secret"}, string_data={"k": pulumi.Output.secret("x")},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.map]))
        self.register_outputs({"v": self.map.metadata["labels"]["v"]})


pulumi.export("v", Box().map.metadata["labels"]["v"])
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[ClusterStack]:
    made = ClusterStack(tmp_path, PROGRAM, "engine-interchange")
    yield made
    made.close()


def cli(stack: ClusterStack, *arguments: str) -> None:
    """Run the real CLI on the same files. Fails the test when it does."""
    environment = {key: value for key, value in stack.project.environment.items() if key != "PULUMI_HOME"}
    process = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=stack.project.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr


def test_the_cli_carries_on_where_the_engine_stopped_and_the_engine_where_the_cli_did(stack: ClusterStack) -> None:
    stack.project.up()
    cli(stack, "preview", "--expect-no-changes")
    stack.project.set(v="2")
    cli(stack, "up", "--yes", "--skip-preview")
    stack.project.must("preview", "--expect-no-changes")
    stack.project.set(v="3")
    stack.project.up()
    cli(stack, "preview", "--expect-no-changes")
    cli(stack, "destroy", "--yes", "--skip-preview")
    assert stack.project.resources == {}
