"""`ops.health`: each change of a check's state, and how long the answers of each API process took.

The latencies are in the memory of processes; written down, the terminal and the other processes see
them, too. Everything else a look finds in the lake's other books, so only changes are kept of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakehouse.io import ops

if TYPE_CHECKING:
    from lakehouse.api.health.checks import Check
    from lakehouse.settings import Settings

BOOK, LAKE = "health", "lake"
LATENCY = "api_latency"
MEMORY = timedelta(minutes=5)
"""Answers older than this say nothing about now."""


def with_since(settings: Settings, checks: list[Check], now: datetime) -> list[Check]:
    """Since when each check has been as it is; a change is written down."""
    query = (
        "SELECT check_name, state, since FROM (SELECT *, row_number() OVER "
        "(PARTITION BY check_name ORDER BY looked_at DESC) AS place FROM t "
        f"WHERE source = '{LAKE}') WHERE place = 1"
    )
    before = {row["check_name"]: row for row in ops.read(settings, BOOK, query)}
    told = []
    for each in checks:
        known = before.get(each.name)
        is_same = known is not None and known["state"] == each.state
        told.append(replace(each, since=known["since"] if known and is_same else now))
    changed = [each for each in told if each.since == now]
    ops.append(settings, BOOK, [_row(each, now) for each in changed])
    return told


def _row(check: Check, now: datetime) -> dict[str, Any]:
    kept = ("value", "maximum", "minimum", "text", "since")
    return {name: getattr(check, name) for name in kept} | {
        "check_name": check.name,
        "state": check.state,
        "source": LAKE,
        "looked_at": now,
    }


def write_latency(settings: Settings, source: str, p99_ms: float, n: int, now: datetime) -> None:
    """Keep how long the answers of a process took: 99 % of the n newest less than this."""
    row = {"check_name": LATENCY, "source": source, "value": p99_ms, "n": n, "looked_at": now}
    ops.append(settings, BOOK, [row])


def latencies(settings: Settings, now: datetime) -> list[dict[str, Any]]:
    """The newest row of each process that answered lately."""
    query = (
        "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY source "
        f"ORDER BY looked_at DESC) AS place FROM t WHERE check_name = '{LATENCY}' "
        f"AND looked_at > TIMESTAMP '{now - MEMORY:%Y-%m-%d %H:%M:%S}') WHERE place = 1"
    )
    return ops.read(settings, BOOK, query)
