"""The node's network: two bridges of its own, routes that keep cluster traffic on the machine, and their removal.

Nothing addressed to a pod or a Service may leave by the machine's default route, not even before kube-proxy has
written its rules: Services are routed into a bridge without ports, and what is left of the pod range is unreachable.
"""

from __future__ import annotations

import ipaddress
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster import layout
from cluster.command import run
from cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAVED = layout.STATE / "sysctls.json"
# What we need, and (None) what kubelet changes on its own; all are put back by `remove`.
_SYSCTLS: dict[str, str | None] = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.route_localnet": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "vm.overcommit_memory": None,
    "vm.panic_on_oom": None,
    "kernel.panic": None,
    "kernel.panic_on_oops": None,
    "kernel.keys.root_maxkeys": None,
    "kernel.keys.root_maxbytes": None,
}
_OUR_CHAINS = re.compile(r"(KUBE|CNI)-")


def conflicts() -> Iterator[str]:
    """What on this machine already uses our ranges or writes the same iptables chains, one sentence each."""
    ours = [ipaddress.ip_network(layout.POD_RANGE), ipaddress.ip_network(layout.SERVICE_RANGE)]
    for route in _ip_json("route", "show"):
        if route["dst"] == "default" or route.get("dev") in {layout.POD_BRIDGE, layout.SERVICE_BRIDGE}:
            continue
        for network in ours:
            if route.get("type") != "unreachable" and ipaddress.ip_network(route["dst"]).overlaps(network):
                device = route.get("dev", "?")
                yield f"the route to {route['dst']} by {device} overlaps with the cluster's range {network}; remove it"
    if not layout.STATE.exists() and ":KUBE-SERVICES " in run("iptables-save"):
        yield (
            "iptables already holds the chains of a kube-proxy: another Kubernetes runs on this machine, or one ended "
            "without cleaning up; stop it and remove its KUBE-* chains (a reboot does)"
        )


def create() -> None:
    """Make the bridge, the routes and the kernel settings; what is there already stays."""
    if not Path("/proc/sys/net/bridge").exists():
        run("modprobe", "br_netfilter")
    if not _SAVED.exists():
        _SAVED.write_text(json.dumps({name: _sysctl(name).read_text().strip() for name in _SYSCTLS}))
    for name, value in _SYSCTLS.items():
        if value is not None:
            _sysctl(name).write_text(value)
    if not any(link["ifname"] == layout.SERVICE_BRIDGE for link in _ip_json("link", "show")):
        run("ip", "link", "add", layout.SERVICE_BRIDGE, "type", "bridge")
    run("ip", "address", "replace", f"{layout.NODE_ADDRESS}/32", "dev", layout.SERVICE_BRIDGE)
    run("ip", "link", "set", layout.SERVICE_BRIDGE, "up")
    run("ip", "route", "replace", layout.SERVICE_RANGE, "dev", layout.SERVICE_BRIDGE, "src", layout.NODE_ADDRESS)
    run("ip", "route", "replace", "unreachable", layout.POD_RANGE)


def remove() -> None:
    """Take away interfaces, routes and iptables rules, and put the kernel settings back."""
    for link in _ip_json("link", "show"):
        if link["ifname"] in {layout.POD_BRIDGE, layout.SERVICE_BRIDGE} or link.get("master") == layout.POD_BRIDGE:
            with suppress(CommandError):  # a veth goes by itself when its other end does
                run("ip", "link", "delete", link["ifname"])
    if any(route["dst"] == layout.POD_RANGE for route in _ip_json("route", "show", "type", "unreachable")):
        run("ip", "route", "delete", "unreachable", layout.POD_RANGE)
    if _SAVED.exists():  # else the network was never made, and chains named KUBE-* are another's
        for command in ("iptables", "ip6tables"):
            _remove_chains(command)
        for name, value in json.loads(_SAVED.read_text()).items():
            _sysctl(name).write_text(value)
        _SAVED.unlink()


def removal(rules: str) -> str:
    """Given `iptables-save` output, the `iptables-restore --noflush` input that removes the KUBE and CNI chains."""
    lines: list[str] = []
    chains: list[str] = []
    for line in rules.splitlines():
        word, _, rest = line.partition(" ")
        if line.startswith("*"):
            chains = []
            lines.append(line)
        elif line.startswith(":") and _OUR_CHAINS.match(word[1:]):
            chains.append(word[1:])
            lines.append(f"-F {word[1:]}")
        elif word == "-A" and not _OUR_CHAINS.match(rest) and re.search(rf" -[jg] {_OUR_CHAINS.pattern}", rest):
            lines.append(f"-D {rest}")
        elif line == "COMMIT":
            lines += [f"-X {chain}" for chain in chains] + [line]
    return "\n".join(lines) + "\n"


def _remove_chains(command: str) -> None:
    try:
        rules = run(f"{command}-save")
    except CommandError:
        return  # the kernel has no IPv6: then it holds no rules
    if _OUR_CHAINS.search(rules):
        run(f"{command}-restore", "--noflush", "--wait", standard_input=removal(rules))


def _sysctl(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


def _ip_json(*arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(run("ip", "-json", *arguments) or "[]"))
