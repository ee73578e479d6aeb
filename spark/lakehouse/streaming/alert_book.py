"""The alerts of a topic in `ops.alerts`: every change is a row, and the newest of each counts.

So a process that starts again tells nothing twice and forgets no recovery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.io import ops
from lakehouse.observability.incidents import incident_of, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lakehouse.observability.incidents import Incident
    from lakehouse.settings import Settings

BOOK = "alerts"
_NEWEST = (
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY alert_id ORDER BY change DESC) "
    "AS place FROM t) WHERE place = 1"
)


def unfinished(settings: Settings, topic: str) -> list[Incident]:
    """Alerts of a topic that are open, or that not everybody was told of; the oldest first."""
    name = topic.replace("'", "''")
    query = (
        f"{_NEWEST} AND topic = '{name}' AND (recovered_at IS NULL OR n_waiting > 0) "
        "ORDER BY opened_at, key"
    )
    return [incident_of(row) for row in ops.read(settings, BOOK, query)]


def open_now(settings: Settings) -> list[dict[str, Any]]:
    """Rows of the open alerts, the worst first."""
    rank = "CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END"
    order = f"{rank}, opened_at DESC, key"
    return ops.read(settings, BOOK, f"{_NEWEST} AND recovered_at IS NULL ORDER BY {order}")


def newest(settings: Settings, n: int) -> list[dict[str, Any]]:
    """Rows of the open alerts, the worst first, and of the newest of the others."""
    over = f"{_NEWEST} AND recovered_at IS NOT NULL ORDER BY recovered_at DESC, key LIMIT {n}"
    return [*open_now(settings), *ops.read(settings, BOOK, over)]


def write(settings: Settings, topic: str, incidents: Iterable[Incident], now: datetime) -> None:
    """Keep what became of alerts."""
    ops.append(settings, BOOK, [row_of(each, topic, now) for each in incidents])
