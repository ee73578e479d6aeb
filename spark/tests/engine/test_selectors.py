"""Selectors and backfill ranges."""

from __future__ import annotations

from datetime import date

import pytest

from lakehouse.catalog.registry import registry
from lakehouse.engine.plan import backfill_days, select
from lakehouse.errors import ConfigError, UnknownTableError


def test_nothing_selects_everything_upstream_first():
    names = select(registry(), [])
    assert set(names) == set(registry().entries)
    for name in names:
        assert all(names.index(up) < names.index(name) for up in registry().upstream(name))


def test_a_layer_selects_its_tables():
    assert select(registry(), ["silver"]) == [
        name for name in registry().entries if name.startswith("silver.")
    ]


def test_plus_before_adds_what_is_upstream():
    assert set(select(registry(), ["+silver.user_dim"])) == {
        "bronze.user_signups",
        "bronze.conversions",
        "silver.user_dim",
    }


def test_plus_after_adds_what_is_downstream():
    chosen = select(registry(), ["silver.feature_states+"])
    assert "gold.feature_conversion_impact" in chosen
    assert "bronze.feature_releases" not in chosen


def test_several_selectors_add_up():
    chosen = select(registry(), ["silver.user_dim", "bronze.conversions"])
    assert chosen == ["bronze.conversions", "silver.user_dim"]


@pytest.mark.parametrize("selector", ["gold.feature_conversion_impct", "+silver.userdim", "glod"])
def test_a_misspelt_name_is_refused_with_a_suggestion(selector):
    with pytest.raises(UnknownTableError) as raised:
        select(registry(), [selector])
    assert raised.value.exit_code == 78
    assert raised.value.details["close"]


def test_a_backfill_is_every_day_of_its_range():
    assert backfill_days(date(2026, 2, 27), date(2026, 3, 1), None) == [
        date(2026, 2, 27),
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
    assert backfill_days(None, None, "2026-01-01") == []


@pytest.mark.parametrize(
    ("first", "last", "as_of"),
    [
        (date(2026, 1, 2), None, None),
        (None, date(2026, 1, 2), None),
        (date(2026, 1, 2), date(2026, 1, 1), None),
        (date(2026, 1, 1), date(2026, 1, 2), "2026-01-01"),
    ],
    ids=["no end", "no start", "swapped", "with as-of"],
)
def test_a_range_that_makes_no_sense_is_refused(first, last, as_of):
    with pytest.raises(ConfigError):
        backfill_days(first, last, as_of)
