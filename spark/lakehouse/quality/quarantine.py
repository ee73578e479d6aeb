"""Quarantine: rejected rows as they landed, with where they came from and why.

One Delta table per bronze table at `<root>/quarantine/<noun>`. The rows of a file are replaced as a
whole, so a re-run after a crash, or of a corrected file, leaves exactly the file's present rejects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.io import delta_log
from lakehouse.spec import LONG, STRING, TIMESTAMP, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from lakehouse.engines.protocols import Store
    from lakehouse.settings import Settings
    from lakehouse.spec import Run

REASONS = "_reasons"
COLUMNS = (
    Column("source_file", STRING, "Landing file, below the landing folder.", nullable=False),
    Column(
        "source_line",
        LONG,
        "Line in the file, or element of its JSON, from 1; 0 for a row that the table held.",
    ),
    Column("raw", "binary", "The row as it landed, byte for byte.", nullable=False),
    Column("reasons", "array<string>", "Rules it breaks.", nullable=False),
    Column(
        "layout",
        STRING,
        "lines, array, objects, csv, text or parquet.",
        nullable=False,
    ),
    Column("header", STRING, "Header line of a CSV file."),
    Column("run_id", STRING, "Run that rejected it.", nullable=False),
    Column("quarantined_at", TIMESTAMP, "When that run started.", nullable=False),
)
_INDEXED = ("source_file", "source_line", "quarantined_at")  # the others may hold personal data


def uri(settings: Settings, table: str) -> str:
    """Where the rejects of a bronze table are kept."""
    return settings.table_uri(f"quarantine.{table.partition('.')[2]}")


def put(
    store: Store,
    where: str,
    rejected: DataFrame | None,
    *,
    files: Sequence[str] | None,
    run: Run,
) -> None:
    """Replace the quarantined rows of some files.

    Args:
        store: Where tables are.
        where: Location of the quarantine table.
        rejected: Records of the landing reader that have reasons; None when there are none.
        files: Files of the batch, whose quarantined rows are replaced; None = all of the table's.
        run: The run.
    """
    rows = None
    if rejected is not None:
        rows = rejected.select(
            F.col("_source_file").alias("source_file"),
            F.col("_line").alias("source_line"),
            F.col("_raw").alias("raw"),
            F.col(REASONS).alias("reasons"),
            F.col("_layout").alias("layout"),
            F.col("_header").alias("header"),
            F.lit(run.run_id).alias("run_id"),
            F.lit(run.started_at).alias("quarantined_at"),
        )
    store.replace_where(
        rows, where, _in(files), {"run_id": run.run_id}, columns=COLUMNS, indexed=_INDEXED
    )


def held(store: Store, where: str, *, but_not_from: Sequence[str]) -> DataFrame | None:
    """Quarantined rows of files that are not in the landing folder any more, to judge again."""
    if delta_log.latest_version(where) is None:
        return None
    rows = store.read(where).filter(~F.col("source_file").isin(list(but_not_from)))
    return rows.select("source_file", "source_line", "raw", "layout", "header")


def _in(files: Sequence[str] | None) -> str:
    if files is None:
        return "true"
    names = ", ".join("'" + f.replace("\\", "\\\\").replace("'", "\\'") + "'" for f in files)
    return f"source_file IN ({names})"
