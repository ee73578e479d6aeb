"""How answers are kept, in this process and in a real Redis or Valkey."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
import redis
from api.outages import wire

from lakehouse.api.cache import HIT, MISS, PREFIX, STALE, Cache, Kept
from lakehouse.api.caching import ByVersion, RefreshAhead, TimeToLive
from lakehouse.engines.ports import LOOPBACK
from lakehouse.errors import ConfigError, PublishError
from lakehouse.settings import load_settings


@pytest.fixture(params=["here", pytest.param("redis", marks=pytest.mark.serving)])
def cache_url(request):
    if request.param == "here":
        return "mem://"
    port = request.getfixturevalue("redis_port")
    redis.Redis(LOOPBACK, port).flushall()
    return f"redis://{LOOPBACK}:{port}"


class Maker:
    """Makes answers and counts them."""

    def __init__(self, marks="v1", seconds=0.0):
        self.n, self.marks, self.seconds = 0, marks, seconds

    async def __call__(self):
        self.n += 1
        body = b"%d\n%s" % (self.n, self.marks.encode())
        await asyncio.sleep(self.seconds)
        if self.marks == "away":
            raise PublishError("away")
        if self.marks == "broken":
            raise ConfigError("broken")
        return Kept(body, "text/csv", {"A": "é"}, '"e"', self.marks, n_rows=1)


def through(cache_url, work, **settings):
    """What some work makes of a cache."""

    async def run():
        cache = Cache(load_settings(cache_url=cache_url, **settings))
        try:
            return await work(cache)
        finally:
            await cache.close()

    return asyncio.run(run())


def test_a_time_to_live_keeps_an_answer_for_its_time(cache_url):
    async def work(cache):
        make, strategy = Maker(), TimeToLive(0.3)
        told = [await cache.answer(strategy, "k", marks, make) for marks in ("v1", "v2")]
        await asyncio.sleep(0.4)
        return [*told, await cache.answer(strategy, "k", "v2", make)]

    told = through(cache_url, work)
    assert [(kept.body[:1], how) for kept, how in told] == [(b"1", MISS), (b"1", HIT), (b"2", MISS)]
    assert told[1][0] == replace(told[0][0])  # as it was made, headers and all


def test_a_publication_makes_older_answers_unreachable(cache_url):
    async def work(cache):
        make, strategy = Maker(), ByVersion()
        first = await cache.answer(strategy, "k", "v1", make)
        make.marks = "v2"
        return first, *[await cache.answer(strategy, "k", "v2", make) for _ in range(2)]

    told = through(cache_url, work)
    assert [(kept.marks, how) for kept, how in told] == [("v1", MISS), ("v2", MISS), ("v2", HIT)]


def test_an_answer_is_kept_under_the_versions_that_it_was_made_of(cache_url):
    """Something is published between the look at the versions and the reading."""

    async def work(cache):
        make = Maker("v2")
        return [await cache.answer(ByVersion(), "k", marks, make) for marks in ("v1", "v2", "v1")]

    assert [how for _, how in through(cache_url, work)] == [MISS, HIT, MISS]


def test_a_hot_answer_is_made_anew_before_it_ends_and_nobody_waits(cache_url):
    async def work(cache):
        make, strategy = Maker(), RefreshAhead(seconds=5, ahead=0.2)
        await cache.answer(strategy, "k", "v1", make)
        make.seconds = 0.1
        await asyncio.sleep(0.25)
        asked_at = time.monotonic()
        old = [await cache.answer(strategy, "k", "v1", make) for _ in range(20)]
        took = time.monotonic() - asked_at
        await asyncio.sleep(0.2)
        new = await cache.answer(strategy, "k", "v1", make)
        make.marks = "v2"
        newer = await cache.answer(strategy, "k", "v2", make)  # published: in the background, too
        await asyncio.sleep(0.2)
        return old, took, new, newer, await cache.answer(strategy, "k", "v2", make), make.n

    old, took, new, newer, newest, n = through(cache_url, work)
    assert {(kept.body[:1], how) for kept, how in old} == {(b"1", HIT)}
    assert took < 0.1
    assert [each[0].body[:1] for each in (new, newer, newest)] == [b"2", b"2", b"3"]
    assert n == 3


def test_those_who_ask_at_once_share_one_making(cache_url):
    async def work(cache):
        make = Maker(seconds=0.1)
        asked = (cache.answer(ByVersion(), "k", "v1", make) for _ in range(50))
        await asyncio.gather(*asked)
        return make.n

    assert through(cache_url, work) == 1


def test_a_failure_is_told_to_all_who_wait_and_is_not_kept(cache_url):
    async def work(cache):
        make = Maker("away", seconds=0.05)
        asked = (cache.answer(ByVersion(), "k", "v1", make) for _ in range(5))
        failed = await asyncio.gather(*asked, return_exceptions=True)
        make.marks = "v1"
        return failed, await cache.answer(ByVersion(), "k", "v1", make)

    failed, (kept, how) = through(cache_url, work)
    assert [type(each) for each in failed] == [PublishError] * 5
    assert (kept.body[:1], how) == (b"2", MISS)


def test_what_is_no_longer_fresh_is_told_where_it_cannot_be_made_anew(cache_url):
    async def work(cache):
        make, strategy = Maker(), TimeToLive(0.1)
        await cache.answer(strategy, "k", "v1", make)
        await asyncio.sleep(0.2)
        make.marks = "away"
        stale = await cache.answer(strategy, "k", "v1", make)
        make.marks = "broken"
        with pytest.raises(ConfigError):  # nothing that passes by itself
            await cache.answer(strategy, "k", "v1", make)
        make.marks = "v1"
        return stale, await cache.answer(strategy, "k", "v1", make)

    told = through(cache_url, work)
    assert [(kept.body[:1], how) for kept, how in told] == [(b"1", STALE), (b"4", MISS)]


@pytest.mark.serving
def test_what_another_process_made_is_told_when_the_shared_cache_is_away_too(redis_port):
    redis.Redis(LOOPBACK, redis_port).flushall()
    with wire(redis_port) as between:
        url = f"redis://{LOOPBACK}:{between.port}"

        async def ask(cache):
            return await cache.answer(ByVersion(), "k", "v1", Maker())

        async def ask_twice(cache):
            first = await ask(cache)
            between.become("down")
            return first, await ask(cache)

        through(url, ask, cache_timeout_s=2)
        told = through(url, ask_twice, cache_timeout_s=2)
    assert [how for _, how in told] == [HIT, HIT]


@pytest.mark.serving
def test_what_somebody_else_wrote_into_the_cache_is_no_answer(redis_port):
    client = redis.Redis(LOOPBACK, redis_port)

    async def work(cache):
        make, found = Maker(), []
        for forged in (b"\x80\x04N.", b"{}\nbody", b"", b'{"a": 1}\n'):
            client.flushall()
            client.set(f"{PREFIX}k", forged)
            found.append(await cache.answer(TimeToLive(9), "k", "v1", make))
        return found

    found = through(f"redis://{LOOPBACK}:{redis_port}", work)
    assert [how for _, how in found] == [MISS] * 4
