"""The interactions tables by an independent reading of the same landing files.

DuckDB SQL written from the definitions, not from the transforms: it splits the lines itself, and
shares no code with the package.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

GENERATOR = Path(__file__).resolve().parents[2] / "scripts" / "generate_synthetic_data.py"
INTERACTIONS = "interaction_id,user_id,timestamp,action_type,page_id,duration_ms,app_version"
METADATA = "user_id,join_date,country,device_type,subscription_type,updated_at"

DEFINED = """
CREATE TABLE profiles AS
WITH told AS (SELECT DISTINCT * EXCLUDE (updated_at), updated_at::timestamp AS since
              FROM metadata),
changed AS (
    SELECT * FROM told
    QUALIFY lag([join_date, country, device_type, subscription_type])
            OVER (PARTITION BY user_id ORDER BY since)
            IS DISTINCT FROM [join_date, country, device_type, subscription_type]
)
SELECT user_id, join_date::date AS join_date, country, device_type, subscription_type,
       since AS effective_from,
       coalesce(lead(since) OVER (PARTITION BY user_id ORDER BY since), TIMESTAMP '9999-12-31')
           AS effective_to
FROM changed ORDER BY user_id, since;

CREATE TABLE facts AS
WITH one AS (
    SELECT * FROM (SELECT DISTINCT * FROM interactions)
    QUALIFY row_number() OVER (PARTITION BY interaction_id, user_id, timestamp) = 1
)
SELECT i.interaction_id, i.user_id, i.timestamp::timestamp AS event_at,
       event_at::date AS event_date, action_type, page_id, duration_ms::bigint AS duration_ms,
       app_version, coalesce(country, 'unknown') AS country,
       coalesce(device_type, 'unknown') AS device_type,
       coalesce(subscription_type, 'unknown') AS subscription_type,
       m.user_id IS NOT NULL AS has_profile, duration_ms::bigint > 28800000 AS is_duration_outlier
FROM one AS i ASOF LEFT JOIN (SELECT DISTINCT * FROM metadata) AS m
  ON i.user_id = m.user_id AND i.timestamp >= m.updated_at
ORDER BY i.user_id, event_date, i.interaction_id, event_at;

CREATE TABLE days AS
SELECT user_id, event_date AS activity_date, count(*) AS n_interactions,
       sum(duration_ms)::bigint AS total_duration_ms,
       min(event_at) AS first_at, max(event_at) AS last_at,
       arg_max(country, (event_at, interaction_id)) AS country,
       arg_max(device_type, (event_at, interaction_id)) AS device_type,
       arg_max(subscription_type, (event_at, interaction_id)) AS subscription_type
FROM facts GROUP BY ALL ORDER BY ALL;

CREATE TABLE visits AS
WITH cut AS (
    SELECT *, coalesce(date_diff('microsecond', lag(event_at) OVER w, event_at) > 1800000000, true)
              AS starts
    FROM facts WINDOW w AS (PARTITION BY user_id ORDER BY event_at, interaction_id)
),
counted AS (
    SELECT *, sum(starts::int) OVER (PARTITION BY user_id ORDER BY event_at, interaction_id
                                     ROWS UNBOUNDED PRECEDING)::bigint AS session_number
    FROM cut
)
SELECT user_id, session_number, min(event_at) AS started_at, max(event_at) AS ended_at,
       count(*) AS n_actions,
       arg_max({'ms': duration_ms}, (event_at, interaction_id)).ms AS last_ms,
       CASE WHEN n_actions > 1 OR last_ms IS NOT NULL
            THEN (date_diff('microsecond', started_at, ended_at) // 1000
                  + coalesce(last_ms, 0))::bigint END AS duration_ms,
       count(*) = 1 AS is_bounce,
       arg_min(device_type, (event_at, interaction_id)) AS device_type,
       arg_min(country, (event_at, interaction_id)) AS country,
       started_at::date AS session_date,
       arg_min({'page': page_id}, (event_at, interaction_id)).page AS entry_page,
       arg_max({'page': page_id}, (event_at, interaction_id)).page AS exit_page
FROM counted GROUP BY user_id, session_number ORDER BY user_id, session_number;
ALTER TABLE visits DROP last_ms;

CREATE MACRO newest() AS (SELECT max(event_date) FROM facts);
CREATE MACRO monday(day) AS (day - (isodow(day) - 1)::int)::date;

CREATE TABLE grouped AS
SELECT d.*, g.name AS dimension_name, g.value AS dimension_value
FROM days AS d, LATERAL (VALUES (NULL, NULL), ('country', country), ('device_type', device_type),
                                ('subscription_type', subscription_type)) AS g(name, value);

CREATE TABLE dau AS
SELECT activity_date, dimension_name, dimension_value, count(DISTINCT user_id) AS dau,
       sum(n_interactions)::bigint AS n_interactions,
       sum(total_duration_ms)::bigint AS total_duration_ms, activity_date < newest() AS is_complete
FROM grouped GROUP BY ALL ORDER BY ALL;

CREATE TABLE wau AS
WITH made AS (
    SELECT monday(activity_date) AS week_start, dimension_name, dimension_value,
           count(DISTINCT user_id) AS wau
    FROM grouped GROUP BY ALL
)
SELECT m.*, m.wau / b.wau - 1 AS wau_growth_rate, m.week_start + 6 < newest() AS is_complete
FROM made AS m LEFT JOIN made AS b
  ON b.week_start = m.week_start - 7 AND b.dimension_name IS NOT DISTINCT FROM m.dimension_name
 AND b.dimension_value IS NOT DISTINCT FROM m.dimension_value
ORDER BY m.week_start, m.dimension_name, m.dimension_value;

CREATE TABLE mau AS
WITH made AS (
    SELECT date_trunc('month', activity_date)::date AS month_start, dimension_name, dimension_value,
           count(DISTINCT user_id) AS mau
    FROM grouped GROUP BY ALL
)
SELECT m.*, m.mau / b.mau - 1 AS mau_growth_rate,
       last_day(m.month_start) < newest() AS is_complete
FROM made AS m LEFT JOIN made AS b
  ON b.month_start = m.month_start - INTERVAL 1 MONTH
 AND b.dimension_name IS NOT DISTINCT FROM m.dimension_name
 AND b.dimension_value IS NOT DISTINCT FROM m.dimension_value
ORDER BY m.month_start, m.dimension_name, m.dimension_value;

CREATE TABLE rolling AS
WITH those AS (SELECT DISTINCT activity_date FROM days)
SELECT t.activity_date,
       count(DISTINCT d.user_id) FILTER (d.activity_date > t.activity_date - 7) AS wau_7d,
       count(DISTINCT d.user_id) AS mau_28d, t.activity_date < newest() AS is_complete
FROM those AS t JOIN days AS d
  ON d.activity_date BETWEEN t.activity_date - 27 AND t.activity_date
GROUP BY t.activity_date ORDER BY t.activity_date;

CREATE TABLE sticky AS
SELECT d.activity_date, d.dau, m.mau, d.dau / m.mau AS stickiness_rate, r.mau_28d,
       d.dau / r.mau_28d AS stickiness_28d_rate, m.is_complete
FROM dau AS d JOIN rolling AS r USING (activity_date)
JOIN mau AS m ON m.month_start = date_trunc('month', d.activity_date)
WHERE d.dimension_name IS NULL AND m.dimension_name IS NULL ORDER BY d.activity_date;

CREATE TABLE cohorts AS
WITH joined AS (
    SELECT user_id, min(monday(activity_date)) AS cohort_week FROM days GROUP BY user_id
),
seen AS (
    SELECT DISTINCT user_id, cohort_week,
           (monday(activity_date) - cohort_week) // 7 AS week_number
    FROM days JOIN joined USING (user_id)
),
sizes AS (SELECT cohort_week, count(*) AS cohort_size FROM joined GROUP BY ALL),
weeks AS (SELECT *, unnest(range(27))::int AS week_number FROM sizes)
SELECT w.cohort_week, w.week_number, w.cohort_size, count(s.user_id) AS active_users,
       count(s.user_id) / w.cohort_size AS retention_rate,
       w.cohort_week + 7 * w.week_number + 6 < newest() AS is_complete
FROM weeks AS w LEFT JOIN seen AS s USING (cohort_week, week_number)
WHERE w.cohort_week + 7 * w.week_number <= newest()
GROUP BY w.cohort_week, w.week_number, w.cohort_size ORDER BY w.cohort_week, w.week_number;

CREATE TABLE power AS
WITH sums AS (
    SELECT user_id, sum(total_duration_ms)::bigint AS total_duration_ms,
           sum(n_interactions)::bigint AS n_interactions, count(*) AS n_active_days,
           min(activity_date) AS first_active_date, max(activity_date) AS last_active_date,
           arg_max(country, activity_date) AS country,
           arg_max(device_type, activity_date) AS device_type,
           arg_max(subscription_type, activity_date) AS subscription_type
    FROM days GROUP BY user_id
)
SELECT user_id, row_number() OVER (ORDER BY total_duration_ms DESC, user_id) AS rank,
       * EXCLUDE (user_id)
FROM sums
QUALIFY rank <= ceil(0.01 * (SELECT count(*) FROM sums)) AND total_duration_ms > 0 ORDER BY user_id;

CREATE TABLE visits_grouped AS
SELECT v.*, g.name AS dimension_name, g.value AS dimension_value
FROM visits AS v, LATERAL (VALUES (NULL, NULL), ('country', country),
                                  ('device_type', device_type)) AS g(name, value);

CREATE TABLE bounces AS
SELECT session_date AS metric_date, dimension_name, dimension_value, count(*) AS total_sessions,
       count(*) FILTER (is_bounce) AS bounced_sessions,
       bounced_sessions / total_sessions AS bounce_rate,
       session_date < (SELECT max(session_date) FROM visits) AS is_complete
FROM visits_grouped GROUP BY ALL ORDER BY ALL;

CREATE TABLE lengths AS
SELECT session_date AS metric_date, dimension_name, dimension_value, count(*) AS n_sessions,
       sum(duration_ms) / count(duration_ms) AS avg_duration_ms,
       sum(n_actions) / count(*) AS avg_actions,
       count(*) FILTER (n_actions = 1) AS n_actions_1,
       count(*) FILTER (n_actions IN (2, 3)) AS n_actions_2_3,
       count(*) FILTER (n_actions BETWEEN 4 AND 10) AS n_actions_4_10,
       count(*) FILTER (n_actions > 10) AS n_actions_over_10,
       count(*) FILTER (duration_ms < 10000) AS n_duration_under_10s,
       count(*) FILTER (duration_ms >= 10000 AND duration_ms < 60000) AS n_duration_10s_1min,
       count(*) FILTER (duration_ms >= 60000 AND duration_ms < 600000) AS n_duration_1_10min,
       count(*) FILTER (duration_ms >= 600000 AND duration_ms < 1800000) AS n_duration_10_30min,
       count(*) FILTER (duration_ms >= 1800000) AS n_duration_over_30min,
       count(*) FILTER (duration_ms IS NULL) AS n_duration_unknown
FROM visits_grouped GROUP BY ALL ORDER BY ALL;

CREATE TABLE totals AS
SELECT session_date AS metric_date, country, device_type, count(*) AS n_sessions,
       count(*) FILTER (is_bounce) AS bounced_sessions,
       sum(duration_ms)::bigint AS total_duration_ms, sum(n_actions)::bigint AS total_actions,
       count(*) FILTER (n_actions = 2) AS n_actions_2,
       count(*) FILTER (n_actions = 10) AS n_actions_10,
       count(*) FILTER (n_actions > 10) AS n_actions_over_10,
       count(*) FILTER (duration_ms >= 600000 AND duration_ms < 1800000) AS n_duration_10_30min,
       count(*) FILTER (duration_ms IS NULL) AS n_duration_unknown,
       session_date < (SELECT max(session_date) FROM visits) AS is_complete
FROM visits GROUP BY ALL ORDER BY ALL;

CREATE TABLE week_mixes AS
SELECT monday(activity_date) AS week_start, country, device_type, subscription_type,
       count(DISTINCT user_id) AS wau, week_start + 6 < newest() AS is_complete
FROM days GROUP BY monday(activity_date), CUBE (country, device_type, subscription_type)
ORDER BY week_start, country, device_type, subscription_type;

CREATE TABLE user_mixes AS
WITH sums AS (
    SELECT user_id, sum(n_interactions)::bigint AS n, arg_max(country, activity_date) AS country,
           arg_max(device_type, activity_date) AS device_type,
           arg_max(subscription_type, activity_date) AS subscription_type
    FROM days GROUP BY user_id
)
SELECT country, device_type, subscription_type, count(*) AS n_users, avg(n) AS avg_interactions,
       quantile_cont(n, 0.25) AS q1_interactions, median(n) AS median_interactions,
       count(*) FILTER (n IN (2, 3)) AS n_users_2_3, count(*) FILTER (n > 1023) AS n_users_over_1023
FROM sums GROUP BY CUBE (country, device_type, subscription_type)
ORDER BY country, device_type, subscription_type;

CREATE TABLE speeds AS
SELECT event_date AS metric_date, page AS page_id, version AS app_version, device AS device_type,
       count(*) AS n, quantile_cont(duration_ms, 0.5) AS p50_ms,
       quantile_cont(duration_ms, 0.95) AS p95_ms, quantile_cont(duration_ms, 0.99) AS p99_ms,
       p99_ms - p50_ms AS p99_p50_gap_ms
FROM (SELECT *, coalesce(page_id, 'unknown') AS page, coalesce(app_version, 'unknown') AS version,
             device_type AS device
      FROM facts WHERE duration_ms <= 28800000)
GROUP BY event_date, CUBE (page, version, device)
ORDER BY ALL;

CREATE TABLE users AS
WITH sums AS (
    SELECT user_id, sum(n_interactions)::bigint AS n, sum(total_duration_ms)::bigint AS ms,
           count(*) AS days, arg_max(country, activity_date) AS c,
           arg_max(device_type, activity_date) AS d, arg_max(subscription_type, activity_date) AS s
    FROM days GROUP BY user_id
)
SELECT user_id, n, ms, days, g.name AS dimension_name, g.value AS dimension_value
FROM sums, LATERAL (VALUES (NULL, NULL), ('country', c), ('device_type', d),
                           ('subscription_type', s)) AS g(name, value);

CREATE TABLE spread AS
SELECT dimension_name, dimension_value, (2 ** e)::bigint AS bucket_from,
       (2 ** (e + 1))::bigint - 1 AS bucket_to, count(*) AS n_users,
       count(*) / sum(count(*)) OVER (PARTITION BY dimension_name, dimension_value) AS share_rate
FROM users JOIN range(40) AS t(e) ON n >= 2 ** e AND n < 2 ** (e + 1)
GROUP BY dimension_name, dimension_value, e ORDER BY ALL;

CREATE TABLE summary AS
WITH recent AS (
    SELECT dimension_name, dimension_value,
           coalesce(sum(n_interactions) FILTER (activity_date > newest() - 28), 0)::bigint AS now,
           sum(n_interactions) FILTER (activity_date <= newest() - 28
                                       AND activity_date > newest() - 56) AS before
    FROM grouped GROUP BY ALL
)
SELECT u.dimension_name, u.dimension_value, newest() AS as_of_date, count(*) AS n_users,
       sum(n)::bigint AS n_interactions, sum(ms)::bigint AS total_duration_ms,
       avg(n) AS avg_interactions, avg(ms) AS avg_duration_ms, avg(days) AS avg_active_days,
       min(n) AS min_interactions, quantile_cont(n, 0.25) AS q1_interactions,
       median(n) AS median_interactions, quantile_cont(n, 0.75) AS q3_interactions,
       max(n) AS max_interactions, any_value(now) AS interactions_28d,
       any_value(now / before - 1) AS interactions_28d_growth_rate
FROM users AS u JOIN recent AS r
  ON u.dimension_name IS NOT DISTINCT FROM r.dimension_name
 AND u.dimension_value IS NOT DISTINCT FROM r.dimension_value
GROUP BY u.dimension_name, u.dimension_value ORDER BY ALL;

CREATE TABLE hours AS
SELECT isodow(event_at)::int AS weekday, hour(event_at)::int AS hour, count(*) AS n,
       quantile_cont(duration_ms, 0.5) AS p50_ms, quantile_cont(duration_ms, 0.95) AS p95_ms
FROM facts WHERE duration_ms <= 28800000 GROUP BY ALL ORDER BY ALL;

CREATE TABLE devices AS
WITH ranked AS (
    SELECT device_type, duration_ms,
           rank() OVER (ORDER BY duration_ms)
           + (count(*) OVER (PARTITION BY duration_ms) - 1) / 2 AS place
    FROM facts WHERE duration_ms <= 28800000
),
kinds AS (SELECT DISTINCT device_type AS kind FROM ranked)
SELECT kind AS device_type, count(*) FILTER (device_type = kind) AS n,
       min(duration_ms) FILTER (device_type = kind) AS min_ms,
       quantile_cont(duration_ms, 0.25) FILTER (device_type = kind) AS q1_ms,
       median(duration_ms) FILTER (device_type = kind) AS median_ms,
       quantile_cont(duration_ms, 0.75) FILTER (device_type = kind) AS q3_ms,
       quantile_cont(duration_ms, 0.95) FILTER (device_type = kind) AS p95_ms,
       max(duration_ms) FILTER (device_type = kind) AS max_ms,
       nullif(corr((device_type = kind)::int, place), 'nan') AS spearman
FROM ranked, kinds GROUP BY kind ORDER BY kind;
"""
MADE = {
    "silver.user_profiles": "profiles",
    "silver.interactions": "facts",
    "silver.user_days": "days",
    "silver.sessions": "visits",
    "gold.daily_active_users": "dau",
    "gold.weekly_active_users": "wau",
    "gold.monthly_active_users": "mau",
    "gold.rolling_active_users": "rolling",
    "gold.stickiness": "sticky",
    "gold.cohort_retention": "cohorts",
    "gold.power_users": "power",
    "gold.bounce_rates": "bounces",
    "gold.session_metrics": "lengths",
    "gold.session_totals": "totals",
    "gold.weekly_active_groups": "week_mixes",
    "gold.engagement_groups": "user_mixes",
    "gold.performance_metrics": "speeds",
    "gold.performance_by_hour": "hours",
    "gold.device_performance": "devices",
    "gold.engagement_distribution": "spread",
    "gold.engagement_summary": "summary",
}
"""Table → the oracle's table with the same columns, or with some of them."""


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Moments without their zone, as DuckDB has them."""
    return [
        {
            name: value.astimezone(UTC).replace(tzinfo=None)
            if getattr(value, "tzinfo", None)
            else value
            for name, value in row.items()
        }
        for row in rows
    ]


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Doubles to nine digits: the oracle adds and divides in another order."""
    return {
        name: float(f"{value:.9g}") if isinstance(value, float) else value
        for name, value in row.items()
    }


class Oracle:
    """The interactions tables of a landing folder, by SQL."""

    def __init__(self, raw: Path) -> None:
        self.db = duckdb.connect()
        self._load(raw, "user_interactions", "interactions", INTERACTIONS)
        self._load(raw, "user_metadata", "metadata", METADATA)
        self.db.execute(
            "DELETE FROM interactions WHERE interaction_id = '' OR user_id = '' "
            "OR try_cast(timestamp AS timestamp) IS NULL OR try_cast(duration_ms AS bigint) IS NULL"
        )
        self.db.execute(
            "DELETE FROM metadata WHERE user_id = '' OR try_cast(updated_at AS timestamp) IS NULL"
        )
        self.db.execute(DEFINED)

    def _load(self, raw: Path, source: str, table: str, header: str) -> None:
        names = header.split(",")
        if (lines := raw / f"{source}.jsonl").exists():
            columns = dict.fromkeys(names, "VARCHAR")
            self.db.execute(
                f"CREATE TABLE {table} AS SELECT {header} FROM read_json('{lines}', "
                f"format='newline_delimited', columns={columns})"
            )
            return
        files = [str(p) for p in sorted(raw.glob(f"{source}*/*"))] or [str(raw / f"{source}.csv")]
        cells = ", ".join(f"cells[{i}] AS {name}" for i, name in enumerate(names, start=1))
        self.db.execute(
            f"CREATE TABLE {table} AS SELECT {cells} FROM ("
            "  SELECT string_split(unnest(string_split(content, chr(10))), ',') AS cells"
            f"  FROM read_text({files})) "
            f"WHERE len(cells) = {len(names)} AND cells[1] <> '{names[0]}'"
        )

    def assert_equal(self, rows_of: Callable[..., list[dict[str, Any]]]) -> None:
        """Every table has the oracle's rows; `rows_of(table, *columns)` reads one."""
        for table, made in MADE.items():
            wanted = self.rows(f"FROM {made}")
            assert wanted, table
            found = plain(rows_of(table, *wanted[0]))
            assert [*map(rounded, found)] == [*map(rounded, wanted)], table

    def rows(self, query: str) -> list[dict[str, Any]]:
        found = self.db.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def count_differences(self, table: str, found: str) -> int:
        """Rows of a relation that the oracle's table has not, and the other way round."""
        columns = self.db.execute(f"DESCRIBE {MADE[table]}").fetchall()
        shown = ", ".join(
            f"printf('%.9g', {name})" if kind == "DOUBLE" else str(name)
            for name, kind, *_ in columns
        )
        [(n,)] = self.db.execute(
            f"WITH a AS (SELECT {shown} FROM {found}), b AS (SELECT {shown} FROM {MADE[table]}) "
            "SELECT count(*) FROM (FROM a EXCEPT ALL FROM b UNION ALL (FROM b EXCEPT ALL FROM a))"
        ).fetchall()
        return int(n)


def generate(folder: Path, *words: str) -> dict[str, Any]:
    """Landing files with planted facts; what was planted."""
    command = [sys.executable, str(GENERATOR), "--out", str(folder), "--domains", "interactions"]
    subprocess.run([*command, "--quiet", "--force", *words], check=True)
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())["interactions"]
    return truth
