"""Rows → rows for everybody and for each group, or mix of groups, of a breakdown."""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

DIMENSION = ("dimension_name", "dimension_value")


def by_dimension(rows: DataFrame, names: Sequence[str]) -> DataFrame:
    """Every row once for all (both columns null) and once for each dimension it has a value of."""
    nobody = F.lit(None).cast("string")
    pairs = [(nobody, nobody), *((F.lit(name), F.col(name)) for name in names)]
    structs = (
        F.struct(name.alias(DIMENSION[0]), value.alias(DIMENSION[1])) for name, value in pairs
    )
    repeated = rows.withColumn("_pair", F.explode(F.array(*structs)))
    return repeated.select("*", *(F.col(f"_pair.{name}").alias(name) for name in DIMENSION)).drop(
        "_pair"
    )


def mixes(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """Every choice of parts, from none to all."""
    sizes = range(len(parts) + 1)
    return list(chain.from_iterable(combinations(parts, size) for size in sizes))


def by_mix(rows: DataFrame, parts: Sequence[str], *kept: str) -> DataFrame:
    """Every row once for each mix of parts that are told (null: whatever it is) or not.

    Args:
        rows: Rows with the parts.
        parts: Columns of text, never null.
        kept: Further columns of the rows.
    """
    nobody = F.lit(None).cast("string")
    each = (
        F.struct(*((F.col(part) if part in mix else nobody).alias(part) for part in parts))
        for mix in mixes(parts)
    )
    repeated = rows.select(*kept, F.explode(F.array(*each)).alias("mix"))
    return repeated.select(*kept, *(F.col(f"mix.{part}").alias(part) for part in parts))
