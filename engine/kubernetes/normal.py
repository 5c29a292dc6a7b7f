"""One form for inputs that mean the same, so that no difference is seen where the cluster sees none.

pulumi-kubernetes sends every built-in object through its Go type and back. What that does to an object is
reproduced here for what people write: quantities take their canonical form, empty lists and maps and the zero values
of fields without a pointer vanish, a Secret's `stringData` becomes `data`. Custom resources pass through untouched.
"""

from __future__ import annotations

import base64
import binascii
import re
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from engine.kubernetes.objects import Object, dig, group_of, kind_of, remove
from engine.values import Unknown, contains

READ_ONLY: Final = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
    "resourceVersion", "uid",
)  # fmt: skip
"""Metadata that only the server writes."""

PLAIN_GROUPS: Final = {"", "core", "apps", "autoscaling", "batch", "extensions", "policy"}
"""Built-in API groups without a dot; the others end in `.k8s.io`."""
CUSTOM_GROUPS: Final = {
    "gateway.networking.k8s.io", "snapshot.storage.k8s.io", "metrics.k8s.io", "custom.metrics.k8s.io",
    "external.metrics.k8s.io", "node.x-k8s.io", "policy.networking.k8s.io", "autoscaling.k8s.io",
}  # fmt: skip
"""Groups of the Kubernetes project that are custom resources all the same."""

MAPS: Final = {"labels", "annotations", "matchLabels", "nodeSelector", "data", "limits", "requests", "hard"}
"""Fields that are maps of text: an empty one is none. Elsewhere `{}` is a choice, as in `emptyDir: {}`."""
ZERO_IS_NONE: Final = {
    "hostIPC", "hostNetwork", "hostPID", "hostPort", "initialDelaySeconds", "minReadySeconds", "nodePort", "paused",
    "publishNotReadyAddresses", "readOnly", "stdin", "stdinOnce", "subPath", "tty", "value",
}  # fmt: skip
"""Fields whose zero value cannot be told from an absent one on the wire (`omitempty`, no pointer)."""
QUANTITY_MAPS: Final = {"capacity", "hard", "limits", "requests"}
QUANTITIES: Final = {"averageValue", "divisor", "sizeLimit"}

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([KMGTPE]i)|([numkMGTPE]?))")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}


def normal(obj: Object) -> Object:
    """Return the object in its normal form; one with unknown values only loses its read-only metadata."""
    api_version, kind = kind_of(obj)
    if is_built_in(api_version) and not contains(obj, Unknown):
        if kind == "CustomResourceDefinition":
            obj = {key: value for key, value in obj.items() if key != "status"}
            if dig(obj, "spec", "preserveUnknownFields") is False:
                remove(obj, ("spec", "preserveUnknownFields"))
        elif (api_version, kind) == ("v1", "Secret"):
            obj = _normal_secret(obj)
        else:
            obj = _normal(obj, "")
    for key in READ_ONLY:
        remove(obj, ("metadata", key))
    return obj


def is_built_in(api_version: str) -> bool:
    group = group_of(api_version)
    return group in PLAIN_GROUPS or (group.endswith(".k8s.io") and group not in CUSTOM_GROUPS)


def _normal(value: Any, key: str) -> Any:
    match value:
        case dict() if key in QUANTITY_MAPS:
            return {name: quantity(item) for name, item in value.items()}
        case dict() if key in MAPS:  # its keys are the user's, not fields
            return {name: item for name, item in value.items() if item is not None}
        case dict():
            inner = {name: _normal(item, name) for name, item in value.items()}
            return {name: item for name, item in inner.items() if not _is_none(name, item)}
        case list():
            return [_normal(item, "") for item in value]
        case _ if key in QUANTITIES:
            return quantity(value)
        case _:
            return value


def _is_none(field: str, value: Any) -> bool:
    """Tell whether a field with this value is the same as none."""
    return (
        value is None or value == [] or (value == {} and field in MAPS) or (value in (0, "") and field in ZERO_IS_NONE)
    )


def _normal_secret(obj: Object) -> Object:
    texts = obj.get("stringData") or {}
    data = {name: _reencode(value) for name, value in (obj.get("data") or {}).items()}
    data |= {name: base64.b64encode(str(value).encode()).decode() for name, value in texts.items()}
    rest = {key: value for key, value in obj.items() if key not in {"data", "stringData"}}
    return rest | ({"data": data} if data else {})


def _reencode(value: Any) -> Any:
    """Drop white space from base64 text as the API server does; what is no base64 is left for it to refuse."""
    try:
        return base64.b64encode(base64.b64decode("".join(value.split()), validate=True)).decode()
    except (AttributeError, binascii.Error):
        return value


def quantity(value: Any) -> Any:
    """Return the canonical text of a resource quantity (`1000m` is `1`, `1024Mi` is `1Gi`).

    The rule is that of `Quantity.CanonicalizeBytes` in k8s.io/apimachinery: no fraction, the largest suffix of the
    same family, at most nine decimals (rounded up). What is no quantity is returned as it is.
    """
    match_ = _QUANTITY.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match_ is None:
        return value
    digits, exponent, binary, decimal = match_.groups()
    amount = Decimal(digits)
    if exponent:
        amount = amount.scaleb(int(exponent[1:]))
    elif binary:
        amount *= 1024 ** _BINARY.index(binary)
    else:
        amount = amount.scaleb(next(power for power, suffix in _DECIMAL.items() if suffix == decimal))
    amount = amount.quantize(Decimal("1e-9"), ROUND_CEILING)
    if amount == 0:
        return "0"
    if binary and abs(amount) >= 1024 and amount == amount.to_integral_value():
        power = max(power for power in range(len(_BINARY)) if amount % 1024**power == 0)
        return f"{int(amount) // 1024**power}{_BINARY[power]}"
    power = max(power for power in _DECIMAL if amount.scaleb(-power) == amount.scaleb(-power).to_integral_value())
    return f"{int(amount.scaleb(-power))}" + (f"e{power}" if exponent and power else _DECIMAL[power])
