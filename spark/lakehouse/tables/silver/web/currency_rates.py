"""What currencies are worth over time. One row per currency and interval of a rate.

Of several rates of a currency for one day the highest counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import (
    STRING,
    Column,
    Dedupe,
    Scd2,
    Table,
    in_range,
    no_overlap,
    not_empty,
    not_null,
    unique,
)
from lakehouse.spec.table import SCD2_MOMENT_COLUMNS
from lakehouse.tables.bronze.web import currency_rates
from lakehouse.tables.bronze.web.currency_rates import RATE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="silver.currency_rates",
    owner="web",
    domain="web",
    inputs=(currency_rates.TABLE,),
    columns=(
        Column("currency", STRING, "Currency, ISO 4217.", nullable=False),
        Column("rate", RATE, "Units of the reporting currency for one.", nullable=False),
        *SCD2_MOMENT_COLUMNS,
    ),
    write=Scd2(keys=("currency",), tracked=("rate",), sequence_by="known_at"),
    dedupe=Dedupe(keys=("currency", "rate_date"), order_by=("rate desc", "_row_id asc")),
    ensures=(
        not_empty(severity="warn"),
        not_null("currency", "rate"),
        unique("currency", "effective_from"),
        unique("currency", where="is_current"),
        no_overlap(),
        in_range("rate", minimum=0),
    ),
    current_within=None,
    cluster_by=("currency",),
    is_small=True,
)


def transform(currency_rates: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Rates as changes; the SCD2 write derives the intervals."""
    return currency_rates.select(
        "currency",
        "rate",
        F.col("rate_date").cast("timestamp").alias("known_at"),
        F.lit(False).alias("is_deleted"),
    )
