"""Quarantine: rejected rows as they landed, with where they came from and why.

One Delta table per bronze table at `<root>/quarantine/<noun>`. The rows of a file are replaced as a
whole, so a re-run after a crash, or of a corrected file, leaves exactly the file's present rejects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.io import delta_log
from lakehouse.spec import LONG, STRING, TIMESTAMP, Column
from lakehouse.transforms.parse import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from lakehouse.engines.protocols import Store
    from lakehouse.settings import Settings
    from lakehouse.spec import Run

LINES_SCHEMA = "_source_file string, _block bigint, _position bigint, raw string"
COLUMNS = (
    Column("source_file", STRING, "Landing file, below the landing folder.", nullable=False),
    Column("source_line", LONG, "Line in the file (element of a JSON array), from 1."),
    Column("raw", "binary", "The row as it landed, byte for byte.", nullable=False),
    Column("reasons", "array<string>", "Rules it breaks.", nullable=False),
    Column("layout", STRING, "array, lines or csv.", nullable=False),
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
        rejected: Rows of `transforms.parse.typed` that have reasons, with `_line`; None when there
            are none.
        files: Files of the batch, whose quarantined rows are replaced; None = all of the table's.
        run: The run.
    """
    rows = None
    if rejected is not None:
        rows = rejected.select(
            F.col("_source_file").alias("source_file"),
            F.col("_line").alias("source_line"),
            F.col("raw").cast("binary").alias("raw"),
            F.col(REASONS).alias("reasons"),
            F.col("_layout").alias("layout"),
            F.col("_header").alias("header"),
            F.lit(run.run_id).alias("run_id"),
            F.lit(run.started_at).alias("quarantined_at"),
        )
    store.replace_where(
        rows, where, _in(files), {"run_id": run.run_id}, columns=COLUMNS, indexed=_INDEXED
    )


def lines(
    store: Store, where: str, *, but_not_from: Sequence[str]
) -> list[tuple[str, str | None, DataFrame]]:
    """Quarantined rows of files that are not in the landing folder any more, to judge again."""
    if delta_log.latest_version(where) is None:
        return []
    held = store.read(where).filter(~F.col("source_file").isin(list(but_not_from)))
    groups = held.select("layout", "header").distinct().collect()
    return [
        (
            "lines" if layout == "array" else layout,
            header,
            held.filter(F.col("layout") == layout)
            .filter(F.col("header").eqNullSafe(F.lit(header)))
            .select(
                F.col("source_file").alias("_source_file"),
                F.lit(-1).cast("bigint").alias("_block"),
                F.col("source_line").alias("_position"),
                F.col("raw").cast("string").alias("raw"),
            ),
        )
        for layout, header in groups
    ]


def _in(files: Sequence[str] | None) -> str:
    if files is None:
        return "true"
    names = ", ".join("'" + f.replace("\\", "\\\\").replace("'", "\\'") + "'" for f in files)
    return f"source_file IN ({names})"
