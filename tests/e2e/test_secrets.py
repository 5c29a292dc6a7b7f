"""A secret of the configuration stays one: the word is in the pods, and in nothing that Pulumi or Cutover writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import ConfigMap

from tests.e2e.conftest import TINY, blue_green
from tests.e2e.stacks import IMAGE, NEW, OLD, Stack, client
from tests.unit.driver.test_notify import Receiver

WORD = "canary-in-the-mine"
OTHER = "canary-in-the-cage"
DB = {"component": "StatefulApp", "image": IMAGE, "port": 9898, "replicas": 1, "tag": OLD, "resources": TINY}


def holding(folder: Path) -> list[str]:
    """The files below a folder that hold one of the words."""
    texts = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert any(b"ciphertext" in text for text in texts.values())  # the state is among them
    assert any(path.name == "journal.jsonl" for path in texts)
    return [str(path) for path, text in texts.items() if WORD.encode() in text or OTHER.encode() in text]


def test_a_secret_is_in_the_pods_and_nowhere_else(stack: Callable[..., Stack], tmp_path: Path) -> None:
    web = blue_green(replicas=1, config={"data": {"MODE": "plain"}})
    shop = stack({"web": web, "db": DB}, imageTag={"blue": OLD, "green": OLD})
    receiver = Receiver()
    shop.environment |= {"CUTOVER_WEBHOOK_URL": receiver.url, "CUTOVER_NOTIFY_EVENTS": "all"}
    for path in ("web.env.TOKEN", "web.config.data.TOKEN", "web.args[1]", "db.env.TOKEN"):
        word = f"--ui-message={WORD}" if "args" in path else WORD
        shop.run("config", "set", "--path", "--secret", f"apps.{path}", word)
    told = [
        shop.run("preview", "--diff").output,
        shop.run("preview", "--json").output,
        shop.up().output,
        shop.drive("stage", NEW, "--set", f"web.env.TOKEN={OTHER}").output,
        shop.run("preview", "--diff").output,
        shop.run("preview", "--json").output,
        shop.drive("plan").output,
        shop.drive("status", "--json").output,
        shop.drive("promote", "--watch", "2").output,
        shop.drive("undo").output,
        shop.drive("doctor").output,
        shop.drive("history").output,
        shop.run("stack").output,
        shop.run("stack", "output", "--json").output,
        shop.run("stack", "export").output,
        shop.run("stack", "history", "--json").output,
        shop.run("up", "--yes", "--json", deadline=180).output,
    ]
    shop.set("apps.web.colors.green.args[0]", "--no-such-flag")
    told += [shop.drive("promote", ends=4).output, shop.fail_up().output]
    here = client(shop.namespace)
    pods = json.dumps([here.get(Deployment, "web-blue").to_dict(), here.get(StatefulSet, "db").to_dict()])
    data = [item.data or {} for item in here.list(ConfigMap)]
    assert pods.count(WORD) >= 3
    assert OTHER in json.dumps(here.get(Deployment, "web-green").to_dict())
    assert any(WORD in each.get("TOKEN", "") for each in data)
    assert receiver.bodies
    told.append(json.dumps(receiver.bodies))
    assert not [text for text in told if WORD in text or OTHER in text]
    assert not holding(tmp_path)
    outputs = shop.outputs()
    assert outputs["db"]["image"] == f"{IMAGE}:{OLD}"
