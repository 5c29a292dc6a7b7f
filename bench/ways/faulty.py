"""The bad version: its pods are ready, and it answers every tenth request with a 500."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from bench.command import ROOT
from bench.ways.objects import BAD, IMAGE
from cluster import Cluster
from cluster.builds import Build
from cluster.images import Image

_TAG: Final = "1.0.0"
_PROGRAM: Final = Build("faulty", "", (), "some seconds", tags=(_TAG,), home=ROOT / "tests" / "e2e")


def load(cluster: Cluster, console: Console, image: str = f"{IMAGE}:{BAD}") -> None:
    """Make the node have it as an image: by default as a version of the app's."""
    _PROGRAM.ensure(console)
    with TemporaryDirectory() as folder:
        archive = Path(folder, "image.tar")
        Image(image, {"faulty": _PROGRAM.program("faulty", _TAG)}, ("/faulty",)).write(archive)
        cluster.load(archive)
