"""What can still be read of a damaged table, as a table of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from lakehouse.io import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def n_rows(uri: str, paths: Sequence[str]) -> int:
    """Rows of some Parquet files of a folder."""
    return sum(_opened(uri, path).metadata.num_rows for path in paths)


def salvage(uri: str, paths: Sequence[str], target: str) -> None:
    """Write the rows of some Parquet files of a folder as a new Delta table."""
    schema = pa.unify_schemas([_opened(uri, path).schema_arrow for path in paths])
    rows = pa.RecordBatchReader.from_batches(schema, _batches(uri, paths, schema))
    with files.storage_errors(target):
        write_deltalake(target, rows, storage_options=files.storage_options(target))


def _batches(uri: str, paths: Sequence[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for path in paths:
        for batch in _opened(uri, path).iter_batches():
            found = {
                field.name: batch[field.name]
                if field.name in batch.schema.names
                else pa.nulls(len(batch), field.type)
                for field in schema
            }
            yield pa.RecordBatch.from_pydict(found, schema)


def _opened(uri: str, path: str) -> pq.ParquetFile:
    filesystem, root = files.locate(uri)
    # Spark writes moments in a form that holds nanoseconds, which Delta does not know.
    stream = filesystem.open_input_file(f"{root}/{path}")
    return pq.ParquetFile(stream, coerce_int96_timestamp_unit="us")
