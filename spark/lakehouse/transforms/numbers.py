"""Numbers and texts that come out the same in every engine."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from lakehouse.transforms.dialect import ON_DUCKDB


def total(whole: str | Column) -> Column:
    """Sum of whole numbers, a bigint; null of nothing. DuckDB's sums are wider."""
    return F.sum(whole).cast("bigint")


def wide(whole: Column) -> Column:
    """A whole number with room for 38 digits: products and sums of it are exact.

    DuckDB would not multiply its decimals of this size; its 128 bits hold as much.
    """
    return whole.cast("hugeint" if ON_DUCKDB else "decimal(38,0)")


def thousandths(number: Column) -> Column:
    """A number in whole thousandths, rounded half up: their sums depend on no order of rows."""
    return F.round(number * 1000).cast("bigint")


def nearest_double(wide_number: Column) -> Column:
    """The double nearest to a wide number. By its text: DuckDB's own cast rounds twice."""
    return wide_number.cast("string").cast("double")


def with_thousands(number: Column) -> Column:
    """A number rounded to a whole one, half up, as text with commas: `12,345`."""
    whole = F.round(number).cast("bigint")
    if ON_DUCKDB:
        return F.call_function("format", F.lit("{:,}"), whole)
    return F.format_string("%,d", whole)


def with_sign(number: Column) -> Column:
    """A number rounded to a whole one, half up, as text with its sign: `+5`."""
    whole = F.round(number).cast("bigint")
    return F.concat(F.when(whole >= 0, "+").otherwise(""), whole.cast("string"))


def steady(number: Column, places: int) -> Column:
    """What a logarithm or exponential led to, rounded half up: their last bits differ by engine."""
    return F.round(number, places)


def as_json(*columns: str | Column) -> Column:
    """Columns as one line of JSON with nulls kept: null differs from '', fields cannot run over.

    The same bytes in every engine for texts, whole numbers, booleans and dates; moments, doubles
    and decimals are written differently, and do not belong here.
    """
    return F.to_json(F.struct(*columns), {"ignoreNullFields": "false"})


def two_to_the(exponent: Column) -> Column:
    """Power of two of a whole number from 0 to 62, a bigint, exact.

    Not a shift: its place among operators differs between dialects of SQL.
    """
    return F.pow(F.lit(2), exponent).cast("bigint")
