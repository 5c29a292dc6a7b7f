"""Where the embedded cluster keeps its things, and the addresses it uses.

There is one such cluster per network namespace, because its bridges, ports and iptables rules are the namespace's. Its
state therefore sits at one machine-wide place, whoever asks and from whichever checkout; that path is also short enough
for Unix sockets. What was built is the user's and sits in the user's cache folder.

Another cluster, in another network namespace (`nsenter --net=…`), is told apart by `CUTOVER_CLUSTER=<name>`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

NAME: Final = f"cutover-{os.environ.get('CUTOVER_CLUSTER', 'embedded')}"
KUBERNETES_NODE: Final = "node1"

HOME: Final = Path("/var/lib/cutover")
STATE: Final = HOME / NAME
LOCK: Final = HOME / f"{NAME}.lock"
CERTIFICATES: Final = STATE / "certificates"
SETTINGS: Final = STATE / "settings"
LOGS: Final = STATE / "log"
PROCESSES: Final = STATE / "processes"
KUBELET: Final = STATE / "kubelet"
POD_LOGS: Final = STATE / "pods"
CONTAINERD_ROOT: Final = STATE / "containerd"
CONTAINERD_RUN: Final = STATE / "run"
CONTAINERD_SOCKET: Final = STATE / "containerd.sock"
ENVOY_SOCKET: Final = STATE / "envoy.sock"

CNI_PLUGINS: Final = Path("/usr/lib/cni")
CNI_NETWORK: Final = NAME
CGROUP: Final = NAME

POD_BRIDGE: Final = "cutover-pods"
SERVICE_BRIDGE: Final = "cutover-svc"
NODE_ADDRESS: Final = "10.244.255.1"
PODS: Final = "10.244.0.0/22"
POD_RANGE: Final = "10.244.0.0/16"
SERVICE_RANGE: Final = "10.96.0.0/16"
API_SERVICE_ADDRESS: Final = "10.96.0.1"
DNS_SERVICE_ADDRESS: Final = "10.96.0.10"

API_PORT: Final = 20443
ETCD_PORT: Final = 20379
ETCD_PEER_PORT: Final = 20380
KUBELET_PORT: Final = 20250
KUBELET_HEALTH_PORT: Final = 20248
CONTROLLER_MANAGER_PORT: Final = 20257
SCHEDULER_PORT: Final = 20259
PROXY_METRICS_PORT: Final = 20249
PROXY_HEALTH_PORT: Final = 20256
GATEWAY_PORT: Final = 20080
CONTOUR_PORT: Final = 20260
CONTOUR_HEALTH_PORT: Final = 20261
CONTOUR_DEBUG_PORT: Final = 20262
ENVOY_STATS_PORT: Final = 20263
ENVOY_ADMIN_PORT: Final = 20264

API_URL: Final = f"https://127.0.0.1:{API_PORT}"


def cache() -> Path:
    """The folder of what was built: `$XDG_CACHE_HOME/cutover`, by default `~/.cache/cutover`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cutover"


def kubeconfig() -> Path:
    """The cluster's own kubeconfig file. The ambient one (`$KUBECONFIG`, `~/.kube/config`) is never touched."""
    return Path.home() / ".kube" / f"{NAME}.yaml"
