"""How a command that goes on and on is told to end."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

UntilEof = Annotated[
    bool, typer.Option("--until-eof", hidden=True, help="End when standard input ends.")
]
"""For whoever starts the command and may die without a word: its end of a pipe is closed then."""


def stop_event(
    *, until_eof: bool = False, tell: Callable[[], None] = lambda: None
) -> threading.Event:
    """Set by the first signal to end; by a second one the process ends at once.

    Args:
        until_eof: Set as well when standard input ends.
        tell: Called when it is set.
    """
    stop = threading.Event()

    def end() -> None:
        tell()
        stop.set()

    def told(number: int, _: object) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        end()

    def heard() -> None:
        sys.stdin.buffer.read()
        end()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    if until_eof:
        threading.Thread(target=heard, name="until-eof", daemon=True).start()
    return stop
