"""What a single value of the configuration may be: in words for people, and as a reader for the loader.

`pulumi config set` stores strings, and with `--path` turns what looks like a number or a boolean into one
(pulumi/pulumi, sdk/go/common/resource/config/plaintext.go). So a whole number or a boolean may come as text, and text
as a whole number; anything else of another type is refused, a float too, since `1.10` has become 1.1 by then.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from components.color import Color


class Allowed:
    """What a value may be; stands in `Annotated[…]` beside the type that `read` returns."""

    words: str
    """Completes the sentence "it must be …"."""

    def read(self, value: Any) -> Any:
        """Return `value` in its own type.

        Raises:
            ValueError: it is not allowed; a text, if there is one, says more than `words`.
        """
        raise NotImplementedError

    def suggest(self, value: Any) -> str:
        """Name a value near to `value` that is allowed, or a placeholder."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, *_: Any) -> CoreSchema:
        """Hook this rule into pydantic, which calls it instead of anything of its own."""
        return core_schema.no_info_plain_validator_function(self.checked)

    def checked(self, value: Any) -> Any:
        try:
            return self.read(value)
        except ValueError as error:
            reason = str(error) or f"it must be {self.words}"
            raise PydanticCustomError(
                "refused", "{reason}", {"reason": reason, "suggestion": self.suggest(value)}
            ) from None


@dataclass(frozen=True)
class Whole(Allowed):
    """A whole number from `least` to `most`, both included."""

    least: int
    most: int | None = None
    note: str = ""

    @property
    def words(self) -> str:  # type: ignore[override]
        bounds = f"of {self.least} or more" if self.most is None else f"from {self.least} to {self.most}"
        return f"a whole number {bounds}{self.note}"

    def read(self, value: Any) -> int:
        number = _number(value)
        if number is None or number != self._nearest(number):
            raise ValueError
        return number

    def suggest(self, value: Any) -> str:
        number = _number(value)
        return str(self.least if number is None else self._nearest(number))

    def _nearest(self, number: int) -> int:
        return max(number, self.least) if self.most is None else min(max(number, self.least), self.most)


@dataclass(frozen=True)
class Part(Allowed):
    """A whole number of 0 or more, or a percentage up to 100%, as Kubernetes' IntOrString has it."""

    words: str = "a whole number of 0 or more, or a percentage from 0% to 100%"

    def read(self, value: Any) -> int | str:
        if isinstance(value, str) and re.fullmatch(r"([0-9]|[1-9][0-9]|100)%", value):
            return value
        return Whole(0).read(value)

    def suggest(self, value: Any) -> str:  # noqa: ARG002
        return "25%"


@dataclass(frozen=True)
class Real(Allowed):
    """A number, whole or not."""

    words: str = "a number"

    def read(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError  # noqa: TRY004  # pydantic lets only ValueError through
        try:
            number = float(value)
        except ValueError:
            raise ValueError from None
        if not math.isfinite(number):
            raise ValueError
        return number

    def suggest(self, value: Any) -> str:  # noqa: ARG002
        return "<number>"


@dataclass(frozen=True)
class Truth(Allowed):
    """true or false."""

    words: str = "true or false"

    def read(self, value: Any) -> bool:
        if value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise ValueError  # noqa: TRY004  # pydantic lets only ValueError through
        return value

    def suggest(self, value: Any) -> str:  # noqa: ARG002
        return "true"


@dataclass(frozen=True)
class OneOf(Allowed):
    """One member of `enum`, by its value."""

    enum: type[StrEnum]

    @property
    def words(self) -> str:  # type: ignore[override]
        *others, last = list(self.enum)
        return f"{', '.join(others)} or {last}"

    def read(self, value: Any) -> StrEnum:
        if not isinstance(value, str):
            raise ValueError  # noqa: TRY004  # pydantic lets only ValueError through
        try:
            return self.enum(value)
        except ValueError:
            raise ValueError from None

    def suggest(self, value: Any) -> str:
        return next(iter(difflib.get_close_matches(str(value), list(self.enum), 1)), f"<{'|'.join(self.enum)}>")


@dataclass(frozen=True)
class Text(Allowed):
    """Text that `pattern` matches whole, at most `longest` characters; whole numbers are read as text.

    `hints` are patterns of what people write instead, each with the reason why it cannot be.
    """

    words: str = "text"
    pattern: str = r"[\s\S]*"
    longest: int = 262_144
    example: str = "<text>"
    from_boolean: bool = False
    hints: tuple[tuple[str, str], ...] = ()

    def read(self, value: Any) -> str:
        if isinstance(value, float):
            raise ValueError(  # noqa: TRY004  # pydantic lets only ValueError through
                "YAML read it as a number, which drops trailing zeros (1.10 becomes 1.1); write it in quotes"
            )
        if isinstance(value, bool) and self.from_boolean:
            return str(value).lower()
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError  # noqa: TRY004  # pydantic lets only ValueError through
        text = str(value)
        for pattern, reason in self.hints:
            if re.fullmatch(pattern, text):
                raise ValueError(reason)
        if len(text) > self.longest or not re.fullmatch(self.pattern, text):
            raise ValueError
        return text

    def suggest(self, value: Any) -> str:
        return str(value) if isinstance(value, float) else self.example


@dataclass(frozen=True)
class Amount(Text):
    """A Kubernetes quantity of zero or more; a float says the same as its text here."""

    def read(self, value: Any) -> str:
        return super().read(repr(value) if isinstance(value, float) else value)


@dataclass(frozen=True)
class RegularExpression(Text):
    """A regular expression, as Python's `re` has it."""

    def read(self, value: Any) -> str:
        text = super().read(value)
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from None
        return text


@dataclass(frozen=True)
class ImageName(Text):
    """An image without tag and digest."""

    def suggest(self, value: Any) -> str:
        bare = re.sub(r"(:[^/]*)?(@.*)?$", "", str(value))
        return bare if re.fullmatch(self.pattern, bare) else self.example


@dataclass(frozen=True)
class Written(Allowed):
    """A map that is passed on as it is written."""

    words: str

    def read(self, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        raise ValueError

    def suggest(self, value: Any) -> str:  # noqa: ARG002
        return "{}"


def quantity(text: str) -> Decimal:
    """The number that a Kubernetes quantity stands for: `quantity("250m") == Decimal("0.25")`."""
    number, suffix = re.fullmatch(r"([0-9.]+)(.*)", text).groups()  # type: ignore[union-attr]
    if re.fullmatch(r"[eE][+-]?[0-9]+", suffix):
        return Decimal(number + suffix)
    if suffix.endswith("i"):
        return Decimal(number) * Decimal(1024 ** (1 + "KMGTPE".index(suffix[0])))
    return Decimal(number).scaleb(3 * ("num_kMGTPE".index(suffix) - 3) if suffix else 0)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_NAME = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_PATH_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"

OWN_PREFIXES = ("cutover/", "pulumi.com/")
"""Annotations and labels with these are written by the release itself."""

ENV_NAME = r"[A-Za-z_.-][A-Za-z0-9_.-]*"
LONGEST_APP_NAME = 40
"""So that a pod's name, `<app>-green-<10>-<5>`, stays a host name (63): Kubernetes cuts longer ones and they clash."""

Bool: TypeAlias = Annotated[bool, Truth()]
ColorName: TypeAlias = Annotated[Color, OneOf(Color)]
Natural: TypeAlias = Annotated[int, Whole(0)]
Positive: TypeAlias = Annotated[int, Whole(1)]
Share: TypeAlias = Annotated[int | str, Part()]
Percent: TypeAlias = Annotated[int, Whole(0, 100)]
Port: TypeAlias = Annotated[int, Whole(1, 65535)]
NodePortNumber: TypeAlias = Annotated[
    int, Whole(30000, 32767, " (Kubernetes' default range; a cluster may be set up with another)")
]
UserId: TypeAlias = Annotated[int, Whole(1, 2_147_483_647, " (Pod Security level restricted allows no root)")]
DrainSeconds: TypeAlias = Annotated[int, Whole(0, 120)]
# a tag as OCI's distribution specification has it
Tag: TypeAlias = Annotated[
    str,
    Text(
        "an image tag: letters, digits, `_`, `.` and `-`, not first `.` or `-`, at most 128 characters",
        r"[A-Za-z0-9_][A-Za-z0-9._-]*",
        128,
        "<tag>",
    ),
]
# a name as github.com/distribution/reference has it
Image: TypeAlias = Annotated[
    str,
    ImageName(
        "an image without its tag, such as registry.example.com:5000/team/web",
        rf"({_HOST}(\.{_HOST})*(:[0-9]+)?/)?{_PATH_PART}(/{_PATH_PART})*",
        255,
        "<registry>/<image>",
        hints=(
            (r".*@.*", "a digest cannot stand here; what a color runs is its tag in imageTag"),
            (r"(.*/)?[^/]+:[^/]*", "the tag does not belong here; what a color runs is its tag in imageTag"),
        ),
    ),
]
FullImage: TypeAlias = Annotated[
    str,
    Text(
        "an image with its tag or digest, such as curlimages/curl:8.11.0",
        rf"({_HOST}(\.{_HOST})*(:[0-9]+)?/)?{_PATH_PART}(/{_PATH_PART})*"
        r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})",
        512,
        "<image>:<tag>",
    ),
]
AppName: TypeAlias = Annotated[
    str,
    Text(
        f"an app name: lower-case letters, digits and `-`, first a letter, last no `-`, at most {LONGEST_APP_NAME} "
        "characters, as Services, Deployments and pods are named after it",
        r"[a-z]([-a-z0-9]*[a-z0-9])?",
        LONGEST_APP_NAME,
        "<name>",
    ),
]
DnsLabel: TypeAlias = Annotated[
    str, Text("a name of lower-case letters, digits and `-`, at most 63 characters", _DNS_LABEL, 63, "<name>")
]
PortName: TypeAlias = Annotated[
    str,
    Text(
        "a port's name: lower-case letters, digits and `-`, at most 63 characters, or empty for a port without one",
        rf"({_DNS_LABEL})?",
        63,
        "<name>",
    ),
]
ObjectName: TypeAlias = Annotated[
    str,
    Text("an object's name: lower-case letters, digits, `-`, `.`, at most 253", _DNS_NAME, 253, "<name>"),
]
LabelKey: TypeAlias = Annotated[
    str,
    Text(
        "a label or annotation key: [prefix/]name, the name of letters, digits, `-`, `_` and `.`, at most 63",
        rf"({_DNS_NAME}/)?{_LABEL}",
        317,
        "<key>",
    ),
]
LabelValue: TypeAlias = Annotated[
    str,
    Text(
        "a label value: letters, digits, `-`, `_` and `.`, first and last a letter or digit, at most 63",
        rf"({_LABEL})?",
        63,
        "<value>",
        from_boolean=True,
    ),
]
AnyText: TypeAlias = Annotated[str, Text(from_boolean=True)]
EnvName: TypeAlias = Annotated[
    str,
    Text(
        "the name of an environment variable: letters, digits, `_`, `-` and `.`, not first a digit",
        ENV_NAME,
        253,
        "<NAME>",
    ),
]
ConfigKey: TypeAlias = Annotated[
    str,
    Text(
        "a ConfigMap key: letters, digits, `_`, `-` and `.`, not first `..`, at most 253 characters",
        r"(?!\.\.)(?!\.$)[A-Za-z0-9_.-]+",
        253,
        "<key>",
    ),
]
ResourceName: TypeAlias = Annotated[
    str,
    Text("the name of a resource, such as cpu, memory, example.com/gpu", rf"({_DNS_NAME}/)?{_LABEL}", 317, "<name>"),
]
Quantity: TypeAlias = Annotated[
    str,
    Amount(
        "a Kubernetes quantity of zero or more, such as 250m, 1, 64Mi",
        r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?",
        40,
        "<quantity>",
    ),
]
MountPath: TypeAlias = Annotated[
    str, Text("an absolute path without `:`, such as /var/cache", r"/[^:\0]*", 4096, "</path>")
]
UrlPath: TypeAlias = Annotated[str, Text("a URL path, such as /healthz", r"/\S*", 2048, "/<path>")]
Url: TypeAlias = Annotated[
    str, Text("an http or https URL without query", r"https?://[^\s/?#]+(/[^\s?#]*)?", 2048, "http://<host>:<port>")
]
StatusCode: TypeAlias = Annotated[int, Whole(100, 599)]
RealNumber: TypeAlias = Annotated[float, Real()]
Pattern: TypeAlias = Annotated[str, RegularExpression("a regular expression", example="<expression>")]
HeaderValue: TypeAlias = Annotated[
    str, Text("the value of a header, of ASCII characters", r"[\x20-\x7e\t]*", 8192, "<value>", from_boolean=True)
]
_NAME_OF_FIELD = r"[!#$%&'*+.^_`|~A-Za-z0-9-]+"
CookieName: TypeAlias = Annotated[str, Text("the name of a cookie (RFC 6265, 4.1.1)", _NAME_OF_FIELD, 256, "<cookie>")]
CookieValue: TypeAlias = Annotated[
    str,
    Text("the value of a cookie (RFC 6265, 4.1.1)", r"[!#-+\--:<-\[\]-~]*", 4096, "<value>", from_boolean=True),
]
HostName: TypeAlias = Annotated[str, Text("a host name, or `*.` and one", rf"(\*\.)?{_DNS_NAME}", 253, "<host>")]
Duration: TypeAlias = Annotated[
    str, Text("a duration such as 10s, 500ms, 1m (Gateway API, GEP-2257)", r"([0-9]{1,5}(h|m|s|ms)){1,4}", 24, "10s")
]
Rule: TypeAlias = Annotated[dict[str, Any], Written("a rule, as the router writes it; the API server checks it")]
HeaderName: TypeAlias = Annotated[str, Text("the name of a header (RFC 9110, 5.1)", _NAME_OF_FIELD, 256, "<header>")]
