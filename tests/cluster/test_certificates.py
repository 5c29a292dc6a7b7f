from __future__ import annotations

import socket
import ssl
import stat
import threading
from typing import TYPE_CHECKING

import pytest
import yaml

from cluster import certificates

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    certificates.write_all(tmp_path / "certificates")
    return tmp_path / "certificates"


def test_client_and_server_trust_each_other_and_nobody_else(folder: Path, tmp_path: Path) -> None:
    certificates.write_all(tmp_path / "others")

    def greet(client_folder: Path) -> str:
        server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.crt")
        server_context.verify_mode = ssl.CERT_REQUIRED
        server_context.load_cert_chain(folder / "server.crt", folder / "server.key")
        client_context = ssl.create_default_context(cafile=folder / "ca.crt")
        client_context.load_cert_chain(client_folder / "admin.crt", client_folder / "admin.key")
        ours, theirs = socket.socketpair()
        seen: list[str] = []

        def serve() -> None:
            try:
                with server_context.wrap_socket(theirs, server_side=True) as accepted:
                    subject = dict(pair[0] for pair in accepted.getpeercert()["subject"])  # type: ignore[index, misc]
                    seen.append(f"{subject['organizationName']}")
            except ssl.SSLError:
                theirs.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with client_context.wrap_socket(ours, server_hostname="127.0.0.1") as connected:
                connected.read()
        except (ssl.SSLError, ConnectionError):
            pass
        thread.join(5)
        return "".join(seen)

    assert greet(folder) == "system:masters"
    assert greet(tmp_path / "others") == ""


def test_they_are_made_once_and_private(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    certificates.write_all(folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in before} == {0o600}


def test_a_kubeconfig_stands_alone(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "kube" / "config.yaml"
    certificates.write_kubeconfig(path, folder, "admin")
    config = yaml.safe_load(path.read_text())
    names = {entry["name"] for kind in ("clusters", "users", "contexts") for entry in config[kind]}
    assert names == {"cutover-embedded"} == {config["current-context"]}
    assert str(folder) not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
