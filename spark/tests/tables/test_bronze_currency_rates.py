"""bronze.currency_rates: what treasury sent, once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.currency_rates"


def rate(currency, day, told):
    return {"currency": currency, "rate_date": day, "rate": told}


def test_rates_are_loaded_once_and_those_that_are_none_set_aside(lake):
    lake.land(
        "currency_rates.jsonl",
        [
            rate("usd", "2026-01-01", "0.912345678"),
            rate("USD", "2026-01-02", 0.91),
            rate("USD", "2026-01-02", 0.91),
            rate("USD", "2026-01-03", 0),
            rate("US", "2026-01-03", 1),
            rate("GBP", None, 1),
        ],
    )
    account = lake.try_run(TABLE)[TABLE].account
    assert (account.rows_in, account.rows_loaded, account.rows_deduplicated) == (6, 2, 1)
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert {row["source_line"]: list(row["reasons"]) for row in rejected} == {
        4: ["rate_not_positive"],
        5: ["not_a_currency:currency"],
        6: ["missing:rate_date"],
    }
    found = [(row["currency"], str(row["rate_date"]), row["rate"]) for row in lake.rows(TABLE)]
    assert found == [
        ("USD", "2026-01-01", Decimal("0.91234568")),
        ("USD", "2026-01-02", Decimal("0.91000000")),
    ]


def test_without_rates_orders_in_other_currencies_are_kept_and_not_summed(lake):
    told = {"currency": "USD", "transaction": {"order_id": "1", "total_amount": 5}}
    lake.land(
        "web_events.jsonl",
        [
            {
                "event_id": "a",
                "event_type": "purchase",
                "timestamp": "2026-01-05T10:00:00Z",
                "anonymous_id": "d",
                "properties": told,
            }
        ],
    )
    lake.run("+gold.revenue")
    (order,) = lake.rows("silver.web_orders")
    assert (order["is_summed"], order["amount_reporting"]) == (False, None)
    (row,) = [row for row in lake.rows("gold.revenue") if row["view"] == "all"]
    assert (row["n_orders"], row["n_not_summed"], row["gross"]) == (1, 1, 0)
    assert row["gross_own"] == 5
