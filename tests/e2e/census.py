"""How many pods an app has, and how many of them are ready and of which tag, at every moment of a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lightkube.resources.core_v1 import Pod

from bench.watch import Watch, ready_pods, tag
from tests.e2e.stacks import Stack, kubeconfig


def census(stack: Stack, app: str) -> Watch[Pod]:
    """Watch an app's pods: `pods` are all that are not ending, `ready` those that are ready, and each tag's ready."""
    return Watch(kubeconfig(), Pod, stack.namespace, {"app": app}, _count)


def _count(pods: Iterable[Pod]) -> Counter[str]:
    there = [pod for pod in pods if not (pod.metadata and pod.metadata.deletionTimestamp)]
    ready = ready_pods(there, by=tag)
    return ready + Counter(pods=len(there), ready=ready.total())
