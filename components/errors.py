"""What can go wrong in a release.

    CutoverError
    ├── ConfigError                  the stack's configuration, all its problems at once; nothing was touched
    ├── ContextError                 the stack names no cluster that can be found
    ├── ClusterUnreachableError      the API server stayed away
    ├── WrongClusterError            Pulumi writes to one cluster, the checks read another
    ├── RefusedError                 the change would hurt; nothing was touched
    │   ├── LiveColorChangedError    the live color's pods would change in place
    │   └── LeftOverCanaryError      the active color would change under a running canary
    └── StoppedError                 a check stopped the release; traffic is where it was
        ├── NotReadyError            a color cannot become ready
        ├── NoEndpointsError         a color has too few ready endpoints to take traffic
        └── NotSeenError             traffic was not seen to have moved

Every error carries its facts as attributes; its text names the object, the reason, the state and what to type next.
"""

from __future__ import annotations

from collections.abc import Sequence

from components.color import Color
from components.problems import Problem


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

    def __init__(self, app: str, color: Color, key: str, value: int) -> None:
        self.app, self.color, self.key, self.value = app, color, key, value
        super().__init__(
            f"{app}: activeColor changes to {color} while {key} is {value}, which would shrink the live color to a "
            "canary at once. Nothing was touched. To promote the canary:\n"
            f"    pulumi config set activeColor {color} && pulumi config set {key} 0 && pulumi up"
        )


class StoppedError(CutoverError):
    """A check stopped the release where it stood."""


class NotReadyError(StoppedError):
    """A color cannot become ready; `reasons` are sentences, each naming its object."""

    def __init__(self, app: str, name: str, *, ready: int, wanted: int, reasons: Sequence[str]) -> None:
        self.app, self.name, self.ready, self.wanted, self.reasons = app, name, ready, wanted, tuple(reasons)
        super().__init__(
            f"{name} has {ready} of {wanted} pods ready. {' '.join(reasons)} Traffic is where it was. Put the cause "
            "right, or the configuration back, and run `pulumi up` again."
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
