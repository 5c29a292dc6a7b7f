"""The keys of a gate, their types, defaults and limits; docs/configuration.md is made from the text under each."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from components.grammar import (
    AnyText,
    Bool,
    DnsLabel,
    EnvName,
    FullImage,
    HeaderName,
    HeaderValue,
    Natural,
    ObjectName,
    OneOf,
    Pattern,
    Port,
    Positive,
    RealNumber,
    StatusCode,
    Url,
    UrlPath,
    UserId,
)
from components.keys import Choice, Keys
from components.native import EnvFrom, EnvValue


class Via(StrEnum):
    PROXY = "proxy"
    PORT_FORWARD = "portforward"
    JOB = "job"


class OnEmpty(StrEnum):
    FAIL = "fail"
    PASS = "pass"  # noqa: S105  # the word, not a password
    INCONCLUSIVE = "inconclusive"


class Side(StrEnum):
    STABLE = "stable"
    BASELINE = "baseline"


class Smoke(Keys):
    """Requests to the color through its own Service, one after the other."""

    path: UrlPath
    """GET this path."""
    via: Annotated[Via, OneOf(Via)] = Via.PROXY
    """The way there. proxy: the API server's service proxy; portforward: to its pods in turn; job: a Job with curl."""
    image: FullImage | None = None
    """The image with curl as its entry point, for `via: job`."""
    headers: dict[HeaderName, HeaderValue] = {}
    """Headers to send."""
    status: StatusCode = 200
    """The status to expect."""
    body: Pattern | None = None
    """A regular expression that the body must contain."""
    count: Positive = 1
    """How many requests."""
    allowed_failures: Natural = 0
    """How many of them may fail."""
    timeout_seconds: Positive = 5
    """Seconds for one answer."""
    deadline_seconds: Positive = 60
    """Seconds for all of them."""


class Load(Keys):
    """Requests that give the metrics something to judge; their answers are counted, and judged by the metrics."""

    path: UrlPath
    """GET this path."""
    via: Annotated[Via, OneOf(Via)] = Via.PROXY
    """The way there: proxy or portforward."""
    headers: dict[HeaderName, HeaderValue] = {}
    """Headers to send."""
    rate: Positive = 10
    """Requests per second."""
    seconds: Positive = 30
    """For how long."""


class TestJob(Keys):
    """A Job in the cluster that tests the color; status 0 passes. `COLOR_URL` in its environment is where to ask."""

    __test__ = False  # pytest: this is no test

    image: FullImage
    """Its image, with the tag."""
    command: list[AnyText] = []
    """Instead of the image's entry point."""
    args: list[AnyText] = []
    """Instead of the image's arguments."""
    env: dict[EnvName, EnvValue] = {}
    """Environment variables, as an app's `env`."""
    env_from: list[EnvFrom] = []
    """Secrets and ConfigMaps whose keys become variables, as Kubernetes writes them."""
    service_account: ObjectName | None = None
    """Its account; without one it gets no token for the API server."""
    run_as_user: UserId | None = None
    """The user it runs as; default the image's, which must be a number other than 0."""
    deadline_seconds: Positive = 300
    """Seconds until it must have ended."""


class Prometheus(Choice):
    """Where the metrics are: one of `url` and `service`."""

    url: Url | None = None
    """Its URL, as this machine reaches it."""
    service: ObjectName | None = None
    """A Service in the cluster, asked through the API server."""
    namespace: DnsLabel | None = None
    """The namespace of `service`; default the apps'."""
    port: Port = 9090
    """The port of `service`."""
    headers: dict[HeaderName, HeaderValue] = {}
    """Headers to send to `url`, such as Authorization; set them with `--secret`."""


class Metric(Keys):
    """A PromQL query and the bounds of its value, or of its ratio to the same query's value on another side.

    In `query`, `{{app}}`, `{{namespace}}`, `{{color}}` (the one that is judged), `{{live}}` (the other one) and
    `{{window}}` (the time since the gate's first request, such as 45s) are filled in. With `against` it is asked twice
    at the same instant, the second time with the side's own color as `{{color}}`. All bounds that are given must hold.
    """

    query: AnyText
    """The query; its answer must be a single value."""
    min: RealNumber | None = None
    """The least value that passes."""
    max: RealNumber | None = None
    """The greatest value that passes."""
    against: Annotated[Side, OneOf(Side)] | None = None
    """What it is compared with: stable (the live color) or baseline (as many pods as the canary; needs `baseline`)."""
    min_ratio: RealNumber | None = None
    """The least multiple of that side's value that passes."""
    max_ratio: RealNumber | None = None
    """The greatest multiple of that side's value that passes."""
    tolerance: RealNumber = 0.0
    """A difference from that side's value that passes whatever the ratio is: tiny values have wild ratios."""
    count: Positive = 1
    """How many times it is measured."""
    interval_seconds: Positive = 10
    """Seconds from one measurement to the next."""
    initial_delay_seconds: Natural = 0
    """Seconds before the first one, for Prometheus to have seen the requests."""
    failure_limit: Natural = 0
    """How many measurements may be out of bounds."""
    on_empty: Annotated[OnEmpty, OneOf(OnEmpty)] = OnEmpty.INCONCLUSIVE
    """What an answer without a value, or NaN, on either side means: fail, pass or inconclusive."""
    dry_run: Bool = False
    """Whether its verdict is only told."""


class CanaryGate(Keys):
    """What the pods of a StatefulApp's canary must answer before any other pod becomes like them."""

    smoke: dict[DnsLabel, Smoke]
    """Requests to those pods in turn, by name; `via` is proxy or portforward."""


class Gate(Keys):
    """What the other color must pass before it takes traffic, in this order."""

    smoke: dict[DnsLabel, Smoke] = {}
    """Smoke tests by name."""
    load: Load | None = None
    """Requests for the metrics to judge."""
    job: TestJob | None = None
    """A Job that tests the color."""
    prometheus: Prometheus | None = None
    """Where the metrics are."""
    metrics: dict[DnsLabel, Metric] = {}
    """Metrics by name, measured side by side."""


class Migration(Keys):
    """A Job of the app's image that runs before a color grows, once for every tag: the schema expands first."""

    command: list[AnyText] = []
    """Instead of the image's entry point."""
    args: list[AnyText] = []
    """Instead of the image's arguments."""
    retries: Natural = 0
    """How many more pods may try when one fails."""
    deadline_seconds: Positive = 600
    """Seconds until it must have ended."""
