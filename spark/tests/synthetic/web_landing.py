"""Web events of a landing folder in duckdb, read without our code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {
    "event_id": "event_id",
    "event_type": "event_type",
    "anonymous_id": "anonymous_id",
    "user_id": "user_id",
    "client_session": "session_id",
    "page_view_id": "page_view_id",
    **{
        name: f"properties.{name}"
        for name in (
            *("page_url", "page_id", "referrer", "utm_source", "utm_medium", "gclid", "msclkid"),
            *("fbclid", "form_id", "step", "product_id", "category", "price", "quantity"),
            *("currency", "depth_pct"),
        )
    },
    "order_id": "properties.transaction.order_id",
    "amount": "properties.transaction.total_amount",
    "agent": "context.user_agent",
    "ip": "context.ip",
    "host": "context.domain",
}
MOMENTS = ("timestamp", "sent_at", "received_at")
DEVICE = """CASE WHEN agent LIKE '%iPad%' OR agent LIKE '%SM-X%' THEN 'tablet'
    WHEN agent LIKE '%Mobile%' THEN 'mobile' ELSE 'desktop' END"""


class WebLanding:
    """A generated folder.

    `lines` has every line with the name of its file; `records` those that are no dead letters, as
    often as they came; `events` each event once, as it was received first, with `happened_at` (its
    moment by the corrected clock), `device_type`, `visitor` and the number of its visit.
    """

    def __init__(self, folder: Path, truth: dict[str, Any]) -> None:
        self.folder, self.truth = folder, truth
        self.counts = truth["sources"]["web_events"]
        self.sql = duckdb.connect()
        files = [str(each) for each in (*folder.glob("web_events.*"), *folder.glob("web_events/*"))]
        self.sql.execute(
            f"""CREATE TABLE lines AS SELECT line, parse_filename(filename, true) AS file
            FROM (SELECT unnest(string_split(content, chr(10))) AS line, filename
                  FROM read_text({files})) WHERE line <> ''"""
        )
        paths = [f"$.{path}" for path in (*TEXTS.values(), *MOMENTS)]
        names = (*TEXTS, *(f"{name}_text" for name in MOMENTS))
        texts = ", ".join(f"cells[{number}] AS {name}" for number, name in enumerate(names, 1))
        moments = ", ".join(f"{name}_text::timestamp AS {name}" for name in MOMENTS)
        self.sql.execute(
            f"""CREATE TABLE records AS SELECT *, {moments} FROM (
                SELECT line, file, {texts} FROM (
                    SELECT *, json_extract_string(line, {paths}) AS cells FROM lines
                    WHERE json_valid(line) AND NOT starts_with(line, '{{"event_id":"bad_')))"""
        )
        self.sql.execute(
            f"""
            CREATE TABLE told AS
            SELECT * EXCLUDE (line, file), received_at - (sent_at - timestamp) AS happened_at,
                {DEVICE} AS device_type
            FROM records QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY received_at) = 1;
            CREATE TABLE owners AS
            SELECT anonymous_id, count(DISTINCT user_id) AS users, min(user_id) AS user_id
            FROM told GROUP BY 1;
            CREATE TABLE events AS
            WITH whose AS (
                SELECT told.*, CASE WHEN users = 1 THEN owners.user_id ELSE anonymous_id END
                    AS visitor
                FROM told JOIN owners USING (anonymous_id)),
            gaps AS (
                SELECT *, epoch_ms(happened_at) - lag(epoch_ms(happened_at)) OVER (
                    PARTITION BY visitor ORDER BY happened_at, event_id) AS gap_ms FROM whose)
            SELECT *, count(*) FILTER (gap_ms IS NULL OR gap_ms > 1800000) OVER (
                PARTITION BY visitor ORDER BY happened_at, event_id) AS visit FROM gaps
            """
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.sql.execute(query).fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        (row,) = self.rows(query)
        return row

    def devices(self, condition: str) -> list[str]:
        """Ids of the devices that sent an event of which something holds, in order."""
        query = f"SELECT DISTINCT anonymous_id FROM events WHERE {condition} ORDER BY 1"
        return [each for (each,) in self.rows(query)]
