"""What makes a device's day look like that of a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.metrics.web_policies import Bots

REASONS = ("listed_agent", "no_agent", "data_centre", "too_fast", "no_signal", "regular")
OF_A_DAY = ("actor_id", "event_date")


def with_bot_reasons(events: DataFrame, policy: Bots) -> DataFrame:
    """Add `bot_reasons`: names of `REASONS` joined by commas, in this order; null where none holds.

    Args:
        events: Whole days of devices, with agent.is_listed and is_data_centre.
        policy: How much is too much.
    """
    a_day = Window.partitionBy(*OF_A_DAY)
    a_minute = Window.partitionBy(*OF_A_DAY, "_minute")
    # Heartbeats are a clock's even of people.
    in_time = Window.partitionBy(*OF_A_DAY, "_is_ping").orderBy("event_at", "event_id")
    is_ping = F.col("event_type") == "page_ping"
    is_view = F.col("event_type") == "page_view"
    pause_ms = (F.unix_micros("event_at") - F.unix_micros(F.lag("event_at").over(in_time))) / 1000
    counted = (
        events.withColumns(
            {
                "_is_ping": is_ping,
                "_minute": F.floor(F.unix_micros("event_at") / 60_000_000),
            }
        )
        .withColumns(
            {
                "_n_minute": F.count(F.lit(1)).over(a_minute),
                "_pause_ms": F.when(~F.col("_is_ping"), pause_ms),
            }
        )
        .withColumns(
            {
                "_most": F.max("_n_minute").over(a_day),
                "_views": F.count(F.when(is_view, F.lit(1))).over(a_day),
                "_signals": F.count(
                    F.when(is_ping | (F.col("event_type") == "scroll"), F.lit(1))
                ).over(a_day),
                "_acts": F.count(F.when(~is_ping, F.lit(1))).over(a_day),
                "_longest_ms": F.max("_pause_ms").over(a_day),
                "_shortest_ms": F.min("_pause_ms").over(a_day),
            }
        )
    )
    reasons = [F.when(holds, F.lit(name)) for name, holds in _holds(policy).items()]
    told = F.concat_ws(",", *reasons)
    return counted.withColumn("bot_reasons", F.when(told != "", told)).drop(
        *("_is_ping", "_minute", "_n_minute", "_pause_ms", "_most", "_views", "_signals"),
        *("_acts", "_longest_ms", "_shortest_ms"),
    )


def _holds(policy: Bots) -> dict[str, Column]:
    is_web = F.coalesce(F.col("platform") == "web", F.lit(True))
    spread_ms = F.col("_longest_ms") - F.col("_shortest_ms")
    return {
        "listed_agent": F.col("agent.is_listed"),
        "no_agent": F.col("user_agent").isNull() & is_web,
        "data_centre": F.col("is_data_centre"),
        "too_fast": F.col("_most") > policy.max_events_per_minute,
        "no_signal": (F.col("_views") >= policy.views_without_signal) & (F.col("_signals") == 0),
        "regular": (F.col("_acts") >= policy.regular_events)
        & (spread_ms <= policy.regular_spread_ms),
    }
