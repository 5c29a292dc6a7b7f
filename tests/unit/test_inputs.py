"""Secrets of the configuration stay secrets on their way to the engine."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format

from components.config import load
from components.planner import plan
from tests.unit.configs import app, stack
from tests.unit.released import register

WORD = "canary-in-the-mine"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # Pulumi's mark of a secret
TEXTS: dict[str, Any] = {
    "env": {"TOKEN": WORD, "POD": {"fieldRef": {"fieldPath": "metadata.name"}}},
    "config": {"data": {"TOKEN": WORD}},
    "args": [f"--token={WORD}"],
    "command": ["./app", WORD],
    "sidecars": [{"name": "proxy", "image": "proxy:1", "env": [{"name": "TOKEN", "value": WORD}]}],
    "migration": {"command": ["./app", WORD]},
}
APPS = {
    "web": app(**TEXTS),
    "api": app("RollingApp", **TEXTS),
    "db": app("StatefulApp", **TEXTS, canaryReplicas=1, canary={"tag": "2"}),
    "agent": {"component": "DaemonApp", "image": "registry.local/agent"} | TEXTS,
}
PLAN = plan(load(stack(APPS, tag="6.9.0")), owner="cutover/unit")


def sent(*, sealed: bool) -> dict[str, Any]:
    requests = register(PLAN, sealed=sealed).requests
    return {name: json_format.MessageToDict(request.object) for name, request in requests.items()}


def plain(value: Any) -> Any:
    """What is sent, without all that is a secret."""
    match value:
        case {"4dabf18193072939515e22adb298388d": mark}:
            assert mark == SECRET
            return None
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def test_no_text_that_an_app_is_given_is_sent_in_plain() -> None:
    found = sent(sealed=True)
    assert sum(WORD in json.dumps(each) for each in found.values()) >= 4 * 3  # or this would prove nothing
    assert not [name for name, each in found.items() if WORD in json.dumps(plain(each))]


def test_what_a_reviewer_wants_to_see_is_in_plain() -> None:
    deployment = plain(sent(sealed=True)["Deployment web-blue"])
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.local/podinfo:6.9.0"
    assert [each["name"] for each in container["env"]] == ["POD", "TOKEN"]
    assert container["env"][0]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert deployment["spec"]["replicas"] == 3


def test_without_secrets_everything_is_in_plain() -> None:
    assert SECRET not in json.dumps(sent(sealed=False))
