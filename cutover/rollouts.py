"""What the next `up` means for apps of one version, whose pods Kubernetes replaces by itself.

How it replaces them is told by the program, in the phase `roll`; the steps tell what there is before and after.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from components.guards import changed_paths
from components.plan import CANARY_TAG, TAG, Component, Manifest
from components.schema import Retention, Strategy, UpdateStrategy
from cutover.dangers import Danger
from cutover.previews import Object, Op, Phase, annotations_of, at

COMPONENTS = frozenset({Component.ROLLING, Component.STATEFUL, Component.DAEMON})
KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
PAUSED = "paused"


class Version(msgspec.Struct, frozen=True):
    """What a controller is to keep, at one time.

    `replicas` is None where every node has a pod, and with an autoscaler the fewest, up to `most`. `canaries` of them,
    from the highest ordinal down, run `canary_tag`. `strategy` is `paused`, or how pods are replaced in Kubernetes'
    word; `surge` of them may be there beyond `replicas` meanwhile.
    """

    tag: str
    replicas: int | None
    most: int | None = None
    canary_tag: str | None = None
    canaries: int = 0
    strategy: str = ""
    surge: int = 0

    @property
    def count(self) -> str:
        if self.replicas is None:
            return "one per node"
        return f"{self.replicas}-{self.most}" if self.most else str(self.replicas)

    @property
    def ordinals(self) -> str:
        """Those of the canary; "" where there is none."""
        first, last = (self.replicas or 0) - self.canaries, (self.replicas or 0) - 1
        return "" if self.canary_tag is None else str(last) if first == last else f"{first}-{last}"

    @property
    def canary(self) -> str:
        """The canary in few words; "" where there is none."""
        return f"{self.canary_tag} on ordinal{'s' * (self.canaries > 1)} {self.ordinals}" if self.canary_tag else ""

    @property
    def is_still(self) -> bool:
        """Whether no pod is replaced by itself."""
        return self.strategy in {PAUSED, UpdateStrategy.ON_DELETE}

    def __str__(self) -> str:
        if self.replicas is None:
            return f"a pod of {self.tag} on every node"
        return f"{self.count} pod{'' if self.count == '1' else 's'} of {self.tag}"


class WorkloadChange(msgspec.Struct, frozen=True):
    """An app of one version before and after; `before` is None for a new one and `after` for one that goes.

    `kind` is that of its controller and `op` what happens to it. `template` are the paths at which the pod template
    changes.
    """

    name: str
    component: str
    kind: str
    op: Op
    before: Version | None
    after: Version | None
    template: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """What happens to the app, in one sentence."""
        before, after = self.before, self.after
        if after is None:
            return "is removed"
        if before is None:
            return "; ".join(["is made, with " + str(after), *_canary(None, after)])
        told = [f"{after.tag} replaces {before.tag}"] if after.tag != before.tag else []
        told += _canary(before, after)
        if self.template and not told:
            told = [f"its pods are replaced, and stay at {after.tag}"]
        if before.strategy != after.strategy and PAUSED in {before.strategy, after.strategy}:
            told.append("its rollout is paused" if after.strategy == PAUSED else "its rollout goes on")
        told += _resized(before, after)
        return "; ".join(
            told or [f"stays on {after.tag}" + (f", with a canary of {after.canary}" if after.canary else "")]
        )

    @property
    def stays(self) -> bool:
        """Whether all of it stays as it is."""
        return self.before == self.after and not self.template

    @property
    def pods(self) -> tuple[int, int, int]:
        """How many there are now, at most meanwhile, and afterwards; of what every node has nobody knows."""
        now, then = ((side and side.replicas) or 0 for side in (self.before, self.after))
        return now, max(now, then + self._surge), then

    @property
    def _surge(self) -> int:
        before, after = self.before, self.after
        if before is None or after is None or after.is_still:
            return 0
        return after.surge if self.template or before.strategy == PAUSED else 0


def read(name: str, objects: Sequence[Object]) -> WorkloadChange | None:
    """Read what becomes of an app of one version from its objects; None where the preview tells nothing of it."""
    found = controller(objects)
    if found is None:
        return None
    before, after = (_version(item, objects, age) for item, age in ((found.old, "old"), (found.new, "new")))
    paths: set[str] = set()
    if before and after:
        paths = set(changed_paths(at(found.old, "spec", "template"), at(found.new, "spec", "template")))
    return WorkloadChange(name, found.component, found.kind, found.op, before, after, tuple(sorted(paths)))


def controller(objects: Sequence[Object]) -> Object | None:
    """The object that keeps the pods."""
    return next((each for each in objects if each.kind in KINDS), None)


def happens(change: WorkloadChange) -> Iterator[tuple[Phase, str]]:
    """What the steps do to the pods, beside what the program says of how they are replaced."""
    before, after = change.before, change.after
    if after is None:
        yield Phase.REMOVE, f"{change.kind} {change.name} goes" + (f", with {before}" if before else "")
    elif before is None:
        yield Phase.ROLL, str(after)
    elif change.op is Op.REPLACE:
        yield Phase.ROLL, f"{change.kind} {change.name} is made anew: {after}"
    else:
        for text in _resized(before, after):
            yield Phase.ROLL, text


def dangers(change: WorkloadChange, objects: Sequence[Object]) -> Iterator[tuple[Danger, str]]:
    """Reasons to look twice."""
    for each in sorted(objects, key=lambda each: each.kind not in KINDS):
        carries = each.kind in KINDS or (each.kind == "Service" and each.name == change.name)
        if carries and each.op in {Op.REPLACE, Op.DELETE}:
            yield _gone(each)
    before, after = change.before, change.after
    if before is None or after is None:
        return
    written = controller(objects)
    if written and before.replicas and after.replicas is not None and after.replicas < before.replicas:
        lost = before.replicas - after.replicas
        if _claims(written.new) and _retention(written.new, "whenScaled") == Retention.DELETE:
            yield (
                Danger.DELETED,
                f"the storage of {lost} pod{'s' * (lost > 1)} is deleted with {'them' if lost > 1 else 'it'}",
            )
    if change.template and after.strategy == Strategy.RECREATE and before.replicas:
        yield Danger.GAP, f"all pods of {before.tag} end before those of {after.tag} start: nobody answers meanwhile"


def _gone(item: Object) -> tuple[Danger, str]:
    danger = Danger.REPLACED if item.op is Op.REPLACE else Danger.DELETED
    text = f"{item.kind} {item.name} is {danger}"
    if item.kind in KINDS:
        text += ": its pods end before others are" if danger is Danger.REPLACED else ", with its pods"
    if _claims(item.old):
        goes = _retention(item.old, "whenDeleted") == Retention.DELETE
        text += "; their storage is deleted with it" if goes else "; their storage stays"
    return danger, text


def _claims(item: Manifest) -> Any:
    return at(item, "spec", "volumeClaimTemplates")


def _retention(item: Manifest, when: str) -> Any:
    return at(item, "spec", "persistentVolumeClaimRetentionPolicy", when)


def _canary(before: Version | None, after: Version) -> list[str]:
    was, now = (before and before.canary) or "", after.canary
    if was == now:
        return []
    if now:
        return [f"a canary of {now}" + (f", after {was}" if was else "")]
    return [] if before and before.canary_tag == after.tag else [f"the canary of {before and before.canary_tag} goes"]


def _resized(before: Version, after: Version) -> list[str]:
    if before.count == after.count:
        return []
    return [f"{after.count} pod{'' if after.count == '1' else 's'}, after {before.count}"]


def _version(item: Manifest, objects: Sequence[Object], age: str) -> Version | None:
    """What a controller says; None where there is none."""
    if not item:
        return None
    notes, size = annotations_of(item), at(item, "spec", "replicas")
    replicas = None if item.get("kind") == "DaemonSet" else int(size) if isinstance(size, int | float) else 1
    scalers = (getattr(each, age).get("spec") for each in objects if each.kind == "HorizontalPodAutoscaler")
    limits: Manifest = next(filter(None, scalers), {})
    update = at(item, "spec", "strategy") or at(item, "spec", "updateStrategy")
    partition = at(update, "rollingUpdate", "partition")
    return Version(
        tag=notes.get(TAG, ""),
        replicas=replicas,
        most=int(limits["maxReplicas"]) if limits else None,
        canary_tag=notes.get(CANARY_TAG),
        canaries=replicas - int(partition) if CANARY_TAG in notes and replicas and partition else 0,
        strategy=PAUSED if at(item, "spec", "paused") else at(update, "type") or "",
        surge=_surge(at(update, "rollingUpdate", "maxSurge"), replicas or 0),
    )


def _surge(said: Any, replicas: int) -> int:
    """How many pods a rollout may have beyond `replicas`: a number, or a percentage of them, rounded up."""
    if isinstance(said, str) and said.endswith("%"):
        return math.ceil(replicas * int(said[:-1]) / 100)
    return int(said or 0)
