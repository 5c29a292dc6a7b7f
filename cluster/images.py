"""Container images as OCI layout archives, written without a registry or a daemon.

The format: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Image:
    """One image of one layer.

    Attributes:
        reference: full name with a tag, e.g. `registry.local/podinfo:6.9.2`.
        files: path inside the image (without a leading slash) to the local file it holds; its permissions are kept.
        entrypoint: the command that `args` of a pod follow.
        user: numeric, so that `runAsNonRoot` can be checked: `uid:gid`.
        folder: the working directory.
    """

    reference: str
    files: Mapping[str, Path]
    entrypoint: Sequence[str]
    user: str = "65532:65532"
    folder: str = "/"

    @property
    def name(self) -> str:
        """Its name without registry and tag, e.g. `podinfo`."""
        return self.reference.rpartition("/")[2].partition(":")[0]

    def write(self, archive: Path) -> None:
        """Write the image as an OCI layout in a tar; the same image always gives the same bytes."""
        layer = self._layer()
        with tarfile.open(archive, "w") as tar:
            config = {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Entrypoint": list(self.entrypoint), "User": self.user, "WorkingDir": self.folder},
                "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            }
            manifest = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": _blob(tar, "application/vnd.oci.image.config.v1+json", _json(config)),
                "layers": [_blob(tar, "application/vnd.oci.image.layer.v1.tar", layer)],
            }
            descriptor = _blob(tar, "application/vnd.oci.image.manifest.v1+json", _json(manifest))
            descriptor["annotations"] = {"io.containerd.image.name": self.reference}
            _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": [descriptor]}))
            _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))

    def _layer(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path, source in sorted(self.files.items()):
                _add(tar, path, source.read_bytes(), source.stat().st_mode & 0o777)
        return buffer.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _blob(tar: tarfile.TarFile, media_type: str, content: bytes) -> dict[str, object]:
    digest = _digest(content)
    _add(tar, f"blobs/sha256/{digest.removeprefix('sha256:')}", content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}
