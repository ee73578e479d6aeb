"""How rows of a source come in: one strategy, chosen once for a table.

A run looks once (`Feed.look`); what it finds carries everything the run needs of it: whether there
is news, what to read, and the position to store when that is consumed. State, account and gates
know positions only: files and topics are the same to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from lakehouse.landing.content import Content


class Landed(Protocol):
    """Something to read: a landing file, or records of a topic."""

    @property
    def path(self) -> str:
        """Its name, by which its rows and rejects are known."""
        ...

    @property
    def uri(self) -> str:
        """Where it is."""
        ...

    @property
    def size(self) -> int:
        """Bytes on storage; 0 where nobody counts them."""
        ...

    @property
    def day(self) -> date | None:
        """The day it is of."""
        ...

    @property
    def known(self) -> Content | None:
        """What it holds, where that was found out in an earlier run."""
        ...

    @property
    def content(self) -> Content:
        """What it holds."""
        ...


class Arrivals(Protocol):
    """What there is of a source, compared with a position."""

    @property
    def ever(self) -> bool:
        """Whether anything arrived, now or before."""
        ...

    @property
    def has_new(self) -> bool:
        """Whether there is something that was not consumed."""
        ...

    @property
    def corrected(self) -> tuple[str, ...]:
        """Names of what was consumed and has other content now."""
        ...

    @property
    def gone(self) -> tuple[str, ...]:
        """Names of what was consumed and is not there any more; its rows stay."""
        ...

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """Names of what was consumed and is none of the source's any more: its rows go."""
        ...

    @property
    def news(self) -> str:
        """What is new, or waits, in words."""
        ...

    @property
    def position(self) -> str:
        """Everything consumed so far and this, as one text that can be stored and compared."""
        ...

    @property
    def untaken(self) -> tuple[str, ...]:
        """Names of what is there and was not consumed."""
        ...

    @property
    def taken(self) -> Sequence[Landed]:
        """What was consumed and is there, as it is now."""
        ...

    def files(self, *, whole: bool) -> Sequence[Landed]:
        """What to read: all that is there, or only what is new."""
        ...


class Feed(Protocol):
    """Where the rows of a source come from."""

    def look(self, position: str | None, day: date | None, *, afresh: bool = False) -> Arrivals:
        """Compare what is there with a position; of a day's run, what is dated later waits.

        What was consumed is opened again where it may have changed, or in any case (`afresh`).

        Raises:
            InputQualityError: Something is of a kind that nobody can read.
        """
        ...

    def expected(self, day: date | None) -> str:
        """Where something would have to arrive, in words."""
        ...

    def remember(self, arrivals: Arrivals) -> None:
        """Keep what a stored position stands for."""
        ...
