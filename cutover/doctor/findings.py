"""What an examination finds: one thing that was looked at, how it is, and the command that puts it right."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeAlias

import msgspec

from components.kube import Cluster


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `remedy` is a command, "" where none is needed."""

    name: str
    state: State
    text: str
    remedy: str = ""


Found: TypeAlias = list[Finding]


def ok(name: str, text: str) -> Finding:
    return Finding(name, State.OK, text)


def warning(name: str, text: str, remedy: str = "") -> Finding:
    return Finding(name, State.WARNING, text, remedy)


def problem(name: str, text: str, remedy: str = "") -> Finding:
    return Finding(name, State.PROBLEM, text, remedy)


def refusal(name: str, error: Exception) -> Finding:
    """A problem as components tell it: the text, and the first command of those that it ends with."""
    text = str(error)
    told, _, commands = text.partition("\n    ")
    command = commands.partition("\n")[0].strip() or next(iter(re.findall(r"`([^`]+)`", text)), "")
    return problem(name, told.strip(), command)


def kubectl(cluster: Cluster, words: str, namespace: str = "") -> str:
    """The command for a person, who may be looking at another cluster by default."""
    where = f" --namespace {namespace}" if namespace else ""
    return f"kubectl --context {cluster.context}{where} {words}"
