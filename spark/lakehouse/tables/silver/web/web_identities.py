"""Which user a device belongs to over time. One row per device (anonymous_id) and interval.

The events that tell both say so, and it holds until they tell another user. The first user of a
device also has what the device did before it was known. A pair that the policy names as merged by
mistake counts as if it was never told.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics.web_policies import Stitching
from lakehouse.spec import (
    STRING,
    Column,
    Dedupe,
    LeftOut,
    Scd2,
    Table,
    no_overlap,
    not_empty,
    not_null,
    unique,
)
from lakehouse.spec.table import SCD2_MOMENT_COLUMNS
from lakehouse.tables.bronze.web import web_events

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

BEFORE_ALL = "1970-01-01 00:00:00"
EARLIEST_RECEIVED = ("coalesce(received_at, timestamp) asc", "_row_id asc")
"""Of several records of one event, the earliest received counts; ties by content."""

TABLE = Table(
    name="silver.web_identities",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE,),
    columns=(
        Column("anonymous_id", STRING, "Device or browser.", nullable=False, pii=True),
        Column("user_id", STRING, "User it belongs to in this interval.", nullable=False, pii=True),
        *SCD2_MOMENT_COLUMNS,
    ),
    write=Scd2(keys=("anonymous_id",), tracked=("user_id",), sequence_by="told_at"),
    policies=(Stitching,),
    dedupe=Dedupe(keys=("event_id",), order_by=EARLIEST_RECEIVED),
    left_out=LeftOut(
        where="anonymous_id IS NULL OR user_id IS NULL",
        reason="events that do not tell both a device and a user",
    ),
    requires=(not_empty("bronze.web_events"),),
    may_be_empty="nobody logged in",
    ensures=(
        not_null("anonymous_id", "user_id", "effective_from"),
        unique("anonymous_id", "effective_from"),
        unique("anonymous_id", where="is_current"),
        no_overlap(),
    ),
    cluster_by=("anonymous_id",),
)


def transform(web_events: DataFrame, run: Run) -> DataFrame:
    """Logins as changes; the SCD2 write derives the intervals.

    Of logins at one moment that of the lowest event_id counts.
    """
    in_time = Window.partitionBy("anonymous_id").orderBy("event_at")
    told = (
        web_events.filter(_is_meant(run.policies.of(Stitching)))
        .groupBy("anonymous_id", "event_at")
        .agg(F.min_by("user_id", "event_id").alias("user_id"))
    )
    is_first = F.row_number().over(in_time) == 1
    before_all = F.lit(BEFORE_ALL).cast("timestamp")
    return told.select(
        "anonymous_id",
        "user_id",
        F.when(is_first, before_all).otherwise(F.col("event_at")).alias("told_at"),
        F.lit(False).alias("is_deleted"),
    )


def _is_meant(policy: Stitching) -> Expression:
    """Whether a login is none of those merged by mistake."""
    mistakes = (
        (F.col("anonymous_id") == pair.anonymous_id) & (F.col("user_id") == pair.user_id)
        for pair in policy.unmerge
    )
    return ~reduce(lambda a, b: a | b, mistakes, F.lit(False))
