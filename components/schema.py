"""The keys of the configuration, their types, defaults and limits.

The text under each key is its documentation: docs/configuration.md is made from it. Rules that tie several keys
together are in rules.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias, get_args

from pydantic import Field
from pydantic_core import CoreSchema, core_schema

from components.color import Color
from components.gates.settings import CanaryGate, Gate, Migration
from components.grammar import (
    AnyText,
    AppName,
    Bool,
    ColorName,
    ConfigKey,
    DnsLabel,
    DrainSeconds,
    EnvName,
    Image,
    LabelKey,
    LabelValue,
    MountPath,
    Natural,
    NodePortNumber,
    ObjectName,
    OneOf,
    Percent,
    Port,
    PortName,
    Positive,
    Quantity,
    ResourceName,
    Share,
    Tag,
    UrlPath,
    UserId,
)
from components.keys import Choice, Keys
from components.native import (
    Container,
    EnvFrom,
    EnvValue,
    Metric,
    PodTemplatePatch,
    ScalingBehavior,
    Toleration,
    TopologySpread,
    VolumeSource,
)
from components.plan import Component
from components.problems import Path
from components.routers.settings import Router

DEFAULT_REPLICAS = 2


class Scheme(StrEnum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"


class PullPolicy(StrEnum):
    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"
    NEVER = "Never"


class ServiceType(StrEnum):
    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


class PodSecurity(StrEnum):
    RESTRICTED = "restricted"
    BASELINE = "baseline"
    PRIVILEGED = "privileged"


class Handler(Choice):
    exec: list[AnyText] | None = None
    """Run this command in the container; status 0 passes."""
    path: UrlPath | None = None
    """GET this path; a status from 200 to 399 passes."""
    port: Port | None = None
    """The port to ask; default `probePort`, else `port`."""
    scheme: Annotated[Scheme, OneOf(Scheme)] = Scheme.HTTP
    """How to ask for `path`."""


class Probe(Handler):
    """One of `path`, `tcp`, `grpc` and `exec`, and its timings."""

    tcp: Bool = False
    """Open a connection; that it opens passes."""
    grpc: AnyText | None = None
    """Ask the gRPC health service about this service name; an empty one asks about the server."""
    initial_delay_seconds: Natural = 0
    """Seconds from the container's start to the first probe."""
    period_seconds: Positive = 10
    """Seconds from probe to probe."""
    timeout_seconds: Positive = 1
    """Seconds after which a probe has failed."""
    success_threshold: Positive = 1
    """Passes in a row that make it pass; 1 for startup and liveness."""
    failure_threshold: Positive = 3
    """Failures in a row that make it fail."""


class Probes(Keys):
    """What Kubernetes asks the app."""

    startup: Probe | None = None
    """Has it started? The other probes wait for it."""
    readiness: Probe = Probe(tcp=True)
    """May it have traffic? Default: its port accepts connections."""
    liveness: Probe | None = None
    """Is it alive? If not, its container is restarted."""


class PreStop(Handler):
    """One of `sleep`, `path` and `exec`, done before the app is asked to end."""

    sleep: Natural | None = None
    """Seconds in which the pod still serves while the cluster takes it out of its routes."""


class Resources(Keys):
    """What the app's container is given."""

    requests: dict[ResourceName, Quantity] = {}
    """What is set aside for it: `{cpu: 50m, memory: 32Mi}`."""
    limits: dict[ResourceName, Quantity] = {}
    """What it may not exceed."""


class Config(Keys):
    """Configuration data; it becomes an immutable ConfigMap per color, named after its content."""

    data: dict[ConfigKey, AnyText]
    """File name or variable name, and content."""
    mount_path: MountPath | None = None
    """Where the data are files; without it they are environment variables."""


class Volume(Choice):
    """A volume of the pod and where the app's container has it; one source."""

    mount_path: MountPath
    """Where the app finds it."""
    sub_path: AnyText | None = None
    """The part of the volume that is mounted; default all of it."""
    read_only: Bool = False
    """Whether the app may not write to it."""
    source: VolumeSource = {"emptyDir": {}}
    """What it is, as Kubernetes writes it: `{secret: {secretName: …}}`. Default: an empty folder for the pod's life."""


class Pod(Keys):
    """What ends in the pod template; all of it may also stand under `colors.<color>`, which wins."""

    image: Image | None = None
    """The image without its tag."""
    image_pull_policy: Annotated[PullPolicy, OneOf(PullPolicy)] = PullPolicy.IF_NOT_PRESENT
    """When nodes pull it."""
    image_pull_secrets: list[ObjectName] = []
    """Secrets that allow the pull."""
    command: list[AnyText] = []
    """Instead of the image's entry point."""
    args: list[AnyText] = []
    """Instead of the image's arguments."""
    port: Port = 8080
    """Where the app listens."""
    probe_port: Port | None = None
    """Where it answers probes, if not on `port`."""
    probes: Probes = Probes()
    """What Kubernetes asks the app, and how often."""
    env: dict[EnvName, EnvValue] = {}
    """Environment variables: text, or a Kubernetes EnvVarSource such as `{secretKeyRef: {name: …, key: …}}`."""
    env_from: list[EnvFrom] = []
    """Secrets and ConfigMaps whose keys become variables, as Kubernetes writes them."""
    config: Config | None = None
    """Configuration data that are released like a tag."""
    volumes: dict[DnsLabel, Volume] = {}
    """Volumes by name, beside `tmp`: an empty folder at /tmp, as the root file system is read-only."""
    init_containers: list[Container] = []
    """Containers that run to their end before the app, as Kubernetes writes them; security defaults are filled in."""
    sidecars: list[Container] = []
    """Containers that start before the app and end after it (init containers that always restart)."""
    service_account: ObjectName | None = None
    """The app's account; without one it gets no token for the API server."""
    resources: Resources = Resources()
    """What the app's container is given."""
    run_as_user: UserId | None = None
    """The user the pod runs as; default the image's, which must be a number other than 0."""
    read_only_root_filesystem: Bool = True
    """Whether the app can write to its volumes only."""
    termination_grace_period_seconds: Positive = 30
    """Seconds from the request to end, `preStop` included, to the kill."""
    pre_stop: PreStop = PreStop(sleep=5)
    """What happens before the app is asked to end; `{sleep: 0}` for nothing."""
    pod_annotations: dict[LabelKey, AnyText] = {}
    """Annotations of the pods."""
    pod_labels: dict[LabelKey, LabelValue] = {}
    """Labels of the pods, beside those that Cutover sets."""
    node_selector: dict[LabelKey, LabelValue] = {}
    """Labels that a node must have."""
    tolerations: list[Toleration] = []
    """Taints that the pods tolerate, as Kubernetes writes them."""
    topology_spread: list[TopologySpread] = [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ]
    """How a color's pods spread, as Kubernetes writes it; the selector is filled in. Default: over nodes, softly."""
    pod_template: PodTemplatePatch = {}
    """A strategic merge patch of the pod template, applied last; the app's container is named `app` in it."""


class Expose(Keys):
    """How the live Service is reached."""

    type: Annotated[ServiceType, OneOf(ServiceType)] = ServiceType.CLUSTER_IP
    """ClusterIP: inside the cluster; NodePort: on every node, at `nodePort`; LoadBalancer: by the cloud's."""
    port: Port = 80
    """The Service's port; the color Services and the preview Service have it too."""
    port_name: PortName = "app"
    """The port's name, by which an Ingress may call it; empty for none. One that is taken over keeps the one it has."""
    node_port: NodePortNumber | None = None
    """The nodes' port; it must be given for NodePort, so that a cluster rebuilt has the same."""
    app_protocol: LabelKey | None = None
    """What the app speaks, for those that look: http, grpc, kubernetes.io/h2c, …"""
    annotations: dict[LabelKey, AnyText] = {}
    """Annotations of the live Service, for the cloud's load balancer."""


class Autoscaling(Keys):
    """Bounds and aims of a HorizontalPodAutoscaler for each color."""

    min_replicas: Positive
    """The fewest pods."""
    max_replicas: Positive
    """The most pods."""
    cpu_utilization: Positive | None = None
    """Percent of the requested CPU to keep to; default 80 where `metrics` says nothing."""
    metrics: list[Metric] = []
    """Further aims, as Kubernetes writes them."""
    behavior: ScalingBehavior = {}
    """How fast it scales, as Kubernetes writes it."""


class Tags(Keys):
    """What each color runs; always both."""

    blue: Tag
    """The tag that blue runs."""
    green: Tag
    """The tag that green runs."""

    def of(self, color: Color) -> str:
        return self.blue if color is Color.BLUE else self.green


class PositionKeys(Keys):
    """Where a release stands; an app with any of these keys of its own is not coupled to the stack's."""

    active_color: ColorName | None = None
    """Which color is live."""
    image_tag: Tags | None = None
    """What each color runs."""
    canary_replicas: Natural | None = None
    """How many pods of the other color also take live traffic (CanaryApp)."""
    canary_weight: Percent | None = None
    """The other color's share in percent, where a router splits by weight."""
    idle_replicas: Natural | None = None
    """Size of an idle color (BlueGreenApp); default the app's `replicas`, and none where both colors are alike."""


class Colors(Keys):
    """What differs from color to color."""

    blue: Pod = Pod()
    """Keys for blue alone."""
    green: Pod = Pod()
    """Keys for green alone."""

    def of(self, color: Color) -> Pod:
        return self.blue if color is Color.BLUE else self.green


class AppKeys(Pod):
    """What every app says, whatever its component."""

    component: Annotated[Component, OneOf(Component)]
    """BlueGreenApp: traffic moves at once. CanaryApp: the other color can take a part of it. RollingApp, StatefulApp,
    DaemonApp: one version, which Kubernetes replaces pod by pod."""
    image: Image
    """The image without its tag."""
    expose: Expose = Expose()
    """How the app is reached."""
    min_ready_seconds: Natural = 0
    """Seconds that a pod must stay ready to count as available."""
    progress_deadline_seconds: Positive = 300
    """Seconds without progress after which a rollout has failed."""
    revision_history_limit: Natural = 3
    """Old ReplicaSets to keep; of a StatefulApp or DaemonApp, ControllerRevisions."""
    migration: Migration | None = None
    """A Job that runs before the first pod of a version, once for every tag."""


class App(AppKeys, PositionKeys):
    """A BlueGreenApp or a CanaryApp: an app of two colors."""

    replicas: Positive | None = None
    """Pods of the live color; default 2. With `autoscaling` it must not be set."""
    router: Router | None = None
    """What splits traffic by weight, so that no Service's selector carries it."""
    autoscaling: Autoscaling | None = None
    """Bounds for an autoscaler, instead of `replicas`."""
    drain_seconds: DrainSeconds = 15
    """Seconds that open connections have to end, after traffic has moved and before the old color changes."""
    recycle: Bool = True
    """Whether the pods of a color that stays warm are ended one by one once traffic has left, to end what is open."""
    in_place: Tag | None = None
    """A tag that the live color may be changed to in place."""
    gate: Gate | None = None
    """What the other color must pass before it takes traffic."""
    force: Tag | None = None
    """A tag that may go live without its gate."""
    baseline: Bool = False
    """Whether as many pods of the live version stand beside a canary, with as much traffic, to be compared with."""
    colors: Colors = Colors()
    """Keys that only one color has."""

    def pod(self, color: Color) -> Pod:
        """What the pods of a color are: the app's keys with the color's own over them."""
        return self.overlaid(self.colors.of(color))

    @property
    def size(self) -> int:
        """How many pods the live color has; with an autoscaler, at least."""
        if self.autoscaling:
            return self.autoscaling.min_replicas
        return DEFAULT_REPLICAS if self.replicas is None else self.replicas


class Strategy(StrEnum):
    ROLLING_UPDATE = "RollingUpdate"
    RECREATE = "Recreate"


class UpdateStrategy(StrEnum):
    ROLLING_UPDATE = "RollingUpdate"
    ON_DELETE = "OnDelete"


class PodManagement(StrEnum):
    ORDERED_READY = "OrderedReady"
    PARALLEL = "Parallel"


class Retention(StrEnum):
    RETAIN = "Retain"
    DELETE = "Delete"


class AccessMode(StrEnum):
    READ_WRITE_ONCE = "ReadWriteOnce"
    READ_ONLY_MANY = "ReadOnlyMany"
    READ_WRITE_MANY = "ReadWriteMany"
    READ_WRITE_ONCE_POD = "ReadWriteOncePod"


class WorkloadPosition(Keys):
    """Where an app of one version stands."""

    tag: Tag | None = None
    """What it runs."""
    paused: Bool | None = None
    """Whether a rollout stands still, at the pods that it has come to (RollingApp)."""


class RollingApp(AppKeys, WorkloadPosition):
    """A Deployment, which Kubernetes updates by itself."""

    replicas: Positive | None = None
    """How many pods; default 2. With `autoscaling` it must not be set."""
    autoscaling: Autoscaling | None = None
    """Bounds for an autoscaler, instead of `replicas`."""
    strategy: Annotated[Strategy, OneOf(Strategy)] = Strategy.ROLLING_UPDATE
    """RollingUpdate: new pods come while old ones serve. Recreate: old ones end first, and nobody serves meanwhile."""
    max_surge: Share = "25%"
    """How many pods a rollout may have beyond `replicas`: a number, or a percentage of them, rounded up."""
    max_unavailable: Share = 0
    """How many pods a rollout may lack: a number, or a percentage of `replicas`, rounded down."""

    @property
    def size(self) -> int:
        """How many pods it has; with an autoscaler, at least."""
        if self.autoscaling:
            return self.autoscaling.min_replicas
        return DEFAULT_REPLICAS if self.replicas is None else self.replicas


class VolumeClaim(Keys):
    """Storage that each pod has to itself and keeps."""

    mount_path: MountPath
    """Where the app finds it."""
    size: Quantity
    """How much it asks for."""
    storage_class: ObjectName | None = None
    """Which kind of storage; default the cluster's own."""
    access_modes: list[Annotated[AccessMode, OneOf(AccessMode)]] = [AccessMode.READ_WRITE_ONCE]
    """How nodes may mount it."""


class ClaimRetention(Keys):
    """What becomes of the pods' storage."""

    when_deleted: Annotated[Retention, OneOf(Retention)] = Retention.RETAIN
    """When the app is removed."""
    when_scaled: Annotated[Retention, OneOf(Retention)] = Retention.RETAIN
    """When there are fewer `replicas`, of the pods that go."""


class Canary(Pod):
    """What the pods of a StatefulApp's canary have instead of the app's own."""

    tag: Tag | None = None
    """What they run; default the app's `tag`."""


class StatefulApp(AppKeys):
    """A StatefulSet: pods with names and storage of their own, updated from the highest ordinal down."""

    tag: Tag | None = None
    """What it runs."""
    canary_replicas: Natural = 0
    """How many pods, from the highest ordinal down, are as `canary` says: fewer than `replicas`."""
    canary: Canary = Canary()
    """The canary's `tag`, and keys that only its pods have, as under `colors.<color>`."""
    gate: CanaryGate | None = None
    """What the canary must pass: each time that `up` has made one, and before any other pod becomes like it."""
    replicas: Positive = DEFAULT_REPLICAS
    """How many pods."""
    volume_claim_templates: dict[DnsLabel, VolumeClaim] = {}
    """Storage that each pod has to itself and keeps, by name; Kubernetes allows no change."""
    persistent_volume_claim_retention_policy: ClaimRetention = ClaimRetention()
    """What becomes of that storage."""
    fs_group: UserId = 1000
    """The group that may write to it."""
    update_strategy: Annotated[UpdateStrategy, OneOf(UpdateStrategy)] = UpdateStrategy.ROLLING_UPDATE
    """RollingUpdate: pods are replaced one by one. OnDelete: each when somebody deletes it."""
    pod_management_policy: Annotated[PodManagement, OneOf(PodManagement)] = PodManagement.ORDERED_READY
    """OrderedReady: a pod starts when the one before is ready. Parallel: all at once. Kubernetes allows no change."""

    @property
    def canary_pod(self) -> Self:
        """The app as the canary's pods have it."""
        return self.overlaid(self.canary)


class DaemonApp(AppKeys):
    """A DaemonSet: one pod on every node."""

    tag: Tag | None = None
    """What it runs."""
    update_strategy: Annotated[UpdateStrategy, OneOf(UpdateStrategy)] = UpdateStrategy.ROLLING_UPDATE
    """RollingUpdate: pods are replaced by themselves. OnDelete: each when somebody deletes it."""
    max_surge: Share = 0
    """On how many nodes the new pod comes before the old one ends: a number, or a percentage, rounded up."""
    max_unavailable: Share = 1
    """How many nodes a rollout may leave without a pod: a number, or a percentage, rounded up; 0 with a `maxSurge`."""


Workload: TypeAlias = RollingApp | StatefulApp | DaemonApp
"""An app of one version, which Kubernetes itself replaces pod by pod."""

KEYS: Mapping[Component, type[App | Workload]] = {
    Component.BLUE_GREEN: App,
    Component.CANARY: App,
    Component.ROLLING: RollingApp,
    Component.STATEFUL: StatefulApp,
    Component.DAEMON: DaemonApp,
}
"""The keys of each component."""


class ByComponent:
    """Reads an app by the keys that its `component` has; stands in `Annotated[…]`."""

    def __get_pydantic_core_schema__(self, *_: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda value: keys_of(value).model_validate(value))


def keys_of(app: Any) -> type[App | Workload]:
    """Return the keys of an app's component as it is written, or of the one that it is nearest to."""
    said = app.get("component") if isinstance(app, dict) else None
    return KEYS.get(OneOf(Component).suggest(said), App)  # type: ignore[call-overload, no-any-return]


class Settings(WorkloadPosition, PositionKeys):
    """The stack's configuration."""

    namespace: DnsLabel | None = None
    """The namespace of all apps; default `<project>-<stack>`, so that no two stacks share one."""
    create_namespace: Bool = True
    """Whether the program makes the namespace; false if it is there already."""
    pod_security: Annotated[PodSecurity, OneOf(PodSecurity)] = PodSecurity.RESTRICTED
    """The Pod Security level that a namespace made by the program enforces."""
    active_color: ColorName = Color.BLUE
    """Which color is live."""
    canary_replicas: Natural = 0
    """How many pods of the other color also take live traffic (CanaryApp)."""
    image_tag: Tags | None = None
    """What each color runs: a map with a tag for blue and a tag for green."""
    canary_weight: Percent = 0
    """The other color's share in percent, where a router splits by weight."""
    tag: Tag | None = None
    """What apps of one version run (RollingApp, StatefulApp, DaemonApp)."""
    paused: Bool = False
    """Whether rollouts stand still, at the pods that they have come to (RollingApp)."""
    described: Annotated[dict[AppName, Annotated[App | Workload, ByComponent()]], Field(alias="apps")] = {}
    """The apps by name."""
    release: dict[DnsLabel, AnyText] = {}
    """What the release driver is in the middle of, as it noted it; `up` takes no notice of it."""

    @property
    def apps(self) -> dict[str, App]:
        """The apps of two colors."""
        return {name: app for name, app in self.described.items() if isinstance(app, App)}

    @property
    def workloads(self) -> dict[str, Workload]:
        """The apps of one version."""
        return {name: app for name, app in self.described.items() if not isinstance(app, App)}


def keys_at(path: Path, values: Mapping[str, Any]) -> type[Keys]:
    """Return the keys that may stand at `path` of `values`, which must be one where keys stand."""
    kind: Any = Settings
    for part in path:
        if isinstance(kind, type) and issubclass(kind, Keys):
            field = next(field for field in kind.model_fields.values() if field.alias == part)
            kind, *_ = get_args(field.annotation) if field.default is None else (field.annotation,)
        else:
            kind = get_args(kind)[-1]
            if any(isinstance(rule, ByComponent) for rule in get_args(kind)):
                kind = keys_of(values["apps"][part])
    keys: type[Keys] = kind
    return keys
