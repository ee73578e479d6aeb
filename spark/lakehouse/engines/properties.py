"""The properties of Delta tables, the same whoever makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.spec import BOOLEAN

if TYPE_CHECKING:
    from lakehouse.spec import Table


def properties(table: Table) -> dict[str, str]:
    """The properties of a table."""
    # File statistics hold minima and maxima of real values: personal data stays out of the log.
    indexed = [c.name for c in table.stored_columns if not c.pii and c.type != BOOLEAN][:32]
    return {
        "delta.enableChangeDataFeed": "true",
        # A changed file is written anew: its rows can be read without asking Delta which are left.
        "delta.enableDeletionVectors": "false",
        "delta.dataSkippingStatsColumns": ",".join(indexed),
        "delta.checkpointInterval": "20",
        # Commits are needed as long as the files they name: time travel and feed start from both.
        "delta.logRetentionDuration": f"interval {table.retention.days} days",
        "lakehouse.table": table.name,
        "lakehouse.owner": table.owner,
    }
