from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import cgroups, layout

if TYPE_CHECKING:
    import pytest


def test_the_cluster_comes_before_what_else_the_machine_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / layout.CGROUP
    group.mkdir()
    (group / "cpu.shares").write_text("1024")
    monkeypatch.setattr(cgroups, "hierarchies", lambda: [tmp_path])
    assert cgroups.create() == [group / "system" / "cgroup.procs"]
    assert int((group / "cpu.shares").read_text()) > 1024
    assert not (group / "cpu.weight").exists()


def test_a_group_may_go_while_its_processes_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pods = tmp_path / layout.CGROUP / "kubepods"
    for name, pid in (("ended", 7), ("running", 8)):
        (pods / name).mkdir(parents=True)
        (pods / name / "cgroup.procs").write_text(f"{pid}\n")
    scan = os.scandir

    def ends_first(folder: str | Path) -> object:
        if Path(folder) == pods / "ended":
            (pods / "ended" / "cgroup.procs").unlink(missing_ok=True)
            (pods / "ended").rmdir()
        return scan(folder)

    monkeypatch.setattr(cgroups, "hierarchies", lambda: [tmp_path])
    monkeypatch.setattr(os, "scandir", ends_first)
    assert cgroups.members() == {8}
