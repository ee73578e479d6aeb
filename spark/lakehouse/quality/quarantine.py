"""Quarantine: rejected rows as they landed, with where they came from and why.

One Delta table per bronze table at `<root>/quarantine/<noun>`. The rows of a file are replaced as a
whole, so a re-run after a crash, or of a corrected file, leaves exactly the file's present rejects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.io import delta_log
from lakehouse.landing.topic import LAYOUT
from lakehouse.spec import LONG, STRING, TIMESTAMP, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from lakehouse.engines.protocols import Store
    from lakehouse.settings import Settings
    from lakehouse.spec import Run

REASONS = "_reasons"
JUDGED = ("source_file", "source_line", "raw", "layout", "header")
"""What it takes to judge a reject again."""
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
        "lines, array, objects, csv, text, parquet or topic.",
        nullable=False,
    ),
    Column(
        "header",
        STRING,
        "Header line of a CSV file; of a record of a topic, its key, headers, moment and how often "
        "it was judged, as JSON.",
    ),
    Column("run_id", STRING, "Run that rejected it.", nullable=False),
    Column("quarantined_at", TIMESTAMP, "When that run started.", nullable=False),
)
_INDEXED = ("source_file", "source_line", "quarantined_at")  # the others may hold personal data


def uri(settings: Settings, table: str) -> str:
    """Where the rejects of a bronze table are kept."""
    return settings.table_uri(f"quarantine.{table.partition('.')[2]}")


def put(  # noqa: PLR0913  # what to write, in place of what
    store: Store,
    where: str,
    rejected: DataFrame | None,
    *,
    files: Sequence[str] | None,
    run: Run,
    kept: DataFrame | None = None,
) -> None:
    """Replace the quarantined rows of some files.

    Args:
        store: Where tables are.
        where: Location of the quarantine table.
        rejected: Records of the landing reader that have reasons; None when there are none.
        files: Files of the batch, whose quarantined rows are replaced; None = all of the table's.
        run: The run.
        kept: Rows of the quarantine that stay as they are.
    """
    rows = kept
    if rejected is not None:
        told = rejected.select(
            F.col("_source_file").alias("source_file"),
            F.col("_line").alias("source_line"),
            F.col("_raw").alias("raw"),
            F.col(REASONS).alias("reasons"),
            F.col("_layout").alias("layout"),
            F.col("_header").alias("header"),
            F.lit(run.run_id).alias("run_id"),
            F.lit(run.started_at).alias("quarantined_at"),
        )
        rows = told if kept is None else told.unionByName(kept)
    about = {"run_id": run.run_id, "rejects": True}
    store.replace_where(rows, where, _in(files), about, columns=COLUMNS, indexed=_INDEXED)


def roll_back(store: Store, where: str, version: int | None) -> None:
    """Undo what runs did to the rejects whose table was not published then.

    A record that such a run accepted stands nowhere else, if its file is gone.

    Args:
        store: Where tables are.
        where: Location of the quarantine table.
        version: Its version that belongs to what is published; None = nobody knows of one.
    """
    latest = delta_log.latest_version(where)
    if version is None or latest is None or latest <= version:
        return
    notes = delta_log.notes(where, version, latest)  # maintenance changes no row
    first = next((n for n, note in enumerate(notes) if note.get("rejects")), None)
    if first is not None:
        store.restore(where, version + first)


def held(store: Store, where: str, *, but_not_from: Sequence[str]) -> DataFrame | None:
    """Quarantined rows of files that are not in the landing folder any more, to judge again."""
    if delta_log.latest_version(where) is None:
        return None
    rows = store.read(where).filter(~F.col("source_file").isin(list(but_not_from)))
    return rows.select(*JUDGED)


def split(
    store: Store, where: str, reason: str, *, but_not_from: Sequence[str]
) -> tuple[DataFrame, DataFrame] | None:
    """Quarantined records of topics with a reason, to judge again, and all other rows.

    Args:
        store: Where tables are.
        where: Location of the quarantine table.
        reason: A reason, or the first part of one; empty = any.
        but_not_from: Ranges that are read anew: none of the two has their records.
    """
    if delta_log.latest_version(where) is None:
        return None
    rows = store.read(where).filter(~F.col("source_file").isin(list(but_not_from)))
    told = F.concat(F.lit("\n"), F.concat_ws("\n", "reasons"))
    is_chosen = (F.col("layout") == LAYOUT) & told.contains("\n" + reason)
    names = [column.name for column in COLUMNS]
    return rows.filter(is_chosen).select(*JUDGED), rows.filter(~is_chosen).select(*names)


def _in(files: Sequence[str] | None) -> str:
    if files is None:
        return "true"
    names = ", ".join("'" + f.replace("\\", "\\\\").replace("'", "\\'") + "'" for f in files)
    return f"source_file IN ({names})"
