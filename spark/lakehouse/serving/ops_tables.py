"""What publishing tells readers of SQL about itself and about the lake."""

from __future__ import annotations

from lakehouse.spec import DATE, DOUBLE, LONG, STRING, TIMESTAMP, Column

PUBLICATIONS = (
    Column("table_name", STRING, "Table that was published here.", nullable=False),
    Column("version", LONG, "Number of its Delta version.", nullable=False),
    Column("table_id", STRING, "Delta's identity of the table that it is a version of."),
    Column("rows", LONG, "Rows of that version.", nullable=False),
    Column("definition", STRING, "Fingerprint of how it was declared.", nullable=False),
    Column("published_at", TIMESTAMP, "When, UTC.", nullable=False),
)
"""`ops.publications`: one row a served table, written with its rows in one transaction."""

TABLE_STATUS = (
    Column("table_name", STRING, "Table of the lake.", nullable=False),
    Column("layer", STRING, "bronze, silver or gold.", nullable=False),
    Column("owner", STRING, "Who answers for it.", nullable=False),
    Column("rows", LONG, "Rows of its published version."),
    Column("as_of", DATE, "Newest day that counts, where the table has such a day."),
    Column("current_within_days", LONG, "As_of may be so many days ago; null = any number."),
    Column("checked_at", TIMESTAMP, "When a run of it was green last, UTC."),
    Column("checked_within_hours", DOUBLE, "That may be so long ago.", nullable=False),
    Column("n_checks", LONG, "Checks of its last gate.", nullable=False),
    Column("n_failed_checks", LONG, "Of them, those that failed, be it with a warning only."),
    Column("rows_in", LONG, "Rows that its runs took in so far.", nullable=False),
    Column("rows_quarantined", LONG, "Of them, those in quarantine now.", nullable=False),
)
"""`ops.table_status`: one row a table of the lake, as of the newest publication."""
