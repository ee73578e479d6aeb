"""One run of one table: the facts that everything in it shares."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NoReturn

from lakehouse.catalog.policies import policies
from lakehouse.errors import SchemaMismatchError, UpstreamLaterError, UpstreamMissingError
from lakehouse.io import delta_log
from lakehouse.landing.feeds import FilesAndTopic, topic_of
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
    from lakehouse.spec.policies import Policies


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes:
        run_id: Identity of the invocation.
        started_at: When it started, UTC.
        as_of: As-of date; None = the default of each table.
        full_refresh: Recompute everything, whatever was consumed before.
        day: The day the run is for: new landing files dated later wait; None = all are due.
        migrate: Bring stored columns in line with declared ones; else a difference stops the run.
        replays: Judge rejected records of topics again, those of this reason; "" = of any.
        as_published: The as-of dates are those of what is published.
    """

    run_id: str
    started_at: datetime
    as_of: date | None = None
    full_refresh: bool = False
    day: date | None = None
    migrate: bool = False
    replays: str | None = None
    as_published: bool = False

    @property
    def today(self) -> date:
        """The day on which it was made, UTC."""
        return self.started_at.date()

    @property
    def due(self) -> date:
        """The day by which what happened is asked for: what the age of an input is counted from."""
        return self.as_of or self.today


def new_request(  # noqa: PLR0913  # what may be asked for
    *,
    as_of: date | None = None,
    full_refresh: bool = False,
    run_id: str | None = None,
    day: date | None = None,
    migrate: bool = False,
    replays: str | None = None,
) -> Request:
    """A request made now; run ids sort by time."""
    now = datetime.now(UTC)
    identity = run_id or f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    return Request(identity, now, as_of, full_refresh, day, migrate, replays)


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
        starts_empty: The version it builds on was emptied in this run, to be filled as at first.
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
    starts_empty: bool = False

    @property
    def fills(self) -> bool:
        """Whether the run writes all rows, into a table that has none."""
        return self.base is None or self.starts_empty

    @property
    def table(self) -> Table:
        """The contract."""
        return self.entry.table

    @property
    def code(self) -> str:
        """Fingerprint of the table's code and of the settings that its rows follow from."""
        chosen = [f"{name}={getattr(self.settings, name)}" for name in self.table.settings]
        told = [f"{kind.section}={self.policies.of(kind).digest}" for kind in self.table.policies]
        return " ".join([self.entry.code, *chosen, *told])

    @property
    def policies(self) -> Policies:
        """What the lake decides about the table's meaning."""
        return policies(self.table.policies, self.settings)

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
                f"{self.table.name} needs {', '.join(missing)}, which was never published; "
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
        as_of = self._published_day("as_of") or self.request.as_of or self._default_as_of()
        return Run(self.request.run_id, as_of, self.request.started_at, self.policies)

    @property
    def as_of_key(self) -> str | None:
        """The as-of date as part of what the result depends on; None when it does not."""
        return self.run.as_of.isoformat() if self.table.as_of else None

    @property
    def cut_at(self) -> date | None:
        """The last day of its inputs that counts; None where they tell of none.

        Rows of later days are left out.
        """
        if not self.table.cut:
            return None
        told = (self._newest(each, each.happened_on) for each in self.table.cut)
        asked = self._published_day("cut_at") or self.request.as_of
        return asked or max(filter(None, told), default=None)

    @property
    def cut_key(self) -> str | None:
        """That day as part of what the result depends on."""
        return self.cut_at.isoformat() if self.cut_at else None

    @property
    def told_until(self) -> str | None:
        """The newest day that counts in what it makes, by its own cut or that of its inputs."""
        days = (self.cut_key, *(_cut_at(each, self.states) for each in self.table.upstream))
        return max(filter(None, days), default=None)

    def _published_day(self, name: str) -> date | None:
        """A date of the published state, where the request is for that."""
        told = getattr(self.published, name, None) if self.request.as_published else None
        return date.fromisoformat(told) if told else None

    def _default_as_of(self) -> date:
        clock = self.table.as_of
        newest = self._newest(clock.table, clock.column) if clock else self.cut_at
        return newest or self.request.today

    def _newest(self, table: Table, clock: str) -> date | None:
        """The newest day that an input tells, up to the day of the run unless it tells plans."""
        if table.name in self.absent:
            return None
        until = date.max if table.tells_plans else self.request.today
        return self.inputs[table.name].newest_by(until, clock)

    def assert_not_later(self) -> None:
        """No input holds what happened after the as-of date that was asked for.

        Raises:
            UpstreamLaterError: One does; names the days.
        """
        asked = self.request.as_of
        if asked is None:
            return
        cut = {each.name: _cut_at(each, self.states) for each in self.table.upstream}
        later = {name: day for name, day in cut.items() if day and day > asked.isoformat()}
        if later:
            told = ", ".join(f"{name} holds rows up to {day}" for name, day in later.items())
            message = (
                f"cannot run {self.table.name} as of {asked}: {told}; "
                f"run `lakehouse run --as-of {asked} +{self.table.name}`"
            )
            raise UpstreamLaterError(message, table=self.table.name, later=later)


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
    published = states.published(table.name)
    return Job(
        entry=entry,
        settings=settings,
        engine=engine,
        request=request,
        states=states,
        source=source,
        feed=_feed(entry, settings, states, source),
        published=published,
        base=_newest(settings.table_uri(table.name), published),
        upstream={name: state for name, state in found.items() if state is not None},
        clocks=clocks,
        absent=absent,
        token=token,
    )


def _newest(uri: str, published: State | None) -> int | None:
    """Newest version; None also where a published table has lost its log, which a look tells."""
    try:
        return delta_log.latest_version(uri)
    except SchemaMismatchError:
        if published is None:
            raise
        return None


def _cut_at(table: Table, states: StateStore) -> str | None:
    """The newest day of what counts in a published table, directly or not, ISO."""
    state = states.published(table.name)
    own = state.cut_at if state else None
    days = (own, *(_cut_at(each, states) for each in table.upstream))
    return max(filter(None, days), default=None)


def _feed(
    entry: Entry, settings: Settings, states: StateStore, source: Source | None
) -> Feed | None:
    if source is None:
        return None
    landing = Files(
        settings.raw_uri,
        source,
        states,
        code=entry.code,
        max_record_bytes=settings.max_line_bytes,
    )
    if not source.topic:
        return landing
    return FilesAndTopic(landing, topic_of(source, settings))
