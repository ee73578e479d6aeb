"""Parquet files as rows of texts: each row is read as the JSON object that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.errors import InputQualityError
from lakehouse.io import files
from lakehouse.io.sql import quoted
from lakehouse.landing.reader.json_format import Objects
from lakehouse.landing.reader.judge import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.landing.reader.taken import Taken
    from lakehouse.spec import Source

_ROWS = 1 << 16


def rows_of(uri: str, path: str) -> int:
    """How many rows a file has.

    Raises:
        InputQualityError: It is none.
    """
    filesystem, inner = files.locate(uri)
    try:
        with filesystem.open_input_file(inner) as stream:
            return int(pq.ParquetFile(stream).metadata.num_rows)
    except pa.ArrowInvalid as error:
        message = f"landing file {path} is not a complete Parquet file ({error}); deliver it again"
        raise InputQualityError(message, path=path) from error


def batches(uri: str, source: Source) -> Iterator[Taken]:
    """The rows of a file; numbered from 1 where another file has lines."""
    objects = Objects(source, longest=1 << 60)
    filesystem, inner = files.locate(uri)
    number = 0
    with filesystem.open_input_file(inner) as stream:
        for batch in pq.ParquetFile(stream).iter_batches(_ROWS):
            rows = pa.Table.from_batches([batch])
            fields = ", ".join(f"{quoted(each.name)} := {_as_json(each)}" for each in rows.schema)
            query = f"SELECT _n, to_json(struct_pack({fields}))::VARCHAR AS row FROM given"
            found = ask(rows, query)["row"]
            raws = [text.encode() for text in found.to_pylist()]
            ends = np.cumsum([len(raw) for raw in raws])
            starts = ends - np.array([len(raw) for raw in raws])
            taken = objects.taken(b"".join(raws), starts, ends, int(ends[-1]) if raws else 0)
            taken.elements = number + 1 + np.searchsorted(starts, taken.starts, side="right") - 1
            taken.unfolded |= {
                row: taken.raw(row) for row in range(len(taken.starts)) if row not in taken.unfolded
            }
            taken.starts = taken.elements - 1
            number += len(raws)
            yield taken


def _as_json(column: pa.Field) -> str:
    """A column as JSON can hold it: it has no decimals, as texts they stay exact."""
    is_text = pa.types.is_decimal(column.type) or pa.types.is_binary(column.type)
    return f"{quoted(column.name)}::VARCHAR" if is_text else quoted(column.name)
