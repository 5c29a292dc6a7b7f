"""What a component tells of itself as attributes, under the names of its `outputs`: programs in any language find it.

They are known once all is done and checked, so that who waits for them waits for the release. Pulumi reads the types as
they are at run time, and knows no unions but with None.
"""

from collections.abc import Mapping
from typing import Optional

from pulumi import Output


class AppOutputs:
    """Of an app of two colors: the position that the last move wrote."""

    active_color: Output[str]
    image_tag: Output[Mapping[str, str]]
    other_share: Output[str]
    url: Output[str]
    preview_url: Output[str]


class WorkloadOutputs:
    """Of an app of one version: what its controller was written with."""

    tag: Output[str]
    image: Output[str]
    revision: Output[str]
    url: Output[str]


class RollingOutputs(WorkloadOutputs):
    """Of a RollingApp."""

    replicas: Output[int]
    paused: Output[bool]


class StatefulOutputs(WorkloadOutputs):
    """Of a StatefulApp."""

    replicas: Output[int]
    canary_tag: Output[Optional[str]]  # noqa: UP045  # what Pulumi reads
    partition: Output[int]
