"""Events, page views and sessions of a day → the sums that KPIs are made of, for every group.

Each verb returns one row per `KEYS`: day, view, and group of a breakdown (null = everybody). Rows
come with `metric_date`, the day they count on.
"""

from __future__ import annotations

from functools import reduce
from operator import add, or_
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics.web_kpis import DIMENSIONS, OF_EVENTS
from lakehouse.transforms.dimensions import DIMENSION, by_dimension
from lakehouse.transforms.funnels import with_declared_steps
from lakehouse.transforms.numbers import as_json, thousandths, total
from lakehouse.transforms.quantiles import quantiles_of_mixes
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame, GroupedData

    from lakehouse.metrics.web_policies import Engagement, Funnels

KEYS = ("metric_date", "view", *DIMENSION)
FLAGS = ("is_bot", "is_internal")
SESSION_DIMENSIONS = (*DIMENSIONS, "source", "browser", "region")


def of_events(events: DataFrame) -> DataFrame:
    """Visitors, events, programs, delays; late events in `n_told` alone."""
    counts = ~F.col("is_late")
    late_us = F.unix_micros("received_at") - F.unix_micros("event_at")
    late_ms = F.greatest(F.floor(late_us / 1000).cast("bigint"), F.lit(0))
    has_receipt = counts & F.col("received_at").isNotNull()
    cells = events.groupBy("metric_date", "visitor_id", *OF_EVENTS, *FLAGS).agg(
        F.count(F.lit(1)).alias("n_told"),
        F.count_if(counts).alias("n_events"),
        F.count_if(has_receipt).alias("n_received"),
        F.coalesce(total(F.when(has_receipt, late_ms)), F.lit(0)).alias("late_ms"),
    )
    is_bot = F.col("is_bot")
    return _in_groups(cells, OF_EVENTS).agg(
        F.count_distinct(F.when(F.col("n_events") > 0, F.col("visitor_id"))).alias("n_visitors"),
        *(total(name).alias(name) for name in ("n_told", "n_events", "n_received")),
        F.coalesce(total(F.when(is_bot, F.col("n_events"))), F.lit(0)).alias("n_of_bots"),
        F.coalesce(total(F.when(~is_bot, F.col("n_events"))), F.lit(0)).alias("n_healthy"),
        (total("late_ms") / 1000).alias("late_s"),
    )


def of_forms(events: DataFrame) -> DataFrame:
    """Visitors' forms, each visitor and form once, and those that were sent."""
    step = F.coalesce("form_step", F.lit("submitted"))
    cells = (
        events.filter((F.col("event_type") == "form_submit") & ~F.col("is_late"))
        .withColumn("_form", as_json("visitor_id", "form_id"))
        .groupBy("metric_date", "_form", *OF_EVENTS, *FLAGS)
        .agg(F.max(step == "submitted").alias("is_sent"))
    )
    return _in_groups(cells, OF_EVENTS).agg(
        F.count_distinct("_form").alias("n_forms"),
        F.count_distinct(F.when(F.col("is_sent"), F.col("_form"))).alias("n_sent"),
    )


def of_page_views(page_views: DataFrame) -> DataFrame:
    """Page views, clicks, scrolls."""
    counts = ("n_views", "n_clicked", "n_scrolled", "depth")
    cells = page_views.groupBy("metric_date", *DIMENSIONS, *FLAGS).agg(
        F.count(F.lit(1)).alias("n_views"),
        F.count_if(F.col("n_clicks") > 0).alias("n_clicked"),
        F.count("max_depth_pct").alias("n_scrolled"),
        F.coalesce(total(thousandths(F.col("max_depth_pct"))), F.lit(0)).alias("depth"),
    )
    summed = _in_groups(cells, DIMENSIONS).agg(*(total(name).alias(name) for name in counts))
    return summed.withColumn("depth_pct", F.col("depth") / 1000)


def load_quantiles(page_views: DataFrame, shares: Sequence[float]) -> DataFrame:
    """Quantiles of load_ms, in the order of the shares, of the `n` page views that tell it."""
    told = page_views.filter(F.col("load_ms").isNotNull())
    by = ("metric_date", "view")
    found = quantiles_of_mixes(in_views(told), by, DIMENSIONS, "load_ms", shares)
    names = [F.when(F.col(name).isNotNull(), F.lit(name)) for name in DIMENSIONS]
    n_names = reduce(add, (F.col(name).isNotNull().cast("int") for name in DIMENSIONS))
    return found.filter(n_names <= 1).select(
        *by,
        F.coalesce(*names).alias("dimension_name"),
        F.coalesce(*DIMENSIONS).alias("dimension_value"),
        *("n", "quantiles"),
    )


def of_sessions(sessions: DataFrame, policy: Engagement) -> DataFrame:
    """Sessions and what they did; `n_whole` are those of all groups of the dimension together.

    A region is told with its country: others have regions of the same name.
    """
    full_time, full_pages = F.lit(policy.full_time_s), F.lit(policy.full_pages)
    scored = {
        "time": F.least(F.col("engaged_s"), full_time),
        "pages": F.least(F.col("n_page_views"), full_pages),
        "scroll": F.coalesce(thousandths(F.col("max_depth_pct")), F.lit(0)),
    }
    names = ("n_sessions", "n_bounces", "n_converted", "n_mobile", "n_desktop", "duration_s")
    region = F.concat_ws("/", "country", "region")
    cells = (
        sessions.withColumn("region", region)
        .groupBy("metric_date", "visitor_id", *SESSION_DIMENSIONS, *FLAGS)
        .agg(
            F.count(F.lit(1)).alias("n_sessions"),
            F.count_if("is_bounce").alias("n_bounces"),
            F.count_if(F.col("n_conversions") > 0).alias("n_converted"),
            F.count_if(F.col("device_type") == "mobile").alias("n_mobile"),
            F.count_if(F.col("device_type") == "desktop").alias("n_desktop"),
            total("duration_s").alias("duration_s"),
            *(total(each).alias(name) for name, each in scored.items()),
        )
    )
    summed = _in_groups(cells, SESSION_DIMENSIONS).agg(
        F.count_distinct("visitor_id").alias("n_visitors"),
        *(total(name).alias(name) for name in (*names, *scored)),
    )
    whole = Window.partitionBy("metric_date", "view", "dimension_name")
    return summed.withColumns(
        {
            "n_whole": F.sum("n_sessions").over(whole).cast("bigint"),
            "points": _points(policy),
        }
    )


def of_funnels(steps: DataFrame, funnels: Sequence[Funnels.Funnel]) -> DataFrame:
    """Entries into funnels, and those that reached the last step or did not.

    `settles_days`: so many days after it a day's entries change no more.
    """
    lasts = (
        (F.col("funnel_id") == funnel.id) & (F.col("step") == len(funnel.steps))
        for funnel in funnels
    )
    is_last = reduce(or_, lasts, F.lit(False))
    entered = (
        in_views(steps)
        .groupBy("metric_date", "view", "funnel_id")
        .agg(
            F.count_if(F.col("step") == 1).alias("n_entered"),
            F.count_if(is_last).alias("n_completed"),
        )
    )
    is_first = F.col("step") == 1
    return (
        with_declared_steps(entered, funnels)
        .filter(is_first)
        .select(
            *("metric_date", "view"),
            F.lit("funnel_id").alias("dimension_name"),
            F.col("funnel_id").alias("dimension_value"),
            *("n_entered", "n_completed"),
            (F.col("n_entered") - F.col("n_completed")).alias("n_dropped"),
            "settles_days",
        )
    )


def _points(policy: Engagement) -> Column:
    """Points of all sessions, from exact sums: no order of rows shows in them."""
    weights = policy.weights
    earned = (
        ("time", weights.time, policy.full_time_s),
        ("pages", weights.pages, policy.full_pages),
        ("scroll", weights.scroll, 100_000),
        ("n_converted", weights.conversions, 1),
    )
    points = F.lit(0.0)
    for name, weight, whole in earned:
        points = points + F.col(name) * F.lit(float(weight)) / whole
    return points


def _in_groups(cells: DataFrame, dimensions: Sequence[str]) -> GroupedData:
    return in_views(by_dimension(cells, dimensions)).groupBy(*KEYS)
