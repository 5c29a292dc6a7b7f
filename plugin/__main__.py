"""The package's host, which the engine starts: what `component_provider_host` starts, but with whole numbers."""

import json
import sys
from typing import Any

import pulumi
from pulumi.provider import ConstructResult, main
from pulumi.provider.experimental.component import ComponentProvider

from components import BlueGreenApp, CanaryApp, DaemonApp, RollingApp, StatefulApp, schema
from components.args import AnyAppArgs
from components.keys import Keys
from components.plan import Component

NAME = "cutover"
VERSION = "0.1.0"
COMPONENTS: list[type[pulumi.ComponentResource]] = [BlueGreenApp, CanaryApp, RollingApp, StatefulApp, DaemonApp]


class Host(ComponentProvider):
    """Makes components of what a program in any language says of them."""

    def __init__(self) -> None:
        super().__init__(COMPONENTS, NAME, version=VERSION)
        self.schema = json.dumps(self._described(json.loads(self.schema or "")))

    def _described(self, package: dict[str, Any]) -> dict[str, Any]:
        """Return a schema with what the configuration's reference says of every key, in its place."""
        for token, component in package["resources"].items():
            component["description"] = component["description"].partition("\n\n")[0]
            inputs = component["inputProperties"]
            for name in AnyAppArgs.__annotations__.keys() & inputs.keys():
                inputs[name].setdefault("description", self.analyzer.get_docstring(AnyAppArgs, name))
            _describe(inputs, schema.KEYS[Component(token.rpartition(":")[2])])
        for token, kind in package["types"].items():
            if "properties" in kind:
                _describe(kind["properties"], getattr(schema, token.rpartition(":")[2].removesuffix("Args")))
        return package

    def construct(
        self, name: str, resource_type: str, inputs: pulumi.Inputs, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        return super().construct(name, resource_type, whole(inputs), options)


def _describe(properties: dict[str, Any], keys: type[Keys]) -> None:
    for field in keys.model_fields.values():
        if field.alias in properties:
            properties[field.alias]["description"] = field.description


def whole(value: Any) -> Any:
    """Return `value` with integers for whole numbers: all numbers are sent as doubles, and pods have no 1.5 ports."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: whole(item) for key, item in value.items()}
        case list():
            return [whole(item) for item in value]
        case _:
            return value


if __name__ == "__main__":
    main(Host(), sys.argv[1:])
