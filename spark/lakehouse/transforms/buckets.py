"""Rows → how many lie in each range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import Column

    from lakehouse.metrics.buckets import Bucket


def counts(buckets: Iterable[Bucket]) -> list[Column]:
    """Aggregates of rows, one a bucket."""
    return [F.count_if(_is_in(bucket)).alias(bucket.name) for bucket in buckets]


def _is_in(bucket: Bucket) -> Column:
    value = F.col(bucket.figure)
    return value >= bucket.low if bucket.high is None else value.between(bucket.low, bucket.high)
