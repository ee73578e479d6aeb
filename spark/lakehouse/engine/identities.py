"""Which rows of a delivery repeat each other: found by some bits of their identity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.engines.protocols import Engine

PLACE = "_place"
"""Of a row among all that are read."""
SHORT = "_short_id"
"""60 bits of its identity: few rows share them that are not repeats."""


@dataclass(frozen=True)
class Identities:
    """Which identities stand several times among the good rows.

    Attributes:
        rows: All rows.
        bad: Those of which are not good.
        distinct: Identities of the good ones.
        repeated: Those that stand several times, and the first place of each; None without any.
    """

    rows: int
    bad: int
    distinct: int
    repeated: DataFrame | None

    @classmethod
    def of(
        cls, engine: Engine, good: DataFrame, bad: DataFrame, *, earliest: str = ""
    ) -> Identities:
        """Count them: some bits of each are shuffled, and the whole of those that share them.

        Args:
            engine: Counts.
            good: Rows with an identity.
            bad: Rows without.
            earliest: Column of a day by which the first of several is told, before their places.
        """
        nothing = F.lit(None).cast("bigint").alias(SHORT)
        is_good, is_shared = F.col(SHORT).isNotNull(), F.col("_n") > 1
        every = good.select(SHORT).unionByName(bad.select(nothing))
        shorts = engine.observe(
            every.groupBy(SHORT).agg(F.count(F.lit(1)).alias("_n")),
            rows=F.sum("_n"),
            bad=F.sum(F.when(~is_good, F.col("_n"))),
            distinct=F.count_if(is_good),
            shared=F.count_if(is_good & is_shared),
        )
        shared = engine.keep(shorts.rows.filter(is_good & is_shared).select(SHORT))
        counted = shorts.counts()
        n_shared = counted.pop("shared")
        if not n_shared:
            return cls(**counted, repeated=None)
        days = [F.coalesce(earliest, F.lit(date.max)).alias("_day")] if earliest else []
        suspects = good.select("_row_id", PLACE, SHORT, *days).join(
            engine.few(shared, n_shared), SHORT, "left_semi"
        )
        whole = engine.observe(
            suspects.groupBy("_row_id").agg(
                F.count(F.lit(1)).alias("_n"),
                (F.min_by(PLACE, F.struct("_day", PLACE)) if days else F.min(PLACE)).alias(
                    "_first"
                ),
            ),
            distinct=F.count(F.lit(1)),
        )
        repeated = engine.keep(whole.rows.filter(is_shared).select("_row_id", "_first"))
        counted["distinct"] += whole.counts()["distinct"] - n_shared
        return cls(**counted, repeated=engine.few(repeated, n_shared))


def first_of_each(rows: DataFrame, repeated: DataFrame | None) -> DataFrame:
    """The rows without repeats, in the order and the partitions they have."""
    if repeated is None:
        return rows
    found = rows.join(repeated, "_row_id", "left")
    is_first = F.col("_first").isNull() | (F.col("_first") == F.col(PLACE))
    return found.filter(is_first).drop("_first")
