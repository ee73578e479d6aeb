"""Delta tables: the only module that knows what the storage engine can do.

Everything goes through the DataFrame API and SQL on paths, so that classic and Connect sessions
run the same code.
"""

from __future__ import annotations

import contextlib
import json
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from lakehouse.engines import commits, layout
from lakehouse.errors import WriteConflictError
from lakehouse.io import delta_log, files
from lakehouse.io.delta_log import Span
from lakehouse.spec.changes import CHANGE_TYPE, DELETE, OPERATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, timedelta

    from pyspark.sql import SparkSession

    from lakehouse.spec import Table

_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"


def quoted(uri: str) -> str:
    """The SQL name of a table at a path."""
    return f"delta.`{uri}`"


def read(
    spark: SparkSession, uri: str, version: int | None = None, span: Span | None = None
) -> DataFrame:
    """The table at a version, by default the newest; with a span, at least all rows of its days."""
    found = delta_log.snapshot(uri, version, span)
    if found is not None:
        return _parquet(spark, StructType.fromJson(found.schema), found.paths)
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return reader.load(uri)


def changes(spark: SparkSession, uri: str, after: int, until: int) -> DataFrame | None:
    """Rows inserted, updated (before and after) and deleted by versions in (after, until].

    `_change_type` says which, in Delta's words. None when the history needed was vacuumed: the
    caller then recomputes everything.
    """
    feed = delta_log.feed(uri, after, until)
    if feed is None:
        return None
    schema = schema_of(spark, uri, until)
    with_kind = StructType([*schema.fields, StructField(CHANGE_TYPE, StringType())])
    parts = [_parquet(spark, with_kind, feed.described)] if feed.described else []
    for kind, paths in (("insert", feed.added), ("delete", feed.removed)):
        if paths:
            rows = _parquet(spark, schema, paths)
            parts.append(rows.withColumn(CHANGE_TYPE, F.lit(kind)))
    if not parts:
        return read(spark, uri, until).limit(0).withColumn(CHANGE_TYPE, F.lit(None).cast("string"))
    return reduce(DataFrame.unionByName, parts)


def schema_of(spark: SparkSession, uri: str, version: int | None = None) -> StructType:
    """The columns of a version, by default of the newest; as a rule without the engine."""
    found = delta_log.snapshot(uri, version)
    return StructType.fromJson(found.schema) if found else read(spark, uri, version).schema


def _parquet(spark: SparkSession, schema: StructType, paths: list[str]) -> DataFrame:
    # The paths are names, not patterns, and their folders hold no values.
    as_named = {"__globPaths__": False, "recursiveFileLookup": True}
    return spark.read.schema(schema).options(**as_named).parquet(*paths)


def totals(
    spark: SparkSession, uri: str, version: int, dates: Sequence[str]
) -> tuple[int, dict[str, date]]:
    """Rows of a version and the newest value of its dates; as a rule without the engine."""
    known = delta_log.totals(uri, version, dates)
    if known is not None:
        return known
    newest = [F.max(name).alias(name) for name in dates]
    row = read(spark, uri, version).agg(F.count(F.lit(1)).alias("_rows"), *newest).first()
    found: dict[str, Any] = row.asDict() if row else {"_rows": 0}
    return found.pop("_rows"), {name: day for name, day in found.items() if day}


def append(rows: DataFrame, uri: str, metadata: dict[str, Any]) -> None:
    """Add rows in one commit."""
    with translated(uri):
        (
            rows.write.format("delta")
            .mode("append")
            .option("userMetadata", json.dumps(metadata, default=str))
            .save(uri)
        )


def merge(  # noqa: PLR0913  # what to write, where, and what is known of it
    spark: SparkSession,
    source: DataFrame,
    uri: str,
    table: Table,
    metadata: dict[str, Any],
    *,
    span: Span | None,
) -> None:
    """Apply staged differences, which may be known to lie in some days, in one commit."""
    nullable = {column.name for column in table.stored_columns if column.nullable}
    same = [
        f"t.`{name}` {'<=>' if name in nullable else '='} s.`{name}`" for name in table.write.grain
    ]
    if span is not None:  # values in the statement leave files out, those of a join do not
        same.append(f"t.`{span.column}` BETWEEN DATE'{span.first}' AND DATE'{span.last}'")
    on = " AND ".join(same)
    names = table.column_names
    assignments = ", ".join(f"`{name}` = s.`{name}`" for name in names)
    columns = ", ".join(f"`{name}`" for name in names)
    values = ", ".join(f"s.`{name}`" for name in names)
    view = f"staged_{table.name.replace('.', '_')}"
    source.createOrReplaceTempView(view)
    # The differences are computed already; MERGE need not keep a copy of its own.
    as_it_is = {"spark.databricks.delta.merge.materializeSource": "none"}
    try:
        with described(spark, metadata), configured(spark, as_it_is), translated(uri):
            spark.sql(
                f"MERGE INTO {quoted(uri)} t USING {view} s ON {on} "
                f"WHEN MATCHED AND s.{OPERATION} = '{DELETE}' THEN DELETE "
                f"WHEN MATCHED THEN UPDATE SET {assignments} "
                f"WHEN NOT MATCHED AND s.{OPERATION} <> '{DELETE}' "
                f"THEN INSERT ({columns}) VALUES ({values})"
            )
    finally:
        spark.catalog.dropTempView(view)


def restore(spark: SparkSession, uri: str, version: int) -> None:
    """Make an old version the newest again; metadata only."""
    with translated(uri):
        spark.sql(f"RESTORE TABLE {quoted(uri)} TO VERSION AS OF {version}")


def optimize(
    spark: SparkSession, uri: str, metadata: dict[str, Any], by: Sequence[str] = ()
) -> None:
    """Merge small files, in one commit that changes no row; rows near by some columns together."""
    # By default of a gigabyte, which would hold all days of a table: a late row rewrites its file.
    sizes = (
        "spark.databricks.delta.optimize.minFileSize",
        "spark.databricks.delta.optimize.maxFileSize",
    )
    size = dict.fromkeys(sizes, str(layout.FILE_BYTES))
    with described(spark, metadata), configured(spark, size), translated(uri):
        # Tables of before were clustered by the same columns, which Delta keeps up by itself.
        is_ordered = by and not delta_log.is_clustered(commits.opened(uri))
        order = f" ZORDER BY ({', '.join(by)})" if is_ordered else ""
        spark.sql(f"OPTIMIZE {quoted(uri)}{order}").collect()


def vacuum(spark: SparkSession, uri: str, retention: timedelta) -> None:
    """Delete files that no version younger than the retention needs; makes no commit."""
    conf = {
        # By default VACUUM commits that it ran, which would look like somebody else's write …
        "spark.databricks.delta.vacuum.logging.enabled": "false",
        # … and obeys the table's property (7 days) whatever RETAIN says.
        "spark.databricks.delta.vacuum.retentionWindowIgnore.enabled": "false",
        # Its listing runs as this many tasks, by default 10,000: a minute a table on two cores.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "32",
    }
    hours = int(retention.total_seconds() // 3600)
    with configured(spark, conf), translated(uri):
        spark.sql(f"VACUUM {quoted(uri)} RETAIN {hours} HOURS").collect()


def described(spark: SparkSession, metadata: dict[str, Any]) -> AbstractContextManager[None]:
    """Commits made meanwhile carry this about themselves."""
    return configured(spark, {_USER_METADATA: json.dumps(metadata, default=str)})


@contextlib.contextmanager
def configured(spark: SparkSession, conf: dict[str, str]) -> Iterator[None]:
    """Settings of the session while a statement runs."""
    for key, value in conf.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key in conf:
            spark.conf.unset(key)


class translated:  # noqa: N801  # reads as a verb at its call sites
    """Turn the engine's write errors into ours."""

    def __init__(self, uri: str) -> None:
        """Remember what was being written."""
        self.uri = uri

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise our error in place of the engine's."""
        if not isinstance(error, Exception):
            return
        clear = files.explained(error, self.uri)
        if clear is not error:
            raise clear from error
        text = str(error)
        if "Concurrent" in text and "Exception" in text:
            message = f"another writer committed to {self.uri}; run again"
            raise WriteConflictError(message, path=self.uri) from error
