"""Copies of `ops` in the serving database: batches of streams, and alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lakehouse.io import ops

NOW = datetime.now(UTC).replace(microsecond=123456)


def batch(minutes_ago, n, topic="visits", **more):
    ended = NOW - timedelta(minutes=minutes_ago)
    return {
        "topic": topic,
        "table_name": "bronze.web_events",
        "run_id": "r",
        "started_at": ended - timedelta(seconds=5),
        "ended_at": ended,
        "seconds": 5.0,
        "n": n,
        "n_rejected": 0,
        **more,
    }


def alert(change, minutes_ago, recovered_at=None):
    opened = NOW - timedelta(days=30)
    return {
        "alert_id": "a",
        "change": change,
        "key": "lag",
        "severity": "critical",
        "title": "Records wait",
        "opened_at": opened,
        "recovered_at": recovered_at,
        "changed_at": NOW - timedelta(minutes=minutes_ago),
    }


def batches(reader):
    return reader.execute("SELECT topic, n FROM ops.stream_batches ORDER BY n").fetchall()


def test_each_publication_brings_the_batches_since_and_none_twice(toys, writer, reader):
    toys.publish(writer)
    assert batches(reader) == [], "a lake without a stream has the table, too"
    ops.append(toys.settings, "stream_batches", [batch(3, 1), batch(2, 2)])
    toys.publish(writer)
    # At the moment of the newest one another stream had a batch, too.
    ops.append(toys.settings, "stream_batches", [batch(2, 3, topic="orders"), batch(1, 4)])
    for _ in range(2):
        toys.publish(writer)
        assert batches(reader) == [("visits", 1), ("visits", 2), ("orders", 3), ("visits", 4)]


def test_batches_of_the_week_before_are_left_out_and_go(toys, writer, reader):
    ops.append(toys.settings, "stream_batches", [batch(8 * 24 * 60, 1), batch(6 * 24 * 60, 2)])
    toys.publish(writer)
    assert batches(reader) == [("visits", 2)]


def test_an_error_with_a_character_that_no_database_takes_is_told(toys, writer, reader):
    ops.append(toys.settings, "stream_batches", [batch(1, 0, error="bad\0byte")])
    toys.publish(writer)
    told = reader.execute("SELECT error FROM ops.stream_batches").fetchall()
    assert told == [("bad\N{REPLACEMENT CHARACTER}byte",)]


def test_alerts_stay_however_old_and_their_changes_follow(toys, writer, reader):
    ops.append(toys.settings, "alerts", [alert(1, minutes_ago=30 * 24 * 60)])
    toys.publish(writer)
    ops.append(toys.settings, "alerts", [alert(2, 1, recovered_at=NOW)])
    toys.publish(writer)
    told = reader.execute("SELECT change, recovered_at FROM ops.alerts ORDER BY change").fetchall()
    assert told == [(1, None), (2, NOW)]
