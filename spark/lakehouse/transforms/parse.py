"""Landed text → typed rows with the reasons to reject them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Field, Source

REASONS = "_reasons"
CELLS = "_cells"
EARLIEST, LATEST = "1970-01-01", "2200-01-01"
_DATE_SHAPE = r"^\d{4}-\d{1,2}-\d{1,2}"
_EXACT = "decimal(38,10)"
_WHOLE = frozenset({INT, LONG})


def take_apart(lines: DataFrame, layout: str, header: str | None) -> DataFrame:
    """Add `_cells`: field name → text, null where the line is not a row of its format.

    An empty text is a missing value in every format.
    """
    if layout == "csv":
        return lines.withColumn(CELLS, _csv_cells(header or ""))
    # Inside an array, text after the object is an error instead of being ignored.
    wrapped = F.concat(F.lit("["), F.col("raw"), F.lit("]"))
    objects = F.from_json(wrapped, "array<map<string,string>>")
    keys = F.map_keys(objects[0])
    # A key that stands twice has two values: nobody can say which one was meant.
    is_plain = (F.size(objects) == 1) & (F.size(F.array_distinct(keys)) == F.size(keys))
    return lines.withColumn(CELLS, F.when(is_plain, objects[0]))


def _csv_cells(header: str) -> Column:
    names = header_names(header)
    schema = ", ".join(f"`c{i}` string" for i in range(len(names))) + ", `_corrupt` string"
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": "_corrupt", "escape": '"'}
    row = F.from_csv(F.col("raw"), schema, options)
    keys = F.array(*(F.lit(name) for name in names))
    values = F.array(*(row[f"c{i}"] for i in range(len(names))))
    return F.when(row["_corrupt"].isNull(), F.map_from_arrays(keys, values))


def header_names(header: str) -> list[str]:
    """Column names of a CSV header line."""
    return [name.strip().strip('"') for name in header.split(",")]


def typed(lines: DataFrame, source: Source, *, max_line_bytes: int) -> DataFrame:
    """Parse every declared field and collect why a row cannot be trusted.

    Args:
        lines: Lines with `_cells`, from `take_apart`.
        source: The declared fields and row rules.
        max_line_bytes: Longer lines are rejected.

    Returns:
        The lines with the fields as columns, `_extra`, `_row_id`, and `_reasons` (empty = good).
    """
    cells = {field.name: _cell(field) for field in source.fields}
    parsed = lines.select(
        "*",
        *(_cast(cells[field.name], field).alias(field.name) for field in source.fields),
        _extra(source).alias("_extra"),
        _given(*(_type_problem(cells[field.name], field) for field in source.fields)).alias(
            "_type_problems"
        ),
    )
    defaulted = parsed.withColumns(
        {
            field.name: F.coalesce(F.col(field.name), F.expr(field.default).cast(field.type))
            for field in source.fields
            if field.default is not None
        }
        or {"_extra": F.col("_extra")}
    )
    return defaulted.select(
        "*",
        _row_id(source).alias("_row_id"),
        _reasons(source, max_line_bytes).alias(REASONS),
    ).drop("_type_problems")


def _cell(field: Field) -> Column:
    text = F.try_element_at(F.col(CELLS), F.lit(field.name))
    return F.nullif(F.trim(text), F.lit(""))


def _cast(text: Column, field: Field) -> Column:
    if field.type == STRING:
        return text
    if field.type in {DATE, TIMESTAMP}:
        return F.when(text.rlike(_DATE_SHAPE), text.try_cast(field.type))
    if field.type not in _WHOLE:
        return text.try_cast(field.type)  # a decimal is rounded, half up, to its declared places
    exact = text.try_cast(_EXACT)
    value = exact.try_cast(field.type)
    return F.when(value.cast(_EXACT) == exact, value)


def _type_problem(text: Column, field: Field) -> Column:
    value = _cast(text, field)
    problem = F.when(text.isNotNull() & value.isNull(), F.lit(f"not_a_{_noun(field)}:{field.name}"))
    if field.type in {DATE, TIMESTAMP}:
        day = value.cast("date")
        outside = (day < F.lit(EARLIEST).cast("date")) | (day >= F.lit(LATEST).cast("date"))
        problem = problem.when(outside, F.lit(f"out_of_range:{field.name}"))
    if field.type == DOUBLE:
        problem = problem.when(F.isnan(value), F.lit(f"not_a_number:{field.name}"))
    return problem


def _noun(field: Field) -> str:
    names = {DATE: "date", TIMESTAMP: "timestamp", BOOLEAN: "boolean", STRING: "text"}
    return names.get(field.type, "whole_number" if field.type in _WHOLE else "number")


def _extra(source: Source) -> Column:
    declared = [field.name for field in source.fields]
    keys = F.map_keys(CELLS)
    has_others = F.size(F.array_except(keys, F.array(*(F.lit(name) for name in declared)))) > 0
    # Entries, not a map: the functions on maps refuse an object that repeats a key.
    undeclared = F.filter(F.map_entries(CELLS), lambda entry: ~entry["key"].isin(declared))
    ordered = F.array_sort(undeclared)

    def is_first_of_its_key(entry: Column, index: Column) -> Column:
        return ~entry["key"].eqNullSafe(F.get(ordered, index - 1)["key"])

    distinct = F.map_from_entries(F.filter(ordered, is_first_of_its_key))
    return F.when(has_others, F.to_json(distinct))


def _given(*reasons: Column) -> Column:
    """The reasons that are not null, each once.

    Not array_compact: it is a higher-order function, and below those nothing is compiled.
    """
    return F.array_except(F.array(*reasons), F.array(F.lit(None).cast(STRING)))


def _row_id(source: Source) -> Column:
    content = F.struct(*(F.col(field.name) for field in source.fields), F.col("_extra"))
    return F.md5(F.to_json(content, {"ignoreNullFields": "false"}))


def _is_missing(field: Field) -> Column:
    is_empty = _cell(field).isNull()
    return is_empty if field.required else is_empty & F.map_contains_key(CELLS, field.name)


def _reasons(source: Source, max_line_bytes: int) -> Column:
    missing = [
        F.when(_is_missing(field), F.lit(f"missing:{field.name}"))
        for field in source.fields
        if field.required or field.optional
    ]
    rules = [
        F.when(~F.coalesce(F.expr(rule.predicate), F.lit(True)), F.lit(rule.name))
        for rule in source.rules
    ]
    collected = F.concat(_given(*missing, *rules), F.col("_type_problems"))
    return (
        F.when(F.octet_length("raw") > max_line_bytes, F.array(F.lit("line_too_long")))
        .when(~F.is_valid_utf8("raw"), F.array(F.lit("invalid_utf8")))
        .when(F.col(CELLS).isNull(), F.array(F.lit("malformed_row")))
        .otherwise(collected)
    )


def day_in_path(column: str) -> Column:
    """The last day written in a path (`2026-01-05` or `20260105`); null when there is none."""
    shape = r"(?<![0-9])[0-9]{4}(-?)[0-9]{2}\1[0-9]{2}(?![0-9])"
    found = F.regexp_extract_all(F.col(column), F.lit(shape), F.lit(0))
    digits = F.transform(found, lambda text: F.replace(text, F.lit("-"), F.lit("")))
    days = F.transform(digits, lambda text: F.try_to_date(text, "yyyyMMdd"))
    return F.try_element_at(F.array_compact(days), F.lit(-1))
