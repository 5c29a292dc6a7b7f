"""One stack, opened: its files, its config, its secrets and its state."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine import git
from engine.config import Setting, StackConfig
from engine.passphrase import Crypter
from engine.project import Workspace
from engine.state import Codec, Snapshot, salt_of
from engine.urn import Target
from engine.values import Properties, Secret
from engine.version import VERSION


class Session:
    """Opens a stack. Nothing is decrypted before something needs it."""

    def __init__(self, workspace: Workspace, stack: str | None, config_file: Path | None = None) -> None:
        self.project = workspace.project
        self.file = workspace.stack(stack)
        self.target = Target(self.file.name, self.project.name)
        self.config = StackConfig(self.project, self.file.name, config_file)
        self.message = ""
        """What the user says about the update; kept in the history."""
        self._crypter: Crypter | None = None

    @property
    def crypter(self) -> Crypter:
        """The stack's crypter; a stack without a salt gets one."""
        if self._crypter is None:
            deployment = self.file.load()
            salt = self.config.salt or (deployment and salt_of(deployment))
            self._crypter = Crypter(salt, self.file.name) if salt else Crypter.create(self.file.name)
            if self.config.salt is None:
                self.config.salt = self._crypter.salt
                self.config.save()
        return self._crypter

    def decrypt(self, ciphertext: str) -> str:
        """Open a secret of the config; the passphrase is asked for when the first one needs it."""
        return self.crypter.decrypt(ciphertext)

    def load(self) -> tuple[Snapshot, Codec]:
        """Read the latest state; what is saved with the codec keeps the ciphertexts of unchanged secrets."""
        codec = Codec(self.crypter)
        deployment = self.file.load()
        if deployment is None:
            return Snapshot(), codec
        salt = salt_of(deployment)
        reader = codec if salt in (None, self.crypter.salt) else Codec(Crypter(str(salt), self.file.name))
        return reader.snapshot(deployment), codec

    def settings(self) -> dict[str, Setting]:
        """Return the config as the program gets it, validated."""
        settings = self.config.settings(self.decrypt)
        self.config.validate(settings)
        return settings


def provider_config(settings: Mapping[str, Setting]) -> Callable[[str], Properties]:
    """Return the inputs of a package's default provider: all config in the package's namespace."""

    def of(package: str) -> Properties:
        prefix = f"{package}:"
        return {
            key.removeprefix(prefix): Secret(setting.text) if setting.secret else setting.text
            for key, setting in settings.items()
            if key.startswith(prefix)
        }

    return of


def history_entry(session: Session, kind: str, started: float) -> dict[str, Any]:
    """Begin the history entry of an update; its result is still to be filled in."""
    title, commit = git.describe(session.project.root)
    return {
        "kind": kind,
        "startTime": int(started),
        "message": session.message or title,
        "environment": {
            **commit,
            "exec.kind": "cli",
            "pulumi.arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
            "pulumi.os": platform.system().lower(),
            "pulumi.version": VERSION,
            "runtime.name": "python",
            "runtime.version": platform.python_version(),
            **{f"pulumi.env.{name}": "set" for name in sorted(os.environ) if name.startswith("PULUMI_")},
        },
        "config": session.config.values,
        "version": 0,
        "result": "in-progress",
        "endTime": int(time.time()),
        "resourceChanges": {},
    }
