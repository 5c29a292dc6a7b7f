"""A Kubernetes object as a Pulumi resource, made from its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import pulumi
from pulumi import Output, ResourceHook, ResourceHookArgs, ResourceHookBinding, ResourceHookOptions
from pulumi import ResourceOptions as Options

from components import guards
from components.errors import CutoverError
from components.kube import Cluster
from components.plan import Manifest

PLUGIN_VERSION = version("pulumi-kubernetes")

After = pulumi.Input[Sequence[pulumi.Input[pulumi.Resource]]]
"""What a resource waits for: others that are written and, as an Output, what was then checked of them."""


class KubernetesObject(pulumi.CustomResource):
    """An object under its own name; one that is there already must be ours.

    To the engine it is what a class of `pulumi_kubernetes` would be, and loads none: those of core/v1 alone take half a
    second, in each `up` and each preview.

    Args:
        manifest: the object, Outputs included.
        cluster: where it will be, to look for one that is there.
        opts: options of the resource.
    """

    metadata: Output[Any]
    spec: Output[Any]
    status: Output[Any]

    def __init__(self, manifest: Manifest, cluster: Cluster, opts: Options) -> None:
        self.manifest = manifest
        api_version, kind, name = manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]

        async def guard(_: ResourceHookArgs) -> None:
            try:
                found = await cluster.find(manifest)
                labels = found and found["metadata"].get("labels", {})
                guards.check_ours(manifest, labels, cluster.context)
            except CutoverError as error:
                raise pulumi.RunError(str(error)) from error

        hook = ResourceHook(f"{kind}-{name}-ours", guard, ResourceHookOptions(on_dry_run=True))
        ours = Options(version=PLUGIN_VERSION, hooks=ResourceHookBinding(before_create=[hook]))
        group = api_version if "/" in api_version else f"core/{api_version}"
        super().__init__(f"kubernetes:{group}:{kind}", name, {**manifest, "status": None}, Options.merge(ours, opts))

    @property
    def uid(self) -> Output[str]:
        """The uid that the cluster gave to the object."""
        return self.metadata["uid"]
