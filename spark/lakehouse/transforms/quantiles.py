"""Exact quantiles of groups by one sort, which spills where memory ends; none is held as a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.transforms.dialect import ON_DUCKDB
from lakehouse.transforms.dimensions import mixes
from lakehouse.transforms.in_tasks import in_tasks
from lakehouse.transforms.numbers import steady

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame


def quantiles(
    counted: DataFrame,
    by: Sequence[str],
    value: str,
    shares: Sequence[float],
    *also: Column,
) -> DataFrame:
    """One row per group: its columns, `n`, `quantiles` in the order of `shares`, and `also`.

    A quantile stands at place share * (n - 1) of the group's values in order, counted from 0,
    interpolated between its neighbours (type 7 of Hyndman and Fan, 1996; SQL's PERCENTILE_CONT).

    Args:
        counted: Rows with a value, and how often it is there in `times`.
        by: Columns of the group; null is a value like any other.
        value: Column of a number, never null.
        shares: Of the values below the quantile, from 0 to 1.
        also: Further aggregates of the same rows, with names.
    """
    group = Window.partitionBy(*by)
    up_to_here = group.orderBy(value).rowsBetween(Window.unboundedPreceding, Window.currentRow)
    placed = counted.withColumns(
        {"_n": F.sum("times").over(group), "_upto": F.sum("times").over(up_to_here)}
    )
    places = [F.lit(share) * (F.col("_n") - 1) for share in shares]
    neighbours = [
        F.max(_at(rounded(place), value)).alias(f"_{side}_{i}")
        for i, place in enumerate(places)
        for side, rounded in (("low", F.floor), ("high", F.ceil))
    ]
    found = placed.groupBy(*by).agg(*also, F.max("_n").alias("_n"), *neighbours)
    return found.select(
        *by,
        F.col("_n").cast("bigint").alias("n"),
        F.array(*(_between(i, place) for i, place in enumerate(places))).alias("quantiles"),
        *found.columns[len(by) : len(by) + len(also)],
    )


def quantiles_of_small_groups(
    counted: DataFrame,
    by: Sequence[str],
    value: str,
    shares: Sequence[float],
    *also: Column,
) -> DataFrame:
    """As `quantiles`, to the last bit, where the distinct values of every group fit into memory.

    Spark counts them in a map, in one pass; DuckDB has no percentile of counted values, and sorts.
    """
    if ON_DUCKDB:
        return quantiles(counted, by, value, shares, *also)
    wanted = F.array(*(F.lit(float(share)) for share in shares))
    return counted.groupBy(*by).agg(
        F.sum("times").alias("n"),
        F.percentile(value, wanted, F.col("times")).alias("quantiles"),
        *also,
    )


def quantiles_of_mixes(
    rows: DataFrame,
    by: Sequence[str],
    parts: Sequence[str],
    value: str,
    shares: Sequence[float],
) -> DataFrame:
    """As `quantiles`, for every mix of parts that are told (null: whatever it is) or not.

    DuckDB computes them on both engines, on Spark inside its tasks: Spark repeats each row for each
    mix, in seven times the processor time. It weighs neighbours in another way than `quantiles`,
    which six decimals do not show of whole numbers and shares in percent, which need two. A task
    holds about 50 bytes a row in memory.

    Args:
        rows: The columns of the groups, and the value.
        by: Columns of every group, at least one.
        parts: Columns of text, never null.
        value: Column of a number, never null.
        shares: Whole percents.
    """
    if ON_DUCKDB:
        sets = [[*by, *mix] for mix in mixes(parts)]
        wanted = F.array(*(F.lit(float(share)) for share in shares))
        found = rows.groupingSets(sets, *by, *parts).agg(
            F.count(F.lit(1)).alias("n"), F.percentile(value, wanted).alias("quantiles")
        )
    else:
        queries = [_of_mix(by, parts, mix, value, shares) for mix in mixes(parts)]
        kinds = dict(rows.dtypes)
        types = ", ".join(f"`{name}` {kinds[name]}" for name in (*by, *parts))
        given = rows.select(*by, *parts, value)
        found = in_tasks(given, by, queries, f"{types}, n bigint, quantiles array<double>")
    rounded = F.transform("quantiles", lambda quantile: steady(quantile, 6))
    return found.select(*by, *parts, "n", rounded.alias("quantiles"))


def _of_mix(
    by: Sequence[str], parts: Sequence[str], mix: Sequence[str], value: str, shares: Sequence[float]
) -> str:
    """The quantiles of one mix, in DuckDB's SQL."""
    told = [part if part in mix else f"CAST(NULL AS VARCHAR) AS {part}" for part in parts]
    wanted = [float(share) for share in shares]
    return (
        f"SELECT {', '.join([*by, *told])}, count(*) AS n, "
        f"quantile_cont({value}, {wanted}) AS quantiles "
        f"FROM given GROUP BY {', '.join([*by, *mix])}"
    )


def _at(place: Column, value: str) -> Column:
    """The value where it stands at a place, among others or alone."""
    is_here = (F.col("_upto") - F.col("times") <= place) & (place < F.col("_upto"))
    return F.when(is_here, F.col(value))


def _between(number: int, place: Column) -> Column:
    low, high = F.col(f"_low_{number}"), F.col(f"_high_{number}")
    part = place - F.floor(place)
    # Equal neighbours stay what they are: their weighted mean may lie a rounding beside them.
    return F.when(low == high, low.cast("double")).otherwise(low * (1 - part) + high * part)
