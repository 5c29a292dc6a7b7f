"""Small configurations for tests of reading and planning."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from components.config import load
from components.errors import ConfigError
from components.problems import Problem

TAGS = {"blue": "6.9.0", "green": "6.9.1"}
GATEWAY: dict[str, Any] = {"gateway": {"parents": [{"name": "edge", "namespace": "infra"}]}}


def app(component: str = "BlueGreenApp", **keys: Any) -> dict[str, Any]:
    return {"component": component, "image": "registry.local/podinfo", "replicas": 3} | keys


def canary(**keys: Any) -> dict[str, Any]:
    return app(**dict[str, Any](component="CanaryApp", replicas=10) | keys)


def stack(apps: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """A stack of one BlueGreenApp `web`, if nothing else is asked for."""
    values = {"namespace": "test", "imageTag": TAGS, "apps": {"web": app()} if apps is None else apps} | keys
    return copy.deepcopy({key: value for key, value in values.items() if value is not None})


def web(**keys: Any) -> dict[str, Any]:
    """A stack whose `web` has these keys."""
    return stack({"web": app(**keys)})


def problems(values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What is wrong in a configuration, which must be something."""
    with pytest.raises(ConfigError) as caught:
        load(values)
    return caught.value.problems
