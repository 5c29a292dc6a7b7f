"""What becomes of the volumes that the cluster offers; that pods keep data on them is in tests/e2e/test_stateful.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster import storage
from cluster.api import Api

API = Api(Path("/nowhere"))


class Server:
    """An API server that keeps what it is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: dict[str, Any] = {}
        monkeypatch.setattr(Api, "apply", lambda _, path, document: self.kept.update({path: json.loads(document)}))
        monkeypatch.setattr(Api, "merge", self._merge)
        monkeypatch.setattr(Api, "objects", lambda _, path: [self.kept[key] for key in self.kept if path in key])

    def _merge(self, path: str, changes: Mapping[str, Any]) -> None:
        assert changes == {"spec": {"claimRef": None}}
        self.kept[path]["status"] = {"phase": "Available"}

    def phase(self, name: str, phase: str) -> None:
        self.kept[f"/api/v1/persistentvolumes/{name}"]["status"] = {"phase": phase}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    monkeypatch.setattr(storage, "_FOLDER", tmp_path)
    made = Server(monkeypatch)
    storage.offer(API)
    return made


def test_volumes_are_offered_as_the_clusters_own_class(server: Server, tmp_path: Path) -> None:
    kinds = [kept["kind"] for kept in server.kept.values()]
    assert kinds.count("StorageClass") == 1
    assert kinds.count("PersistentVolume") == len(list(tmp_path.iterdir())) == 32
    volume = server.kept["/api/v1/persistentvolumes/local-00"]
    assert volume["spec"]["local"]["path"] == str(tmp_path / "local-00")
    assert (tmp_path / "local-00").stat().st_mode & 0o777 == 0o777


def test_what_was_given_back_is_emptied_and_offered_again_and_what_is_in_use_is_left_alone(
    server: Server, tmp_path: Path
) -> None:
    for name, phase in (("local-00", "Released"), ("local-01", "Bound")):
        (tmp_path / name / "data").write_text("of somebody")
        server.phase(name, phase)
    storage.offer(API)
    assert not (tmp_path / "local-00" / "data").exists()
    assert server.kept["/api/v1/persistentvolumes/local-00"]["status"]["phase"] == "Available"
    assert (tmp_path / "local-01" / "data").read_text() == "of somebody"
    assert server.kept["/api/v1/persistentvolumes/local-01"]["status"]["phase"] == "Bound"
