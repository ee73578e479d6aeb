"""The interactions domain by DuckDB: landing files → Parquet tables, in SQL.

    python duckdb_sql.py ingest enrich engagement performance sessions --raw RAW --home HOME

Tables have the columns of the oracle (`spark/tests/interactions_oracle.py`), one file
each. A workload reads the files of the earlier ones, of which a query takes only the columns that
it names: nothing has to stay in memory between workloads.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

BY_PROFILE = ("country", "device_type", "subscription_type")
BY_SESSION = ("country", "device_type")
STATE = ", ".join(BY_PROFILE)
STATE_OR_UNKNOWN = ", ".join(f"coalesce({name}, 'unknown') AS {name}" for name in BY_PROFILE)
NEWEST = "(SELECT max(activity_date) FROM user_days)"
MEASURED = "duration_ms <= 28800000"  # fits 32 bits, so quantiles need hold half as many bytes


def dimension(names: tuple[str, ...]) -> str:
    """Columns dimension_name and dimension_value of `grouped`."""
    name = " ".join(f"WHEN grouping({n}) = 0 THEN '{n}'" for n in names)
    value = " ".join(f"WHEN grouping({n}) = 0 THEN {n}" for n in names)
    return f"CASE {name} END AS dimension_name, CASE {value} END AS dimension_value"


def grouped(names: tuple[str, ...], *also: str) -> str:
    """GROUP BY for all and for each dimension: the rows are read once, not once a dimension."""
    sets = ", ".join(f"({', '.join((*also, *each))})" for each in ((), *((n,) for n in names)))
    return f"GROUP BY GROUPING SETS ({sets})"


@dataclass(frozen=True)
class Source:
    """Landing files: cells of a line, the key that exact repeats share, what else a line tells."""

    cells: str
    key: str
    good: str


SOURCES = {
    "user_interactions": Source(
        "{interaction_id: 'VARCHAR', user_id: 'VARCHAR', timestamp: 'TIMESTAMP', "
        "action_type: 'VARCHAR', page_id: 'VARCHAR', duration_ms: 'BIGINT', "
        "app_version: 'VARCHAR'}",
        key="interaction_id",
        good="interaction_id IS NOT NULL AND user_id IS NOT NULL AND timestamp IS NOT NULL "
        "AND coalesce(duration_ms >= 0, true)",
    ),
    "user_metadata": Source(
        "{user_id: 'VARCHAR', join_date: 'DATE', country: 'VARCHAR', device_type: 'VARCHAR', "
        "subscription_type: 'VARCHAR', updated_at: 'TIMESTAMP'}",
        key="user_id, updated_at",
        good="user_id IS NOT NULL AND join_date IS NOT NULL AND updated_at IS NOT NULL",
    ),
}

ENRICH = {
    "silver.user_profiles": f"""
WITH one AS (SELECT DISTINCT ON (user_id, updated_at) * FROM bronze.user_metadata),
changed AS (
    SELECT * FROM one
    QUALIFY (join_date, {STATE}) IS DISTINCT FROM lag((join_date, {STATE}))
            OVER (PARTITION BY user_id ORDER BY updated_at)
)
SELECT user_id, join_date, {STATE}, updated_at AS effective_from,
       coalesce(lead(updated_at) OVER (PARTITION BY user_id ORDER BY updated_at),
                TIMESTAMP '9999-12-31') AS effective_to
FROM changed""",
    "repeated": """
SELECT interaction_id FROM bronze.user_interactions GROUP BY ALL HAVING count(*) > 1""",
    # A user's intervals do not overlap: a hash join meets at most one, and does not sort all
    # interactions as an ASOF join does (measured: a fifth of its time).
    "silver.interactions": f"""
WITH one AS (
    SELECT * FROM bronze.user_interactions ANTI JOIN repeated USING (interaction_id)
    UNION ALL
    (SELECT DISTINCT ON (interaction_id) *
     FROM bronze.user_interactions SEMI JOIN repeated USING (interaction_id) ORDER BY timestamp)
)
SELECT interaction_id, i.user_id, timestamp AS event_at, timestamp::DATE AS event_date,
       action_type, page_id, duration_ms, app_version,
       {STATE_OR_UNKNOWN},
       p.user_id IS NOT NULL AS has_profile,
       coalesce(duration_ms > 28800000, false) AS is_duration_outlier
FROM one AS i LEFT JOIN silver.user_profiles AS p
  ON p.user_id = i.user_id AND timestamp >= effective_from AND timestamp < effective_to""",
}


def last_state(at: str) -> str:
    """Country, device and plan of the last row."""
    return ", ".join(f"arg_max({name}, {at}) AS {name}" for name in BY_PROFILE)


def active_users(period: str, figure: str, length: str, last_day: str) -> str:
    """Distinct users of weeks or months, and how their number changed."""
    start = f"{period}_start"
    return f"""
SELECT *, if(lag({start}) OVER of_group = {start} - {length},
             {figure} / lag({figure}) OVER of_group - 1, NULL) AS {figure}_growth_rate,
       {last_day} < {NEWEST} AS is_complete
FROM (SELECT {start}, {dimension(BY_PROFILE)}, count(DISTINCT user_id) AS {figure}
      FROM (SELECT DISTINCT date_trunc('{period}', activity_date)::DATE AS {start}, user_id, {STATE}
            FROM user_days) {grouped(BY_PROFILE, start)})
WINDOW of_group AS (PARTITION BY dimension_name, dimension_value ORDER BY {start})"""


ENGAGEMENT = {
    # A user has one profile at a moment: which of two interactions at one moment is the last
    # changes nothing here.
    "user_days": f"""
SELECT user_id, event_date AS activity_date, count(*) AS n_interactions,
       sum(duration_ms)::BIGINT AS total_duration_ms,
       min(event_at) AS first_at, max(event_at) AS last_at, {last_state("event_at")}
FROM silver.interactions GROUP BY ALL""",
    "silver.user_days": "FROM user_days",
    "users": f"""
SELECT user_id, sum(total_duration_ms)::BIGINT AS total_duration_ms,
       sum(n_interactions)::BIGINT AS n_interactions, count(*) AS n_active_days,
       min(activity_date) AS first_active_date, max(activity_date) AS last_active_date,
       {last_state("activity_date")}
FROM user_days GROUP BY user_id""",
    # A user has one row a day, so the cells of a day add up.
    "gold.daily_active_users": f"""
WITH cells AS (
    SELECT activity_date, {STATE}, count(*) AS users, sum(n_interactions) AS n,
           sum(total_duration_ms) AS ms
    FROM user_days GROUP BY ALL
)
SELECT activity_date, {dimension(BY_PROFILE)}, sum(users)::BIGINT AS dau,
       sum(n)::BIGINT AS n_interactions, sum(ms)::BIGINT AS total_duration_ms,
       activity_date < {NEWEST} AS is_complete
FROM cells {grouped(BY_PROFILE, "activity_date")}""",
    "gold.weekly_active_users": active_users("week", "wau", "7", "week_start + 6"),
    "gold.monthly_active_users": active_users(
        "month", "mau", "INTERVAL 1 MONTH", "last_day(month_start)"
    ),
    # A row counts from its day until the window has passed or the user's next row counts. Pairs of
    # such days are few, however many the users.
    "gold.rolling_active_users": f"""
WITH pairs AS (
    SELECT activity_date, following, count(*) AS n
    FROM (SELECT activity_date, lead(activity_date)
                 OVER (PARTITION BY user_id ORDER BY activity_date) AS following FROM user_days)
    GROUP BY ALL
),
moves AS (
    SELECT activity_date, true AS came, n AS in_7, n AS in_28 FROM pairs
    UNION ALL SELECT least(activity_date + 7, following), false, -n, 0 FROM pairs
    UNION ALL SELECT least(activity_date + 28, following), false, 0, -n FROM pairs
),
days AS (
    SELECT activity_date, bool_or(came) AS came, sum(in_7) AS in_7, sum(in_28) AS in_28
    FROM moves GROUP BY activity_date
)
SELECT activity_date, (sum(in_7) OVER (ORDER BY activity_date))::BIGINT AS wau_7d,
       (sum(in_28) OVER (ORDER BY activity_date))::BIGINT AS mau_28d,
       activity_date < {NEWEST} AS is_complete
FROM days QUALIFY came""",
    "gold.stickiness": """
SELECT d.activity_date, d.dau, m.mau, d.dau / m.mau AS stickiness_rate, r.mau_28d,
       d.dau / r.mau_28d AS stickiness_28d_rate, m.is_complete
FROM gold.daily_active_users AS d JOIN gold.rolling_active_users AS r USING (activity_date)
JOIN gold.monthly_active_users AS m ON m.month_start = date_trunc('month', d.activity_date)
WHERE d.dimension_name IS NULL AND m.dimension_name IS NULL""",
    "gold.cohort_retention": f"""
WITH came AS (
    SELECT DISTINCT user_id, date_trunc('week', activity_date)::DATE AS week,
           date_trunc('week', first_active_date)::DATE AS cohort_week
    FROM user_days JOIN users USING (user_id)
),
active AS (
    SELECT cohort_week, (week - cohort_week)::INTEGER // 7 AS week_number,
           count(*) AS active_users
    FROM came GROUP BY ALL
),
weeks AS (
    SELECT cohort_week, active_users AS cohort_size, unnest(range(27))::INTEGER AS week_number
    FROM active WHERE week_number = 0
)
SELECT cohort_week, week_number, cohort_size, coalesce(active_users, 0) AS active_users,
       coalesce(active_users, 0) / cohort_size AS retention_rate,
       cohort_week + 7 * week_number + 6 < {NEWEST} AS is_complete
FROM weeks LEFT JOIN active USING (cohort_week, week_number)
WHERE cohort_week + 7 * week_number <= {NEWEST}""",
    "gold.power_users": """
SELECT user_id, row_number() OVER (ORDER BY total_duration_ms DESC, user_id) AS rank,
       * EXCLUDE (user_id)
FROM (FROM users ORDER BY total_duration_ms DESC, user_id
      LIMIT (SELECT (count(*) + 99) // 100 FROM users))""",
    "gold.engagement_distribution": f"""
WITH cells AS (
    SELECT length(bin(n_interactions)) - 1 AS exponent, {STATE}, count(*) AS users
    FROM users GROUP BY ALL
),
buckets AS (
    SELECT {dimension(BY_PROFILE)}, exponent, sum(users)::BIGINT AS n_users
    FROM cells {grouped(BY_PROFILE, "exponent")}
)
SELECT dimension_name, dimension_value, 1::BIGINT << exponent AS bucket_from,
       (2::BIGINT << exponent) - 1 AS bucket_to, n_users,
       n_users / sum(n_users) OVER (PARTITION BY dimension_name, dimension_value) AS share_rate
FROM buckets""",
    "gold.engagement_summary": f"""
WITH of_users AS (
    SELECT {dimension(BY_PROFILE)}, count(*) AS n_users,
           sum(users.n_interactions)::BIGINT AS n_interactions,
           sum(users.total_duration_ms)::BIGINT AS total_duration_ms,
           avg(users.total_duration_ms) AS avg_duration_ms,
           avg(n_active_days) AS avg_active_days,
           min(users.n_interactions) AS min_interactions,
           max(users.n_interactions) AS max_interactions,
           quantile_cont(users.n_interactions, [0.25, 0.5, 0.75]) AS quartiles
    FROM users {grouped(BY_PROFILE)}
),
of_days AS (
    SELECT dimension_name, dimension_value,
           sum(if(age < 28, n_interactions, 0))::BIGINT AS now,
           sum(if(age BETWEEN 28 AND 55, n_interactions, 0))::BIGINT AS before
    FROM (SELECT *, {NEWEST} - activity_date AS age FROM gold.daily_active_users) GROUP BY ALL
)
SELECT u.dimension_name, u.dimension_value, {NEWEST} AS as_of_date, n_users, n_interactions,
       total_duration_ms, n_interactions / n_users AS avg_interactions,
       avg_duration_ms, avg_active_days, min_interactions,
       quartiles[1] AS q1_interactions, quartiles[2] AS median_interactions,
       quartiles[3] AS q3_interactions, max_interactions, now AS interactions_28d,
       now / nullif(before, 0) - 1 AS interactions_28d_growth_rate
FROM of_users AS u JOIN of_days AS d
  ON u.dimension_name IS NOT DISTINCT FROM d.dimension_name
 AND u.dimension_value IS NOT DISTINCT FROM d.dimension_value""",
}

PERFORMANCE = {
    "gold.performance_metrics": f"""
SELECT * EXCLUDE (q), q[1] AS p50_ms, q[2] AS p95_ms, q[3] AS p99_ms, q[3] - q[1] AS p99_p50_gap_ms
FROM (
    SELECT event_date AS metric_date, page_id, app_version, device_type, count(*) AS n,
           quantile_cont(ms, [0.5, 0.95, 0.99]) AS q
    FROM (SELECT event_date, coalesce(page_id, 'unknown') AS page_id, device_type,
                 coalesce(app_version, 'unknown') AS app_version, duration_ms::INTEGER AS ms
          FROM silver.interactions WHERE {MEASURED})
    GROUP BY event_date, CUBE (page_id, app_version, device_type)
)""",
    "gold.performance_by_hour": f"""
SELECT * EXCLUDE (q), q[1] AS p50_ms, q[2] AS p95_ms
FROM (SELECT isodow(event_at)::INTEGER AS weekday, hour(event_at)::INTEGER AS hour, count(*) AS n,
             quantile_cont(duration_ms::INTEGER, [0.5, 0.95]) AS q
      FROM silver.interactions WHERE {MEASURED} GROUP BY ALL)""",
    # Spearman's correlation with an indicator, from counts of equal durations. A place is twice the
    # mean rank less twice the mean of all: a whole number, whose sums over a device are exact.
    "gold.device_performance": f"""
WITH measured AS (
    SELECT device_type, duration_ms::INTEGER AS ms FROM silver.interactions WHERE {MEASURED}
),
counts AS (SELECT device_type, ms, count(*) AS times FROM measured GROUP BY ALL),
places AS (
    SELECT ms, (2 * sum(same) OVER (ORDER BY ms) - same - sum(same) OVER ())::BIGINT AS place
    FROM (SELECT ms, sum(times)::BIGINT AS same FROM counts GROUP BY ms)
),
sums AS (
    SELECT device_type, sum(times) AS n, sum(times * place)::DOUBLE AS with_device,
           sum(times * place::DOUBLE * place) AS squares
    FROM counts JOIN places USING (ms) GROUP BY device_type
),
related AS (
    SELECT device_type, sum(squares) OVER () * n * (sum(n) OVER () - n) / sum(n) OVER () AS spread,
           with_device / nullif(sqrt(spread), 0) AS spearman
    FROM sums
)
SELECT device_type, n, min_ms, q[1] AS q1_ms, q[2] AS median_ms, q[3] AS q3_ms, q[4] AS p95_ms,
       max_ms, spearman
FROM (SELECT device_type, count(*) AS n, min(ms)::BIGINT AS min_ms, max(ms)::BIGINT AS max_ms,
             quantile_cont(ms, [0.25, 0.5, 0.75, 0.95]) AS q
      FROM measured GROUP BY device_type)
JOIN related USING (device_type)""",
}

BUCKETS = {
    "n_actions_1": "n_actions = 1",
    "n_actions_2_3": "n_actions BETWEEN 2 AND 3",
    "n_actions_4_10": "n_actions BETWEEN 4 AND 10",
    "n_actions_over_10": "n_actions > 10",
    "n_duration_under_10s": "duration_ms < 10000",
    "n_duration_10s_1min": "duration_ms BETWEEN 10000 AND 59999",
    "n_duration_1_10min": "duration_ms BETWEEN 60000 AND 599999",
    "n_duration_10_30min": "duration_ms BETWEEN 600000 AND 1799999",
    "n_duration_over_30min": "duration_ms >= 1800000",
    "n_duration_unknown": "duration_ms IS NULL",
}

SESSIONS = {
    # All interactions are sorted once. Only a session's first and last one go on: how many lie
    # between them is the difference of their places.
    "sessions": """
WITH placed AS (
    SELECT user_id, event_at, duration_ms, country, device_type, page_id,
           row_number() OVER in_time AS place,
           coalesce(event_at - lag(event_at) OVER in_time > INTERVAL 30 MINUTE, true) AS starts,
           coalesce(lead(event_at) OVER in_time - event_at > INTERVAL 30 MINUTE, true) AS ends
    FROM silver.interactions
    WINDOW in_time AS (PARTITION BY user_id ORDER BY event_at, interaction_id)
),
edges AS (
    SELECT *, count(*) FILTER (starts) OVER in_time AS session_number,
           if(ends, place, lead(place) OVER in_time) AS last_place,
           if(ends, event_at, lead(event_at) OVER in_time) AS ended_at,
           if(ends, duration_ms, lead(duration_ms) OVER in_time) AS last_ms,
           if(ends, page_id, lead(page_id) OVER in_time) AS exit_page
    FROM placed WHERE starts OR ends WINDOW in_time AS (PARTITION BY user_id ORDER BY place)
)
SELECT user_id, session_number, event_at AS started_at, ended_at,
       last_place - place + 1 AS n_actions,
       if(ends AND last_ms IS NULL, NULL, coalesce(last_ms, 0)
          + date_diff('microsecond', event_at, ended_at) // 1000) AS duration_ms,
       ends AS is_bounce, device_type, country, event_at::DATE AS session_date,
       page_id AS entry_page, exit_page
FROM edges WHERE starts""",
    "silver.sessions": "FROM sessions",
    # A session stands in one cell, so cells add up.
    "cells": f"""
SELECT session_date AS metric_date, {", ".join(BY_SESSION)}, count(*) AS n_sessions,
       sum(duration_ms) AS ms, sum(n_actions) AS actions,
       {", ".join(f"count(*) FILTER ({each}) AS {name}" for name, each in BUCKETS.items())}
FROM sessions GROUP BY ALL""",
    "gold.session_metrics": f"""
SELECT metric_date, {dimension(BY_SESSION)}, sum(cells.n_sessions)::BIGINT AS n_sessions,
       sum(ms) / nullif(sum(cells.n_sessions - n_duration_unknown), 0) AS avg_duration_ms,
       sum(actions) / sum(cells.n_sessions) AS avg_actions,
       {", ".join(f"sum(cells.{name})::BIGINT AS {name}" for name in BUCKETS)}
FROM cells {grouped(BY_SESSION, "metric_date")}""",
    "gold.bounce_rates": f"""
SELECT metric_date, {dimension(BY_SESSION)}, sum(n_sessions)::BIGINT AS total_sessions,
       sum(n_actions_1)::BIGINT AS bounced_sessions,
       bounced_sessions / total_sessions AS bounce_rate,
       metric_date < (SELECT max(metric_date) FROM cells) AS is_complete
FROM cells {grouped(BY_SESSION, "metric_date")}""",
}

WORKLOADS: dict[str, dict[str, str]] = {
    "ingest": {},  # made from the files that are there
    "enrich": ENRICH,
    "engagement": ENGAGEMENT,
    "performance": PERFORMANCE,
    "sessions": SESSIONS,
}


@dataclass(frozen=True)
class Lake:
    """A DuckDB connection over the tables of a folder."""

    db: duckdb.DuckDBPyConnection
    raw: Path
    home: Path

    def make(self, results: dict[str, str]) -> None:
        """Write the tables of a layer to their files; hold what several of them read."""
        for name, query in results.items():
            if "." in name:
                self.db.execute(f"COPY ({query}) TO '{self._file(name)}' (COMPRESSION zstd)")
                self.show(name)
            else:
                self.db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")

    def show(self, table: str) -> None:
        """Read a table from its file."""
        self.db.execute(f"CREATE OR REPLACE VIEW {table} AS FROM '{self._file(table)}'")

    def ingest(self, source: str) -> int:
        """Good lines, typed, each record once; returns the number of lines that are no records."""
        single, told = self.raw / f"{source}.csv", SOURCES[source]
        files = [single] if single.exists() else sorted(self.raw.glob(f"{source}/*.csv"))
        names = ", ".join(f"'{file.relative_to(self.raw)}'" for file in files)
        # A row comes from one of a few files: a byte or two, where a path would take forty.
        self.db.execute(f"CREATE TYPE {source}_file AS ENUM ({names})")
        landed = f"""
SELECT * EXCLUDE (filename),
       substr(filename, {len(str(self.raw)) + 2})::{source}_file AS source_file
FROM read_csv({[*map(str, files)]}, columns = {told.cells}, header = true, auto_detect = false,
              delim = ',', quote = '"', filename = true, store_rejects = true,
              rejects_table = 'unread_{source}', rejects_scan = 'scans_{source}')"""
        # Only records under a key that stands there twice are compared as a whole.
        bronze = f"""
SELECT * FROM landed ANTI JOIN repeated USING ({told.key}) WHERE {told.good} UNION ALL
SELECT * EXCLUDE (source_file), min(source_file)
FROM landed SEMI JOIN repeated USING ({told.key}) WHERE {told.good} GROUP BY ALL"""
        repeated = f"SELECT {told.key} FROM landed GROUP BY ALL HAVING count(*) > 1"
        self.make({"landed": landed, "repeated": repeated, f"bronze.{source}": bronze})
        [(unread, not_good)] = self.db.execute(
            f"SELECT (SELECT count(DISTINCT (file_id, line)) FROM unread_{source}), "
            f"(SELECT count(*) FROM landed WHERE ({told.good}) IS NOT TRUE)"
        ).fetchall()
        self.db.execute("DROP TABLE landed")
        return int(unread + not_good)

    def _file(self, table: str) -> Path:
        return self.home / f"{table}.parquet"


def connect(given: argparse.Namespace) -> duckdb.DuckDBPyConnection:
    """A connection with the threads, the memory and the folder that were given; no tables yet."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": given.threads,
        "memory_limit": given.memory,
        "temp_directory": str(given.home / ".spilled"),
        "preserve_insertion_order": False,  # tables have no order
    }
    db = duckdb.connect(config=config)
    for layer in ("bronze", "silver", "gold"):
        db.execute(f"CREATE SCHEMA {layer}")
    return db


def main() -> None:
    """Run workloads, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="+", choices=WORKLOADS, metavar="WORKLOAD")
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="3GB")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    lake = Lake(connect(given), given.raw, given.home)
    for layer in ("bronze", "silver", "gold"):
        for file in given.home.glob(f"{layer}.*.parquet"):
            lake.show(file.stem)
    seconds = {}
    for name in given.workloads:
        began = time.perf_counter()
        if name == "ingest":
            rejected = {source: lake.ingest(source) for source in SOURCES}
            (given.home / "rejected.json").write_text(json.dumps(rejected))
        lake.make(WORKLOADS[name])
        seconds[name] = round(time.perf_counter() - began, 3)
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main()
