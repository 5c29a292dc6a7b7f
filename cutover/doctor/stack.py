"""The engine that runs here, and the stack as its files and its state have it: what is known without a cluster."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import yaml

from components.config import load
from components.errors import ConfigError
from components.problems import written
from cutover.desk import Desk
from cutover.doctor.findings import Finding, Found, ok, problem, warning
from cutover.engine import Engine
from cutover.errors import DriverError
from cutover.holder import Holder


def check_engine(engine: Engine) -> Found:
    """Find out which engine runs here, of which version."""
    for command in ("version", "--version"):  # the embedded engine has the flag alone
        done = engine.ask(command)
        if done.returncode == 0:
            chosen = re.findall(r"^pulumiw: (?:using the embedded engine: )?(.+)$", done.stderr, re.MULTILINE)
            return [ok("engine", ", ".join([done.stdout.strip(), *chosen]))]
    return [problem("engine", f"it does not run: {(done.stderr or done.stdout).strip()}", "pulumi version")]


def check_config(engine: Engine) -> tuple[Found, Desk | None]:
    """Read the configuration; what it means, unless there is something wrong with it."""
    try:
        desk = Desk.of(engine)
        load(desk.keys)
    except DriverError as error:
        return [problem("configuration", str(error), f"pulumi stack select {engine.stack}")], None
    except ConfigError as error:
        return [
            problem("configuration", f"{written(each.path)} {each.fault}", each.remedy) for each in error.problems
        ], None
    apps = ", ".join(sorted(desk.settings.described)) or "none"
    return [ok("configuration", f"stack {engine.stack} of {engine.project}; apps: {apps}")], desk


def check_state(engine: Engine) -> Found:
    """See whether an `up` was cut off in the middle of a write."""
    done = engine.ask("stack", "export", "--stack", engine.stack)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        return [problem("state", f"it cannot be read: {said}", f"pulumi stack init {engine.stack}")]
    deployment = json.loads(done.stdout).get("deployment") or {}
    pending = deployment.get("pending_operations") or []
    if not pending:
        return [ok("state", f"{len(deployment.get('resources') or [])} resources, none left half done")]
    told = ", ".join(f"{each['type']} {each['resource']['urn'].rpartition('::')[2]}" for each in pending)
    text = f"an `up` was cut off, unless it is still at work: {told}"
    return [warning("state", text, "pulumi cancel --yes && pulumi up")]


def check_locks(engine: Engine) -> Found:
    """See whether somebody is at work on the stack, or has died there."""
    url = _backend(engine)
    if url.startswith("file://"):
        folder = Path(url.removeprefix("file://").partition("?")[0]).expanduser()
        locks = folder / ".pulumi" / "locks" / "organization" / engine.project / engine.stack
        found = [_lock(path) for path in sorted(locks.glob("*.json"))]
    else:
        done = engine.ask("stack", "ls", "--json")
        stacks = json.loads(done.stdout) if done.returncode == 0 else []
        busy = [each for each in stacks if each.get("updateInProgress") and each["name"].split("/")[-1] == engine.stack]
        found = [warning("lock", "an update is in progress", "pulumi cancel --yes  # once it is dead") for _ in busy]
    return found or [ok("lock", "nobody is at work on the stack")]


def _backend(engine: Engine) -> str:
    """Where the state is kept, found as Pulumi finds it: the environment, the project, the last login."""
    if url := os.environ.get("PULUMI_BACKEND_URL"):
        return url
    project = yaml.safe_load((engine.folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    if url := (project.get("backend") or {}).get("url"):
        return str(url)
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        return str(json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current") or "file://~")
    except (OSError, ValueError):
        return "file://~"


def _lock(path: Path) -> Finding:
    """Who holds a lock; one whose process is gone holds up everybody."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        holder = Holder(str(held["hostname"]), int(held["pid"]))
        who = f"{held['username']}@{holder.host} (pid {holder.pid}) since {held['timestamp']}"
    except (OSError, ValueError, KeyError):
        return warning("lock", f"{path} cannot be read", "pulumi cancel --yes")
    if holder.has_died:
        return problem("lock", f"held by a process that is dead: {who}", "pulumi cancel --yes")
    return warning("lock", f"held by {who}", "pulumi cancel --yes  # once it is dead")
