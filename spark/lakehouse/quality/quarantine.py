"""Quarantine: rejected rows as they landed, with where they came from and why.

One Delta table per bronze table at `<root>/quarantine/<noun>`. The rows of a file are replaced as a
whole, so a re-run after a crash, or of a corrected file, leaves exactly the file's present rejects.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.engines.spark import delta
from lakehouse.io import delta_log
from lakehouse.transforms.parse import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.settings import Settings
    from lakehouse.spec import Run

LINES_SCHEMA = "_source_file string, _block bigint, _position bigint, raw string"
_COLUMNS = (
    "source_file STRING NOT NULL COMMENT 'Landing file, below the landing folder.', "
    "source_line BIGINT COMMENT 'Line in the file (element of a JSON array), from 1.', "
    "raw BINARY NOT NULL COMMENT 'The row as it landed, byte for byte.', "
    "reasons ARRAY<STRING> NOT NULL COMMENT 'Rules it breaks.', "
    "layout STRING NOT NULL COMMENT 'array, lines or csv.', "
    "header STRING COMMENT 'Header line of a CSV file.', "
    "run_id STRING NOT NULL COMMENT 'Run that rejected it.', "
    "quarantined_at TIMESTAMP NOT NULL COMMENT 'When that run started.'"
)


def uri(settings: Settings, table: str) -> str:
    """Where the rejects of a bronze table are kept."""
    return settings.table_uri(f"quarantine.{table.partition('.')[2]}")


def put(
    spark: SparkSession,
    where: str,
    rejected: DataFrame | None,
    *,
    files: Sequence[str] | None,
    run: Run,
) -> None:
    """Replace the quarantined rows of some files.

    Args:
        spark: The engine.
        where: Location of the quarantine table.
        rejected: Rows of `transforms.parse.typed` that have reasons, with `_line`; None when there
            are none.
        files: Files of the batch, whose quarantined rows are replaced; None = all of the table's.
        run: The run.
    """
    exists = delta_log.latest_version(where) is not None
    replaced = _in(files)
    if rejected is None:
        if exists and not delta.read(spark, where).filter(replaced).isEmpty():
            spark.sql(f"DELETE FROM {delta.quoted(where)} WHERE {replaced}")
        return
    if not exists:
        with delta.translated(where):
            spark.sql(
                f"CREATE TABLE {delta.quoted(where)} ({_COLUMNS}) USING delta TBLPROPERTIES "
                "('delta.dataSkippingStatsColumns' = 'source_file,source_line,quarantined_at')"
            )
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
    with delta.translated(where):
        (
            rows.write.format("delta")
            .mode("overwrite")
            .option("replaceWhere", replaced)
            .option("userMetadata", json.dumps({"run_id": run.run_id}))
            .save(where)
        )


def lines(
    spark: SparkSession, where: str, *, but_not_from: Sequence[str]
) -> list[tuple[str, str | None, DataFrame]]:
    """Quarantined rows of files that are not in the landing folder any more, to judge again."""
    if delta_log.latest_version(where) is None:
        return []
    held = delta.read(spark, where).filter(~F.col("source_file").isin(list(but_not_from)))
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
