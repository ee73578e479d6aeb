"""The interactions domain: what truth.json claims is what the files show."""

from __future__ import annotations

from collections import defaultdict

import duckdb
import pytest

from lakehouse.synthetic import Arguments, generate

SESSIONS = """
    with actions as (
        select user_id, interaction_id, timestamp::timestamp as acted_at from user_interactions),
    gaps as (
        select *, epoch_ms(acted_at) - epoch_ms(lag(acted_at) over in_order) as gap_ms
        from actions window in_order as (partition by user_id order by acted_at, interaction_id)),
    numbered as (
        select *, count(*) filter (gap_ms is null or gap_ms > 1800000) over (
            partition by user_id order by acted_at, interaction_id) as number
        from gaps)
    select user_id, number, count(*) as actions,
           min(acted_at) as first_at, max(acted_at) as last_at
    from numbered group by user_id, number
"""


@pytest.fixture(scope="module")
def truth(single):
    return single.truth["interactions"]


def test_one_user_owns_five_percent_of_all_rows(single, truth):
    user, rows = single.row(
        "select user_id, count(*) from user_interactions group by 1 order by 2 desc limit 1"
    )
    assert (user, rows) == (truth["hot_user"]["user_id"], truth["hot_user"]["rows"])
    assert rows == 4_500


def test_retention_is_the_recorded_one_and_follows_the_planted_curve(single, truth):
    cohorts = defaultdict(dict)
    for begin, week, users in single.rows(
        """
        with weeks as (
            select distinct user_id, date_trunc('week', timestamp::timestamp)::date as week
            from user_interactions),
        cohorts as (select *, min(week) over (partition by user_id) as begin from weeks)
        select begin::text, date_diff('week', begin, week), count(*) from cohorts group by all
        """
    ):
        cohorts[begin][week] = users
    recorded = truth["retention"]["cohorts"]
    assert {c["cohort_week"]: dict(enumerate(c["active_by_week"])) for c in recorded} == cohorts
    curve = truth["retention"]["planted_curve"]
    for week in range(1, 10):
        whole = [c for c in recorded if len(c["active_by_week"]) > week + 1]  # last one is partial
        rate = sum(c["active_by_week"][week] for c in whole) / sum(c["users"] for c in whole)
        assert rate == pytest.approx(curve[week], abs=0.03)


def test_sessions_are_exactly_the_planned_ones(single, truth):
    sessions, bounces, across = single.row(
        f"""select count(*), count(*) filter (actions = 1),
            count(*) filter (first_at::date <> last_at::date) from ({SESSIONS})"""
    )
    planned = truth["sessions"]
    assert sessions == planned["sessions"]
    assert bounces == planned["bounces"]
    assert across == planned["across_midnight"] > 0
    assert bounces / sessions == pytest.approx(planned["planted_bounce_share"], abs=0.02)


def test_daily_active_users_are_the_recorded_ones(single, truth):
    found = dict(
        single.rows(
            """select timestamp[:10] as day, count(distinct user_id)
            from user_interactions group by day"""
        )
    )
    assert found == truth["daily_active_users"]


def test_the_incident_multiplies_durations_of_one_page_and_version(single, truth):
    incident = truth["incident"]
    inside = f"page_id = '{incident['page_id']}' and app_version = '{incident['app_version']}'"
    days = f"timestamp[:10] between '{incident['from']}' and '{incident['to']}'"
    rows, slow = single.row(
        f"""select count(*), median(duration_ms::int) from user_interactions
        where {inside} and {days}"""
    )
    (usual,) = single.row(
        f"select median(duration_ms::int) from user_interactions where {inside} and not {days}"
    )
    assert rows == incident["rows"] > 100
    assert slow / usual == pytest.approx(incident["duration_factor"], rel=0.25)


def test_without_incidents_no_page_is_slow_and_all_else_is_the_same(tmp_path):
    made = {}
    for incidents in ("planted", "none"):
        arguments = Arguments(users=300, events=3_000, days=60, dirty=0.0, incidents=incidents)
        made[incidents] = generate(arguments, tmp_path / incidents).truth["interactions"]
    query = """
        select count(*), count(*) filter (a.duration_ms <> b.duration_ms),
               count(*) filter (a.duration_ms::int < b.duration_ms::int)
        from read_csv('{}/user_interactions.csv', header=true, all_varchar=true) a
        join read_csv('{}/user_interactions.csv', header=true, all_varchar=true) b
            using (interaction_id, user_id, timestamp, page_id, app_version)
    """
    folders = (tmp_path / "none", tmp_path / "planted")
    rows, differ, slower = duckdb.connect().execute(query.format(*folders)).fetchone()
    assert rows == 3_000
    assert differ == slower == pytest.approx(made["planted"]["incident"]["rows"], abs=2)
    assert differ > 5
    assert made["none"]["incident"] is None


def test_weekends_and_nights_are_quiet(single):
    weekend, weekday = single.row(
        """
        select count(*) filter (isodow(timestamp::timestamp) > 5) / 2.0,
               count(*) filter (isodow(timestamp::timestamp) <= 5) / 5.0 from user_interactions
        """
    )
    night, noon = single.row(
        """
        select count(*) filter (hour(timestamp::timestamp) between 2 and 4),
               count(*) filter (hour(timestamp::timestamp) between 13 and 15)
        from user_interactions
        """
    )
    assert weekend < 0.65 * weekday
    assert night < 0.3 * noon


def test_slower_devices_have_longer_durations(single, truth):
    medians = dict(
        single.rows(
            """
            select m.device_type, median(i.duration_ms::int)
            from user_interactions i asof join user_metadata m
              on i.user_id = m.user_id and i.timestamp >= m.updated_at group by 1
            """
        )
    )
    factors = truth["durations"]["factor_by_device"]
    assert medians["mobile"] / medians["desktop"] == pytest.approx(factors["mobile"], rel=0.07)


def test_outliers_above_eight_hours_are_few_and_counted(single, truth):
    (outliers,) = single.row(
        "select count(*) from user_interactions where duration_ms::int > 8 * 3600 * 1000"
    )
    assert outliers == truth["durations"]["outlier_rows"] == 5


def test_metadata_changes_over_time_as_recorded(single, truth):
    recorded = truth["metadata"]
    columns = ("country", "device_type", "subscription_type")
    changes = ", ".join(f"count(*) filter ({name} <> lag_{name})" for name in columns)
    lags = ", ".join(f"lag({name}) over w as lag_{name}" for name in columns)
    rows, users, *changed = single.row(
        f"""select count(*), count(distinct user_id), {changes} from (
            select *, {lags} from user_metadata
            window w as (partition by user_id order by updated_at))"""
    )
    assert (rows, users) == (recorded["rows"], recorded["users"])
    assert dict(zip(columns, changed, strict=True)) == recorded["changes"]
    assert min(changed) > 50
    assert recorded["distinct_states"] + recorded["rows_without_change"] == rows


def test_a_few_interactions_have_no_metadata(single, truth):
    (orphans,) = single.row(
        "select count(*) from user_interactions anti join user_metadata using (user_id)"
    )
    assert orphans == truth["metadata"]["interactions_without_metadata"] > 0


def test_nobody_acts_before_joining(single):
    assert (
        single.rows(
            """select * from user_interactions i join user_signups s using (user_id)
        where timestamp[:10] < signup_date"""
        )
        == []
    )


def test_the_plan_in_the_metadata_is_the_one_that_was_bought(single):
    wrong = single.rows(
        """
        with bought as (
            select user_id, arg_max(plan, conversion_date || lpad(mrr, 9, '0')) as plan
            from conversions group by 1),
        last as (
            select user_id, arg_max(subscription_type, updated_at) as plan
            from user_metadata group by 1)
        select * from bought join last using (user_id) where bought.plan <> last.plan
        """
    )
    assert wrong == []
