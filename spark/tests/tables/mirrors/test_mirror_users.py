"""Interactions, profiles, days and activity of users on literal rows."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from tables.mirror import rows, values

from lakehouse.metrics.engagement import QUARTILES
from lakehouse.tables.gold import (
    daily_active_users,
    engagement_distribution,
    engagement_groups,
    engagement_summary,
    power_users,
)
from lakehouse.tables.silver import interactions, user_activity, user_days, user_profiles

pytestmark = pytest.mark.spark
END = datetime(9999, 12, 31)  # noqa: DTZ001  # the session's are naive, in UTC


def at(day, hour=8):
    return datetime(2026, 1, day, hour)  # noqa: DTZ001  # same


def landed(identity, moment, *, row="r", **more):
    return {
        "interaction_id": identity,
        "user_id": "u",
        "timestamp": moment,
        "event_date": moment.date(),
        "_row_id": row,
        **more,
    }


def profile(start, end, country):
    return {"user_id": "u", "country": country, "effective_from": start, "effective_to": end}


def test_an_interaction_has_the_profile_of_its_moment_or_none(spark):
    history = [profile(at(2), at(4), "DE"), profile(at(4), END, None)]
    given = [landed("a", at(1)), landed("b", at(2)), landed("c", at(4)), landed("d", at(3))]
    found = rows(spark, interactions, given, history)
    assert values(found, "interaction_id", "country", "has_profile") == [
        ("a", "unknown", False),
        ("b", "DE", True),
        ("d", "DE", True),
        ("c", "unknown", True),
    ]


def test_an_identity_is_of_a_user_and_moment_and_the_content_without_one(spark):
    given = [
        landed("a", at(2), row="z"),
        landed("a", at(2), row="y"),
        landed("a", at(1), row="z"),
        landed(None, at(3), row="x"),
        landed(None, at(3), row="x"),
    ]
    found = rows(spark, interactions, given, [])
    expected = [("a", at(1)), ("a", at(2)), ("x", at(3))]
    assert values(found, "interaction_id", "event_at") == expected


def test_of_one_moment_the_lowest_row_id_of_a_user_counts(spark):
    given = [
        landed("a", at(1), row="2", page_id="second"),
        landed("a", at(1), row="1", page_id="first"),
        landed("a", at(1), row="3", page_id="other", user_id="v"),
    ]
    found = rows(spark, interactions, given, [])
    assert values(found, "user_id", "page_id") == [("u", "first"), ("v", "other")]


def test_more_than_eight_hours_is_an_outlier_and_null_is_none(spark):
    eight = 8 * 60 * 60 * 1000
    given = [landed(str(n), at(n + 1), duration_ms=ms) for n, ms in enumerate((eight, eight + 1))]
    found = rows(spark, interactions, [*given, landed("n", at(9))], [])
    assert values(found, "is_duration_outlier") == [(False,), (True,), (False,)]


def record(updated, **more):
    return {
        "user_id": "u",
        "join_date": date(2026, 1, 1),
        "country": "DE",
        "device_type": "desktop",
        "updated_at": updated,
        "ingestion_timestamp": at(20),
        "_row_id": "r",
        **more,
    }


def test_a_profile_changes_at_its_moment_and_a_repeat_opens_nothing(spark):
    given = [record(at(2)), record(at(3)), record(at(5), country="FR")]
    found = rows(spark, user_profiles, given)
    assert values(found, "country", "effective_from", "effective_to") == [
        ("DE", at(2), at(5)),
        ("FR", at(5), END),
    ]


def test_without_a_moment_the_first_record_holds_from_the_join_date(spark):
    given = [record(None, file_date=date(2026, 1, 7)), record(None, country="FR")]
    found = rows(spark, user_profiles, given)
    assert values(found, "country", "effective_from") == [("DE", at(1, 0)), ("FR", at(20, 0))]


def test_an_interval_ends_where_any_tracked_value_changes(spark):
    given = [
        record(at(1)),
        record(at(5, 10), country="FR"),
        record(at(5, 18), country="FR", device_type="mobile"),
        record(at(2), user_id="v", country=None),
    ]
    found = rows(spark, user_profiles, given)
    names = ("user_id", "country", "device_type", "effective_from", "effective_to", "is_current")
    assert values(found, *names) == [
        ("u", "DE", "desktop", at(1), at(5, 10), False),
        ("u", "FR", "desktop", at(5, 10), at(5, 18), False),
        ("u", "FR", "mobile", at(5, 18), END, True),
        ("v", None, "desktop", at(2), END, True),
    ]


@pytest.mark.parametrize("lowest", ["DE", "FR"])
def test_of_two_records_at_one_moment_the_lowest_row_id_counts(spark, lowest):
    given = [record(at(2), country=name, _row_id=str(name != lowest)) for name in ("DE", "FR")]
    found = rows(spark, user_profiles, given)
    assert values(found, "country", "effective_from", "is_current") == [(lowest, at(2), True)]


def test_the_moment_of_a_record_is_one_whether_it_is_told_or_in_the_name_of_its_file(spark):
    given = [
        record(at(7, 0), country="FR", _row_id="2"),
        record(None, file_date=date(2026, 1, 7), _row_id="1"),
    ]
    found = rows(spark, user_profiles, given)
    # The second is the one that counts, and the first of the user: it holds from the join date.
    assert values(found, "country", "effective_from") == [("DE", at(1, 0))]


def test_of_records_that_take_effect_at_one_moment_the_one_known_last_counts(spark):
    given = [
        record(
            None, file_date=date(2026, 1, 3), join_date=date(2026, 1, 9)
        ),  # joins after its file
        record(at(9, 0), country="FR"),
        record(None, country="IT", ingestion_timestamp=at(20, 7)),
        record(None, country="ES", ingestion_timestamp=at(20, 8)),
    ]
    found = rows(spark, user_profiles, given)
    assert values(found, "country", "effective_from") == [("FR", at(9, 0)), ("ES", at(20, 0))]


def done(identity, moment, ms=1000, **more):
    return {
        "interaction_id": identity,
        "user_id": "u",
        "event_at": moment,
        "event_date": moment.date(),
        "duration_ms": ms,
        "country": "DE",
        "device_type": "mobile",
        "subscription_type": "free",
        **more,
    }


def test_a_day_of_a_user_sums_up_and_ends_with_the_last_interaction(spark):
    given = [
        done("b", at(1, 9), country="FR"),
        done("a", at(1, 9)),
        done("c", at(1, 8), ms=None),
        done("d", at(2)),
    ]
    found = rows(spark, user_days, given)
    names = ("activity_date", "n_interactions", "total_duration_ms", "first_at", "last_at")
    assert values(found, *names, "country") == [
        (date(2026, 1, 1), 3, 2000, at(1, 8), at(1, 9), "FR"),  # of 9 o'clock, b after a
        (date(2026, 1, 2), 1, 1000, at(2), at(2), "DE"),
    ]


def active(user, on, n=1, ms=10, country="DE"):
    return {
        "user_id": user,
        "activity_date": on,
        "n_interactions": n,
        "total_duration_ms": ms,
        "country": country,
        "device_type": "mobile",
        "subscription_type": "free",
    }


def test_weeks_are_bits_counted_from_the_first(spark):
    given = [active("u", date(2026, 1, 4)), active("u", date(2026, 1, 5), country="FR")]
    given.append(active("u", date(2026, 1, 19), n=5))  # Sunday; Monday; Monday two weeks later
    (found,) = rows(spark, user_activity, given)
    assert found["cohort_week"] == date(2025, 12, 29)
    assert found["active_weeks"] == 0b1011
    assert (found["n_active_days"], found["n_interactions"], found["country"]) == (3, 7, "DE")


def summed(user, n, ms):
    return active(user, None, n, ms) | {"n_active_days": 1}


def without_day(row):
    return {name: value for name, value in row.items() if name != "activity_date"}


def test_one_in_a_hundred_is_a_power_user_ties_by_user_id(spark):
    users = [without_day(summed(f"u{n:03}", 1, 100 if n in {7, 5} else 1)) for n in range(101)]
    found = rows(spark, power_users, users)
    assert values(found, "rank", "user_id") == [(1, "u005"), (2, "u007")]


def test_without_a_duration_nobody_is_a_power_user(spark):
    silent = [without_day(summed(f"u{n:03}", n, 0 if n % 2 else None)) for n in range(1, 202)]
    assert rows(spark, power_users, silent) == []
    found = rows(spark, power_users, [*silent, without_day(summed("v", 1, 5))])
    assert values(found, "rank", "user_id") == [(1, "v")], "three places, one of them taken"


def test_buckets_of_interactions_double(spark):
    users = [without_day(summed(f"u{n}", n, 1)) for n in (1, 2, 3, 4)]
    found = rows(spark, engagement_distribution, users)
    overall = [row for row in found if row["dimension_name"] is None]
    assert values(overall, "bucket_from", "bucket_to", "n_users", "share_rate") == [
        (1, 1, 1, 0.25),
        (2, 3, 2, 0.5),
        (4, 7, 1, 0.25),
    ]


def test_four_weeks_are_compared_with_the_four_before(spark):
    users = [without_day(summed("u", 4, 60)), without_day(summed("v", 2, 20))]
    days = [
        {"activity_date": date(2026, 3, 1), "n_interactions": 30},
        {"activity_date": date(2026, 2, 2), "n_interactions": 6},  # the first of 28 days
        {"activity_date": date(2026, 2, 1), "n_interactions": 24},
    ]
    found = rows(spark, engagement_summary, users, days, as_of=date(2026, 3, 1))
    (overall,) = (row for row in found if row["dimension_name"] is None)
    assert (overall["n_users"], overall["avg_interactions"]) == (2, 3.0)
    assert (overall["interactions_28d"], overall["interactions_28d_growth_rate"]) == (36, 0.5)
    (german,) = (row for row in found if row["dimension_name"] == "country")
    assert (german["interactions_28d"], german["interactions_28d_growth_rate"]) == (0, None)


def test_quartiles_lie_between_the_users_beside_them(spark):
    users = [without_day(summed(f"u{n}", n, 10)) | {"n_active_days": n} for n in (8, 1, 4, 2)]
    users[0] |= {"country": "FR", "n_active_days": 5}
    found = rows(spark, engagement_summary, users, [], as_of=date(2026, 3, 1))
    names = ("dimension_value", *QUARTILES, "avg_active_days")
    told = {row["dimension_name"]: row for row in found if row["dimension_value"] != "DE"}
    assert values([told[None]], *names) == [
        # Of 1 2 4 8 at places 0.75, 1.5 and 2.25.
        (None, 1.0, 1.75, 3.0, 5.0, 8.0, 3.0),
    ]
    assert values([told["country"]], *names) == [("FR", 8.0, 8.0, 8.0, 8.0, 8.0, 5.0)]
    (german,) = (row for row in found if row["dimension_value"] == "DE")
    assert values([german], *names) == [("DE", 1.0, 1.5, 2.0, 3.0, 4.0, 7 / 3)]


def test_what_no_interaction_tells_is_null_and_not_0(spark):
    given = [
        done("a", at(1), ms=None),
        done("b", at(1), ms=None, user_id="v"),
        done("c", at(2), ms=50, user_id="v"),
        done("d", at(1), ms=None, user_id="w", country="FR"),
    ]
    days = rows(spark, user_days, given)
    assert values(days, "user_id", "activity_date", "total_duration_ms") == [
        ("u", date(2026, 1, 1), None),
        ("v", date(2026, 1, 1), None),
        ("v", date(2026, 1, 2), 50),
        ("w", date(2026, 1, 1), None),
    ]
    users = rows(spark, user_activity, days)
    assert values(users, "user_id", "total_duration_ms") == [("u", None), ("v", 50), ("w", None)]
    groups = rows(spark, engagement_summary, users, [])
    told = {row["dimension_value"]: row for row in groups if row["dimension_name"] != "device_type"}
    names = ("n_users", "total_duration_ms", "avg_duration_ms")
    assert values([told[None], told["FR"]], *names) == [(3, 50, 50.0), (1, None, None)]
    by_day = rows(spark, daily_active_users, days)
    overall = [row for row in by_day if row["dimension_name"] is None]
    assert values(overall, "dau", "total_duration_ms") == [(3, None), (1, 50)]


def test_without_interactions_four_weeks_before_there_is_no_growth(spark):
    days = [{"activity_date": date(2026, 3, 1), "n_interactions": 3}]
    for on, n in (("2026-02-01", 0), ("2026-01-04", 7)):  # 28 days before; 56, which is too long
        days.append({"activity_date": date.fromisoformat(on), "n_interactions": n})
    users = [without_day(summed("u", 10, 60))]
    found = rows(spark, engagement_summary, users, days, as_of=date(2026, 3, 1))
    (overall,) = (row for row in found if row["dimension_name"] is None)
    assert (overall["interactions_28d"], overall["interactions_28d_growth_rate"]) == (3, None)


def test_users_are_sorted_by_interactions_in_every_mix_of_groups(spark):
    users = [without_day(summed(f"u{n}", n, 10)) for n in (1, 3, 1023, 1024)]
    users[2] |= {"country": "FR"}
    users[3] |= {"country": "FR", "device_type": "desktop"}
    found = rows(spark, engagement_groups, users)
    told = {(row["country"], row["device_type"], row["subscription_type"]): row for row in found}
    devices = {None: (None, "mobile", "desktop"), "DE": (None, "mobile")}
    assert told.keys() == {
        (country, device, plan)
        for country in (None, "DE", "FR")
        for device in devices.get(country, devices[None])
        for plan in (None, "free")
    }
    names = ("n_users", *QUARTILES, "avg_interactions")
    assert values([told[None, None, None]], *names) == [
        # Of 1 3 1023 1024 at places 0.75, 1.5 and 2.25.
        (4, 1.0, 2.5, 513.0, 1023.25, 1024.0, 512.75)
    ]
    assert values([told["FR", "mobile", "free"]], *names) == [(1, *[1023.0] * 6)]
    filled = {
        group: {name for name, n in row.items() if name.startswith("n_users_") and n}
        for group, row in told.items()
    }
    assert filled[None, None, None] == {
        *("n_users_1", "n_users_2_3", "n_users_512_1023", "n_users_over_1023")
    }
    assert filled[None, "mobile", None] == {"n_users_1", "n_users_2_3", "n_users_512_1023"}
    assert filled["FR", "desktop", "free"] == {"n_users_over_1023"}
