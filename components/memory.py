"""What a release remembers of a color: annotations of its Deployment, under a field manager of our own.

Pulumi's own apply leaves them alone, and they go with the Deployment. All else is read from the cluster each time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from lightkube.resources.apps_v1 import Deployment

SERVED = "cutover/served"
LIVE = "cutover/live"
VERDICT = "cutover/verdict"


@dataclass(frozen=True)
class Verdict:
    """What a gate made of a color's pods.

    `template` and `gate` are the hashes of what was judged and by what; `findings` are sentences; `at` is the time in
    UTC as RFC 3339 has it.
    """

    template: str
    gate: str
    passed: bool
    at: str
    findings: tuple[str, ...]


class Traffic(StrEnum):
    """The live traffic of a color: about to be moved there, or seen there."""

    EXPECTED = "expected"
    SEEN = "seen"


@dataclass(frozen=True)
class Memory:
    """What is known of a color.

    `served` is the hash of the template that last carried the live traffic. `live` stands from just before traffic is
    moved to the color until its connections have drained. `verdict` is the last one that its gate came to.
    """

    served: str | None = None
    live: Traffic | None = None
    verdict: Verdict | None = None

    @classmethod
    def of(cls, deployment: Deployment | None) -> Memory:
        """Read what a Deployment's annotations say; nothing where there is no Deployment."""
        notes = notes_on(deployment)
        verdict = json.loads(notes[VERDICT]) if VERDICT in notes else None
        return cls(
            served=notes.get(SERVED),
            live=Traffic(notes[LIVE]) if LIVE in notes else None,
            verdict=verdict and Verdict(**{**verdict, "findings": tuple(verdict["findings"])}),
        )

    def serving(self, template: str) -> Memory:
        """The memory of a color on which traffic was seen."""
        return replace(self, served=template, live=Traffic.SEEN)

    def serves(self, template: str) -> bool:
        """Tell whether traffic was seen on this template, and is there."""
        return self.live is Traffic.SEEN and self.served == template

    @property
    def annotations(self) -> dict[str, str]:
        """The same as annotations."""
        verdict = json.dumps(asdict(self.verdict), separators=(",", ":")) if self.verdict else None
        notes = {SERVED: self.served, LIVE: self.live, VERDICT: verdict}
        return {key: str(value) for key, value in notes.items() if value is not None}


def has_served(template: str, memories: Iterable[Memory]) -> bool:
    """Tell whether a template has carried the live traffic, as either color."""
    return any(memory.served == template for memory in memories)


def notes_on(deployment: Deployment | None) -> Mapping[str, str]:
    """Return a Deployment's annotations; none where there is no Deployment."""
    return (deployment and deployment.metadata and deployment.metadata.annotations) or {}
