"""Runs a Pulumi program: the child's side, the same as Pulumi's own pulumi-language-python-exec.

    python -P program.py <settings as JSON>

It needs nothing but the pulumi SDK. The exit code is 0, 1 (the error is on stderr or in the log) or 32 (likewise, and
it was an exception of the program).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

EXCEPTION_SHOWN = 32
INTERRUPTED = 130


def _leave_with_the_engine() -> None:
    """End when the engine ends, however it ends: its end of our stdin closes."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(INTERRUPTED)


def _user_traceback(program: str) -> str:
    """Return the current exception's traceback without the frames below the program's own."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    main = os.path.join(program, "__main__.py") if os.path.isdir(program) else program  # noqa: PTH112, PTH118
    for index, frame in enumerate(frames):
        if os.path.abspath(frame.filename) == main:  # noqa: PTH100
            return traceback.format_exc(limit=index - len(frames))
    return traceback.format_exc()


def _run(settings: dict[str, object]) -> int:
    import pulumi  # noqa: PLC0415 - takes most of a second; an error here is the user's to read
    import pulumi.runtime  # noqa: PLC0415

    program = str(settings.pop("program"))
    pulumi.runtime.set_all_config(
        json.loads(os.environ.pop("PULUMI_CONFIG")), json.loads(os.environ.pop("PULUMI_CONFIG_SECRET_KEYS"))
    )
    pulumi.runtime.configure(pulumi.runtime.Settings(**settings))  # type: ignore[arg-type]
    sys.argv = [program]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=int(str(settings["parallel"])) * 4)
    loop.set_default_executor(executor)
    # After a failure futures stay unread, which asyncio would complain about at length.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:  # noqa: BLE001 - whatever the program raises is shown to its author
        pulumi.log.error("Program failed with an unhandled exception:\n" + _user_traceback(program))
        return EXCEPTION_SHOWN
    executor.shutdown()
    return 0


def main() -> None:
    threading.Thread(target=_leave_with_the_engine, daemon=True).start()
    try:
        sys.exit(_run(json.loads(sys.argv[1])))
    except KeyboardInterrupt:
        # The engine asked for the end: without waiting for threads, and without a traceback.
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
