"""bronze.web_dead_letters: letters as a file tells them, as by the topic: bytes become bytes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.web_dead_letters"


def letter(offset: int, **more: object) -> dict[str, object]:
    return {
        "topic": "topic_web_events",
        "partition": 0,
        "offset": offset,
        "part": "99914b932bd3",
        "at_ms": 1_767_607_200_000,
        "status": "dead",
        "reason": "missing:event_id, missing:timestamp",
        "reason_class": "missing",
        "attempts": 1,
        "dead_at": "2026-01-05T23:30:00-01:00",
        "key": "base64,/wA=",
        "headers": "[]",
        "value": "base64,e30=",
        **more,
    }


def test_a_letter_is_loaded_once_an_attempt_and_what_is_none_set_aside(lake):
    lake.land(
        "web_dead_letters.jsonl",
        [
            letter(1),
            letter(1),
            letter(1, attempts=2),
            letter(2, key=None, value="base64,", at_ms=None),
            letter(3, value="e30="),
            letter(4, status="alive"),
            letter(5, attempts=0),
            letter(6, part=None),
        ],
    )
    account = lake.run(TABLE)[TABLE].account
    assert (account.rows_in, account.rows_loaded, account.rows_deduplicated) == (8, 3, 1)
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert {row["source_line"]: list(row["reasons"]) for row in rejected} == {
        5: ["not_bytes:value"],
        6: ["unknown:status"],
        7: ["attempts_below_1"],
        8: ["missing:part"],
    }
    rows = lake.rows(TABLE)
    found = {(r["kafka_offset"], r["attempts"], r["key"], r["value"]) for r in rows}
    assert found == {(1, 1, b"\xff\x00", b"{}"), (1, 2, b"\xff\x00", b"{}"), (2, 1, None, b"")}
    assert {r["dead_date"] for r in rows} == {date(2026, 1, 6)}, "its day in UTC"
    assert {r["dead_at"] for r in rows} == {datetime(2026, 1, 6, 0, 30, tzinfo=UTC)}
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"


def test_bytes_outlive_a_migration(lake):
    """Its rows are judged again as records, in which bytes are text."""
    from lakehouse.engine.job import new_request  # noqa: PLC0415  # an engine is chosen by now

    path = lake.land("web_dead_letters.jsonl", [letter(1, value="base64,/wD+")])
    lake.run(TABLE)
    path.unlink()
    with lake.open() as opened:
        (outcome,) = opened.run([TABLE], new_request(migrate=True))
    assert outcome.error is None, outcome.trace
    assert [row["value"] for row in lake.rows(TABLE)] == [b"\xff\x00\xfe"]
