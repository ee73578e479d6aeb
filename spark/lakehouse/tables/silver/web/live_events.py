"""Web events, each once, with what live figures count of them. One row per event_id.

Made of the events as they landed, so that nothing waits: whose a device is and what is a program's
is not known yet. Of several records of an event the earliest received counts. Events that waited
on their device for longer than the policy allows are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import live as metric
from lakehouse.metrics.web import UNKNOWN
from lakehouse.metrics.web_policies import Attribution, Clock
from lakehouse.spec import (
    BOOLEAN,
    STRING,
    TIMESTAMP,
    Column,
    Dedupe,
    ReplaceSlices,
    Table,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.bronze.web import web_events
from lakehouse.tables.silver.web.web_identities import EARLIEST_RECEIVED
from lakehouse.transforms import live
from lakehouse.transforms.moments import is_sent_late, start_of_window
from lakehouse.transforms.sites import page_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

AS_LANDED = ("event_id", "event_date", "event_at", "event_type", "actor_id")
_LANDED = {column.name: column for column in web_events.TABLE.columns}

TABLE = Table(
    name="silver.live_events",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE,),
    columns=(
        *(_LANDED[name] for name in AS_LANDED),
        Column("minute_start", TIMESTAMP, "First moment of its minute, UTC.", nullable=False),
        Column(
            "window_start",
            TIMESTAMP,
            f"First moment of its {metric.WINDOW_MINUTES} minutes, UTC.",
            nullable=False,
        ),
        Column("page_id", STRING, "Page, or unknown.", nullable=False),
        Column(
            "told_view_id",
            STRING,
            "Page view that an event of the type page_view tells, else null.",
        ),
        Column(
            "conversion_id",
            STRING,
            "Conversion that the event is: its order, or itself; else null.",
        ),
        Column("is_failed_form", BOOLEAN, "It is a form that was refused.", nullable=False),
    ),
    # An event of a day: of the others, and of other days, nothing is read.
    write=ReplaceSlices(by=("event_date", "event_id"), keys=("event_date", "event_id")),
    policies=(Attribution, Clock),
    dedupe=Dedupe(keys=("event_id",), order_by=EARLIEST_RECEIVED),
    requires=(not_empty("bronze.web_events"),),
    ensures=(
        not_empty(severity="warn", unless="every event is late"),
        not_null("event_id", "event_at", "actor_id"),
        unique("event_id"),
        satisfies(
            "windows_begin_before_the_event",
            "window_start <= minute_start AND minute_start <= event_at",
            "window_start, minute_start: not after event_at.",
        ),
    ),
    cluster_by=("event_date",),
    day="event_date",
    retention=live.RETENTION,
)


def transform(web_events: DataFrame, run: Run) -> DataFrame:
    """Say of each event that is not late what it counts for."""
    types = run.policies.of(Attribution).conversions
    is_order = F.col("event_type") == "purchase"
    order = F.concat(F.lit("order "), "order_id")
    is_failed = (F.col("event_type") == "form_submit") & (F.col("form_step") == "failed")
    is_view, is_conversion = F.col("event_type") == "page_view", F.col("event_type").isin([*types])
    in_time = web_events.filter(~is_sent_late(run.policies.of(Clock).max_late_days))
    return in_time.withColumn("page", page_of("page_url")).select(
        *AS_LANDED,
        start_of_window("event_at", 60).alias("minute_start"),
        start_of_window("event_at", 60 * metric.WINDOW_MINUTES).alias("window_start"),
        F.coalesce("page_id", "page.path", F.lit(UNKNOWN)).alias("page_id"),
        F.when(is_view, F.coalesce("page_view_id", "event_id")).alias("told_view_id"),
        F.when(is_conversion, F.when(is_order, order).otherwise(F.col("event_id"))).alias(
            "conversion_id"
        ),
        F.coalesce(is_failed, F.lit(False)).alias("is_failed_form"),
    )
