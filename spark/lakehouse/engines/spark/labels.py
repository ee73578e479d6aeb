"""What a Spark job is about, written on the job: the table and what is being done to it.

Spark shows it on its web page and keeps it in the event log, where `lakehouse report` finds it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lakehouse.engines.spark.session import relabel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession


class TableEngine:
    """The engine as one run of a table uses it: a session of its own, whose jobs say what they do.

    The session starts when first asked for; what was being done by then is put on it. Labels belong
    to a thread, in the engine as well: a run of a table keeps to one.
    """

    def __init__(self, table: str, start: Callable[[], SparkSession]) -> None:
        """Nothing is started yet."""
        self._table = table
        self._start = start
        self._spark: SparkSession | None = None
        self._label: str | None = None

    @property
    def spark(self) -> SparkSession:
        """The session, started when first needed."""
        if self._spark is None:
            self._spark = self._start()
            relabel(self._spark, None, self._label)
        return self._spark

    @contextmanager
    def doing(self, verb: str) -> Iterator[None]:
        """Jobs that this thread starts meanwhile carry the table and the verb."""
        outer = self._label
        self._put(f"{self._table}: {verb}")
        try:
            yield
        finally:
            self._put(outer)

    def _put(self, label: str | None) -> None:
        if self._spark is not None:
            relabel(self._spark, self._label, label)
        self._label = label
