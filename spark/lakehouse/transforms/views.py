"""Events of visits → the page views they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.transforms.visits import IN_TIME

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def with_page_views(visits: DataFrame) -> DataFrame:
    """Add `view_key`, the page view an event belongs to; null where it belongs to none.

    The client's page_view_id; of an event page_view without one its event_id; of another event
    without one the page view that was the last before it in the session. Pings that have none
    before them make one for each page.

    Args:
        visits: Events with session_number, whole visitors.
    """
    is_view = F.col("event_type") == "page_view"
    own = F.coalesce("page_view_id", F.when(is_view, F.col("event_id")))
    so_far = (
        Window.partitionBy("visitor_id", "session_number")
        .orderBy(*IN_TIME)
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    seen = F.when(is_view, F.struct(*IN_TIME, F.col("_own").alias("key")))
    in_session = F.concat_ws(" ", F.lit("session"), F.col("session_number").cast("string"))
    made = F.concat_ws(" ", F.lit("pings of"), in_session, F.col("page_id"))
    is_ping = F.col("event_type") == "page_ping"
    return (
        visits.withColumn("_own", own)
        .withColumn("_seen", F.max(seen).over(so_far))
        .withColumn("view_key", F.coalesce("_own", "_seen.key", F.when(is_ping, made)))
        .drop("_own", "_seen")
    )
