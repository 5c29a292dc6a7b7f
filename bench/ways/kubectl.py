"""kubectl, and the other programs that the ways are typed with."""

from __future__ import annotations

import json
from typing import Any, Final

from bench.command import ROOT, read
from cluster import layout
from cluster.builds import Build

PEERS: Final = Build(
    module="rollouts",
    requirement="github.com/argoproj/argo-rollouts",
    variables=("github.com/argoproj/argo-rollouts/utils/version.version={version}",),
    expected="about 6 minutes on 2 cores",
    assets=tuple(
        f"manifests/crds/{kind}-crd.yaml"
        for kind in ("rollout", "experiment", "analysis-run", "analysis-template", "cluster-analysis-template")
    ),
    home=ROOT / "bench",
)
"""Argo Rollouts' controller and its kubectl plugin, and kubectl itself."""

FOLDER: Final = ROOT / "build" / "compare"
ADVICE: Final = f"The logs are in {FOLDER}; run it again, it starts from nothing."
SECONDS: Final = 300.0
"""What a command gets."""
READY_SECONDS: Final = 60.0
"""What pods and programs get to be ready."""
READY: Final = f"--timeout={READY_SECONDS:.0f}s"


def kubectl(namespace: str, *arguments: str, program: str = "kubectl") -> str:
    """What kubectl, or a plugin of it, says. Raises CommandError."""
    where = (f"--kubeconfig={layout.kubeconfig()}", f"--context={layout.NAME}", f"--namespace={namespace}")
    return read([str(PEERS.program(program)), *arguments, *where], SECONDS, ADVICE)


def apply(namespace: str, *objects: dict[str, Any]) -> None:
    """Create objects in the order given."""
    path = FOLDER / f"{namespace}.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2), encoding="utf-8")
    kubectl(namespace, "apply", "--server-side", "--filename", str(path))
