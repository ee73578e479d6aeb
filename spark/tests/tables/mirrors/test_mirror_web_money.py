"""Revenue, customers and cohorts of customers on literal rows."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from tables.mirror import rows, values
from tables.mirrors.web_mart_rows import order, refund
from tables.mirrors.web_rows import at, numbers

from lakehouse.tables.gold.web import ltv_cohorts, revenue, web_customers

pytestmark = pytest.mark.spark
DAY = at(0).date()
UNKNOWN_CURRENCY = {"currency": "XXX", "amount_reporting": None, "is_summed": False}


def on(month, day, hour=8):
    return datetime(2026, month, day, hour)  # noqa: DTZ001  # naive, in UTC


def of_view(found, view):
    return [row for row in found if row["view"] == view]


# ------------------------------------------------------------------------------- revenue


def test_a_day_has_its_orders_less_its_refunds(spark):
    given = [
        order("a", at(0), "10.00"),
        order("b", at(1), "20.50", quantity=3),
        order("c", at(2), "1.00", quantity=None, visitor_id="w"),
        refund("d", at(3), "4.25", order_id="a"),
    ]
    (found,) = of_view(rows(spark, revenue, given, [], as_of=date(2026, 1, 2)), "strict")
    assert (found["n_orders"], found["n_refunds"], found["n_units"]) == (3, 1, 4)
    assert [float(found[name]) for name in ("gross", "refunded", "net")] == [31.5, 4.25, 27.25]
    assert [float(found[name]) for name in ("gross_own", "refunded_own")] == [31.5, 4.25]
    assert (found["n_not_summed"], found["is_complete"]) == (0, True)


def test_refunds_of_an_order_count_each_on_its_own_day(spark):
    given = [
        order("a", on(1, 1), "10.00"),
        refund("b", on(1, 2), "4.00", order_id="a"),
        refund("c", on(1, 3), "6.00", order_id="a"),
    ]
    found = of_view(rows(spark, revenue, given, [], as_of=date(2026, 1, 3)), "all")
    assert values(found, "metric_date", "n_orders", "n_refunds", "is_complete") == [
        (date(2026, 1, 1), 1, 0, True),
        (date(2026, 1, 2), 0, 1, True),
        (date(2026, 1, 3), 0, 1, False),
    ]
    assert numbers(found, "net") == [10.0, -4.0, -6.0]


def test_an_unknown_currency_is_told_in_itself_and_in_no_sum(spark):
    dollars = {"currency": "USD", "amount_reporting": Decimal("9.00")}
    given = [
        order("a", at(0), "10.00", **dollars),
        order("b", at(1), "5.00", **UNKNOWN_CURRENCY),
        order("c", at(2), "7.00", **UNKNOWN_CURRENCY),
        order("d", at(2), "1.00", category=None),
    ]
    found = of_view(rows(spark, revenue, given, []), "all")
    assert values(found, "category", "currency", "n_orders", "n_not_summed") == [
        ("books", "USD", 1, 0),
        ("books", "XXX", 2, 2),
        ("unknown", "EUR", 1, 0),
    ]
    assert numbers(found, "gross") == [9.0, 0.0, 1.0]
    assert numbers(found, "gross_own") == [10.0, 12.0, 1.0]


def test_orders_of_programs_count_in_all_alone(spark):
    given = [order("a", at(0), "10.00"), order("b", at(0), "5.00", is_bot=True)]
    found = rows(spark, revenue, [*given, order("c", at(0), "1.00", is_internal=True)], [])
    assert values(found, "view", "n_orders") == [("all", 3), ("human", 2), ("strict", 1)]
    assert numbers(found, "net") == [16.0, 11.0, 10.0]


# ------------------------------------------------------------------------------- customers


def test_frequency_recency_and_t_count_days_with_an_order(spark):
    given = [
        order("a", on(1, 1), "10.00"),
        order("b", on(1, 1, hour=20), "90.00"),
        order("c", on(1, 11), "20.00"),
        order("d", on(1, 11, hour=9), "10.00"),
        order("e", on(1, 31), "50.00"),
        refund("f", on(2, 5), "50.00", order_id="e"),
    ]
    (found,) = rows(spark, web_customers, given, [], as_of=date(2026, 2, 10))
    assert {k: v for k, v in found.items() if k != "revenue"} == {
        "visitor_id": "v",
        "first_order_date": date(2026, 1, 1),
        "last_order_date": date(2026, 1, 31),
        "frequency": 2,
        "recency_days": 30,
        "t_days": 40,
        "monetary": (30 + 50) / 2,
        "n_orders": 5,
        "n_refunds": 1,
        "n_not_summed": 0,
        "is_bot": False,
        "is_internal": False,
    }
    assert numbers([found], "revenue") == [130.0]


def test_who_bought_once_has_no_repeat_and_no_monetary(spark):
    (found,) = rows(spark, web_customers, [order("a", at(0), "10.00")], [], as_of=DAY)
    assert (found["frequency"], found["recency_days"], found["t_days"]) == (0, 0, 0)
    assert found["monetary"] is None


def test_a_repeat_in_an_unknown_currency_counts_as_one_and_in_no_amount(spark):
    given = [
        order("a", on(1, 1), "10.00"),
        order("b", on(1, 2), "5.00", **UNKNOWN_CURRENCY),
        order("c", on(1, 3), "8.00"),
        order("d", on(1, 3), "4.00", **UNKNOWN_CURRENCY),
    ]
    (found,) = rows(spark, web_customers, given, [])
    assert (found["frequency"], found["monetary"], found["n_not_summed"]) == (2, None, 2)
    (found,) = rows(spark, web_customers, given[:3], [])
    assert (found["frequency"], found["monetary"]) == (2, 8.0)


def test_who_only_gave_back_is_no_customer(spark):
    assert rows(spark, web_customers, [refund("a", at(0), "10.00")], []) == []


def test_an_order_past_midnight_of_the_newest_day_ends_t(spark):
    given = [order("a", on(1, 1), "1.00"), order("b", on(1, 3, hour=0), "1.00")]
    (found,) = rows(spark, web_customers, given, [], as_of=date(2026, 1, 2))
    assert (found["recency_days"], found["t_days"]) == (2, 2)


def test_a_customer_may_be_a_program_or_one_of_us(spark):
    given = [
        order("a", at(0), "1.00"),
        order("b", at(1), "1.00", is_bot=True),
        order("c", at(1), "1.00", visitor_id="w", is_internal=True),
    ]
    found = rows(spark, web_customers, given, [])
    assert values(found, "visitor_id", "is_bot", "is_internal") == [
        ("v", True, False),
        ("w", False, True),
    ]


# ------------------------------------------------------------------------------- cohorts


def test_a_cohort_is_followed_month_by_month(spark):
    given = [
        order("a", on(1, 5), "100.00"),
        order("b", on(1, 31), "20.00", visitor_id="w"),
        order("c", on(1, 31, hour=9), "5.00", visitor_id="w"),
        order("d", on(3, 1), "30.00", visitor_id="w"),
        refund("e", on(3, 2), "100.00", order_id="a"),
        order("f", on(3, 3), "7.00", visitor_id="x"),
    ]
    found = of_view(rows(spark, ltv_cohorts, given, [], as_of=date(2026, 4, 1)), "all")
    assert values(
        found,
        *("cohort_month", "age_months", "customers", "active_customers", "n_orders", "n_refunds"),
        *("repeat_customers", "repeat_rate", "revenue_per_customer", "is_complete"),
    ) == [
        (date(2026, 1, 1), 0, 2, 2, 3, 0, 0, 0.0, 62.5, True),
        (date(2026, 1, 1), 1, 2, 0, 0, 0, 0, 0.0, 62.5, True),
        (date(2026, 1, 1), 2, 2, 1, 1, 1, 1, 0.5, 27.5, True),
        (date(2026, 1, 1), 3, 2, 0, 0, 0, 1, 0.5, 27.5, False),
        (date(2026, 3, 1), 0, 1, 1, 1, 0, 0, 0.0, 7.0, True),
        (date(2026, 3, 1), 1, 1, 0, 0, 0, 0, 0.0, 7.0, False),
    ]
    assert numbers(found, "revenue") == [125.0, 0.0, -70.0, 0.0, 7.0, 0.0]
    assert numbers(found, "cumulative_revenue") == [125.0, 125.0, 55.0, 55.0, 7.0, 7.0]


def test_months_go_on_over_new_year(spark):
    given = [
        order("a", datetime(2025, 11, 30, 23), "1.00"),  # noqa: DTZ001  # naive, in UTC
        order("b", on(2, 1), "2.00"),
    ]
    found = of_view(rows(spark, ltv_cohorts, given, [], as_of=date(2026, 2, 28)), "all")
    assert values(found, "age_months", "n_orders", "repeat_customers", "is_complete") == [
        (0, 1, 0, True),
        (1, 0, 0, True),
        (2, 0, 0, True),
        (3, 1, 1, False),
    ]


def test_who_comes_again_in_the_first_month_is_a_repeat_customer_there(spark):
    given = [order("a", on(1, 5), "1.00"), order("b", on(1, 6), "1.00"), order("c", on(2, 6), "1")]
    found = of_view(rows(spark, ltv_cohorts, given, [], as_of=date(2026, 2, 7)), "all")
    assert values(found, "age_months", "repeat_customers") == [(0, 1), (1, 1)]


def test_a_refund_of_an_unknown_order_counts_in_the_first_month(spark):
    given = [refund("a", on(1, 5), "4.00"), order("b", on(3, 6), "10.00")]
    found = of_view(rows(spark, ltv_cohorts, given, [], as_of=date(2026, 3, 7)), "all")
    assert values(found, "cohort_month", "age_months", "n_orders", "n_refunds") == [
        (date(2026, 3, 1), 0, 1, 1)
    ]
    assert numbers(found, "revenue") == [6.0]


def test_unknown_currencies_are_in_no_cohorts_revenue(spark):
    found = rows(spark, ltv_cohorts, [order("a", at(0), "4.00", **UNKNOWN_CURRENCY)], [], as_of=DAY)
    assert values(found, "view", "customers", "n_orders", "revenue_per_customer") == [
        ("all", 1, 1, 0.0),
        ("human", 1, 1, 0.0),
        ("strict", 1, 1, 0.0),
    ]


def test_all_orders_of_a_program_are_its(spark):
    given = [
        order("a", on(1, 1), "1.00"),
        order("b", on(1, 2), "2.00", is_bot=True),
        order("c", on(1, 2), "4.00", visitor_id="w"),
        order("d", on(1, 2), "8.00", visitor_id="x", is_internal=True),
    ]
    found = rows(spark, ltv_cohorts, given, [], as_of=DAY)
    assert values(found, "view", "customers", "n_orders") == [
        ("all", 3, 4),
        ("human", 2, 2),
        ("strict", 1, 1),
    ]
    assert numbers(found, "revenue") == [15.0, 12.0, 4.0]


def test_of_no_orders_nothing_is_made(spark):
    assert rows(spark, revenue, [], []) == []
    assert rows(spark, web_customers, [], []) == []
    assert rows(spark, ltv_cohorts, [], []) == []
