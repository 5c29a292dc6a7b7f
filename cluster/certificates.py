"""The cluster's own certificate authority, the certificates it signs, and kubeconfig files made of them."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
from typing import TYPE_CHECKING

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster import layout

if TYPE_CHECKING:
    from pathlib import Path

_VALID = dt.timedelta(days=3650)
_HOSTS = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", layout.KUBERNETES_NODE)
_ADDRESSES = ("127.0.0.1", layout.API_SERVICE_ADDRESS, layout.NODE_ADDRESS)


def write_all(folder: Path) -> None:
    """Write the authority, the certificates `server`, `admin` and `kubelet`, and the key `service-accounts`, once.

    The names and groups are those Kubernetes expects: https://kubernetes.io/docs/setup/best-practices/certificates/
    """
    if (folder / "service-accounts.key").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name(f"{layout.NAME}-ca")
    ca = _builder(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    ca_certificate = ca.sign(ca_key, hashes.SHA256())
    _write(folder, "ca", ca_key, ca_certificate)
    for file, name, group in (
        ("server", "kubernetes", None),
        ("admin", f"{layout.NAME}-admin", "system:masters"),
        ("kubelet", f"system:node:{layout.KUBERNETES_NODE}", "system:nodes"),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(name, group), ca_name, key)
            .add_extension(
                x509.SubjectAlternativeName(
                    [
                        *(x509.DNSName(host) for host in _HOSTS),
                        *(x509.IPAddress(ipaddress.ip_address(a)) for a in _ADDRESSES),
                    ],
                ),
                critical=False,
            )
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
        )
        _write(folder, file, key, certificate.sign(ca_key, hashes.SHA256()))
    _write(folder, "service-accounts", ec.generate_private_key(ec.SECP256R1()))


def write_kubeconfig(path: Path, certificates: Path, user: str) -> None:
    """Write a kubeconfig that stands alone: every certificate is embedded as data.

    Its context, cluster and user all have the cluster's name. The file is replaced in one step, if it changed at all.
    """

    def data(file: str) -> str:
        return base64.b64encode((certificates / file).read_bytes()).decode()

    name = layout.NAME
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": layout.API_URL, "certificate-authority-data": data("ca.crt")}},
        ],
        "users": [
            {
                "name": name,
                "user": {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")},
            },
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "current-context": name,
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def _name(common: str, group: str | None = None) -> x509.Name:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, group), *names] if group else names)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - dt.timedelta(hours=1),
        not_valid_after=now + _VALID,
    )


def _write(
    folder: Path, file: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate | None = None
) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    if certificate is not None:
        _write_private(folder / f"{file}.crt", certificate.public_bytes(serialization.Encoding.PEM))
    _write_private(folder / f"{file}.key", pem)


def _write_private(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_bytes(content)
    part.replace(path)
