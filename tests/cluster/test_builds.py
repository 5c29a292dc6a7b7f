"""Builds of a module that is made here: a program that prints the version it was linked as."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from cluster.builds import Build
from cluster.embedded import KUBERNETES
from cluster.errors import BuildError

pytestmark = pytest.mark.cluster  # needs Go, as the cluster does

PROGRAM = 'package main\n\nvar Version = "none"\n\nfunc main() { println(Version) }\n'
BUILD = Build("hello", "example.com/hello", ("main.Version={version}",), "a moment", tags=("1.0.1", "1.0.2"))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOCACHE", subprocess.check_output(["go", "env", "GOCACHE"], text=True).strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "hello"
    (folder / "cmd" / "hello").mkdir(parents=True)
    (folder / "cmd" / "hello" / "main.go").write_text(PROGRAM)
    (folder / "go.mod").write_text("module example.com/hello\n\ngo 1.24\n\ntool example.com/hello/cmd/hello\n")
    (folder / "go.sum").write_text("")
    return folder


def fresh(source: Path) -> Build:
    """The build as another process sees it."""
    return replace(BUILD, home=source.parent)


def said(build: Build) -> str:
    output = io.StringIO()
    build.ensure(Console(file=output))
    return output.getvalue()


def test_each_tag_is_linked_with_its_version_and_only_once(source: Path) -> None:
    build = fresh(source)
    assert "built hello in" in said(build)
    for tag in BUILD.tags:
        assert (
            subprocess.run([build.program("hello", tag)], check=True, capture_output=True).stderr == f"{tag}\n".encode()
        )
    assert said(fresh(source)) == ""


def test_a_build_without_tags_is_the_version_that_go_mod_requires() -> None:
    assert re.fullmatch(r"1\.34\.\d+", "".join(KUBERNETES.versions))


def test_assets_are_kept_from_its_own_module_and_from_another(source: Path) -> None:
    other = source.parent / "other"
    (other / "notes").mkdir(parents=True)
    (other / "go.mod").write_text("module example.com/other\n")
    (other / "notes" / "theirs").write_text("theirs")
    (source / "ours").write_text("ours")
    with (source / "go.mod").open("a") as module:
        module.write("\nrequire example.com/other v0.0.0\n\nreplace example.com/other => ../other\n")
    build = replace(fresh(source), assets=("ours", "example.com/other//notes/theirs"))
    said(build)
    assert (build.folder / "ours").read_text() == "ours"
    assert (build.folder / "notes" / "theirs").read_text() == "theirs"


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_a_changed_pin_is_another_build(source: Path, file: str) -> None:
    before = fresh(source).folder
    assert fresh(source).folder == before
    (source / file).write_text((source / file).read_text() + "\n")
    assert fresh(source).folder != before


def test_a_failed_build_says_why_and_leaves_nothing_that_looks_built(source: Path) -> None:
    (source / "cmd" / "hello" / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    build = fresh(source)
    with pytest.raises(BuildError, match="undefined: nonsense"):
        said(build)
    assert [path.name for path in build.folder.parent.iterdir()] == ["hello.lock"]


def test_without_go_the_way_out_is_said(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BuildError, match="no `go` on the PATH; install Go"):
        said(fresh(source))
