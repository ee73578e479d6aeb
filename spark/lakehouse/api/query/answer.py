"""What a query may use, what it gives, and the clock that ends it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event, Lock, Timer
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from lakehouse.errors import EXIT_DATA, LakehouseError
from lakehouse.io.arrow import arrow_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

GRACE_SECONDS = 1.0
MOST_PLAN_LINES = 5_000


class QueryFailedError(LakehouseError):
    """A query may run, but cannot be computed: a text that is no date, a number too large."""

    exit_code = EXIT_DATA


class QueryTimeoutError(LakehouseError):
    """A query took longer than it may."""

    exit_code = EXIT_DATA


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one query may use.

    Attributes:
        seconds: Wall time, until it is interrupted from outside.
        answer_bytes: Of the values of an answer, counted as they arrive.
        memory: Of the server for one step of the query (PostgreSQL), or for all of it (DuckDB).
        threads: Of DuckDB; PostgreSQL gives it one process.
    """

    seconds: float = 10.0
    answer_bytes: int = 8_000_000
    memory: str = "256MB"
    threads: int = 1


@dataclass(frozen=True)
class Answer:
    """What a query gave.

    Attributes:
        columns: Names of the columns.
        types: Their types, as the specs name them: string, boolean, int, bigint, double, decimal,
            date or timestamp (UTC). PostgreSQL and DuckDB agree but for int and bigint.
        rows: The rows, in the order that the query asked for. With `explain`, one column `plan`.
        truncated: Whether there were more; None, or which limit was reached.
        seconds: Wall time of the query, and of fetching its rows.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    truncated: Literal["rows", "bytes"] | None
    seconds: float = field(compare=False)

    @cached_property
    def table(self) -> pa.Table:
        """The answer as an Arrow table."""
        values = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        arrays = [
            # A decimal has the digits of its values.
            pa.array(of, type=None if kind == "decimal" else arrow_type(kind))
            for of, kind in zip(values, self.types, strict=True)
        ]
        return pa.table(arrays, names=list(self.columns))


class Clock:
    """Interrupts a query from another thread when its time is over."""

    def __init__(
        self, seconds: float, interrupt: Callable[[], None], force: Callable[[], None]
    ) -> None:
        """Say how to interrupt, and what to do a second later if that was of no use."""
        self._seconds = seconds
        self._interrupt, self._force = interrupt, force
        self._turn = Lock()
        self._done = Event()
        self._rang = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Interrupt what is done meanwhile, should it take too long.

        Raises:
            QueryTimeoutError: It did; whatever came of it is not to be used.
        """
        timer = Timer(self._seconds, self._ring)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if self._rang:
                raise self.error() from error
            raise
        finally:
            timer.cancel()
            with self._turn:  # no interruption may reach what comes next on the connection
                self._done.set()
        if self._rang:
            raise self.error()

    def error(self) -> QueryTimeoutError:
        """What to tell whoever asked."""
        return QueryTimeoutError(
            f"the query took longer than {self._seconds:g} s; ask for fewer days or columns",
            seconds=self._seconds,
        )

    def _ring(self) -> None:
        self._in_time(self._interrupt)
        if not self._done.wait(GRACE_SECONDS):
            self._in_time(self._force)

    def _in_time(self, act: Callable[[], None]) -> None:
        with self._turn:
            if not self._done.is_set():
                self._rang = True
                act()


def gathered(
    batches: Iterable[Sequence[tuple[Any, ...]]], max_rows: int, max_bytes: int
) -> tuple[list[tuple[Any, ...]], Literal["rows", "bytes"] | None]:
    """Rows as they arrive, up to a number of rows and bytes; and which of them was reached."""
    rows: list[tuple[Any, ...]] = []
    taken = 0
    for batch in batches:
        for row in batch:
            taken += sum(len(v.encode()) if isinstance(v, str) else 8 for v in row)
            if len(rows) == max_rows:
                return rows, "rows"
            if taken > max_bytes:
                return rows, "bytes"
            rows.append(row)
    return rows, None


def since(clock: float) -> float:
    """Seconds since a moment of the monotonic clock."""
    return round(time.monotonic() - clock, 4)
