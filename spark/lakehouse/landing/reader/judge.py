"""Texts of fields → typed values, the identity of each row, and the reasons to reject it.

One statement of SQL for each source, run by DuckDB over a batch of rows, whatever engine stores
them: both make the same of a file.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.io.sql import literal, quoted
from lakehouse.spec.columns import BOOLEAN, DATE, INT, LONG, STRING, TIMESTAMP

if TYPE_CHECKING:
    from lakehouse.spec import Field, Source

_of_thread = threading.local()
LATEST = "2200-01-01"
_WHOLE = frozenset({INT, LONG})
_EXACT = "DECIMAL(38,10)"
_PLAIN_DIGITS = r"[+-]?[0-9]{1,18}"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
_DAY = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_TIME = r"[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.,][0-9]*)?)?"
_OFFSET = "[+-][0-9]{1,2}(:?[0-9]{2}(:?[0-9]{2})?)?"
_REGION = "[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+"
# What may follow an offset only repeats it: Java's [Europe/Paris], Go's CEST.
_ZONE = rf"[Zz]|UTC|GMT|{_REGION}|(UTC|GMT)?{_OFFSET}( ?[A-Z]{{2,5}}|\[{_REGION}\])?"
_MOMENT = f"{_DAY}([Tt ]{_TIME}( ?({_ZONE}))?)?"


def _connection() -> duckdb.DuckDBPyConnection:
    """The connection of this thread to judge by: one core of the machine, in UTC.

    Not before something is judged: a process that forks while it has one dies in the child, and
    Spark's driver, which looks into files and judges none, forks to start Java.
    """
    if not hasattr(_of_thread, "connection"):
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("SET TimeZone = 'UTC'")
        # It takes 1.6 s of the 1.7 that planning 120 mapped fields took, and no list here is long.
        connection.execute("SET disabled_optimizers = 'in_clause'")
        _of_thread.connection = connection
    found: duckdb.DuckDBPyConnection = _of_thread.connection
    return found


def ask(rows: pa.Table, query: str) -> pa.Table:
    """A row for each of some rows, in their order.

    Args:
        rows: The rows, to the query a relation `given` with a number `_n` of each.
        query: Returns a row for each, with its `_n`.
    """
    connection = _connection()
    numbered = rows.combine_chunks().append_column("_n", pa.array(np.arange(len(rows))))
    connection.register("given", numbered)
    found: pa.Table = connection.sql(query).to_arrow_table()
    connection.unregister("given")
    order = found["_n"].to_numpy()
    if not np.array_equal(order, np.arange(len(rows))):  # a scan may take chunks as it likes
        found = found.take(np.argsort(order))
    return found.drop_columns(["_n"])


def text(field: Field) -> str:
    """Column of a field's text."""
    return f"text_{field.name}"


def given(field: Field) -> str:
    """Column that says whether an optional field is there, with or without a value."""
    return f"given_{field.name}"


def cleaned(texts: pa.Table, source: Source) -> pa.Table:
    """Texts of fields without the blanks around them; what stands for no value is null."""
    nothing = pa.array(["", *source.missing])
    for field in source.fields:
        name = text(field)
        trimmed = pc.ascii_trim_whitespace(texts[name])
        kept = pc.if_else(pc.is_in(trimmed, value_set=nothing), None, trimmed)
        texts = texts.set_column(texts.schema.get_field_index(name), name, kept)
    return texts


@lru_cache
def statement(source: Source) -> str:
    """The statement that judges rows; see `ask`.

    Of a row it wants the `cleaned` `text` of each field, `given` of each optional one, `_problem`
    (why it is no row at all, else null) and `_file_date`. It returns the declared fields,
    `_row_id`, `_short_id`, `_reasons`, and `_file_date` of rows that do not say since when.
    """
    fields = source.fields
    values = ", ".join(f"{_value(field)} AS {quoted('value_' + field.name)}" for field in fields)
    final = ", ".join(f"{_defaulted(field)} AS {quoted(field.name)}" for field in fields)
    names = ", ".join(quoted(field.name) for field in fields)
    undated = "_file_date"
    if source.dated_by:
        undated = f"CASE WHEN {quoted('value_' + source.dated_by)} IS NULL THEN _file_date END"
    return f"""
        WITH valued AS (SELECT *, {values} FROM given),
        typed AS (SELECT * REPLACE ({undated} AS _file_date), {final} FROM valued),
        identified AS (SELECT *, {_row_id(source)} AS _row_id FROM typed)
        SELECT _n, {names}, _row_id, CAST('0x' || left(_row_id, 15) AS BIGINT) AS _short_id,
            _file_date, {_reasons(source)} AS _reasons
        FROM identified
    """


def _value(field: Field) -> str:
    told = quoted(text(field))
    if field.type == STRING:
        return told
    if field.type == BOOLEAN:
        return f"TRY_CAST({told} AS BOOLEAN)"
    if field.type in {DATE, TIMESTAMP}:
        return _moment(field, told)
    is_number = f"regexp_full_match({told}, '{_NUMBER}')"
    if field.type not in _WHOLE:  # a decimal is rounded, half up, to its declared places
        return f"CASE WHEN {is_number} THEN TRY_CAST({told} AS {_duckdb(field.type)}) END"
    exact, whole = f"TRY_CAST({told} AS {_EXACT})", f"TRY_CAST({told} AS {_duckdb(field.type)})"
    rounded = f"TRY_CAST(round({exact}) AS {_duckdb(field.type)})"
    is_whole = "" if field.rounded else f" AND {exact} = trunc({exact})"
    return (
        f"CASE WHEN regexp_full_match({told}, '{_PLAIN_DIGITS}') THEN {whole} "
        f"WHEN {is_number}{is_whole} THEN {rounded} END"
    )


def _duckdb(name: str) -> str:
    return {STRING: "VARCHAR", INT: "INTEGER", LONG: "BIGINT"}.get(name, name.upper())


def _moment(field: Field, told: str) -> str:
    """A day or a moment; the day of a moment is its day in UTC, whatever its offset."""
    branches = []
    if field.type == DATE:
        branches.append(f"WHEN regexp_full_match({told}, '{_DAY}') THEN TRY_CAST({told} AS DATE)")
    # DuckDB wants an offset of two digits, without a blank or a name before it, and a dot in the
    # seconds. Most texts have none of that: they are not searched.
    near = f"replace(replace(replace({told}, ' +', '+'), ' -', '-'), ',', '.')"
    rare = f"regexp_replace({near}, ' ?(UTC|GMT)?({_OFFSET})( ?[A-Z]{{2,5}}|\\[.*\\])?$', '\\2')"
    rare = f"regexp_replace({rare}, '([+-])([0-9])$', '\\1' || '0' || '\\2')"
    rare = f"regexp_replace(regexp_replace({rare}, 'z$', 'Z'), '([0-9])t([0-9])', '\\1 \\2')"
    is_plain = f"NOT regexp_matches(rtrim({told}, 'Z'), '[A-Za-z]{{2}}|[tz]|[+-][0-9]$')"
    tidy = f"CASE WHEN {is_plain} THEN {near} ELSE {rare} END"
    moment = f"TRY_CAST({tidy} AS TIMESTAMPTZ)"
    branches.append(f"WHEN regexp_full_match({told}, '{_MOMENT}') THEN {moment}")
    # MongoDB's exports wrap a moment.
    wrapped = f"""replace({told}, ' ', '')"""
    inner = f"""json_extract_string({told}, '$."$date"')"""
    branches.append(
        f"""WHEN starts_with({wrapped}, '{{"$date":"') THEN TRY_CAST({inner} AS TIMESTAMPTZ)"""
    )
    if field.epoch:
        scale = {"s": 1_000_000, "ms": 1_000, "us": 1}[field.epoch]
        micros = f"TRY_CAST(round(TRY_CAST({told} AS {_EXACT}) * {scale}) AS BIGINT)"
        branches.append(
            f"WHEN regexp_full_match({told}, '{_NUMBER}') "
            f"THEN CASE WHEN {micros} BETWEEN 0 AND 7258118400000000 "
            f"THEN make_timestamptz({micros}) END"
        )
    found = f"CASE {' '.join(branches)} END"
    return f"CAST({found} AS DATE)" if field.type == DATE else found


def _defaulted(field: Field) -> str:
    value = quoted(f"value_{field.name}")
    if field.default is None:
        return value
    return f"coalesce({value}, CAST({field.default} AS {_duckdb(field.type)}))"


def _row_id(source: Source) -> str:
    """Identity of a row: MD5 over its declared fields that have a value, by name.

    Lengths stand before the values, so that no value can look like two. What nobody declared is
    left out: a record that was sent twice, at another time, is one.
    """
    fields = sorted(source.fields, key=lambda field: field.name)
    parts = [_identified(field.name, quoted(field.name), field.type) for field in fields]
    if source.dated_by:
        parts.append(_identified("_file_date", "_file_date", DATE))
    return f"md5(concat({', '.join(parts)}))"


def _identified(name: str, column: str, kind: str) -> str:
    forms = {
        STRING: column,
        TIMESTAMP: f"epoch_us({column})::VARCHAR",
        DATE: f"epoch_us({column}::TIMESTAMP)::VARCHAR",
    }
    form = forms.get(kind, f"{column}::VARCHAR")
    return f"'{name}:' || strlen({form}) || ':' || {form}"


def _reasons(source: Source) -> str:
    problems = [
        f"CASE WHEN {_is_missing(field)} THEN 'missing:{field.name}' END"
        for field in source.fields
        if field.required or field.optional
    ]
    problems += [
        f"CASE WHEN NOT coalesce(({rule.predicate}), true) THEN {literal(rule.name)} END"
        for rule in source.rules
    ]
    problems += [_type_problem(field, source) for field in source.fields if field.type != STRING]
    found = ", ".join(problems) or "NULL"
    return (
        "CASE WHEN _problem IS NOT NULL THEN [_problem] "
        f"WHEN coalesce({found}, NULL) IS NULL THEN CAST([] AS VARCHAR[]) "
        f"ELSE list_filter([{found}], lambda reason: reason IS NOT NULL) END"
    )


def _is_missing(field: Field) -> str:
    is_empty = f"{quoted(text(field))} IS NULL"
    return is_empty if field.required else f"{quoted(given(field))} AND {is_empty}"


def _type_problem(field: Field, source: Source) -> str:
    told, value = quoted(text(field)), quoted(f"value_{field.name}")
    branches = (
        f"WHEN {told} IS NOT NULL AND {value} IS NULL THEN 'not_a_{_noun(field)}:{field.name}'"
    )
    if field.type in {DATE, TIMESTAMP}:
        kind = "DATE" if field.type == DATE else "TIMESTAMPTZ"
        branches += (
            f" WHEN {value} < {kind} '{source.since}' OR {value} >= {kind} '{LATEST}' "
            f"THEN 'out_of_range:{field.name}'"
        )
    return f"CASE {branches} END"


def _noun(field: Field) -> str:
    names = {DATE: "date", TIMESTAMP: "timestamp", BOOLEAN: "boolean"}
    return names.get(field.type, "whole_number" if field.type in _WHOLE else "number")


def keys_of(objects: pa.ChunkedArray) -> list[str]:
    """The names that some JSON objects have, each once."""
    connection = _connection()
    connection.register("objects", pa.table({"object": objects}))
    query = "SELECT DISTINCT unnest(json_keys(object)) FROM objects WHERE object IS NOT NULL"
    found = sorted(key for (key,) in connection.execute(query).fetchall())
    connection.unregister("objects")
    return found
