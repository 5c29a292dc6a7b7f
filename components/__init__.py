"""Releases of Kubernetes apps, for Pulumi programs.

Each name is loaded when it is first used: planning needs no Pulumi, whose packages take over a second to load.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.args import AppArgs, CanaryAppArgs, DaemonAppArgs, RollingAppArgs, StatefulAppArgs
    from components.color import Color
    from components.errors import CutoverError
    from components.release import Release
    from components.single import BlueGreenApp, CanaryApp, DaemonApp, RollingApp, StatefulApp

_MODULES = {
    "AppArgs": "args",
    "BlueGreenApp": "single",
    "CanaryApp": "single",
    "CanaryAppArgs": "args",
    "Color": "color",
    "CutoverError": "errors",
    "DaemonApp": "single",
    "DaemonAppArgs": "args",
    "Release": "release",
    "RollingApp": "single",
    "RollingAppArgs": "args",
    "StatefulApp": "single",
    "StatefulAppArgs": "args",
}

__all__ = [
    "AppArgs",
    "BlueGreenApp",
    "CanaryApp",
    "CanaryAppArgs",
    "Color",
    "CutoverError",
    "DaemonApp",
    "DaemonAppArgs",
    "Release",
    "RollingApp",
    "RollingAppArgs",
    "StatefulApp",
    "StatefulAppArgs",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
