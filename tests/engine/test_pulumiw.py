"""./pulumiw picks an engine and says which."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.engine.projects import ROOT

CLI = '#!/bin/sh\n[ "$1" = plugin ] && exit {plugin}\necho "the real one: $*"\n'


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    plain = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
    path = ":".join([str(tmp_path / "bin"), *(p for p in plain if not Path(p, "pulumi").exists())])
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI")}
    return {**kept, "PATH": path, "HOME": str(tmp_path)}


def put_cli(tmp_path: Path, where: str = "bin", *, plugin: int = 1) -> None:
    cli = tmp_path / where / "pulumi"
    cli.parent.mkdir(parents=True)
    cli.write_text(CLI.format(plugin=plugin))
    cli.chmod(0o755)


def pulumiw(environment: dict[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "pulumiw"), "--version"],
        env={**environment, **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_cli_it_is_the_embedded_engine(environment: dict[str, str]) -> None:
    result = pulumiw(environment)
    assert result.stderr == "pulumiw: using the embedded engine: no Pulumi CLI was found\n"
    assert result.stdout.endswith("(embedded engine)\n")


@pytest.mark.parametrize("where", ["bin", ".pulumi/bin", ".pulumi/versions/3.272.0/bin"])
def test_a_cli_with_its_plugin_is_used(environment: dict[str, str], tmp_path: Path, where: str) -> None:
    put_cli(tmp_path, where)
    (tmp_path / ".pulumi/plugins/resource-kubernetes-v4.34.2").mkdir(parents=True)
    result = pulumiw(environment)
    assert result.stderr == f"pulumiw: using the Pulumi CLI at {tmp_path / where / 'pulumi'}\n"
    assert result.stdout == "the real one: --version\n"


def test_a_cli_that_can_get_its_plugin_is_used(environment: dict[str, str], tmp_path: Path) -> None:
    put_cli(tmp_path, plugin=0)
    assert pulumiw(environment).stdout == "the real one: --version\n"


def test_a_cli_without_its_plugin_is_not_used(environment: dict[str, str], tmp_path: Path) -> None:
    put_cli(tmp_path, plugin=1)
    result = pulumiw(environment)
    assert "using the embedded engine: the Kubernetes plugin of" in result.stderr
    assert result.returncode == 0


def test_the_choice_can_be_forced(environment: dict[str, str], tmp_path: Path) -> None:
    missing = pulumiw(environment, PULUMIW_ENGINE="cli")
    assert missing.returncode == 1
    assert "no Pulumi CLI was found; install it" in missing.stderr
    put_cli(tmp_path, plugin=0)
    assert "as PULUMIW_ENGINE says" in pulumiw(environment, PULUMIW_ENGINE="embedded").stderr
    assert pulumiw(environment, PULUMIW_ENGINE="both").returncode == 2
