"""Removing what the cluster's processes leave behind once they are dead: mounts, sockets, links, groups, files."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import cgroups, layout, machine, network
from cluster.command import run
from cluster.errors import LeftoverError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH = 200
# Places that containerd, kubelet and CNI have built in; what is ours in them is removed, and the folder if empty then.
_SHIM_SOCKETS = Path("/run/containerd/s")
_CONTAINER_LOG_LINKS = Path("/var/log/containers")
_CNI_RESULTS = Path("/var/lib/cni/results")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")


def remove_all() -> None:
    """Remove everything; works whatever was started, and when nothing was.

    Raises:
        LeftoverError: something is still in use.
    """
    _unmount()
    network.remove()
    cgroups.remove()
    for path in _elsewhere():
        path.unlink(missing_ok=True)
    for folder in (_SHIM_SOCKETS, _CONTAINER_LOG_LINKS, _CNI_RESULTS, _DEVICE_PLUGINS):
        with suppress(OSError):  # another's things are in it, or it was never made
            folder.rmdir()
            folder.parent.rmdir()
    if layout.STATE.exists():
        shutil.rmtree(layout.STATE)
    layout.kubeconfig().unlink(missing_ok=True)


def _elsewhere() -> Iterator[Path]:
    """Our files outside of the state folder."""
    yield from (path for path in _SHIM_SOCKETS.glob("*") if not machine.answers(path))
    yield from (path for path in _CONTAINER_LOG_LINKS.glob("*") if path.is_symlink() and _is_ours(path.readlink()))
    yield from (path for path in _CNI_RESULTS.glob("*") if str(layout.STATE) in path.read_text())
    if layout.KUBELET.exists():
        yield from (_DEVICE_PLUGINS / "kubelet.sock", _DEVICE_PLUGINS / "kubelet_internal_checkpoint")


def _is_ours(target: Path) -> bool:
    return target.is_relative_to(layout.STATE)


def _mounts() -> list[str]:
    """Mount points in the state folder, innermost first."""
    points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [point for point in points if _is_ours(Path(point))][::-1]


def _unmount() -> None:
    mounts = _mounts()
    for start in range(0, len(mounts), _BATCH):
        run("umount", "--lazy", *mounts[start : start + _BATCH])
    if left := _mounts():
        raise LeftoverError("mounts", left)
