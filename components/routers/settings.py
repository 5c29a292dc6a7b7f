"""The keys of a router, their types, defaults and limits; docs/configuration.md is made from the text under each."""

from __future__ import annotations

from components.grammar import (
    AnyText,
    CookieName,
    CookieValue,
    DnsLabel,
    Duration,
    HeaderName,
    HeaderValue,
    HostName,
    LabelKey,
    ObjectName,
    Percent,
    Port,
    Positive,
    Rule,
    UrlPath,
)
from components.keys import Choice, Keys


class Parent(Keys):
    """A Gateway that the route is attached to."""

    name: ObjectName
    """Its name."""
    namespace: DnsLabel | None = None
    """Its namespace; default the apps'."""
    section_name: ObjectName | None = None
    """The listener, by name; default every one that lets the route in."""
    port: Port | None = None
    """The listener, by port."""


class Gateway(Keys):
    """An HTTPRoute of the Gateway API."""

    parents: list[Parent]
    """The Gateways that traffic comes from."""
    hostnames: list[HostName] = []
    """The host names that are the app's; default the listener's."""
    path: UrlPath = "/"
    """The paths that are the app's: this one and those below it."""
    timeout: Duration | None = None
    """How long a request may take, such as 10s."""
    rules: list[Rule] = []
    """Rules of your own, as the Gateway API writes them; they stand before Cutover's and stay as they are."""


class Istio(Keys):
    """A VirtualService of Istio."""

    hosts: list[HostName] = []
    """The host names that are the app's; default the name of its Service, for callers in the mesh."""
    gateways: list[AnyText] = []
    """Istio Gateways as `<namespace>/<name>`, and `mesh` for callers in the mesh; default `mesh` alone."""
    path: UrlPath = "/"
    """The paths that are the app's: this one and those below it."""
    timeout: Duration | None = None
    """How long a request may take, such as 10s."""
    rules: list[Rule] = []
    """HTTP routes of your own, as Istio writes them; they stand before Cutover's and stay as they are."""


class Nginx(Keys):
    """Two Ingresses of ingress-nginx: the app's own for blue, and its canary for green."""

    hosts: list[HostName]
    """The host names that are the app's."""
    path: UrlPath = "/"
    """The paths that are the app's: this one and those below it."""
    class_name: ObjectName = "nginx"
    """The IngressClass."""
    tls_secret: ObjectName | None = None
    """A Secret with the certificate for the hosts."""
    annotations: dict[LabelKey, AnyText] = {}
    """Annotations of both Ingresses, such as rewrites and timeouts."""


class Testers(Keys):
    """Requests that get the canary, whatever its share: those with any one of these headers or cookies."""

    __test__ = False  # pytest: this is no test

    headers: dict[HeaderName, HeaderValue] = {}
    """Header and value."""
    cookies: dict[CookieName, CookieValue] = {}
    """Cookie and value."""


class Affinity(Keys):
    """A cookie that keeps a user on one side: on a canary while it runs, on the live color until the share changes."""

    cookie: CookieName
    """Its name."""
    seconds: Positive = 3600
    """How long it lasts."""


class Router(Choice):
    """What splits the app's traffic by weight: one of `gateway`, `istio` and `nginx`."""

    gateway: Gateway | None = None
    """An HTTPRoute of the Gateway API."""
    istio: Istio | None = None
    """A VirtualService of Istio."""
    nginx: Nginx | None = None
    """Ingresses of ingress-nginx."""
    testers: Testers | None = None
    """Who gets a canary before all others."""
    affinity: Affinity | None = None
    """How a user stays on one side."""
    mirror: Percent = 0
    """Percent of the live requests that a canary gets a copy of; its answers to those go nowhere."""
