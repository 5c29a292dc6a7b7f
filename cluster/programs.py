"""The seven programs of a node: their command lines and their settings files.

What differs from a usual node is said beside it; the rest is Kubernetes' own default.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from cluster import certificates, layout
from cluster.processes import Program

if TYPE_CHECKING:
    from cluster.builds import Build

CONTROL_PLANE: Final = ("etcd", "kube-apiserver", "kube-controller-manager")
NODE: Final = ("containerd", "kube-scheduler", "kubelet", "kube-proxy")
PAUSE_IMAGE: Final = "registry.local/pause:3.10"

_KUBECONFIG = layout.SETTINGS / "admin.yaml"
_VOLUME_PLUGINS = layout.STATE / "volume-plugins"  # their default is a folder of the machine
_CA = layout.CERTIFICATES / "ca.crt"
# One user starts hundreds of pods at once here; the defaults (5 to 50 a second) are for sharing a server with others.
_QPS = 500


def write_settings() -> None:
    """Write certificates and every program's settings file; certificates that exist are kept."""
    for folder in (layout.SETTINGS, layout.SETTINGS / "cni", layout.SETTINGS / "registries" / "registry.local"):
        folder.mkdir(parents=True, exist_ok=True)
    certificates.write_all(layout.CERTIFICATES)
    certificates.write_kubeconfig(_KUBECONFIG, layout.CERTIFICATES, "admin")
    certificates.write_kubeconfig(layout.SETTINGS / "kubelet-user.yaml", layout.CERTIFICATES, "kubelet")
    for file, content in (
        ("containerd.toml", _CONTAINERD),
        ("registries/registry.local/hosts.toml", _NO_REGISTRY),
        ("cni/pods.conflist", json.dumps(_CNI, indent=2)),
        ("kubelet.json", json.dumps(_KUBELET, indent=2)),
        ("kube-proxy.json", json.dumps(_KUBE_PROXY, indent=2)),
    ):
        path = layout.SETTINGS / file
        if not path.exists() or path.read_text() != content:  # kube-proxy ends when its file is touched
            path.write_text(content)


def programs(kubernetes: Build) -> dict[str, Program]:
    """All programs by name, in the order of their start; `kubernetes` says where its five are."""
    return {
        program.name: program
        for program in (
            Program("etcd", _etcd(), (layout.ETCD_PORT, layout.ETCD_PEER_PORT)),
            Program("containerd", ("containerd", "--config", str(layout.SETTINGS / "containerd.toml"))),
            Program("kube-apiserver", _api_server(kubernetes), (layout.API_PORT,)),
            Program("kube-controller-manager", _controller_manager(kubernetes), (layout.CONTROLLER_MANAGER_PORT,)),
            Program("kube-scheduler", _scheduler(kubernetes), (layout.SCHEDULER_PORT,)),
            Program("kubelet", _kubelet(kubernetes), (layout.KUBELET_PORT, layout.KUBELET_HEALTH_PORT)),
            Program(
                "kube-proxy",
                (str(kubernetes.program("kube-proxy")), f"--config={layout.SETTINGS / 'kube-proxy.json'}"),
                (layout.PROXY_METRICS_PORT, layout.PROXY_HEALTH_PORT),
            ),
        )
    }


def _etcd() -> tuple[str, ...]:
    client, peer = (f"https://127.0.0.1:{port}" for port in (layout.ETCD_PORT, layout.ETCD_PEER_PORT))
    pair = (layout.CERTIFICATES / "server.crt", layout.CERTIFICATES / "server.key")
    return (
        "etcd",
        f"--data-dir={layout.STATE / 'etcd'}",
        "--unsafe-no-fsync",  # a cluster that one can throw away
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        *(
            flag
            for prefix in ("--", "--peer-")
            for flag in (
                f"{prefix}cert-file={pair[0]}",
                f"{prefix}key-file={pair[1]}",
                f"{prefix}trusted-ca-file={_CA}",
                f"{prefix}client-cert-auth",
            )
        ),
    )


def _api_server(kubernetes: Build) -> tuple[str, ...]:
    folder = layout.CERTIFICATES
    return (
        str(kubernetes.program("kube-apiserver")),
        f"--etcd-servers=https://127.0.0.1:{layout.ETCD_PORT}",
        f"--etcd-cafile={_CA}",
        f"--etcd-certfile={folder / 'admin.crt'}",
        f"--etcd-keyfile={folder / 'admin.key'}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={layout.API_PORT}",
        "--endpoint-reconciler-type=none",  # a loopback address is no endpoint: pods do not reach the API
        f"--service-cluster-ip-range={layout.SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        "--allow-privileged=true",
        f"--client-ca-file={_CA}",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'service-accounts.key'}",
        f"--service-account-signing-key-file={folder / 'service-accounts.key'}",
        f"--kubelet-client-certificate={folder / 'admin.crt'}",
        f"--kubelet-client-key={folder / 'admin.key'}",
        f"--kubelet-certificate-authority={_CA}",
        "--kubelet-preferred-address-types=InternalIP",
    )


def _controller_manager(kubernetes: Build) -> tuple[str, ...]:
    return (
        str(kubernetes.program("kube-controller-manager")),
        *_client_flags(layout.CONTROLLER_MANAGER_PORT),
        f"--service-account-private-key-file={layout.CERTIFICATES / 'service-accounts.key'}",
        f"--root-ca-file={_CA}",
        f"--flex-volume-plugin-dir={_VOLUME_PLUGINS}",
    )


def _scheduler(kubernetes: Build) -> tuple[str, ...]:
    return (str(kubernetes.program("kube-scheduler")), *_client_flags(layout.SCHEDULER_PORT))


def _client_flags(port: int) -> tuple[str, ...]:
    return (
        f"--kubeconfig={_KUBECONFIG}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--leader-elect=false",
        f"--kube-api-qps={_QPS}",
        f"--kube-api-burst={2 * _QPS}",
    )


def _kubelet(kubernetes: Build) -> tuple[str, ...]:
    return (
        str(kubernetes.program("kubelet")),
        f"--config={layout.SETTINGS / 'kubelet.json'}",
        f"--kubeconfig={layout.SETTINGS / 'kubelet-user.yaml'}",
        f"--hostname-override={layout.KUBERNETES_NODE}",
        f"--node-ip={layout.NODE_ADDRESS}",
        f"--root-dir={layout.KUBELET}",
        f"--cert-dir={layout.KUBELET / 'pki'}",
    )


_KUBELET: dict[str, Any] = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "address": layout.NODE_ADDRESS,
    "port": layout.KUBELET_PORT,
    "healthzBindAddress": "127.0.0.1",
    "healthzPort": layout.KUBELET_HEALTH_PORT,
    "authentication": {
        "anonymous": {"enabled": False},
        "webhook": {"enabled": True},
        "x509": {"clientCAFile": str(_CA)},
    },
    "authorization": {"mode": "Webhook"},
    "tlsCertFile": str(layout.CERTIFICATES / "kubelet.crt"),
    "tlsPrivateKeyFile": str(layout.CERTIFICATES / "kubelet.key"),
    "containerRuntimeEndpoint": f"unix://{layout.CONTAINERD_SOCKET}",
    "cgroupDriver": "cgroupfs",
    "cgroupRoot": f"/{layout.CGROUP}",
    "failCgroupV1": False,
    "failSwapOn": False,
    "enforceNodeAllocatable": [],
    "podLogsDir": str(layout.POD_LOGS),
    "volumePluginDir": str(_VOLUME_PLUGINS),
    "resolvConf": "",
    # No DNS server runs; without an address every pod would carry a MissingClusterDNS warning.
    "clusterDNS": [layout.DNS_SERVICE_ADDRESS],
    "clusterDomain": "cluster.local",
    "maxPods": 500,
    # The disk and the memory are the user's: only a machine in real need evicts, and images are never collected.
    "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    "imageGCHighThresholdPercent": 100,
    "serializeImagePulls": False,
    "registryPullQPS": 0,
    "eventRecordQPS": _QPS,  # 0 would not mean unlimited here, but client-go's default of 5
    "eventBurst": 2 * _QPS,
    "kubeAPIQPS": _QPS,
    "kubeAPIBurst": 2 * _QPS,
}

_KUBE_PROXY: dict[str, Any] = {
    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
    "kind": "KubeProxyConfiguration",
    "mode": "iptables",
    "bindAddress": "127.0.0.1",
    "hostnameOverride": layout.KUBERNETES_NODE,
    "clusterCIDR": layout.POD_RANGE,
    "clientConnection": {"kubeconfig": str(_KUBECONFIG)},
    "metricsBindAddress": f"127.0.0.1:{layout.PROXY_METRICS_PORT}",
    "healthzBindAddress": f"127.0.0.1:{layout.PROXY_HEALTH_PORT}",
    "iptables": {"localhostNodePorts": True},
    "nodePortAddresses": ["127.0.0.0/8"],
    # The machine's connection tracking stays as it is.
    "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
}

_CNI: dict[str, Any] = {
    "cniVersion": "0.4.0",
    "name": layout.CNI_NETWORK,
    "plugins": [
        {
            "type": "bridge",
            "bridge": layout.POD_BRIDGE,
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": str(layout.STATE / "addresses"),
                "ranges": [[{"subnet": layout.PODS}]],
                # Pods have no default route: what they send stays in the cluster.
                "routes": [{"dst": layout.POD_RANGE}, {"dst": layout.SERVICE_RANGE}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}

_CONTAINERD = f"""\
version = 2
root = "{layout.CONTAINERD_ROOT}"
state = "{layout.CONTAINERD_RUN}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{layout.CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  enable_selinux = false
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{layout.CNI_PLUGINS}"
    conf_dir = "{layout.SETTINGS / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{layout.SETTINGS / "registries"}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "{layout.STATE / "runc"}"
"""

# Images of `registry.local` are only ever loaded; a pull fails at once instead of asking the network for the name.
_NO_REGISTRY = """\
server = "http://127.0.0.1:1"
[host."http://127.0.0.1:1"]
  capabilities = ["pull", "resolve"]
"""
