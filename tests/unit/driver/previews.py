"""Previews as an engine makes them of two configurations: what the program registers for each, and what differs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format

from tests.unit.recorder import Recorder
from tests.unit.test_release import register

OLD, NEW, NEXT = "6.9.0", "6.9.1", "6.9.2"
WEB: Mapping[str, Any] = {"component": "BlueGreenApp", "image": "registry.local/podinfo", "replicas": 3}
API: Mapping[str, Any] = {"component": "CanaryApp", "image": "registry.local/podinfo", "replicas": 10}


def position(**changes: Any) -> dict[str, Any]:
    """A configuration of `web` and `api`, blue live with OLD and green with NEW; `changes` are its keys."""
    tags = {"blue": OLD, "green": NEW}
    return {"apps": {"web": WEB, "api": API}, "activeColor": "blue", "imageTag": tags, **changes}


def preview(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, *notes: tuple[str, str]) -> Any:
    """Return the preview between two configurations, with the stays (`--show-sames`); None is an empty stack.

    `notes` are what the program says: the app and the sentence.
    """
    old, new = _states(before), _states(after)
    steps = [_step(urn, old.get(urn), new.get(urn)) for urn in [*new, *(urn for urn in old if urn not in new)]]
    counts: dict[str, int] = {}
    for step in steps:
        counts[step["op"]] = counts.get(step["op"], 0) + 1
    diagnostics = [
        {"urn": f"urn:pulumi:dev::cutover::cutover:index:App::{app}", "message": f"{text}\n", "severity": "info"}
        for app, text in notes
    ]
    root = {"op": "same", "urn": "urn:pulumi:dev::cutover::pulumi:pulumi:Stack::cutover-dev"}
    document = {"steps": [root, *steps], "diagnostics": diagnostics, "changeSummary": counts}
    return json.loads(json.dumps(document))


def _states(configuration: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    if configuration is None:
        return {}
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        recorder: Recorder = register(loop, **{"apps": {}, **configuration})
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return {_urn(request): _state(request) for request in recorder.requests.values() if request.custom}


def _urn(request: Any) -> str:
    """Name a resource as the engine does; the mocks leave out what stands above."""
    app = "" if request.type.endswith(":Namespace") else "cutover:index:App$"
    return f"urn:pulumi:dev::cutover::{app}{request.type}::{request.name}"


def _state(request: Any) -> dict[str, Any]:
    inputs = json_format.MessageToDict(request.object)
    waits_for = [f"urn:pulumi:dev::cutover::cutover:index:App${urn.rpartition('$')[2]}" for urn in request.dependencies]
    return {"urn": _urn(request), "type": request.type, "inputs": inputs, "dependencies": waits_for}


def _step(urn: str, old: Any, new: Any) -> dict[str, Any]:
    op = "create" if old is None else "delete" if new is None else "same"
    if old and new and old["inputs"] != new["inputs"]:
        op = "update"
    states = {"oldState": old, "newState": new}
    return {"op": op, "urn": urn, **{key: value for key, value in states.items() if value}}
