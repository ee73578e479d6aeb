"""Watching: a look every so many seconds, its changes told by alerts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from lakehouse.api.health import book
from lakehouse.api.health.checks import Check, State, checks
from lakehouse.api.health.measures import Measures
from lakehouse.errors import LockedError
from lakehouse.io.locks import file_lock, lock_folder
from lakehouse.observability.alerts import Severity
from lakehouse.observability.incidents import Observation
from lakehouse.streaming.telling import Teller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings

WATCHER = "health"
"""Under which alerts of health are kept, and the lock of who tells them."""
_LOG = logging.getLogger("lakehouse.api")


def _utc() -> datetime:
    return datetime.now(UTC)


def look(settings: Settings, registry: Registry, now: datetime) -> list[Check]:
    """The five checks, and since when each is as it is."""
    return book.with_since(settings, checks(settings, registry, now), now)


def overall(found: list[Check]) -> State:
    """Failing where a check fails; unknown where none has anything to be judged by; else ok."""
    states = {each.state for each in found}
    if State.FAILING in states:
        return State.FAILING
    return State.OK if State.OK in states else State.UNKNOWN


class Health:
    """What one process of the API knows of health; of several, one tells people."""

    def __init__(
        self, settings: Settings, registry: Registry, *, clock: Callable[[], datetime] = _utc
    ) -> None:
        """Nothing is looked at yet."""
        self.measures = Measures()
        self._settings, self._registry, self._clock = settings, registry, clock
        self._source = f"{socket.gethostname()}:{os.getpid()}"
        self._held, self._teller = ExitStack(), None  # type: ExitStack, Teller | None
        self._found: tuple[datetime, list[Check]] | None = None
        self._looking = Lock()

    def found(self) -> tuple[datetime, list[Check]]:
        """The newest look; a new one where it is older than the interval.

        Raises:
            LakehouseError: The lake does not answer.
        """
        with self._looking:
            now = self._clock()
            newest = self._found
            interval = self._settings.health_interval_s
            if newest is None or (now - newest[0]).total_seconds() >= interval:
                newest = self._found = now, self._look(now)
            return newest

    def _look(self, now: datetime) -> list[Check]:
        p99_ms, n = self.measures.p99_ms()
        if n:
            book.write_latency(self._settings, self._source, p99_ms, n, now)
        seen = look(self._settings, self._registry, now)
        self.measures.saw(seen)
        with _harmless("telling of health"):
            self._tell(seen, now)
        return seen

    def _tell(self, seen: list[Check], now: datetime) -> None:
        if self._teller is None:
            path = lock_folder(self._settings) / WATCHER  # no `.lock`: it is of no table
            try:
                self._held.enter_context(file_lock(path, "the watch over health", 0))
            except LockedError:
                return  # another process tells
            self._teller = Teller(self._settings, WATCHER, say=_LOG.warning, harmless=_harmless)
        self._teller.see([_observation(each) for each in seen if _is_known(each)], now)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            with _harmless("looking at health"):
                await asyncio.to_thread(self.found)
            await asyncio.sleep(self._settings.health_interval_s)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch meanwhile."""
        task = asyncio.create_task(self.watch())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with self._looking:
                self._held.close()
                self._teller = None


def _is_known(check: Check) -> bool:
    return check.state is not State.UNKNOWN


def _observation(check: Check) -> Observation:
    key = f"health:{check.name}"
    if check.state is State.OK:
        return Observation(key)
    title = f"health: {check.name} is failing"
    return Observation(key, Severity.CRITICAL, title, check.text, check.runbook)


@contextmanager
def _harmless(doing: str) -> Iterator[None]:
    """What fails here is logged: watching must not stop what is watched."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # see above
        _LOG.warning("%s: %s", doing, error)
