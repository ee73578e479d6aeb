"""Answers of before: in this process, or in a Redis or Valkey that several share."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from cashews import Cache as Cashews

from lakehouse.api.breaker import Breaker
from lakehouse.api.caching import ByVersion, RefreshAhead, Strategy
from lakehouse.errors import LakehouseError

if TYPE_CHECKING:
    from lakehouse.settings import Settings

HIT, MISS, STALE = "hit", "fwd=miss", "fwd=stale"
KEPT_SECONDS = 3600.0
"""So long an answer is kept, however short it is fresh: for when the marts are away."""
PAUSE_SECONDS = 1.0
MOST_KEPT = 5_000
"""Answers in this process; the least recently used goes."""
PREFIX = "lakehouse:api:1:"
"""Another layout of entries gets another number: old ones are not understood, and die out."""


@dataclass(frozen=True)
class Kept:
    """An answer.

    Attributes:
        body: As the client reads it.
        media: Its media type.
        headers: What is told beside it.
        etag: Its name.
        marks: The versions it is made of.
        n_rows: How many rows it tells.
        at: When it was made, seconds since 1970.
    """

    body: bytes
    media: str
    headers: dict[str, str]
    etag: str
    marks: str
    n_rows: int
    at: float = 0.0

    def packed(self) -> bytes:
        """As bytes: no pickle, whose reading could run what somebody put into the cache."""
        about = {name: value for name, value in asdict(self).items() if name != "body"}
        return json.dumps(about).encode() + b"\n" + self.body

    @classmethod
    def unpacked(cls, data: object) -> Kept | None:
        """What `packed` made; None of anything else."""
        if not isinstance(data, bytes):
            return None
        about, _, body = data.partition(b"\n")
        try:
            return cls(body=body, **json.loads(about))
        except (ValueError, TypeError):
            return None


Make = Callable[[], Awaitable[Kept]]


class Cache:
    """Keeps answers, each as its strategy says, and makes one of a kind at a time."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        url = settings.cache_url.get_secret_value()
        self._timeout_s = settings.cache_timeout_s
        self._breaker = Breaker(PAUSE_SECONDS)
        self._here, self._shared = Cashews(), None if url.startswith("mem") else Cashews()
        self._here.setup("mem://", size=MOST_KEPT, check_interval=10)
        if self._shared:
            self._shared.setup(
                url,
                suppress=False,
                pickle_type="null",
                socket_timeout=self._timeout_s,
                socket_connect_timeout=self._timeout_s,
                wait_for_connection_timeout=self._timeout_s,
                max_connections=32,
            )
        self._making: dict[str, asyncio.Task[Kept]] = {}

    @property
    def is_away(self) -> bool:
        """Whether the shared cache does not answer: what is kept here goes on."""
        return self._breaker.is_away

    async def answer(
        self, strategy: Strategy, key: str, marks: str, make: Make
    ) -> tuple[Kept, str]:
        """An answer of before or a new one, and which of them.

        Args:
            strategy: How this endpoint's answers are kept.
            key: What was asked.
            marks: The published versions that it follows from now.
            make: Makes it.

        Raises:
            LakehouseError: It could not be made, and none was kept that may be told instead.
        """
        place = _place(strategy, key, marks)
        kept = await self._get(place)
        if kept is None or not _is_fresh(strategy, kept):
            task = self._making.get(place) or self._start(strategy, key, marks, make)
            try:
                return await asyncio.shield(task), MISS
            except LakehouseError as error:
                if kept is None or not error.retry:
                    raise
                return kept, STALE
        if isinstance(strategy, RefreshAhead):
            is_due = time.time() - kept.at > strategy.ahead or kept.marks != marks
            if is_due and place not in self._making:
                self._start(strategy, key, marks, make)
        return kept, HIT

    def _start(self, strategy: Strategy, key: str, marks: str, make: Make) -> asyncio.Task[Kept]:
        """Make an answer, once for all who ask meanwhile."""
        asked = _place(strategy, key, marks)

        async def done() -> Kept:
            try:
                kept = replace(await make(), at=time.time())
                # Something newer may have been published since the look at the versions.
                await self._set(_place(strategy, key, kept.marks), kept)
                return kept
            finally:
                del self._making[asked]

        task = asyncio.create_task(done())
        task.add_done_callback(_seen)
        self._making[asked] = task
        return task

    async def _get(self, place: str) -> Kept | None:
        if self._shared and self._breaker.lets_through():
            try:
                async with asyncio.timeout(self._timeout_s):
                    found = await self._shared.get(PREFIX + place)
                self._breaker.answered()
            except Exception:  # noqa: BLE001  # whatever its client raises: answers go on
                self._breaker.failed()
            else:
                kept = Kept.unpacked(found)
                if kept is not None:  # for when that one is away, too
                    left = kept.at + KEPT_SECONDS - time.time()
                    await self._here.set(place, kept, expire=max(left, 1.0))
                return kept
        kept = await self._here.get(place)
        return kept if isinstance(kept, Kept) else None

    async def _set(self, place: str, kept: Kept) -> None:
        await self._here.set(place, kept, expire=KEPT_SECONDS)
        if self._shared and self._breaker.lets_through():
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._shared.set(PREFIX + place, kept.packed(), expire=KEPT_SECONDS)
                self._breaker.answered()
            except Exception:  # noqa: BLE001  # same
                self._breaker.failed()

    async def close(self) -> None:
        """Give back connections."""
        for cache in (self._here, self._shared):
            if cache:
                await cache.close()


def _place(strategy: Strategy, key: str, marks: str) -> str:
    """Where an answer is kept."""
    return f"{key}:{marks}" if isinstance(strategy, ByVersion) else key


def _is_fresh(strategy: Strategy, kept: Kept) -> bool:
    return isinstance(strategy, ByVersion) or time.time() - kept.at < strategy.seconds


def _seen(task: asyncio.Task[Kept]) -> None:
    """That a refresh failed is no news to asyncio: whoever waits for an answer is told."""
    if not task.cancelled():
        task.exception()
