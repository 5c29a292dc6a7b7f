"""Kubernetes objects that the configuration gives as they are, checked for unknown fields and wrong types.

The types are those of the API that lightkube generates from Kubernetes' own OpenAPI; no client is involved.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec
from lightkube.models import autoscaling_v2, core_v1
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from components.grammar import Text
from components.problems import Path, shown


@dataclass(frozen=True)
class Fault:
    """A part of an object that its type does not have; `known` are the fields that it has at that place.

    `reason` goes on where the key leaves off, as a Problem's `fault` does.
    """

    path: Path
    value: Any
    reason: str
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Native:
    """An object of type `model`, or with `patch` a strategic merge patch of one; stands in `Annotated[…]`.

    `without` are fields that Cutover fills itself.
    """

    model: type[msgspec.Struct]
    patch: bool = False
    without: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return f"a Kubernetes {self.model.__name__}{' (a strategic merge patch of one)' if self.patch else ''}"

    def faults(self, value: Any) -> Iterator[Fault]:
        """Yield what in `value` is not of the type."""
        for fault in _faults(value, self.model, (), patch=self.patch):
            if fault.path not in {(field,) for field in self.without if fault.value is None}:
                yield fault

    def __get_pydantic_core_schema__(self, *_: Any) -> CoreSchema:
        """Hook this check into pydantic; the faults travel in the error's context."""
        return core_schema.no_info_plain_validator_function(self.checked)

    def checked(self, value: Any) -> Any:
        if faults := tuple(self.faults(value)):
            raise PydanticCustomError("native", "it must be {words}", {"words": self.words, "faults": faults})
        return value


class TextOrSource(Native):
    """An environment variable's value: text, or an object that says where Kubernetes finds it."""

    @property
    def words(self) -> str:
        return f"text, or a Kubernetes {self.model.__name__} such as {{secretKeyRef: {{name: …, key: …}}}}"

    def checked(self, value: Any) -> Any:
        if isinstance(value, dict):
            return super().checked(value)
        return Text(self.words, from_boolean=True).checked(value)


def _faults(value: Any, of: Any, path: Path, *, patch: bool) -> Iterator[Fault]:
    options = typing.get_args(of) if typing.get_origin(of) in {typing.Union, types.UnionType} else (of,)
    if value is None and (type(None) in options or (patch and path)):
        return
    kind = next((option for option in options if isinstance(value, _plain(option))), None)
    if kind is None or (isinstance(value, bool) and bool not in options):
        wanted = " or ".join(_WORDS.get(_plain(option), "a map") for option in options if option is not type(None))
        yield Fault(path, value, f"is {shown(value)}; Kubernetes wants {wanted} here")
    elif typing.get_origin(kind) is list:
        (item,) = typing.get_args(kind)
        for index, element in enumerate(value):
            yield from _faults(element, item, (*path, index), patch=patch)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _struct_faults(value, kind, path, patch=patch)


def _struct_faults(value: Mapping[str, Any], kind: type[msgspec.Struct], path: Path, *, patch: bool) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key, element in value.items():
        if key in fields:
            yield from _faults(element, fields[key].type, (*path, key), patch=patch)
        elif not (patch and key in {"$patch", "$retainKeys"}):
            yield Fault((*path, key), element, f"is no field of a Kubernetes {kind.__name__}", tuple(fields))
    for key, field in fields.items():
        if field.required and not patch and value.get(key) is None:
            yield Fault((*path, key), None, f"is missing; a Kubernetes {kind.__name__} needs it")


def _plain(option: Any) -> type:
    """The Python type that JSON gives for a value of this type."""
    origin = typing.get_origin(option) or option
    return origin if origin in _WORDS else dict


_WORDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
}

Container: TypeAlias = Annotated[dict[str, Any], Native(core_v1.Container)]
EnvFrom: TypeAlias = Annotated[dict[str, Any], Native(core_v1.EnvFromSource)]
EnvValue: TypeAlias = Annotated[str | dict[str, Any], TextOrSource(core_v1.EnvVarSource)]
Metric: TypeAlias = Annotated[dict[str, Any], Native(autoscaling_v2.MetricSpec)]
PodTemplatePatch: TypeAlias = Annotated[dict[str, Any], Native(core_v1.PodTemplateSpec, patch=True)]
ScalingBehavior: TypeAlias = Annotated[dict[str, Any], Native(autoscaling_v2.HorizontalPodAutoscalerBehavior)]
Toleration: TypeAlias = Annotated[dict[str, Any], Native(core_v1.Toleration)]
TopologySpread: TypeAlias = Annotated[dict[str, Any], Native(core_v1.TopologySpreadConstraint)]
VolumeSource: TypeAlias = Annotated[dict[str, Any], Native(core_v1.Volume, without=("name",))]
