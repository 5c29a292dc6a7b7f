"""What the engine's tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.projects import Project

HEAD = """
import pulumi
from pulumi import Alias, ResourceHook, ResourceHookBinding, ResourceOptions as Opts

config = pulumi.Config()


class Thing(pulumi.CustomResource):
    live: pulumi.Output[str]
    value: pulumi.Output[str]

    def __init__(self, resource, opts=None, **props):
        props = {"live": None, **props}
        super().__init__("kubernetes:core/v1:ConfigMap", resource, props, Opts.merge(Opts(version="4.34.2"), opts))


class Box(pulumi.ComponentResource):
    def __init__(self, resource, opts=None, **props):
        super().__init__("test:index:Box", resource, props, opts)

"""
"""What every test program begins with: a resource of the fake cloud that is quick to import."""


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Project]:
    """Make the test's project on the fake cloud, with its stack."""

    def make(program: str) -> Project:
        return Project(tmp_path, HEAD + program, fake=True)

    return make
