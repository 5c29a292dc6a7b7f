"""Values that Kubernetes takes as labels, and as the name of a namespace."""

from __future__ import annotations

import re
from hashlib import sha256


def label_value(text: str) -> str:
    """Make `text` a label value: `cutover/dev` becomes `cutover.dev`; a long one is cut and told apart by a digest."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", ".", text)
    if len(safe) > 63:
        safe = f"{safe[:52]}.{sha256(text.encode()).hexdigest()[:10]}"
    return safe.strip("_.-")


def namespace_name(owner: str) -> str:
    """Name a stack's namespace: `cutover/dev` becomes `cutover-dev`; what must be changed is told apart by a digest."""
    name = owner.replace("/", "-")
    safe = re.sub(r"[^a-z0-9-]", "-", name.lower()).strip("-")
    if safe != name or len(safe) > 63:
        safe = f"{safe[:52]}-{sha256(owner.encode()).hexdigest()[:10]}"
    return safe.strip("-")
