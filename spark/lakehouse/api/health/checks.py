"""The five checks, from the books that the lake keeps anyway: nothing is measured twice.

| check | value | limit | of |
|---|---|---|---|
| consumer_lag | seconds since all that a topic held was consumed | LAKEHOUSE_HEALTH_LAG_S | pulses |
| data_freshness | seconds from event to figure, of half of the newest events | LAKEHOUSE_ALERT_FRESHNESS_S | `ops.stream_batches` |
| api_p99 | milliseconds within which 99 % of answers came | LAKEHOUSE_HEALTH_P99_MS | `ops.health` |
| pipeline_success | per cent of tried table runs that did not fail | LAKEHOUSE_HEALTH_SUCCESS_PCT | `ops.runs` |
| quality_checks | gates that are red | 0 | `ops.quality_results` |

Without a stream, fresh is what each table promises: then the value is the number of tables that are
not (`lakehouse freshness`), and the limit 0. What has nothing to be judged by is unknown, not ok.
"""  # noqa: E501  # a table

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from lakehouse.api.health import book
from lakehouse.catalog.domains import in_use
from lakehouse.catalog.freshness import NEVER, freshness
from lakehouse.catalog.status import Status
from lakehouse.io import ops
from lakehouse.reporting.lake import PublishedLake
from lakehouse.reporting.operations import latest_gates
from lakehouse.streaming.conditions import CONSUMER_LAG, REAL_TIME_DELAY, REPAIR, RUNBOOKS
from lakehouse.streaming.pulse import Beat, pulses

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings

API_LATENCY = f"{RUNBOOKS}/api-latency.md"
FAILING_CHECKS = f"{RUNBOOKS}/failing-quality-checks.md"
FORGOTTEN = timedelta(days=7)
"""A stream that did nothing for so long is no longer expected to."""
MOST_NAMES = 5


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One look at one thing.

    Attributes:
        name: Which check.
        state: ok, failing, or unknown where there is nothing to judge by.
        value: What was found; None where it is unknown.
        unit: Of value and limit: s, ms, %, tables or gates.
        maximum: The value must stay below it; at it where that is 0.
        minimum: The value must exceed it: where more is better.
        text: The same in words.
        runbook: What to do: a path in the project.
        since: Since when it has been in this state, as far as anybody looked.
    """

    name: str
    state: State
    value: float | None = None
    unit: str
    maximum: float | None = None
    minimum: float | None = None
    text: str
    runbook: str
    since: datetime | None = None

    @property
    def limit(self) -> str:
        """The limit in words."""
        if self.minimum is not None:
            return f"> {self.minimum:g} {self.unit}"
        return f"< {self.maximum:g} {self.unit}" if self.maximum else f"0 {self.unit}"


def checks(settings: Settings, registry: Registry, now: datetime) -> list[Check]:
    """All five, each in the state that the books tell."""
    beats = [each for each in pulses(settings) if now - each.looked_at < FORGOTTEN]
    return [
        consumer_lag(settings, beats, now),
        data_freshness(settings, registry, beats, now),
        api_p99(settings, now),
        pipeline_success(settings, now),
        quality_checks(settings, registry),
    ]


def consumer_lag(settings: Settings, beats: list[Beat], now: datetime) -> Check:
    """How long ago everything was consumed that a topic held; of the topic where it is longest."""
    check = Check(
        name="consumer_lag",
        state=State.UNKNOWN,
        unit="s",
        maximum=settings.health_lag_s,
        text=f"no stream has run for {FORGOTTEN.days} days",
        runbook=CONSUMER_LAG,
    )
    judged = [each for each in beats if each.ended_at is None or each.waits]
    if not judged:
        if beats:
            newest = max(beats, key=lambda each: each.looked_at)
            text = f"{newest.topic}: the stream was ended on purpose; nothing waited then"
            return replace(check, text=text)
        return check
    worst = min(judged, key=lambda each: each.fine_at)
    lag = _seconds(worst.fine_at, now)
    told = f"{worst.topic}: all was consumed {_ago(lag)} ago"
    silent = _seconds(worst.looked_at, now)
    if worst.ended_at is not None:
        told += "; the stream was ended while records waited"
    elif silent > settings.health_lag_s:
        told += f"; no stream has looked at it for {_ago(silent)}"
    return _below(check, lag, told)


def data_freshness(
    settings: Settings, registry: Registry, beats: list[Beat], now: datetime
) -> Check:
    """How old live figures are; without a stream, how many tables are not as fresh as promised."""
    check = Check(
        name="data_freshness",
        state=State.UNKNOWN,
        unit="s",
        maximum=settings.alert_freshness_s,
        text="",
        runbook=REAL_TIME_DELAY,
    )
    running = [each for each in beats if each.ended_at is None]
    if not running:
        return _tables_fresh(check, settings, registry, now)
    late = [(each, _late(settings, each, now)) for each in running]
    worst, seconds = max(late, key=lambda pair: pair[1])
    return _below(check, seconds, f"{worst.topic}: live figures are {_ago(seconds)} old")


def _late(settings: Settings, beat: Beat, now: datetime) -> float:
    """As the stream's own alert: of the newest events; where nothing waits, nothing is late."""
    topic = beat.topic.replace("'", "''")
    query = f"SELECT * FROM t WHERE topic = '{topic}' ORDER BY ended_at DESC LIMIT 1"
    rows = ops.read(settings, "stream_batches", query)
    idle = _seconds(beat.fine_at, now)
    if not rows or rows[0]["freshness_p50_s"] is None or beat.fine_at >= rows[0]["ended_at"]:
        return idle
    return max(idle, float(rows[0]["freshness_p50_s"]))


def _tables_fresh(check: Check, settings: Settings, registry: Registry, now: datetime) -> Check:
    check = replace(check, unit="tables", maximum=0, runbook=REPAIR)
    names = in_use(registry, settings, list(registry.entries))
    found = freshness(registry, settings, names, now)
    if all(each.checked == NEVER for each in found):
        return replace(check, text="no table is published")
    rotten = [each.table for each in found if each.problems]
    if not rotten:
        return replace(
            check, state=State.OK, value=0, text=f"{len(found)} tables are as fresh as they promise"
        )
    text = f"not as fresh as they promise: {_names(rotten)}"
    return replace(check, state=State.FAILING, value=len(rotten), text=text)


def api_p99(settings: Settings, now: datetime) -> Check:
    """The slowest process of the API, as each wrote it down."""
    check = Check(
        name="api_p99",
        state=State.UNKNOWN,
        unit="ms",
        maximum=settings.health_p99_ms,
        text=f"no API answered anything in the last {book.MEMORY.seconds // 60} minutes",
        runbook=API_LATENCY,
    )
    processes = book.latencies(settings, now)
    if not processes:
        return check
    worst = max(processes, key=lambda row: row["value"])
    n = sum(row["n"] for row in processes)
    text = f"99 % of {n:,} answers came within {worst['value']:,.0f} ms"
    return _below(check, worst["value"], text)


def pipeline_success(settings: Settings, now: datetime) -> Check:
    """The share of table runs that did not fail; what was not tried does not count."""
    check = Check(
        name="pipeline_success",
        state=State.UNKNOWN,
        unit="%",
        minimum=settings.health_success_pct,
        text=f"no table ran in the last {settings.health_window_h:g} h",
        runbook=REPAIR,
    )
    since = now - timedelta(hours=settings.health_window_h)
    query = (
        "SELECT table_name, outcome, count(*) AS n FROM t "
        f"WHERE ended_at >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S}' "
        f"AND outcome IN ('{Status.UPDATED}', '{Status.UNCHANGED}', '{Status.FAILED}') "
        "GROUP BY table_name, outcome ORDER BY n DESC, table_name"
    )
    rows = ops.read(settings, "runs", query)
    tried = sum(row["n"] for row in rows)
    if not tried:
        return check
    failed = [row for row in rows if row["outcome"] == Status.FAILED]
    n = sum(row["n"] for row in failed)
    value = 100 * (tried - n) / tried
    text = f"{n:,} of {tried:,} table runs failed in {settings.health_window_h:g} h"
    if failed:
        text += f": {_names([row['table_name'] for row in failed])}"
    state = State.OK if value > settings.health_success_pct else State.FAILING
    return replace(check, state=state, value=round(value, 3), text=text)


def quality_checks(settings: Settings, registry: Registry) -> Check:
    """Gates that are red in their latest run."""
    check = Check(
        name="quality_checks",
        state=State.UNKNOWN,
        unit="gates",
        maximum=0,
        text="no gate has run",
        runbook=FAILING_CHECKS,
    )
    gates = [each for each in latest_gates(PublishedLake(settings), registry) if each.results]
    if not gates:
        return check
    red = [f"{each.table.name} ({each.gate})" for each in gates if each.is_red]
    warned = sum(bool(each.failed) and not each.is_red for each in gates)
    text = f"red: {_names(red)}" if red else f"{len(gates)} gates are green"
    if warned:
        text += f"; {warned} with warnings"
    state = State.FAILING if red else State.OK
    return replace(check, state=state, value=len(red), text=text)


def _below(check: Check, value: float, text: str) -> Check:
    assert check.maximum is not None  # noqa: S101  # for mypy: these checks have one
    state = State.OK if value < check.maximum else State.FAILING
    return replace(check, state=state, value=round(value, 3), text=text)


def _seconds(since: datetime, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0)


def _ago(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))) if seconds >= 60 else f"{seconds:.0f} s"  # noqa: PLR2004  # a minute


def _names(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
