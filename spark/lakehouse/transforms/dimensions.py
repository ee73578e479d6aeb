"""Rows → rows for everybody and for each group of a breakdown."""

from __future__ import annotations

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
