"""The provider's configuration, and the kubeconfig that it names.

Keys and precedence are those of pulumi-kubernetes: provider argument, then PULUMI_K8S_* variable, then default; for
the kubeconfig the argument (a path or the contents), then KUBECONFIG, then ~/.kube/config, then the pod's own account.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from lightkube import ConfigError, KubeConfig, SingleConfig

from engine.provider import Diff, DiffKind, PropertyDiff, ProviderError
from engine.values import UNKNOWN, Properties, reveal

SWITCHES: Final = {
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
}
"""On/off keys and the variable that stands in for each."""

PLACES: Final = {"kubeconfig", "context", "cluster", "namespace"}
WITHOUT_EFFECT: Final = {
    "version", "pluginDownloadURL", "__internal",  # the engine's own
    "clusterIdentifier",  # matters to `diff_config` only
    "kubeClientSettings", "suppressDeprecationWarnings", "suppressHelmHookWarnings",
    "helmReleaseSettings",  # no Helm release gets past check
}  # fmt: skip
ONLY_DEFAULT: Final = {
    "enableServerSideApply": "true",
    "deleteUnreachable": "false",
    "skipUpdateUnreachable": "false",
    "alwaysRender": "false",
    "strictMode": "false",
}
"""Keys that are refused with any other value."""
REFUSED_VARIABLES: Final = {
    "PULUMI_K8S_AWAIT_ALL": "true",
    "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY": "false",
    "PULUMI_K8S_DELETE_UNREACHABLE": "true",
    "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE": "true",
}
"""Variables and the value that asks for something the embedded engine does not do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A provider's configuration; `namespace` is where objects without one go."""

    connection: SingleConfig
    namespace: str
    enable_patch_force: bool
    upsert_existing_objects: bool
    enable_config_map_mutable: bool
    enable_secret_mutable: bool

    @classmethod
    def read(cls, inputs: Properties) -> Settings:
        """Read the inputs of a provider resource (all strings) and the environment.

        Raises:
            ProviderError: a key is refused or a value is not known, or the kubeconfig cannot be used.
        """
        inputs = reveal(inputs)
        _refuse(inputs)
        connection = _connection(inputs)
        switches = {key: _is_on(inputs, key, variable) for key, variable in SWITCHES.items()}
        return cls(
            connection,
            namespace=inputs.get("namespace") or connection.namespace,
            enable_patch_force=switches["enablePatchForce"],
            upsert_existing_objects=switches["upsertExistingObjects"],
            enable_config_map_mutable=switches["enableConfigMapMutable"],
            enable_secret_mutable=switches["enableSecretMutable"],
        )


def _refuse(inputs: Properties) -> None:
    for key, value in inputs.items():
        if value is UNKNOWN:
            raise ProviderError(
                f"kubernetes provider: {key} is not known before `up` has run; the embedded engine needs it earlier. "
                "Give it a fixed value, or use the Pulumi CLI"
            )
        if value in (None, "") or key in SWITCHES or key in PLACES or key in WITHOUT_EFFECT:
            continue
        if ONLY_DEFAULT.get(key) != value:
            raise ProviderError(
                f"kubernetes provider: {key} = {value!r} is not supported by the embedded engine; "
                "remove it, or use the Pulumi CLI"
            )
    for variable, value in REFUSED_VARIABLES.items():
        if os.environ.get(variable) == value:
            raise ProviderError(
                f"{variable}={value} is not supported by the embedded engine; unset it, or use the Pulumi CLI"
            )


def _is_on(inputs: Properties, key: str, variable: str) -> bool:
    return bool((inputs[key] if key in inputs else os.environ.get(variable)) == "true")


def _connection(inputs: Properties) -> SingleConfig:
    try:
        config = _kubeconfig(inputs)
        found = config.get(inputs.get("context") or None)
        assert found is not None  # noqa: S101 - lightkube raises; it returns None only together with a default
        if inputs.get("cluster"):
            found = found._replace(cluster=config.clusters[inputs["cluster"]])
    except KeyError as error:
        raise ProviderError(f"the kubeconfig has no {error}") from error
    except (ConfigError, OSError, TypeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ProviderError(
            f"unable to load Kubernetes client configuration from kubeconfig file: {error}. "
            "Name a file in `kubernetes:kubeconfig` or KUBECONFIG and a context in `kubernetes:context`"
        ) from error
    return found


def _kubeconfig(inputs: Properties) -> KubeConfig:
    if inputs.get("kubeconfig"):
        return _parse(inputs["kubeconfig"])
    files = [Path(file).expanduser() for file in os.environ.get("KUBECONFIG", "").split(os.pathsep) if file]
    home = Path("~/.kube/config").expanduser()
    if not files and not home.is_file():
        return KubeConfig.from_service_account()
    wanted = inputs.get("context")
    configs = [KubeConfig.from_file(file) for file in files or [home] if file.is_file() or len(files) < 2]
    return next((config for config in configs if (wanted or config.current_context) in config.contexts), configs[0])


def _parse(path_or_contents: str) -> KubeConfig:
    if "\n" not in path_or_contents and not path_or_contents.lstrip().startswith("{"):
        return KubeConfig.from_file(path_or_contents)
    contents = yaml.safe_load(path_or_contents)
    if not isinstance(contents, dict) or not {"clusters", "contexts"} <= contents.keys():
        raise ConfigError("`kubernetes:kubeconfig` is neither the path of a file nor a kubeconfig's contents")
    return KubeConfig.from_dict(contents)


def compare(old: Properties, new: Properties) -> Diff:
    """Compare two configurations of a provider resource.

    It is another cluster (and everything in it is replaced) when the entry of the active cluster in the kubeconfig
    changed, or the `clusterIdentifier`; while that identifier stays the same nothing is ever replaced.
    """
    old, new = reveal(old), reveal(new)
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    identifier = "clusterIdentifier"
    replaces = [identifier] if identifier in changed and identifier in old and identifier in new else []
    before, after = _active_cluster(old), _active_cluster(new)
    if before is not None and after is not None and before != after:
        replaces += [key for key in ("kubeconfig", "context", "cluster") if key in changed]
    if new.get(identifier) and identifier not in changed:
        replaces = []
    kinds = {key: DiffKind.UPDATE_REPLACE if key in replaces else DiffKind.UPDATE for key in changed}
    return Diff({key: PropertyDiff(kind) for key, kind in kinds.items()}, replaces)


def _active_cluster(inputs: Properties) -> Any:
    """Return the cluster entry that a given kubeconfig selects, or None where there is nothing to compare."""
    if not isinstance(inputs.get("kubeconfig"), str) or not inputs["kubeconfig"]:
        return None
    try:
        return _connection(inputs).cluster
    except ProviderError:  # the file of an earlier run may be gone
        return None
