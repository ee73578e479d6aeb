"""What the queries of datasets give when filters are set, alone and together, on literal rows."""

from __future__ import annotations

import pytest
from serving.dashboard_queries import asked

SESSION_ROWS = """
CREATE TABLE gold.session_totals AS SELECT * FROM (VALUES
    (DATE '2026-01-01', 'DE', 'mobile', 4, 1), (DATE '2026-01-01', 'DE', 'desktop', 10, 2),
    (DATE '2026-01-01', 'US', 'mobile', 30, 3), (DATE '2026-01-02', 'DE', 'mobile', 6, 4)
) AS t (metric_date, country, device_type, n_sessions, bounced_sessions),
    (SELECT TRUE AS is_complete, 0 AS total_duration_ms, 0 AS total_actions,
     0 AS n_duration_unknown)
"""


@pytest.mark.parametrize(
    ("chosen", "days"),
    [
        ({}, [(44, 6), (6, 4)]),
        ({"country": ["DE"]}, [(14, 3), (6, 4)]),
        ({"device_type": ["mobile"]}, [(34, 4), (6, 4)]),
        ({"country": ["DE"], "device_type": ["mobile"]}, [(4, 1), (6, 4)]),
        ({"country": ["DE", "US"], "device_type": ["mobile"]}, [(34, 4), (6, 4)]),
    ],
    ids=["none", "a country", "a device", "both", "two countries and a device"],
)
def test_filters_of_sessions_combine(chosen, days):
    query = "SELECT total_sessions, bounced_sessions FROM q ORDER BY metric_date"
    assert asked("session_days", chosen, query, SESSION_ROWS) == days


def test_sessions_of_a_group_are_those_of_the_other_filters():
    """Superset puts these filters after the query: each row knows its country and device."""
    query = (
        "SELECT dimension_name, group_value, sum(n_sessions) FROM q "
        "WHERE country = 'DE' AND device_type = 'mobile' GROUP BY ALL ORDER BY ALL"
    )
    assert asked("session_groups", {}, query, SESSION_ROWS) == [
        ("All", "All sessions", 10),
        ("Country", "DE", 10),
        ("Device", "mobile", 10),
    ]


USER_ROWS = """
CREATE TABLE gold.weekly_active_groups AS SELECT * FROM (VALUES
    (NULL, NULL, NULL, 9), ('DE', NULL, NULL, 5), (NULL, 'mobile', NULL, 6), (NULL, NULL, 'pro', 4),
    ('DE', 'mobile', NULL, 3), ('DE', NULL, 'pro', 2), ('DE', 'mobile', 'pro', 1)
) AS t (country, device_type, subscription_type, wau),
    (SELECT DATE '2026-01-05' AS week_start, TRUE AS is_complete)
"""


@pytest.mark.parametrize(
    ("chosen", "wau"),
    [
        ({}, 9),
        ({"country": ["DE"]}, 5),
        ({"device_type": ["mobile"]}, 6),
        ({"subscription_type": ["pro"]}, 4),
        ({"country": ["DE"], "subscription_type": ["pro"]}, 2),
        ({"country": ["DE"], "device_type": ["mobile"], "subscription_type": ["pro"]}, 1),
    ],
    ids=["none", "a country", "a device", "a plan", "country and plan", "all three"],
)
def test_filters_of_users_combine(chosen, wau):
    assert asked("weekly_users", chosen, "SELECT wau FROM q", USER_ROWS) == [(wau,)]


BOXES = """
CREATE TABLE gold.engagement_groups AS SELECT * FROM (VALUES
    (NULL, NULL, NULL, 1), ('DE', NULL, NULL, 2), ('US', NULL, NULL, 3), (NULL, 'mobile', NULL, 4),
    ('DE', 'mobile', NULL, 5), ('US', 'mobile', NULL, 6), ('DE', 'desktop', NULL, 7)
) AS t (country, device_type, subscription_type, median_interactions),
    (SELECT 9 AS n_users, 9.0 AS avg_interactions, 0 AS min_interactions, 0 AS q1_interactions,
            0 AS q3_interactions, 0 AS max_interactions)
"""


@pytest.mark.parametrize(
    ("chosen", "medians"),
    [
        ({}, {("country", 2), ("country", 3), ("device_type", 4)}),
        ({"country": ["DE"]}, {("country", 2), ("device_type", 5), ("device_type", 7)}),
        ({"device_type": ["mobile"]}, {("country", 5), ("country", 6), ("device_type", 4)}),
        ({"country": ["US"], "device_type": ["mobile"]}, {("country", 6), ("device_type", 6)}),
    ],
    ids=["none", "a country", "a device", "both"],
)
def test_a_box_is_of_its_group_and_the_other_filters(chosen, medians):
    query = "SELECT dimension_name, interactions FROM q WHERE corner = '3 median'"
    assert set(asked("interaction_quartiles", chosen, query, BOXES)) == medians


UNUSUAL = """
CREATE TABLE gold.usage_anomalies AS SELECT * FROM (VALUES
    (NULL, NULL), ('country', 'DE'), ('country', 'US'), ('device_type', 'mobile')
) AS t (dimension_name, dimension_value),
    (SELECT DATE '2026-01-05' AS metric_date, 'dau' AS metric_name, 1.0 AS value, 2.0 AS baseline,
            -4.0 AS z_score, 'critical' AS severity, '' AS description)
"""


@pytest.mark.parametrize(
    ("chosen", "groups"),
    [
        ({}, ["DE", "Everybody", "US", "mobile"]),
        ({"country": ["DE"]}, ["DE"]),
        ({"country": ["DE"], "device_type": ["mobile"]}, ["DE", "mobile"]),
    ],
    ids=["none", "a country", "two kinds"],
)
def test_unusual_days_are_those_of_each_choice(chosen, groups):
    query = "SELECT group_value FROM q ORDER BY group_value"
    assert asked("unusual_use", chosen, query, UNUSUAL) == [(name,) for name in groups]
