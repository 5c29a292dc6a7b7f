"""What the planner means is what an API server takes: every manifest, every pod, every patch."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest
from lightkube import ApiError, Client, codecs
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from lightkube.types import PatchType

from components.config import load
from components.merge import MERGE_KEYS, merged
from components.plan import Manifest, StackPlan
from components.planner import plan
from policy.lint import stacks
from tests.e2e.stacks import client, remove_namespace, until
from tests.unit.configs import web
from tests.unit.examples import EVERYTHING, EXAMPLES

NAMESPACE = f"e2e-manifests-{int(time.time())}"


def planned(values: dict[str, Any]) -> StackPlan:
    return plan(load(values | {"namespace": NAMESPACE}), owner="cutover/e2e")


@pytest.fixture(scope="module")
def api() -> Iterator[Client]:
    """A client whose namespace admits only pods of the level restricted."""
    remove_namespace(NAMESPACE)
    server = client(NAMESPACE)
    server.create(_typed(planned(web()).namespace_manifest or {}))
    _await_service_account(server)
    yield server
    server.delete(Namespace, NAMESPACE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_manifest_is_taken(api: Client, name: str) -> None:
    for manifest in planned(EXAMPLES[name]).manifests:
        if manifest["kind"] != "Namespace":
            written = api.create(_typed(manifest), dry_run=True)

            assert written.to_dict()["metadata"]["name"] == manifest["metadata"]["name"]


PLANS = {name: planned(values) for name, values in EXAMPLES.items()}
PLANS |= {f"examples/{name}": plan for name, plan in stacks().items()}


@pytest.mark.parametrize("name", PLANS)
def test_every_pod_is_admitted_as_restricted(api: Client, name: str) -> None:
    """Of the configurations above, and of every example that users are shown, at every position."""
    specs = [manifest["spec"] for manifest in PLANS[name].manifests if "template" in manifest.get("spec", {})]
    assert specs
    for spec in specs:
        api.create(_pod(_with_claims(spec)), dry_run=True)


def test_a_pod_of_less_security_is_not_admitted(api: Client) -> None:
    values = web(podTemplate={"spec": {"hostNetwork": True}})

    with pytest.raises(ApiError, match="violates PodSecurity"):
        api.create(_pod(planned(values).apps[0].active.deployment["spec"]["template"]), dry_run=True)


PATCHES: dict[str, dict[str, Any]] = {
    "a map": {"metadata": {"annotations": {"a": "b"}}, "spec": {"securityContext": {"runAsUser": 5}}},
    "null": {"spec": {"nodeSelector": None, "containers": [{"name": "app", "livenessProbe": None}]}},
    "a container more": {"spec": {"containers": [{"name": "more", "image": "x"}]}},
    "a container's keys": {
        "spec": {"containers": [{"name": "app", "workingDir": "/", "env": [{"name": "X", "value": "1"}]}]}
    },
    "a variable less": {"spec": {"containers": [{"name": "app", "env": [{"name": "PLAIN", "$patch": "delete"}]}]}},
    "a list without merge key": {"spec": {"tolerations": [{"key": "x", "operator": "Exists"}]}},
    "a list replaced": {"spec": {"initContainers": [{"$patch": "replace"}, {"name": "only", "image": "x"}]}},
    "a map replaced": {"spec": {"securityContext": {"$patch": "replace", "runAsNonRoot": True}}},
    "a volume's source": {
        "spec": {"volumes": [{"name": "cache", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]}
    },
    "a volume less": {
        "spec": {
            "volumes": [{"name": "cache", "$patch": "delete"}],
            "containers": [{"name": "app", "volumeMounts": [{"mountPath": "/cache", "$patch": "delete"}]}],
        }
    },
    "a port more": {"spec": {"containers": [{"name": "app", "ports": [{"containerPort": 9000, "name": "more"}]}]}},
    "a spread more": {
        "spec": {
            "topologySpreadConstraints": [{"topologyKey": "rack", "maxSkew": 2, "whenUnsatisfiable": "ScheduleAnyway"}],
            "imagePullSecrets": [{"name": "second"}],
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
        }
    },
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_does_what_the_api_server_makes_of_it(api: Client, name: str, full_deployment: Deployment) -> None:
    assert full_deployment.metadata
    assert full_deployment.metadata.name
    patch = {"spec": {"template": PATCHES[name]}}
    theirs = api.patch(
        Deployment, full_deployment.metadata.name, patch, patch_type=PatchType.STRATEGIC, dry_run=True
    ).to_dict()
    ours = {"apiVersion": "apps/v1", "kind": "Deployment", **copy.deepcopy(full_deployment.to_dict())}
    ours["spec"]["template"] = merged(ours["spec"]["template"], PATCHES[name])

    assert _in_order(_defaulted(api, ours)) == _in_order(theirs["spec"]["template"])


@pytest.fixture(scope="module")
def full_deployment(api: Client) -> Iterator[Deployment]:
    """A Deployment of everything, of no pods."""
    manifest = copy.deepcopy(planned(web(**EVERYTHING)).apps[0].active.deployment)
    manifest["spec"]["replicas"] = 0
    made: Deployment = api.create(_typed(manifest))
    yield made
    api.delete(Deployment, manifest["metadata"]["name"])


def _defaulted(api: Client, deployment: Manifest) -> Manifest:
    """The pod template as the API server writes it, with all its defaults."""
    deployment["metadata"] = {"name": deployment["metadata"]["name"], "namespace": NAMESPACE}
    template: Manifest = api.replace(_typed(deployment), dry_run=True).to_dict()["spec"]["template"]
    return template


def _in_order(value: Any) -> Any:
    """The same with the lists that have a merge key sorted by it: where new elements go is ours to say."""
    if isinstance(value, dict):
        return {
            key: sorted(map(_in_order, inner), key=lambda element, by=MERGE_KEYS[key]: str(element[by]))  # type: ignore[misc]
            if key in MERGE_KEYS and isinstance(inner, list)
            else _in_order(inner)
            for key, inner in value.items()
        }
    return value


def _with_claims(spec: Manifest) -> Manifest:
    """A controller's pod template with the volumes that a StatefulSet puts into its pods."""
    template: Manifest = copy.deepcopy(spec["template"])
    for claim in spec.get("volumeClaimTemplates", []):
        name = claim["metadata"]["name"]
        template["spec"]["volumes"].append({"name": name, "persistentVolumeClaim": {"claimName": f"{name}-one-0"}})
    return template


def _pod(template: Manifest) -> Any:
    head = {**template.get("metadata", {}), "name": "one", "namespace": NAMESPACE}
    return _typed({"apiVersion": "v1", "kind": "Pod", "metadata": head, "spec": template["spec"]})


def _typed(manifest: Manifest) -> Any:
    """The manifest as lightkube takes it."""
    return codecs.from_dict(manifest)


def _await_service_account(api: Client) -> None:
    """Pods are admitted once the namespace's own account is there."""

    def there() -> bool:
        return any(account.metadata and account.metadata.name == "default" for account in api.list(ServiceAccount))

    until(there, f"namespace {NAMESPACE} has its account", seconds=15)
