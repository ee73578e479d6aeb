"""Live marts on literal rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tables.mirror import rows, values
from tables.mirrors.web_rows import START, at, landed_event

from lakehouse.metrics.web_policies import Attribution, Clock, Visits
from lakehouse.tables.gold.web import (
    live_anomalies,
    live_conversion_rates,
    live_minutes,
    live_page_views,
    live_sessions,
)
from lakehouse.tables.silver.web import live_events

pytestmark = [pytest.mark.spark, pytest.mark.spark_too]
DAY = START.date()


def midnight(days: int = 0, minutes: float = 0) -> datetime:
    """So long after the midnight before the start."""
    return datetime.combine(DAY, datetime.min.time()) + timedelta(days=days, minutes=minutes)


def events(spark, landed, policies=()):
    """What marts count, of events as they landed."""
    return rows(spark, live_events, landed, policies=policies)


# ------------------------------------------------------------------------------- page views


def test_views_of_five_minutes_for_each_page_and_for_all(spark):
    landed = [
        landed_event("a", at(0), page_id="/"),
        landed_event("b", at(0), page_id="/", actor_id="e"),  # at the same moment
        landed_event("c", at(299.999), page_url="https://shop.example/b/?q=1"),
        landed_event("d", at(10), event_type="page_ping", page_id="/"),
        landed_event("e", at(300), page_id="/"),  # the next window
    ]
    found = rows(spark, live_page_views, events(spark, landed), as_of=DAY)
    counts = ("n_events", "n_page_views", "n_devices", "newest_at")
    assert values(found, "window_start", "page_id", *counts) == [
        (at(0), None, 4, 3, 2, at(299.999)),
        (at(0), "/", 3, 2, 2, at(10)),
        (at(0), "/b", 1, 1, 1, at(299.999)),
        (at(300), None, 1, 1, 1, at(300)),
        (at(300), "/", 1, 1, 1, at(300)),
    ]


def test_what_is_told_twice_counts_once_and_where_it_was_received_first(spark):
    landed = [
        landed_event("a", at(0), received_at=at(5), _row_id="2"),
        landed_event("a", at(301), received_at=at(4), _row_id="1"),
        landed_event("b", at(301), page_view_id="v"),
        landed_event("c", at(302), page_view_id="v"),  # one view, told by two events
    ]
    found = [
        row
        for row in rows(spark, live_page_views, events(spark, landed), as_of=DAY)
        if not row["page_id"]
    ]
    assert values(found, "window_start", "n_events", "n_page_views") == [(at(300), 3, 2)]


def test_live_figures_are_of_the_newest_day_and_the_one_before(spark):
    landed = [
        landed_event("old", midnight(-1, -0.01)),
        landed_event("yesterday", midnight(-1)),
        landed_event("late", midnight(0, -0.01)),
        landed_event("today", midnight(0)),
    ]
    days = [(midnight(-1), 1), (midnight(0, -5), 1), (midnight(), 1)]
    found = [
        row
        for row in rows(spark, live_page_views, events(spark, landed), as_of=DAY)
        if not row["page_id"]
    ]
    assert values(found, "window_start", "n_events") == days
    found = rows(spark, live_conversion_rates, events(spark, landed), as_of=DAY)
    assert values(found, "window_start", "n_devices") == days
    assert (
        len(rows(spark, live_minutes, events(spark, landed))) == 4
    )  # which later days are compared with


def test_an_event_that_waited_too_long_on_its_device_counts_in_no_live_figure(spark):
    sent = {"sent_at": at(0), "timestamp": at(-86_401)}
    landed = [landed_event("late", at(0), **sent), landed_event("a", at(1))]
    late = [Clock(max_late_days=1)]
    (found,) = rows(spark, live_minutes, events(spark, landed, late))
    assert found["n_events"] == 1
    (found,) = rows(spark, live_sessions, events(spark, landed, late), as_of=DAY)
    assert found["started_at"] == at(1)


# ------------------------------------------------------------------------------- conversions


def test_conversions_and_who_converts(spark):
    landed = [
        landed_event("a", at(0)),
        landed_event("b", at(1), event_type="purchase", order_id="o1"),
        landed_event("c", at(2), event_type="purchase", order_id="o1"),  # the order once more
        landed_event("d", at(3), event_type="signup"),
        landed_event("e", at(4), actor_id="e"),
        landed_event("f", at(5), event_type="form_submit", form_step="failed", actor_id="f"),
        landed_event("g", at(300), actor_id="e"),
    ]
    figures = ("n_devices", "n_converted_devices", "n_conversions", "conversion_rate")
    found = rows(spark, live_conversion_rates, events(spark, landed), as_of=DAY)
    assert values(found, "window_start", *figures) == [
        (at(0), 3, 1, 2, 1 / 3),
        (at(300), 1, 0, 0, 0.0),
    ]
    forms = [Attribution(conversions=("form_submit",))]
    found = rows(spark, live_conversion_rates, events(spark, landed, forms), as_of=DAY)
    assert values(found, "n_converted_devices", "n_conversions") == [(1, 1), (0, 0)]
    found = rows(spark, live_minutes, events(spark, landed))
    counts = ("n_events", "n_page_views", "n_conversions", "n_failed_forms")
    assert values(found, "minute_start", *counts) == [(at(0), 6, 2, 2, 1), (at(300), 1, 1, 0, 0)]


# ------------------------------------------------------------------------------- sessions


def test_a_session_goes_on_over_midnight_until_a_pause_is_longer_than_the_gap(spark):
    night = midnight(0, -1)
    landed = [
        landed_event("a", night, page_id="/"),
        landed_event("b", night + timedelta(minutes=30), page_id="/b"),
        landed_event("c", night + timedelta(minutes=60), event_type="signup"),
        landed_event("d", night + timedelta(minutes=90, microseconds=1), page_id="/"),
        landed_event("e", night, actor_id="e", event_type="click"),  # of no page
    ]
    found = rows(spark, live_sessions, events(spark, landed), as_of=DAY)
    found = sorted(found, key=lambda row: (row["actor_id"], row["started_at"]))
    moments = [(row["actor_id"], row["started_at"], row["last_event_at"]) for row in found]
    assert moments == [
        ("d", night, night + timedelta(minutes=60)),
        ("d", landed[3]["event_at"], landed[3]["event_at"]),
        ("e", night, night),
    ]
    figures = ("n_events", "n_page_views", "entry_page_id", "page_id", "has_converted")
    assert values(found, *figures) == [
        (3, 2, "/", "/b", True),
        (1, 1, "/", "/", False),
        (1, 0, "unknown", "unknown", False),
    ]
    longer = [Visits(gap_s=3600)]
    assert len(rows(spark, live_sessions, events(spark, landed), as_of=DAY, policies=longer)) == 2


def test_sessions_that_ended_before_yesterday_are_not_live(spark):
    landed = [
        landed_event("a", midnight(-1, -1), actor_id="over"),
        landed_event("b", midnight(-1, -1), actor_id="went on"),
        landed_event("c", midnight(-1, 1), actor_id="went on"),
    ]
    found = rows(spark, live_sessions, events(spark, landed), as_of=DAY)
    assert values(found, "actor_id", "started_at") == [("went on", midnight(-1, -1))]


def test_a_session_of_days_begins_at_the_midnight_before_the_day_of_its_last_event(spark):
    quarters = range(-3 * 96, 3)  # every 15 minutes for three days, until half past midnight
    landed = [landed_event(str(n), midnight(0, 15 * n)) for n in quarters]
    (found,) = rows(spark, live_sessions, events(spark, landed), as_of=DAY)
    assert (found["started_at"], found["n_events"]) == (midnight(-1), 96 + 3)


# ------------------------------------------------------------------------------- unusual minutes


def steady_minutes(days: int, **today: dict[int, int]):
    """Ten purchases a minute from 8:00 to 9:00 on some days and today, which may differ.

    Args:
        days: Days before today with data.
        today: Figure → minute after 8:00 → its value; a minute of 0 events has no row.
    """
    usual = {"n_events": 40, "n_page_views": 20, "n_conversions": 10, "n_failed_forms": 0}
    for day in range(-days, 1):
        for minute in range(60):
            moment = midnight(day, 480 + minute)
            own = {name: at_.get(minute) for name, at_ in today.items()} if day == 0 else {}
            counts = usual | {name: n for name, n in own.items() if n is not None}
            if counts["n_events"]:
                yield {"metric_date": moment.date(), "minute_start": moment} | counts


def test_usual_minutes_are_no_anomaly(spark):
    assert rows(spark, live_anomalies, [*steady_minutes(5)], as_of=DAY) == []


def test_an_outage_is_a_drop_of_everything_as_soon_as_it_is_over(spark):
    dead = dict.fromkeys(range(20, 40), 0)
    none = dict.fromkeys(("n_events", "n_page_views", "n_conversions"), dead)
    found = rows(spark, live_anomalies, [*steady_minutes(5, **none)], as_of=DAY)
    worst = [row for row in found if row["window_end"] == midnight(0, 510)]  # 8:20 to 8:30
    # 2 sqrt(x + 3/8) of 400, 200 and 100 is 40.02, 28.31 and 20.04, of 0 it is 1.22; chance
    # spreads them by 4, 2 and 1, but 10 % is more: half of that on the scale: 2.00, 1.42, 1.00;
    # five days know the level up to sqrt(1 + pi / 10) = 1.1463.
    assert values(worst, "metric_name", "value", "expected", "severity", "direction") == [
        ("n_conversions", 0, 100.0, "critical", "drop"),
        ("n_events", 0, 400.0, "critical", "drop"),
        ("n_page_views", 0, 200.0, "critical", "drop"),
    ]
    assert [round(row["z_score"], 1) for row in worst] == [-16.4, -8.5, -11.8]
    assert max(row["window_end"] for row in found) < midnight(0, 530)


def test_failing_forms_are_a_spike_although_none_was_expected(spark):
    failing = dict.fromkeys(range(30, 60), 4)
    found = rows(spark, live_anomalies, [*steady_minutes(3, n_failed_forms=failing)], as_of=DAY)
    last = found[-1]
    assert values([last], "metric_name", "value", "expected", "direction") == [
        ("n_failed_forms", 40, 0.0, "spike")
    ]
    assert last["window_end"] == midnight(0, 539)  # the minute of the newest event is not over


@pytest.mark.parametrize(("ages", "is_told"), [({1, 2, 15, 16}, False), ({1, 2, 14}, True)])
def test_with_less_than_three_known_days_of_fourteen_nothing_is_said(spark, ages, is_told):
    dead = {"n_events": dict.fromkeys(range(20, 40), 0)}
    given = [
        row for row in steady_minutes(20, **dead) if (DAY - row["metric_date"]).days in ages | {0}
    ]
    assert bool(rows(spark, live_anomalies, given, as_of=DAY)) == is_told


def test_windows_over_midnight_count_minutes_of_both_days(spark):
    given = [
        {
            "metric_date": midnight(day, minute).date(),
            "minute_start": midnight(day, minute),
            "n_events": 1000 if (day, minute) == (0, -1) else 100,
            "n_page_views": 0,
            "n_conversions": 0,
            "n_failed_forms": 0,
        }
        for day in range(-4, 1)
        for minute in range(-20, 20)
    ]
    found = rows(spark, live_anomalies, given, as_of=DAY)
    assert values(found[:1], "window_end", "value", "expected") == [(midnight(), 1900, 1000.0)]
    assert [row["window_end"] for row in found] == [midnight(0, n) for n in range(10)]
    assert {row["metric_date"] for row in found[:1]} == {midnight(-1).date()}
