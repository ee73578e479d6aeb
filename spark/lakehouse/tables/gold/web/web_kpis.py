"""The key figures of the web. One row per day, KPI, view and group of a breakdown.

Days are those of the reporting time zone (`clock.reporting_time_zone` in `web.toml`): where its
clocks change they have 23 or 25 hours. A KPI of which nothing was counted has no row. What each
means stands in `metrics/web_kpis.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics import web_kpis as kpis
from lakehouse.metrics.engagement import DIMENSION_NAME, DIMENSION_VALUE
from lakehouse.metrics.web_policies import Clock, Engagement, Funnels
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    STRING,
    Around,
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    not_empty,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.silver.web import funnel_steps, page_views, web_events, web_sessions
from lakehouse.transforms import kpi_sums
from lakehouse.transforms.dimensions import DIMENSION
from lakehouse.transforms.kpi_sums import KEYS
from lakehouse.transforms.moments import day_in, newest_day_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.metrics.web_kpis import Kpi
    from lakehouse.spec import Run

GRAIN = ("metric_date", "kpi", "view", *DIMENSION)
OF_A_ROW = ("kpi", "unit", "numerator", "denominator", "value")
A_DAY_OF_UTC = Around(1)
"""Days (UTC) that a day of any time zone may lie in."""


@dataclass(frozen=True)
class Ratio:
    """How a KPI is computed.

    Attributes:
        of: What is summed up: a verb of `kpi_sums`.
        numerator: A sum.
        denominator: Another, or empty: a count.
    """

    of: str
    numerator: str
    denominator: str = ""


RATIOS = {
    kpis.UNIQUE_VISITORS: Ratio("events", "n_visitors"),
    kpis.DATA_FRESHNESS: Ratio("events", "late_s", "n_received"),
    kpis.BOT_TRAFFIC_RATE: Ratio("events", "n_of_bots", "n_events"),
    kpis.TRAFFIC_HEALTH_RATE: Ratio("events", "n_healthy", "n_told"),
    kpis.FORM_COMPLETION_RATE: Ratio("forms", "n_sent", "n_forms"),
    kpis.PAGE_VIEWS: Ratio("page_views", "n_views"),
    kpis.SCROLL_DEPTH: Ratio("page_views", "depth_pct", "n_scrolled"),
    kpis.CLICK_THROUGH_RATE: Ratio("page_views", "n_clicked", "n_views"),
    kpis.BOUNCE_RATE: Ratio("sessions", "n_bounces", "n_sessions"),
    kpis.AVERAGE_SESSION_DURATION: Ratio("sessions", "duration_s", "n_sessions"),
    kpis.SESSIONS_PER_USER: Ratio("sessions", "n_sessions", "n_visitors"),
    kpis.CONVERSION_RATE: Ratio("sessions", "n_converted", "n_sessions"),
    kpis.MOBILE_SHARE: Ratio("sessions", "n_mobile", "n_sessions"),
    kpis.DESKTOP_SHARE: Ratio("sessions", "n_desktop", "n_sessions"),
    kpis.TRAFFIC_BY_SOURCE: Ratio("sessions", "n_sessions", "n_whole"),
    kpis.TOP_BROWSERS: Ratio("sessions", "n_sessions", "n_whole"),
    kpis.TOP_REGIONS: Ratio("sessions", "n_sessions", "n_whole"),
    kpis.ENGAGEMENT_SCORE: Ratio("sessions", "points", "n_sessions"),
    kpis.FUNNEL_CONVERSION_RATE: Ratio("funnels", "n_completed", "n_entered"),
    kpis.FUNNEL_DROP_OFF_RATE: Ratio("funnels", "n_dropped", "n_entered"),
}
BY_CHANNEL = {kpis.UNIQUE_VISITORS: Ratio("sessions", "n_visitors")}
"""What stands for the ratio above by channel, which events do not have."""
PERCENTILES = dict(zip(kpis.LOAD_PERCENTILES, (0.5, 0.9, 0.99), strict=True))
COMPUTED = frozenset({*RATIOS, *PERCENTILES})
"""The KPIs that have a computation: all of `metrics.web_kpis.KPIS`, which a test says."""

TABLE = Table(
    name="gold.web_kpis",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE, page_views.TABLE, web_sessions.TABLE, funnel_steps.TABLE),
    columns=(
        Column("metric_date", DATE, "Day of the reporting time zone.", nullable=False),
        Column(
            "kpi", STRING, f"Name: {', '.join(each.name for each in kpis.KPIS)}.", nullable=False
        ),
        Column("view", STRING, metric.VIEW, nullable=False),
        Column("dimension_name", STRING, DIMENSION_NAME),
        Column("dimension_value", STRING, DIMENSION_VALUE),
        Column("numerator", DOUBLE, "What was counted or summed; null for a percentile."),
        Column(
            "denominator",
            DOUBLE,
            "What that is divided by, or how many values a percentile is of; null for a count.",
        ),
        Column("value", DOUBLE, "The KPI: numerator ÷ denominator, in unit.", nullable=False),
        Column("unit", STRING, f"{', '.join(kpis.UNITS)}: see the KPI.", nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE_THERE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=tuple(
            SliceOf(name="metric_date", column=day, window=A_DAY_OF_UTC)
            for day in ("event_date", "view_date", "session_date", "entry_date")
        ),
    ),
    policies=(Clock, Engagement, Funnels),
    as_of=Latest(web_sessions.TABLE, "session_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.web_events"),),
    ensures=(
        not_empty(),
        not_null("metric_date", "kpi", "view", "value"),
        unique(*GRAIN),
        one_of("kpi", [each.name for each in kpis.KPIS]),
        one_of("view", metric.VIEWS),
        one_of("unit", kpis.UNITS),
        satisfies(
            "values_lie_in_the_range_of_their_unit",
            "value >= 0 AND (unit <> 'rate' OR value <= 1) "
            "AND (unit NOT IN ('pct', 'score') OR value <= 100.000001)",
            "value: 0 or more, a rate at most 1, pct and score at most 100.",
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("kpi", "view", "metric_date"),
            ("kpi", "dimension_name", "dimension_value", "metric_date"),
        ),
        by_year_of="metric_date",
    ),
)


def transform(
    web_events: DataFrame,
    page_views: DataFrame,
    web_sessions: DataFrame,
    funnel_steps: DataFrame,
    run: Run,
) -> DataFrame:
    """Add up each kind of rows by day, view and group, and divide."""
    zone = run.policies.of(Clock).reporting_time_zone
    events, views, sessions, steps = (
        rows.withColumn("metric_date", day_in(zone, moment))
        for rows, moment in (
            (web_events, "event_at"),
            (page_views, "viewed_at"),
            (web_sessions, "started_at"),
            (funnel_steps, "entry_at"),
        )
    )
    funnels = run.policies.of(Funnels).funnels
    shares = tuple(PERCENTILES.values())
    told = (
        _ratios("events", kpi_sums.of_events(events)),
        _ratios("forms", kpi_sums.of_forms(events)),
        _ratios("page_views", kpi_sums.of_page_views(views)),
        _ratios("sessions", kpi_sums.of_sessions(sessions, run.policies.of(Engagement))),
        _ratios("funnels", kpi_sums.of_funnels(steps, funnels)),
        _percentiles(kpi_sums.load_quantiles(views, shares)),
    )
    over = F.datediff(F.lit(newest_day_in(zone, run.as_of)), F.col("metric_date"))
    return reduce(lambda a, b: a.unionByName(b), told).select(
        *("metric_date", "kpi", "view", *DIMENSION, "numerator", "denominator", "value", "unit"),
        (over >= F.col("settles_days")).alias("is_complete"),
    )


def _ratios(of: str, sums: DataFrame) -> DataFrame:
    """The KPIs that are made of these sums."""
    rows = [_ratio(kpi, ratio) for kpi, ratio in RATIOS.items() if ratio.of == of]
    of_channels = [_ratio(kpi, ratio) for kpi, ratio in BY_CHANNEL.items() if ratio.of == of]
    by_channel = F.col("dimension_name") == "channel"
    found = _exploded(sums, [*rows, *(F.when(by_channel, row) for row in of_channels)])
    return found.filter(F.coalesce("denominator", "numerator") > 0)


def _ratio(kpi: Kpi, ratio: Ratio) -> Expression:
    numerator = F.col(ratio.numerator).cast("double")
    if not ratio.denominator:
        return _row(kpi, numerator, None, numerator)
    denominator = F.col(ratio.denominator).cast("double")
    return _row(kpi, numerator, denominator, F.try_divide(numerator, denominator))


def _percentiles(loads: DataFrame) -> DataFrame:
    rows = [
        _row(kpi, None, F.col("n").cast("double"), F.col("quantiles")[place])
        for place, kpi in enumerate(PERCENTILES)
    ]
    return _exploded(loads, rows)


def _row(
    kpi: Kpi, numerator: Expression | None, denominator: Expression | None, value: Expression
) -> Expression:
    """The KPI of a group, null where it is not told for it."""
    nothing = F.lit(None).cast("double")
    row = F.struct(
        F.lit(kpi.name).alias("kpi"),
        F.lit(kpi.unit).alias("unit"),
        (nothing if numerator is None else numerator).alias("numerator"),
        (nothing if denominator is None else denominator).alias("denominator"),
        value.alias("value"),
    )
    is_group = F.col("dimension_name").isin([*(kpi.breakdown or kpi.dimensions)])
    is_told = F.coalesce(is_group, F.lit(not kpi.breakdown))
    return F.when(is_told & F.col("view").isin([*kpi.views]), row)


def _exploded(sums: DataFrame, rows: Iterable[Expression]) -> DataFrame:
    """Sums with a row for each KPI of a group, and the days until it changes no more."""
    settles = F.col("settles_days") if "settles_days" in sums.columns else F.lit(1).cast("bigint")
    told = sums.select(*KEYS, settles.alias("settles_days"), F.explode(F.array(*rows)).alias("of"))
    return told.filter(F.col("of").isNotNull()).select(
        *KEYS, "settles_days", *(F.col(f"of.{name}").alias(name) for name in OF_A_ROW)
    )
