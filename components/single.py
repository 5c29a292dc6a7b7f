"""One app in someone's own Pulumi program, released by itself.

web = BlueGreenApp("web", {
"image": "registry.example.com/shop/web",
"imageTag": {"blue": "1.0.0", "green": "1.1.0"},
"activeColor": Color.BLUE,
"port": 8080,
"env": {"DATABASE_HOST": database.address},
})
pulumi.export("url", web.url)
"""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import Output
from pulumi import ResourceOptions as Options
from pydantic.alias_generators import to_snake

from components.apps import App
from components.args import AppArgs, CanaryAppArgs, DaemonAppArgs, RollingAppArgs, StatefulAppArgs, WorkloadArgs
from components.config import load
from components.errors import ConfigError, CutoverError
from components.inputs import Held, hold
from components.kube import Cluster
from components.outputs import AppOutputs, RollingOutputs, StatefulOutputs, WorkloadOutputs
from components.plan import Component, StackPlan
from components.planner import plan
from components.problems import Path, Problem
from components.release import roll, roll_out
from components.resource import After
from components.stack import read_cluster
from components.standing import confront_app
from components.workloads.standing import confront_workload
from components.workloads.workload import Workload


class BlueGreenApp(App, AppOutputs):
    """An app whose traffic moves from one color to the other at once.

    Args:
        name: the app's name, and that of its live Service.
        args: the app and its position.
        opts: options of the component.

    Raises:
        pulumi.RunError: the arguments cannot be used; the text has every problem of them.
    """

    def __init__(self, name: str, args: AppArgs, opts: Options | None = None) -> None:
        _make(self, Component.BLUE_GREEN, name, args, opts)


class CanaryApp(App, AppOutputs):
    """An app of which `canaryReplicas` pods of the other color take a share of the traffic.

    Takes and raises what BlueGreenApp does.
    """

    def __init__(self, name: str, args: CanaryAppArgs, opts: Options | None = None) -> None:
        _make(self, Component.CANARY, name, args, opts)


class RollingApp(Workload, RollingOutputs):
    """An app of one version, whose pods a Deployment replaces.

    Takes and raises what BlueGreenApp does.
    """

    def __init__(self, name: str, args: RollingAppArgs, opts: Options | None = None) -> None:
        _make_workload(self, Component.ROLLING, name, args, opts)


class StatefulApp(Workload, StatefulOutputs):
    """An app of one version, whose pods have names and storage of their own.

    Takes and raises what BlueGreenApp does.
    """

    def __init__(self, name: str, args: StatefulAppArgs, opts: Options | None = None) -> None:
        _make_workload(self, Component.STATEFUL, name, args, opts)


class DaemonApp(Workload, WorkloadOutputs):
    """An app of one version, with a pod on every node.

    Takes and raises what BlueGreenApp does.
    """

    def __init__(self, name: str, args: DaemonAppArgs, opts: Options | None = None) -> None:
        _make_workload(self, Component.DAEMON, name, args, opts)


def _make(app: App, component: Component, name: str, args: AppArgs, opts: Options | None) -> None:
    held: Held = {}
    try:
        stack_plan, cluster = _read(component, name, args, held)
        (app_plan,) = stack_plan.apps
        if not held:  # what has served cannot be told by templates that are not known yet
            app_plan = cluster.wait_for(lambda here: confront_app(app_plan, here))
    except CutoverError as error:
        raise pulumi.RunError(str(error)) from error
    App.__init__(app, app_plan, cluster, None, opts, held)
    _tell(app, roll_out([app]))


def _make_workload(app: Workload, component: Component, name: str, args: WorkloadArgs, opts: Options | None) -> None:
    held: Held = {}
    try:
        stack_plan, cluster = _read(component, name, args, held)
        (wished,) = stack_plan.workloads
        workload_plan = cluster.wait_for(lambda here: confront_workload(wished, here))
    except CutoverError as error:
        raise pulumi.RunError(str(error)) from error
    Workload.__init__(app, workload_plan, cluster, None, opts, held)
    _tell(app, roll(app))


def _tell(app: App | Workload, done: After) -> None:
    """Make attributes of the outputs; a package's host waits for these, and for nothing that comes after them."""
    for key, value in app.outputs.items():
        setattr(app, to_snake(key), Output.all(done, value).apply(lambda both: both[1]))


def _read(component: Component, name: str, args: AppArgs | WorkloadArgs, held: Held) -> tuple[StackPlan, Cluster]:
    """Plan one app, and find the cluster that it is for."""
    app_keys: dict[str, Any] = hold(args, held)
    where = {key: app_keys.pop(key, None) for key in ("namespace", "kubeconfig", "context")}
    _know(name, app_keys, held)
    namespace = where["namespace"] or pulumi.Config("kubernetes").get("namespace") or "default"
    settings = load(
        {"namespace": namespace, "createNamespace": False, "apps": {name: {**app_keys, "component": component}}}
    )
    cluster = read_cluster(namespace, kubeconfig=where["kubeconfig"], context=where["context"])
    return plan(settings, owner=f"{pulumi.get_project()}/{pulumi.get_stack()}"), cluster


def _know(name: str, keys: Mapping[str, Any], held: Held) -> None:
    """Refuse Outputs where their values must be known while the program runs.

    Raises:
        ConfigError: there are some; all of them.
    """
    colors = keys.get("colors", {})
    parts: dict[Path, Any] = {(): keys, ("canary",): keys.get("canary", {})}
    parts |= {("colors", color): colors[color] for color in colors}
    by_content = "it must be known while the program runs, as its ConfigMap is named by its content"
    places = [((*path, "config"), part.get("config"), by_content, _CONFIG_WAY_OUT) for path, part in parts.items()]
    places.append((("gate",), keys.get("gate"), "it must be known while the program runs", "give the value itself"))
    problems = [
        Problem(("apps", name, *path), "an Output", f"is an Output; {reason}", way_out)
        for path, part, reason, way_out in places
        if any(word in json.dumps(part) for word in held)
    ]
    if problems:
        raise ConfigError(problems)


_CONFIG_WAY_OUT = "put the Output under `env`, or in a ConfigMap of your own under `envFrom`"
