"""The lines of landing files as they stand, read by Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.landing.files import LandedFile


def read_lines(
    spark: SparkSession, landed: Sequence[LandedFile], raw_uri: str
) -> list[tuple[str, str | None, DataFrame]]:
    """The lines of files, grouped by what is needed to take them apart.

    Returns:
        (layout, header, frame) per group; the frame has `_source_file`, `_block` and `_position`
        (which together order the lines of a file) and `raw`; CSV headers included.
    """
    groups: dict[tuple[str, str | None], list[LandedFile]] = {}
    for each in landed:
        groups.setdefault((each.content.layout, each.content.header), []).append(each)
    return [
        (layout, header, _lines(spark, layout, members, raw_uri))
        for (layout, header), members in groups.items()
    ]


def with_line_numbers(rows: DataFrame, lines: DataFrame) -> DataFrame:
    """Add `_line`, counted from 1.

    A file is read in blocks by several tasks, so a row only knows its place within its block; one
    count of the lines per block turns that into a line number.

    Args:
        rows: Some of the lines.
        lines: All lines of the same files, blank ones and headers included.
    """
    earlier = (
        Window.partitionBy("_source_file")
        .orderBy("_block")
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    blocks = (
        lines.filter(F.col("_block") >= 0)
        .groupBy("_source_file", "_block")
        .agg(F.min("_position").alias("_first"), F.count(F.lit(1)).alias("_size"))
        .withColumn("_before", F.coalesce(F.sum("_size").over(earlier), F.lit(0)))
        .drop("_size")
    )
    line = F.col("_before") + F.col("_position") - F.col("_first") + 1
    # Rows that come from the quarantine know their line already.
    return rows.join(blocks, ["_source_file", "_block"], "left").withColumn(
        "_line", F.coalesce(line, F.col("_position"))
    )


def _lines(
    spark: SparkSession,
    layout: str,
    members: Sequence[LandedFile],
    raw_uri: str,
) -> DataFrame:
    reader = spark.read.option("__globPaths__", "false")  # a path with [ or * is just a path
    text = reader.text([each.uri for each in members], wholetext=layout == "array")
    decoded = F.url_decode(F.replace("_metadata.file_path", F.lit("+"), F.lit("%2B")))
    # The part after the landing folder, whatever scheme the engine puts before it. No regular
    # expression: this is computed for each line.
    folder = f"{raw_uri.partition('://')[2] or raw_uri}/"
    below = F.substr(decoded, F.locate(folder, decoded) + F.lit(len(folder)))
    lines = text.select(
        below.alias("_source_file"),
        F.col("_metadata.file_block_start").alias("_block"),
        F.monotonically_increasing_id().alias("_position"),
        F.col("value").alias("raw"),
    )
    if layout == "array":
        text = _without_bom("raw")
        # Inside another array, text after the array is an error instead of being ignored.
        wrapped = F.concat(F.lit("["), text, F.lit("]"))
        arrays = F.from_json(wrapped, "array<array<string>>")
        elements = F.when(F.size(arrays) == 1, arrays[0])
        # What is no array after all is judged line by line, so that every line is accounted for.
        rows = F.coalesce(elements, F.split(text, "\n"))
        return lines.select("_source_file", "_block", F.posexplode(rows).alias("_position", "raw"))
    return lines.withColumn("raw", _without_bom("raw"))


def _without_bom(column: str) -> Any:  # noqa: ANN401  # a Column; pyspark has two classes of them
    # No regular expression: those turn bytes that are not UTF-8 into replacement characters.
    rest = F.substring(column, 2, 1 << 30)
    return F.when(F.col(column).startswith("\ufeff"), rest).otherwise(F.col(column))
