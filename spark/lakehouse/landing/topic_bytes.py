"""Ranges of a topic that end where a run's share of bytes is used up.

Kafka tells offsets, not bytes: what a range weighs is known when its records were seen. So they are
weighed first, on the way from the broker's memory to nowhere, and the ranges are cut before a run
begins. It then reads them as if nothing more had been there, in one task or many, and stores the
position of what it read; a run that died weighs anew and begins at the same offsets.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from lakehouse.landing.reader.topic_format import polled

if TYPE_CHECKING:
    from lakehouse.landing.topic import Range, TopicArrivals

AT_ONCE = 8
"""Partitions that are weighed side by side."""


def within(found: TopicArrivals, most: int) -> TopicArrivals:
    """What arrived, as far as the keys and values of its records have so many bytes together.

    Each partition has of them what it has of the offsets, and at least its first record, or one
    that is longer than all would block it.

    Raises:
        UpstreamMissingError: The broker does not answer.
        InputQualityError: Records were deleted meanwhile.
    """
    if found.offsets is None or not found.ranges or not most:
        return found
    shares = (most * (each.end - each.start) // found.n for each in found.ranges)
    with ThreadPoolExecutor(AT_ONCE) as pool:  # most of the time a broker is waited for
        ranges = tuple(pool.map(_cut, found.ranges, shares))
    reached = {each.partition: each.end for each in ranges}
    later = found.n - sum(each.end - each.start for each in ranges)
    return replace(
        found,
        offsets=replace(found.offsets, next={**found.offsets.next, **reached}),
        ranges=ranges,
        waiting=found.waiting + later,
    )


def _cut(each: Range, most: int) -> Range:
    """A range up to the record with which it would have more bytes."""
    n_bytes, is_first = 0, True
    for messages in polled(each):
        for message in messages:
            n_bytes += len(message) + len(message.key() or b"")
            if n_bytes > most and not is_first:
                return replace(each, end=message.offset() or each.end)
            is_first = False
    return each
