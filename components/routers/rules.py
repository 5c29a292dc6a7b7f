"""Rules that tie several keys of a router together. Each yields what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.problems import Path, Problem, remove, set_to, wrong
from components.routers.settings import Router

_KINDS = ("gateway", "istio", "nginx")
_FOR_CANARIES = ("testers", "affinity", "mirror")


def broken(path: Path, router: Router, *, canary: bool) -> Iterator[Problem]:
    """Yield every rule that the router at `path` breaks; `canary`: whether its app can have one."""
    given = [kind for kind in _KINDS if getattr(router, kind)]
    if len(given) != 1:
        remedy = remove((*path, given[-1])) if given else "give one of them in Pulumi.<stack>.yaml"
        yield Problem(path, None, "needs one of gateway, istio and nginx", remedy)
    for name in _FOR_CANARIES:
        if getattr(router, name) and not canary:
            fault = f"is for a canary, and {path[1]} is a BlueGreenApp, which has none"
            yield Problem((*path, name), None, fault, remove((*path, name)))
    if router.gateway and not router.gateway.parents:
        key: Path = (*path, "gateway", "parents", 0, "name")
        yield Problem((*path, "gateway", "parents"), None, "is empty; the route needs a Gateway", set_to(key, "<name>"))
    if router.nginx:
        yield from _nginx(path, router)


def _nginx(path: Path, router: Router) -> Iterator[Problem]:
    if router.mirror:
        reason = "ingress-nginx has no mirror with a share"
        yield wrong((*path, "mirror"), router.mirror, reason, remove((*path, "mirror")))
    if router.testers:
        yield from _one_word((*path, "testers", "headers"), router.testers.headers)
        yield from _one_word((*path, "testers", "cookies"), router.testers.cookies)


def _one_word(path: Path, marks: Mapping[str, str]) -> Iterator[Problem]:
    """What ingress-nginx compares is one header and one cookie, and their values are its own words."""
    for number, (name, value) in enumerate(marks.items()):
        key = (*path, name)
        if number:
            yield Problem(key, value, "is one too many; ingress-nginx looks at one", remove(key))
        elif value != "always":
            reason = "ingress-nginx sends `always` to green and `never` to blue, whatever else is asked for"
            yield wrong(key, value, reason, set_to(key, "always"))
