"""Counting rows on their way, without a pass of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Observation

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


class SparkObservedCounts:
    """Aggregates over the rows of a frame, taken while an action runs over `rows`.

    The optimiser may cut the observed branch out of a plan, for instance beside an empty side of a
    join; the numbers then come from a query of their own: they are always there and always right.
    """

    def __init__(self, rows: DataFrame, /, **aggregates: Column) -> None:
        """Observe `aggregates` over `rows`; use `self.rows` from here on."""
        self._source = rows
        self._aggregates = [column.alias(name) for name, column in aggregates.items()]
        self._names = list(aggregates)
        self._observation = Observation()
        self.rows = rows.observe(self._observation, *self._aggregates)

    def values(self) -> dict[str, Any]:
        """The aggregates; call it after the action."""
        try:
            found = self._observation.get
        except (Py4JError, PySparkException):
            found = {}
        if not any(found.get(name) is not None for name in self._names):
            row = self._source.agg(*self._aggregates).first()
            found = row.asDict() if row else {}
        return {name: found.get(name) for name in self._names}

    def counts(self) -> dict[str, int]:
        """The aggregates as whole numbers."""
        return {name: int(value or 0) for name, value in self.values().items()}
