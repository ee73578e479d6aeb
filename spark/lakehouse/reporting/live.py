"""What a stream does now, from the lake's books and the published live marts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakehouse.reporting.lake import PublishedLake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.settings import Settings

TABLES = (
    *("gold.live_page_views", "gold.live_sessions", "gold.live_conversion_rates"),
    "gold.live_anomalies",
)
"""What is made after each batch."""
OPEN_MINUTES = 30
"""A session is open so long after its last event."""
N_WINDOWS, N_PAGES, N_ANOMALIES = 24, 5, 3
N_BATCHES = 12
"""Of which events a second is the mean."""


@dataclass(frozen=True)
class Frame:
    """A picture of the stream.

    Attributes:
        at: When it was taken, UTC.
        batch: The newest batch, as a row of `ops.stream_batches`; empty before the first.
        events_a_second: Mean of the last batches, pauses included.
        n_rejected: Records rejected since the stream began.
        open_sessions: Devices with an event in the last 30 minutes.
        views: Page views of the last windows of five minutes, oldest first.
        pages: Pages of the newest windows with their page views, most first.
        conversion_rate: Of the last whole window; None without one.
        anomalies: The newest unusual windows.
        alerts: Alerts that are open.
    """

    at: datetime
    batch: dict[str, Any] = field(default_factory=dict)
    events_a_second: float = 0.0
    n_rejected: int = 0
    open_sessions: int = 0
    views: tuple[int, ...] = ()
    pages: tuple[tuple[str, int], ...] = ()
    conversion_rate: float | None = None
    anomalies: tuple[dict[str, Any], ...] = ()
    alerts: tuple[dict[str, Any], ...] = ()


def frame(settings: Settings, since: datetime, alerts: Sequence[dict[str, Any]] = ()) -> Frame:
    """Look at the lake.

    Args:
        settings: The lake.
        since: When the stream began: batches before it are not told of.
        alerts: Rows of those that are open.
    """
    at = datetime.now(UTC)
    lake = PublishedLake(settings)
    began = f"started_at >= TIMESTAMP '{since:%Y-%m-%d %H:%M:%S}'"
    batches = lake.kept(
        "ops.stream_batches",
        f"SELECT * FROM t WHERE {began} ORDER BY started_at DESC LIMIT {N_BATCHES}",
    )
    if not batches:
        return Frame(at)
    taken = (batches[0]["ended_at"] - batches[-1]["started_at"]).total_seconds()
    (rejected,) = lake.kept(
        "ops.stream_batches", f"SELECT sum(n_rejected) AS n FROM t WHERE {began}"
    )
    is_open = (
        f"last_event_at > TIMESTAMP '{at - timedelta(minutes=OPEN_MINUTES):%Y-%m-%d %H:%M:%S}'"
    )
    sessions = lake.one(
        "gold.live_sessions",
        f"SELECT count(*) AS n FROM t WHERE {is_open}",
    )
    windows = lake.rows(
        "gold.live_page_views",
        "SELECT window_start, n_page_views FROM t WHERE page_id IS NULL "
        f"ORDER BY window_start DESC LIMIT {N_WINDOWS}",
    )
    rates = lake.rows(
        "gold.live_conversion_rates",
        "SELECT conversion_rate FROM t ORDER BY window_start DESC LIMIT 2",
    )
    return Frame(
        at,
        batches[0],
        sum(each["n"] for each in batches) / max(taken, 0.001),
        rejected["n"] or 0,
        sessions.get("n", 0),
        tuple(row["n_page_views"] for row in reversed(windows)),
        _pages(lake, windows),
        rates[-1]["conversion_rate"] if len(rates) > 1 else None,
        tuple(
            lake.rows(
                "gold.live_anomalies",
                f"SELECT * FROM t ORDER BY window_end DESC LIMIT {N_ANOMALIES}",
            )
        ),
        tuple(alerts),
    )


def _pages(lake: PublishedLake, windows: list[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
    """Pages of the newest two windows."""
    if not windows:
        return ()
    first = windows[min(1, len(windows) - 1)]["window_start"]
    rows = lake.rows(
        "gold.live_page_views",
        "SELECT page_id, sum(n_page_views) AS n FROM t WHERE page_id IS NOT NULL "
        f"AND window_start >= TIMESTAMP '{first:%Y-%m-%d %H:%M:%S}' "
        f"GROUP BY page_id ORDER BY n DESC, page_id LIMIT {N_PAGES}",
    )
    return tuple((row["page_id"], row["n"]) for row in rows)
