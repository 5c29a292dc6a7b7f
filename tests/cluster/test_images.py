from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from cluster.images import Image

if TYPE_CHECKING:
    from pathlib import Path


def image(tmp_path: Path) -> Image:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    page = tmp_path / "page"
    page.write_text("hello")
    page.chmod(0o640)
    return Image("registry.local/app:1", {"bin/app": program, "ui/page": page}, ("/bin/app",), folder="/ui")


def content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def test_every_blob_is_named_by_its_digest_and_reached_from_the_index(tmp_path: Path) -> None:
    image(tmp_path).write(tmp_path / "image.tar")
    files = content(tmp_path / "image.tar")

    def blob(descriptor: dict[str, Any]) -> bytes:
        algorithm, _, digest = descriptor["digest"].partition(":")
        found = files.pop(f"blobs/{algorithm}/{digest}")
        assert (hashlib.sha256(found).hexdigest(), len(found)) == (digest, descriptor["size"])
        return found

    assert json.loads(files.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files.pop("index.json"))["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "registry.local/app:1"
    manifest = json.loads(blob(entry))
    config = json.loads(blob(manifest["config"]))
    layer = blob(manifest["layers"][0])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"] == {"Entrypoint": ["/bin/app"], "User": "65532:65532", "WorkingDir": "/ui"}
    assert not files
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert {entry.name: (entry.mode, entry.size) for entry in tar} == {"bin/app": (0o755, 4), "ui/page": (0o640, 5)}


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        image(tmp_path).write(tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
