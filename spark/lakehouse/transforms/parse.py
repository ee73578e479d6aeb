"""Landed text → typed rows with the reasons to reject them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Field, Source

REASONS = "_reasons"
IS_ROW = "_is_row"
_CELLS = "_cells"
EARLIEST, LATEST = "1970-01-01", "2200-01-01"
_DATE_SHAPE = r"^\d{4}-\d{1,2}-\d{1,2}"
_EXACT = "decimal(38,10)"
_WHOLE = frozenset({INT, LONG})


def take_apart(lines: DataFrame, layout: str, header: str | None, source: Source) -> DataFrame:
    """Add the text of every field (trimmed; null when it is empty or not there), and `_extra`.

    `_is_row` is false where the line is not a row of its format. An empty text is a missing value
    in every format.
    """
    if layout == "csv":
        cells: _CsvCells | _JsonCells = _CsvCells(header_names(header or ""))
    else:
        cells = _JsonCells()
    declared = [field.name for field in source.fields]
    apart = lines.withColumn(_CELLS, cells.parsed())
    told = apart.select("*", *(_trimmed(cells.text(name)).alias(_told(name)) for name in declared))
    empty = {
        _empty(field.name): cells.has(field.name) & F.col(_told(field.name)).isNull()
        for field in source.fields
        if field.optional
    }
    is_row = F.col(_CELLS).isNotNull()
    added = {IS_ROW: is_row, "_extra": F.when(is_row, cells.others(declared)), **empty}
    return told.withColumns(added).drop(_CELLS)


class _CsvCells:
    """Cells of a CSV line: their names are known before a line is read."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def parsed(self) -> Column:
        schema = ", ".join(f"`c{i}` string" for i in range(len(self._names)))
        options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": "_corrupt", "escape": '"'}
        row = F.from_csv(F.col("raw"), f"{schema}, `_corrupt` string", options)
        return F.when(row["_corrupt"].isNull(), row)

    def text(self, name: str) -> Column:
        if name not in self._names:
            return F.lit(None).cast(STRING)
        return F.col(_CELLS)[f"c{self._names.index(name)}"]

    def has(self, name: str) -> Column:
        return F.lit(name in self._names)

    def others(self, declared: Sequence[str]) -> Column:
        names = sorted(set(self._names) - set(declared))
        if not names:
            return F.lit(None).cast(STRING)
        keys = F.array(*map(F.lit, names))
        return F.to_json(F.map_from_arrays(keys, F.array(*map(self.text, names))))


class _JsonCells:
    """Values of a JSON object: each line names its own."""

    def parsed(self) -> Column:
        # Inside an array, text after the object is an error instead of being ignored.
        wrapped = F.concat(F.lit("["), F.col("raw"), F.lit("]"))
        objects = F.from_json(wrapped, "array<map<string,string>>")
        keys = F.map_keys(objects[0])
        # A key that stands twice has two values: nobody can say which one was meant.
        is_plain = (F.size(objects) == 1) & (F.size(F.array_distinct(keys)) == F.size(keys))
        return F.when(is_plain, objects[0])

    def text(self, name: str) -> Column:
        return F.try_element_at(F.col(_CELLS), F.lit(name))

    def has(self, name: str) -> Column:
        return F.coalesce(F.map_contains_key(_CELLS, name), F.lit(False))

    def others(self, declared: Sequence[str]) -> Column:
        names = F.array(*map(F.lit, declared))
        has_others = F.size(F.array_except(F.map_keys(_CELLS), names)) > 0
        # Entries, not a map: the functions on maps refuse an object that repeats a key.
        entries = F.filter(F.map_entries(_CELLS), lambda entry: ~entry["key"].isin(*declared))
        ordered = F.array_sort(entries)

        def is_first_of_its_key(entry: Column, index: Column) -> Column:
            return ~entry["key"].eqNullSafe(F.get(ordered, index - 1)["key"])

        distinct = F.map_from_entries(F.filter(ordered, is_first_of_its_key))
        return F.when(has_others, F.to_json(distinct))


def _trimmed(text: Column) -> Column:
    return F.nullif(F.trim(text), F.lit(""))


def _told(name: str) -> str:
    """Column of a field's text."""
    return f"_told_{name}"


def _empty(name: str) -> str:
    """Column that says whether an optional field is there without a value."""
    return f"_empty_{name}"


def header_names(header: str) -> list[str]:
    """Column names of a CSV header line."""
    return [name.strip().strip('"') for name in header.split(",")]


def typed(lines: DataFrame, source: Source, *, max_line_bytes: int) -> DataFrame:
    """Parse every declared field and collect why a row cannot be trusted.

    Args:
        lines: What `take_apart` returns.
        source: The declared fields and row rules.
        max_line_bytes: Longer lines are rejected.

    Returns:
        The lines with the fields as columns, `_extra`, `_row_id`, and `_reasons` (empty = good).
    """
    # One step after the other: what several expressions need is computed once, and kept.
    values = (_cast(F.col(_told(field.name)), field).alias(field.name) for field in source.fields)
    valued = lines.select("*", *values)
    checked = valued.select("*", _given(*map(_type_problem, source.fields)).alias("_type_problems"))
    defaulted = checked.withColumns(
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
    ).drop("_type_problems", IS_ROW, *_helpers(source))


def _helpers(source: Source) -> list[str]:
    names = [field.name for field in source.fields]
    return [make(name) for name in names for make in (_told, _empty)]


def _cast(text: Column, field: Field) -> Column:
    if field.type == STRING:
        return text
    if field.type in {DATE, TIMESTAMP}:
        return F.when(text.rlike(_DATE_SHAPE), text.try_cast(field.type))
    if field.type not in _WHOLE:
        return text.try_cast(field.type)  # a decimal is rounded, half up, to its declared places
    exact = text.try_cast(_EXACT)
    value = exact.try_cast(field.type)
    # Most are plain digits; `12.0` and `1e3` are whole numbers, too.
    return F.coalesce(text.try_cast(field.type), F.when(value.cast(_EXACT) == exact, value))


def _type_problem(field: Field) -> Column:
    text, value = F.col(_told(field.name)), F.col(field.name)
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


def _given(*reasons: Column) -> Column:
    """The reasons that are not null, each once.

    Not array_compact: it is a higher-order function, and below those nothing is compiled. Of most
    rows there is none, which is found without making a list.
    """
    nothing = F.lit(None).cast(STRING)
    collected = F.array_except(F.array(*reasons), F.array(nothing))
    is_none = F.coalesce(*reasons, nothing).isNull()
    return F.when(is_none, F.array().cast("array<string>")).otherwise(collected)


def _row_id(source: Source) -> Column:
    content = F.struct(*(F.col(field.name) for field in source.fields), F.col("_extra"))
    return F.md5(F.to_json(content, {"ignoreNullFields": "false"}))


def _is_missing(field: Field) -> Column:
    return F.col(_told(field.name)).isNull() if field.required else F.col(_empty(field.name))


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
        .when(~F.col(IS_ROW), F.array(F.lit("malformed_row")))
        .otherwise(collected)
    )


def day_in_path(column: str) -> Column:
    """The last day written in a path (`2026-01-05` or `20260105`); null when there is none."""
    shape = r"(?<![0-9])[0-9]{4}(-?)[0-9]{2}\1[0-9]{2}(?![0-9])"
    found = F.regexp_extract_all(F.col(column), F.lit(shape), F.lit(0))
    digits = F.transform(found, lambda text: F.replace(text, F.lit("-"), F.lit("")))
    days = F.transform(digits, lambda text: F.try_to_date(text, "yyyyMMdd"))
    return F.try_element_at(F.array_compact(days), F.lit(-1))
