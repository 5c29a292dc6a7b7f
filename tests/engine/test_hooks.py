"""Hooks: what they are told, what their errors do."""

from __future__ import annotations

from collections.abc import Callable

from tests.engine.conftest import HEAD
from tests.engine.projects import Project

Make = Callable[[str], Project]

HOOKED = """
def hook(args):
    old, new = sorted(args.old_inputs or {}), sorted(args.new_inputs or {})
    pulumi.log.info(f"{args.name} {old} {new} {bool(args.new_outputs)}")
    if config.get("raise"):
        raise Exception("the gate says no")

PHASES = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete")
hooks = ResourceHookBinding(**{p: [ResourceHook(p, hook)] for p in PHASES if p in (config.get("phases") or p)})
"""


def messages(out: str) -> list[str]:
    """Return what the hooks logged, in order."""
    return [line.strip() for line in out.rpartition("Diagnostics:")[2].splitlines() if line.startswith("    h ")]


def test_hooks_run_around_each_operation_with_its_values(project: Make) -> None:
    stack = project(HOOKED + "Thing('h', name='h', value=config.get('v'), opts=Opts(hooks=hooks))\n")
    both, value = "['name']", "['name', 'value']"
    assert messages(stack.up().out) == [f"h [] {both} False", f"h [] {both} True"]
    assert stack.resources["kubernetes:core/v1:ConfigMap::h"]["resourceHooks"]["BeforeDelete"] == ["before_delete"]
    assert stack.checkpoint["version"] == 4
    assert stack.checkpoint["features"] == ["hooks"]
    assert messages(stack.up().out) == []
    stack.set(v="1")
    assert messages(stack.must("preview").out) == []
    assert messages(stack.up().out) == [f"h {both} {value} False", f"h {both} {value} True"]
    stack.write(HEAD + HOOKED)
    assert messages(stack.up().out) == [f"h {value} [] False"] * 2
    assert stack.checkpoint["version"] == 3


def test_a_before_hook_stops_its_step_every_time(project: Make) -> None:
    stack = project(HOOKED + "Thing('h', name='h', opts=Opts(hooks=hooks))\n")
    stack.set(**{"raise": "1"})
    for _ in range(2):
        result = stack.run("up", "--yes", "--skip-preview")
        assert result.code == 1
        assert 'error: before hook "before_create" failed: the gate says no' in result.out
        assert "Traceback" not in result.out + result.err
    assert stack.log == []
    assert "kubernetes:core/v1:ConfigMap::h" not in stack.resources


def test_an_after_hook_fails_the_run_but_its_step_is_saved(project: Make) -> None:
    stack = project(HOOKED + "Thing('h', name='h', opts=Opts(hooks=hooks))\n")
    stack.set(phases="after_create")
    stack.set(**{"raise": "1"})
    result = stack.run("up", "--yes", "--skip-preview")
    assert result.code == 1
    assert 'error: after hook "after_create" failed: the gate says no' in result.out
    assert stack.resources["kubernetes:core/v1:ConfigMap::h"]["id"] == "h"


def test_a_failed_before_hook_keeps_the_old_state_and_outputs(project: Make) -> None:
    program = "t = Thing('h', name='h', value=config.get('v'), opts=Opts(hooks=hooks))\npulumi.export('v', t.value)\n"
    stack = project(HOOKED + program)
    stack.set(v="1")
    stack.up()
    stack.set(v="2")
    stack.set(**{"raise": "1"})
    assert stack.run("up", "--yes", "--skip-preview").code == 1
    assert stack.resources["kubernetes:core/v1:ConfigMap::h"]["inputs"]["value"] == "1"
    assert stack.must("stack", "output", "v").out == "1\n"


def test_a_failure_elsewhere_lets_running_hooks_finish(project: Make) -> None:
    stack = project(
        "import asyncio\n"
        "async def hook(args):\n"
        "    await asyncio.sleep(1.5)\n"
        "    pulumi.log.info('h drained')\n"
        "hooks = ResourceHookBinding(after_create=[ResourceHook('drain', hook)])\n"
        "Thing('a', name='a', opts=Opts(hooks=hooks))\n"
        "Thing('bad', name='bad', fail='no quota', sleep=0.5)\n"
    )
    result = stack.run("up", "--yes", "--skip-preview")
    assert result.code == 1
    assert messages(result.out) == ["h drained"]
    assert "the program ended while the hook ran" not in result.out
    assert "no quota" in result.out


def test_errors_can_be_ignored_and_hooks_can_run_in_a_preview(project: Make) -> None:
    stack = project(
        "from pulumi import ResourceHookOptions\n"
        "def hook(args): raise Exception('nothing to worry about')\n"
        "quiet = ResourceHook('quiet', hook, ResourceHookOptions(on_dry_run=True, ignore_errors=True))\n"
        "Thing('h', name='h', opts=Opts(hooks=ResourceHookBinding(before_create=[quiet])))\n"
    )
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        assert 'warning: before_create hook "quiet" failed: nothing to worry about' in stack.must(*command).out


def test_component_hooks_run_with_the_component(project: Make) -> None:
    stack = project(
        "def hook(args): pulumi.log.info(f'h {args.name} {bool(args.new_outputs)}')\n"
        "hooks = ResourceHookBinding(before_create=[ResourceHook('b', hook)], after_create=[ResourceHook('a', hook)])\n"
        "box = Box('box', Opts(hooks=hooks))\n"
        "box.register_outputs({'x': Thing('t', name='t', opts=Opts(parent=box)).live})\n"
    )
    assert messages(stack.up().out) == ["h box False", "h box True"]


def test_destroy_with_delete_hooks_is_refused_with_the_way_out(project: Make) -> None:
    stack = project(HOOKED + "Thing('h', name='h', opts=Opts(hooks=hooks))\n")
    stack.up()
    result = stack.run("destroy", "--yes")
    assert result.code == 1
    assert "destroy with delete hooks" in result.err
    assert "remove the hooks" in result.err


def test_status_lines_of_a_hook_stand_beside_its_resource(project: Make) -> None:
    stack = project(
        "t = []\n"
        "def hook(args): pulumi.log.info('3 of 20 requests sent', resource=box, ephemeral=True)\n"
        "box = Box('box')\n"
        "hooks = ResourceHookBinding(before_create=[ResourceHook('b', hook)])\n"
        "Thing('h', name='h', opts=Opts(hooks=hooks, parent=box))\n"
    )
    result = stack.up()
    assert "test:index:Box box" in result.out
    assert "3 of 20 requests sent" in result.out
    assert "Diagnostics:" not in result.out
