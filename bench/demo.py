"""The show of `make demo`: a cluster, two apps, a canary, a promotion and its rollback, all under steady traffic.

Everything it does, it does by the commands that it prints. It leaves the cluster and the apps running, where the last
of those commands put them, which is where the committed configuration says that they stand.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from bench import traffic
from bench.command import PASSPHRASE, ROOT, environment, read, run
from bench.errors import BenchError
from bench.picture import picture, save
from bench.traffic import Load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.answers import Answers

STACK = "dev"
WEB, API = "web", "api"

RATE = 200
CLIENTS = 8
WATCHED = 5
"""Seconds for which the canary's share is counted."""
CALM = 1
"""Seconds of traffic before the first command of a scene and after its last."""

BUILD_SECONDS = 45 * 60
UP_SECONDS = 5 * 60
QUICK_SECONDS = 60

PICTURE = ROOT / "build" / "demo" / "promotion.svg"

ADVICE = "Put right what it says and run `make demo` again: it goes on from whatever is there. `make down` removes all."

PYTHON = shlex.quote(sys.executable.removeprefix(f"{ROOT}/"))

console = Console(highlight=False)


@dataclass(frozen=True)
class App:
    """An app as the stack's outputs show it: its live URL, and the tag of each color."""

    name: str
    url: str
    tags: Mapping[str, str]

    @property
    def load(self) -> Load:
        return Load(f"{self.url}/version", rate=RATE, clients=CLIENTS, seconds=2 * UP_SECONDS, count=200_000)

    @property
    def paint(self) -> dict[str, str]:
        """The terminal color of each version: that of the color that runs it."""
        return {self.tags["blue"]: "dodger_blue1", self.tags["green"]: "green3"}


def main() -> None:
    begin = time.monotonic()
    try:
        apps = set_up()
        seen = [*try_canary(apps[API]), *move("green", apps), *move("blue", apps)]
    except BenchError as error:
        console.print(f"\n[bold red]The demo stopped:[/] {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        console.print(
            "\n[bold]Interrupted.[/] What runs goes on running; `make demo` starts over, `make down` removes it."
        )
        sys.exit(130)
    sys.exit(sum_up(apps, seen, time.monotonic() - begin))


def set_up() -> dict[str, App]:
    """Start the cluster, bring the stack to where the demo begins, and return its apps."""
    scene(
        "A cluster, and on it the apps of stack dev", "A real Kubernetes node on this machine, built if it never was."
    )
    do(sys.executable, "-m", "cluster", "up", seconds=BUILD_SECONDS)
    if environment().get(PASSPHRASE) == "":
        show("export", f"{PASSPHRASE}=")
    pulumi("stack", "select", STACK, "--create")
    pulumi("config", "set", "activeColor", "blue")
    pulumi("config", "set", "canaryReplicas", "0")
    pulumi("up", "--yes", "--refresh")
    outputs = json.loads(read(["./pulumiw", "stack", "output", "--json"], QUICK_SECONDS, ADVICE))
    return {name: App(name, outputs[name]["url"], outputs[name]["imageTag"]) for name in (WEB, API)}


def try_canary(app: App) -> list[Answers]:
    """Let one pod of the other color take part in the live traffic for a while, and return what the clients saw."""
    scene(f"A canary of {app.name}", "One pod of green takes part in the live traffic, beside the ten of blue.")
    with clients_of(app) as seen:
        pulumi("config", "set", "canaryReplicas", "1")
        pulumi("up", "--yes")
        begin = time.monotonic()
        time.sleep(WATCHED)
        end = time.monotonic()
        pulumi("config", "set", "canaryReplicas", "0")
        pulumi("up", "--yes")
        gone = time.monotonic()
    answers = seen[app.name]
    tell(app, answers)
    green = app.tags["green"]
    share = answers.between(begin, end).share(green)
    low, high = share.band(1 / 11)
    console.print(
        f"Between the two `up`s green gave [bold]{share.value:.1%}[/] of the answers, {share.hits} of {share.total}. "
        f"One pod of eleven is {1 / 11:.1%}; chance explains {low:.1%} to {high:.1%} (4.5 sigma)."
    )
    if not share.fits(1 / 11):
        console.print("[bold red]That does not fit.[/]")
    left = answers.between(gone).share(green)
    console.print(f"After the second one, {left.hits} of {left.total}.")
    return [answers]


def move(color: str, apps: Mapping[str, App]) -> list[Answers]:
    """Make a color the active one, and return what the clients of every app saw."""
    scene(
        f"{'Promotion' if color == 'green' else 'Rollback'}: {color} becomes active",
        f"{RATE} requests/s to each app from {CLIENTS} clients, a new connection per request, none ever repeated.",
    )
    with clients_of(*apps.values()) as seen:
        pulumi("config", "set", "activeColor", color)
        began = time.monotonic()
        pulumi("up", "--yes")
    for app in apps.values():
        tell(app, seen[app.name])
        if seen[app.name].records[-1].version != app.tags[color]:
            raise BenchError(f"`up` said that it was done, yet clients of {app.name} do not get {app.tags[color]}.")
        for switch in seen[app.name].switches():
            console.print(
                f"From {switch.old} to {switch.new} {switch.at - began:.1f} s after `up` began; "
                f"both answered for {duration(switch.overlap)}."
            )
    console.print(f"[dim]{API} is a CanaryApp without a router: both colors' pods answer until the old ones end.[/]")
    if color == "green":
        table = picture(seen[WEB], f"{WEB}: what clients saw", apps[WEB].paint)
        save(table, PICTURE, f"$ ./pulumiw config set activeColor {color} && ./pulumiw up")
    return list(seen.values())


def sum_up(apps: Mapping[str, App], seen: Sequence[Answers], seconds: float) -> int:
    """Say what it came to and what to type next; return the exit code, 1 if a request was lost."""
    requests, lost = sum(map(len, seen)), sum(answers.lost for answers in seen)
    scene(
        f"{requests:,} requests, {lost} lost",
        f"In {seconds:.0f} s. Every one of them is in {traffic.RECORDS.relative_to(ROOT)}/. The apps go on running:",
    )
    for app in apps.values():
        console.print(f"  {app.name}  {app.url}")
    console.print("\nWhat to type next:")
    for meaning, command in next_commands(apps[WEB]):
        console.print(f"  [dim]# {meaning}[/]\n  {command}", soft_wrap=True)
    return 1 if lost else 0


def next_commands(web: App) -> list[tuple[str, str]]:
    return [
        ("the demo's stack has an empty passphrase", f"export {PASSPHRASE}="),
        ("the same clients, best in a second terminal", f"{PYTHON} -m bench.traffic {web.url}/version --seconds 60"),
        ("promote", "./pulumiw config set activeColor green && ./pulumiw up"),
        ("roll back", "./pulumiw config set activeColor blue && ./pulumiw up"),
        ("stage a version on the idle color", "./pulumiw config set --path imageTag.green 6.9.2 && ./pulumiw up"),
        ("three canary pods of thirteen", "./pulumiw config set canaryReplicas 3 && ./pulumiw up"),
        ("a mistake, and what becomes of it", "./pulumiw config set activeColor gren && ./pulumiw preview"),
        ("for kubectl, k9s and the like", f'export KUBECONFIG="$({PYTHON} -m cluster kubeconfig)"'),
        ("remove all of it", "make down"),
    ]


@contextlib.contextmanager
def clients_of(*apps: App) -> Iterator[dict[str, Answers]]:
    """Keep clients asking these apps; what they saw, by app, is there at the end."""
    seen: dict[str, Answers] = {}
    with contextlib.ExitStack() as stack:
        asking = {app.name: stack.enter_context(traffic.running(app.load, app.name)) for app in apps}
        time.sleep(CALM)
        yield seen
        time.sleep(CALM)
        seen.update({name: each.stop() for name, each in asking.items()})


def pulumi(*arguments: str) -> None:
    do("./pulumiw", *arguments, seconds=UP_SECONDS)


def do(*command: str, seconds: float) -> None:
    show(*command)
    run(command, seconds, ADVICE)


def show(*command: str) -> None:
    """Print a command as a user types it."""
    console.print(f"\n[bold cyan]$[/] [bold]{shlex.join(command).replace(sys.executable, PYTHON)}[/]")


def scene(title: str, text: str) -> None:
    console.print()
    console.rule(f"[bold]{title}", align="left", style="cyan")
    console.print(f"[dim]{text}[/]")


def tell(app: App, answers: Answers) -> None:
    """Draw what an app's clients saw, and count it."""
    console.print()
    console.print(picture(answers, f"{app.name}: what clients of {answers.load['url']} saw", app.paint))
    lost = ", ".join(f"{count} {error}" for error, count in answers.errors.items())
    console.print(f"{len(answers):,} requests, " + (f"[bold red]{answers.lost} lost: {lost}[/]" if lost else "0 lost."))


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    main()
