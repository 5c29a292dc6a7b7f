"""The arguments of a component in someone's own program: the keys of `apps.<name>` in a stack's configuration.

docs/configuration.md says what each means. Where a value is a `pulumi.Input`, an Output may stand for it; what decides
which objects there are, and in which order they change, must be known while the program runs.

Pulumi reads these types as they are at run time, for programs in other languages, and knows no unions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Required, TypeAlias, TypedDict

from pulumi import Input

from components.color import Color
from components.schema import PodManagement, PullPolicy, ServiceType, Strategy, UpdateStrategy


class TagsArgs(TypedDict):
    """What each color runs."""

    blue: str
    green: str


class ExposeArgs(TypedDict, total=False):
    """How the live Service is reached."""

    type: ServiceType
    port: int
    nodePort: int
    appProtocol: str
    annotations: Mapping[str, Input[str]]


class AutoscalingArgs(TypedDict):
    """Bounds and aims of a HorizontalPodAutoscaler for each color."""

    minReplicas: int
    maxReplicas: int
    cpuUtilization: NotRequired[int]
    metrics: NotRequired[Sequence[Mapping[str, Any]]]
    behavior: NotRequired[Mapping[str, Any]]


class PodArgs(TypedDict, total=False):
    """What ends in the pod template; all of it may also stand under `colors`, per color."""

    image: Input[str]
    imagePullPolicy: PullPolicy
    imagePullSecrets: Sequence[Input[str]]
    command: Sequence[Input[str]]
    args: Sequence[Input[str]]
    port: int
    probePort: int
    probes: Mapping[str, Any]
    env: Mapping[str, Input[Any]]
    """Texts, or sources of them as in `{"secretKeyRef": {…}}`."""
    envFrom: Sequence[Mapping[str, Any]]
    config: Mapping[str, Any]
    volumes: Mapping[str, Mapping[str, Any]]
    initContainers: Sequence[Mapping[str, Any]]
    sidecars: Sequence[Mapping[str, Any]]
    serviceAccount: Input[str]
    resources: Mapping[str, Mapping[str, str]]
    runAsUser: int
    readOnlyRootFilesystem: bool
    terminationGracePeriodSeconds: int
    preStop: Mapping[str, Any]
    podAnnotations: Mapping[str, Input[str]]
    podLabels: Mapping[str, str]
    nodeSelector: Mapping[str, str]
    tolerations: Sequence[Mapping[str, Any]]
    topologySpread: Sequence[Mapping[str, Any]]
    podTemplate: Mapping[str, Any]


class ColorsArgs(TypedDict, total=False):
    """Keys that only one color has."""

    blue: PodArgs
    green: PodArgs


class AnyAppArgs(PodArgs, total=False):
    """What every app says. `image` is required, too."""

    expose: ExposeArgs
    minReadySeconds: int
    progressDeadlineSeconds: int
    revisionHistoryLimit: int
    migration: Mapping[str, Any]
    namespace: str
    """The namespace, which must be there; default the provider's."""
    kubeconfig: str
    """Path or contents of the kubeconfig that the provider uses; default `kubernetes:kubeconfig`."""
    context: str
    """Its context; default `kubernetes:context`."""


class AppArgs(AnyAppArgs, total=False):
    """One app of two colors, and where its release stands."""

    imageTag: Required[TagsArgs]
    activeColor: Color
    idleReplicas: int
    replicas: int
    autoscaling: AutoscalingArgs
    router: Mapping[str, Any]
    drainSeconds: int
    recycle: bool
    gate: Mapping[str, Any]
    baseline: bool
    inPlace: str
    force: str
    colors: ColorsArgs


class CanaryAppArgs(AppArgs, total=False):
    """One app that can give the other color a part of its traffic."""

    canaryReplicas: int
    canaryWeight: int


class RollingAppArgs(AnyAppArgs, total=False):
    """One app of one version, which a Deployment keeps."""

    tag: Required[str]
    paused: bool
    replicas: int
    autoscaling: AutoscalingArgs
    strategy: Strategy
    maxSurge: Any
    """A number, or a percentage."""
    maxUnavailable: Any
    """A number, or a percentage."""


class CanaryArgs(PodArgs, total=False):
    """What the pods of a StatefulApp's canary have instead of the app's own."""

    tag: str


class StatefulAppArgs(AnyAppArgs, total=False):
    """One app of one version, whose pods have names and storage of their own."""

    tag: Required[str]
    canary: CanaryArgs
    gate: Mapping[str, Any]
    canaryReplicas: int
    replicas: int
    volumeClaimTemplates: Mapping[str, Mapping[str, Any]]
    persistentVolumeClaimRetentionPolicy: Mapping[str, str]
    fsGroup: int
    updateStrategy: UpdateStrategy
    podManagementPolicy: PodManagement


class DaemonAppArgs(AnyAppArgs, total=False):
    """One app of one version, with a pod on every node."""

    tag: Required[str]
    updateStrategy: UpdateStrategy
    maxSurge: Any
    """A number, or a percentage."""
    maxUnavailable: Any
    """A number, or a percentage."""


WorkloadArgs: TypeAlias = RollingAppArgs | StatefulAppArgs | DaemonAppArgs
