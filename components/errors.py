"""What can go wrong in a release.

    CutoverError
    ├── ConfigError                  the stack's configuration, all its problems at once; nothing was touched
    ├── ContextError                 the stack names no cluster that can be found
    ├── ClusterUnreachableError      the API server stayed away
    ├── WrongClusterError            Pulumi writes to one cluster, the checks read another
    ├── RefusedError                 the change would hurt; nothing was touched
    │   ├── LiveColorChangedError    the live color's pods would change in place
    │   ├── LeftOverCanaryError      the active color would change under a running canary
    │   ├── CanaryChangedError       a canary's pods would change under a share that is another version's
    │   ├── NamespaceLostError       the namespace would go, with all that is in it
    │   ├── ClaimsChangedError       a StatefulSet would change in what Kubernetes never changes
    │   ├── CanaryBaseError          pods beside a StatefulApp's canary would not be what the configuration says
    │   ├── NotOursError             an object of that name is there, and is somebody else's
    │   └── NotAsItIsError           a Service that is taken over would be exposed in another way
    └── StoppedError                 a check stopped the release; traffic is where it was
        ├── MigrationError           a migration did not end well, or the live color cannot live with it
        ├── NotReadyError            a color cannot become ready
        ├── RolloutStoppedError      pods of a new version cannot become ready; those of the old one serve on
        ├── ChangedByHandError       a controller has another template than the one that was written
        ├── CanaryFailedError        a StatefulApp's canary did not pass its gate
        ├── NoEndpointsError         a color has too few ready endpoints to take traffic
        ├── GateFailedError          a color did not pass its gate, now or the last time
        ├── GateInconclusiveError    a gate could not be asked, or had no answer
        ├── NotSeenError             traffic was not seen to have moved
        └── RouteNotTakenError       a router has not taken a route that was written

Every error carries its facts as attributes; its text names the object, the reason, the state and what to type next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.color import Color
from components.problems import Problem, shown

UNMOVED = "Traffic is where it was"
HALFWAY = "Both colors are at full size and take about half of the traffic each"
"""What a check that stopped a release says of the traffic; the second of a CanaryApp without a router."""


class CutoverError(Exception):
    """Anything that Cutover itself refuses or sees fail."""


class ConfigError(CutoverError):
    """The configuration cannot be used. `problems` are all of them, in the order of the keys."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        heading = f"{count} problem{'s' if count > 1 else ''} in the configuration; nothing was touched."
        return "\n".join([heading, *(f"  - {problem}" for problem in self.problems)])


class ContextError(CutoverError):
    """There is no such kubeconfig, or no such context in it."""

    def __init__(self, context: str, kubeconfig: str) -> None:
        self.context, self.kubeconfig = context, kubeconfig
        file = "the kubeconfig" if "\n" in kubeconfig else f"kubeconfig {kubeconfig}"
        what = f"{file} has no context {context!r}, or is not there" if context else "kubernetes:context is not set"
        super().__init__(
            f"The stack's cluster cannot be found: {what}. Nothing was touched. Name it:\n"
            "    pulumi config set kubernetes:context <context>\n"
            "    pulumi config set kubernetes:kubeconfig <path>      (default ~/.kube/config)"
        )


class ClusterUnreachableError(CutoverError):
    """The API server stayed away for `seconds`."""

    def __init__(self, context: str, seconds: float, cause: str) -> None:
        self.context, self.seconds, self.cause = context, seconds, cause
        super().__init__(
            f"The API server of context {context} did not answer for {seconds:.0f} s ({cause}). What was written stays "
            "as it is; every such state is safe. Once it answers, run `pulumi up` again."
        )


class WrongClusterError(CutoverError):
    """An object that Pulumi has in its state is another one, or none, where the checks look."""

    def __init__(self, name: str, context: str, *, expected: str, found: str | None) -> None:
        self.name, self.context, self.expected, self.found = name, context, expected, found
        there = f"has uid {found}" if found else "is not there"
        super().__init__(
            f"{name} has uid {expected} in Pulumi's state, but in context {context} it {there}: the provider and the "
            "checks look at different clusters, or somebody made the object anew. No traffic was moved. Compare "
            "`pulumi config get kubernetes:context` with the cluster you mean, then run `pulumi up --refresh`."
        )


class RefusedError(CutoverError):
    """The change would hurt; nothing was touched."""


class LiveColorChangedError(RefusedError):
    """The live color's pod template would change in place; `own_doing`: only because Cutover itself is newer."""

    def __init__(self, app: str, color: Color, tag: str, *, paths: Sequence[str], own_doing: bool) -> None:
        self.app, self.color, self.tag, self.paths, self.own_doing = app, color, tag, tuple(paths), own_doing
        cause = (
            "Its configuration is the same: this version of Cutover writes the template differently."
            if own_doing
            else "Release the change like a tag, on the other color first."
        )
        super().__init__(
            f"{app}-{color} is live, and its pod template would change in place ({', '.join(paths)}): its pods would "
            f"be rolled under traffic, with no check before and no way back. Nothing was touched. {cause}\n"
            f"To stage it: give imageTag.{color} (and what else changed) its old value again, then\n"
            f"    pulumi config set --path imageTag.{color.other} {tag} && pulumi up\n"
            f"    pulumi config set activeColor {color.other} && pulumi up\n"
            f"Settings other than the tag go under apps.{app}.colors.{color.other}. To change it in place, this once:\n"
            f"    pulumi config set --path apps.{app}.inPlace {tag} && pulumi up"
        )


class LeftOverCanaryError(RefusedError):
    """The live color would become a canary."""

    def __init__(self, app: str, color: Color, *, replicas: int, weight: int) -> None:
        self.app, self.color, self.replicas, self.weight = app, color, replicas, weight
        weightless = "pulumi config set canaryWeight 0 && " if weight else ""
        super().__init__(
            f"{app}: activeColor changes to {color} while canaryReplicas is {replicas}, which would shrink the live "
            "color to a canary at once. Nothing was touched. To promote the canary:\n"
            f"    pulumi config set activeColor {color} && {weightless}pulumi config set canaryReplicas 0 && pulumi up"
        )


class CanaryChangedError(RefusedError):
    """A canary's pod template would change while a route gives it a share (percent) that its gate gave another."""

    def __init__(self, app: str, color: Color, tag: str, *, weight: int, paths: Sequence[str]) -> None:
        self.app, self.color, self.tag, self.weight, self.paths = app, color, tag, weight, tuple(paths)
        super().__init__(
            f"{app}-{color} has {weight}% of the live traffic, and its pod template would change under it "
            f"({', '.join(paths)}): {tag} would have that share before its gate has judged it. Nothing was touched. "
            f"Drop the canary in the `up` that brings {tag}, and start it again:\n"
            "    pulumi config set canaryWeight 0 && pulumi config set canaryReplicas 0 && pulumi up\n"
            f"    pulumi config set canaryReplicas <number> && pulumi config set canaryWeight {weight} && pulumi up\n"
            "To give it the share all the same, this once:\n"
            f"    pulumi config set --path apps.{app}.force {tag} && pulumi up"
        )


class ClaimsChangedError(RefusedError):
    """A StatefulSet would change in what Kubernetes never changes; `changes` are fields: what was, what would be."""

    def __init__(self, app: str, namespace: str, changes: Mapping[str, tuple[Any, Any]]) -> None:
        self.app, self.namespace, self.changes = app, namespace, changes
        told = "; ".join(
            f"{field} {shown(was)} would become {shown(will_be)}" for field, (was, will_be) in changes.items()
        )
        super().__init__(
            f"StatefulSet {app} would change in what Kubernetes never changes: {told}. Nothing was touched; a replace "
            "would delete its pods. Give the configuration its old value again, or let the StatefulSet be made anew "
            "around its running pods, which keep their storage (storage that is there keeps its size and class, too):\n"
            f"    kubectl --namespace {namespace} delete statefulset {app} --cascade=orphan\n"
            "    pulumi up --refresh"
        )


class CanaryBaseError(RefusedError):
    """The pods beside a StatefulApp's canary run another template than the configuration says, and would keep it."""

    def __init__(self, app: str, tag: str, *, canary_replicas: int, found: str) -> None:
        self.app, self.tag, self.canary_replicas, self.found = app, tag, canary_replicas, found
        super().__init__(
            f"{app} is to have a canary beside pods of {tag}, but Kubernetes would keep those as they were before "
            f"({found}): it updates a StatefulSet's pods to one template, and what the others run is what all of them "
            "ran last. Nothing was touched. First let all pods be as the app's own keys say, then start the canary:\n"
            f"    pulumi config set --path apps.{app}.canaryReplicas 0 && pulumi up\n"
            f"    pulumi config set --path apps.{app}.canaryReplicas {canary_replicas} && pulumi up"
        )


class NotOursError(RefusedError):
    """An object is there already and lacks the labels of ours; `expected` and `found` are labels."""

    def __init__(
        self, kind: str, name: str, context: str, *, expected: Mapping[str, str], found: Mapping[str, str]
    ) -> None:
        self.kind, self.name, self.context, self.expected, self.found = kind, name, context, expected, found
        wanted = ", ".join(f"{key}={value}" for key, value in expected.items())
        there = ", ".join(f"{key}={found[key]}" for key in expected if key in found) or "none of these"
        match kind:
            case "Namespace":
                way_out = (
                    "If it is meant to be used as it is:\n    pulumi config set createNamespace false && pulumi up"
                )
            case "Service" if not expected.keys() & found.keys():
                way_out = (
                    "Give the app another name, or let it take the Service over: docs/migration.md has the way, of "
                    "which this is the step that allows it:\n"
                    f"    kubectl label service {name} {' '.join(f'{key}={value}' for key, value in expected.items())}"
                )
            case _:
                way_out = (
                    "Give the app another name, its old component back if that is what changed, or remove the object "
                    f"if nobody needs it (`kubectl delete {kind.lower()} {name}`), and run `pulumi up` again."
                )
        super().__init__(
            f"{kind} {name} is in context {context} already, but not as this stack's: its labels would be {wanted}, "
            f"and it has {there}. It was left as it is. {way_out}"
        )


class NotAsItIsError(RefusedError):
    """A Service that is to be taken over would change; `changes` are keys of `expose`: what is there, what would be."""

    def __init__(self, app: str, changes: Mapping[str, tuple[Any, Any]]) -> None:
        self.app, self.changes = app, changes
        told = ", ".join(f"{key} {was!r} would become {will_be!r}" for key, (was, will_be) in changes.items())
        keep = {key: f"rm --path apps.{app}.expose.{key}" for key in changes}
        keep |= {
            key: f"set --path apps.{app}.expose.{key} {was or repr('')}"
            for key, (was, _) in changes.items()
            if was is not None
        }
        super().__init__(
            f"Service {app} is to be taken over, and would be exposed in another way: {told}. Connections would be "
            "refused meanwhile. It was left as it is. To keep what it has:\n"
            + "\n".join(f"    pulumi config {command}" for command in keep.values())
        )


class NamespaceLostError(RefusedError):
    """The namespace that the stack made is not the one that it is to have."""

    def __init__(self, made: str, wanted: str) -> None:
        self.made, self.wanted = made, wanted
        change = (
            "`createNamespace: false` would give up the namespace"
            if made == wanted
            else f"`namespace: {wanted}` would leave the namespace {made}"
        )
        super().__init__(
            f"{change} that this stack made, and so delete it with all apps in it. Nothing was touched. To keep it:\n"
            f"    pulumi config set namespace {made} && pulumi config set createNamespace true\n"
            "To move elsewhere, make another stack there and direct users to it; `pulumi destroy` ends this one. If "
            f"it is not this stack's but another's of the same name: `kubectl label namespace {made} cutover/stack-`."
        )


class StoppedError(CutoverError):
    """A check stopped the release where it stood."""


class MigrationError(StoppedError):
    """Migration `job` did not end well, or after it the live color fails its smoke test; `reasons` are sentences."""

    def __init__(self, app: str, job: str, *, live: Color | None, reasons: Sequence[str]) -> None:
        self.app, self.job, self.live, self.reasons = app, job, live, tuple(reasons)
        what = (
            f"{live}, which is live, fails its smoke test after migration {job}" if live else f"{job} did not end well"
        )
        way = (
            "Undo what the migration did: it must leave the live version working (expand first, contract later)"
            if live
            else f"Put the cause right and let it run again: `kubectl delete job {job}`"
        )
        super().__init__(
            f"{app}: {what}: {_told(reasons)}Traffic is where it was, and no pod of the new version was started. "
            f"{way}, then run `pulumi up --refresh`."
        )


class GateFailedError(StoppedError):
    """A color did not pass its gate.

    `findings` are sentences; `at` is when it was judged, if not just now; `where` tells of the traffic.
    """

    def __init__(
        self,
        app: str,
        color: Color,
        tag: str,
        *,
        findings: Sequence[str],
        at: str | None = None,
        where: str = UNMOVED,
    ) -> None:
        self.app, self.color, self.tag, self.findings, self.at = app, color, tag, tuple(findings), at
        when = f" on {at}, and neither its pods nor the gate have changed since" if at else ""
        super().__init__(
            f"{app}: {color} ({tag}) did not pass its gate{when}: {_told(findings)}{where}, and {color} is "
            "not promoted as it is. Release another tag on it, or go back:\n"
            f"    pulumi config set activeColor {color.other} && pulumi up\n"
            "To promote it all the same, this once:\n"
            f"    pulumi config set --path apps.{app}.force {tag} && pulumi up"
        )


class GateInconclusiveError(StoppedError):
    """A gate could not be asked or had no answer, which is nobody's fault yet."""

    def __init__(self, app: str, color: Color, tag: str, *, findings: Sequence[str], where: str = UNMOVED) -> None:
        self.app, self.color, self.tag, self.findings = app, color, tag, tuple(findings)
        super().__init__(
            f"{app}: the gate of {color} ({tag}) came to no conclusion: {_told(findings)}{where}. "
            "`pulumi up` asks again. To promote it without an answer, this once:\n"
            f"    pulumi config set --path apps.{app}.force {tag} && pulumi up"
        )


class NotReadyError(StoppedError):
    """A color cannot become ready; `reasons` are sentences, each naming its object."""

    def __init__(self, app: str, name: str, *, ready: int, wanted: int, reasons: Sequence[str]) -> None:
        self.app, self.name, self.ready, self.wanted, self.reasons = app, name, ready, wanted, tuple(reasons)
        super().__init__(
            f"{name} has {ready} of {wanted} pods ready. {' '.join(reasons)} Traffic is where it was. Put the cause "
            "right, or the configuration back, and run `pulumi up` again."
        )


class RolloutStoppedError(StoppedError):
    """Pods of a version cannot become ready.

    `ready` and `wanted` count its pods; `serving` are the ready pods of all versions by tag; `reasons` are sentences;
    `way_back` is the command that sets the configuration back, "" where there is nothing to go back to.
    """

    def __init__(
        self,
        kind: str,
        app: str,
        tag: str,
        *,
        ready: int,
        wanted: int,
        serving: Mapping[str, int],
        reasons: Sequence[str],
        way_back: str,
    ) -> None:
        self.kind, self.app, self.tag, self.ready, self.wanted = kind, app, tag, ready, wanted
        self.serving, self.reasons, self.way_back = serving, tuple(reasons), way_back
        pods = ", ".join(f"{count} of {version}" for version, count in serving.items())
        state = f"Ready now: {pods}." if pods else "No pod is ready, so nobody serves."
        back = f" To go back:\n    {way_back} && pulumi up" if way_back else ""
        super().__init__(
            f"{kind} {app}: {ready} of {wanted} pods are ready as {tag} wants them. {' '.join(reasons)} {state} The "
            f"rollout was stopped where it stands. Put the cause right and run `pulumi up` again.{back}"
        )


class ChangedByHandError(StoppedError):
    """A controller has the template `found`, and not `expected`, which Pulumi takes for written: a hand changed it."""

    def __init__(self, kind: str, app: str, tag: str, *, expected: str, found: str) -> None:
        self.kind, self.app, self.tag, self.expected, self.found = kind, app, tag, expected, found
        super().__init__(
            f"{kind} {app} has the pod template {found or 'of somebody else'}, and not {expected} ({tag}), which Pulumi"
            " takes for written: somebody changed it, by `kubectl rollout undo` perhaps. Its pods were left as they "
            "are. To keep them so, give the configuration what they run; then, or to take the change back:\n"
            "    pulumi up --refresh"
        )


class CanaryFailedError(StoppedError):
    """A StatefulApp's canary did not pass its gate, or could not be asked; `findings` are sentences."""

    def __init__(self, app: str, tag: str, *, findings: Sequence[str]) -> None:
        self.app, self.tag, self.findings = app, tag, tuple(findings)
        super().__init__(
            f"{app}: the canary ({tag}) did not pass its gate: {_told(findings)}Its pods stay as they are, and no "
            "other becomes like them. `pulumi up` asks again. To drop it, with the app's own tag as it was:\n"
            f"    pulumi config set --path apps.{app}.canaryReplicas 0 && pulumi up"
        )


class NoEndpointsError(StoppedError):
    """A color's own Service has fewer ready endpoints than wanted."""

    def __init__(self, app: str, color: Color, *, ready: int, wanted: int) -> None:
        self.app, self.color, self.ready, self.wanted = app, color, ready, wanted
        super().__init__(
            f"{app}: Service {app}-{color} has {ready} ready endpoints and needs {wanted} before it takes traffic. "
            f"Traffic is where it was. See `kubectl get pods -l app={app},color={color}`, then run `pulumi up` again."
        )


class NotSeenError(StoppedError):
    """The live Service was written, but its endpoints still show something else than the active color."""

    def __init__(self, app: str, color: Color, *, found: str, seconds: float) -> None:
        self.app, self.color, self.found, self.seconds = app, color, found, seconds
        super().__init__(
            f"{app}: traffic was not seen on {color} alone within {seconds:.0f} s; the live Service's endpoints are "
            f"{found}. The other color is left whole. See `kubectl get endpointslices -l "
            f"kubernetes.io/service-name={app}`. If somebody moved it by hand, `pulumi up --refresh` takes it back and "
            f"`pulumi config set activeColor {color.other} && pulumi up` follows."
        )


class RouteNotTakenError(StoppedError):
    """A route was written, but its router does not act on it; `trouble` says why."""

    def __init__(self, app: str, kind: str, name: str, *, trouble: str, seconds: float) -> None:
        self.app, self.kind, self.name, self.trouble, self.seconds = app, kind, name, trouble, seconds
        super().__init__(
            f"{app}: {kind} {name} was written, and {seconds:.0f} s later it was not in effect: {trouble}. Until then "
            "traffic goes where it went before; both colors are left whole. Put right what it names, under "
            f"apps.{app}.router or in the cluster, then run `pulumi up` again."
        )


def _told(findings: Sequence[str]) -> str:
    """The findings as the middle of a text; after lines of a log that goes on on a line of its own."""
    text = "; ".join(findings).rstrip(".")
    return f"{text}\n" if "\n" in text else f"{text}. "
