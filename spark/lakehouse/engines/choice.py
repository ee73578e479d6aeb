"""Which engine a process works with; decided before anything loads one."""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from pyspark.sql import SparkSession

    from lakehouse.engines.protocols import Host
    from lakehouse.settings import Settings

DUCKDB = "duckdb"


def prepare(settings: Settings) -> None:
    """Let `pyspark.sql` mean what the engine wants, once something imports it.

    On DuckDB it is SQLFrame's. Commands that need no engine load neither. The last word counts:
    `--engine spark` after `LAKEHOUSE_ENGINE=duckdb`.
    """
    sys.meta_path[:] = [it for it in sys.meta_path if not isinstance(it, _ActivatesSqlframe)]
    if settings.engine == DUCKDB and "pyspark" not in sys.modules:
        sys.meta_path.insert(0, _ActivatesSqlframe(settings))


def host_of(settings: Settings, spark: SparkSession | None) -> Host:
    """The engine of a lake, not started yet.

    Args:
        settings: Which engine, and how it is set.
        spark: A session of the caller's, to be used in place of one of our own.
    """
    if settings.engine == DUCKDB:
        from lakehouse.engines.duckdb.host import DuckdbHost  # noqa: PLC0415  # one of the two

        return DuckdbHost(settings)
    from lakehouse.engines.spark.host import SparkHost  # noqa: PLC0415  # same

    return SparkHost(settings, spark)


def side_by_side(settings: Settings) -> int:
    """Tables that run at once: DuckDB uses every core for one."""
    return 1 if settings.engine == DUCKDB else settings.parallelism


class _ActivatesSqlframe(MetaPathFinder, Loader):
    """Answers the first import of PySpark with SQLFrame's modules."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  # PySpark is at the top
        target: ModuleType | None = None,  # noqa: ARG002  # same
    ) -> ModuleSpec | None:
        if fullname != "pyspark":
            return None
        sys.meta_path.remove(self)
        from lakehouse.engines.duckdb.frames import activated  # noqa: PLC0415  # only now

        activated(self._settings)
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """It is there already."""
