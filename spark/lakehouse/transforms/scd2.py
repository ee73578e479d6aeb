"""Changes → validity intervals (slowly changing dimension, type 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.transforms.numbers import as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Scd2

OPEN_END = "9999-12-31"
IS_DELETED = "is_deleted"


def record_hash(columns: Sequence[str]) -> Column:
    """MD5 over columns as JSON with nulls kept: null differs from '' and fields cannot run over."""
    return F.md5(as_json(*columns))


def intervals(changes: DataFrame, write: Scd2) -> DataFrame:
    """Build the half-open intervals [effective_from, effective_to) of every key.

    A change equal to the one before it opens nothing; a delete closes the open interval and opens
    none. The result depends on the set of changes only, never on their order of arrival.

    Args:
        changes: At most one row per key and date or moment: keys, tracked columns, the sequence
            column and `is_deleted`. Must hold the whole history of each of its keys.
        write: Keys, tracked columns and the sequence column.

    Returns:
        One row per key and interval: keys, tracked columns, effective_from, effective_to,
        is_current, record_hash.
    """
    in_time = Window.partitionBy(*write.keys).orderBy(F.col(write.sequence_by).asc())
    state = F.when(F.col(IS_DELETED), F.lit(IS_DELETED)).otherwise(F.col("record_hash"))
    opens_or_closes = ~F.col("_state").eqNullSafe(F.lag("_state").over(in_time))
    ends = F.lead(write.sequence_by).over(in_time)
    types = {field.name: field.dataType for field in changes.schema.fields}
    never = F.lit(OPEN_END).cast(types[write.sequence_by])
    return (
        changes.withColumn("record_hash", record_hash(write.tracked))
        .withColumn("_state", state)
        .withColumn("_is_change", opens_or_closes)
        .filter("_is_change")
        .withColumn("effective_to", F.coalesce(ends, never))
        .filter(~F.col(IS_DELETED))
        .select(
            *write.keys,
            *write.tracked,
            F.col(write.sequence_by).alias("effective_from"),
            "effective_to",
            (F.col("effective_to") == never).alias("is_current"),
            "record_hash",
        )
    )
