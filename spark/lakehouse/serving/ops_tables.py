"""Tables of the serving database about publications and the state of the lake."""

from __future__ import annotations

from lakehouse.spec import DATE, DOUBLE, LONG, STRING, TIMESTAMP, Column

PUBLICATIONS = (
    Column("table_name", STRING, "Name of the served table.", nullable=False),
    Column("version", LONG, "Delta version that is served.", nullable=False),
    Column("table_id", STRING, "Delta's id of the table that the version belongs to."),
    Column("rows", LONG, "Rows of that version.", nullable=False),
    Column("definition", STRING, "Fingerprint of its declaration.", nullable=False),
    Column("published_at", TIMESTAMP, "When it was published, UTC.", nullable=False),
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
