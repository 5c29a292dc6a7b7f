"""Up, repair and down of a real cluster, with real pods."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lightkube import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Event, Namespace, Pod, PodEviction, ResourceQuota, Service
from lightkube.resources.policy_v1 import PodDisruptionBudget

from bench import traffic
from cluster import gateway, layout
from cluster.images import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.answers import Answers
    from tests.cluster.conftest import Machine

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

NAMESPACE = "lifecycle"
NODE_PORT = 31080
PROCESSES = (
    "etcd",
    "containerd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)
Gateway = create_namespaced_resource("gateway.networking.k8s.io", "v1", "Gateway", "gateways")
HTTPRoute = create_namespaced_resource("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")


def restricted(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """The spec of a pod of one container as a restricted namespace admits it."""
    security = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    return {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"securityContext": security, **container}],
        **spec,
    }


def objects(tag: str, replicas: int) -> list[Any]:
    """Podinfo in a restricted namespace, behind a NodePort, with a budget and a quota."""
    metadata = {"name": "web", "namespace": NAMESPACE}
    pod = restricted(
        {
            "name": "web",
            "image": f"registry.local/podinfo:{tag}",
            "args": ["--port=9898"],
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9898}, "periodSeconds": 1},
        }
    )
    labels = {"app": "web"}
    port = {"port": 80, "targetPort": 9898, "nodePort": NODE_PORT}
    return [
        Namespace.from_dict(
            {"metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        ),
        ResourceQuota.from_dict({"metadata": metadata, "spec": {"hard": {"pods": "10"}}}),
        PodDisruptionBudget.from_dict(
            {"metadata": metadata, "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}},
        ),
        Deployment.from_dict(
            {
                "metadata": metadata,
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": pod},
                },
            },
        ),
        Service.from_dict({"metadata": metadata, "spec": {"type": "NodePort", "selector": labels, "ports": [port]}}),
    ]


def is_ready(status: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))


def ready_pods(machine: Machine) -> dict[str, int]:
    """Uid and number of restarts of the ready pods."""

    def read() -> dict[str, int]:
        pods = [pod.to_dict() for pod in machine.client().list(Pod, namespace=NAMESPACE, labels={"app": "web"})]
        return {
            pod["metadata"]["uid"]: sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
            for pod in pods
            if not pod["metadata"].get("deletionTimestamp") and is_ready(pod["status"])
        }

    return machine.run(read)


def answer(machine: Machine, path: str = "/version", port: int = NODE_PORT) -> tuple[int, str]:
    def ask() -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()

    return machine.run(ask)


def serves(machine: Machine, port: int = NODE_PORT) -> bool:
    try:
        return answer(machine, port=port)[0] == 200
    except OSError:  # kube-proxy writes its rules at most once a second, and Envoy listens once there is a route
        return False


def wait_for(what: str, check: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def running(machine: Machine) -> Machine:
    """The cluster with three ready pods behind a NodePort."""
    machine.up()

    def apply() -> None:
        client = machine.client()
        for thing in objects("6.9.1", 3):
            client.create(thing)

    machine.run(apply)
    wait_for("3 ready pods", lambda: len(ready_pods(machine)) == 3)
    wait_for("the NodePort answers", lambda: serves(machine))
    return machine


@pytest.fixture(scope="module")
def routed(running: Machine) -> Machine:
    """The running cluster with a Gateway beside it, and a route that sends a tenth of all requests to a canary."""
    before = running.status()["processes"]
    assert f"Gateway edge in namespace cutover-gateway, {gateway.URL}" in running.up("--gateway")
    after = running.status()
    assert after["gateway"] == gateway.URL
    assert {name: pid for name, pid in after["processes"].items() if name not in gateway.GATEWAY} == before
    metadata = {"name": "canary", "namespace": NAMESPACE}
    container = {
        "name": "web",
        "image": "registry.local/podinfo:6.9.2",
        "args": ["--port=9898"],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9898}, "periodSeconds": 1},
    }
    rule = {"backendRefs": [{"name": "web", "port": 80, "weight": 90}, {"name": "canary", "port": 80, "weight": 10}]}
    parents = [{"namespace": gateway.NAMESPACE, "name": gateway.NAME}]
    things: list[Any] = [
        Pod.from_dict({"metadata": {**metadata, "labels": {"app": "canary"}}, "spec": restricted(container)}),
        Service.from_dict(
            {"metadata": metadata, "spec": {"selector": {"app": "canary"}, "ports": [{"port": 80, "targetPort": 9898}]}}
        ),
        HTTPRoute.from_dict({"metadata": metadata, "spec": {"parentRefs": parents, "rules": [rule]}}),
    ]
    running.run(lambda: [running.client().create(thing) for thing in things])
    wait_for("the canary is ready", lambda: is_ready(pod_status(running, "canary")))
    wait_for("the Gateway answers", lambda: serves(running, layout.GATEWAY_PORT))
    return running


def test_a_taken_port_is_named_and_nothing_is_started(machine: Machine) -> None:
    def listen() -> socket.socket:
        return socket.create_server(("127.0.0.1", layout.API_PORT))

    with machine.run(listen):
        done = machine.cluster("up")
    assert done.returncode == 1
    assert f"port {layout.API_PORT} is taken by PID {os.getpid()} (" in done.stderr
    assert machine.traces() == machine.before


def test_down_after_half_a_start_leaves_nothing(machine: Machine) -> None:
    machine.up("--control-plane-only")
    assert not machine.status()["processes"]["kubelet"]
    machine.kill_everything()
    done = machine.cluster("down")
    assert done.returncode == 0, done.stderr
    assert machine.traces() == machine.before


def test_podinfo_serves_what_the_demo_needs(running: Machine) -> None:
    for path, code in (("/", 200), ("/readyz", 200), ("/healthz", 200), ("/metrics", 200), ("/status/500", 500)):
        assert answer(running, path)[0] == code
    assert '"6.9.1"' in answer(running)[1]
    started = time.monotonic()
    assert answer(running, "/delay/1")[0] == 200
    assert time.monotonic() - started >= 1


def test_a_second_up_finds_nothing_to_do(running: Machine) -> None:
    before = running.status()["processes"]
    assert "nothing to do" in running.up()
    assert running.status()["processes"] == before


def test_nothing_for_the_cluster_leaves_by_the_default_route(running: Machine) -> None:
    running.command("ip", "route", "replace", "default", "dev", "lo")
    try:
        for address in ("10.96.0.1", "10.96.255.254", "10.244.0.77", "10.244.3.254"):
            assert "dev cutover-" in running.command("ip", "route", "get", address)
        with pytest.raises(subprocess.CalledProcessError):
            running.command("ip", "route", "get", "10.244.4.1")
    finally:
        running.command("ip", "route", "delete", "default")


def test_all_sockets_listen_on_loopback_or_on_the_node_s_bridge(routed: Machine) -> None:
    listening = [line.split()[3] for line in routed.command("ss", "-Htln").splitlines()]
    programs = gateway.programs().values()
    assert {f"127.0.0.1:{port}" for program in programs for port in program.ports} <= set(listening)
    assert len(listening) > 14
    assert {address.rpartition(":")[0] for address in listening} <= {"127.0.0.1", layout.NODE_ADDRESS}


def test_an_eviction_keeps_to_the_budget(running: Machine) -> None:
    def evict() -> list[int]:
        client = running.client()
        codes = []
        for pod in list(client.list(Pod, namespace=NAMESPACE, labels={"app": "web"}))[:2]:
            name = str(pod.to_dict()["metadata"]["name"])
            try:
                client.create(PodEviction(metadata=ObjectMeta(name=name)), name, namespace=NAMESPACE)
                codes.append(201)
            except ApiError as error:
                codes.append(error.status.code or 0)
        return codes

    assert running.run(evict) == [201, 429]
    wait_for("3 ready pods again", lambda: len(ready_pods(running)) == 3)


def test_a_loaded_image_runs(running: Machine, tmp_path: Path) -> None:
    program = tmp_path / "hello"
    program.write_bytes(b"not a program")
    Image("registry.local/hello:1", {"hello": program}, ("/hello",)).write(tmp_path / "hello.tar")
    assert running.cluster("load", str(tmp_path / "hello.tar")).returncode == 0
    socket_path = str(running.state / "containerd.sock")
    images = running.command("ctr", "--address", socket_path, "--namespace", "k8s.io", "images", "list", "--quiet")
    assert "registry.local/hello:1" in images.split()


def test_an_image_that_was_never_loaded_is_reported_at_once(running: Machine) -> None:
    def create() -> None:
        metadata = ObjectMeta(name="unknown", namespace="default")
        spec = PodSpec(containers=[Container(name="app", image="registry.local/unknown:1")])
        running.client().create(Pod(metadata=metadata, spec=spec))

    def events() -> str:
        found = running.run(lambda: [event.to_dict() for event in running.client().list(Event, namespace="default")])
        return "\n".join(str(event.get("message")) for event in found)

    running.run(create)
    wait_for("the event of the failed pull", lambda: "127.0.0.1:1: connect: connection refused" in events(), 10)


def image(machine: Machine, name: str) -> str:
    return machine.python(f"print(Cluster().image({name!r}))").strip()


def start_pod(machine: Machine, name: str, spec: dict[str, Any]) -> None:
    pod: Any = Pod.from_dict({"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec})
    machine.run(lambda: machine.client().create(pod))


def pod_status(machine: Machine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = machine.run(lambda: machine.client().get(Pod, name, namespace=NAMESPACE).to_dict())
    return dict(found["status"])


def test_prometheus_scrapes_the_pods(running: Machine) -> None:
    web = running.run(lambda: running.client().get(Service, "web", namespace=NAMESPACE).to_dict())
    targets = [f"{web['spec']['clusterIP']}:80"]
    scraped = {"job_name": "web", "scrape_interval": "1s", "static_configs": [{"targets": targets}]}
    metadata = {"name": "prometheus", "namespace": NAMESPACE}
    data = {"prometheus.yml": json.dumps({"scrape_configs": [scraped]})}
    config: Any = ConfigMap.from_dict({"metadata": metadata, "data": data})
    running.run(lambda: running.client().create(config))
    spec = restricted(
        {
            "name": "prometheus",
            "image": image(running, "prometheus"),
            "args": ["--config.file=/config/prometheus.yml", "--storage.tsdb.path=/data"],
            "volumeMounts": [{"name": "config", "mountPath": "/config"}, {"name": "data", "mountPath": "/data"}],
        },
        volumes=[{"name": "config", "configMap": {"name": "prometheus"}}, {"name": "data", "emptyDir": {}}],
    )
    start_pod(running, "prometheus", spec)

    def health(address: str) -> list[str]:
        connection = http.client.HTTPConnection(address, 9090, timeout=5)
        connection.request("GET", "/api/v1/query?query=up")
        return [series["value"][1] for series in json.load(connection.getresponse())["data"]["result"]]

    def scrapes() -> bool:
        try:
            return running.run(health, pod_status(running, "prometheus")["podIP"]) == ["1"]
        except (OSError, KeyError):  # it does not listen yet, or has no address
            return False

    wait_for("the pods are scraped", scrapes)


@pytest.mark.parametrize(("path", "code", "said"), [("version", 0, '"6.9.1"'), ("status/500", 22, "error: 500")])
def test_curl_asks_a_service_and_ends_as_it_answers(running: Machine, path: str, code: int, said: str) -> None:
    spec = restricted(
        {
            "name": "curl",
            "image": image(running, "curl"),
            "args": ["--silent", "--show-error", "--fail", f"http://$(WEB_SERVICE_HOST)/{path}"],
        },
        restartPolicy="Never",
    )
    name = f"curl-{code}"
    start_pod(running, name, spec)
    wait_for("curl ended", lambda: pod_status(running, name).get("phase") in ("Succeeded", "Failed"))
    assert pod_status(running, name)["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code
    lines = running.run(lambda: list(running.client().log(name, namespace=NAMESPACE)))
    assert said in "".join(lines)


def test_up_gives_a_healthy_node_the_images_that_it_lacks(running: Machine) -> None:
    curl = image(running, "curl")
    images = ("ctr", "--address", str(running.state / "containerd.sock"), "--namespace", "k8s.io", "images")
    running.command(*images, "delete", curl)
    assert "nothing to do" in running.up()
    assert curl in running.command(*images, "list", "--quiet").split()


def test_a_route_shares_requests_by_weight(routed: Machine) -> None:
    load = traffic.Load(f"{gateway.URL}/version", rate=None, clients=4, count=1000, keep_alive=True)

    def send() -> Answers:
        with traffic.running(load, "gateway") as sent:
            return sent.wait()

    answers = routed.run(send)
    assert (len(answers), answers.lost) == (1000, 0)
    assert set(answers.versions) == {"6.9.1", "6.9.2"}
    assert answers.share("6.9.2").fits(0.1), answers.versions


def test_a_second_up_leaves_the_gateway_alone(routed: Machine) -> None:
    before = routed.status()["processes"]
    for options in ([], ["--gateway"]):
        assert "nothing to do" in routed.up(*options)
    assert routed.status()["processes"] == before


@pytest.mark.parametrize("name", gateway.GATEWAY)
def test_a_plain_up_repairs_the_gateway_too(routed: Machine, name: str) -> None:
    pods, status = ready_pods(routed), routed.status()
    os.kill(status["processes"][name], signal.SIGKILL)
    wait_for(f"{name} is gone", lambda: routed.status()["processes"][name] is None)
    assert serves(routed, layout.GATEWAY_PORT) == (name == "contour")  # Envoy keeps to what it was told last
    assert routed.cluster("status").returncode == 1
    assert f"started {name}" in routed.up()
    repaired = routed.status()
    assert repaired["healthy"]
    assert {k for k, pid in repaired["processes"].items() if pid != status["processes"][k]} == {name}
    assert ready_pods(routed) == pods
    wait_for("the Gateway answers", lambda: serves(routed, layout.GATEWAY_PORT))


def test_up_puts_a_gateway_right_that_was_deleted(routed: Machine) -> None:
    routed.run(lambda: routed.client().delete(Gateway, gateway.NAME, namespace=gateway.NAMESPACE))
    wait_for("the Gateway does not answer", lambda: not serves(routed, layout.GATEWAY_PORT))
    assert not routed.status()["healthy"]
    routed.up()
    wait_for("the Gateway answers", lambda: serves(routed, layout.GATEWAY_PORT))


@pytest.mark.parametrize("name", PROCESSES)
def test_up_repairs_a_killed_process_and_leaves_pods_alone(running: Machine, name: str) -> None:
    pods, status = ready_pods(running), running.status()
    os.kill(status["processes"][name], signal.SIGKILL)
    wait_for(f"{name} is gone", lambda: running.status()["processes"][name] is None)
    assert answer(running)[0] == 200
    assert not running.status()["healthy"]
    assert running.cluster("status").returncode == 1
    assert f"started {name}" in running.up()
    repaired = running.status()
    assert repaired["healthy"]
    assert {k for k, pid in repaired["processes"].items() if pid != status["processes"][k]} == {name}
    assert ready_pods(running) == pods
    assert answer(running)[0] == 200


def test_a_process_can_be_stopped_and_started_from_python(running: Machine) -> None:
    assert running.python("Cluster().stop_process('kube-apiserver'); print(Cluster().status().api_ready)") == "False\n"
    assert answer(running)[0] == 200
    assert running.python("Cluster().start_process('kube-apiserver')") == ""
    wait_for("the API server is ready", lambda: running.status()["api_ready"])


@pytest.mark.parametrize("reboot", [False, True])
def test_up_repairs_a_cluster_of_which_nothing_is_left_alive(routed: Machine, *, reboot: bool) -> None:
    pods = ready_pods(routed)
    routed.kill_everything()
    wait_for("all is dead", lambda: not routed.processes())
    if reboot:  # takes mounts, interfaces and rules with it
        mounts = [line.split()[4] for line in routed.traces()["mounts"]]
        routed.command("umount", "--lazy", *reversed(mounts))
        for bridge in (layout.POD_BRIDGE, layout.SERVICE_BRIDGE):
            routed.command("ip", "link", "delete", bridge)
        routed.command("iptables", "--table", "nat", "--flush")
    routed.up()
    wait_for("they serve", lambda: serves(routed) and serves(routed, layout.GATEWAY_PORT), 60)
    wait_for("the same 3 pods ran again", lambda: ready_pods(routed) == {uid: n + 1 for uid, n in pods.items()}, 60)


def test_down_leaves_nothing(machine: Machine, routed: Machine) -> None:
    addresses = routed.state.glob("run/io.containerd.runtime.v2.task/*/*/address")
    sockets = [Path(path.read_text().removeprefix("unix://")) for path in addresses]
    assert any(path.exists() for path in sockets)
    done = routed.cluster("down")
    assert done.returncode == 0, done.stderr
    assert machine.traces() == machine.before
    assert not any(path.exists() for path in sockets)
