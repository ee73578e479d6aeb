"""Tables of the serving database about publications and the state of the lake."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.spec import DATE, DOUBLE, LONG, STRING, TIMESTAMP, Column


@dataclass(frozen=True)
class OpsTable:
    """A table of records in the serving database.

    Attributes:
        columns: Its columns.
        key: Columns of its grain.
        changed_by: The moment of each row, where it is a copy of a table that the lake keeps.
        kept_days: So long a copy has them; 0 = for ever.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("table_name",)
    changed_by: str = ""
    kept_days: int = 0


PUBLICATIONS = (
    Column("table_name", STRING, "Name of the served table.", nullable=False),
    Column("version", LONG, "Delta version that is served.", nullable=False),
    Column("table_id", STRING, "Delta's id of the table that the version belongs to."),
    Column("rows", LONG, "Rows of that version.", nullable=False),
    Column("definition", STRING, "Fingerprint of its declaration.", nullable=False),
    Column("published_at", TIMESTAMP, "When it was published, UTC.", nullable=False),
    Column("data_as_of", DATE, "Newest day that counts in it, where it has one."),
    Column("restated_at", TIMESTAMP, "When a final figure of it last changed, UTC; null = never."),
)
"""`ops.publications`: one row per served table, written with its rows in one transaction."""

TABLE_STATUS = (
    Column("table_name", STRING, "Table of the lake.", nullable=False),
    Column("layer", STRING, "bronze, silver or gold.", nullable=False),
    Column("owner", STRING, "Owner of the table.", nullable=False),
    Column("rows", LONG, "Rows of its published version."),
    Column("as_of", DATE, "As-of date of the table, if it has one."),
    Column("current_within_days", LONG, "Largest allowed age of as_of in days; null = no limit."),
    Column("checked_at", TIMESTAMP, "When the table last passed its gate, UTC."),
    Column(
        "checked_within_hours", DOUBLE, "Longest allowed time since then, in hours.", nullable=False
    ),
    Column("n_checks", LONG, "Checks of its last gate.", nullable=False),
    Column("n_failed_checks", LONG, "Checks of the last gate that failed, including warnings."),
    Column("rows_in", LONG, "Rows that its runs have read so far.", nullable=False),
    Column("rows_quarantined", LONG, "Rows now in quarantine.", nullable=False),
)
"""`ops.table_status`: one row per table of the lake, as of the newest publication."""

STREAM_BATCHES = (
    Column("topic", STRING, "Topic that was consumed.", nullable=False),
    Column("started_at", TIMESTAMP, "When the batch began, UTC.", nullable=False),
    Column("ended_at", TIMESTAMP, "When its tables could be read, UTC.", nullable=False),
    Column("table_name", STRING, "Bronze table that consumes the topic.", nullable=False),
    Column("run_id", STRING, "Run that the batch was; empty where none began.", nullable=False),
    Column("seconds", DOUBLE, "Seconds that the batch took.", nullable=False),
    Column("n", LONG, "Offsets it consumed.", nullable=False),
    Column("waiting", LONG, "Offsets it left; null where nobody could look at the topic."),
    Column("oldest_event_at", TIMESTAMP, "Oldest of its new events, UTC."),
    Column("newest_event_at", TIMESTAMP, "Newest of its new events, UTC."),
    Column("freshness_p50_s", DOUBLE, "Seconds from event to readers, of half of its new events."),
    Column("freshness_p99_s", DOUBLE, "The same, of 99 % of them."),
    Column("n_rejected", LONG, "Records that it rejected.", nullable=False),
    Column("error", STRING, "What went wrong first; null where nothing did."),
)
"""`ops.stream_batches`: one row per batch of a stream, of the newest 7 days."""

ALERTS = (
    Column("alert_id", STRING, "Alert.", nullable=False),
    Column("change", LONG, "Number of its change, from 1; the newest one counts.", nullable=False),
    Column("key", STRING, "What it is about: at most one alert of a key is open.", nullable=False),
    Column("topic", STRING, "Topic of the stream that found it."),
    Column("severity", STRING, "info, warning or critical.", nullable=False),
    Column("title", STRING, "What is wrong, in a line.", nullable=False),
    Column("text", STRING, "What is wrong, in full."),
    Column("runbook", STRING, "Where it is written what to do."),
    Column("opened_at", TIMESTAMP, "When it was found, UTC.", nullable=False),
    Column("recovered_at", TIMESTAMP, "When it was fine again, UTC; null while it is open."),
    Column("changed_at", TIMESTAMP, "When it changed so, UTC.", nullable=False),
)
"""`ops.alerts`: one row per change of an alert."""

OPS = {
    "ops.publications": OpsTable(PUBLICATIONS),
    "ops.table_status": OpsTable(TABLE_STATUS),
    "ops.stream_batches": OpsTable(STREAM_BATCHES, ("topic", "started_at"), "ended_at", 7),
    "ops.alerts": OpsTable(ALERTS, ("alert_id", "change"), "changed_at"),
}
