"""A lake and the engine that works on it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self, cast

from lakehouse.catalog.domains import absent, in_use
from lakehouse.catalog.sources import sources
from lakehouse.engine.job import NoEngine, open_job
from lakehouse.engine.schedule import run_in_order
from lakehouse.engines.choice import host_of, side_by_side
from lakehouse.errors import ConfigError
from lakehouse.io.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from pyspark.sql import SparkSession

    from lakehouse.catalog.registry import Registry
    from lakehouse.engine.job import Job, Request
    from lakehouse.engine.outcome import Outcome
    from lakehouse.engines.protocols import Engine, Host
    from lakehouse.settings import Settings
    from lakehouse.spec import Source


class Lake:
    """A lake and the engine that works on it; a context manager that stops what it started.

    Modules that load an engine are imported where one is needed: looking needs none.
    """

    def __init__(
        self, settings: Settings, registry: Registry, spark: SparkSession | None = None
    ) -> None:
        """Keep what to work on; without an engine of the caller's, one starts at its first use."""
        self.settings = settings
        self.registry = registry
        self.states = StateStore(settings)
        self._given = spark

    @cached_property
    def host(self) -> Host:
        """The engine, started at its first use."""
        return host_of(self.settings, self._given)

    @property
    def spark(self) -> SparkSession:
        """Spark's session, on that engine."""
        session: SparkSession = self.host.spark  # type: ignore[attr-defined]  # only Spark has one
        return session

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what was started."""
        if "host" in vars(self):
            self.host.close()

    def job(self, name: str, request: Request, *, token: int = 0) -> Job:
        """One run of a table, in a session of its own."""
        return replace(self.glance(name, request, token=token), engine=self.host.engine(name))

    def glance(self, name: str, request: Request, *, token: int = 0) -> Job:
        """A run of a table that is only looked at: it has no engine, so none has to start."""
        return open_job(
            self.registry[name],
            self.settings,
            cast("Engine", NoEngine()),
            request,
            self.states,
            source=self._source(name),
            clocks=frozenset(self.registry.clocks(name)),
            absent=frozenset(
                absent(self.registry, self.settings, self.registry.inputs(name), request.day)
            ),
            token=token,
        )

    def _source(self, name: str) -> Source | None:
        source = self.registry[name].table.source
        return sources(self.registry, self.settings)[source.name] if source else None

    def due(self, names: Sequence[str], day: date | None = None) -> list[str]:
        """The tables of a run, without those for which nothing ever arrived, or is due."""
        return in_use(self.registry, self.settings, names, day)

    def run(
        self,
        names: Sequence[str],
        request: Request,
        notify: Callable[[Outcome], None] = lambda _: None,
    ) -> list[Outcome]:
        """Run tables, upstream first, side by side where they are independent.

        Args:
            names: Tables, as `plan.select` returns them.
            request: What was asked for.
            notify: Called with every change of a table's outcome, from several threads.

        Returns:
            One outcome a table, in the order of `names`; none for tables that are not `due`.
        """
        from lakehouse.engine.record import Books  # noqa: PLC0415  # see the class
        from lakehouse.engine.run import run_table, unrecorded  # noqa: PLC0415  # see the class

        books = Books(self.settings)
        try:
            done = run_in_order(
                {name: self.registry.upstream(name) for name in self.due(names, request.day)},
                lambda name: run_table(self, name, request, notify=notify, books=books),
                workers=side_by_side(self.settings),
                notify=notify,
            )
        finally:
            failure = books.write()
        if failure is not None:
            done = {name: unrecorded(outcome, failure) for name, outcome in done.items()}
            for outcome in done.values():
                notify(outcome)
        return list(done.values())

    def run_stage(self, name: str, stage: str, request: Request) -> Outcome:
        """Run one stage of a table; never raises for what happens in it.

        Raises:
            ConfigError: There is no such stage.
        """
        from lakehouse.engine.run import STAGES, run_table  # noqa: PLC0415  # see the class

        if stage not in STAGES:
            raise ConfigError(f"unknown stage '{stage}'; use one of {', '.join(STAGES)}")
        return run_table(self, name, request, only=(stage,))
