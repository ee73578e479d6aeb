"""The interactions pipeline the way tutorials write it: one Spark job a process, everything anew.

200 shuffle partitions with adaptive execution on, keys salted against skew, `cache()` and `count()`
between steps, window functions, outputs overwritten, a Great Expectations suite a job. It shares no
code with the package, so that what is compared is two ways of writing the same tables.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import textbook_marts as marts
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from textbook_marts import kept

SHUFFLE_PARTITIONS = 200

MALFORMED = "_malformed"
SCHEMAS = {
    "user_interactions": "interaction_id string, user_id string, timestamp timestamp, "
    "action_type string, page_id string, duration_ms bigint, app_version string",
    "user_metadata": "user_id string, join_date date, country string, device_type string, "
    "subscription_type string, updated_at timestamp",
}
REQUIRED = {
    "user_interactions": ("interaction_id", "user_id", "timestamp", "duration_ms"),
    "user_metadata": ("user_id", "updated_at"),
}

NOT_EMPTY = ("ExpectTableRowCountToBeBetween", {"min_value": 1})


def _not_null(column: str) -> tuple[str, dict[str, Any]]:
    return "ExpectColumnValuesToNotBeNull", {"column": column}


def _at_least(column: str, least: int) -> tuple[str, dict[str, Any]]:
    return "ExpectColumnValuesToBeBetween", {"column": column, "min_value": least}


def _unique(*columns: str) -> tuple[str, dict[str, Any]]:
    return "ExpectCompoundColumnsToBeUnique", {"column_list": list(columns)}


def _ordered(low: str, high: str) -> tuple[str, dict[str, Any]]:
    columns = {"column_A": high, "column_B": low}
    return "ExpectColumnPairValuesAToBeGreaterThanB", columns | {"or_equal": True}


SUITES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "ingest": [
        NOT_EMPTY,
        _not_null("interaction_id"),
        _not_null("user_id"),
        _not_null("timestamp"),
        _at_least("duration_ms", 0),
    ],
    "enrich": [
        NOT_EMPTY,
        _not_null("interaction_id"),
        _not_null("user_id"),
        _not_null("event_at"),
        _not_null("event_date"),
        ("ExpectColumnValuesToBeUnique", {"column": "interaction_id"}),
        _at_least("duration_ms", 0),
    ],
    "engagement": [
        NOT_EMPTY,
        _not_null("user_id"),
        _not_null("activity_date"),
        _unique("user_id", "activity_date"),
        _at_least("n_interactions", 1),
        _at_least("total_duration_ms", 0),
        _ordered("first_at", "last_at"),
    ],
    "performance": [
        NOT_EMPTY,
        _not_null("metric_date"),
        _not_null("p50_ms"),
        _unique("metric_date", "page_id", "app_version", "device_type"),
        _at_least("n", 1),
        _ordered("p50_ms", "p95_ms"),
        _ordered("p95_ms", "p99_ms"),
    ],
    "sessions": [
        NOT_EMPTY,
        _not_null("user_id"),
        _not_null("started_at"),
        _unique("user_id", "session_number"),
        _at_least("n_actions", 1),
        _at_least("duration_ms", 0),
        _ordered("started_at", "ended_at"),
    ],
}
"""What each job expects of its main output."""


@dataclass(frozen=True)
class Job:
    """A running job: its session and its folders."""

    spark: SparkSession
    workload: str
    raw: Path
    home: Path
    gated: bool

    def read(self, table: str) -> DataFrame:
        """A table that an earlier job left."""
        return self.spark.read.parquet(str(self.home / table))

    def write(self, table: str, rows: DataFrame, files: int = marts.FEW) -> None:
        """Overwrite a table, with at most so many files."""
        rows.coalesce(files).write.mode("overwrite").parquet(str(self.home / table))

    def expect(self, rows: DataFrame) -> None:
        """Run the job's suite on its main output, and stop when an expectation fails."""
        if not self.gated:
            return
        # Analytics would ask the network while the clock runs.
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import great_expectations as gx  # noqa: PLC0415  # a job without its suite need not pay it

        suite = gx.ExpectationSuite(
            name=self.workload,
            expectations=[getattr(gx.expectations, n)(**k) for n, k in SUITES[self.workload]],
        )
        source = gx.get_context(mode="ephemeral").data_sources.add_spark("spark")
        whole = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("whole")
        result = whole.get_batch({"dataframe": rows}).validate(suite)
        failed = [each.expectation_config for each in result.results if not each.success]
        if failed or len(result.results) != len(SUITES[self.workload]):
            raise SystemExit(f"{self.workload}: {failed}")


def newest_day(rows: DataFrame, column: str) -> date:
    """The newest day with data, which is never over."""
    day: date = rows.agg(F.max(column)).collect()[0][0]
    return day


# ------------------------------------------------------------------------------------------ ingest


def ingest(job: Job) -> None:
    """Landing files → bronze: the lines that are whole, typed, each record once."""
    rejected = {}
    for source, schema in SCHEMAS.items():
        folder = job.raw / source
        landed = kept(
            job.spark.read.schema(f"{schema}, {MALFORMED} string")
            .options(header=True, mode="PERMISSIVE", columnNameOfCorruptRecord=MALFORMED)
            .csv(str(folder if folder.is_dir() else folder.with_suffix(".csv")))
            .withColumn("source_file", F.input_file_name())
        )
        good = landed.filter(F.col(MALFORMED).isNull()).dropna(subset=list(REQUIRED[source]))
        good = good.drop(MALFORMED)
        rejected[source] = landed.count() - good.count()
        if source == "user_interactions":
            job.expect(good)
        names = [name for name in good.columns if name != "source_file"]
        job.write(f"bronze.{source}", good.dropDuplicates(names))
        landed.unpersist()
    (job.home / "rejected.json").write_text(json.dumps(rejected) + "\n")


# ------------------------------------------------------------------------------------------ enrich


def enrich(job: Job) -> None:
    """Distinct interactions with the profile that was valid at their moment."""
    profiles = kept(marts.profiles(job.read("bronze.user_metadata")))
    job.write("silver.user_profiles", profiles)
    distinct = kept(marts.distinct(job.read("bronze.user_interactions")))
    facts = kept(marts.with_profiles(distinct, profiles))
    distinct.unpersist()
    job.expect(facts)
    job.write("silver.interactions", facts)


# -------------------------------------------------------------------------------------- engagement


def engagement(job: Job) -> None:
    """Days of users, and all figures that count users."""
    days = kept(marts.days(job.read("silver.interactions")))
    job.expect(days)
    job.write("silver.user_days", days)
    newest = F.lit(newest_day(days, "activity_date"))
    is_over = F.col("activity_date") < newest

    daily = kept(marts.daily(days).withColumn("is_complete", is_over))
    job.write("gold.daily_active_users", daily, files=1)

    weeks = days.withColumn("week_start", F.trunc("activity_date", "week"))
    weekly = marts.active_users(weeks, "week_start", "wau", F.date_sub("week_start", 7))
    is_week_over = F.date_add("week_start", 6) < newest
    job.write("gold.weekly_active_users", weekly.withColumn("is_complete", is_week_over))

    months = days.withColumn("month_start", F.trunc("activity_date", "month"))
    monthly = marts.active_users(months, "month_start", "mau", F.add_months("month_start", -1))
    is_month_over = F.last_day("month_start") < newest
    monthly = kept(monthly.withColumn("is_complete", is_month_over))
    job.write("gold.monthly_active_users", monthly, files=1)

    rolling = kept(marts.rolling(days).withColumn("is_complete", is_over))
    job.write("gold.rolling_active_users", rolling, files=1)
    job.write("gold.stickiness", marts.stickiness(daily, rolling, monthly), files=1)
    cohorts = marts.cohorts(weeks).filter(F.col("week_start") <= newest)
    cohorts = cohorts.withColumn("is_complete", is_week_over).drop("week_start")
    job.write("gold.cohort_retention", cohorts, files=1)

    users = kept(marts.users(days))
    job.write("gold.power_users", marts.power_users(users))
    job.write("gold.engagement_distribution", marts.distribution(users))
    summary = marts.summary(users, days.withColumn("age", F.datediff(newest, "activity_date")))
    job.write("gold.engagement_summary", summary.withColumn("as_of_date", newest))


# -------------------------------------------------------------------------- performance, sessions


def performance(job: Job) -> None:
    """How long actions take."""
    measured = kept(marts.measured(job.read("silver.interactions")))
    mixes = kept(marts.performance(measured))
    job.expect(mixes)
    job.write("gold.performance_metrics", mixes)
    job.write("gold.performance_by_hour", marts.performance_by_hour(measured))
    job.write("gold.device_performance", marts.device_performance(measured))


def sessions(job: Job) -> None:
    """Sessions, and how long they last."""
    visits = kept(marts.sessions(job.read("silver.interactions")))
    job.expect(visits)
    job.write("silver.sessions", visits)
    is_over = F.col("metric_date") < F.lit(newest_day(visits, "session_date"))
    job.write("gold.session_metrics", marts.session_metrics(visits))
    bounces = marts.bounce_rates(visits).withColumn("is_complete", is_over)
    job.write("gold.bounce_rates", bounces)


# ---------------------------------------------------------------------------------------- the job

WORKLOADS: dict[str, Callable[[Job], None]] = {
    each.__name__: each for each in (ingest, enrich, engagement, performance, sessions)
}


def start(arguments: argparse.Namespace, more: Mapping[str, str] | None = None) -> SparkSession:
    """A session of this process alone; what it leaves on disk stands below the home folder."""
    scratch = arguments.home / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    conf = {
        "spark.master": arguments.master,
        "spark.driver.memory": arguments.memory,
        "spark.sql.shuffle.partitions": str(SHUFFLE_PARTITIONS),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.local.dir": str(scratch),
        "spark.ui.enabled": "false",
    }
    if arguments.events:
        arguments.events.mkdir(parents=True, exist_ok=True)
        conf |= {
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": arguments.events.as_uri(),
            # As the pipeline's own log has it: the memory of each stage, looked at each second.
            "spark.eventLog.logStageExecutorMetrics": "true",
            "spark.executor.processTreeMetrics.enabled": "true",
            "spark.executor.metrics.pollingInterval": "1s",
        }
    builder = SparkSession.builder.appName(f"textbook {arguments.workload}")
    for key, value in (conf | dict(more or {})).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def main() -> None:
    """Run one workload and print how long it took, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)

    def folder(text: str) -> Path:
        return Path(text).resolve()

    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--raw", type=folder, required=True, help="landing folder")
    parser.add_argument("--home", type=folder, required=True, help="folder of the tables")
    parser.add_argument("--memory", default="3g", help="of the driver")
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--events", type=folder, help="write Spark's event log here")
    parser.add_argument("--no-gate", action="store_true", help="leave the suite out")
    arguments = parser.parse_args()

    begin = time.perf_counter()
    spark = start(arguments)
    started = time.perf_counter()
    gated = not arguments.no_gate
    job = Job(spark, arguments.workload, arguments.raw, arguments.home, gated=gated)
    WORKLOADS[arguments.workload](job)
    took = {"workload": time.perf_counter() - started, "session_s": started - begin}
    spark.stop()
    sys.stdout.write(json.dumps({name: round(s, 3) for name, s in took.items()}) + "\n")


if __name__ == "__main__":
    main()
