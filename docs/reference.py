"""Writes docs/configuration.md from the schema: `python -m docs.reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Optional, get_args, get_origin, get_type_hints

from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from components import single
from components.gates.settings import CanaryGate, Gate, Migration, TestJob
from components.grammar import Allowed
from components.keys import Keys
from components.native import Native
from components.outputs import AppOutputs
from components.plan import Component
from components.routers.settings import Router
from components.schema import (
    App,
    AppKeys,
    Canary,
    ClaimRetention,
    Colors,
    DaemonApp,
    Pod,
    PositionKeys,
    RollingApp,
    Settings,
    StatefulApp,
    VolumeClaim,
    WorkloadPosition,
)

PAGE = Path(__file__).parent / "configuration.md"

INTRODUCTION = """\
# Configuration

<!-- made by `python -m docs.reference` from the types of components/: schema.py, gates, routers and outputs.py -->

All of it stands in `Pulumi.<stack>.yaml`, under `cutover:`. Every rule on this page is checked before anything is
touched, in `preview` too, and all that is wrong is told at once, each with the command that puts it right. A key that
is not on this page is an error.

```console
$ pulumi preview
2 problems in the configuration; nothing was touched.
  - activColor is no key that Cutover knows; did you mean activeColor?
        pulumi config rm activColor && pulumi config set activeColor green
  - imageTag.green is missing; both colors need a tag, and it may be the same
        pulumi config set --path imageTag.green 6.9.0
```

`pulumi config set` stores text, and with `--path` turns what looks like a whole number or a boolean into one. Either
is understood in place of the other. A number with a point in YAML is not text: `1.10` has become 1.1 by the time
anyone sees it, so write tags in quotes.

*A Kubernetes X* is an object as Kubernetes writes it, described in its API reference; its fields are checked as well.
"""

POSITION = """\
An app may have these keys too, under `apps.<name>`. With one of its own it is *not coupled*: it moves by itself,
before or after the stack's other apps, and what it leaves open is the stack's. Apps without any move together: no
traffic of any of them moves before all of them are ready.

Without a router a CanaryApp has no idle pods: every ready pod of either color takes its share of the live traffic, so
`canaryReplicas` is the size of the other color, and `idleReplicas` is an error. With one, `canaryWeight` is the share
of those pods, and an idle color has `idleReplicas` pods, by default none.
"""

APP = """\
`apps.<name>`; what an app may say depends on its `component`, and these keys every one has. The name is lower-case
letters, digits and `-`, first a letter, at most 40 characters. The app makes objects of the names `<name>`,
`<name>-blue`, `<name>-green`, `<name>-preview`, `<name>-canary`, `<name>-baseline` and `<name>-pods`, so no other app
may be called so.
"""

TWO_COLORS = """\
A BlueGreenApp or a CanaryApp stands as *the position* says, and may say besides:
"""

ROLLING = """\
A RollingApp is a Deployment of the app's own name, behind the live Service. Whatever of it ends in its pods changes in
place: Kubernetes replaces them within the bounds of `strategy`, and `up` waits until every one is new and ready, or
tells why the first cannot be, while the old ones serve on. There is no gate, as no moment lies between two versions:
readiness is what each new pod must pass, and `minReadySeconds` how long.

```yaml
config:
  cutover:apps:
    web:
      component: RollingApp
      image: registry.example.com/shop/web
      tag: 1.1.0
      replicas: 4
      maxSurge: 1
      maxUnavailable: 0
      minReadySeconds: 10
```

| to | type |
|---|---|
| release a version | `pulumi config set --path apps.web.tag 1.1.0 && pulumi up` |
| go back | `pulumi config set --path apps.web.tag 1.0.0 && pulumi up` |
| pause a rollout | `pulumi config set --path apps.web.paused true && pulumi up` |
| resume it | `pulumi config rm --path apps.web.paused && pulumi up` |

While it is paused, `up` writes what is configured and waits for nothing; pods stay as they are, and so do the
ConfigMaps that they use. Paused from the beginning, an app has no pods.
"""

STATEFUL = """\
A StatefulApp is a StatefulSet of the app's own name, behind the live Service; `<name>-pods` is the headless Service by
which each pod has a name, `<name>-0.<name>-pods`. A new `tag` replaces the pods one by one, from the highest ordinal
down, and each keeps its storage. With `canaryReplicas` only so many are as `canary` says, and the others as the app's
own keys do: both stand here, so that a cluster rebuilt has both (its pods are all made with `tag` first).

```yaml
config:
  cutover:apps:
    db:
      component: StatefulApp
      image: registry.example.com/shop/db
      tag: 1.0.0
      canary: {tag: 1.1.0}
      canaryReplicas: 1
      replicas: 3
      volumeClaimTemplates:
        data: {mountPath: /data, size: 10Gi}
```

| to | set, then `pulumi up` |
|---|---|
| release a version | `pulumi config set --path apps.db.tag 1.1.0` |
| try one | `pulumi config set --path apps.db.canary.tag 1.1.0`, `pulumi config set --path apps.db.canaryReplicas 1` |
| drop the canary | `pulumi config set --path apps.db.canaryReplicas 0` |
| promote it | `pulumi config set --path apps.db.tag 1.1.0`, `pulumi config set --path apps.db.canaryReplicas 0` |

While there is a canary, the app's own keys may not change: Kubernetes updates a StatefulSet's pods to one template, and
gives all others the one that all of them had last. A pod that is not ready and must go back, and one that was a canary
and is none any more, are ended by Cutover, one at a time: Kubernetes would leave them as they are. With a `gate`, the
canary's pods are asked each time that `up` has made some, and again before more pods become like them.
"""

DAEMON = """\
A DaemonApp is a DaemonSet of the app's own name, behind the live Service. A new `tag` replaces its pods node by node;
`up` waits until each is ready, or tells why the first cannot be. With OnDelete it waits for nothing, and tells how many
are still to be replaced.

```yaml
config:
  cutover:apps:
    agent:
      component: DaemonApp
      image: registry.example.com/shop/agent
      tag: 1.1.0
      maxUnavailable: 10%
```
"""

PODS = """\
Keys of an app that end in its pods. They may also stand under `apps.<name>.colors.<color>`, where they are put over
the app's own for this color: maps merge key by key; a value, a list, a probe, a `preStop` and a volume are replaced
whole; the patches of `podTemplate` are both applied, the color's last. So a change of any of these is released like a
tag: other color first.

Pods pass the Pod Security level *restricted* without a word of yours: no root, no privileges, a read-only root file
system. Init containers and sidecars get the same defaults where they say nothing.

The container and its port are both called `app`; a `probePort` other than `port` is called `probe`. `podTemplate` may
not change the labels `app` and `color`, nor the image of the container `app`.
"""

GATE = """\
Asked of the other color when all its pods are ready and before any traffic moves to it: the smoke tests one after the
other, then the load, the job, and the metrics side by side. The first of these that does not pass ends it.

- *passed*: traffic moves.
- *failed*: the release stops, and traffic is where it was. The verdict is kept with the color: the same pods are not
  judged by the same gate again but refused, in `preview` too, until either changes or `force` names the tag.
- *inconclusive*: a question could not be asked or had no answer. The release stops and blames nobody; nothing is kept,
  and the next `up` asks again.

What has served before needs no gate, so a rollback never waits for one, and neither does an app's first color.

A CanaryApp has no single moment at which traffic moves. Its first canary pods are checked by readiness alone; the gate
is asked of the present ones before there are more, and of all of them before the old color shrinks.

```yaml
config:
  cutover:imageTag: {blue: 1.0.0, green: 1.1.0}
  cutover:apps:
    web:
      component: BlueGreenApp
      image: registry.example.com/shop/web
      gate:
        smoke:
          home: {path: /, body: "<h1>Welcome", count: 20}
          private: {path: /admin, status: 403}
        load: {path: /search, rate: 20, seconds: 60}
        prometheus: {service: prometheus, namespace: monitoring}
        metrics:
          errors:
            query: >-
              (sum(rate(http_requests_total{pod=~"{{app}}-{{color}}-.*", status=~"5.."}[{{window}}])) or vector(0))
              / sum(rate(http_requests_total{pod=~"{{app}}-{{color}}-.*"}[{{window}}]))
            max: 0.01
            initialDelaySeconds: 15
      migration:
        command: [./web, migrate]
```

A rate needs two scrapes in its window, so let the load last longer than two of Prometheus' scrape intervals, and the
delay one. Without `or vector(0)` an app that has never answered 5xx has no such series, and the answer is empty.
"""

ROUTER = """\
With a router no selector carries traffic: the Services of the colors stay for life, and a route splits the requests
between them, so that `canaryWeight` and `canaryReplicas` are apart. The name of the app's live Service still answers
inside the cluster, with the active color. More in [routers](routers.md).

```yaml
config:
  cutover:imageTag: {blue: 1.0.0, green: 1.1.0}
  cutover:canaryReplicas: 2
  cutover:canaryWeight: 5
  cutover:apps:
    api:
      component: CanaryApp
      image: registry.example.com/shop/api
      router:
        gateway:
          parents: [{name: edge, namespace: infra}]
          hostnames: [api.example.com]
        testers: {headers: {X-Canary: "yes"}}
        affinity: {cookie: api-side}
```
"""

MIGRATION = """\
A Job of the app's image at the tag, with the app's variables, configuration, volumes, init containers and sidecars. It
runs before any pod of a new version starts and once for every image, tag and what stands here: the live version is
still at work, so it may only add to what that one needs. If the live color was well, it must pass its smoke tests
afterwards, unless `force` names the new tag. What the new version no longer needs goes in a later release. What has
served before needs no migration, so a rollback never waits for one.
"""

OUTPUTS = """\
Each app is an output of the stack, by its name, with what its last move or rollout wrote and not what the configuration
wishes for: after an `up` that failed they still tell the truth. How many pods are ready now, `cutover status` tells.

```console
$ pulumi stack output web
{"activeColor":"green","imageTag":{"blue":"6.9.0","green":"6.9.1"},"otherShare":"0%","previewUrl":…,"url":…}
```

Components in a [program of your own](how-it-works.md#in-a-program-of-your-own) and in the [package](package.md) have
them as attributes, in Python `web.active_color`, which are known once the last check has passed.
"""
TOLD = {
    "activeColor": "The live color.",
    "imageTag": "What each color runs.",
    "otherShare": "The other color's share of the live traffic: `25%`, or without a router `1/4`, its pods among all.",
    "url": "Where the app answers: the router's host, the node port, the load balancer, or the Service's name.",
    "previewUrl": "Where the preview Service answers, inside the cluster.",
    "tag": "What it runs; with a canary, what its other pods run.",
    "image": "The image and tag that new pods get; with a canary, the canary's.",
    "revision": "Names all that its pods are made of, as their label `cutover/template`; a rollback brings it back.",
    "replicas": "How many pods it was given.",
    "paused": "Whether its rollout stands still.",
    "canaryTag": "What the canary runs; nothing without one.",
    "partition": "The lowest ordinal that is as the canary; 0 without one.",
}
"""What each output means, by its name."""

WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    Optional[str]: "text, or nothing",  # noqa: UP045  # as the outputs have it
    Mapping[str, str]: "a map of texts",
}

TITLES: dict[type[Keys], str] = {
    App: "An app of two colors",
    Colors: "An app's pods",
    TestJob: "Test job",
    VolumeClaim: "Volume claim",
    ClaimRetention: "Claim retention",
    CanaryGate: "Canary gate",
}
TEXTS: dict[type[Keys], str] = {
    Gate: GATE,
    Migration: MIGRATION,
    Router: ROUTER,
    RollingApp: ROLLING,
    StatefulApp: STATEFUL,
    DaemonApp: DAEMON,
}
COMPONENTS = (App, RollingApp, StatefulApp, DaemonApp)


def page() -> str:
    """Return the page as it should be."""
    where = {*PositionKeys.model_fields, *WorkloadPosition.model_fields}
    position = {name: field for name, field in Settings.model_fields.items() if name in where}
    stack = {name: field for name, field in Settings.model_fields.items() if name not in position}
    shared = {name: field for name, field in AppKeys.model_fields.items() if name not in Pod.model_fields}
    own = {name: field for name, field in App.model_fields.items() if name not in {*AppKeys.model_fields, *position}}
    pods = {name: AppKeys.model_fields[name] for name in Pod.model_fields}
    parts = [
        INTRODUCTION,
        "## The stack\n\n" + _table(stack),
        "## The position\n\n" + POSITION + "\n" + _table(position),
        "## An app\n\n" + APP + "\n" + _table(shared),
        "## An app of two colors\n\n" + TWO_COLORS + "\n" + _table(own),
        *(_section(model) for model in (RollingApp, StatefulApp, DaemonApp)),
        "## An app's pods\n\n" + PODS + "\n" + _table(pods),
        *(_section(model) for model in _inner(Settings) if model not in {*COMPONENTS, Pod, Colors}),
        "## Outputs\n\n" + OUTPUTS + "\n" + _told(),
    ]
    return "\n".join(parts)


def outputs(component: Component) -> dict[str, Any]:
    """Return the types of a component's outputs by name, as its class declares them."""
    (*_, declared) = (base for base in getattr(single, component).__bases__ if base.__module__ == AppOutputs.__module__)
    return {to_camel(name): get_args(hint)[0] for name, hint in get_type_hints(declared).items()}


def _told() -> str:
    """The table of all outputs, each with the components that have it."""
    owners: dict[str, list[Component]] = {}
    types: dict[str, Any] = {}
    for component in Component:
        for name, of in outputs(component).items():
            owners.setdefault(name, []).append(component)
            types[name] = of
    rows = ["| output | of | is | says |", "|---|---|---|---|"]
    rows += [f"| `{name}` | {', '.join(owners[name])} | {WORDS[of]} | {TOLD[name]} |" for name, of in types.items()]
    return "\n".join(rows) + "\n"


def _section(model: type[Keys]) -> str:
    level = "###" if model in {*_inner(Gate), *_inner(Router)} else "##"
    shared = AppKeys.model_fields if model in COMPONENTS else Pod.model_fields if model is Canary else {}
    fields = {name: field for name, field in model.model_fields.items() if name not in shared}
    return f"{level} {_title(model)}\n\n{_text(model)}\n\n" + _table(fields)


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = ["| key | must be | default | says |", "|---|---|---|---|"]
    rows += [
        f"| `{field.alias}` | {_cell(_kind(field.annotation, field.metadata))} "
        f"| {_default(field)} | {_cell(field.description or '')} |"
        for field in fields.values()
    ]
    return "\n".join(rows) + "\n"


def _kind(of: Any, metadata: list[Any]) -> str:
    for rule in metadata:
        if isinstance(rule, Allowed | Native):
            return rule.words
    arguments = [argument for argument in get_args(of) if argument is not type(None)]
    if get_origin(of) is list:
        return f"a list, each {_kind(arguments[0], [])}"
    if get_origin(of) is dict:
        return f"a map; key: {_kind(arguments[0], [])}; value: {_kind(arguments[1], [])}"
    if isinstance(of, type) and issubclass(of, Keys):
        return f"[{_title(of)}](#{_anchor(of)})"
    # Annotated[…], or one of them and None
    return _kind(arguments[0], list(arguments[1:]))


def _title(model: type[Keys]) -> str:
    return TITLES.get(model, model.__name__)


def _anchor(model: type[Keys]) -> str:
    """The link that GitHub makes of a heading."""
    return _title(model).lower().replace(" ", "-").replace("'", "")


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "**required**"
    if value is None:
        return ""
    if isinstance(value, Keys):
        value = value.model_dump(exclude_unset=True)
    return f"`{value if isinstance(value, StrEnum) else json.dumps(value)}`"


def _inner(model: type[Keys]) -> Iterator[type[Keys]]:
    """Yield the models that stand in `model`, each once, as they come."""
    seen: list[type[Keys]] = []
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            seen += [each for each in (inner, *_inner(inner)) if each not in seen]
    yield from seen


def _models(of: Any) -> Iterator[type[Keys]]:
    if isinstance(of, type) and issubclass(of, Keys):
        yield of
    for argument in get_args(of):
        yield from _models(argument)


def _text(model: type[Keys]) -> str:
    return TEXTS.get(model, " ".join((model.__doc__ or "").split())).strip()


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    PAGE.write_text(page())
