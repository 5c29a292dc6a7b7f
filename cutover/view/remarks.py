"""What is said of any app: beside its pods, and below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import dedent

from rich.text import Text

from cutover.autoscaling import Autoscaling
from cutover.pods import PodStatus
from cutover.status import AppStatus
from cutover.view.pen import Pen, Remark
from cutover.workloads import WorkloadStatus


def restarts(pods: Sequence[PodStatus]) -> Iterator[Text]:
    if count := sum(pod.restarts for pod in pods):
        yield Text(f"{count} restart{'s' if count > 1 else ''}", "yellow")


def scaling(scaler: Autoscaling) -> Text:
    wants = f", wants {scaler.wanted}" if scaler.wanted != scaler.current else ""
    return Text(f"autoscaled {scaler.least} to {scaler.most}{wants}", "dim")


def reasons(told: Sequence[str], pen: Pen) -> Iterator[Remark]:
    """Why pods are not ready, with the end of a log below."""
    for reason in told:
        first, _, log = reason.rstrip().partition("\n")
        yield pen.signs.failing, first, "red"
        yield from (("", f"  {line}", "dim") for line in dedent(log).splitlines())


def around(app: AppStatus | WorkloadStatus, pen: Pen) -> Iterator[Remark]:
    """What a hand has done, what the next `up` does, and what Kubernetes warns of."""
    for drift in app.drifts:
        since = f", {pen.age(drift.at)} ago" if drift.at else ""
        yield pen.signs.warning, f"{drift.text} (by {drift.by}{since})", "yellow"
        yield "$", drift.remedy, "yellow"
    if app.differences:
        yield pen.signs.to, f"the next `up` {'; '.join(app.differences)}", "cyan"
    for warning in app.warnings:
        many = f" x{warning.count}" if warning.count > 1 else ""
        text = " ".join(warning.text.split())
        yield "", f"{pen.age(warning.at)} ago, {warning.reason}{many}, {warning.subject}: {text}", "dim"
