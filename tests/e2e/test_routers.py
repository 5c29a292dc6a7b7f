"""Routes shown to an API server, those too whose routers do not run here: Istio's, with its own kinds, and Ingresses.

What these routers make of them is not tried; tests/unit/routers compares them with the projects' own documents.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from lightkube import Client
from lightkube.core.resource_registry import resource_registry
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.core_v1 import Namespace

import components.kube  # noqa: F401  # makes the routers' kinds known
from cluster import Cluster
from components.config import load
from components.plan import Manifest
from components.planner import plan
from tests.e2e.stacks import client, remove_namespace, until
from tests.unit.configs import GATEWAY, canary, stack

NAMESPACE = "e2e-routers"
VIRTUAL_SERVICES = "virtualservices.networking.istio.io"

MORE = {
    "testers": {"headers": {"X-Canary": "yes"}, "cookies": {"beta": "1"}},
    "affinity": {"cookie": "side", "seconds": 60},
    "mirror": 10,
}
ROUTERS: dict[str, dict[str, Any]] = {
    "gateway": {"gateway": GATEWAY["gateway"] | {"hostnames": ["api.example.com"], "path": "/v1", "timeout": "10s"}}
    | MORE,
    "istio": {
        "istio": {
            "hosts": ["api.example.com"],
            "gateways": ["infra/edge", "mesh"],
            "timeout": "10s",
            "rules": [{"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}}],
        }
    }
    | MORE,
    "nginx": {
        "nginx": {"hosts": ["api.example.com"], "tlsSecret": "api", "annotations": {"example.com/mine": "kept"}},
        "testers": {"headers": {"X-Canary": "always"}, "cookies": {"beta": "always"}},
        "affinity": {"cookie": "side"},
    },
}


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[None]:
    """The kinds of the Gateway API and of Istio, and a namespace."""
    cluster.up(with_gateway=True)
    here = client(NAMESPACE)
    here.apply(_virtual_services(), field_manager="cutover-tests", force=True)
    here.apply(Namespace(metadata=ObjectMeta(name=NAMESPACE)), field_manager="cutover-tests")
    until(lambda: "Established" in _conditions(here), f"the API server knows {VIRTUAL_SERVICES}")
    yield
    remove_namespace(NAMESPACE)
    here.delete(CustomResourceDefinition, VIRTUAL_SERVICES)


def _conditions(here: Client) -> set[str]:
    status = here.get(CustomResourceDefinition, VIRTUAL_SERVICES).status
    return {found.type for found in (status and status.conditions) or [] if found.status == "True"}


def _virtual_services() -> CustomResourceDefinition:
    folder = Path(__file__).parent / "istio"
    told = subprocess.run(
        ["go", "mod", "download", "-json", "istio.io/api"], cwd=folder, check=True, capture_output=True, timeout=120
    )
    definitions = Path(json.loads(told.stdout)["Dir"], "kubernetes", "customresourcedefinitions.gen.yaml")
    for found in yaml.safe_load_all(definitions.read_text()):
        if found and found["metadata"]["name"] == VIRTUAL_SERVICES:
            return cast("CustomResourceDefinition", CustomResourceDefinition.from_dict(found))
    raise LookupError(VIRTUAL_SERVICES)


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("weight", [0, 30])
@pytest.mark.parametrize("name", ROUTERS)
def test_every_route_is_taken_with_all_that_it_says(name: str, weight: int) -> None:
    values = stack({"api": canary(router=ROUTERS[name])}, canaryReplicas=1, canaryWeight=weight, namespace=NAMESPACE)
    (planned,) = plan(load(values), owner="cutover/e2e").apps
    for route in planned.routes:
        written = client(NAMESPACE).create(_typed(route), dry_run=True).to_dict()
        assert missing(route["spec"], written["spec"]) == [], "the API server's kind has no such field"
        assert route["metadata"]["annotations"].items() <= written["metadata"]["annotations"].items()


def missing(said: Any, kept: Any, path: str = "spec") -> list[str]:
    """Where `kept` has not what was said; what an API server fills in besides is fine."""
    if isinstance(said, dict) and isinstance(kept, dict):
        return [lost for key, value in said.items() for lost in missing(value, kept.get(key), f"{path}.{key}")]
    if isinstance(said, list) and isinstance(kept, list) and len(said) == len(kept):
        pairs = enumerate(zip(said, kept, strict=True))
        return [lost for number, pair in pairs for lost in missing(*pair, f"{path}[{number}]")]
    return [] if said == kept else [path]


def _typed(manifest: Manifest) -> Any:
    model: Any = resource_registry.load(manifest["apiVersion"], manifest["kind"])
    return model.from_dict(manifest)
