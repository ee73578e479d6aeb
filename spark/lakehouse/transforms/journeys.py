"""Page views and conversions of sessions → texts that tell them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics.web_paths import FIRST_PAGES, MOST_LETTERS, MOST_PAGES

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SESSION = ("visitor_id", "session_number")
_NEXT = " > "


def paths_of(page_views: DataFrame) -> DataFrame:
    """One row per session with a page view: `path` and `first_pages`, `/a > /b > /a`.

    A page that follows itself stands once; after the most pages of a path, and for the rest of a
    long page, comes `…`.

    Args:
        page_views: Rows of silver.page_views, whole sessions.
    """
    in_time = Window.partitionBy(*SESSION).orderBy("position")
    before = F.lag("page_id").over(in_time)
    is_other = before.isNull() | (F.col("page_id") != before)
    is_beyond = F.col("place") > MOST_PAGES
    is_long = F.length("page_id") > MOST_LETTERS
    cut = F.concat(F.substring("page_id", 1, MOST_LETTERS - 1), F.lit("…"))
    page = F.when(is_beyond, F.lit("…")).when(is_long, cut).otherwise(F.col("page_id"))
    steps = (
        page_views.withColumn("_is_other", is_other)
        .filter("_is_other")
        .withColumn("place", F.row_number().over(in_time))
        .filter(F.col("place") <= MOST_PAGES + 1)
        .select(*SESSION, "place", page.alias("text"))
        .groupBy(*SESSION)
        .agg(F.array_sort(F.collect_list(F.struct("place", "text"))).alias("steps"))
    )
    first = F.filter("steps", lambda step: step["place"] <= FIRST_PAGES)
    return steps.withColumn("_first", first).select(
        *SESSION, _told("steps").alias("path"), _told("_first").alias("first_pages")
    )


def conversions_of(web_conversions: DataFrame) -> DataFrame:
    """One row per session with a conversion: `conversions`, `signup 2026-01-31 08:00:00 > ...`.

    Args:
        web_conversions: Rows of silver.web_conversions, whole sessions.
    """
    moment = F.date_format("converted_at", "yyyy-MM-dd HH:mm:ss")
    text = F.concat(F.col("conversion_type"), F.lit(" "), moment)
    step = F.struct("converted_at", "event_id", text.alias("text"))
    steps = web_conversions.groupBy(*SESSION).agg(F.array_sort(F.collect_list(step)).alias("steps"))
    return steps.select(*SESSION, _told("steps").alias("conversions"))


def _told(steps: str) -> Column:
    return F.array_join(F.transform(steps, lambda step: step["text"]), _NEXT)
