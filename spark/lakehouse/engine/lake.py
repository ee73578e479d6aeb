"""A lake and the engine that works on it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

from lakehouse.catalog.domains import in_use
from lakehouse.engine.job import open_job
from lakehouse.engine.schedule import run_in_order
from lakehouse.engines.choice import host_of
from lakehouse.errors import ConfigError
from lakehouse.io.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import SparkSession

    from lakehouse.catalog.registry import Registry
    from lakehouse.engine.job import Job, Request
    from lakehouse.engine.outcome import Outcome
    from lakehouse.engines.protocols import Engine, Host
    from lakehouse.settings import Settings


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
        return host_of(self.settings, self._given, _warm_up_gates)

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

    def job(
        self, name: str, request: Request, *, token: int = 0, engine: Engine | None = None
    ) -> Job:
        """One run of a table, in a session of its own unless there is an engine already."""
        return open_job(
            self.registry[name],
            self.settings,
            self.host.engine(name) if engine is None else engine,
            request,
            self.states,
            clocks=frozenset(self.registry.clocks(name)),
            token=token,
        )

    def due(self, names: Sequence[str]) -> list[str]:
        """The tables of a run, without those of domains for which nothing ever arrived."""
        return in_use(self.registry, self.settings, names)

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
        done = run_in_order(
            {name: self.registry.upstream(name) for name in self.due(names)},
            lambda name: self.run_table(name, request, notify),
            workers=self.host.side_by_side,
            notify=notify,
        )
        return list(done.values())

    def run_table(
        self, name: str, request: Request, notify: Callable[[Outcome], None] = lambda _: None
    ) -> Outcome:
        """Run the three stages of one table; never raises."""
        from lakehouse.engine.run import run_table  # noqa: PLC0415  # see the class

        return run_table(self, name, request, notify=notify)

    def run_stage(self, name: str, stage: str, request: Request) -> Outcome:
        """Run one stage of a table; never raises for what happens in it.

        Raises:
            ConfigError: There is no such stage.
        """
        from lakehouse.engine.run import STAGES, run_table  # noqa: PLC0415  # see the class

        if stage not in STAGES:
            raise ConfigError(f"unknown stage '{stage}': one of {', '.join(STAGES)}")
        return run_table(self, name, request, only=(stage,))


def _warm_up_gates() -> None:
    """Import what judges the gates: it takes seconds, in which the engine starts."""
    from lakehouse.quality.expectations import warm_up  # noqa: PLC0415  # see the class

    warm_up()
