"""Odd but legal landing files, written by hand; every expected value was worked out by hand, too."""

from __future__ import annotations

import gzip
from datetime import date
from typing import TYPE_CHECKING

import pytest
from support import GROWTH, new_lake, rejects

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from conftest import LakeDriver

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

FOREVER = date(9999, 12, 31)

# ruff: noqa: E501  # a line of a file is a line

# An array with ids and versions that are numbers.
RELEASES_FEBRUARY = """[
{"feature_id": "maps", "feature_name": "Karten 🗺", "release_date": "2024-02-29",
 "version": "1.9"},
{"feature_id": "maps", "feature_name": "Karten 🗺", "release_date": "2024-02-29",
 "version": "1.10", "is_enabled": true},
{"feature_id": 7, "feature_name": "Seven", "release_date": "2024-01-01",
 "version": 1.5, "is_enabled": "false"}
]"""
# Sends the last row of maps again, in another order and with the defaults left out.
RELEASES_MARCH = """
{"version": "1.10", "release_date": "2024-02-29", "feature_name": "Karten 🗺", "feature_id": "maps"}

{"feature_id": "maps", "feature_name": "Karten \\ud83d\\uddfa", "release_date": "2024-03-10",\
 "version": "2.0", "unheard_of": {"kept": ["Ünal"]}}"""

# Columns in another order and one too many; a quoted comma, doubled quotes, a one-digit month.
SIGNUPS_CSV = """"signup_date","user_id","email","company_size","industry","referral"
2024-02-29,ann,ann@example.org,11-50,"Food, drink",ad
2024-2-9,"bob ""the"" builder",bob@example.org,,construction,

2024-02-10,ИРА,ira@example.org,1-10,media,
2024-02-10,ИРА,ira@example.org,1-10,media,
"""

# Ann's earlier signup is the one that counts, nulls included; names are the same in any case.
SIGNUPS_LINES = """\
{"User_ID": "ann", "signup_date": "2024-02-01", "Company_Size": "1-10", "industry": null}
{"user": "zed", "signup_date": "2024-02-01"}
"""

# West of Greenwich the evening of the leap day is already March, east of it still February.
EVENTS_FEBRUARY = """
{"event_id": 1, "user_id": "ann", "feature_id": "maps", "event_timestamp": "2024-02-29T23:30:00-02:00"}
{"event_id": 2, "user_id": "ann", "feature_id": "maps", "event_timestamp": "2024-03-01T00:15:00+05:30"}
   \t
{"event_id": 3, "user_id": "ann", "feature_id": 7, "event_timestamp": "2024-03-01"}
{"event_id": 4, "user_id": "ИРА", "feature_id": "maps", "event_timestamp": "2024-02-29 12:00:00.5"}
"""
EVENTS_MARCH = """\
{"event_id": 1, "user_id": "ann", "feature_id": "maps", "event_timestamp": "2024-02-29T23:30:00-02:00"}
{ "event_timestamp" : "2024-02-29T12:00:00.500Z" ,"feature_id":"maps","user_id":"ИРА","event_id":"4"}
{"event_id": 5, "user_id": "ИРА", "feature_id": "maps", "event_timestamp": "2024-03-31T23:59:59.999999Z"}
"""

# Amounts as text and as a power of ten.
CONVERSIONS = (
    '[{"user_id": "ann", "conversion_date": "2024-03-02", "plan": "pro", "mrr": "49.90",'
    ' "signup_date": "2024-02-01", "days_to_convert": "30"},'
    '{"user_id": "ИРА", "conversion_date": "2024-02-29", "plan": "team", "mrr": 1e2,'
    ' "signup_date": "2024-02-10", "days_to_convert": 19}]'
)


def from_windows(text: str) -> bytes:
    """Byte order mark and CRLF."""
    return text.replace("\n", "\r\n").encode("utf-8-sig")


def two_members(text: str) -> bytes:
    """A gz file that somebody appended to, as log shippers do."""
    data = text.encode()
    return gzip.compress(data[:150]) + gzip.compress(data[150:])


FILES: dict[str, bytes] = {
    "feature_releases/2024/02/29/release notes [final].json": from_windows(RELEASES_FEBRUARY),
    "feature_releases/2024/03/10.ndjson.gz": two_members(RELEASES_MARCH),
    "user_signups/année=2024/accounts.CSV": from_windows(SIGNUPS_CSV),
    "user_signups/late.jsonl": SIGNUPS_LINES.encode(),
    "user_signups/_SUCCESS": b"",
    "user_signups/.accounts.csv.crc": b"no landing file",
    "feature_usage_events/2024/02/29.jsonl.gz": two_members(EVENTS_FEBRUARY),
    "feature_usage_events/2024/03/01.jsonl": EVENTS_MARCH.encode(),
    "conversions.json": CONVERSIONS.encode(),
}


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> LakeDriver:
    lake = new_lake(tmp_path_factory.mktemp("odd files") / "lake", spark)
    for name, data in FILES.items():
        path: Path = lake.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    lake.run()
    return lake


def table(lake: LakeDriver, name: str, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in lake.rows(name, *columns)]


def test_every_row_has_its_fate(lake):
    states = {name: lake.open().states.published(name) for name in GROWTH}
    fates = {
        name.partition(".")[2]: (a.rows_in, a.rows_loaded, a.rows_quarantined, a.rows_deduplicated)
        for name, state in states.items()
        if name.startswith("bronze.") and (a := state.account)
    }
    assert fates == {
        "feature_releases": (5, 4, 0, 1),
        "user_signups": (6, 4, 1, 1),
        "feature_usage_events": (7, 5, 0, 2),
        "conversions": (2, 2, 0, 0),
    }
    assert rejects(lake, "bronze.user_signups") == {
        ("user_signups/late.jsonl", 2): (
            ["missing:user_id"],
            b'{"user": "zed", "signup_date": "2024-02-01"}',
        )
    }


def test_unknown_fields_are_kept(lake):
    extra = {
        row["version"]: row["_extra"]
        for row in lake.rows("bronze.feature_releases", "version", "_extra")
    }
    assert extra == {
        "1.9": None,
        "1.10": None,
        "1.5": None,
        "2.0": '{"unheard_of":{"kept":["Ünal"]}}',
    }


def test_feature_states(lake):
    assert table(
        lake,
        "silver.feature_states",
        *("feature_id", "feature_name", "version", "is_enabled"),
        *("effective_from", "effective_to", "is_current"),
    ) == [
        ("7", "Seven", "1.5", False, date(2024, 1, 1), FOREVER, True),
        ("maps", "Karten 🗺", "1.10", True, date(2024, 2, 29), date(2024, 3, 10), False),
        ("maps", "Karten 🗺", "2.0", True, date(2024, 3, 10), FOREVER, True),
    ]


def test_user_dim(lake):
    assert table(lake, "silver.user_dim") == [
        ("ann", date(2024, 2, 1), "1-10", None, "pro"),
        ('bob "the" builder', date(2024, 2, 9), None, "construction", "free"),
        ("ИРА", date(2024, 2, 10), "1-10", "media", "team"),
    ]


def test_feature_usage_facts(lake):
    leap, first, last = date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 31)
    assert table(lake, "silver.feature_usage_facts") == [
        ("ann", "7", first, first, 1, 1.0, last),
        ("ann", "maps", leap, first, 2, 1.0, last),
        ("ИРА", "maps", leap, last, 2, 2 / 32, last),
    ]


def test_feature_conversion_impact(lake):
    used, not_used = "used_before_conversion", "available_not_used"
    assert table(lake, "gold.feature_conversion_impact") == [
        ("7", "Seven", not_used, 2, 1, 0.5, 19.0, 100.0),
        ("7", "Seven", used, 1, 1, 1.0, 30.0, 49.9),
        ("maps", "Karten 🗺", not_used, 1, 0, 0.0, None, None),
        ("maps", "Karten 🗺", used, 2, 2, 1.0, 24.5, 74.95),
    ]
