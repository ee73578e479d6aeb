"""Country, device and plan of every user over time. One row per user and validity interval.

A record takes effect at its `updated_at`. Without it, a user's first record takes effect on the
join date, and a later one that differs on the day in the path of its file
(`user_metadata/2026-01-05.csv`) or, without such a day, on the day of its ingestion. The same times
decide which record is the first. With `LAKEHOUSE_PROFILES_SINCE_JOINING` every first record takes
effect on the join date, for exports of the current state, which only know the last change.

Of several records of a user with the same time, that of the later dated file counts, within a file
that with the lowest row id; a record in several files belongs to the earliest of them. If several
take effect at the same time, the one that became known last counts. A record that repeats the
previous state opens no interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.settings import current_settings
from lakehouse.spec import (
    DATE,
    STRING,
    Column,
    Dedupe,
    Scd2,
    Table,
    covers_history,
    no_overlap,
    not_empty,
    not_null,
    unique,
)
from lakehouse.spec.table import SCD2_MOMENT_COLUMNS
from lakehouse.tables.bronze import user_metadata
from lakehouse.tables.bronze.user_metadata import KNOWN_AT
from lakehouse.transforms.dedupe import DEDUPLICATED, FATE, LOADED, TOO_LATE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="silver.user_profiles",
    owner="interactions",
    domain="interactions",
    inputs=(user_metadata.TABLE,),
    columns=(
        Column("user_id", STRING, "Natural key of the user.", nullable=False),
        Column("join_date", DATE, "Day the user joined, as known in this interval."),
        Column("country", STRING, "Country in this interval."),
        Column("device_type", STRING, "Device in this interval."),
        Column("subscription_type", STRING, "Plan in this interval."),
        *SCD2_MOMENT_COLUMNS,
    ),
    write=Scd2(
        keys=("user_id",),
        tracked=("join_date", "country", "device_type", "subscription_type"),
        sequence_by="effective_from",
    ),
    settings=("profiles_since_joining",),
    dedupe=Dedupe(keys=("user_id", KNOWN_AT), order_by=("file_date desc", "_row_id asc")),
    # A user's first record of these counts from the join date on, whenever it arrived.
    never_late="updated_at IS NULL AND file_date IS NULL",
    requires=(not_empty("bronze.user_metadata"),),
    ensures=(
        not_empty(),
        not_null("user_id", "effective_from", "effective_to"),
        unique("user_id", where="is_current"),
        unique("user_id", "effective_from"),
        no_overlap(),
        covers_history("user_id"),
    ),
    cluster_by=("user_id",),
)


def fates(user_metadata: DataFrame, run: Run) -> DataFrame:
    """Add when a record takes effect, which follows from the user's other records that count.

    Of several that take effect at one moment one counts; what takes effect after the as-of date is
    too late.
    """
    counts = F.col(FATE) == LOADED
    in_time = Window.partitionBy("user_id", FATE).orderBy(F.col("known_at").asc())
    one_moment = Window.partitionBy("user_id", FATE, "effective_from")
    is_first = F.row_number().over(in_time) == 1
    day = F.when(is_first, F.col("join_date")).otherwise(F.to_date("known_at"))
    told = F.col("updated_at")
    if current_settings().profiles_since_joining:  # never later than the record itself
        told = F.when(is_first, F.least(told, F.col("join_date").cast("timestamp"))).otherwise(told)
    is_too_late = F.to_date("effective_from") > F.lit(run.as_of)
    is_superseded = F.row_number().over(one_moment.orderBy(F.col("known_at").desc())) > 1
    return (
        user_metadata.withColumn("known_at", F.expr(KNOWN_AT))
        .withColumn("effective_from", F.coalesce(told, day.cast("timestamp")))
        .withColumn("_is_superseded", is_superseded)
        .withColumn(
            FATE,
            F.when(counts & is_too_late, TOO_LATE)
            .when(counts & F.col("_is_superseded"), DEDUPLICATED)
            .otherwise(F.col(FATE)),
        )
    )


def transform(user_metadata: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Records as changes; the SCD2 write derives the intervals."""
    return user_metadata.select(
        "user_id",
        "join_date",
        "country",
        "device_type",
        "subscription_type",
        "effective_from",
        F.lit(False).alias("is_deleted"),
    )
