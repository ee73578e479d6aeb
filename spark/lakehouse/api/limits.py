"""How often a caller may ask: a bucket of tokens that fills up again at a steady rate.

With a Redis or Valkey the processes share the buckets; while it is away each has its own, so that
a limit holds in any case.
"""

from __future__ import annotations

import asyncio
import math
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from lakehouse.api.breaker import Breaker
from lakehouse.api.problems import ProblemError

if TYPE_CHECKING:
    from lakehouse.api.roles import Caller
    from lakehouse.settings import Settings

MOST_BUCKETS = 10_000
PAUSE_SECONDS = 1.0
_TAKE = """
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tokens = tonumber(kept[1]) or burst
tokens = math.min(burst, tokens + math.max(0, now - (tonumber(kept[2]) or now)) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return tostring(wait)
"""


class Buckets(Protocol):
    """Where tokens are."""

    async def take(self, key: str) -> float:
        """Take one; seconds until there is one again, 0 when it was there."""
        ...


class Here:
    """Buckets of this process."""

    def __init__(self, rate: float, burst: int) -> None:
        """All are full."""
        self._rate, self._burst = rate, burst
        self._kept: dict[str, tuple[float, float]] = {}

    async def take(self, key: str) -> float:
        """See `Buckets`."""
        now = time.monotonic()
        tokens, at = self._kept.get(key, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        if tokens < 1:
            return (1 - tokens) / self._rate
        if len(self._kept) >= MOST_BUCKETS:
            self._forget_full(now)
        self._kept[key] = (tokens - 1, now)
        return 0.0

    def _forget_full(self, now: float) -> None:
        """A bucket that has filled up since is as good as none."""
        fills_in = self._burst / self._rate
        self._kept = {key: each for key, each in self._kept.items() if now - each[1] < fills_in}


class Shared:
    """Buckets in a Redis or Valkey, which counts by its own clock."""

    def __init__(self, client: Redis, rate: float, burst: int) -> None:
        """Ask nothing yet."""
        self._take = client.register_script(_TAKE)
        self._arguments = (rate, burst)

    async def take(self, key: str) -> float:
        """See `Buckets`."""
        return float(await self._take(keys=[f"lakehouse:api:tokens:{key}"], args=self._arguments))


class Limits:
    """The buckets of all callers."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        rate, burst = settings.api_rate, settings.api_burst
        self._rate = rate
        self._here: Buckets = Here(rate, burst)
        self._breaker, self._timeout_s = Breaker(PAUSE_SECONDS), settings.cache_timeout_s
        url = settings.cache_url.get_secret_value()
        self._client = None if url.startswith("mem") else _client(url, self._timeout_s)
        self._shared: Buckets | None = Shared(self._client, rate, burst) if self._client else None

    async def take(self, caller: Caller) -> None:
        """Take a token of a caller.

        Raises:
            ProblemError: The bucket is empty; says when there is one again.
        """
        wait = await self._wait(caller.id)
        if wait > 0:
            seconds = max(1, math.ceil(wait))
            detail = f"more than {self._rate:g} requests a second; ask again in {seconds} s"
            headers = {"Retry-After": str(seconds)}
            status = HTTPStatus.TOO_MANY_REQUESTS
            raise ProblemError(status, "too-many-requests", detail, headers=headers)

    async def _wait(self, key: str) -> float:
        if self._shared and self._breaker.lets_through():
            try:
                async with asyncio.timeout(self._timeout_s):
                    wait = await self._shared.take(key)
            except (RedisError, OSError, TimeoutError):
                self._breaker.failed()
            else:
                self._breaker.answered()
                return wait
        return await self._here.take(key)

    async def close(self) -> None:
        """Give back connections."""
        if self._client:
            await self._client.aclose()


def _client(url: str, timeout_s: float) -> Redis:
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
