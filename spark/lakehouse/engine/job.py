"""One run of one table: everything its stages share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from lakehouse.engines.spark import delta
from lakehouse.errors import UpstreamMissingError
from lakehouse.io import delta_log
from lakehouse.io.state import State, StateStore
from lakehouse.spec import Run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.catalog.registry import Entry
    from lakehouse.engines.spark.labels import TableEngine
    from lakehouse.io.delta_log import Span
    from lakehouse.settings import Settings
    from lakehouse.spec import Table


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        run_id: Identity of the invocation.
        started_at: When it started, UTC.
        as_of: As-of date; None = the default of each table.
        full_refresh: Recompute everything, whatever was consumed before.
        day: The day the run is for: new landing files dated later wait; None = all are due.
    """

    run_id: str
    started_at: datetime
    as_of: date | None = None
    full_refresh: bool = False
    day: date | None = None


@dataclass(frozen=True)
class Job:
    """A table, its place, its inputs' published states and the request.

    Attributes:
        entry: The table and its code.
        settings: Where the lake is.
        engine: Gives a session of this job's own, and labels what it does.
        request: What was asked for.
        states: Published states and candidates.
        clocks: Date columns whose newest value others need to know.
        files: Hash of the manifest of the landing files a bronze run consumes.
        token: Fencing token of the lock under which the job writes.
    """

    entry: Entry
    settings: Settings
    engine: TableEngine
    request: Request
    states: StateStore
    clocks: frozenset[str] = frozenset()
    files: str | None = None
    token: int = 0

    @property
    def spark(self) -> SparkSession:
        """The engine; starts when first needed: having nothing to do costs nothing."""
        return self.engine.spark

    @property
    def table(self) -> Table:
        """The contract."""
        return self.entry.table

    @property
    def uri(self) -> str:
        """Where the table is stored."""
        return self.settings.table_uri(self.table.name)

    @cached_property
    def published(self) -> State | None:
        """What readers see now; None before the first green run."""
        return self.states.published(self.table.name)

    @cached_property
    def inputs(self) -> dict[str, State]:
        """Published states of the input tables.

        Raises:
            UpstreamMissingError: One was never published.
        """
        found = {each.name: self.states.published(each.name) for each in self.table.upstream}
        missing = [name for name, state in found.items() if state is None]
        if missing:
            message = (
                f"{self.table.name} needs {', '.join(missing)}, never published; "
                f"run `lakehouse run +{self.table.name}`"
            )
            raise UpstreamMissingError(message, table=self.table.name, missing=missing)
        return {name: state for name, state in found.items() if state is not None}

    @cached_property
    def base(self) -> int | None:
        """Delta version this run builds on; None when the table does not exist yet."""
        return delta_log.latest_version(self.uri)

    def read_input(self, table: Table, span: Span | None = None) -> DataFrame:
        """An input table at its published version; with a span, at least all rows of its days."""
        uri = self.settings.table_uri(table.name)
        return delta.read(self.spark, uri, self.inputs[table.name].version, span)

    @cached_property
    def run(self) -> Run:
        """What the transform may know."""
        started = self.request.started_at
        return Run(self.request.run_id, self._as_of() or started.date(), started)

    @property
    def as_of_key(self) -> str | None:
        """The as-of date as part of what the result depends on; None when it does not."""
        return self.run.as_of.isoformat() if self.table.as_of else None

    def _as_of(self) -> date | None:
        if self.request.as_of or not self.table.as_of:
            return self.request.as_of
        clock = self.table.as_of
        newest = self.inputs[clock.table.name].newest.get(clock.column)
        return date.fromisoformat(newest) if newest else None
