"""Landing files read by the native reader, in Spark's tasks."""

from __future__ import annotations

import pickle
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from lakehouse import errors
from lakehouse.landing import reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.landing.reader import Part
    from lakehouse.spec import Source

_RAISED = re.compile(r"lakehouse\.errors\.(\w+): (.*)")


def landed(
    spark: SparkSession, parts: Sequence[Part], source: Source, max_record_bytes: int
) -> DataFrame:
    """The records of parts of landing files."""
    shares = reader.shared(parts)

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for share in batch["share"].to_pylist():
                yield from reader.read(
                    pickle.loads(share),  # noqa: S301  # made below
                    source,
                    max_record_bytes=max_record_bytes,
                )

    rows = [(number, pickle.dumps(share)) for number, share in enumerate(shares)]
    tasks = spark.createDataFrame(rows, "number int, share binary")
    # One task a share, whatever the number of cores says.
    spread = tasks.repartitionById(max(len(rows), 1), F.col("number"))
    return spread.mapInArrow(read, schema_of(source))


def rejudged(held: DataFrame, source: Source, max_record_bytes: int) -> DataFrame:
    """Rejected records, judged again."""

    def judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return reader.rejudge(batches, source, max_record_bytes=max_record_bytes)

    found = held.mapInArrow(judge, schema_of(source))
    # Places are told apart within a task only.
    return found.withColumn("_place", -1 - F.monotonically_increasing_id())


def schema_of(source: Source) -> str:
    """The columns of what is read, as Spark writes them."""
    return ", ".join(f"`{name}` {kind}" for name, kind in reader.types(source).items())


@contextmanager
def translated() -> Iterator[None]:
    """Errors that the reader raises in a task are raised here as what they are."""
    try:
        yield
    except PySparkException as error:
        found = _RAISED.search(str(error))
        kind = getattr(errors, found[1], None) if found else None
        if found is None or kind is None:
            raise
        raise kind(found[2]) from error
