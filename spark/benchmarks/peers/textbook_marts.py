"""The tables of the textbook job, each a function of frames. The jobs stand in `textbook.py`."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

FEW = 8
"""Most partitions of a cached frame, and most files of a table."""
SALTS = 10
SESSION_GAP_US = 1800 * 1_000_000
OUTLIER_MS = 8 * 60 * 60 * 1000
RETENTION_WEEKS = 26
QUARTILES = ("q1", "median", "q3")
DIMENSIONS = ("country", "device_type", "subscription_type")
SESSION_DIMENSIONS = ("country", "device_type")
SESSION_BUCKETS = {
    "n_actions_1": "n_actions = 1",
    "n_actions_2_3": "n_actions BETWEEN 2 AND 3",
    "n_actions_4_10": "n_actions BETWEEN 4 AND 10",
    "n_actions_over_10": "n_actions > 10",
    "n_duration_under_10s": "duration_ms < 10000",
    "n_duration_10s_1min": "duration_ms >= 10000 AND duration_ms < 60000",
    "n_duration_1_10min": "duration_ms >= 60000 AND duration_ms < 600000",
    "n_duration_10_30min": "duration_ms >= 600000 AND duration_ms < 1800000",
    "n_duration_over_30min": "duration_ms >= 1800000",
    "n_duration_unknown": "duration_ms IS NULL",
}
"""What `session_metrics` counts."""


def kept(rows: DataFrame) -> DataFrame:
    """Compute once, for all that follows."""
    # Adaptive execution does not merge the partitions of what is cached: without this, each stage
    # that reads it has 200 tasks, most of them of a few rows.
    rows = rows.coalesce(FEW).cache()
    rows.count()
    return rows


def by_dimension(
    rows: DataFrame, period: Sequence[str], dimensions: Sequence[str], *figures: Column
) -> DataFrame:
    """One row per period, overall (name and value null) and per value of each dimension."""
    sets = [[*period], *([*period, name] for name in dimensions)]
    name = F.coalesce(*(F.when(F.grouping(each) == 0, F.lit(each)) for each in dimensions))
    return (
        rows.groupingSets(sets, *period, *dimensions)
        .agg(name.alias("dimension_name"), *figures)
        .withColumn("dimension_value", F.coalesce(*dimensions))
        .drop(*dimensions)
    )


def profiles(metadata: DataFrame) -> DataFrame:
    """One row per user and interval in which nothing of the profile changed."""
    in_time = Window.partitionBy("user_id").orderBy("updated_at")
    profile = F.struct("join_date", *DIMENSIONS)
    until = F.lead("updated_at").over(in_time)
    never = F.lit("9999-12-31").cast("timestamp")
    return (
        metadata.dropDuplicates(["user_id", "updated_at"])
        .withColumn("is_change", ~profile.eqNullSafe(F.lag(profile).over(in_time)))
        .filter("is_change")
        .select(
            "user_id",
            "join_date",
            *DIMENSIONS,
            F.col("updated_at").alias("effective_from"),
            F.coalesce(until, never).alias("effective_to"),
        )
    )


def distinct(interactions: DataFrame) -> DataFrame:
    """One row per interaction: the earliest."""
    earliest = Window.partitionBy("interaction_id").orderBy("timestamp")
    place = F.row_number().over(earliest)
    return interactions.withColumn("place", place).filter("place = 1").drop("place", "source_file")


def with_profiles(distinct: DataFrame, profiles: DataFrame) -> DataFrame:
    """Salted: the interactions of a busy user go to several tasks, each with all profiles."""
    salts = F.sequence(F.lit(0), F.lit(SALTS - 1))
    i = distinct.withColumn("salt", F.pmod(F.hash("interaction_id"), F.lit(SALTS))).alias("i")
    p = profiles.withColumn("salt", F.explode(salts)).alias("p")
    is_valid = F.expr(
        "i.user_id = p.user_id AND i.salt = p.salt"
        " AND i.timestamp >= p.effective_from AND i.timestamp < p.effective_to"
    )
    return i.join(p, is_valid, "left").select(
        "interaction_id",
        "i.user_id",
        F.col("timestamp").alias("event_at"),
        F.to_date("timestamp").alias("event_date"),
        "action_type",
        "page_id",
        "duration_ms",
        "app_version",
        *(F.coalesce(f"p.{name}", F.lit("unknown")).alias(name) for name in DIMENSIONS),
        F.col("p.user_id").isNotNull().alias("has_profile"),
        (F.col("duration_ms") > OUTLIER_MS).alias("is_duration_outlier"),
    )


def days(interactions: DataFrame) -> DataFrame:
    """One row per user and day; in two steps, as the first spreads a busy user by the salt."""
    last = F.max(F.struct("event_at", "interaction_id", *DIMENSIONS))
    return (
        interactions.withColumn("salt", F.pmod(F.hash("interaction_id"), F.lit(SALTS)))
        .groupBy("user_id", F.col("event_date").alias("activity_date"), "salt")
        .agg(
            F.count("*").alias("n_interactions"),
            F.sum("duration_ms").alias("total_duration_ms"),
            F.min("event_at").alias("first_at"),
            last.alias("last"),
        )
        .groupBy("user_id", "activity_date")
        .agg(
            F.sum("n_interactions").alias("n_interactions"),
            F.sum("total_duration_ms").alias("total_duration_ms"),
            F.min("first_at").alias("first_at"),
            F.max("last").alias("last"),
        )
        .withColumns(
            {"last_at": F.col("last.event_at")} | {n: F.col(f"last.{n}") for n in DIMENSIONS}
        )
        .drop("last")
    )


def daily(days: DataFrame) -> DataFrame:
    """One row per day and group."""
    return by_dimension(
        days,
        ["activity_date"],
        DIMENSIONS,
        F.countDistinct("user_id").alias("dau"),
        F.sum("n_interactions").alias("n_interactions"),
        F.sum("total_duration_ms").alias("total_duration_ms"),
    )


def active_users(days: DataFrame, period: str, figure: str, before: Column) -> DataFrame:
    """One row per period and group; the growth is null when nobody came in the period before."""
    n_users = F.countDistinct("user_id").alias(figure)
    in_time = Window.partitionBy("dimension_name", "dimension_value").orderBy(period)
    base = F.when(F.lag(period).over(in_time) == before, F.lag(figure).over(in_time))
    return by_dimension(days, [period], DIMENSIONS, n_users).withColumn(
        f"{figure}_growth_rate", F.col(figure) / base - 1
    )


def rolling(days: DataFrame) -> DataFrame:
    """One row per day with activity. A user's day counts on itself and the 27 days after it."""
    return (
        days.select("user_id", "activity_date", F.explode(F.expr("sequence(0, 27)")).alias("ago"))
        .groupBy(F.expr("date_add(activity_date, ago)").alias("activity_date"), "user_id")
        .agg(F.min("ago").alias("ago"))
        .groupBy("activity_date")
        .agg(F.count_if(F.expr("ago < 7")).alias("wau_7d"), F.count("*").alias("mau_28d"))
        .join(days.select("activity_date").distinct(), "activity_date", "left_semi")
    )


def stickiness(daily: DataFrame, rolling: DataFrame, monthly: DataFrame) -> DataFrame:
    """One row per day: what share of its month's, and of four weeks', users came."""
    month = monthly.filter("dimension_name IS NULL")
    return (
        daily.filter("dimension_name IS NULL")
        .select("activity_date", "dau", F.trunc("activity_date", "month").alias("month_start"))
        .join(rolling.select("activity_date", "mau_28d"), "activity_date")
        .join(month.select("month_start", "mau", "is_complete"), "month_start")
        .withColumn("stickiness_rate", F.expr("dau / mau"))
        .withColumn("stickiness_28d_rate", F.expr("dau / mau_28d"))
        .drop("month_start")
    )


def cohorts(weeks: DataFrame) -> DataFrame:
    """One row per cohort and week, those without anybody as well."""
    first = F.min("week_start").over(Window.partitionBy("user_id"))
    active = kept(
        weeks.select("user_id", "week_start", first.alias("cohort_week"))
        .groupBy("cohort_week", "week_start")
        .agg(F.countDistinct("user_id").alias("active_users"))
    )
    numbers = F.sequence(F.lit(0), F.lit(RETENTION_WEEKS))
    return (
        active.filter("week_start = cohort_week")
        .select("cohort_week", F.col("active_users").alias("cohort_size"))
        .withColumn("week_number", F.explode(numbers))
        .withColumn("week_start", F.expr("date_add(cohort_week, 7 * week_number)"))
        .join(active, ["cohort_week", "week_start"], "left")
        .fillna(0, ["active_users"])
        .withColumn("retention_rate", F.expr("active_users / cohort_size"))
    )


def users(days: DataFrame) -> DataFrame:
    """One row per user, in the groups of the last active day."""
    return (
        days.groupBy("user_id")
        .agg(
            F.sum("total_duration_ms").alias("total_duration_ms"),
            F.sum("n_interactions").alias("n_interactions"),
            F.count("*").alias("n_active_days"),
            F.min("activity_date").alias("first_active_date"),
            F.max("activity_date").alias("last_active_date"),
            F.max(F.struct("activity_date", *DIMENSIONS)).alias("last"),
        )
        .withColumns({name: F.col(f"last.{name}") for name in DIMENSIONS})
        .drop("last")
    )


def power_users(users: DataFrame) -> DataFrame:
    """The hundredth of the users, rounded up, with the longest durations. One row per user."""
    longest_first = [F.desc("total_duration_ms"), F.asc("user_id")]
    most = -(-users.count() // 100)
    rank = F.row_number().over(Window.orderBy(*longest_first)).cast("bigint")
    return users.orderBy(*longest_first).limit(most).withColumn("rank", rank)


def distribution(users: DataFrame) -> DataFrame:
    """One row per group and power of two of interactions that any of its users made."""
    power = F.expr("shiftleft(1L, length(bin(n_interactions)) - 1)")
    n_users = F.count("*").alias("n_users")
    found = by_dimension(
        users.withColumn("bucket_from", power), ["bucket_from"], DIMENSIONS, n_users
    )
    group = Window.partitionBy("dimension_name", "dimension_value")
    return found.withColumn("bucket_to", F.expr("2 * bucket_from - 1")).withColumn(
        "share_rate", F.col("n_users") / F.sum("n_users").over(group)
    )


def summary(users: DataFrame, days: DataFrame) -> DataFrame:
    """One row per group: its users, and the last four weeks against the four before."""
    quartiles = F.percentile("n_interactions", [0.25, 0.5, 0.75])
    found = by_dimension(
        users,
        [],
        DIMENSIONS,
        F.count("*").alias("n_users"),
        F.sum("n_interactions").alias("n_interactions"),
        F.sum("total_duration_ms").alias("total_duration_ms"),
        F.avg("n_interactions").alias("avg_interactions"),
        F.avg("total_duration_ms").alias("avg_duration_ms"),
        F.avg("n_active_days").alias("avg_active_days"),
        F.min("n_interactions").alias("min_interactions"),
        quartiles.alias("q"),
        F.max("n_interactions").alias("max_interactions"),
    )
    recent = by_dimension(
        days,
        [],
        DIMENSIONS,
        F.expr("sum(n_interactions) FILTER (WHERE age < 28) AS now"),
        F.expr("sum(n_interactions) FILTER (WHERE age BETWEEN 28 AND 55) AS before"),
    ).withColumnsRenamed({"dimension_name": "name", "dimension_value": "value"})
    is_same = F.expr("dimension_name <=> name AND dimension_value <=> value")
    return found.join(recent, is_same).select(
        *(name for name in found.columns if name != "q"),
        *(F.col("q")[i].alias(f"{name}_interactions") for i, name in enumerate(QUARTILES)),
        F.coalesce("now", F.lit(0)).alias("interactions_28d"),
        F.expr("now / before - 1").alias("interactions_28d_growth_rate"),
    )


def measured(interactions: DataFrame) -> DataFrame:
    """The interactions that performance is measured on."""
    return interactions.filter(F.col("duration_ms") <= OUTLIER_MS).select(
        F.col("event_date").alias("metric_date"),
        "event_at",
        F.coalesce("page_id", F.lit("unknown")).alias("page_id"),
        F.coalesce("app_version", F.lit("unknown")).alias("app_version"),
        "device_type",
        "duration_ms",
    )


def performance(rows: DataFrame) -> DataFrame:
    """One row per day and mix of page, version and device; null = all."""
    return rows.sparkSession.sql(
        """
        SELECT metric_date, page_id, app_version, device_type, count(*) AS n,
               percentile(duration_ms, array(0.5, 0.95, 0.99)) AS p,
               p[0] AS p50_ms, p[1] AS p95_ms, p[2] AS p99_ms, p[2] - p[0] AS p99_p50_gap_ms
        FROM {rows} GROUP BY metric_date, CUBE(page_id, app_version, device_type)
        """,
        rows=rows,
    ).drop("p")


def performance_by_hour(rows: DataFrame) -> DataFrame:
    """One row per hour of the week."""
    return (
        rows.groupBy((F.weekday("event_at") + 1).alias("weekday"), F.hour("event_at").alias("hour"))
        .agg(F.count("*").alias("n"), F.percentile("duration_ms", [0.5, 0.95]).alias("p"))
        .select("weekday", "hour", "n", F.expr("p[0] AS p50_ms"), F.expr("p[1] AS p95_ms"))
    )


def device_performance(rows: DataFrame) -> DataFrame:
    """One row per device: quantiles, and Spearman's correlation as Pearson's of mean ranks."""
    so_far = Window.orderBy("duration_ms").rowsBetween(Window.unboundedPreceding, -1)
    # Ranked by distinct duration: those are few enough for a window that nothing divides.
    before = F.coalesce(F.sum("count").over(so_far), F.lit(0))
    ranks = rows.groupBy("duration_ms").count()
    ranks = ranks.select("duration_ms", (before + (F.col("count") + 1) / 2).alias("place"))
    devices = [row["device_type"] for row in rows.select("device_type").distinct().collect()]
    is_it = {name: (F.col("device_type") == name).cast("double") for name in devices}
    correlations = (
        rows.join(ranks, "duration_ms")
        .agg(*(F.corr(flag, "place").alias(name) for name, flag in is_it.items()))
        .unpivot([], devices, "device_type", "spearman")
    )
    return (
        rows.groupBy("device_type")
        .agg(
            F.count("*").alias("n"),
            F.min("duration_ms").alias("min_ms"),
            F.percentile("duration_ms", [0.25, 0.5, 0.75, 0.95]).alias("p"),
            F.max("duration_ms").alias("max_ms"),
        )
        .select(
            *("device_type", "n", "min_ms", "max_ms"),
            *(F.col("p")[i].alias(f"{n}_ms") for i, n in enumerate(("q1", "median", "q3", "p95"))),
        )
        .join(correlations, "device_type")
    )


def sessions(interactions: DataFrame) -> DataFrame:
    """One row per session, cut at gaps among all rows of a user."""
    in_time = Window.partitionBy("user_id").orderBy("event_at", "interaction_id")
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    gap_us = F.unix_micros("event_at") - F.unix_micros(F.lag("event_at").over(in_time))
    starts = F.coalesce(gap_us > SESSION_GAP_US, F.lit(True)).cast("bigint")
    place = ("event_at", "interaction_id")
    length = F.timestamp_diff("MILLISECOND", F.col("started_at"), F.col("ended_at"))
    return (
        interactions.withColumn("starts", starts)
        .withColumn("session_number", F.sum("starts").over(so_far))
        .groupBy("user_id", "session_number")
        .agg(
            F.count("*").alias("n_actions"),
            F.min(F.struct(*place, "device_type", "country", "page_id")).alias("first"),
            F.max(F.struct(*place, "duration_ms", "page_id")).alias("last"),
        )
        .withColumn("started_at", F.col("first.event_at"))
        .withColumn("ended_at", F.col("last.event_at"))
        .select(
            *("user_id", "session_number", "started_at", "ended_at", "n_actions"),
            F.when(
                (F.col("n_actions") > 1) | F.col("last.duration_ms").isNotNull(),
                length + F.coalesce("last.duration_ms", F.lit(0)),
            ).alias("duration_ms"),
            (F.col("n_actions") == 1).alias("is_bounce"),
            *("first.device_type", "first.country"),
            F.to_date("started_at").alias("session_date"),
            F.col("first.page_id").alias("entry_page"),
            F.col("last.page_id").alias("exit_page"),
        )
    )


def session_metrics(visits: DataFrame) -> DataFrame:
    """One row per day and group."""
    return by_dimension(
        visits.withColumnRenamed("session_date", "metric_date"),
        ["metric_date"],
        SESSION_DIMENSIONS,
        F.count("*").alias("n_sessions"),
        F.avg("duration_ms").alias("avg_duration_ms"),
        F.avg("n_actions").alias("avg_actions"),
        *(F.count_if(F.expr(held)).alias(name) for name, held in SESSION_BUCKETS.items()),
    )


def bounce_rates(visits: DataFrame) -> DataFrame:
    """One row per day and group."""
    return by_dimension(
        visits.withColumnRenamed("session_date", "metric_date"),
        ["metric_date"],
        SESSION_DIMENSIONS,
        F.count("*").alias("total_sessions"),
        F.count_if("is_bounce").alias("bounced_sessions"),
    ).withColumn("bounce_rate", F.expr("bounced_sessions / total_sessions"))
