"""Pictures of a stack, one after the other, until Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from cutover.errors import DriverError
from cutover.status import Status
from cutover.view.picture import Picture

WAIT_SECONDS = 1.5


def watch(look: Callable[[], Awaitable[Status]], console: Console) -> None:
    """Draw what `look` finds again and again.

    While the cluster cannot be looked at, the last picture stays, with the reason. What is no terminal gets a picture
    each time that something has changed.

    Args:
        look: reads the status, with a deadline of its own; may raise DriverError.
        console: where to draw.
    """
    try:
        asyncio.run((_draw if console.is_terminal else _print)(_pictures(look), console))
    except KeyboardInterrupt:
        return


async def _draw(pictures: AsyncIterator[Picture], console: Console) -> None:
    first = Text("looking at the cluster", "dim")
    with Live(first, console=console, refresh_per_second=2, vertical_overflow="crop") as live:
        async for picture in pictures:
            live.update(picture)


async def _print(pictures: AsyncIterator[Picture], console: Console) -> None:
    last: Picture | None = None
    async for picture in pictures:
        if last is None or _told(picture) != _told(last):
            console.print(picture)
        last = picture


def _told(picture: Picture) -> tuple[object, ...]:
    """What of a picture is worth another one."""
    return picture.status.apps, picture.status.workloads, picture.away


async def _pictures(look: Callable[[], Awaitable[Status]]) -> AsyncIterator[Picture]:
    """Yield what there is to see, for ever. Raises DriverError when there has never been anything."""
    picture: Picture | None = None
    while True:
        try:
            picture = Picture(await look())
        except DriverError as error:
            if picture is None:
                raise
            picture = Picture(picture.status, away=str(error))
        yield picture
        await asyncio.sleep(WAIT_SECONDS)
