"""How pages load. One row per day, vital and combination of page, device and country.

Null stands for all pages, devices or countries. Of people alone: programs neither load what a
browser does nor as fast. Percentiles are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_events import VITALS
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    STRING,
    Column,
    Latest,
    LeftOut,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.silver.web import page_views
from lakehouse.transforms.quantiles import quantiles_of_mixes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

PARTS = ("page_id", "device_type", "country")
RANKS = (50, 75, 90, 99)

TABLE = Table(
    name="gold.page_performance",
    owner="web",
    domain="web",
    inputs=(page_views.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day of the page views.", nullable=False),
        Column("vital", STRING, metric.VITAL, nullable=False),
        Column("page_id", STRING, "Page, or unknown; null = all."),
        Column("device_type", STRING, "Device, or unknown; null = all."),
        Column("country", STRING, "Country, or unknown; null = all."),
        Column("n", LONG, "Page views of people that tell the vital.", nullable=False),
        *(Column(f"p{rank}", DOUBLE, metric.percentile(rank), nullable=False) for rank in RANKS),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=("metric_date", "vital", *PARTS),
        of=(SliceOf(name="metric_date", column="view_date"),),
    ),
    as_of=Latest(page_views.TABLE, "view_date"),
    unfinished="NOT is_complete",
    left_out=LeftOut(
        where=f"is_bot OR coalesce({', '.join(VITALS)}) IS NULL", reason=metric.UNTOLD_VITALS
    ),
    may_be_empty="no page view tells how it loaded",
    ensures=(
        not_null("metric_date", "vital", *(f"p{rank}" for rank in RANKS)),
        unique("metric_date", "vital", *PARTS),
        one_of("vital", VITALS),
        in_range("n", minimum=1),
        in_range("p50", minimum=0),
        satisfies(
            "percentiles_ascend",
            "p50 <= p75 AND p75 <= p90 AND p90 <= p99",
            "p50, p75, p90 and p99 are in ascending order.",
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("page_id", "vital", "metric_date"),
            ("device_type", "vital", "metric_date"),
            ("country", "vital", "metric_date"),
        ),
        by_year_of="metric_date",
    ),
)


def transform(page_views: DataFrame, run: Run) -> DataFrame:
    """Percentiles of every vital and mix."""
    vitals = F.array(
        *(F.struct(F.lit(name).alias("vital"), F.col(name).alias("value")) for name in VITALS)
    )
    told = page_views.select(
        F.col("view_date").alias("metric_date"), *PARTS, F.explode(vitals).alias("told")
    )
    known = told.select(
        "metric_date",
        F.col("told.vital").alias("vital"),
        *PARTS,
        F.col("told.value").alias("value"),
    ).filter(F.col("value").isNotNull())
    shares = [rank / 100 for rank in RANKS]
    ranked = F.col("quantiles")
    return quantiles_of_mixes(known, ("metric_date", "vital"), PARTS, "value", shares).select(
        "metric_date",
        "vital",
        *PARTS,
        "n",
        *(ranked[i].alias(f"p{rank}") for i, rank in enumerate(RANKS)),
        (F.col("metric_date") < F.lit(run.as_of)).alias("is_complete"),
    )
