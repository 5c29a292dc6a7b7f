"""The package's schema, and which changes of it break programs that are written against an earlier one.

`python -m plugin.schema` writes schema.json, once for each release: a test holds the present schema against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from plugin.__main__ import Host

RELEASED: Final = Path(__file__).with_name("schema.json")
"""The schema of the last release."""

Schema: TypeAlias = Mapping[str, Any]
"""A package's schema, or a part of it, as Pulumi has it (pulumi/pulumi, pkg/codegen/schema/pulumi.json)."""

_NONE: Final[Schema] = {}


def present() -> Schema:
    """Return the schema of the components as they are."""
    schema: Schema = json.loads(Host().schema or "")
    return schema


def breaking(old: Schema, new: Schema) -> Iterator[str]:
    """Yield what programs against `old` may stumble over in `new`; what is only added is fine.

    They give inputs and read outputs: an input may take more and an output tell more, and neither may be missed.
    """
    for token, component in old.get("resources", _NONE).items():
        if token not in new.get("resources", _NONE):
            yield f"{token} is gone"
            continue
        after = new["resources"][token]
        yield from _inputs(token, component, after, "inputProperties", "requiredInputs")
        yield from _outputs(token, component, after)
    for token, described in old.get("types", _NONE).items():
        after = new.get("types", _NONE).get(token)
        if after is None:
            yield f"{token} is gone"
        elif "enum" in described:
            left = {value["value"] for value in after.get("enum", [])}
            yield from (f"{token} has no {each['value']}" for each in described["enum"] if each["value"] not in left)
        else:
            yield from _inputs(token, described, after, "properties", "required")


def _inputs(token: str, old: Schema, new: Schema, properties: str, required: str) -> Iterator[str]:
    for name, before in old.get(properties, _NONE).items():
        after = new.get(properties, _NONE).get(name)
        if after is None:
            yield f"{token}.{name} is gone"
        elif _type(before) != _type(after):
            yield f"{token}.{name} is {_type(after)}, it was {_type(before)}"
    for name in sorted({*new.get(required, ())} - {*old.get(required, ())}):
        yield f"{token}.{name} must be given"


def _outputs(token: str, old: Schema, new: Schema) -> Iterator[str]:
    for name, before in old.get("properties", _NONE).items():
        after = new.get("properties", _NONE).get(name)
        if after is None:
            yield f"{token}.{name} is not told"
        elif _type(before) != _type(after):
            yield f"{token}.{name} is told as {_type(after)}, it was {_type(before)}"
    for name in sorted({*old.get("required", ())} - {*new.get("required", ())}):
        yield f"{token}.{name} may be missing"


def _type(described: Schema) -> str:
    """What a property may be, whatever is said of it; `plain` is another type in most languages."""
    return json.dumps(_bare(described), sort_keys=True)


def _bare(described: Schema) -> Schema:
    return {
        key: _bare(value) if isinstance(value, dict) else value
        for key, value in described.items()
        if key != "description"
    }


if __name__ == "__main__":
    RELEASED.write_text(json.dumps(present(), indent=2, sort_keys=True) + "\n")
