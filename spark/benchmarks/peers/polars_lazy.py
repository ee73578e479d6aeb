"""The interactions domain by Polars: landing files → Parquet tables, by lazy frames.

    python polars_lazy.py ingest enrich engagement performance sessions --raw RAW --home HOME

Tables have the columns of the oracle (`spark/tests/interactions_oracle.py`), one file
each. What is as long as the landing files streams; days of users, users and sessions are a fraction
of that, and stay in memory within a workload.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, combinations
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("workloads", nargs="+", metavar="WORKLOAD")  # one of WORKLOADS
parser.add_argument("--raw", type=Path, required=True)
parser.add_argument("--home", type=Path, required=True)
parser.add_argument("--threads", default="2")
parser.add_argument("--memory", default="3GB")
GIVEN = parser.parse_args()
GIVEN.home.mkdir(parents=True, exist_ok=True)
# Polars reads these once, when it is imported. Beyond the budget it spills to disk.
os.environ["POLARS_MAX_THREADS"] = GIVEN.threads
os.environ["POLARS_OOC_MEMORY_BUDGET_MB"] = GIVEN.memory.removesuffix("GB") + "000"
os.environ["POLARS_OOC_SPILL_DIR"] = str(GIVEN.home / ".spilled")

import polars as pl  # noqa: E402  # after its settings

BY_PROFILE = ("country", "device_type", "subscription_type")
BY_SESSION = ("country", "device_type")
CELLS = {
    "user_interactions": (
        *("interaction_id", "user_id", "timestamp"),
        *("action_type", "page_id", "duration_ms", "app_version"),
    ),
    "user_metadata": ("user_id", "join_date", *BY_PROFILE, "updated_at"),
}
REQUIRED = {
    "user_interactions": ("interaction_id", "user_id", "timestamp", "app_version"),
    "user_metadata": ("user_id", "join_date", "updated_at"),
}
"""A short line ends with nulls: its last cell, which no source leaves empty, is among them."""

PARTS = ("page_id", "app_version", "device_type")
CODED = ("action_type", *BY_PROFILE, *PARTS)  # a few values in many rows
DIMENSION = ("dimension_name", "dimension_value")

OF_ALL = pl.col("dimension_name").is_null()

OUTLIER_MS = 28_800_000
ROLLING_DAYS = 28
N = pl.len().cast(pl.Int64)
USER, AT, DAY = pl.col("user_id"), pl.col("event_at"), pl.col("activity_date")
MS, N_ACTIONS, N_USERS = pl.col("duration_ms"), pl.col("n_actions"), pl.col("n_users")
SUMS = ("n_interactions", "total_duration_ms")
BUCKETS = {
    "n_actions_1": N_ACTIONS.is_between(1, 1),
    "n_actions_2_3": N_ACTIONS.is_between(2, 3),
    "n_actions_4_10": N_ACTIONS.is_between(4, 10),
    "n_actions_over_10": N_ACTIONS.gt(10),
    "n_duration_under_10s": MS.lt(10_000),
    "n_duration_10s_1min": MS.is_between(10_000, 59_999),
    "n_duration_1_10min": MS.is_between(60_000, 599_999),
    "n_duration_10_30min": MS.is_between(600_000, 1_799_999),
    "n_duration_over_30min": MS.ge(1_800_000),
    "n_duration_unknown": MS.is_null(),
}


def sum_of_known(column: pl.Expr) -> pl.Expr:
    """The sum, null where every value is: that of Polars is 0 then."""
    return pl.when(column.count() > 0).then(column.sum())


SUMS_OF_KNOWN = tuple(sum_of_known(pl.col(name)) for name in SUMS)


@dataclass(frozen=True)
class Lake:
    """Landing files and the tables made of them."""

    raw: Path
    home: Path

    def read(self, table: str) -> pl.LazyFrame:
        """A table, of which a query reads the columns that it uses."""
        return pl.scan_parquet(self.home / f"{table}.parquet")

    def write(self, table: str, rows: pl.LazyFrame | pl.DataFrame) -> None:
        """Write a table: from file to file, where its rows come from a file."""
        self.plan(table, rows).collect()

    def plan(self, table: str, rows: pl.LazyFrame | pl.DataFrame) -> pl.LazyFrame:
        """The same, for later. Rows of tables have no order; snappy takes the least time."""
        path = self.home / f"{table}.parquet"
        return rows.lazy().sink_parquet(path, compression="snappy", maintain_order=False, lazy=True)


def moment(name: str) -> pl.Expr:
    """Hardly one moment comes twice, so looking it up first would be in vain."""
    text = pl.col(name).str
    return text.to_datetime("%F %T%.f", time_unit="us", strict=False, cache=False)


PARSED = {
    "timestamp": moment("timestamp"),
    "updated_at": moment("updated_at"),
    "join_date": pl.col("join_date").str.to_date("%F", strict=False),
    "duration_ms": MS.cast(pl.UInt64, strict=False).cast(pl.Int64),  # no action takes less than 0
}


def ingest(lake: Lake) -> None:
    """Good lines, typed, each record once; how many lines were none."""
    rejected = {source: _ingest(lake, source) for source in CELLS}
    (lake.home / "rejected.json").write_text(json.dumps(rejected))


def _ingest(lake: Lake, source: str) -> int:
    """Read the files once, and return the number of lines that are no records."""
    cells, single = CELLS[source], lake.raw / f"{source}.csv"
    lines = pl.scan_csv(
        [single] if single.exists() else sorted(lake.raw.glob(f"{source}/*.csv")),
        has_header=False,
        skip_lines=1,
        schema={name: pl.Categorical if name in CODED else pl.String for name in cells}
        | {"surplus": pl.String},  # filled where a line is too long
        truncate_ragged_lines=True,
        missing_columns="insert",
        include_file_paths="source_file",
    )
    parsed = {name: value for name, value in PARSED.items() if name in cells}
    is_good = pl.all_horizontal(
        pl.col(REQUIRED[source]).is_not_null(),
        pl.col("surplus").is_null(),
        *(pl.col(name).is_null() | value.is_not_null() for name, value in parsed.items()),
    )
    path = pl.col("source_file").str.strip_prefix(f"{lake.raw}/")
    judged = lines.with_columns(**parsed, is_good=is_good, source_file=path)
    records = judged.filter("is_good").unique(subset=cells, keep="first", maintain_order=True)
    bad = judged.select(pl.col("is_good").not_().sum())
    plans = [lake.plan(f"bronze.{source}", records.drop("surplus", "is_good")), bad]
    return int(pl.collect_all(plans)[1].item())


def enrich(lake: Lake) -> None:
    """The history of profiles, and every interaction with the profile of its moment."""
    told = lake.read("bronze.user_metadata").rename({"updated_at": "effective_from"})
    told = told.drop("source_file").unique(["user_id", "effective_from"])
    state = [pl.col(name) for name in ("join_date", *BY_PROFILE)]
    is_first = USER.ne_missing(USER.shift())
    changes = pl.any_horizontal(value.ne_missing(value.shift()) for value in state)
    until = pl.when(USER.eq(USER.shift(-1))).then(pl.col("effective_from").shift(-1))
    forever = datetime(9999, 12, 31)  # noqa: DTZ001  # moments are UTC and have no zone
    kept = told.sort("user_id", "effective_from").filter(is_first | changes)
    profiles = kept.with_columns(effective_to=until.fill_null(forever)).collect()
    lake.write("silver.user_profiles", profiles)

    rows = lake.read("bronze.user_interactions").drop("source_file")
    repeated = rows.group_by("interaction_id").len().filter(pl.col("len") > 1).collect()
    if len(repeated):  # of several records the earliest
        again = rows.join(repeated.lazy(), on="interaction_id", how="semi").sort("timestamp")
        first = again.unique("interaction_id", keep="first", maintain_order=True)
        rows = pl.concat([rows.join(repeated.lazy(), on="interaction_id", how="anti"), first])
    # A moment lies in one interval of its user, the first of which is open: a hash join that
    # streams, where an as-of join would take all interactions into memory and want them sorted.
    begin = pl.when(~is_first).then("effective_from").otherwise(datetime.min)  # noqa: DTZ901
    intervals = profiles.lazy().drop("join_date").with_columns(begin=begin)
    at = pl.col("timestamp")
    is_then = at.is_between(pl.col("begin"), pl.col("effective_to"), closed="left")
    is_known = at.ge(pl.col("effective_from")).fill_null(value=False)
    found = rows.join(intervals, on="user_id", how="left", build_side="force_right")
    facts = found.filter(pl.col("begin").is_null() | is_then).with_columns(
        *(pl.when(is_known).then(name).fill_null("unknown").alias(name) for name in BY_PROFILE),
        event_date=at.dt.date(),
        has_profile=is_known,
        is_duration_outlier=MS.gt(OUTLIER_MS).fill_null(value=False),
    )
    facts = facts.drop("effective_from", "effective_to", "begin").rename({"timestamp": "event_at"})
    lake.write("silver.interactions", facts)


def by_dimension(
    rows: pl.LazyFrame,
    names: Sequence[str],
    keys: Sequence[str],
    *figures: pl.Expr,
    **named: pl.Expr,
) -> pl.LazyFrame:
    """Figures of all rows, and by each dimension."""
    groups = [
        rows.group_by(*keys, dimension_name=pl.lit(name), dimension_value=value)
        .agg(*figures, **named)
        .with_columns(pl.col(DIMENSION).cast(pl.String))
        for name, value in ((None, pl.lit(None)), *((name, pl.col(name)) for name in names))
    ]
    return pl.concat(groups)


def quantiles(column: pl.Expr, **shares: float) -> list[pl.Expr]:
    """Exact quantiles, interpolated."""
    return [column.quantile(share, "linear").alias(name) for name, share in shares.items()]


def engagement(lake: Lake) -> None:
    """Who came when: days of users, and all that is counted from them."""
    # A user has one profile at a moment: which of two interactions at one moment is the last
    # changes nothing here.
    of_day = lake.read("silver.interactions").group_by("user_id", activity_date="event_date")
    times = {"first_at": AT.min(), "last_at": AT.max()}
    sums = {"n_interactions": N, "total_duration_ms": sum_of_known(MS)}
    days = of_day.agg(pl.col(BY_PROFILE).max_by("event_at"), **sums, **times)
    days = days.sort("user_id", "activity_date").collect()
    lake.write("silver.user_days", days)
    users = (
        days.lazy()
        .group_by("user_id")
        .agg(
            pl.col(BY_PROFILE).max_by("activity_date"),
            *SUMS_OF_KNOWN,
            n_active_days=N,
            first_active_date=DAY.min(),
            last_active_date=DAY.max(),
        )
    )
    users = users.collect()
    newest = days["activity_date"].max()
    _active_users(lake, days.lazy(), newest)
    _returning_users(lake, days.lazy(), users.lazy(), newest)
    _users(lake, users.lazy(), len(users), newest)


def _active_users(lake: Lake, days: pl.LazyFrame, newest: date) -> None:
    """Users of days, weeks and months."""
    # A user has one row a day, so the cells of a day add up.
    cells = days.group_by("activity_date", *BY_PROFILE).agg(*SUMS_OF_KNOWN, dau=N)
    daily = by_dimension(cells, BY_PROFILE, ["activity_date"], pl.col("dau").sum(), *SUMS_OF_KNOWN)
    lake.write("gold.daily_active_users", daily.with_columns(is_complete=DAY.lt(newest)))
    for name, figure, length in (("week", "wau", "1w"), ("month", "mau", "1mo")):
        start, number = f"{name}_start", pl.col(figure)
        came = days.select(DAY.dt.truncate(length).alias(start), "user_id", *BY_PROFILE).unique()
        n_users = USER.n_unique().cast(pl.Int64).alias(figure)
        following = pl.col(start).dt.offset_by(length)
        growth = pl.when(following.shift() == pl.col(start)).then(number / number.shift() - 1)
        made = by_dimension(came, BY_PROFILE, [start], n_users).with_columns(
            growth.over(DIMENSION, order_by=start).alias(f"{figure}_growth_rate"),
            is_complete=following <= newest,
        )
        lake.write(f"gold.{name}ly_active_users", made)


def _returning_users(lake: Lake, days: pl.LazyFrame, users: pl.LazyFrame, newest: date) -> None:
    """Users of rolling weeks, stickiness, and what becomes of the users of a week."""
    # A row counts from its day until the window has passed or the user's next row counts. Pairs of
    # such days are few, however many the users.
    following = pl.when(USER.eq(USER.shift(-1))).then(DAY.shift(-1))
    pairs = days.group_by("activity_date", following=following).agg(came=N).collect().lazy()
    came = pl.col("came")
    moves = [pairs.select("activity_date", came, wau_7d=came, mau_28d=came)]
    for figure, length in (("wau_7d", "7d"), ("mau_28d", f"{ROLLING_DAYS}d")):
        left = pl.min_horizontal(DAY.dt.offset_by(length), "following")
        moves.append(pairs.select(activity_date=left, **{figure: -came}))
    of_day = pl.concat(moves, how="diagonal").group_by("activity_date").agg(pl.all().sum())
    figures = pl.col("wau_7d", "mau_28d").cum_sum()
    rolling = of_day.sort("activity_date").with_columns(figures, is_complete=DAY.lt(newest))
    lake.write("gold.rolling_active_users", rolling.filter(came > 0).drop("came"))

    in_days = lake.read("gold.rolling_active_users").select("activity_date", "mau_28d")
    in_month = lake.read("gold.monthly_active_users").filter(OF_ALL)
    in_month = in_month.select("month_start", "mau", "is_complete")
    daily = lake.read("gold.daily_active_users").filter(OF_ALL)
    daily = daily.select("activity_date", "dau", month_start=DAY.dt.truncate("1mo"))
    both = daily.join(in_month, on="month_start").join(in_days, on="activity_date")
    rates = {"stickiness_rate": "mau", "stickiness_28d_rate": "mau_28d"}
    rates = {name: pl.col("dau") / pl.col(figure) for name, figure in rates.items()}
    lake.write("gold.stickiness", both.with_columns(**rates).drop("month_start"))

    joined = users.select("user_id", cohort_week=pl.col("first_active_date").dt.truncate("1w"))
    weeks = days.select("user_id", week=DAY.dt.truncate("1w")).unique().join(joined, on="user_id")
    week_number = ((pl.col("week") - pl.col("cohort_week")).dt.total_days() // 7).cast(pl.Int32)
    active = weeks.group_by("cohort_week", week_number=week_number).agg(active_users=N)
    active = active.collect().lazy()
    cohorts = active.filter(week_number=0).select("cohort_week", cohort_size="active_users")
    numbers = pl.LazyFrame({"week_number": range(27)}, schema={"week_number": pl.Int32})
    begin = pl.col("cohort_week") + pl.duration(weeks="week_number")
    begun = cohorts.join(numbers, how="cross").filter(begin <= newest)
    n_active = pl.col("active_users").fill_null(0)
    retention = begun.join(active, on=["cohort_week", "week_number"], how="left").with_columns(
        active_users=n_active,
        retention_rate=n_active / pl.col("cohort_size"),
        is_complete=begin.dt.offset_by("1w") <= newest,
    )
    lake.write("gold.cohort_retention", retention)


def _users(lake: Lake, users: pl.LazyFrame, n_users: int, newest: date) -> None:
    """Users by how much they did."""
    order = ["total_duration_ms", "user_id"]
    most = users.top_k(-(-n_users // 100), by=order, reverse=[False, True])
    ranked = most.sort(order, descending=[True, False]).with_columns(rank=pl.int_range(1, N + 1))
    lake.write("gold.power_users", ranked)

    actions, low = pl.col("n_interactions"), pl.col("bucket_from")
    width = pl.lit(2, pl.Int64).pow(63 - actions.bitwise_leading_zeros().cast(pl.Int64))
    cells = users.group_by(*BY_PROFILE, bucket_from=width).agg(n_users=N)
    buckets = by_dimension(cells, BY_PROFILE, ["bucket_from"], N_USERS.sum())
    share = N_USERS / N_USERS.sum().over(DIMENSION)
    buckets = buckets.with_columns(bucket_to=2 * low - 1, share_rate=share)
    lake.write("gold.engagement_distribution", buckets)

    whole = by_dimension(
        users,
        BY_PROFILE,
        [],
        *SUMS_OF_KNOWN,
        *quantiles(actions, q1_interactions=0.25, median_interactions=0.5, q3_interactions=0.75),
        n_users=N,
        avg_interactions=actions.mean(),
        avg_duration_ms=pl.mean("total_duration_ms"),
        avg_active_days=pl.mean("n_active_days"),
        min_interactions=actions.min(),
        max_interactions=actions.max(),
    )
    age = (newest - DAY).dt.total_days()
    now = actions.filter(age < ROLLING_DAYS).sum().alias("interactions_28d")
    before = actions.filter(age >= ROLLING_DAYS, age < 2 * ROLLING_DAYS).sum()
    growth = pl.when(before > 0).then(now / before - 1).alias("interactions_28d_growth_rate")
    recent = lake.read("gold.daily_active_users").group_by(DIMENSION).agg(now, growth)
    summary = whole.join(recent, on=DIMENSION, nulls_equal=True).with_columns(as_of_date=newest)
    lake.write("gold.engagement_summary", summary)


def performance(lake: Lake) -> None:
    """How long actions take: exact percentiles, interpolated."""
    # Quantiles need their rows in memory: a few bytes each, read once for all tables.
    measured = (
        lake.read("silver.interactions")
        .filter(MS <= OUTLIER_MS)
        .select(
            MS.cast(pl.Int32),
            pl.col(PARTS).cast(pl.Categorical).fill_null("unknown"),
            metric_date="event_date",
            weekday=AT.dt.weekday().cast(pl.Int32),
            hour=AT.dt.hour().cast(pl.Int32),
        )
    )
    measured = measured.collect().lazy()
    p50, p95, p99 = quantiles(MS, p50_ms=0.5, p95_ms=0.95, p99_ms=0.99)
    gap = (pl.col("p99_ms") - pl.col("p50_ms")).alias("p99_p50_gap_ms")
    mixes = chain.from_iterable(combinations(PARTS, size) for size in range(len(PARTS) + 1))
    figures = [N.alias("n"), *quantiles(MS, q1_ms=0.25, median_ms=0.5, q3_ms=0.75), p95]
    ends = {"min_ms": MS.min().cast(pl.Int64), "max_ms": MS.max().cast(pl.Int64)}
    queries = [
        measured.group_by("weekday", "hour").agg(p50, p95, n=N),
        measured.group_by("device_type").agg(*figures, **ends),
        measured.group_by("device_type", "duration_ms").agg(times=N).sort("duration_ms"),
        *(measured.group_by("metric_date", *mix).agg(p50, p95, p99, n=N) for mix in mixes),
    ]
    by_hour, devices, counts, *made = pl.collect_all(queries, engine="in-memory")
    lake.write("gold.performance_by_hour", by_hour)
    lake.write("gold.performance_metrics", pl.concat(made, how="diagonal").with_columns(gap))

    # Spearman's correlation with an indicator, from counts of equal durations. A place is twice the
    # mean rank less twice the mean of all: a whole number, whose sums over a device are exact.
    times, place, n = pl.col("times"), pl.col("place"), pl.col("n")
    places = counts.group_by("duration_ms", maintain_order=True).agg(times.sum())
    places = places.select("duration_ms", place=2 * times.cum_sum() - times - times.sum())
    squares = (times * place.cast(pl.Float64) ** 2).sum().alias("squares")
    figures = [(times * place).sum(), squares]
    sums = counts.join(places, on="duration_ms").group_by("device_type").agg(figures)
    spread = (pl.col("squares").sum() * n * (n.sum() - n) / n.sum()).sqrt()
    spearman = pl.when(spread > 0).then(pl.col("times") / spread)
    correlated = devices.join(sums, on="device_type").with_columns(spearman=spearman)
    lake.write("gold.device_performance", correlated.drop("times", "squares"))


def sessions(lake: Lake) -> None:
    """Sessions, how long they are, and those of one action."""
    # All interactions are sorted once. Only a session's first and last one go on: how many lie
    # between them is the difference of their places.
    starts = USER.ne_missing(USER.shift()) | (AT - AT.shift() > pl.duration(minutes=30))
    in_time = ["user_id", "event_at", "interaction_id"]
    rows = lake.read("silver.interactions").select(*in_time, "duration_ms", "page_id", *BY_SESSION)
    placed = rows.sort(in_time).with_row_index("place").with_columns(starts=starts)
    ends = pl.col("starts").shift(-1, fill_value=True)
    edges = placed.with_columns(ends=ends).filter(pl.col("starts") | pl.col("ends"))
    last = {"last_place": pl.col("place"), "ended_at": AT, "exit_page": pl.col("page_id")}
    last["last_ms"] = MS
    ended = (pl.when("ends").then(it).otherwise(it.shift(-1)).alias(n) for n, it in last.items())
    visits = (
        edges.with_columns(ended)
        .filter("starts")
        .with_columns(
            session_number=pl.int_range(1, N + 1).over("user_id"),
            n_actions=(pl.col("last_place") - pl.col("place")).cast(pl.Int64) + 1,
            duration_ms=pl.when(~pl.col("ends") | pl.col("last_ms").is_not_null()).then(
                (pl.col("ended_at") - AT).dt.total_milliseconds() + pl.col("last_ms").fill_null(0)
            ),
            session_date=AT.dt.date(),
        )
    )
    names = {"event_at": "started_at", "page_id": "entry_page", "ends": "is_bounce"}
    visits = visits.drop("interaction_id", "place", "starts", "last_place", "last_ms")
    visits = visits.rename(names).collect()
    lake.write("silver.sessions", visits)
    # A session stands in one cell, so both tables add up cells.
    buckets = {name: each.sum().cast(pl.Int64) for name, each in BUCKETS.items()}
    cells = visits.lazy().group_by(*BY_SESSION, metric_date="session_date")
    cells = cells.agg(N_ACTIONS.sum(), MS.sum(), n_sessions=N, **buckets)
    figures = pl.col("n_sessions", "n_actions", "duration_ms", *buckets).sum()
    by_day = by_dimension(cells, BY_SESSION, ["metric_date"], figures).collect()
    n_sessions = pl.col("n_sessions")
    n_known = n_sessions - pl.col("n_duration_unknown")
    means = {"avg_duration_ms": MS / n_known, "avg_actions": N_ACTIONS / n_sessions}
    metrics = by_day.with_columns(**means).drop("n_actions", "duration_ms")
    lake.write("gold.session_metrics", metrics)
    totals = {"n_sessions": "total_sessions", "n_actions_1": "bounced_sessions"}
    bounces = by_day.select("metric_date", *DIMENSION, *totals).rename(totals)
    rate = pl.col("bounced_sessions") / pl.col("total_sessions")
    day = pl.col("metric_date")
    bounces = bounces.with_columns(bounce_rate=rate, is_complete=day < day.max())
    lake.write("gold.bounce_rates", bounces)


WORKLOADS: dict[str, Callable[[Lake], None]] = {
    each.__name__: each for each in (ingest, enrich, engagement, performance, sessions)
}


def main() -> None:
    """Run workloads, and print what each took."""
    lake, seconds = Lake(GIVEN.raw, GIVEN.home), {}
    for name in GIVEN.workloads:
        began = time.perf_counter()
        WORKLOADS[name](lake)
        seconds[name] = round(time.perf_counter() - began, 3)
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main()
