"""A stack's configuration as Pulumi hands it to the program."""

from __future__ import annotations

import json
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config

from components.config import load
from components.errors import CutoverError
from components.kube import Cluster
from components.plan import StackPlan
from components.planner import plan
from components.release import Release
from components.standing import confront


def release() -> Release:
    """Build the release that the stack's configuration describes.

    Raises:
        pulumi.RunError: the configuration is wrong or names no cluster (the text has every problem of it), or the
            cluster stands where the change would hurt.
    """
    try:
        wished = read_plan()
        cluster = read_cluster(wished.namespace)
        found = cluster.wait_for(lambda here: confront(wished, here))
        return Release(found, cluster, sealed=_has_secrets())
    except CutoverError as error:
        raise pulumi.RunError(str(error)) from error


def read_plan() -> StackPlan:
    """Return what the project's own configuration keys mean.

    Raises:
        ConfigError: with all the problems of it.
    """
    project = pulumi.get_project()
    keys = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    values = {key.partition(":")[2]: _decode(value) for key, value in keys.items() if key.startswith(f"{project}:")}
    return plan(load(values), owner=f"{project}/{pulumi.get_stack()}")


def read_cluster(namespace: str, *, kubeconfig: str | None = None, context: str | None = None) -> Cluster:
    """Return the cluster that the default Kubernetes provider is configured for, or the one that is named.

    A context must be named: what happens to be current on a machine is nobody's decision.

    Raises:
        ContextError: it is not named, or not there.
    """
    provider = pulumi.Config("kubernetes")
    return Cluster(
        kubeconfig or provider.get("kubeconfig") or "~/.kube/config",
        context or provider.get("context") or "",
        namespace,
    )


def _has_secrets() -> bool:
    """Whether anything of the apps is encrypted; which part it is, no engine tells a program."""
    return runtime_config.is_config_secret(f"{pulumi.get_project()}:apps")


def _decode(value: str) -> Any:
    """Objects and lists reach a program as JSON text, anything else as it was typed."""
    return json.loads(value) if value[:1] in {"{", "["} else value
