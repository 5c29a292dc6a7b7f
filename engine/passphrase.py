"""Secrets by passphrase, as Pulumi keeps them (pkg/secrets/passphrase, sdk/go/common/resource/config/crypt.go).

Key: PBKDF2-HMAC-SHA256, 1,000,000 rounds, 8 bytes of salt. Cipher: AES-256-GCM. Text: `v1:<nonce>:<ciphertext+tag>`,
both base64. A stack's salt is written `v1:<salt>:<the word "pulumi", encrypted>`, which is what proves a passphrase.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import sys
from base64 import b64decode, b64encode
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import SecretsError

_ROUNDS: Final = 1_000_000
_PROOF: Final = "pulumi"


def ask_passphrase(stack: str, *, twice: bool = False) -> str:
    """Take the passphrase from the environment, as the CLI does, or from the terminal."""
    if (direct := os.environ.get("PULUMI_CONFIG_PASSPHRASE")) is not None:
        return direct
    if file := os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretsError(f"unable to read PULUMI_CONFIG_PASSPHRASE_FILE: {error}") from error
    if not sys.stdin.isatty():
        raise SecretsError(
            "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment "
            "variables"
        )
    phrase = getpass.getpass(f"Enter your passphrase to protect config/secrets ({stack}): ")
    if twice and getpass.getpass("Re-enter your passphrase to confirm: ") != phrase:
        raise SecretsError("passphrases do not match; run the command again")
    return phrase


class Crypter:
    """Encrypts and decrypts for one stack. The key is derived when the first secret needs it, and once."""

    def __init__(self, salt: str, stack: str) -> None:
        self.salt = salt
        self._stack = stack

    @classmethod
    def create(cls, stack: str) -> Crypter:
        """Make a new salt for a new stack."""
        raw = secrets.token_bytes(8)
        cipher = _derive(ask_passphrase(stack, twice=True), raw)
        crypter = cls(f"v1:{b64encode(raw).decode()}:{_encrypt(cipher, _PROOF)}", stack)
        crypter.__dict__["_cipher"] = cipher
        return crypter

    @cached_property
    def _cipher(self) -> AESGCM:
        version, raw, proof = (*self.salt.split(":", 2), "", "")[:3]
        if version != "v1":
            raise SecretsError(f"stack '{self._stack}': unknown encryption salt version {version!r}; only v1 is known")
        cipher = _derive(ask_passphrase(self._stack), b64decode(raw))
        try:
            proven = _decrypt(cipher, proof) == _PROOF
        except (InvalidTag, ValueError):
            proven = False
        if not proven:
            raise SecretsError(f"incorrect passphrase for stack '{self._stack}'; check PULUMI_CONFIG_PASSPHRASE")
        return cipher

    def encrypt(self, text: str) -> str:
        return _encrypt(self._cipher, text)

    def decrypt(self, ciphertext: str) -> str:
        """Raises SecretsError when the text was encrypted with another key, or changed."""
        try:
            return _decrypt(self._cipher, ciphertext)
        except (InvalidTag, ValueError) as error:
            raise SecretsError(
                f"a secret of stack '{self._stack}' cannot be decrypted; was it copied from another stack?"
            ) from error


@cache
def _derive(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ROUNDS, 32))


def _encrypt(cipher: AESGCM, text: str) -> str:
    nonce = secrets.token_bytes(12)
    return f"v1:{b64encode(nonce).decode()}:{b64encode(cipher.encrypt(nonce, text.encode(), None)).decode()}"


def _decrypt(cipher: AESGCM, ciphertext: str) -> str:
    version, nonce, sealed = ciphertext.split(":", 2)
    if version != "v1":
        raise ValueError(version)
    return cipher.decrypt(b64decode(nonce), b64decode(sealed), None).decode()
