"""What a run looks like, line by line."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from engine.details import diff_summary, show, step_details
from engine.display import Action, DiffDisplay, Display, PlainDisplay, Severity
from engine.json_display import JsonPreview
from engine.live import LiveDisplay
from engine.provider import Diff, DiffKind, PropertyDiff
from engine.state import Resource
from engine.steps import Op, Step
from engine.urn import Urn
from engine.values import UNKNOWN, Secret

ROOT = Urn.of("dev", "p", "", "pulumi:pulumi:Stack", "p-dev")
BOX = Urn.of("dev", "p", ROOT, "a:b:Box", "box")
WEB = Urn.of("dev", "p", BOX, "kubernetes:core/v1:Service", "web")


def resource(urn: Urn, parent: str = "", **fields: Any) -> Resource:
    return Resource(urn=urn, type=urn.type, custom=urn.type.startswith("kubernetes"), parent=parent, **fields)


def play(display: Display) -> None:
    """An update in which a Service's selector moves and then something fails."""
    root, box = resource(ROOT), resource(BOX, ROOT)
    old = resource(WEB, BOX, id="n/web", inputs={"spec": {"color": "blue"}}, outputs={"spec": {"color": "blue"}})
    new = replace(old, inputs={"spec": {"color": "green"}})
    diff = Diff({"spec.color": PropertyDiff(DiffKind.UPDATE, input_diff=False)})
    display.outputs_before = {"color": "blue", "token": Secret("x")}
    display.open()
    for step in (Step(Op.SAME, root, root), Step(Op.SAME, box, box)):
        display.began(step)
        display.ended(step)
    step = Step(Op.UPDATE, old, new, diff)
    display.began(step)
    display.status(WEB, Severity.INFO, "finding pods")
    display.ended(step)
    display.diagnostic(BOX, Severity.WARNING, "one\ntwo")
    display.diagnostic("", Severity.ERROR, "update failed")
    display.outputs_after = {"color": "green", "token": Secret("x")}
    display.close()


def test_plain_lines() -> None:
    out = io.StringIO()
    play(PlainDisplay(Action.UPDATE, "dev", ROOT, dry_run=False, out=out))
    assert out.getvalue() == (
        "Updating (dev):\n"
        "@ updating....\n"
        "\n"
        " ~  kubernetes:core/v1:Service web updating (0s) [diff: ~spec]\n"
        " ~  kubernetes:core/v1:Service web updating (0s) [diff: ~spec]; finding pods\n"
        " ~  kubernetes:core/v1:Service web updated (0.00s) [diff: ~spec]; finding pods\n"
        "    a:b:Box box  warning: one\n"
        "    pulumi:pulumi:Stack p-dev **failed** 1 error; 1 warning\n"
        "Diagnostics:\n"
        "  a:b:Box (box):\n"
        "    warning: one\n"
        "    two\n"
        "\n"
        "  pulumi:pulumi:Stack (p-dev):\n"
        "    error: update failed\n"
        "\n"
        "Outputs:\n"
        '  ~ color: "blue" => "green"\n'
        "    token: [secret]\n"
        "\n"
        "Resources:\n"
        "    ~ 1 updated\n"
        "    2 unchanged\n"
        "    1 errored\n"
        "\n"
        "Duration: 0s\n"
        "\n"
    )


def test_a_diff_shows_the_changed_properties_below_their_parents() -> None:
    out = io.StringIO()
    play(DiffDisplay(Action.UPDATE, "dev", ROOT, dry_run=True, out=out))
    assert '          ~ spec: {\n              ~ color: "blue" => "green"\n            }\n' in out.getvalue()
    assert out.getvalue().startswith("Previewing update (dev):\n  pulumi:pulumi:Stack: (same)\n")


def test_a_terminal_shows_a_tree() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, color_system=None)
    play(LiveDisplay(Action.UPDATE, "dev", ROOT, dry_run=False, console=console))
    last = out.getvalue().rpartition("Type ")[2]
    assert "   pulumi:pulumi:Stack              p-dev **failed**" in last
    assert "   └─ a:b:Box                       box" in last
    assert "~     └─ kubernetes:core/v1:Service web   updated (0.00s) [diff: ~spec]; finding pods" in last
    assert '~ color: "blue" => "green"' in last


def test_json_hides_secrets_and_spells_unknowns() -> None:
    out = io.StringIO()
    display = JsonPreview(Action.UPDATE, "dev", ROOT, dry_run=True, out=out)
    step = Step(Op.CREATE, None, resource(WEB, inputs={"a": Secret("x"), "b": UNKNOWN}))
    display.began(step)
    display.ended(step)
    display.close()
    inputs = json.loads(out.getvalue())["steps"][0]["newState"]["inputs"]
    assert inputs["a"] == "[secret]"
    assert inputs["b"] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Secret({"a": 1}), "[secret]"),
        (UNKNOWN, "[unknown]"),
        ("ü", '"ü"'),
        ({}, "{}"),
        ([], "[]"),
        ({"long": 1, "b": [True]}, "{\n    b   : [\n        [0]: true\n    ]\n    long: 1\n}"),
    ],
)
def test_values_are_laid_out_as_the_cli_does(value: object, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        ({"spec.a": "update"}, "[diff: ~spec]"),
        ({"data": "add", "spec": "delete", "metadata.labels.x": "add"}, "[diff: +data-spec~metadata]"),
        ({"a": "update-replace", "b": "add-replace"}, "[diff: +b~a]"),
        ({}, ""),
    ],
)
def test_a_diff_in_short_names_the_top_level_keys(paths: dict[str, str], text: str) -> None:
    assert diff_summary(Diff({path: PropertyDiff(DiffKind(kind)) for path, kind in paths.items()})) == text


def test_a_changed_secret_stays_hidden() -> None:
    old = resource(WEB, inputs={"data": Secret({"k": "1"})}, outputs={"data": Secret({"k": "1"})})
    new = replace(old, inputs={"data": Secret({"k": "2"})})
    step = Step(Op.UPDATE, old, new, Diff({"data.k": PropertyDiff(DiffKind.UPDATE)}))
    assert list(step_details(step, 8)) == ["      ~ data: {", "          ~ k: [secret] => [secret]", "        }"]
