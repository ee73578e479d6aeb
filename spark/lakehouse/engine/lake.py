"""A lake and the engine that works on it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from lakehouse.catalog.domains import in_use
from lakehouse.engine.job import open_job
from lakehouse.engine.schedule import run_in_order
from lakehouse.errors import ConfigError
from lakehouse.io.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import SparkSession

    from lakehouse.catalog.registry import Registry
    from lakehouse.engine.job import Job, Request
    from lakehouse.engine.outcome import Outcome
    from lakehouse.engines.protocols import Engine
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
        self._spark = spark
        self._owns_engine = spark is None
        self._attached: list[SparkSession] = []
        self._starting = threading.Lock()

    @property
    def spark(self) -> SparkSession:
        """The engine, started when first needed."""
        from lakehouse.engines.spark.session import start_session  # noqa: PLC0415  # see the class
        from lakehouse.quality.expectations import warm_up  # noqa: PLC0415  # same

        with self._starting:
            if self._spark is None:
                if not self.settings.spark_remote:  # attaching takes no time that could be used
                    threading.Thread(target=warm_up, daemon=True).start()
                self._spark = start_session(self.settings)
            return self._spark

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the engine if we started it; of a Connect server only our sessions."""
        while self._attached:
            self._attached.pop().stop()
        if self._owns_engine and self._spark is not None:
            self._spark.stop()
            self._spark = None

    def fork(self) -> SparkSession:
        """A session of its own (settings and temporary views) on the same engine."""
        if self.settings.spark_remote:
            from lakehouse.engines.spark.session import attach  # noqa: PLC0415  # see the class

            self._attached.append(attach(self.settings))
            return self._attached[-1]
        return self.spark.newSession()

    def engine(self, table: str) -> Engine:
        """The engine as one run of a table uses it; not started yet."""
        from lakehouse.engines.spark.engine import SparkEngine  # noqa: PLC0415  # see the class

        return SparkEngine(table, self.fork)

    @staticmethod
    def engine_error(error: Exception) -> Exception | None:
        """The error in our words when it says that the engine died under us, else None."""
        from lakehouse.engines.spark.session import engine_went_away  # noqa: PLC0415  # see the class

        return engine_went_away(error)

    def job(
        self, name: str, request: Request, *, token: int = 0, engine: Engine | None = None
    ) -> Job:
        """One run of a table, in a session of its own unless there is an engine already."""
        return open_job(
            self.registry[name],
            self.settings,
            self.engine(name) if engine is None else engine,
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
            workers=self.settings.parallelism,
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
