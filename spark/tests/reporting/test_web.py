from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from lakehouse.catalog.registry import registry
from lakehouse.reporting import numbers
from lakehouse.reporting.domains import web as domain
from lakehouse.reporting.lake import PublishedLake
from lakehouse.reporting.report import report_html
from lakehouse.reporting.web_funnels import funnels
from lakehouse.reporting.web_speed import speed
from lakehouse.reporting.web_trust import trust
from lakehouse.reporting.web_weeks import WholeWeeks, last_weeks

from .conftest import NOW
from .pages import drawings, fetches_nothing, read

MONDAY = date(2026, 1, 5)
AS_OF = "2026-03-04"
"""A Wednesday: eight weeks from MONDAY are over on 1 March."""


def plain(text: str) -> str:
    return text.replace(numbers.NBSP, " ").replace(numbers.MINUS, "-")


def html_of(lake) -> str:
    return report_html(PublishedLake(lake.settings), registry(), NOW, "web")


def text_of(lake) -> str:
    return plain(read(html_of(lake)).text)


def kpi(day: date, name: str, n: float, of_n: float | None = None, **more):
    return {
        "metric_date": day,
        "kpi": name,
        "view": "human",
        "dimension_name": None,
        "dimension_value": None,
        "numerator": float(n),
        "denominator": None if of_n is None else float(of_n),
        "is_complete": day < date.fromisoformat(AS_OF),
        **more,
    }


def days(n: int, first: date = MONDAY) -> list[date]:
    return [first + timedelta(days=k) for k in range(n)]


def traffic(day: date, visitors: int, sessions: int, bounced: int, converted: int, **more):
    return [
        kpi(day, "unique_visitors", visitors, **more),
        kpi(day, "bounce_rate", bounced, sessions, **more),
        kpi(day, "conversion_rate", converted, sessions, **more),
    ]


def two_months(early, late):
    """Eight weeks and two days: the same every day, but for the last four weeks."""
    rows = []
    for k, day in enumerate(days(58)):
        rows += traffic(day, *(early if k < 28 else late))
    return rows


def revenue(day: date, net: str, n_not_summed: int = 0, view: str = "human"):
    return {
        "metric_date": day,
        "view": view,
        "net": Decimal(net),
        "n_not_summed": n_not_summed,
    }


def source(day: date, channel: str, sessions: int, converted: int, view: str = "human"):
    return {
        "metric_date": day,
        "channel": channel,
        "view": view,
        "n_sessions": sessions,
        "n_converted": converted,
        "n_bounces": sessions // 2,
        "revenue": Decimal(10 * converted),
    }


def vital(day: date, name: str, p75: float, **more):
    return {
        "metric_date": day,
        "vital": name,
        "page_id": None,
        "device_type": None,
        "country": None,
        "n": 40,
        "p75": p75,
        "is_complete": True,
        **more,
    }


PLACES = {"1h": (4, 3_600), "24h": (6, 86_400), "later": (8, None), "unknown": (9, None)}


def bucket(day: date, name: str, n: int, so_far: int | None):
    position, up_to_s = PLACES[name]
    return {
        "metric_date": day,
        "bucket": name,
        "position": position,
        "up_to_s": up_to_s,
        "n_events": n,
        "cumulative_events": so_far,
        "cumulative_rate": None if so_far is None else so_far / 100,
        "is_complete": True,
    }


def late_day(day: date, in_an_hour: int, in_a_day: int):
    """A hundred events with a known delay, one without."""
    return [
        bucket(day, "1h", in_an_hour, in_an_hour),
        bucket(day, "24h", in_a_day - in_an_hour, in_a_day),
        bucket(day, "later", 100 - in_a_day, 100),
        bucket(day, "unknown", 1, None),
    ]


class TestWholeWeeks:
    def weeks(self, lake, rows):
        lake.publish("gold.web_kpis", rows)
        return last_weeks(PublishedLake(lake.settings))

    def test_the_last_four_complete_ones_and_the_four_before(self, empty):
        found = self.weeks(empty, two_months((1, 1, 0, 0), (1, 1, 0, 0)))
        assert found == (WholeWeeks(date(2026, 2, 2), 4), WholeWeeks(date(2026, 1, 5), 4))
        assert found[0].last == date(2026, 3, 1)

    @pytest.mark.parametrize(
        ("first", "n", "last", "before"),
        [
            (date(2026, 1, 1), 10, None, None),
            (date(2026, 1, 1), 11, WholeWeeks(MONDAY, 1), None),
            (MONDAY, 14, WholeWeeks(MONDAY, 2), None),
            (MONDAY, 42, WholeWeeks(date(2026, 1, 19), 4), None),
            (MONDAY, 55, WholeWeeks(date(2026, 1, 26), 4), None),
            (MONDAY, 56, WholeWeeks(date(2026, 2, 2), 4), WholeWeeks(MONDAY, 4)),
        ],
        ids=["none", "one", "two", "six", "a day less than eight", "eight"],
    )
    def test_a_week_must_be_told_from_its_first_day_to_its_last(
        self, empty, first, n, last, before
    ):
        rows = [kpi(day, "unique_visitors", 1) for day in days(n, first)]
        assert self.weeks(empty, rows) == (last, before)

    def test_a_day_long_ago_is_no_beginning_of_the_data(self, empty):
        rows = [kpi(day, "unique_visitors", 1) for day in [date(1970, 1, 5), *days(14)]]
        assert self.weeks(empty, rows) == (WholeWeeks(MONDAY, 2), None)

    def test_a_week_that_goes_on_is_none_of_them(self, empty):
        rows = [kpi(day, "unique_visitors", 1) for day in days(14)]
        rows[-1]["is_complete"] = False
        assert self.weeks(empty, rows) == (WholeWeeks(MONDAY, 1), None)

    def test_weeks_begin_as_the_setting_says(self, empty, choose):
        choose("WEEK_STARTS_ON", "sunday")
        rows = [kpi(day, "unique_visitors", 1) for day in days(14)]
        assert self.weeks(empty, rows) == (WholeWeeks(date(2026, 1, 11), 1), None)


class TestTraffic:
    def publish(self, lake):
        """Four weeks of 10 visitors and 20 sessions a day, four of 15 and 30."""
        lake.publish(
            "gold.web_kpis",
            [
                *two_months((10, 20, 10, 1), (15, 30, 12, 3)),
                *(row for day in days(58) for row in traffic(day, 99, 99, 99, 99, view="all")),
                *(
                    row
                    for day in days(58)
                    for row in traffic(day, 7, 7, 7, 7, dimension_name="channel")
                ),
            ],
            as_of=AS_OF,
        )

    def test_the_last_four_weeks_stand_against_the_four_before(self, empty):
        self.publish(empty)
        money = [revenue(date(2026, 1, 10), "200.00"), revenue(date(2026, 3, 2), "5000.00")]
        money += [revenue(date(2026, 2, 2), "260.40"), revenue(date(2026, 3, 1), "-10.00", 2)]
        money += [revenue(date(2026, 2, 10), "9999.00", view="all")]
        empty.publish("gold.revenue", money, as_of=AS_OF)

        text = text_of(empty)
        assert "Visitors a day 15.0 +50.0 %; on average" in text
        assert "Sessions 840 +50.0 %" in text  # 28 days of 30
        assert "Bounce rate 40.0 % -10.0 points" in text  # 12 of 30, before 10 of 20
        assert "Conversion rate 10.0 % +5.0 points" in text  # 3 of 30, before 1 of 20
        assert "Revenue 250 +25.2 %; reporting currency" in text  # 250.40 ÷ 200.00
        assert (
            "In the 4 weeks from 2026-02-02 to 2026-03-01, 15.0 people a day came on average, in "
            "840 sessions: 10.0 % converted, 40.0 % bounced."
        ) in text
        assert "Against the 4 weeks from 2026-01-05 to 2026-02-01: visitors a day +50.0 %" in text
        assert "without a rate, which are in no sum: 2." in text
        assert "2026-03-02 (incomplete)" in text

    def test_a_difference_that_chance_makes_is_said_to_be_one(self, empty):
        # 5 % and 6 % of 560 sessions: the interval is 2.7 points wide to either side.
        rows = [row for k, day in enumerate(days(56)) for row in traffic(day, 10, 20, 5, 1)]
        for row in rows:
            if row["kpi"] == "conversion_rate" and row["metric_date"] in days(6, date(2026, 2, 2)):
                row["numerator"] = 2.0
        empty.publish("gold.web_kpis", rows)
        text = text_of(empty)
        assert "conversion rate +1.1 points (within chance)" in text  # 34 of 560, before 28
        assert "bounce rate 0.0 points (within chance)" in text

    def test_without_weeks_to_compare_with_it_says_so(self, empty):
        rows = [row for day in days(14) for row in traffic(day, 10, 20, 5, 1)]
        empty.publish("gold.web_kpis", rows)
        text = text_of(empty)
        assert "the data do not reach back to as many before 2026-01-05" in text
        assert "Against the" not in text

    @pytest.mark.parametrize("as_of", [None, "2026-02-20"], ids=["never published", "too old"])
    def test_revenue_that_does_not_reach_the_weeks_is_not_told(self, empty, as_of):
        self.publish(empty)
        if as_of:
            empty.publish("gold.revenue", [revenue(date(2026, 2, 2), "200.00")], as_of=as_of)
        text = text_of(empty)
        assert "Revenue – gold.revenue does not tell these weeks" in text  # noqa: RUF001  # a dash
        assert "Orders less refunds" not in text

    def test_channels_have_shares_of_sessions_and_of_conversions(self, empty):
        self.publish(empty)
        rows = [
            source(date(2026, 2, 2), "Direct", 20, 1),
            source(date(2026, 3, 1), "Direct", 40, 0),
            source(date(2026, 2, 3), "Email", 40, 3),
            source(date(2026, 2, 3), "Push <b>", 1, 0),
            source(date(2026, 2, 3), "Email", 500, 400, view="all"),
            source(date(2026, 1, 10), "Direct", 50, 5),
            source(date(2026, 3, 2), "Direct", 50, 5),
        ]
        empty.publish("gold.traffic_sources", rows, as_of=AS_OF)
        text = text_of(empty)
        assert "Direct 60 59.4 % +20.0 % 1 1.7 % 50.0 % 10" in text  # of 101 sessions
        assert "Email 40 39.6 % – 3 7.5 % 50.0 % 30" in text  # noqa: RUF001  # a dash
        assert "75.0 % (3)" in text  # of 4 converted sessions
        assert "Push <b>" in text  # as it stands

    def test_channels_without_a_conversion_have_one_bar_each(self, empty):
        self.publish(empty)
        empty.publish("gold.traffic_sources", [source(date(2026, 2, 2), "Direct", 2, 0)])
        assert "100.0 % (2)" in text_of(empty)

    def test_a_site_that_only_programs_visit(self, empty):
        rows = [row for day in days(14) for row in traffic(day, 9, 9, 9, 0, view="all")]
        empty.publish("gold.web_kpis", rows)
        text = text_of(empty)
        assert "0.0 people a day came on average, in 0 sessions" in text
        assert "gold.web_kpis has no session of people yet." in text


def entries(day: date, funnel: str, *reached: int, **more):
    """A day's entries: how many reached each step."""
    return [
        {
            "metric_date": day,
            "funnel_id": funnel,
            "view": "human",
            "dimension_name": None,
            "step": step,
            "step_name": f"step {step}",
            "entered": reached[0],
            "reached": n,
            "is_complete": True,
            **more,
        }
        for step, n in enumerate(reached, start=1)
    ]


class TestFunnels:
    def test_each_says_how_many_come_to_the_end_and_where_most_stop(self, empty):
        rows = [
            *entries(date(2026, 2, 1), "signup", 10, 9, 2),
            *entries(date(2026, 2, 3), "signup", 30, 29, 8),
            *entries(date(2026, 1, 6), "signup", 60, 1, 1),  # 28 days before the newest
            *entries(date(2026, 2, 4), "signup", 60, 1, 1, is_complete=False),
            *entries(date(2026, 2, 3), "signup", 60, 1, 1, view="all"),
            *entries(date(2026, 2, 3), "signup", 60, 1, 1, dimension_name="channel"),
            *entries(date(2026, 1, 5), "checkout", 4, 0, 0),
        ]
        empty.publish("gold.funnel_conversion", rows)
        checkout, signup = map(plain, funnels(PublishedLake(empty.settings)))
        assert checkout == (
            "checkout: of 4 entries from 2026-01-05 to 2026-01-05, 0.0 % reached the last step, "
            "step 3 (0). Most stopped between step 1 and step 2: 4 of the 4 that had come so far."
        )
        assert signup == (
            "signup: of 40 entries from 2026-02-01 to 2026-02-03, 25.0 % reached the last step, "
            "step 3 (10). Most stopped between step 2 and step 3: 28 of the 38 that had come so "
            "far."
        )
        text = text_of(empty)
        assert "step 2 38 95.0 % 95.0 % 2" in text
        assert "step 3 10 25.0 % 26.3 % 28" in text
        assert "step 3 0 0.0 % – 0" in text  # noqa: RUF001  # a dash: nobody was there
        assert "70.0 % (28)" in text

    def test_where_everybody_comes_to_the_end_nobody_stops(self, empty):
        empty.publish("gold.funnel_conversion", entries(MONDAY, "signup", 3, 3))
        (line,) = funnels(PublishedLake(empty.settings))
        assert plain(line).endswith("100.0 % reached the last step, step 2 (3).")


class TestSpeed:
    def test_days_are_counted_by_the_public_limits(self, empty):
        empty.publish(
            "gold.page_performance",
            [
                vital(date(2026, 1, 5), "lcp_ms", 2_500.0),
                vital(date(2026, 1, 6), "lcp_ms", 4_000.0),
                vital(date(2026, 1, 7), "lcp_ms", 4_000.5),
                vital(date(2026, 1, 7), "inp_ms", 200.4, n=1),
                vital(date(2026, 1, 7), "cls", 0.0),
                vital(date(2026, 1, 7), "load_ms", 9_000.0),
                vital(date(2026, 1, 7), "cls", 0.9, page_id="/"),
                vital(date(2026, 1, 8), "cls", 0.9, is_complete=False),
            ],
        )
        lcp, inp, cls = map(plain, speed(PublishedLake(empty.settings)))
        assert lcp == (
            "Largest contentful paint (LCP): good, at most 2.5 s, on 1 of 3 days. On 2026-01-07 "
            "it was 4.00 s at the 75th percentile of 40 page views: poor."
        )
        assert "at most 200 ms, on 0 of 1 day. On 2026-01-07 it was 200.4 ms" in inp
        assert inp.endswith("percentile of 1 page view: needs improvement.")
        assert "good, at most 0.1, on 1 of 1 day. On 2026-01-07 it was 0.000" in cls
        text = text_of(empty)
        assert "2026-01-06 4.00 s: needs improvement – – 40" in text  # noqa: RUF001  # dashes
        assert "good up to 0.1" in text

    def test_only_the_last_28_days_count(self, empty):
        rows = [vital(day, "cls", 0.2) for day in days(30)]
        empty.publish("gold.page_performance", rows)
        (line,) = speed(PublishedLake(empty.settings))
        assert "on 0 of 28 days" in plain(line)


class TestTrust:
    def test_programs_are_told_and_what_they_change(self, empty):
        rows = []
        for day in days(7):
            rows += traffic(day, 10, 20, 5, 2)
            rows += traffic(day, 30, 40, 25, 2, view="all")
            rows += [kpi(day, "bot_traffic_rate", 50, 200, view="all")]
            rows += [kpi(day, "page_views", 70), kpi(day, "average_session_duration_s", 900, 20)]
        empty.publish("gold.web_kpis", rows)
        (line,) = trust(PublishedLake(empty.settings))
        assert plain(line) == (
            "25.0 % of the events in the week from 2026-01-05 to 2026-01-11 look like a program's "
            "(350 of 1,400); they are in no figure of people."
        )
        text = text_of(empty)
        assert "All 30.0 – 280 62.5 % 5.0 % –" in text  # noqa: RUF001  # dashes
        assert "People 10.0 70.0 140 25.0 % 10.0 % 45.0" in text
        assert "People who are not our own – – – – – –" in text  # noqa: RUF001  # dashes

    def test_the_curve_is_of_all_days_and_of_the_least_complete(self, empty):
        early, late = late_day(date(2026, 1, 5), 90, 98), late_day(date(2026, 1, 6), 80, 92)
        open_day = [row | {"is_complete": False} for row in late_day(date(2026, 1, 7), 10, 10)]
        empty.publish("gold.lateness", [*early, *late, *open_day])
        (line,) = trust(PublishedLake(empty.settings))
        assert plain(line) == (
            "85.0 % of the events of the 2 days from 2026-01-05 to 2026-01-06 had arrived 1 hour "
            "after they happened, 95.0 % after 24 hours. Of the least complete day, 2026-01-06, "
            "it was 92.0 % after 24 hours: figures of new days still grow."
        )
        text = text_of(empty)
        assert "1 hour 85.0 % 80.0 % 2026-01-06" in text
        assert "Without a time of receipt, and left out: 2 events." in text

    def test_no_event_tells_when_it_was_received(self, empty):
        rows = [
            bucket(MONDAY, "1h", 0, 0) | {"cumulative_rate": None},
            bucket(MONDAY, "unknown", 5, None),
        ]
        empty.publish("gold.lateness", rows)
        assert trust(PublishedLake(empty.settings)) == []
        assert "gold.lateness has no settled day with known delays yet." in text_of(empty)


def test_a_lake_without_web_tables_says_what_is_missing(empty):
    html = html_of(empty)
    text = plain(read(html).text)
    assert "gold.web_kpis has no complete week yet" in text
    assert "gold.funnel_conversion has no entry of people yet that is settled." in text
    assert "gold.page_performance has no complete day that tells these vitals yet." in text
    assert "gold.lateness has no settled day with known delays yet." in text
    assert drawings(html) == []
    assert not domain.is_used(PublishedLake(empty.settings))
    (line,) = domain.answers(PublishedLake(empty.settings))
    assert "no complete week yet" in line


def test_the_page_is_whole(empty):
    rows = two_months((10, 20, 10, 1), (15, 30, 12, 3))
    empty.publish("gold.web_kpis", rows, as_of=AS_OF)
    empty.publish("gold.traffic_sources", [source(date(2026, 2, 2), "Direct", 2, 1)])
    empty.publish("gold.funnel_conversion", entries(MONDAY, "signup", 3, 1))
    empty.publish("gold.page_performance", [vital(MONDAY, "cls", 0.2)])
    empty.publish("gold.lateness", late_day(MONDAY, 90, 98))
    html = html_of(empty)
    assert read(html).unbalanced == []
    assert fetches_nothing(html)
    assert len(drawings(html)) == 5
    lake = PublishedLake(empty.settings)
    assert domain.is_used(lake)
    assert len(domain.answers(lake)) == 5
