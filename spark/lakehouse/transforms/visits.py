"""Events of visitors → visits (sessions), numbered for each visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.transforms.numbers import as_json
from lakehouse.transforms.sessions import starts_after_gap

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.metrics.web_policies import Visits

IN_TIME = ("event_at", "event_id")
"""The order of a visitor's events: ties by id."""


def numbered_visits(events: DataFrame, policy: Visits) -> DataFrame:
    """Add `session_number`, which counts a visitor's visits from 1 in the order of their starts.

    Mode `gap`: a pause strictly longer than `gap_s` starts a visit, midnight never does; by the
    policy an event with another campaign or click id than the last told one does, too. Mode
    `client`: the client's session id is the visit; an event without one is cut as by gap, apart
    from the others. `is_counted` is false for events more than `max_session_days` after the start
    of a client's session.

    Args:
        events: Rows of silver.web_events, whole visitors.
        policy: How to cut.
    """
    if policy.mode == "client":
        return _by_client(events, policy)
    starts = _starts(events, ("visitor_id",), policy)
    so_far = Window.partitionBy("visitor_id").orderBy(*IN_TIME).rowsBetween(*_UP_TO_HERE)
    number = F.sum(F.col("_starts").cast("bigint")).over(so_far).cast("bigint")
    return (
        starts.withColumn("session_number", number)
        .withColumn("is_counted", F.lit(True))
        .drop("_starts")
    )


_UP_TO_HERE = (Window.unboundedPreceding, Window.currentRow)


def _starts(events: DataFrame, by: tuple[str, ...], policy: Visits) -> DataFrame:
    """Add `_starts`: whether an event is the first of a visit, among those that share columns."""
    in_time = Window.partitionBy(*by).orderBy(*IN_TIME)
    is_new = starts_after_gap(in_time, ("event_at", "event_at"), gap_s=policy.gap_s)
    if not policy.campaign_starts_session:
        return events.withColumn("_starts", is_new)
    before = in_time.rowsBetween(Window.unboundedPreceding, -1)
    told = F.when(_has_campaign(), F.struct(*IN_TIME, _campaign().alias("campaign")))
    return (
        events.withColumn("_told", told)
        .withColumn("_last", F.max("_told").over(before))
        .withColumn("_is_new", is_new)
        .withColumn("_starts", F.col("_is_new") | _is_other_campaign())
        .drop("_told", "_last", "_is_new")
    )


def _is_other_campaign() -> Column:
    """Whether an event tells another campaign than the last one that told any."""
    has_one = F.col("_told").isNotNull()
    is_same = F.col("_told.campaign").eqNullSafe(F.col("_last.campaign"))
    return has_one & ~is_same


def _has_campaign() -> Column:
    names = ("utm_source", "utm_medium", "utm_campaign", "click_id")
    return F.coalesce(*names).isNotNull()


def _campaign() -> Column:
    return as_json("utm_source", "utm_medium", "utm_campaign", "click_id")


def _by_client(events: DataFrame, policy: Visits) -> DataFrame:
    """The client's sessions, and those of the events that have none."""
    by = ("visitor_id", "client_session_id")
    cut = _starts(events, by, policy)
    so_far = Window.partitionBy(*by).orderBy(*IN_TIME).rowsBetween(*_UP_TO_HERE)
    part = F.when(
        F.col("client_session_id").isNull(), F.sum(F.col("_starts").cast("bigint")).over(so_far)
    )
    whole = Window.partitionBy(*by, "_part")
    by_start = Window.partitionBy("visitor_id").orderBy("_first.event_at", "_first.event_id")
    since_us = F.unix_micros("event_at") - F.unix_micros("_first.event_at")
    return (
        cut.withColumn("_part", part)
        .withColumn("_first", F.min(F.struct(*IN_TIME)).over(whole))
        .withColumn("is_counted", since_us <= policy.max_session_days * 86_400_000_000)
        .withColumn("session_number", F.dense_rank().over(by_start).cast("bigint"))
        .drop("_starts", "_part", "_first")
    )


def first_view(*names: str) -> Column:
    """Columns of a visit's first page view, or of its first event: the least of these structs.

    Where a visit came from stands there. Rows are those of `numbered_visits`.
    """
    is_no_view = ((F.col("event_type") != "page_view") | ~F.col("is_counted")).cast("int")
    return F.struct(is_no_view.alias("is_no_view"), *IN_TIME, *names)


def session_id(first_event_id: str) -> Column:
    """The id of a visit: of its visitor and first event, so that later events do not change it."""
    return F.md5(as_json("visitor_id", first_event_id))
