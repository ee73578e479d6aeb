"""The growth domain: what truth.json claims is what the files show."""

from __future__ import annotations

import math

import pytest

PERSON_TIME = """
    with first_conversion as (
        select user_id, min(conversion_date)::date as on_date from conversions group by user_id),
    first_use as (
        select user_id, min(event_timestamp)[:10]::date as on_date
        from feature_usage_events where feature_id = '{feature}' group by user_id),
    people as (
        select s.user_id, s.signup_date::date as signed_up, c.on_date is not null as converted,
               coalesce(c.on_date, date '{as_of}') as until, u.on_date as used_on
        from user_signups s
        left join first_conversion c using (user_id) left join first_use u using (user_id)),
    split as (
        select *, coalesce(used_on <= until, false) as used from people)
    select
        sum(date_diff('day', signed_up, if(used, used_on, until))) as days_before,
        count(*) filter (converted and not used) as conversions_before,
        coalesce(sum(date_diff('day', used_on, until)) filter (used), 0) as days_after,
        count(*) filter (converted and used) as conversions_after,
        count(*) filter (used) as users_who_used
    from split
"""


def person_time(landing, feature):
    as_of = landing.truth["growth"]["as_of_date"]
    return landing.row(PERSON_TIME.format(feature=feature, as_of=as_of))


def log_rate_ratio(landing, feature):
    """The log of the ratio of daily rates after and before first use, and its standard error."""
    days_before, before, days_after, after, _ = person_time(landing, feature)
    return math.log(after / days_after / (before / days_before)), math.sqrt(1 / before + 1 / after)


def test_using_real_time_collab_raises_the_rate_of_converting(single):
    planted = single.truth["growth"]["features"]["real_time_collab"]["hazard_ratio"]
    estimate, error = log_rate_ratio(single, "real_time_collab")
    assert estimate > 3 * error
    assert estimate == pytest.approx(math.log(planted), abs=3 * error)


def test_dark_mode_does_nothing_although_its_cohorts_differ(single):
    estimate, error = log_rate_ratio(single, "dark_mode")
    assert abs(estimate) < 2.5 * error
    feature = single.truth["growth"]["features"]["dark_mode"]
    assert feature["hazard_ratio"] == 1
    rate = {
        name: cohort["converted_users"] / cohort["total_users"]
        for name, cohort in feature["cohorts"].items()
        if cohort["total_users"]
    }
    assert rate["used_before_conversion"] < 0.9 * rate["available_not_used"]


def test_dark_mode_is_adopted_more_the_longer_people_are_there(single):
    shares = [
        share
        for (share,) in single.rows(
            """
            select avg((exists (
                select 1 from feature_usage_events e
                where e.user_id = s.user_id and e.feature_id = 'dark_mode'))::int)
            from user_signups s
            group by date_diff('day', date '2026-01-01', s.signup_date::date) // 30
            order by min(signup_date)
            """
        )
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 2 * shares[-1]


@pytest.mark.parametrize(
    "feature", ["dashboards", "real_time_collab", "dark_mode", "api_access", "ai_assistant"]
)
def test_cohorts_and_person_time_are_those_in_the_files(single, feature):
    truth = single.truth["growth"]["features"][feature]
    days_before, before, days_after, after, used = person_time(single, feature)
    spans = truth["person_time"]
    assert (spans["before"]["days"], spans["before"]["conversions"]) == (days_before, before)
    assert (spans["after"]["days"], spans["after"]["conversions"]) == (days_after, after)
    cohorts = truth["cohorts"]
    assert cohorts["used_before_conversion"] == {"total_users": used, "converted_users": after}
    assert sum(cohort["total_users"] for cohort in cohorts.values()) == 8_000


def test_used_real_time_collab_agrees_with_the_events(single):
    wrong = single.rows(
        """
        with first_use as (
            select user_id, min(event_timestamp)[:10] as on_date
            from feature_usage_events where feature_id = 'real_time_collab' group by user_id)
        select * from conversions left join first_use using (user_id)
        where used_real_time_collab::boolean <> coalesce(on_date <= conversion_date, false)
        """
    )
    assert wrong == []


def test_conversions_are_realistic_and_consistent_with_sign_ups(single):
    truth = single.truth["growth"]["conversion"]
    rows, users, wrong = single.row(
        """
        select count(*), count(distinct c.user_id), count(*) filter (
            c.signup_date <> s.signup_date or c.days_to_convert::int
              <> date_diff('day', s.signup_date::date, conversion_date::date)
            or c.days_to_convert::int < 0)
        from conversions c join user_signups s using (user_id)
        """
    )
    assert (rows, users, wrong) == (truth["rows"], truth["converted_users"], 0)
    assert rows - users == truth["upgrades"] + truth["same_day_upgrades"]
    assert truth["same_day_upgrades"] > 0
    assert 0.10 <= users / 8_000 <= 0.20


def test_mrr_lies_in_the_range_of_its_plan(single):
    ranges = single.truth["growth"]["conversion"]["mrr_range_by_plan"]
    found = single.rows(
        "select plan, min(mrr::double), max(mrr::double) from conversions group by 1"
    )
    assert {plan for plan, _, _ in found} == set(ranges)
    for plan, low, high in found:
        assert ranges[plan][0] <= low <= high <= ranges[plan][1]


def test_company_size_leans_with_the_industry(single):
    small = dict(
        single.rows(
            "select industry, avg((company_size = '1-10')::int) from user_signups group by 1"
        )
    )
    assert small["media"] > 2 * small["finance"]


def test_nobody_uses_a_feature_before_signing_up_or_while_it_is_off(single):
    assert (
        single.rows(
            """select * from feature_usage_events e join user_signups s using (user_id)
        where event_timestamp[:10] < signup_date"""
        )
        == []
    )
    off = single.rows(
        """
        select feature_id, min(event_timestamp)[:10], count(*) from feature_usage_events
        where (feature_id = 'export_to_pdf' and event_timestamp[:10] >= '2026-02-06'
               and event_timestamp[:10] < '2026-02-19')
           or (feature_id = 'slack_integration' and event_timestamp[:10] >= '2026-01-28'
               and event_timestamp[:10] < '2026-02-24')
           or (feature_id = 'ai_assistant' and event_timestamp[:10] < '2026-02-01')
        group by 1
        """
    )
    assert off == []


def test_release_history_holds_every_special_case(single):
    states = {}
    for state in single.truth["growth"]["feature_states"]:
        states.setdefault(state["feature_id"], []).append(
            (
                *(state["feature_name"], state["version"], state["is_enabled"]),
                *(state["effective_from"], state["effective_to"]),
            )
        )
    end = "9999-12-31"
    assert states["slack_integration"] == [  # deleted, added again
        ("Slack integration", "1.0.0", True, "2025-09-23", "2026-01-28"),
        ("Slack integration", "1.1.0", True, "2026-02-24", end),
    ]
    assert states["export_to_pdf"] == [  # disabled for a while
        ("Export to PDF", "1.0.0", True, "2025-08-04", "2026-02-06"),
        ("Export to PDF", "1.0.1", False, "2026-02-06", "2026-02-19"),
        ("Export to PDF", "1.0.2", True, "2026-02-19", end),
    ]
    assert states["ai_assistant"] == [("AI assistant", "0.10.0", True, "2026-02-01", end)]
    assert states["dark_mode"] == [("Dark mode", "1.0.0", True, "2025-10-03", end)]
    assert states["real_time_collab"] == [
        ("Real-time collaboration", "1.0.0", True, "2025-11-02", "2026-01-19"),
        ("Real-time collaboration", "1.1.0", True, "2026-01-19", "2026-02-10"),
        ("Real-time collaboration", "2.0.0", True, "2026-02-10", end),
    ]
    assert [row[0] for row in states["api_access"]] == ["API access", "Public API"]


def test_one_release_is_delivered_after_a_later_one(daily):
    (late,) = daily.truth["growth"]["late_release"]
    found = daily.rows(
        f"""select min(file) from feature_releases_lines
        where line like '%"{late["feature_id"]}"%"{late["version"]}"%'"""
    )
    assert found == [(late["delivered_on"],)]
    assert late["delivered_on"] > late["release_date"]
