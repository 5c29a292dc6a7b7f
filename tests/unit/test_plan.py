"""Which objects a configuration means."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from components.color import Color, Role
from components.config import load
from components.labels import label_value
from components.plan import AppPlan, ColorPlan, Component, Manifest, StackPlan
from components.planner import plan
from tests.unit.configs import TAGS, app, canary, stack, web
from tests.unit.examples import EXAMPLES
from tests.unit.pod_security import violations

OWNER = "cutover/dev"
HPA: dict[str, Any] = {"replicas": None, "autoscaling": {"minReplicas": 2, "maxReplicas": 8}} | {
    "resources": {"requests": {"cpu": "10m"}}
}


def planned(values: Mapping[str, Any]) -> StackPlan:
    return plan(load(values), owner=OWNER)


def only(values: Mapping[str, Any]) -> AppPlan:
    (app_plan,) = planned(values).apps
    return app_plan


def pod_of(color: ColorPlan) -> Manifest:
    template: Manifest = color.deployment["spec"]["template"]
    return template


def container(color: ColorPlan) -> Manifest:
    first: Manifest = pod_of(color)["spec"]["containers"][0]
    return first


@pytest.mark.parametrize("name", EXAMPLES)
def test_means_these_manifests(name: str, snapshot: SnapshotAssertion) -> None:
    assert planned(EXAMPLES[name]).manifests == snapshot


class TestSizes:
    def test_an_idle_color_is_as_large_as_the_live_one(self) -> None:
        web_plan = only(web(replicas=5))

        assert (web_plan.active.replicas, web_plan.other.replicas, web_plan.other.role) == (5, 5, Role.IDLE)
        assert web_plan.share == "0%"

    def test_two_pods_where_nothing_is_said(self) -> None:
        assert only(web(replicas=None)).active.replicas == 2

    def test_idle_replicas_size_an_idle_color(self) -> None:
        assert only(stack(idleReplicas=1)).other.replicas == 1
        assert only(stack(idleReplicas=0)).other.replicas == 0

    def test_an_idle_color_like_the_live_one_has_no_pods(self) -> None:
        same = {"blue": "1", "green": "1"}

        assert only(stack(imageTag=same)).other.replicas == 0
        assert only(stack(imageTag=same, idleReplicas=2)).other.replicas == 0

    def test_a_difference_in_configuration_is_one_between_colors(self) -> None:
        values = stack({"web": app(colors={"green": {"env": {"A": "1"}}})}, imageTag={"blue": "1", "green": "1"})

        assert only(values).other.replicas == 3

    def test_a_canary_is_as_large_as_it_says_and_no_pod_of_a_canary_app_is_idle(self) -> None:
        assert only(stack({"api": canary()})).other.replicas == 0
        api = only(stack({"api": canary()}, canaryReplicas=1))

        assert (api.other.role, api.other.replicas, api.share) == (Role.CANARY, 1, "1/11")

    def test_canary_replicas_leave_blue_green_apps_alone(self) -> None:
        api, web_plan = planned(stack({"web": app(), "api": canary()}, canaryReplicas=2)).apps

        assert (api.other.replicas, web_plan.other.replicas, web_plan.other.role) == (2, 3, Role.IDLE)


class TestTraffic:
    def test_the_live_service_of_a_blue_green_app_selects_the_active_color(self) -> None:
        web_plan = only(stack(activeColor="green"))

        assert web_plan.live_service["spec"]["selector"] == {"app": "web", "color": "green"}
        assert web_plan.preview_service["spec"]["selector"] == {"app": "web", "color": "blue"}
        assert web_plan.live_service["metadata"]["annotations"] == {
            "cutover/active": "green",
            "cutover/tags": '{"blue":"6.9.0","green":"6.9.1"}',
            "cutover/share": "0%",
            "pulumi.com/patchFieldManager": "pulumi-cutover",
            "pulumi.com/skipAwait": "true",
            "pulumi.com/patchForce": "true",
        }

    def test_the_live_service_of_a_canary_app_selects_both(self) -> None:
        assert only(stack({"api": canary()})).live_service["spec"]["selector"] == {
            "app": "api",
            "app.kubernetes.io/managed-by": "cutover",
        }

    def test_exposes_only_the_live_service(self) -> None:
        web_plan = only(web(expose={"type": "NodePort", "nodePort": 30001, "port": 8000, "appProtocol": "grpc"}))

        assert web_plan.live_service["spec"]["type"] == "NodePort"
        assert web_plan.live_service["spec"]["ports"] == [
            {
                "name": "app",
                "port": 8000,
                "protocol": "TCP",
                "targetPort": "app",
                "appProtocol": "grpc",
                "nodePort": 30001,
            }
        ]
        for service in (web_plan.preview_service, web_plan.active.service, web_plan.other.service):
            assert service["spec"]["type"] == "ClusterIP"
            assert "nodePort" not in service["spec"]["ports"][0]

    def test_annotations_reach_the_live_service(self) -> None:
        service = only(web(expose={"type": "LoadBalancer", "annotations": {"cloud/lb": "internal"}})).live_service

        assert service["metadata"]["annotations"]["cloud/lb"] == "internal"


class TestCoupling:
    def test_apps_move_together_where_they_say_nothing(self) -> None:
        assert all(each.coupled for each in planned(stack({"web": app(), "api": canary()}, canaryReplicas=1)).apps)

    @pytest.mark.parametrize(("key", "value"), [("activeColor", "green"), ("imageTag", TAGS), ("idleReplicas", 1)])
    def test_one_key_of_its_own_uncouples_an_app(self, key: str, value: Any) -> None:
        api, web_plan = planned(stack({"web": app(**{key: value}), "api": canary()})).apps

        assert (api.coupled, web_plan.coupled) == (True, False)

    def test_what_it_leaves_open_is_the_stacks(self) -> None:
        web_plan = only(stack({"web": app(idleReplicas=1)}, activeColor="green"))

        assert (web_plan.active.color, web_plan.active.tag, web_plan.other.replicas) == (Color.GREEN, "6.9.1", 1)

    def test_null_is_nothing(self) -> None:
        assert only(web(activeColor=None)).coupled


class TestAutoscaling:
    def test_the_live_color_has_the_users_bounds(self) -> None:
        active = only(web(**HPA)).active
        assert active.autoscaler

        assert (active.replicas, active.deployment["spec"]["replicas"]) == (2, 2)
        assert active.autoscaler["spec"] == {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web-blue"},
            "minReplicas": 2,
            "maxReplicas": 8,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
        }

    @pytest.mark.parametrize(("idle", "least"), [(None, 2), (4, 4), (0, 1)])
    def test_nothing_shrinks_another_color(self, idle: int | None, least: int) -> None:
        other = only(stack({"web": app(**HPA)}, idleReplicas=idle)).other
        assert other.autoscaler

        assert (other.autoscaler["spec"]["minReplicas"], other.autoscaler["spec"]["maxReplicas"]) == (least, 8)
        assert other.autoscaler["spec"]["behavior"] == {"scaleDown": {"selectPolicy": "Disabled"}}

    def test_further_metrics_stand_alone_or_beside_the_cpu(self) -> None:
        metric = {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue"}}}
        bounds = {"minReplicas": 1, "maxReplicas": 2, "metrics": [metric]}
        alone = only(web(replicas=None, autoscaling=bounds)).active.autoscaler
        beside = only(web(**HPA | {"autoscaling": bounds | {"cpuUtilization": 50}})).active.autoscaler
        assert alone
        assert beside

        assert alone["spec"]["metrics"] == [metric]
        assert [each["type"] for each in beside["spec"]["metrics"]] == ["Resource", "Pods"]


class TestPods:
    def test_the_app_runs_its_colors_tag(self) -> None:
        web_plan = only(web())

        assert container(web_plan.active)["image"] == "registry.local/podinfo:6.9.0"
        assert container(web_plan.other)["image"] == "registry.local/podinfo:6.9.1"

    def test_a_color_can_have_keys_of_its_own(self) -> None:
        web_plan = only(
            web(
                env={"A": "1", "B": "1"},
                resources={"requests": {"cpu": "1", "memory": "1Gi"}},
                command=["a", "b"],
                probes={"readiness": {"path": "/a"}, "liveness": {"path": "/live"}},
                colors={
                    "green": {
                        "env": {"B": {"fieldRef": {"fieldPath": "status.podIP"}}},
                        "resources": {"requests": {"memory": "2Gi"}},
                        "command": ["c"],
                        "probes": {"readiness": {"tcp": True}},
                        "image": "other",
                    }
                },
            )
        )
        blue, green = container(web_plan.active), container(web_plan.other)

        assert blue["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
        assert green["env"] == [
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ]
        assert green["resources"] == {"requests": {"cpu": "1", "memory": "2Gi"}}
        assert (blue["command"], green["command"], green["image"]) == (["a", "b"], ["c"], "other:6.9.1")
        assert "httpGet" not in green["readinessProbe"]
        assert green["livenessProbe"] == blue["livenessProbe"]

    def test_configuration_is_named_after_its_content(self) -> None:
        one, two = (only(web(config={"data": {"a": text}, "mountPath": "/c"})) for text in ("1", "2"))
        (blue,), (green,), (changed,) = one.active.config_maps, one.other.config_maps, two.active.config_maps

        assert blue["immutable"]
        assert blue["metadata"]["name"].removeprefix("web-blue-") == green["metadata"]["name"].removeprefix(
            "web-green-"
        )
        assert blue["metadata"]["name"] != changed["metadata"]["name"]
        assert {"name": "config", "configMap": {"name": blue["metadata"]["name"]}} in pod_of(one.active)["spec"][
            "volumes"
        ]
        assert {"name": "config", "mountPath": "/c", "readOnly": True} in container(one.active)["volumeMounts"]

    def test_configuration_can_be_variables(self) -> None:
        active = only(web(config={"data": {"A": "1"}})).active
        name = active.config_maps[0]["metadata"]["name"]

        assert container(active)["envFrom"] == [{"configMapRef": {"name": name}}]

    def test_variables_come_after_those_they_use(self) -> None:
        env = container(only(web(env={"ADDRESS": "$(HOST):80", "HOST": "h"})).active)["env"]

        assert [each["name"] for each in env] == ["HOST", "ADDRESS"]

    def test_tmp_can_be_written_to_unless_said_otherwise(self) -> None:
        assert pod_of(only(web()).active)["spec"]["volumes"] == [{"name": "tmp", "emptyDir": {}}]
        own = {"scratch": {"mountPath": "/tmp", "source": {"emptyDir": {"sizeLimit": "1Gi"}}}}  # noqa: S108  # a path in the pod
        assert pod_of(only(web(volumes=own)).active)["spec"]["volumes"] == [
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}
        ]

    def test_probes_ask_the_probe_port(self) -> None:
        values = web(
            port=80,
            probePort=81,
            probes={
                "startup": {"exec": ["ok"], "failureThreshold": 9},
                "readiness": {"path": "/r", "scheme": "HTTPS"},
                "liveness": {"grpc": "web"},
            },
        )
        one = container(only(values).active)

        assert [port["containerPort"] for port in one["ports"]] == [80, 81]
        assert (one["startupProbe"]["exec"], one["startupProbe"]["failureThreshold"]) == ({"command": ["ok"]}, 9)
        assert one["readinessProbe"]["httpGet"] == {"path": "/r", "port": "probe", "scheme": "HTTPS"}
        assert one["livenessProbe"]["grpc"] == {"port": 81, "service": "web"}

    @pytest.mark.parametrize(
        ("pre_stop", "lifecycle"),
        [
            (None, {"preStop": {"sleep": {"seconds": 5}}}),
            ({"sleep": 0}, None),
            ({"exec": ["bye"]}, {"preStop": {"exec": {"command": ["bye"]}}}),
            ({"path": "/bye"}, {"preStop": {"httpGet": {"path": "/bye", "port": "app", "scheme": "HTTP"}}}),
        ],
    )
    def test_ends_as_it_is_told(self, pre_stop: dict[str, Any] | None, lifecycle: dict[str, Any] | None) -> None:
        values = web() if pre_stop is None else web(preStop=pre_stop)

        assert container(only(values).active).get("lifecycle") == lifecycle

    def test_sidecars_start_before_the_app_and_end_after_it(self) -> None:
        values = web(
            initContainers=[{"name": "migrate", "image": "m", "securityContext": {"readOnlyRootFilesystem": False}}],
            sidecars=[{"name": "proxy", "image": "p"}],
        )
        first, second = pod_of(only(values).active)["spec"]["initContainers"]

        assert (first["name"], first["securityContext"]["readOnlyRootFilesystem"]) == ("migrate", False)
        assert (second["name"], second["restartPolicy"]) == ("proxy", "Always")
        assert second["securityContext"]["capabilities"] == {"drop": ["ALL"]}

    def test_the_patches_come_last_the_colors_own_after_the_apps(self) -> None:
        values = web(
            podTemplate={"spec": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}], "priorityClassName": "low"}},
            colors={"green": {"podTemplate": {"spec": {"priorityClassName": "high"}}}},
        )
        blue, green = pod_of(only(values).active)["spec"], pod_of(only(values).other)["spec"]

        assert (blue["priorityClassName"], green["priorityClassName"]) == ("low", "high")
        assert blue["hostAliases"] == green["hostAliases"]


class TestMigrations:
    def test_each_tag_has_one_named_by_what_it_runs(self) -> None:
        blue, green = (job["metadata"]["name"] for job in only(web(migration={})).migrations)

        assert blue != green
        assert [blue, green] == [job["metadata"]["name"] for job in only(web(migration={}, replicas=9)).migrations]
        assert {blue, green} == {
            job["metadata"]["name"] for job in only(stack({"web": app(migration={})}, activeColor="green")).migrations
        }
        assert len(only(stack({"w" * 40: app(migration={})})).migrations[0]["metadata"]["name"]) <= 63

    @pytest.mark.parametrize(
        "change",
        [
            {"migration": {"args": ["--all"]}},
            {"migration": {"command": ["migrate"]}},
            {"image": "other"},
            {"imageTag": {"blue": "2", "green": "6.9.1"}},
        ],
    )
    def test_what_it_runs_names_it(self, change: dict[str, Any]) -> None:
        before, after = (only(web(**{"migration": {}} | keys)).active.migration for keys in ({}, change))
        assert before
        assert after

        assert before["metadata"]["name"] != after["metadata"]["name"]

    def test_colors_of_one_tag_share_it(self) -> None:
        same = only(stack({"web": app(migration={})}, imageTag={"blue": "1", "green": "1"}))

        assert len(same.migrations) == 1

    def test_an_app_without_one_has_none(self) -> None:
        assert only(web()).migrations == []

    def test_it_runs_the_apps_image_and_has_what_the_app_has(self) -> None:
        values = web(
            migration={"command": ["migrate"], "retries": 2, "deadlineSeconds": 60},
            env={"DATABASE": "db"},
            config={"data": {"a": "b"}, "mountPath": "/c"},
            serviceAccount="web",
            resources={"limits": {"memory": "1Gi"}},
            initContainers=[{"name": "wait", "image": "w"}],
            sidecars=[{"name": "proxy", "image": "p"}],
            command=["serve"],
            args=["--port=80"],
        )
        web_plan = only(values)
        job = web_plan.active.migration
        assert job
        pod, own = pod_of(web_plan.active)["spec"], job["spec"]["template"]["spec"]
        (made,) = own["containers"]

        assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (2, 60)
        assert "ttlSecondsAfterFinished" not in job["spec"], "it stays, so that it runs once"
        assert (made["command"], made.get("args"), made["image"]) == (["migrate"], None, "registry.local/podinfo:6.9.0")
        for key in ("env", "resources", "volumeMounts"):
            assert made[key] == container(web_plan.active)[key]
        for key in ("volumes", "serviceAccountName", "automountServiceAccountToken", "securityContext"):
            assert own[key] == pod[key]
        assert own["initContainers"] == pod["initContainers"], "a sidecar may be its way to the database"
        assert [each.get("restartPolicy") for each in own["initContainers"]] == [None, "Always"]
        assert own["restartPolicy"] == "Never"

    @pytest.mark.parametrize("component", [Component.BLUE_GREEN, Component.CANARY])
    def test_it_gets_no_traffic(self, component: Component) -> None:
        probes = {"liveness": {"path": "/"}, "startup": {"path": "/"}, "readiness": {"path": "/"}}
        web_plan = only(web(component=component, replicas=3, migration={}, probes=probes, podLabels={"team": "web"}))
        for job in web_plan.migrations:
            labels = job["spec"]["template"].get("metadata", {}).get("labels", {})
            (made,) = job["spec"]["template"]["spec"]["containers"]

            for service in (web_plan.live_service, web_plan.preview_service, web_plan.active.service):
                assert not service["spec"]["selector"].items() <= labels.items()
            assert made.keys().isdisjoint({"ports", "readinessProbe", "livenessProbe", "startupProbe", "lifecycle"})

    @pytest.mark.parametrize("name", ["gated", "everything"])
    def test_its_pods_are_as_secure_as_the_apps(self, name: str) -> None:
        values = copy.deepcopy(EXAMPLES[name])
        values["apps"]["web"]["migration"] = {"command": ["migrate"]}
        for job in only(values).migrations:
            assert list(violations(job["spec"]["template"]["spec"])) == []

    def test_a_killed_runs_migration_can_be_taken_over(self) -> None:
        (job, _) = only(web(migration={})).migrations

        assert job["metadata"]["annotations"] == {
            "pulumi.com/patchFieldManager": "pulumi-cutover",
            "pulumi.com/skipAwait": "true",
            "pulumi.com/deletionPropagationPolicy": "background",
        }


class TestGates:
    def test_what_it_asks_names_it(self) -> None:
        one, same, other, none = (
            only(web(gate=gate)).gate_hash
            for gate in ({"smoke": {"a": {"path": "/"}}}, {"smoke": {"a": {"count": "1", "path": "/"}}}, {}, None)
        )

        assert one == same
        assert len({one, other, none}) == 3

    def test_it_is_no_part_of_the_pods(self) -> None:
        plain, gated = only(web()), only(web(gate={"smoke": {"a": {"path": "/"}}}, migration={}))

        assert plain.active.deployment == gated.active.deployment
        assert plain.active.template_hash == gated.active.template_hash

    def test_a_judge_finds_the_app_at_its_ports(self) -> None:
        web_plan = only(web(port=9898, probePort=9797, expose={"port": 81}, sidecars=[{"name": "proxy", "image": "p"}]))

        assert (web_plan.port, web_plan.active.pod_port) == (81, 9898)


class TestHashes:
    def test_a_newer_template_of_the_same_source_is_told_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = only(web()).active
        monkeypatch.setattr("components.pod._SECURITY", {"allowPrivilegeEscalation": False})
        after = only(web()).active

        assert before.template_hash != after.template_hash
        assert _source(before) == _source(after)

    @pytest.mark.parametrize(
        "change",
        [
            {"env": {"A": "2"}},
            {"config": {"data": {"a": "b"}}},
            {"podTemplate": {"spec": {"priorityClassName": "x"}}},
            {"colors": {"blue": {"podTemplate": {"spec": {"priorityClassName": "x"}}}}},
            {"imageTag": {"blue": "2", "green": "6.9.1"}},
        ],
    )
    def test_what_is_said_of_the_pods_is_the_source(self, change: dict[str, Any]) -> None:
        before, after = only(web()).active, only(web(**change)).active

        assert _source(before) != _source(after)
        assert before.template_hash != after.template_hash

    @pytest.mark.parametrize("change", [{"replicas": 7}, {"drainSeconds": 1}, {"expose": {"port": 81}}])
    def test_what_is_said_of_other_things_is_not(self, change: dict[str, Any]) -> None:
        before, after = only(web()).active, only(web(**change)).active

        assert (_source(before), before.template_hash) == (_source(after), after.template_hash)


def test_the_namespace_is_the_programs_or_not() -> None:
    made = planned(stack()).namespace_manifest
    assert made

    assert made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert planned(stack(createNamespace=False)).namespace_manifest is None


@pytest.mark.parametrize(
    ("text", "value"), [("cutover/dev", "cutover.dev"), ("org/cutover/dev", "org.cutover.dev"), ("_x_", "x")]
)
def test_an_owner_becomes_a_label(text: str, value: str) -> None:
    assert label_value(text) == value


def test_long_owners_stay_apart() -> None:
    assert label_value("a" * 70 + "/dev") != label_value("a" * 70 + "/prod")


@given(st.text(min_size=1, max_size=200))
def test_a_label_value_is_one(text: str) -> None:
    made = label_value(text)

    assert len(made) <= 63
    assert made == "" or (made[0].isalnum() and made[-1].isalnum())


# Pod keys that a color may have, each with two values.
POD_KEYS = st.fixed_dictionaries(
    {},
    optional={
        "env": st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["1", "2"])),
        "config": st.fixed_dictionaries(
            {"data": st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["1", "2"]))},
            optional={"mountPath": st.just("/c")},
        ),
        "resources": st.fixed_dictionaries(
            {"requests": st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", "2"]))}
        ),
        "podAnnotations": st.dictionaries(st.sampled_from("ab"), st.sampled_from(["1", "2"])),
        "args": st.lists(st.sampled_from(["--a", "--b"]), max_size=2),
        "podTemplate": st.just({"spec": {"priorityClassName": "low"}}),
    },
)
POSITIONS = st.fixed_dictionaries(
    {
        "activeColor": st.sampled_from(["blue", "green"]),
        "imageTag": st.fixed_dictionaries({"blue": st.sampled_from(["1", "2"]), "green": st.sampled_from(["1", "2"])}),
        "canaryReplicas": st.integers(0, 3),
    },
    optional={"idleReplicas": st.integers(0, 3)},
)
STACKS = st.builds(
    lambda shared, blue, green, position: stack(
        {"web": app(**shared, colors={"blue": blue, "green": green}), "api": canary(**shared)}, **position
    ),
    POD_KEYS,
    POD_KEYS,
    POD_KEYS,
    POSITIONS,
)


@given(STACKS)
def test_no_two_objects_are_one(values: dict[str, Any]) -> None:
    names = [
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in planned(values).manifests
    ]

    assert len(names) == len(set(names))
    assert all(namespace == "test" for kind, namespace, _ in names if kind != "Namespace")


@given(STACKS)
def test_colors_never_share_a_pod(values: dict[str, Any]) -> None:
    for each in planned(values).apps:
        assert each.active.labels != each.other.labels
        for color in each.colors.values():
            labels = pod_of(color)["metadata"]["labels"]
            assert color.labels.items() <= labels.items()
            assert color.service["spec"]["selector"] == color.labels
            assert color.disruption_budget["spec"]["selector"]["matchLabels"] == color.labels


@given(STACKS)
def test_alike_means_equal_but_for_the_color(values: dict[str, Any]) -> None:
    for each in planned(values).apps:
        alike = _uncolored(pod_of(each.active), each.active) == _uncolored(pod_of(each.other), each.other)

        assert alike == (each.active.template_hash == each.other.template_hash)
        if each.component is Component.BLUE_GREEN and alike:
            assert each.other.replicas == 0


@given(STACKS)
def test_the_order_of_keys_means_nothing(values: dict[str, Any]) -> None:
    assert planned(_reversed(values)) == planned(values)


@given(STACKS, st.integers(0, 3))
def test_the_position_never_touches_a_pod_template(values: dict[str, Any], canaries: int) -> None:
    other = "green" if values["activeColor"] == "blue" else "blue"
    moved = values | {"activeColor": other, "canaryReplicas": canaries, "idleReplicas": 1}

    for before, after in zip(planned(values).apps, planned(moved).apps, strict=True):
        for color in Color:
            assert pod_of(before.colors[color]) == pod_of(after.colors[color])
            assert (
                before.colors[color].deployment["spec"]["selector"]
                == after.colors[color].deployment["spec"]["selector"]
            )


@given(STACKS)
def test_promoted_and_back_is_where_it_was(values: dict[str, Any]) -> None:
    settings = load(values)
    there = plan(load(values | {"activeColor": settings.active_color.other}), owner=OWNER)
    back = plan(settings, owner=OWNER)

    for one, two in zip(there.apps, back.apps, strict=True):
        assert (one.active.color, one.other.color) == (two.other.color, two.active.color)
        assert (one.active.replicas, one.active.tag) == (two.active.replicas, two.other.tag)
    assert plan(load(values), owner=OWNER) == back


def _source(color: ColorPlan) -> str:
    source: str = color.deployment["metadata"]["annotations"]["cutover/source"]
    return source


def _uncolored(template: Manifest, color: ColorPlan) -> Any:
    return json.loads(json.dumps(template).replace(color.color, ""))


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(inner) for key, inner in reversed(value.items())}
    return value


def test_a_baseline_is_the_live_version_in_pods_of_its_own() -> None:
    config = {"data": {"GREETING": "hello"}}
    api = only(stack({"api": canary(baseline=True, config=config)}, canaryReplicas=2, activeColor="green"))
    assert api.baseline
    assert api.baseline.labels == {"app": "api", "color": "baseline"}
    assert api.share == "2/14"
    mate, live = api.baseline.deployment["spec"], api.active.deployment["spec"]
    assert mate["replicas"] == 2
    name = "api-{}-" + api.active.config_maps[0]["metadata"]["name"].rpartition("-")[2]
    assert json.dumps(mate["template"]) == json.dumps(live["template"]).replace(
        name.format("green"), name.format("baseline")
    ).replace('"color": "green"', '"color": "baseline"')
    assert [made["metadata"]["name"] for made in api.baseline.config_maps] == [name.format("baseline")]


def test_a_baseline_without_a_canary_has_no_pods() -> None:
    api = only(stack({"api": canary(baseline=True)}))
    assert api.baseline
    assert api.baseline.replicas == 0
