"""What is done with each resource, and in which order."""

from __future__ import annotations

from collections.abc import Callable

from tests.engine.conftest import HEAD
from tests.engine.projects import Project

Make = Callable[[str], Project]


def test_a_resource_is_created_after_what_it_depends_on(project: Make) -> None:
    stack = project(
        "a = Thing('a', name='a', sleep=0.2)\n"
        "b = Thing('b', name='b', value=a.live)\n"
        "c = Thing('c', name='c', opts=Opts(depends_on=[b]))\n"
    )
    stack.up()
    assert [line for line in stack.log if not line.startswith("create")] == ["done a", "done b", "done c"]
    assert stack.resources["kubernetes:core/v1:ConfigMap::b"]["inputs"]["value"] == "here"


def test_independent_resources_are_made_at_the_same_time(project: Make) -> None:
    stack = project("for n in range(8): Thing(f't{n}', name=f't{n}', sleep=0.5)\n")
    stack.up()
    assert [line.split()[0] for line in stack.log[:8]] == ["create"] * 8


def test_parallel_limits_how_many_steps_run_at_once(project: Make) -> None:
    stack = project("for n in range(3): Thing(f't{n}', name=f't{n}', sleep=0.1)\n")
    stack.must("up", "--yes", "--skip-preview", "--parallel", "1")
    assert [line.split()[0] for line in stack.log] == ["create", "done"] * 3


def test_nothing_changes_twice(project: Make) -> None:
    stack = project("Thing('a', name='a', value=1)\npulumi.export('n', 2)\n")
    stack.up()
    before = stack.resources
    result = stack.up()
    assert result.section("Resources") == ["    2 unchanged"]
    assert stack.log == ["create a timeout=None", "done a"]
    assert stack.resources == before
    stack.must("preview", "--expect-no-changes")


def test_an_update_is_made_in_place(project: Make) -> None:
    stack = project("Thing('a', name='a', value=config.get('v') or '1')\n")
    stack.up()
    created = stack.resources["kubernetes:core/v1:ConfigMap::a"]
    stack.set(v="2")
    assert stack.run("preview", "--expect-no-changes").code == 7
    assert stack.up().section("Resources") == ["    ~ 1 updated", "    1 unchanged"]
    updated = stack.resources["kubernetes:core/v1:ConfigMap::a"]
    assert stack.log[-2:] == ["update a", "done a"]
    assert updated["outputs"]["value"] == "2"
    assert updated["created"] == created["created"]
    assert updated["modified"] > created["modified"]


def test_a_removed_resource_is_deleted_after_what_depended_on_it(project: Make) -> None:
    program = (
        "box = Box('box')\n"
        "a = Thing('a', name='a', opts=Opts(parent=box))\n"
        "b = Thing('b', name='b', opts=Opts(depends_on=[a]))\n"
        "c = Thing('c', name='c', opts=Opts(depends_on=[b]))\n"
    )
    stack = project(program)
    stack.up()
    stack.write(HEAD + "Thing('x', name='x')\n")
    result = stack.up()
    assert [line for line in stack.log if line.startswith("deleted")] == ["deleted c", "deleted b", "deleted a"]
    assert result.section("Resources") == ["    + 1 created", "    - 4 deleted", "    5 changes. 1 unchanged"]
    assert stack.objects() == {"x"}


def test_destroy_deletes_everything_in_reverse(project: Make) -> None:
    stack = project("a = Thing('a', name='a')\nThing('b', name='b', opts=Opts(depends_on=[a]))\n")
    stack.up()
    result = stack.must("destroy", "--yes")
    assert stack.log[-4:] == ["delete b", "deleted b", "delete a", "deleted a"]
    assert "resources" not in stack.checkpoint["checkpoint"]["latest"]
    assert "pulumi stack rm dev" in result.out
    stack.must("stack", "rm", "--yes")


def test_a_resource_with_a_fixed_name_is_deleted_before_it_is_replaced(project: Make) -> None:
    stack = project("Thing('a', name='a', immutable=config.get('v') or '1')\n")
    stack.up()
    stack.set(v="2")
    result = stack.up()
    assert stack.log[2:] == ["delete a", "deleted a", "create a timeout=None", "done a"]
    assert result.section("Resources") == ["    +-1 replaced", "    1 unchanged"]
    assert stack.resources["kubernetes:core/v1:ConfigMap::a"]["outputs"]["immutable"] == "2"


def test_a_resource_with_a_made_up_name_is_created_before_the_old_one_goes(project: Make) -> None:
    stack = project("a = Thing('a', immutable=config.get('v') or '1')\nThing('b', name='b', value=a.id)\n")
    stack.up()
    old = stack.resources["kubernetes:core/v1:ConfigMap::a"]["id"]
    stack.set(v="2")
    stack.up()
    new = stack.resources["kubernetes:core/v1:ConfigMap::a"]["id"]
    assert new != old
    done = [line for line in stack.log[4:] if line.startswith(("done", "deleted"))]
    assert done == [f"done {new}", "done b", f"deleted {old}"]
    assert stack.objects() == {new, "b"}


def test_a_replacement_that_failed_half_way_is_finished_by_the_next_run(project: Make) -> None:
    stack = project("Thing('a', name='a', immutable=config.get('v') or '1', fail=config.get('fail'))\n")
    stack.up()
    stack.set(v="2", fail="no quota")
    assert stack.run("up", "--yes", "--skip-preview").code == 1
    assert stack.resources["kubernetes:core/v1:ConfigMap::a"]["pendingReplacement"] is True
    assert stack.objects() == set()
    stack.must("config", "rm", "fail")
    stack.up()
    assert "pendingReplacement" not in stack.resources["kubernetes:core/v1:ConfigMap::a"]
    assert stack.log.count("delete a") == 1
    assert stack.objects() == {"a"}


def test_what_takes_a_replaced_value_that_it_cannot_change_is_deleted_first(project: Make) -> None:
    stack = project(
        "a = Thing('a', name='a', immutable=config.get('v') or '1')\n"
        "b = Thing('b', name='b', immutable=a.live)\n"
        "c = Thing('c', name='c', value=a.live)\n"
    )
    stack.up()
    stack.set(v="2")
    stack.up()
    assert [line for line in stack.log[6:] if line.startswith("deleted")] == ["deleted b", "deleted a"]
    assert stack.objects() == {"a", "b", "c"}
    assert stack.up().section("Resources") == ["    4 unchanged"]


def test_ignored_changes_stay_as_they_are(project: Make) -> None:
    program = "Thing('a', name='a', spec={'size': int(config.get('v') or 1), 'v': config.get('v')}, "
    stack = project(program + "opts=Opts(ignore_changes=['spec.size']))\n")
    stack.up()
    stack.set(v="5")
    stack.up()
    assert stack.resources["kubernetes:core/v1:ConfigMap::a"]["inputs"]["spec"] == {"size": 1, "v": "5"}


def test_protected_resources_are_not_deleted(project: Make) -> None:
    stack = project("Thing('a', name='a', opts=Opts(protect=True))\n")
    stack.up()
    stack.write(HEAD)
    preview = stack.run("preview")
    assert preview.code == 1
    assert "cannot be deleted\n    because it is protected" in preview.out
    assert stack.run("up", "--yes", "--skip-preview").code == 1
    assert stack.run("destroy", "--yes", "--skip-preview").code == 1
    assert stack.objects() == {"a"}


def test_retained_resources_are_only_forgotten(project: Make) -> None:
    stack = project("Thing('a', name='a', opts=Opts(retain_on_delete=True))\n")
    stack.up()
    result = stack.must("destroy", "--yes", "--skip-preview")
    assert "[retain]" in result.out
    assert stack.objects() == {"a"}


def test_what_goes_with_another_is_not_deleted_on_its_own(project: Make) -> None:
    stack = project("a = Thing('a', name='a')\nThing('b', name='b', opts=Opts(deleted_with=a, depends_on=[a]))\n")
    stack.up()
    stack.must("destroy", "--yes", "--skip-preview")
    assert [line for line in stack.log if line.startswith("deleted")] == ["deleted a"]


def test_aliases_keep_a_resource_and_its_children(project: Make) -> None:
    program = "box = Box('{0}', {1})\na = Thing('{0}-a', name='a', opts=Opts(parent=box))\nThing('b', name='b', "
    program += "opts=Opts(depends_on=[a]))\n"
    stack = project(program.format("old", ""))
    stack.up()
    stack.write(HEAD + program.format("new", "Opts(aliases=[Alias(name='old')])"))
    assert stack.up().section("Resources") == ["    4 unchanged"]
    assert len(stack.log) == 4
    a = stack.resources["test:index:Box$kubernetes:core/v1:ConfigMap::new-a"]
    assert a["id"] == "a"
    assert stack.resources["kubernetes:core/v1:ConfigMap::b"]["dependencies"] == [a["urn"]]


def test_children_inherit_protection(project: Make) -> None:
    stack = project("Thing('a', name='a', opts=Opts(parent=Box('box', Opts(protect=True))))\n")
    stack.up()
    assert stack.resources["test:index:Box$kubernetes:core/v1:ConfigMap::a"]["protect"] is True


def test_a_changed_cluster_replaces_the_provider_and_all_its_resources(project: Make) -> None:
    stack = project("Thing('a')\n")
    stack.set(**{"kubernetes:context": "one"})
    stack.up()
    stack.set(**{"kubernetes:context": "two"})
    result = stack.up()
    assert stack.resources["kubernetes:core/v1:ConfigMap::a"]["outputs"]["live"] == "two"
    assert result.section("Resources") == ["    +-1 replaced", "    1 unchanged"]
    providers = [r for r in stack.checkpoint["checkpoint"]["latest"]["resources"] if "providers" in r["type"]]
    assert [provider["inputs"]["context"] for provider in providers] == ["two"]


def test_an_explicit_provider_serves_its_component(project: Make) -> None:
    stack = project(
        "p = pulumi.ProviderResource('kubernetes', 'p', {'context': 'there'}, Opts(version='4.34.2'))\n"
        "Thing('a', name='a', opts=Opts(parent=Box('box', Opts(providers=[p]))))\n"
    )
    stack.up()
    a = stack.resources["test:index:Box$kubernetes:core/v1:ConfigMap::a"]
    assert a["outputs"]["live"] == "there"
    assert "kubernetes::p::" in a["provider"]
    assert stack.up().section("Resources") == ["    4 unchanged"]


def test_custom_timeouts_reach_the_provider_in_seconds(project: Make) -> None:
    stack = project("Thing('a', name='a', opts=Opts(custom_timeouts=pulumi.CustomTimeouts(create='1m30s')))\n")
    stack.up()
    assert stack.log[0] == "create a timeout=90"
    assert stack.resources["kubernetes:core/v1:ConfigMap::a"]["customTimeouts"] == {"create": 90}


def test_a_resource_that_is_not_ready_is_kept_and_tried_again(project: Make) -> None:
    stack = project("Thing('a', name='a', unready=config.get('v') or None)\n")
    stack.set(v="1")
    failed = stack.run("up", "--yes", "--skip-preview")
    assert failed.code == 1
    assert "error: 1 error occurred:\n    \t* not ready" in failed.out
    assert stack.resources["kubernetes:core/v1:ConfigMap::a"]["initErrors"] == ["not ready"]
    assert "~ 1 to update" in stack.must("preview").out
    stack.must("config", "rm", "v")
    stack.up()
    assert "initErrors" not in stack.resources["kubernetes:core/v1:ConfigMap::a"]


def test_a_failure_stops_what_has_not_begun_and_keeps_what_was_done(project: Make) -> None:
    stack = project(
        "a = Thing('a', name='a')\n"
        "slow = Thing('slow', name='slow', sleep=1)\n"
        "bad = Thing('bad', name='bad', fail='no quota', sleep=0.2)\n"
        "Thing('after', name='after', opts=Opts(depends_on=[slow]))\n"
        "pulumi.export('v', slow.live)\n"
    )
    result = stack.run("up", "--yes", "--skip-preview")
    assert result.code == 1
    assert "error: bad failed: no quota" in result.out
    assert "error: update failed" in result.out
    assert "Traceback" not in result.out
    assert stack.objects() == {"a", "slow"}
    assert [key.split("::")[1] for key in stack.resources][-2:] == ["a", "slow"]


def test_invalid_inputs_are_refused_before_anything_is_done(project: Make) -> None:
    stack = project("Thing('a', name='a', invalid=True)\n")
    result = stack.run("preview")
    assert result.code == 1
    assert "property invalid value True has a problem: this cloud refuses it" in result.out


def test_the_same_name_twice_is_an_error(project: Make) -> None:
    stack = project("Thing('a', name='a')\nThing('a', name='b')\n")
    result = stack.run("preview")
    assert result.code == 1
    assert "Duplicate resource URN" in result.out


def test_get_reads_what_somebody_else_made(project: Make) -> None:
    stack = project("Thing('a', name='a', value='theirs')\n")
    stack.up()
    got = "t = Thing.__new__(Thing)\npulumi.CustomResource.__init__(t, 'kubernetes:core/v1:ConfigMap', 'got', "
    got += "{'value': None, 'live': None}, Opts(id='a', version='4.34.2'))\npulumi.export('value', t.value)\n"
    stack.write(HEAD + "Thing('a', name='a', value='theirs')\n" + got)
    stack.up()
    assert stack.resources["kubernetes:core/v1:ConfigMap::got"]["external"] is True
    assert stack.must("stack", "output", "value").out == "theirs\n"
    stack.must("destroy", "--yes", "--skip-preview")
    assert stack.log.count("delete a") == 1


def test_a_component_is_shown_updated_when_its_inputs_change(project: Make) -> None:
    stack = project("box = Box('box', size=config.get('v') or '1')\nbox.register_outputs({'out': config.get('v')})\n")
    stack.up()
    stack.set(v="2")
    assert " ~  test:index:Box box update [diff: ~size]" in stack.must("preview").out
    stack.up()
    assert stack.resources["test:index:Box::box"]["outputs"] == {"out": "2"}


def test_a_reference_to_a_resource_gives_the_resource(project: Make) -> None:
    stack = project(
        "a = Thing('a', name='a', value='hello')\nb = Thing('b', name='b', other=a)\npulumi.export('a', a)\n"
    )
    stack.up()
    assert stack.resources["pulumi:pulumi:Stack::probe-dev"]["outputs"]["a"]["id"] == "a"
