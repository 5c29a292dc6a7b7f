"""Property values as they travel between the program and the engine: protobuf Structs.

A secret is an object with a signature, an unknown is one fixed string, numbers are doubles (the signatures are in
sdk/go/common/resource/properties.go). Resource references, assets and archives stay the plain objects they are.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import struct_pb2

from engine.values import SECRET, SIGNATURE, UNKNOWN, Properties, Secret, Unknown, Value

OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def to_struct(properties: Properties) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        _fill(struct.fields[key], value)
    return struct


def _fill(target: struct_pb2.Value, value: Value) -> None:  # noqa: C901 - one case per kind
    match value:
        case None:
            target.null_value = struct_pb2.NULL_VALUE
        case bool():
            target.bool_value = value
        case int() | float():
            target.number_value = value
        case str():
            target.string_value = value
        case list():
            target.list_value.SetInParent()
            for item in value:
                _fill(target.list_value.values.add(), item)
        case dict():
            target.struct_value.SetInParent()
            for key, item in value.items():
                _fill(target.struct_value.fields[key], item)
        case Secret():
            _fill(target, {SIGNATURE: SECRET, "value": value.value})
        case Unknown():
            target.string_value = UNKNOWN_TEXT
        case _:
            raise TypeError(f"{type(value).__name__} is no property value")


def from_struct(struct: struct_pb2.Struct) -> Properties:
    return {key: from_value(value) for key, value in struct.fields.items()}


def from_value(value: struct_pb2.Value) -> Value:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value == UNKNOWN_TEXT else value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [from_value(item) for item in value.list_value.values]
        case "struct_value":
            return from_marked(from_struct(value.struct_value))
        case _:
            return None


def from_marked(properties: dict[str, Any]) -> Value:
    """Turn an object that carries a secret's or an output's signature into what it stands for."""
    match properties.get(SIGNATURE):
        case str() as mark if mark == SECRET:
            return secret(properties.get("value"))
        case str() as mark if mark == OUTPUT:
            value = properties.get("value", UNKNOWN)
            return secret(value) if properties.get("secret") else value
        case _:
            return properties


def secret(value: Value) -> Secret:
    """Mark a value as secret, once."""
    return value if isinstance(value, Secret) else Secret(value)
