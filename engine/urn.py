"""Unique resource names: `urn:pulumi:<stack>::<project>::<qualified type>::<name>`.

The rules are Pulumi's (sdk/go/common/resource/urn/urn.go): a resource's qualified type is its parent's, `$`, and its
own; the root stack adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ROOT_STACK_TYPE: Final = "pulumi:pulumi:Stack"
PROVIDER_PREFIX: Final = "pulumi:providers:"


class Urn(str):
    """A name with its four parts."""

    __slots__ = ()

    @classmethod
    def of(cls, stack: str, project: str, parent: str, kind: str, name: str) -> Urn:
        """Name a resource of type `kind` below the URN `parent`, which may be ""."""
        above = Urn(parent).qualified_type if parent else ROOT_STACK_TYPE
        qualified = kind if above == ROOT_STACK_TYPE else f"{above}${kind}"
        return cls(f"urn:pulumi:{stack}::{project}::{qualified}::{name}")

    @property
    def stack(self) -> str:
        return self.split("::", 3)[0].removeprefix("urn:pulumi:")

    @property
    def project(self) -> str:
        return self.split("::", 3)[1]

    @property
    def qualified_type(self) -> str:
        return self.split("::", 3)[2]

    @property
    def type(self) -> str:
        return self.qualified_type.rsplit("$", 1)[-1]

    @property
    def name(self) -> str:
        return self.split("::", 3)[3]


@dataclass(frozen=True, slots=True)
class Target:
    """The stack that a deployment works on."""

    stack: str
    project: str

    @property
    def root(self) -> Urn:
        return Urn.of(self.stack, self.project, "", ROOT_STACK_TYPE, f"{self.project}-{self.stack}")


def split_reference(reference: str) -> tuple[Urn, str]:
    """Split a provider reference `urn::id`."""
    urn, _, id_ = reference.rpartition("::")
    return Urn(urn), id_


def is_provider(kind: str) -> bool:
    return kind.startswith(PROVIDER_PREFIX)


def package(kind: str) -> str:
    """Return the package that serves a type: `kubernetes` for `kubernetes:apps/v1:Deployment` and its provider."""
    return kind.removeprefix(PROVIDER_PREFIX).split(":", 1)[0]
