"""Rows of a bronze table as records, to be judged again when their files are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.landing.messages import MARK
from lakehouse.spec.columns import BINARY, STRING, TECHNICAL_COLUMNS, TIMESTAMP
from lakehouse.transforms.numbers import as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Source, Table


def as_landed(held: DataFrame, table: Table, source: Source) -> DataFrame:
    """Rows of a bronze table as records that the reader judges again, many in each row.

    They have the fields under the names of now, and what else they were landed with.
    """
    landed = {field.name for field in source.fields}
    made = {column.name for column in table.stored_columns} - landed
    technical = {column.name for column in TECHNICAL_COLUMNS}
    names = {each.formerly: each.name for each in table.columns if each.formerly}
    values = [
        _text(field.name, field.dataType.simpleString()).alias(names.get(field.name, field.name))
        for field in held.schema.fields
        if field.name not in made | technical
    ]
    record = _record(values, F.col("_extra"))
    # A file's rows in shares: one text for all of them could be longer than a text may be.
    return (
        held.select("_source_file", F.substring("_row_id", 1, 2).alias("_share"), record.alias("r"))
        .groupBy("_source_file", "_share")
        .agg(F.concat_ws("\n", F.collect_list("r")).alias("_records"))
        .select(
            F.col("_source_file").alias("source_file"),
            F.lit(0).cast("bigint").alias("source_line"),
            F.encode("_records", "utf-8").alias("raw"),
            F.lit("lines").alias("layout"),
            F.lit(None).cast(STRING).alias("header"),
        )
    )


def _text(name: str, kind: str) -> Column:
    """A value as sources write it; a moment says that it is one of UTC, in every engine."""
    if kind == BINARY:
        return F.concat(F.lit(MARK), F.base64(name))
    text = F.col(name).cast(STRING)
    if kind != TIMESTAMP:
        return text
    return F.when(text.isNotNull(), F.concat(F.regexp_replace(text, r"\+00$", ""), F.lit("Z")))


def _record(values: Sequence[Column], extra: Column) -> Column:
    """Values that are there, and the fields of an object, as one object of JSON on one line."""
    fields = [
        F.when(each.isNotNull(), F.concat(_inside(as_json(each)), F.lit(","))) for each in values
    ]
    told = F.concat(*(F.coalesce(each, F.lit("")) for each in fields))
    # A line break in JSON is never part of a value.
    others = F.coalesce(_inside(F.regexp_replace(extra, r"[\r\n]", " ")), F.lit(""))
    inside = F.regexp_replace(F.concat(told, others), r",\s*$", "")
    return F.concat(F.lit("{"), inside, F.lit("}"))


def _inside(record: Column) -> Column:
    """An object of JSON without its braces."""
    return F.regexp_replace(F.regexp_replace(record, r"^\s*\{", ""), r"\}\s*$", "")
