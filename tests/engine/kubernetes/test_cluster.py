"""The provider on a real API server; the cases are those that the real provider was recorded with."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster import Cluster as EmbeddedCluster
from engine.kubernetes import waiting
from engine.kubernetes.provider import KubernetesProvider, configure
from engine.provider import Diff, PartialFailureError, ProviderError, Severity
from engine.values import UNKNOWN, Properties, Secret

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

IMAGE = "registry.local/podinfo:6.9.0"
PAUSE = "registry.local/pause:3.10"


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The kubeconfig of the machine's embedded cluster, started if it is not up."""
    embedded = EmbeddedCluster()
    embedded.up()
    return str(embedded.status().kubeconfig)


@dataclass
class Stack:
    """The least of an engine: one state per resource, changed step by step."""

    provider: KubernetesProvider
    namespace: str
    lines: list[str] = field(default_factory=list)
    states: dict[str, tuple[str, Properties, Properties]] = field(default_factory=dict)

    def up(
        self, obj: Properties, *, ignore: tuple[str, ...] = (), timeout: float = 180, resource: str = ""
    ) -> Diff | None:
        """Bring one resource to `obj`, previewing first; return the difference, None for a create."""
        urn = self.urn(obj, resource)
        if urn not in self.states:
            inputs, _ = self.provider.check(urn, None, obj)
            preview_id, preview = self.provider.create(urn, inputs, timeout=timeout, preview=True)
            assert preview_id == ""
            assert preview["kind"] == obj["kind"]
            created_id, outputs = self.provider.create(urn, inputs, timeout=timeout, preview=False)
            self.states[urn] = created_id, inputs, outputs
            return None
        id_, old, outputs = self.states[urn]
        inputs, _ = self.provider.check(urn, old, obj)
        found = self.provider.diff(urn, old, outputs, inputs, ignore)
        if found.replaces:
            assert found.delete_before_replace
            self.down(obj, resource=resource)
            self.up(obj, timeout=timeout, resource=resource)
        elif found.changes:
            args = (urn, id_, old, outputs, inputs)
            self.provider.update(*args, timeout=timeout, ignore=ignore, preview=True)
            new = self.provider.update(*args, timeout=timeout, ignore=ignore, preview=False)
            self.states[urn] = id_, inputs, new
        return found

    def down(self, obj: Properties, *, timeout: float = 180, resource: str = "") -> None:
        id_, inputs, outputs = self.states.pop(self.urn(obj, resource))
        self.provider.delete(self.urn(obj, resource), id_, inputs, outputs, timeout=timeout)

    def refresh(self, obj: Properties) -> list[str] | None:
        """Take over what the cluster says; return why it is not ready, None when it is gone."""
        urn = self.urn(obj)
        found = self.provider.read(urn, *self.states[urn])
        if found is None:
            return None
        self.states[urn] = found.id, found.inputs, found.outputs
        return found.reasons

    def outputs(self, obj: Properties) -> Properties:
        return self.states[self.urn(obj)][2]

    def live(self, obj: Properties) -> Properties:
        return self.provider._cluster.live(obj)

    def urn(self, obj: Properties, resource: str = "") -> str:
        version = obj["apiVersion"] if "/" in obj["apiVersion"] else f"core/{obj['apiVersion']}"
        name = resource or obj["metadata"].get("name", "auto")
        return f"urn:pulumi:dev::probe::kubernetes:{version}:{obj['kind']}::{name}"

    def make(
        self, version: str, kind: str, name: str = "", annotations: Properties | None = None, **body: Any
    ) -> Properties:
        metadata: Properties = {"name": name} if name else {}
        metadata |= {"annotations": annotations} if annotations else {}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}

    def edit(self, obj: Properties, manager: str, patch: Properties, subresource: str = "") -> None:
        """Change a live object as someone else."""
        cluster = self.provider._cluster
        path = cluster._path(obj | {"metadata": obj["metadata"] | {"namespace": self.namespace}})
        content = "application/merge-patch+json"
        cluster._send("PATCH", path + subresource, {"fieldManager": manager}, patch, content=content)


_names = itertools.count(1)


@pytest.fixture
def stack(kubeconfig: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setattr(waiting, "SETTLE_SECONDS", 0.5)
    lines: list[str] = []

    def report(_urn: str, severity: Severity, message: str) -> None:
        lines.append(message if severity is Severity.INFO else f"{severity}: {message}")

    namespace = f"engk-{time.time_ns() % 10**10}-{next(_names)}"
    config = {"kubeconfig": kubeconfig, "context": "cutover-embedded", "namespace": namespace}
    provider = configure(config | getattr(request, "param", {}), report)
    provider._cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    yield Stack(provider, namespace, lines)
    provider._cluster.stopped.clear()
    provider._cluster.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, "Background")


def pod_spec(image: str = IMAGE, **container: Any) -> Properties:
    resources = {"requests": {"cpu": "5m", "memory": "16Mi"}}
    return {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "app", "image": image, "resources": resources, **container}],
    }


READINESS = {"httpGet": {"path": "/readyz", "port": 9898}, "periodSeconds": 1}


def deployment(
    stack: Stack, image: str = IMAGE, replicas: float = 1, labels: Properties | None = None, **container: Any
) -> Properties:
    labels = labels or {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(image, readinessProbe=READINESS, **container)}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return stack.make("apps/v1", "Deployment", "web", spec=spec)


def service(stack: Stack, selector: Properties, annotations: Properties | None = None, **spec: Any) -> Properties:
    ports = spec.pop("ports", [{"port": 80}])
    return stack.make("v1", "Service", "web", annotations, spec={"selector": selector, "ports": ports, **spec})


def kinds(found: Diff | None) -> dict[str, str] | None:
    return None if found is None else {path: change.kind.value for path, change in found.detailed.items()}


def test_a_deployment_lives_through_create_update_and_delete(stack: Stack) -> None:
    web = deployment(stack, replicas=2.0)
    assert stack.up(web) is None
    outputs = stack.outputs(web)
    assert re.fullmatch(r"pulumi-kubernetes-[0-9a-f]{8}", outputs["__fieldManager"])
    assert outputs["__initialApiVersion"] == "apps/v1"
    assert outputs["__inputs"] == stack.states[stack.urn(web)][1]
    assert outputs["status"]["readyReplicas"] == 2
    assert outputs["metadata"]["managedFields"][0]["manager"] == "pulumi-kubernetes"
    assert "Waiting for app ReplicaSet to be available (0/2 Pods available)" in stack.lines
    assert stack.lines[-2:] == ["Deployment initialization complete", ""]

    assert kinds(stack.up(web)) == {}
    newer = deployment(stack, "registry.local/podinfo:6.9.1", replicas=3)
    assert kinds(stack.up(newer)) == {"spec.replicas": "update", "spec.template.spec.containers[0].image": "update"}
    outputs = stack.outputs(web)
    assert outputs["status"]["readyReplicas"] == 3
    owners = [(entry["manager"], entry["operation"]) for entry in outputs["metadata"]["managedFields"]]
    assert (outputs["__fieldManager"], "Apply") in owners
    assert ("pulumi-kubernetes", "Update") not in owners
    assert kinds(stack.up(newer)) == {}
    assert stack.refresh(newer) == []
    assert kinds(stack.up(newer)) == {}

    urn = stack.urn(web)
    state = stack.states[urn]
    stack.down(web)
    assert stack.provider.read(urn, *state) is None
    stack.provider.delete(urn, *state, timeout=5)  # gone already is done
    assert "Resource scheduled for deletion" in stack.lines


def test_a_preview_changes_nothing(stack: Stack) -> None:
    urn = "urn:pulumi:dev::probe::kubernetes:core/v1:Service::web"
    inputs, _ = stack.provider.check(urn, None, service(stack, {"app": "web"}))
    created, outputs = stack.provider.create(urn, inputs, timeout=None, preview=True)
    assert created == ""
    assert outputs["spec"]["clusterIP"]  # the server's own defaults
    assert "status" not in outputs
    assert stack.provider.read(urn, f"{stack.namespace}/web", inputs, {}) is None

    unknown = inputs | {"spec": UNKNOWN}
    assert stack.provider.create(urn, unknown, timeout=None, preview=True) == ("", unknown)
    elsewhere = inputs | {"metadata": {"name": "web", "namespace": "engk-not-there"}}
    assert stack.provider.create(urn, elsewhere, timeout=None, preview=True) == ("", elsewhere)
    thing = stack.make("not-there.example/v1", "Thing", "t")
    assert stack.provider.create(stack.urn(thing), thing, timeout=None, preview=True) == ("", thing)


def test_already_exists(stack: Stack) -> None:
    theirs = stack.make("v1", "ConfigMap", "x", data={"k": "theirs"})
    stack.provider._cluster.create(theirs | {"metadata": {"name": "x", "namespace": stack.namespace}})
    ours = stack.make("v1", "ConfigMap", "x", data={"k": "ours"})
    with pytest.raises(ProviderError) as caught:
        stack.up(ours)
    assert str(caught.value).startswith(
        'resource "urn:pulumi:dev::probe::kubernetes:core/v1:ConfigMap::x" was not successfully created '
        'by the Kubernetes API server: configmaps "x" already exists\n\nThe resource already exists in the cluster.'
    )
    assert not isinstance(caught.value, PartialFailureError)
    assert stack.lines[-1] == 'Retry #0; creation failed: configmaps "x" already exists'


@pytest.mark.parametrize("stack", [{"upsertExistingObjects": "true"}], indirect=True, ids=["upsert"])
def test_what_exists_is_taken_over_where_that_is_asked_for(stack: Stack) -> None:
    ours = stack.make("v1", "ConfigMap", "x", {"pulumi.com/patchFieldManager": "us"}, data={"k": "1", "old": "1"})
    stack.up(ours)
    uid = stack.live(stack.outputs(ours))["metadata"]["uid"]
    stack.states.clear()  # as if a kill had come before the state was written
    ours = stack.make("v1", "ConfigMap", "x", {"pulumi.com/patchFieldManager": "us"}, data={"k": "2"})
    stack.up(ours)
    live = stack.live(stack.outputs(ours))
    assert (live["metadata"]["uid"], live["data"]) == (uid, {"k": "2"})
    assert [entry["manager"] for entry in live["metadata"]["managedFields"]] == ["us"]
    assert stack.outputs(ours)["__fieldManager"] == "us"


@pytest.mark.parametrize("stack", [{"upsertExistingObjects": "true"}], indirect=True, ids=["upsert"])
def test_a_preview_of_what_replaces_an_existing_object_goes_by_another_name(stack: Stack) -> None:
    stack.up(stack.make("v1", "ConfigMap", "x", data={"k": "1"}, immutable=True))
    other = stack.make("v1", "ConfigMap", "x", data={"k": "2"}, immutable=True)
    inputs, _ = stack.provider.check(stack.urn(other), None, other)
    _, outputs = stack.provider.create(stack.urn(other), inputs, timeout=None, preview=True)
    name = outputs["metadata"]["name"]
    assert re.fullmatch(r"x[0-9a-f]{5}", name)
    assert f'Preview creation failed due to immutable fields; retrying with name "{name}"' in stack.lines


def test_config_maps_are_replaced(stack: Stack) -> None:
    fixed = [stack.make("v1", "ConfigMap", "fixed", data={"k": str(step)}) for step in (1, 2)]
    stack.up(fixed[0])
    assert kinds(stack.up(fixed[1])) == {"data.k": "update-replace"}
    assert stack.live(stack.outputs(fixed[1]))["data"] == {"k": "2"}

    urn = "urn:pulumi:dev::probe::kubernetes:core/v1:ConfigMap::auto"
    named, _ = stack.provider.check(urn, None, stack.make("v1", "ConfigMap", data={"k": "1"}))
    again, _ = stack.provider.check(urn, named, stack.make("v1", "ConfigMap", data={"k": "2"}))
    assert again["metadata"] == named["metadata"]
    _, outputs = stack.provider.create(urn, named, timeout=None, preview=False)
    found = stack.provider.diff(urn, named, outputs, again, ())
    assert found.replaces == ["data.k"]
    assert not found.delete_before_replace


def test_an_edit_by_hand_does_not_block_and_another_applier_does(stack: Stack) -> None:
    blue, green = (service(stack, {"app": "web", "color": color}) for color in ("blue", "green"))
    stack.up(blue)
    stack.edit(blue, "kubectl-patch", {"spec": {"selector": {"color": "red"}}})
    assert kinds(stack.up(green)) == {"spec.selector.color": "update"}
    assert stack.live(stack.outputs(green))["spec"]["selector"]["color"] == "green"

    cluster = stack.provider._cluster
    theirs = stack.make("v1", "Service", "web", spec={"selector": {"app": "web", "color": "theirs"}})
    theirs["metadata"]["namespace"] = stack.namespace
    cluster.apply(theirs, "argocd", force=True)
    with pytest.raises(PartialFailureError) as caught:
        stack.up(blue)
    said = str(caught.value)
    assert "server-side apply field conflict detected, see https://www.pulumi.com/registry" in said
    assert (
        f'The resource managed by field manager "{stack.outputs(blue)["__fieldManager"]}" had an apply conflict' in said
    )
    assert 'conflict with "argocd"' in said
    assert caught.value.outputs["spec"]["selector"]["color"] == "theirs"

    forced = service(stack, {"app": "web", "color": "blue"}, {"pulumi.com/patchForce": "true"})
    assert kinds(stack.up(forced)) == {"metadata.annotations": "add", "spec.selector.color": "update"}
    assert stack.live(stack.outputs(forced))["spec"]["selector"]["color"] == "blue"


def definition(stack: Stack, group: str, **properties: Any) -> Properties:
    names = {"plural": "things", "singular": "thing", "kind": "Thing"}
    spec_schema = {"type": "object", "x_kubernetes_preserve_unknown_fields": True, "properties": properties}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec_schema}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    return stack.make("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"things.{group}", spec=spec)


def test_custom_resources_need_no_knowledge_of_their_kind(stack: Stack) -> None:
    group = f"{stack.namespace}.example"
    crd = definition(stack, group)
    stack.up(crd)
    try:
        assert kinds(stack.up(crd)) == {}
        first = stack.make(f"{group}/v1", "Thing", "t", spec={"weight": 10.0, "extra": "x"})
        stack.up(first)
        second = stack.make(f"{group}/v1", "Thing", "t", spec={"weight": 20.0})
        assert kinds(stack.up(second)) == {"spec.extra": "delete", "spec.weight": "update"}
        assert stack.live(stack.outputs(second))["spec"] == {"weight": 20}
        assert set(kinds(stack.up(definition(stack, group, weight={"type": "integer"}))) or ()) == {
            "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties"
        }
        state = stack.states[stack.urn(second)]
    finally:
        stack.down(crd)
    assert stack.provider.read(stack.urn(second), *state) is None
    stack.down(second)


def test_replicas_that_somebody_else_scales_stay_as_they_are(stack: Stack) -> None:
    ignore = ("spec.replicas",)
    stack.up(deployment(stack), ignore=ignore)
    stack.edit(deployment(stack), "kubectl", {"spec": {"replicas": 3}}, "/scale")
    changed = deployment(stack, "registry.local/podinfo:6.9.1")
    assert kinds(stack.up(changed, ignore=ignore)) == {"spec.template.spec.containers[0].image": "update"}
    assert stack.outputs(changed)["spec"]["replicas"] == 3
    assert "replicas" not in stack.outputs(changed)["__inputs"]["spec"]
    assert kinds(stack.up(changed, ignore=ignore)) == {}


def test_a_removed_field_leaves_the_cluster(stack: Stack) -> None:
    labelled = service(stack, {"app": "f"})
    labelled["metadata"]["labels"] = {"keep": "1", "drop": "1"}
    stack.up(labelled)
    fewer = service(stack, {"app": "f"})
    fewer["metadata"]["labels"] = {"keep": "1"}
    assert kinds(stack.up(fewer)) == {"metadata.labels.drop": "delete"}
    assert stack.live(stack.outputs(fewer))["metadata"]["labels"] == {"keep": "1"}


def test_what_the_server_rejects(stack: Stack) -> None:
    bad = service(stack, {"app": "x"}, type="NodePort", ports=[{"port": 80, "nodePort": 80}])
    with pytest.raises(ProviderError) as caught:
        stack.up(bad)
    assert str(caught.value) == (
        'resource "urn:pulumi:dev::probe::kubernetes:core/v1:Service::web" was not successfully created by the '
        'Kubernetes API server: Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is '
        "not in the valid range. The range of valid ports is 30000-32767"
    )
    good = service(stack, {"app": "x"})
    stack.up(good)
    urn = stack.urn(good)
    id_, old, outputs = stack.states[urn]
    inputs, _ = stack.provider.check(urn, old, service(stack, {"app": "x"}, ports=[{"port": 70_000}]))
    with pytest.raises(PartialFailureError) as partial:
        stack.provider.update(urn, id_, old, outputs, inputs, timeout=None, ignore=(), preview=False)
    start = (
        f'the Kubernetes API server reported that "{stack.namespace}/web" failed to fully initialize or become live: '
    )
    assert str(partial.value).startswith(start + 'Service "web" is invalid: [spec.ports[')
    assert partial.value.reasons == [str(partial.value)]
    assert partial.value.outputs["spec"]["ports"][0]["port"] == 80
    stack.states[urn] = id_, old, partial.value.outputs
    assert kinds(stack.up(good)) == {}


def test_changes_of_a_service(stack: Stack) -> None:
    ports = [{"port": 81, "targetPort": 8080}]
    stack.up(service(stack, {"app": "web"}, type="ClusterIP", ports=[{"port": 80, "targetPort": 8080}]))
    node_port = service(stack, {"app": "web"}, type="NodePort", ports=ports)
    urn = stack.urn(node_port)
    id_, old, outputs = stack.states[urn]
    inputs, _ = stack.provider.check(urn, old, node_port)
    assert kinds(stack.provider.diff(urn, old, outputs, inputs, ())) == {
        "spec.ports[0].port": "update",
        "spec.type": "update",
    }
    # As recorded: in a preview the old port still belongs to the create, so the dry run sees two ports.
    with pytest.raises(PartialFailureError, match=r"spec.ports\[0\].name: Required value"):
        stack.provider.update(urn, id_, old, outputs, inputs, timeout=None, ignore=(), preview=True)
    new = stack.provider.update(urn, id_, old, outputs, inputs, timeout=None, ignore=(), preview=False)
    assert [port["port"] for port in new["spec"]["ports"]] == [81]
    stack.states[urn] = id_, inputs, new
    headless = service(stack, {"app": "web"}, type="ClusterIP", clusterIP="None", ports=ports)
    assert kinds(stack.up(headless)) == {"spec.clusterIP": "add-replace", "spec.type": "update"}


def test_a_service_settles(stack: Stack) -> None:
    stack.up(deployment(stack))
    stack.lines.clear()
    stack.up(service(stack, {"app": "web"}))
    assert stack.lines == ["", "[1/3] Finding Pods to direct traffic to", "Service initialization complete", ""]


def test_secret_values_stay_secret(stack: Stack) -> None:
    web = deployment(stack, env=[{"name": "TOKEN", "value": Secret("s3cret")}])
    token = stack.make("v1", "Secret", "s", stringData={"token": Secret("s3cret")})
    for obj in (web, token):
        stack.up(obj)
        _, inputs, outputs = stack.states[stack.urn(obj)]
        assert "s3cret" not in repr((inputs, outputs))
        assert "czNjcmV0" not in repr((inputs, outputs))
        assert kinds(stack.up(obj)) == {}
        assert stack.refresh(obj) == []
        assert "s3cret" not in repr(stack.states)
        assert kinds(stack.up(obj)) == {}
    assert stack.outputs(token)["data"] == Secret({"token": "czNjcmV0"})
    assert isinstance(stack.outputs(web)["spec"]["template"]["spec"]["containers"], Secret)


def stateful_set(stack: Stack, policy: str = "OrderedReady", annotations: Properties | None = None) -> Properties:
    template = {"metadata": {"labels": {"app": "db"}}, "spec": pod_spec(PAUSE) | {"terminationGracePeriodSeconds": 2}}
    spec = {"serviceName": "db", "replicas": 2, "selector": {"matchLabels": {"app": "db"}}, "template": template}
    return stack.make("apps/v1", "StatefulSet", "db", annotations, spec=spec | {"podManagementPolicy": policy})


def test_stateful_sets(stack: Stack) -> None:
    stack.up(stateful_set(stack))
    assert "[1/2] Waiting for StatefulSet to create Pods (0/2 Pods ready)" in stack.lines
    assert stack.outputs(stateful_set(stack))["status"]["readyReplicas"] == 2
    assert kinds(stack.up(stateful_set(stack, "Parallel"))) == {"spec.podManagementPolicy": "update-replace"}


def test_skip_await_skips_the_wait_for_a_delete_as_well(stack: Stack) -> None:
    skip = {"pulumi.com/skipAwait": "true"}
    stack.up(stateful_set(stack, annotations=skip))
    assert stack.lines == ["", "Skipping await logic", ""]
    with pytest.raises(ProviderError, match=r'object is being deleted: statefulsets\.apps "db" already exists'):
        stack.up(stateful_set(stack, "Parallel", annotations=skip))


def test_an_image_that_does_not_exist(stack: Stack) -> None:
    stack.up(deployment(stack, replicas=2))
    bad = deployment(stack, "registry.local/none:v404", replicas=2)
    urn = stack.urn(bad)
    id_, old, outputs = stack.states[urn]
    inputs, _ = stack.provider.check(urn, old, bad)
    with pytest.raises(PartialFailureError) as caught:
        stack.provider.update(urn, id_, old, outputs, inputs, timeout=5, ignore=(), preview=False)
    first, second, third = caught.value.reasons
    where = f'the Kubernetes API server reported that "{stack.namespace}/web"'
    assert first == f"{where} failed to fully initialize or become live: 'web' timed out waiting to be Ready"
    assert str(caught.value) == first
    assert second == "Minimum number of Pods to consider the application live was not attained"
    assert re.match(
        rf"\[Pod {stack.namespace}/web-[0-9a-z]+-[0-9a-z]+\]: containers with unready status: \[app\]"
        r"\[(ErrImagePull|ImagePullBackOff)\] .*registry.local/none:v404",
        third,
    )
    assert caught.value.outputs["status"]["readyReplicas"] == 2
    stack.states[urn] = id_, old, caught.value.outputs
    reasons = stack.refresh(bad)
    assert reasons is not None
    assert reasons[:2] == ["Resource 'web' was created but failed to initialize", second]
    found = stack.up(deployment(stack, replicas=2))
    assert kinds(found) == {"spec.template.spec.containers[0].image": "update"}


def test_drift_is_seen_after_a_refresh_and_mended(stack: Stack) -> None:
    blue = service(stack, {"app": "web", "color": "blue"})
    stack.up(blue)
    stack.edit(blue, "kubectl-edit", {"spec": {"selector": {"color": "red"}}})
    assert kinds(stack.up(blue)) == {}
    assert stack.refresh(blue) == []
    assert stack.states[stack.urn(blue)][1]["spec"]["selector"]["color"] == "red"
    assert kinds(stack.up(blue)) == {"spec.selector.color": "update"}
    assert stack.live(stack.outputs(blue))["spec"]["selector"]["color"] == "blue"


def test_a_live_object_can_be_read_without_inputs(stack: Stack) -> None:
    stack.up(service(stack, {"app": "web"}))
    found = stack.provider.read(stack.urn(service(stack, {})), f"{stack.namespace}/web", {}, {})
    assert found is not None
    assert found.outputs["spec"]["clusterIP"]
    assert set(found.inputs) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(found.inputs["metadata"]) == {"name", "namespace"}


def test_cancel_ends_a_wait_and_keeps_what_was_made(stack: Stack) -> None:
    timer = threading.Timer(1.0, stack.provider.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(PartialFailureError, match='Resource operation was cancelled for "web"') as caught:
        stack.up(deployment(stack, "registry.local/none:v404"))
    assert time.monotonic() - started < 5
    assert caught.value.id == f"{stack.namespace}/web"
    assert caught.value.outputs["metadata"]["uid"]


def test_a_namespace_that_comes_later_is_waited_for(stack: Stack) -> None:
    later = f"{stack.namespace}-later"
    obj = stack.make("v1", "ConfigMap", "c", data={"k": "1"})
    obj["metadata"]["namespace"] = later
    namespace = stack.make("v1", "Namespace", later)
    timer = threading.Timer(0.7, stack.up, [namespace])
    timer.start()
    try:
        stack.up(obj)
        assert f'Retry #0; creation failed: namespaces "{later}" not found' in stack.lines
    finally:
        timer.join()
        stack.down(namespace)
    assert stack.refresh(obj) is None


def test_what_the_user_waits_for(stack: Stack) -> None:
    annotations = {"pulumi.com/waitFor": "jsonpath={.data.done}=yes"}
    obj = stack.make("v1", "ConfigMap", "c", annotations, data={"k": "1"})
    timer = threading.Timer(1.0, stack.edit, [obj, "other", {"data": {"done": "yes"}}])
    timer.start()
    started = time.monotonic()
    stack.up(obj)
    timer.join()
    assert time.monotonic() - started >= 1.0
    assert "Waiting for jsonpath={.data.done}=yes" in stack.lines
    assert stack.outputs(obj)["data"]["done"] == "yes"


def test_many_steps_run_at_once(stack: Stack) -> None:
    objects = [stack.make("v1", "ConfigMap", f"c{number}", data={"k": "1"}) for number in range(32)]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(stack.up, objects)) == [None] * 32
        list(pool.map(stack.down, objects))
    assert stack.provider._cluster.find("v1", "ConfigMap", stack.namespace, "app=none") == []
