"""Fragments, sessions and their marts on literal rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from tables.mirror import rows, values

from lakehouse.tables.gold import bounce_rates, session_metrics, session_totals
from lakehouse.tables.silver import session_fragments, sessions, user_days

pytestmark = pytest.mark.spark
START = datetime(2026, 1, 1, 8)  # noqa: DTZ001  # the session's are naive, in UTC
MIDNIGHT = datetime(2026, 1, 2)  # noqa: DTZ001  # same


def action(identity, moment, ms=1000, page="home"):
    return {
        "interaction_id": identity,
        "user_id": "u",
        "event_at": moment,
        "event_date": moment.date(),
        "duration_ms": ms,
        "page_id": page,
        "country": "DE",
        "device_type": "mobile",
        "subscription_type": "free",
    }


def test_a_gap_of_half_an_hour_stays_and_a_second_more_parts(spark):
    later = START + timedelta(seconds=1800)
    given = [action("a", START), action("b", later), action("c", later + timedelta(seconds=1801))]
    found = rows(spark, session_fragments, given)
    assert values(found, "fragment_number", "n_actions", "first_at", "last_at") == [
        (1, 2, START, later),
        (2, 1, later + timedelta(seconds=1801), later + timedelta(seconds=1801)),
    ]


def test_equal_moments_stand_by_identity_and_no_duration_is_null(spark):
    given = [action("b", START, ms=None, page="out"), action("a", START, page="in")]
    (found,) = rows(spark, session_fragments, given)
    assert (found["entry_page"], found["exit_page"]) == ("in", "out")
    assert (found["first_interaction_id"], found["last_duration_ms"]) == ("a", None)


def fragment(day, number, first, last, n=1):
    return {
        "user_id": "u",
        "event_date": date(2026, 1, day),
        "fragment_number": number,
        "first_at": first,
        "last_at": last,
        "n_actions": n,
        "last_duration_ms": 500,
        "first_interaction_id": f"{day}-{number}",
        "device_type": "mobile",
        "country": "DE",
    }


def test_midnight_does_not_part_a_session(spark):
    before, after = MIDNIGHT - timedelta(minutes=10), MIDNIGHT + timedelta(minutes=10)
    given = [
        fragment(1, 1, START, START),
        fragment(1, 2, before, before),
        fragment(2, 1, after, after),
    ]
    found = rows(spark, sessions, given)
    names = ("started_at", "n_actions", "duration_ms", "is_bounce", "session_date")
    assert sorted(values(found, *names)) == [
        (START, 1, 500, True, date(2026, 1, 1)),
        (before, 2, 20 * 60_000 + 500, False, date(2026, 1, 1)),
    ]


def test_a_session_ends_at_a_gap_of_more_than_1800_s_and_at_no_midnight_or_change_of_clocks(spark):
    told = {
        "exact": (500, "2026-01-05 10:00:00", "2026-01-05 10:30:00"),
        "over": (500, "2026-01-05 10:00:00", "2026-01-05 10:30:01"),
        "just over": (1000, "2026-01-05 10:00:00", "2026-01-05 10:30:00.001"),
        "alone": (0, "2026-01-05 10:00:00"),
        "silent": (None, "2026-01-05 10:00:00"),
        "midnight": (7, "2026-01-05 23:50:00", "2026-01-06 00:10:00"),
        "new year": (7, "2025-12-31 23:59:59", "2026-01-01 00:29:59"),
        "leap day": (7, "2028-02-28 23:45:00", "2028-02-29 00:15:00"),
        "clocks change": (7, "2026-03-29 00:50:00", "2026-03-29 01:20:00"),
        "days on end": (
            *(7,),
            *(
                f"2026-01-0{day} {hour:02}:{half}:00"
                for day in (5, 6, 7)
                for hour in range(24)
                for half in ("00", "30")
            ),
        ),
    }
    given = [
        action(f"{user}-{at}", datetime.fromisoformat(at), ms) | {"user_id": user}
        for user, (ms, *moments) in told.items()
        for at in moments
    ]
    found = dict.fromkeys(told, ())
    made = rows(spark, sessions, rows(spark, session_fragments, given))
    for row in made:
        assert row["session_number"] == len(found[row["user_id"]]) + 1
        assert row["is_bounce"] == (row["n_actions"] == 1)
        assert row["session_date"] == row["started_at"].date()
        ends = (f"{row[name]:%m-%d %H:%M:%S}" for name in ("started_at", "ended_at"))
        found[row["user_id"]] += ((*ends, row["n_actions"], row["duration_ms"]),)
    dates = {row["session_date"] for row in made if row["user_id"] == "new year"}
    assert dates == {date(2025, 12, 31)}
    assert len(found.pop("just over")) == 2
    assert found == {
        "exact": (("01-05 10:00:00", "01-05 10:30:00", 2, 1_800_500),),
        "over": (
            ("01-05 10:00:00", "01-05 10:00:00", 1, 500),
            ("01-05 10:30:01", "01-05 10:30:01", 1, 500),
        ),
        "alone": (("01-05 10:00:00", "01-05 10:00:00", 1, 0),),
        "silent": (("01-05 10:00:00", "01-05 10:00:00", 1, None),),
        "midnight": (("01-05 23:50:00", "01-06 00:10:00", 2, 1_200_007),),
        "new year": (("12-31 23:59:59", "01-01 00:29:59", 2, 1_800_007),),
        "leap day": (("02-28 23:45:00", "02-29 00:15:00", 2, 1_800_007),),
        "clocks change": (("03-29 00:50:00", "03-29 01:20:00", 2, 1_800_007),),
        "days on end": (
            ("01-05 00:00:00", "01-07 23:30:00", 144, (3 * 24 * 3600 - 1800) * 1000 + 7),
        ),
    }


def test_of_equal_moments_the_last_by_identity_ends_the_session_and_all_count_in_the_day(spark):
    given = [
        action("b", START, 2, page="second"),
        action("c", START, 30, page=None),
        action("a", START, 100, page="first"),
    ]
    found = rows(spark, sessions, rows(spark, session_fragments, given))
    assert values(found, "entry_page", "exit_page", "duration_ms") == [("first", None, 30)]
    of_day = rows(spark, user_days, given)
    assert values(of_day, "n_interactions", "total_duration_ms") == [(3, 132)]


def test_a_single_action_without_a_duration_says_nothing_of_how_long(spark):
    alone, later = START, START + timedelta(hours=2)
    given = [
        action("a", alone, ms=None),
        action("b", later, ms=7),
        action("c", later + timedelta(seconds=1), ms=None),
    ]
    found = rows(spark, sessions, rows(spark, session_fragments, given))
    assert values(found, "n_actions", "duration_ms") == [(1, None), (2, 1000)]
    of_day = [row for row in rows(spark, session_metrics, found) if row["dimension_name"] is None]
    names = ("n_sessions", "avg_duration_ms", "n_duration_under_10s", "n_duration_unknown")
    assert values(of_day, *names) == [(2, 1000.0, 1, 1)]
    (added_up,) = rows(spark, session_totals, found)
    names = ("n_sessions", "total_duration_ms", "n_duration_under_10s", "n_duration_unknown")
    assert values([added_up], *names) == [(2, 1000, 1, 1)]
    nothing = rows(spark, session_metrics, [session(1, None, 1)])
    assert {row["avg_duration_ms"] for row in nothing} == {None}


def session(day, ms, n, country="DE", device="mobile"):
    return {
        "session_date": date(2026, 1, day),
        "duration_ms": ms,
        "n_actions": n,
        "is_bounce": n == 1,
        "device_type": device,
        "country": country,
    }


def test_bounces_are_counted_overall_and_by_dimension(spark):
    given = [session(1, 5, 1), session(1, 5, 2, "FR"), session(2, 5, 1, "FR")]
    found = rows(spark, bounce_rates, given, as_of=date(2026, 1, 2))
    names = ("dimension_value", "total_sessions", "bounced_sessions", "bounce_rate", "is_complete")
    first = [row for row in found if row["metric_date"] == date(2026, 1, 1)]
    assert set(values(first, *names)) == {
        (None, 2, 1, 0.5, True),
        ("DE", 1, 1, 1.0, True),
        ("FR", 1, 0, 0.0, True),
        ("mobile", 2, 1, 0.5, True),
    }
    assert not any(row["is_complete"] for row in found if row not in first)


def test_sessions_are_averaged_and_put_into_buckets(spark):
    given = [session(1, 9_999, 1), session(1, 10_000, 3), session(1, 1_800_000, 11)]
    found = rows(spark, session_metrics, given, as_of=date(2026, 1, 1))
    (overall,) = (row for row in found if row["dimension_name"] is None)
    assert (overall["n_sessions"], overall["avg_actions"]) == (3, 5.0)
    assert overall["avg_duration_ms"] == 1_819_999 / 3
    filled = {name for name, n in overall.items() if name.startswith("n_") and n == 1}
    assert filled == {
        *("n_actions_1", "n_actions_2_3", "n_actions_over_10"),
        *("n_duration_under_10s", "n_duration_10s_1min", "n_duration_over_30min"),
    }
    assert not overall["is_complete"]


def test_sessions_are_added_up_by_country_and_device(spark):
    given = [
        session(1, 9_999, 1),
        session(1, 1_800_000, 11),
        session(1, 500, 10, "DE", "desktop"),
        session(1, 700, 1, "FR"),
        session(2, 20_000, 2),
    ]
    found = rows(spark, session_totals, given, as_of=date(2026, 1, 2))
    names = ("metric_date", "country", "device_type", "n_sessions", "bounced_sessions")
    sums = ("total_duration_ms", "total_actions", "is_complete")
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    assert values(found, *names, *sums) == [
        (first, "DE", "desktop", 1, 0, 500, 10, True),
        (first, "DE", "mobile", 2, 1, 1_809_999, 12, True),
        (first, "FR", "mobile", 1, 1, 700, 1, True),
        (second, "DE", "mobile", 1, 0, 20_000, 2, False),
    ]
    filled = [
        {name for name, n in row.items() if name.startswith(("n_actions", "n_duration")) and n}
        for row in found
    ]
    assert filled == [
        {"n_actions_10", "n_duration_under_10s"},
        {"n_actions_1", "n_actions_over_10", "n_duration_under_10s", "n_duration_over_30min"},
        {"n_actions_1", "n_duration_under_10s"},
        {"n_actions_2", "n_duration_10s_1min"},
    ]
