"""The engine and the stack's configuration, by the commands that a hand would type: `pulumi config set`, `pulumi up`.

One command line serves both engines: `./pulumiw` runs the Pulumi CLI where there is one, and the embedded engine, which
takes the same commands, otherwise. A project without `pulumiw` uses the one beside this package, or else the `pulumi`
on the PATH.
"""

from __future__ import annotations

import itertools
import json
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

import yaml

from cutover.errors import NotStartedError, RefusedError, UpFailedError

QUICK_SECONDS = 120
"""For a command that only reads or writes files."""
PREVIEW_SECONDS = 600
CLOCK_SECONDS = 0.05
"""How far the times of files may be behind the clock."""
OWN = "release"
"""Where the driver keeps its note, which no hand would write."""
POLL_SECONDS = 1.0
GRACE_SECONDS = 60
"""What an `up` gets to end in order once it was interrupted: it finishes the write that it is in."""


class Engine:
    """One stack of a Pulumi project.

    Args:
        folder: where Pulumi.yaml is.
        stack: the stack; None for the one that is selected.
        show: shown every command that changes something, before it runs, and every line that an `up` prints.

    Raises:
        NotStartedError: there is no project, or no engine for it.
    """

    def __init__(self, folder: Path, stack: str | None = None, show: Callable[[str], None] = print) -> None:
        self.folder = folder
        self._stack = stack
        self._show = show
        try:
            self.project: str = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
        except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
            raise NotStartedError(f"{folder} holds no Pulumi project ({error}); name its folder with --cwd") from error
        wrappers = [path for path in (folder / "pulumiw", Path(__file__).parents[1] / "pulumiw") if path.exists()]
        found = str(wrappers[0]) if wrappers else shutil.which("pulumi")
        if found is None:
            raise NotStartedError("there is neither ./pulumiw nor a `pulumi` on the PATH; install the Pulumi CLI")
        self._program = found
        self._read_config: tuple[float, dict[str, Any]] | None = None
        """When it was read last, in seconds since the epoch, and what it was."""

    @cached_property
    def stack(self) -> str:
        """The stack's name, without an organization; whatever is selected later, it stays this one."""
        return (self._stack or self._read("stack", "--show-name").strip()).rpartition("/")[2]

    @property
    def _named(self) -> tuple[str, ...]:
        """How a command is told the stack; one that is still to be asked for is the selected one."""
        return ("--stack", self._known) if self._known else ()

    @property
    def _known(self) -> str | None:
        return self._stack or vars(self).get("stack")

    @property
    def name(self) -> str:
        """`<project>/<stack>`, or the project's name as long as nobody has asked for the selected stack's."""
        return "/".join(filter(None, (self.project, self._known)))

    @property
    def file(self) -> Path:
        """The stack's configuration."""
        return self.folder / f"Pulumi.{self.stack}.yaml"

    def config(self) -> dict[str, Any]:
        """Return the whole configuration by full key (`cutover:apps`), decoded, secrets in plain.

        It is read anew only when its file has changed since. Which stack that is, nearly every reader asks next; each
        is a process, and so both are asked at once.
        """
        if self._read_config and self.file.exists():
            since, known = self._read_config
            if self.file.stat().st_ctime + CLOCK_SECONDS < since:
                return known
        now = time.time()
        with ThreadPoolExecutor(1) as thread:
            named = thread.submit(lambda: self.stack)
            found = decoded(json.loads(self._read("config", "--json", "--show-secrets")))
            named.result()
        self._read_config = (now, found)
        return found

    def change(self, values: Mapping[str, Any], remove: Sequence[str] = (), secret: Collection[str] = ()) -> None:
        """Remove keys of the project by path, then write others (`imageTag.green`), all of them in one write.

        Those of `secret` are encrypted, each in a write of its own: no command line may hold it.
        """
        if remove:
            for path in remove:
                if not path.startswith(OWN):
                    self._show(f"$ pulumi config rm --path {shlex.quote(path)}")
            self._read("config", "rm-all", "--path", *remove)
        for path, value in values.items():
            shown = "--secret" if path in secret else shlex.quote(_text(value))
            if not path.startswith(OWN):
                self._show(f"$ pulumi config set {'--path ' if '.' in path else ''}{shlex.quote(path)} {shown}")
        pairs = [f"{path}={_text(value)}" for path, value in values.items() if path not in secret]
        if pairs:
            self._read("config", "set-all", "--path", *(word for pair in pairs for word in ("--plaintext", pair)))
        for path in [path for path in values if path in secret]:
            self._read("config", "set", "--path", "--secret", path, said=_text(values[path]))

    def preview(self) -> dict[str, Any]:
        """Return what `pulumi preview --json` says the next `up` would do.

        Raises:
            RefusedError: the program refuses it; the text says why.
        """
        command = ("preview", "--json", "--show-sames", "--non-interactive")
        done = self._run([*command, *self._named], PREVIEW_SECONDS)
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise RefusedError((done.stderr or done.stdout).strip()) from None
        if done.returncode != 0:
            raise RefusedError(refusal(found) or done.stderr.strip())
        return found

    def up(self, message: str, stop: Callable[[], bool] = lambda: False) -> str:
        """Run `up`, showing what it prints, and return that; once `stop` is true, it is asked to end in order.

        Raises:
            UpFailedError: it failed, or was stopped.
            KeyboardInterrupt: once it has ended in order after Ctrl-C.
        """
        command = ("up", "--yes", "--skip-preview", "--non-interactive", "--stack", self.stack, "--message", message)
        self._show("$ pulumi up --yes --skip-preview")
        process = subprocess.Popen(
            [self._program, *command],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C reaches it through `_interrupt` alone, and so once
        )
        said = ""
        threading.Thread(target=_interrupt_when, args=(process, stop), daemon=True).start()
        try:
            for line in process.stdout or ():
                said += line
                self._show(line.rstrip("\n"))
            code = process.wait(QUICK_SECONDS)
        except KeyboardInterrupt:
            self._interrupt(process)
            raise
        if code != 0:
            raise UpFailedError("pulumi up", code, said)
        return said

    def cancel(self) -> None:
        """Remove the lock that a process which has died has left."""
        self._show("$ pulumi cancel --yes")
        self._read("cancel", "--yes")

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs: per app what its last move wrote."""
        found: dict[str, Any] = json.loads(self._read("stack", "output", "--json"))
        return found

    def history(self, count: int = 100) -> Iterator[dict[str, Any]]:
        """Yield the updates of the stack, newest first, as `pulumi stack history --json` has them.

        They are read `count` at a time, as they are asked for.
        """
        for page in itertools.count(1):
            command = ("stack", "history", "--json", "--page-size", str(count), "--page", str(page))
            found: list[dict[str, Any]] = json.loads(self._read(*command))
            yield from found
            if len(found) < count:
                return

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that changes nothing, and return it however it ended."""
        return self._run(command, QUICK_SECONDS)

    def _read(self, *command: str, said: str = "") -> str:
        """Run a command that ends at once, saying something to it, and return what it printed."""
        done = self._run([*command, *self._named], QUICK_SECONDS, said)
        if done.returncode != 0:
            shown = shlex.join(["pulumi", *command])
            raise NotStartedError(f"`{shown}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _run(self, command: Sequence[str], seconds: float, said: str = "") -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self._program, *command],
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
                input=said,
            )
        except subprocess.TimeoutExpired as error:
            shown = shlex.join(["pulumi", *command])
            raise NotStartedError(f"`{shown}` had not ended after {seconds:.0f} s; try it by hand") from error

    def _interrupt(self, process: subprocess.Popen[str]) -> None:
        """Ask an `up` to end in order, and then to end at once."""
        self._show("interrupted; the engine finishes the write that it is in")
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            try:
                said, _ = process.communicate(timeout=GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            self._show(said.rstrip("\n"))
            return
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Answer:
    """What an engine says to the wish for a preview of a stack (`project/stack`): one, or why there is none."""

    stack: str
    preview: Mapping[str, Any]
    refused: str = ""

    @classmethod
    def of(cls, engine: Engine) -> Answer:
        """Ask an engine."""
        try:
            preview = engine.preview()
        except RefusedError as error:
            return cls(engine.name, {}, str(error))
        return cls(_stack(preview) or engine.name, preview)

    @classmethod
    def recorded(cls, file: TextIO) -> Answer:
        """Read what `pulumi preview --json` has printed."""
        name = Path(file.name).stem
        try:
            preview = json.load(file)
            return cls(_stack(preview) or name, preview, refusal(preview))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return cls(
                name, {}, f"{file.name} holds no preview ({error}); what the command said that wrote it says why"
            )

    @property
    def accepted(self) -> Mapping[str, Any]:
        """The preview. Raises RefusedError if there is none."""
        if self.refused:
            raise RefusedError(self.refused)
        return self.preview


def _stack(preview: Mapping[str, Any]) -> str:
    """Read the stack from the first URN, urn:pulumi:<stack>::<project>::…; "" where there is none."""
    for step in preview.get("steps", ()):
        stack, project, *_ = step["urn"].removeprefix("urn:pulumi:").split("::")
        return f"{project}/{stack}"
    return ""


def refusal(preview: Mapping[str, Any]) -> str:
    """Return why a preview has failed, as it says itself; "" for one that has not."""
    told = [each for each in preview.get("diagnostics", ()) if each.get("severity") == "error"]
    errors = [each.get("message", "").strip().removeprefix("error: ") for each in told]
    return "\n\n".join(error for error in errors if error and error != "preview failed")


def _interrupt_when(process: subprocess.Popen[str], stop: Callable[[], bool]) -> None:
    """Ask a process to end in order once `stop` is true."""
    while process.poll() is None:
        if stop():
            process.send_signal(signal.SIGINT)
            return
        time.sleep(POLL_SECONDS)


def decoded(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a configuration as `--json` has it, of a stack or of an update; None where one is hidden."""
    return {key: value.get("objectValue", value.get("value")) for key, value in config.items()}


def _text(value: Any) -> str:
    """A value as `config set` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
