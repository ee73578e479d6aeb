"""Rows as JSON, CSV or Arrow, as a client accepts them, and the models of their JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import BaseModel, Field, create_model
from pydantic_core import to_json

from lakehouse.api.listing import python_type
from lakehouse.api.problems import ProblemError
from lakehouse.io.arrow import arrow_type

if TYPE_CHECKING:
    from lakehouse.spec import Column

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"


class About(BaseModel):
    """What every answer tells beside its rows."""

    data_version: dict[str, int] = Field(
        description="Delta version of each table that the answer is made of."
    )
    data_as_of: date | None = Field(
        description="Newest day that counts in it, the earliest of its tables'; null = none."
    )
    restated_at: datetime | None = Field(
        description="When a figure of it that had been final last changed, UTC; null = never."
    )
    is_complete: bool | None = Field(
        description="Whether no row of the answer can still change as days end and late events "
        "arrive; null where the tables do not mark that."
    )
    next_cursor: str | None = Field(description="Parameter `cursor` of the next page; null = last.")


def negotiated(accept: str) -> str:
    """The best of our formats for an Accept header.

    Raises:
        ProblemError: None of them is accepted.
    """
    if not accept or accept == "*/*":
        return JSON
    best, quality = "", 0.0
    ranges = [_range(part) for part in accept.split(",")]
    for media in (JSON, CSV, ARROW):
        fitting = [(len(kind), q) for kind, q in ranges if _fits(kind, media)]
        found = max(fitting, default=(0, 0.0))[1]  # the most exact range counts
        if found > quality:
            best, quality = media, found
    if not best:
        detail = f"answers are {JSON}, {CSV} or {ARROW}; Accept asks for none of them"
        raise ProblemError(HTTPStatus.NOT_ACCEPTABLE, "not-acceptable", detail)
    return best


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip().lower() for each in part.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, float(quality)
    except ValueError:
        return kind, 0.0


def _fits(kind: str, media: str) -> bool:
    return kind in {media, "*/*", f"{media.partition('/')[0]}/*"}


Values = Sequence[tuple[Any, ...]]


def body(
    media: str,
    columns: Sequence[Column],
    rows: Values,
    about: About,
    more: Mapping[str, object] | None = None,
) -> bytes:
    """Rows in a format, and beside them what is told about them; in CSV only headers tell that."""
    return _WRITERS[media](columns, rows, about.model_dump() | dict(more or {}))


def headers(about: About) -> dict[str, str]:
    """What is told about an answer, for those who do not look into its body."""
    found = {
        "Data-Version": ", ".join(f"{name}={v}" for name, v in about.data_version.items()),
        "Data-As-Of": about.data_as_of.isoformat() if about.data_as_of else "",
        "Restated-At": about.restated_at.isoformat() if about.restated_at else "",
        "Is-Complete": "" if about.is_complete is None else str(about.is_complete).lower(),
        "Next-Cursor": about.next_cursor or "",
    }
    return {name: value for name, value in found.items() if value}


def _json(columns: Sequence[Column], rows: Values, about: dict[str, Any]) -> bytes:
    names = [column.name for column in columns]
    data = [dict(zip(names, row, strict=True)) for row in rows]
    return to_json({"data": data, **about}, inf_nan_mode="null")


def _csv(columns: Sequence[Column], rows: Values, _: dict[str, Any]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(column.name for column in columns)
    writer.writerows(map(_plain, row) for row in rows)
    return text.getvalue().encode()


def _plain(value: Any) -> Any:  # noqa: ANN401  # of any column
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value


def _arrow(columns: Sequence[Column], rows: Values, about: dict[str, Any]) -> bytes:
    schema = pa.schema(
        [pa.field(c.name, arrow_type(c.type), metadata={"doc": c.doc}) for c in columns],
        metadata={"about": to_json(about)},
    )
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [pa.array(of, type=each.type) for of, each in zip(values, schema, strict=True)]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return bytes(sink.getvalue())


_WRITERS: dict[str, Callable[[Sequence[Column], Values, dict[str, Any]], bytes]] = {
    JSON: _json,
    CSV: _csv,
    ARROW: _arrow,
}


def model(name: str, columns: Sequence[Column]) -> type[About]:
    """The model of an endpoint's JSON, from the columns' declarations."""
    fields: dict[str, Any] = {}
    for column in columns:
        kind: Any = python_type(column.type)
        kind = str if kind is Decimal else kind  # exact: as text
        told = Field(description=column.doc)
        fields[column.name] = (kind | None if column.nullable else kind, told)
    row = create_model(f"{name}Row", **fields)
    listed: Any = list[row]
    return create_model(name, __base__=About, data=(listed, Field(description="The rows.")))
