from __future__ import annotations

from datetime import date

import pytest

from lakehouse.catalog.registry import registry
from lakehouse.errors import ConfigError
from lakehouse.io.state import Account
from lakehouse.reporting.lake import PublishedLake
from lakehouse.reporting.report import report_html, write_report

from .conftest import CHECKED_AT, NOW, ODD_NAME, SmallLake, lift_row
from .pages import drawings, fetches_nothing, read


def html_of(lake: SmallLake) -> str:
    return report_html(PublishedLake(lake.settings), registry(), NOW)


def test_it_writes_one_page_that_fetches_nothing(lake):
    path = write_report(lake.settings, registry(), NOW)

    html = path.read_text("utf-8")
    page = read(html)
    assert path.name == "report.html"
    assert fetches_nothing(html)
    assert page.scripts == 0
    assert {ref for ref in page.references if not ref.startswith("#")} == {"data:,"}
    assert {ref[1:] for ref in page.references if ref.startswith("#")} <= page.anchors


def test_it_is_well_formed(lake):
    lake.publish("gold.feature_conversion_lift", [lift_row("boards", ODD_NAME, "supported")])
    html = html_of(lake)

    assert read(html).unbalanced == []
    assert len(drawings(html)) == 5
    assert all(drawing.get("aria-label") for drawing in drawings(html))


def test_a_feature_name_cannot_inject_markup(lake):
    html = html_of(lake)

    assert "<script>alert" not in html
    assert ODD_NAME in read(html).text


def test_it_counts_what_is_published_and_nothing_else(lake):
    text = read(html_of(lake)).text

    assert "Users 4 with a signup record" in text  # 8 rows are in the unpublished version
    assert "Usage events 3 distinct" in text
    assert "Conversions 2 users on a paid plan" in text
    assert "Conversion rate 50.0 %" in text
    assert "MRR 1,201 " in text  # 1000.50 + 200.25: the latest of each, ties by the higher
    assert "As of 2026-01-21" in text


def test_an_old_newest_event_is_marked(lake):
    late = NOW.replace(month=3)

    html = report_html(PublishedLake(lake.settings), registry(), late)

    assert "60 days before this report: not current" in read(html).text
    assert "1 day before this report: not current" not in read(html_of(lake)).text


def test_an_empty_lake_says_so(empty):
    html = html_of(empty)

    text = read(html).text
    assert "published versions of 0 of" in text
    assert "Nothing is published yet" in text
    assert "gold.feature_conversion_lift has no rows yet." in text
    assert "Quarantine is empty." in text
    assert "No gate has run yet." in text
    assert drawings(html) == []


def test_without_the_lift_it_shows_the_cohorts_with_their_caveat(lake):
    text = read(html_of(lake)).text

    assert "gold.feature_conversion_lift has no rows yet." in text
    assert "These bars do not show an effect" in text
    assert "50.0 % (1 of 2)" in text


def test_the_lift_shows_intervals_and_verdicts(lake):
    nobody = dict.fromkeys(
        f"{name}{end}"
        for name in ("landmark_lift", "adjusted_lift", "rate_ratio")
        for end in ("", "_low", "_high")
    )
    lake.publish(
        "gold.feature_conversion_lift",
        [
            lift_row("boards", "Boards", "supported"),
            lift_row("real_time_collab", "Collaboration", "association", adjusted_lift_low=-0.01),
            lift_row("search", "Search", "not_distinguishable", **nobody, used_rate=None),
        ],
    )
    html = html_of(lake)

    text = read(html).text
    assert "● supported" in text
    assert "◆ association only" in text
    assert "no comparison" in text
    assert "+8.0 (+1.0 to +15.0)" in text
    assert "Use the intervals above instead." in text


def test_weeks_that_the_data_do_not_cover_are_marked(lake):
    text = read(html_of(lake)).text

    assert "2026-01-05 2 0" in text
    assert "2026-01-12 1 2" in text
    assert "2026-01-19 (incomplete) 1 0" in text


def test_gates_are_green_amber_or_red(lake):
    lake.checked("silver.user_dim", "input")
    lake.checked(
        "silver.feature_states",
        "input",
        {"check_name": "fresh_bronze_feature_releases", "passed": False, "value": 400.0},
    )
    lake.checked(
        "silver.user_dim",
        "output",
        {"check_name": "unique_user_id", "passed": False, "value": None},
    )
    lake.checked("silver.feature_states", "output", {"check_name": "not_empty", "missing": True})
    lake.ran("silver.user_dim", "failed")
    html = html_of(lake)

    text = read(html).text
    assert '<span class="tone good">✓ 2 of 2</span>' in html
    assert '<span class="tone warn">! 1 of 2</span>' in html
    assert '<span class="tone bad">✗ 2 of 3</span>' in html
    assert '<span class="tone bad">✗ 5 of 6</span>' in html  # a result did not come back
    assert "✗ failed (previous version still published)" in text
    assert "user_id: unique. not measured at most 0" in text
    assert "400 days at most 365" in text


def test_only_the_latest_results_of_a_gate_count(lake):
    failed = {"check_name": "unique_user_id", "passed": False, "value": 1.0}
    earlier = [
        {"check_name": check.name, "checked_at": CHECKED_AT.replace(day=1)}
        for check in registry()["silver.user_dim"].table.ensures
    ]
    lake.checked(
        "silver.user_dim",
        "output",
        *(row | failed if row["check_name"] == "unique_user_id" else row for row in earlier),
    )
    lake.checked("silver.user_dim", "output")

    assert "None: every check of the latest runs passed." in read(html_of(lake)).text


def test_rows_are_accounted_for_by_fate(lake):
    lake.publish("silver.feature_usage_facts", [{"user_id": "a"}], account=Account(rows_in=2))

    text = read(html_of(lake)).text
    assert "bronze.feature_usage_events 9 4 3 1 1 0 ✓ yes 4 0" in text
    assert "silver.feature_usage_facts 2 0 0 0 0 0 ✗ no" in text
    assert "gold.feature_conversion_lift – – – – – – not published" in text  # noqa: RUF001  # dashes


def test_quarantine_counts_rules_by_source(lake):
    lake.reject(
        "bronze.user_signups",
        [
            {"source_file": "user_signups/a.jsonl", "reasons": ["missing:user_id"]},
            {"source_file": "user_signups/b.jsonl", "reasons": ["missing:user_id", "malformed"]},
        ],
    )

    text = read(html_of(lake)).text
    assert "bronze.user_signups missing:user_id 2 user_signups/a.jsonl and 1 more" in text
    assert "bronze.user_signups malformed 1 user_signups/b.jsonl" in text


@pytest.mark.parametrize("wild", [date(1, 1, 1), date(9999, 12, 31)], ids=["year 1", "year 9999"])
def test_a_wild_date_does_not_break_the_page(lake, wild):
    lake.publish("silver.user_dim", [{"user_id": "a", "signup_date": wild, "current_plan": "free"}])
    lake.publish(
        "silver.feature_states",
        [
            {
                "feature_id": "boards",
                "feature_name": None,
                "version": None,
                "is_enabled": True,
                "effective_from": wild,
                "effective_to": date(9999, 12, 31),
                "is_current": True,
            }
        ],
    )

    assert len(drawings(html_of(lake))) == 4


def test_a_report_of_one_domain_has_its_sections_and_tables_alone(lake):
    html = report_html(PublishedLake(lake.settings), registry(), NOW, "interactions")
    text = read(html).text
    assert "Lakehouse report: interactions" in text
    assert "Engagement over time" in text
    assert "silver.user_days" in text
    assert "Growth over time" not in text
    assert "silver.user_dim" not in text


def test_a_domain_without_anything_published_is_left_out_unless_it_is_asked_for(lake):
    text = read(html_of(lake)).text
    assert "Growth over time" in text
    assert "Engagement over time" not in text
    with pytest.raises(ConfigError, match="there are growth, interactions"):
        report_html(PublishedLake(lake.settings), registry(), NOW, "grwth")
