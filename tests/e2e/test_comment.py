"""What a pull request is told, of a stack that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import blue_green, canary
from tests.e2e.stacks import NEXT, Stack


def test_a_live_preview_and_its_record_are_told_alike(stack: Callable[..., Stack], tmp_path: Path) -> None:
    shop = stack({"web": blue_green(replicas=2), "api": canary(replicas=2)})
    shop.up()
    shop.set("activeColor", "green")
    live = shop.drive("plan", "--markdown", shop.namespace).output
    assert f"### <code>cutover/{shop.namespace}</code>\n" in live
    assert "| web | green | 6.9.1 | 2 | 0% → <b>100%</b> |" in live
    assert "| api | blue | 6.9.0 | 2 → <b>0</b> | 100% → <b>0%</b> |" in live
    record = tmp_path / "preview.json"
    record.write_text(shop.run("preview", "--json", "--show-sames").output)
    assert shop.drive("plan", "--markdown", "--from", str(record)).output == live
    shop.set("activeColor", "blue")
    shop.set("imageTag.blue", NEXT)
    refused = shop.drive("plan", "--markdown", ends=2).output
    assert "The next up is refused" in refused
    assert "web-blue is live, and its pod template would change in place" in refused
    assert shop.drive("plan", "--markdown", "--from", str(record)).output == live  # which asks nobody
