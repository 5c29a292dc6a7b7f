"""Components and driver under a Role of one namespace: all that they ask for is in it, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from lightkube import codecs
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ServiceAccountToken

from components.config import load
from components.objects import namespace
from components.plan import StackPlan
from components.planner import plan
from components.schema import PodSecurity
from cutover.doctor import permissions
from tests.e2e.conftest import blue_green, podinfo
from tests.e2e.proxy import Proxy
from tests.e2e.stacks import NEW, OLD, Stack, client

Asked = set[tuple[str, str, str]]
"""API groups, resources and verbs."""

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
COMMON = re.compile(r"/apis/authorization\.k8s\.io/|/apis?(/[^/]+){0,2}$|/version$|/openapi/")
"""What every user may ask: which kinds there are, and what one may do oneself."""


def allowed(stack_plan: StackPlan) -> Asked:
    own = (each for each in permissions.needed(stack_plan) if not each.everywhere)
    return {(each.group, each.resource, verb) for each in own for verb in each.verbs}


def asked(method: str, target: str, inside: str) -> tuple[str, str, str] | None:
    """The group, resource and verb of a request to a namespace (Kubernetes, "Authorization": request verbs)."""
    url = urlsplit(target)
    found = re.fullmatch(
        rf"/apis?/(?:(?P<group>[^/]+)/)?v[^/]+/namespaces/{inside}/(?P<kind>[^/]+)(/(?P<name>[^/]+)(/(?P<sub>[^/]+).*)?)?",
        url.path,
    )
    if found is None:
        return None
    watched = parse_qs(url.query).get("watch", ["false"]) != ["false"]
    verb = VERBS.get(method) or ("get" if found["name"] else "watch" if watched else "list")
    return found["group"] or "", "/".join(filter(None, (found["kind"], found["sub"]))), verb


def configuration(stack: Stack) -> StackPlan:
    config = yaml.safe_load(stack.settings.read_text())["config"]
    values = {key.removeprefix("cutover:"): value for key, value in config.items() if key.startswith("cutover:")}
    return plan(load(values), owner=f"cutover/{stack.namespace}")


@pytest.fixture
def bound(stack: Callable[..., Stack], tmp_path: Path) -> Iterator[Callable[..., tuple[Stack, Proxy]]]:
    """Make a stack in a namespace that is there, and whose Role is all that its owner has."""
    proxies: list[Proxy] = []

    def make(apps: dict[str, Any], **position: Any) -> tuple[Stack, Proxy]:
        made = stack(apps, createNamespace=False, **position)
        here = client(made.namespace)
        here.create(codecs.from_dict(namespace(made.namespace, {}, PodSecurity.RESTRICTED)))
        for manifest in permissions.manifests(
            permissions.needed(configuration(made)), account="releaser", namespace=made.namespace
        ):
            here.create(codecs.from_dict(manifest))
        request = ServiceAccountToken(
            metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[], expirationSeconds=3600)
        )
        token = here.create(request, name="releaser").status
        assert token
        proxies.append(Proxy(tmp_path, token.token).__enter__())
        made.set("kubernetes:kubeconfig", str(proxies[0].kubeconfig))
        return made, proxies[0]

    yield make
    for proxy in proxies:
        proxy.__exit__()


def judge(proxy: Proxy, stack: Stack) -> None:
    """Hold what was asked for against the Role: it was enough, and no more than enough."""
    inside = f"/api/v1/namespaces/{stack.namespace}"
    refused = {urlsplit(target).path for _, target, status in proxy.asked if status == 403}
    assert refused <= {inside, "/api/v1/namespaces"}  # whether it is there, and which others are the stack's
    seen = {(method, target): asked(method, target, stack.namespace) for method, target, _ in proxy.asked}
    beyond = {target for (_, target), verb in seen.items() if not verb and not COMMON.search(target)}
    assert {urlsplit(target).path for target in beyond} <= refused
    used = {verb for verb in seen.values() if verb}
    made = {asked("POST", target, stack.namespace) for _, target, status in proxy.asked if status == 201}
    used |= {(group, kind, verb) for group, kind, verb in filter(None, made)}
    role = allowed(configuration(stack))
    assert used - role == set()
    own = {(group, kind) for group, kind, verb in role if verb == "create"}
    # the Kubernetes plugin of the CLI lists and watches what it deletes; the embedded engine reads it again and again
    plugin = {(group, kind, verb) for group, kind in own for verb in ("list", "watch")}
    assert role - used - plugin == set()


def test_an_app_of_two_colors(bound: Callable[..., tuple[Stack, Proxy]]) -> None:
    app = blue_green(
        replicas=None,
        autoscaling={"minReplicas": 1, "maxReplicas": 2},
        config={"data": {"GREETING": "hello"}},
        gate={"smoke": {"version": {"path": "/version"}}},
        migration={"command": ["./podinfo", "--help"]},
    )
    web, proxy = bound({"web": app}, imageTag={"blue": OLD, "green": OLD})
    web.up()
    web.drive("doctor")
    web.drive("stage", NEW)
    web.drive("plan")
    web.drive("promote", "--watch", "3")
    web.drive("undo")
    web.drive("status")
    web.set("apps.web.colors.green.args[0]", "--no-such-flag")
    web.fail_up()
    web.run("destroy", "--yes", deadline=180)
    judge(proxy, web)


def test_apps_of_one_version(bound: Callable[..., tuple[Stack, Proxy]]) -> None:
    smoke = {"smoke": {"version": {"path": "/version"}}}
    apps = {
        "web": podinfo("RollingApp", replicas=1, config={"data": {"GREETING": "hello"}}),
        "db": podinfo("StatefulApp", replicas=2, gate=smoke),
        "agent": podinfo("DaemonApp"),
    }
    for app in apps.values():
        del app["drainSeconds"]
    del apps["agent"]["replicas"]
    shop, proxy = bound(apps, tag=OLD)
    shop.up()
    shop.drive("doctor")
    shop.drive("status")
    shop.set("apps.db.canary.tag", NEW)
    shop.set("apps.db.canaryReplicas", 1)
    shop.up()
    shop.set("apps.db.canaryReplicas", 0)
    shop.drive("roll", NEW)
    shop.drive("undo")
    shop.set("apps.db.args[0]", "--no-such-flag")
    shop.fail_up()
    shop.set("apps.db.args[0]", "--level=error")  # a pod that is ill and must go back is ended
    shop.up()
    shop.run("destroy", "--yes", deadline=180)
    judge(proxy, shop)
