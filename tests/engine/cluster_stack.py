"""A test's stack on the embedded cluster, in a namespace of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lightkube import Client, KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace
from lightkube.types import PatchType

from cluster import Cluster, layout
from tests.engine.projects import Project
from tests.engine.recordings import adapted_program, comparable, read

KINDS = {
    "configmap": create_namespaced_resource("", "v1", "ConfigMap", "configmaps"),
    "service": create_namespaced_resource("", "v1", "Service", "services"),
    "deployment": create_namespaced_resource("apps", "v1", "Deployment", "deployments"),
    "things.probe.example": create_namespaced_resource("probe.example", "v1", "Thing", "things"),
}


class ClusterStack:
    """A recorded program on our cluster."""

    def __init__(self, folder: Path, program: str, namespace: str, *, project: str = "probe") -> None:
        self.namespace = namespace
        Cluster().up()
        kubeconfig = str(layout.kubeconfig())
        self._client = Client(KubeConfig.from_file(kubeconfig).get(), namespace=namespace, field_manager="kubectl")
        text = adapted_program(program).replace('namespace="default", kubeconfig=None', f'namespace="{namespace}"')
        self.project = Project(folder, text, name=project)
        self.project.environment["KUBECONFIG"] = kubeconfig
        self.remove_namespace()
        self._client.create(Namespace(metadata=ObjectMeta(name=namespace)))
        self.project.set(**{"kubernetes:kubeconfig": kubeconfig, "kubernetes:namespace": namespace})

    def remove_namespace(self, deadline: float = 60) -> None:
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            try:
                self._client.delete(Namespace, self.namespace)
            except ApiError as error:
                if error.status.code == 404:
                    return
            time.sleep(0.3)
        raise TimeoutError(f"namespace {self.namespace} is still there after {deadline:.0f} s")

    def comparable(self) -> dict[str, dict[str, Any]]:
        return comparable(read(self.project.checkpoint), self.namespace)

    # --- what the recordings did with kubectl

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(KINDS[kind], name).to_dict()  # type: ignore[no-untyped-call]
        return found

    def create(self, kind: str, name: str, **content: Any) -> None:
        self._client.create(KINDS[kind](metadata=ObjectMeta(name=name), **content))

    def patch(self, kind: str, name: str, patch: dict[str, Any]) -> None:
        self._client.patch(KINDS[kind], name, patch, patch_type=PatchType.MERGE, field_manager="kubectl-patch")

    def scale(self, name: str, replicas: int) -> None:
        """Scale a Deployment as `kubectl scale` does: through its scale subresource."""
        self._client.patch(Deployment.Scale, name, {"spec": {"replicas": replicas}}, field_manager="kubectl")

    def delete(self, kind: str, name: str) -> None:
        self._client.delete(KINDS[kind], name)

    def close(self) -> None:
        """Delete what the stack still has, and the namespace with the rest, not waiting for it."""
        if self.project.has_state and self.project.resources:
            self.project.run("destroy", "--yes", "--skip-preview")
        self._client.delete(Namespace, self.namespace)
