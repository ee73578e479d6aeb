"""Reads marts in threads: with a deadline that no server can set aside, and a pause when away."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from lakehouse.api.breaker import Breaker
from lakehouse.api.marts import Stop
from lakehouse.errors import LakehouseError, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from lakehouse.api.marts import Marts, Publication, Reading

T = TypeVar("T")
PAUSE_SECONDS = 1.0
GRACE_SECONDS = 0.5
"""What a reading has to end by itself, as its server's own time-out asks."""
VERSIONS_SECONDS = 1.0
"""So old may be what we know of publications."""


class Reader:
    """The marts, as the event loop asks them."""

    def __init__(self, marts: Marts, *, deadline_s: float, threads: int) -> None:
        """Start no thread yet."""
        self.marts = marts
        self.deadline_s = deadline_s
        self.breaker = Breaker(PAUSE_SECONDS)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="marts")

    async def read(
        self,
        tables: Collection[str],
        tenant: str,
        work: Callable[[Reading], T],
        *,
        seconds: float | None = None,
    ) -> T:
        """What some work makes of a reading.

        Args:
            tables: What it reads.
            tenant: Whose rows.
            work: Is called in a thread.
            seconds: How long it may take; by default as long as every answer.

        Raises:
            PublishError: The serving database does not answer, or not in time.
            StorageError: The lake does not.
        """

        def done(stop: Stop) -> T:
            with self.marts.reading(tables, tenant, stop) as reading:
                return work(reading)

        return await self._in_time(done, (seconds or self.deadline_s) + GRACE_SECONDS)

    async def publications(self) -> dict[str, Publication]:
        """What is published now."""
        return await self._in_time(lambda _: self.marts.publications(), self.deadline_s)

    async def _in_time(self, work: Callable[[Stop], T], seconds: float) -> T:
        if not self.breaker.lets_through():
            raise PublishError(f"the marts ({self.marts.kind}) were away a moment ago")
        stop = Stop()
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, stop)
        try:
            found = await asyncio.wait_for(asyncio.shield(future), seconds)
        except TimeoutError:
            stop()
            future.add_done_callback(_forget)
            self.breaker.failed()
            message = f"the marts ({self.marts.kind}) do not answer within {seconds:g} s"
            raise PublishError(message) from None
        except LakehouseError as error:
            if error.details.get("is_away"):
                self.breaker.failed()
            raise
        self.breaker.answered()
        return found

    def close(self) -> None:
        """Give back threads and connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.marts.close()


class Versions:
    """What is published, as known a moment ago."""

    def __init__(self, reader: Reader) -> None:
        """Nothing is known yet."""
        self._reader = reader
        self._known: Mapping[str, Publication] = {}
        self._known_at = -VERSIONS_SECONDS
        self._asking: asyncio.Task[None] | None = None

    @property
    def is_sure(self) -> bool:
        """Whether the marts have just said so; else they are away, and it was so before."""
        return not self._reader.breaker.is_away

    async def assert_there(self) -> None:
        """Somebody answers.

        Raises:
            PublishError: The marts are away.
            StorageError: Same.
        """
        await self.current()
        if not self.is_sure:
            raise PublishError(f"the marts ({self._reader.marts.kind}) are away")

    async def current(self) -> Mapping[str, Publication]:
        """The published versions; those of before where the marts are away.

        Raises:
            PublishError: The marts are away, and have never answered.
            StorageError: Same.
        """
        if time.monotonic() - self._known_at >= VERSIONS_SECONDS:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            await asyncio.shield(self._asking)
        return self._known

    async def _ask(self) -> None:
        try:
            self._known = await self._reader.publications()
        except LakehouseError:
            if not self._known:
                raise
        else:
            self._known_at = time.monotonic()


def _forget(future: asyncio.Future[Any]) -> None:
    """What comes too late is nothing that anybody waits for, nor is why it failed."""
    if not future.cancelled():
        future.exception()
