"""One run of one table: the facts that everything in it shares."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NoReturn

from lakehouse.errors import UpstreamMissingError
from lakehouse.io import delta_log
from lakehouse.landing.files import Files
from lakehouse.spec import Run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.catalog.registry import Entry
    from lakehouse.engines.protocols import Engine
    from lakehouse.io.delta_log import Span
    from lakehouse.io.state import State, StateStore
    from lakehouse.landing.feed import Feed
    from lakehouse.settings import Settings
    from lakehouse.spec import Source, Table


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


def new_request(
    *,
    as_of: date | None = None,
    full_refresh: bool = False,
    run_id: str | None = None,
    day: date | None = None,
) -> Request:
    """A request made now; run ids sort by time."""
    now = datetime.now(UTC)
    identity = run_id or f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    return Request(identity, now, as_of, full_refresh, day)


@dataclass(frozen=True)
class Job:
    """A table, its place, what is published of it and of its inputs, and the request.

    Facts as they were when the job was opened; after a write, `reread` gives those of now.

    Attributes:
        entry: The table and its code.
        settings: Where the lake is.
        engine: Computes and stores; starts when first needed: having nothing to do costs nothing.
        request: What was asked for.
        states: Published states and candidates.
        source: What lands for a bronze table, with the mappings of the lake; None for the others.
        feed: Where its rows come from.
        published: What readers see now; None before the first green run.
        base: Delta version this run builds on; None when the table does not exist yet.
        upstream: Published states of the input tables, as far as there are.
        clocks: Date columns whose newest value others need to know.
        absent: Input tables of optional sources that never arrived: they have no rows.
        token: Fencing token of the lock under which the job writes.
    """

    entry: Entry
    settings: Settings
    engine: Engine
    request: Request
    states: StateStore
    source: Source | None
    feed: Feed | None
    published: State | None
    base: int | None
    upstream: dict[str, State]
    clocks: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    token: int = 0

    @property
    def table(self) -> Table:
        """The contract."""
        return self.entry.table

    @property
    def uri(self) -> str:
        """Where the table is stored."""
        return self.settings.table_uri(self.table.name)

    @property
    def inputs(self) -> dict[str, State]:
        """Published states of the input tables; none of those that are absent.

        Raises:
            UpstreamMissingError: One was never published.
        """
        known = self.upstream.keys() | self.absent
        missing = [each.name for each in self.table.upstream if each.name not in known]
        if missing:
            message = (
                f"{self.table.name} needs {', '.join(missing)}, never published; "
                f"run `lakehouse run +{self.table.name}`"
            )
            raise UpstreamMissingError(message, table=self.table.name, missing=missing)
        return self.upstream

    def reread(self) -> Job:
        """The same job with what is published, and the newest version, as they are now."""
        return replace(
            self,
            published=self.states.published(self.table.name),
            base=delta_log.latest_version(self.uri),
        )

    def read_input(self, table: Table, span: Span | None = None) -> DataFrame:
        """An input table at its published version; with a span, at least all rows of its days."""
        if table.name not in self.inputs:
            return self.engine.none_of(table)
        uri = self.settings.table_uri(table.name)
        return self.engine.store.read(uri, self.inputs[table.name].version, span)

    @property
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


class NoEngine:
    """Stands in for the engine of a job that is only looked at."""

    def __getattr__(self, name: str) -> NoReturn:
        """Looking asks an engine for nothing; whoever does has found a bug."""
        raise AttributeError(f"a look needs no engine, and asked it for {name}")


def open_job(  # noqa: PLR0913  # the facts of a job
    entry: Entry,
    settings: Settings,
    engine: Engine,
    request: Request,
    states: StateStore,
    *,
    source: Source | None,
    clocks: frozenset[str] = frozenset(),
    absent: frozenset[str] = frozenset(),
    token: int = 0,
) -> Job:
    """Collect the facts of a run of a table, as they are now."""
    table = entry.table
    found = {each.name: states.published(each.name) for each in table.upstream}
    return Job(
        entry=entry,
        settings=settings,
        engine=engine,
        request=request,
        states=states,
        source=source,
        feed=_feed(entry, settings, states, source),
        published=states.published(table.name),
        base=delta_log.latest_version(settings.table_uri(table.name)),
        upstream={name: state for name, state in found.items() if state is not None},
        clocks=clocks,
        absent=absent,
        token=token,
    )


def _feed(
    entry: Entry, settings: Settings, states: StateStore, source: Source | None
) -> Feed | None:
    if source is None:
        return None
    return Files(
        settings.raw_uri,
        source,
        states,
        code=entry.code,
        max_record_bytes=settings.max_line_bytes,
    )
