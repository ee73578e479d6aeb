"""Currency rates as landed. One row per distinct currency, day and rate."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import (
    DATE,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    RowRule,
    Source,
    Table,
    at_most_rejected,
    decimal,
    none_ahead,
    not_empty,
    not_null,
    unique,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

RATE = decimal(18, 8)

SOURCE = Source(
    name="currency_rates",
    doc="Treasury: what one unit of a currency is worth in the reporting currency, from a day on.",
    fields=(
        Field("currency", required=True, examples=("USD", "GBP", "JPY")),
        Field("rate_date", DATE, required=True),
        Field("rate", RATE, required=True),
    ),
    rules=(
        RowRule("rate_not_positive", "rate > 0", "A rate is above 0."),
        RowRule(
            "not_a_currency:currency",
            "regexp_full_match(currency, '[A-Za-z]{3}')",
            "A currency has three letters (ISO 4217).",
        ),
    ),
    since=date(1990, 1, 1),
    without="amounts in other currencies than the reporting one are kept, and not summed",
)

TABLE = Table(
    name="bronze.currency_rates",
    owner="web",
    domain="web",
    inputs=(SOURCE,),
    columns=(
        Column("currency", STRING, "Currency, ISO 4217, in capitals.", nullable=False),
        Column("rate_date", DATE, "First day on which the rate holds.", nullable=False),
        Column("rate", RATE, "Units of the reporting currency for one.", nullable=False),
        Column(
            "ingestion_timestamp",
            TIMESTAMP,
            "When the row was first ingested, UTC.",
            compared=False,
        ),
    ),
    happened_on="rate_date",
    write=Append(),
    ensures=(
        not_empty(severity="warn"),
        not_null("currency", "rate_date", "rate"),
        unique("_row_id"),
        none_ahead("rate_date"),
        at_most_rejected(0.05, severity="warn"),
        at_most_rejected(0.5),
    ),
    current_within=None,
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Write currencies in capitals."""
    return landed.withColumns(
        {"currency": F.upper("currency"), "ingestion_timestamp": F.lit(run.started_at)}
    )
