"""Frames of this process: rows that DuckDB knows, as PySpark's frames through SQLFrame."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import dataset as arrow_dataset

from lakehouse.engines.duckdb import planning
from lakehouse.engines.duckdb.activation import activate
from lakehouse.engines.duckdb.plans import Plan, Plans, plan_of
from lakehouse.io import files
from lakehouse.io.sql import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from duckdb import DuckDBPyConnection
    from pyspark.sql import DataFrame

    from lakehouse.engines.duckdb.planning import Step
    from lakehouse.settings import Settings

STEP = "_lakehouse_step"
"""Attribute of a frame that is a step: the step, and its columns."""
Types = dict[str, str]
"""Column → type, as Spark writes it."""
_NAMES = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "long": "BIGINT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "binary": "BLOB",
}


class Frames:
    """DuckDB's connection of this process, and the frames over what it knows.

    Everything has a name of its own. What a run of a table keeps goes with it: a stream may go on
    for months.
    """

    def __init__(self, settings: Settings) -> None:
        """Start DuckDB, unless this process has one."""
        self.session: Any = activated(settings)
        self.scratch = Path(tempfile.mkdtemp(prefix="lakehouse-duckdb-"))
        self.connection: DuckDBPyConnection = self.session._conn  # noqa: SLF001  # it has no other name
        self._kept: list[str] = []
        self._kept_of: dict[int, tuple[DataFrame, DataFrame]] = {}
        self._registered: list[str] = []
        self._aliases: dict[str, int] = {}

    def close(self) -> None:
        """Remove what was kept."""
        self._drop_kept()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def name(self) -> str:
        """A name that nothing has."""
        return f"kept_{next(_numbers)}"

    def of_files(self, paths: Sequence[str], types: Types, *, may_lack: bool = False) -> DataFrame:
        """The rows of Parquet files, with the declared types; see `query_of_files`."""
        return self.of_sql(self.query_of_files(paths, types, may_lack=may_lack), types)

    def query_of_files(self, paths: Sequence[str], types: Types, *, may_lack: bool = False) -> str:
        """The query that the rows of Parquet files are, with the declared types.

        Args:
            paths: The files.
            types: The columns.
            may_lack: Some files may lack some columns, which are null then.
        """
        nothing = ", ".join(f"NULL AS {quoted(name)}" for name in types)
        none = f"SELECT {typed(types)} FROM (SELECT {nothing}) WHERE false"
        if not paths:
            return none
        source = self._source(paths, may_lack=may_lack)
        if may_lack:
            source = f"({none} UNION ALL BY NAME SELECT * FROM {source})"
        return f"SELECT {typed(types)} FROM {source}"

    def _source(self, paths: Sequence[str], *, may_lack: bool) -> str:
        """Files as a relation; those of an object store are read by Arrow."""
        if files.is_local(paths[0]):
            listed = f"[{', '.join(map(literal, paths))}]"
            return f"read_parquet({listed}, union_by_name = {str(may_lack).lower()})"
        located = [files.locate(path) for path in paths]
        dataset = arrow_dataset.dataset(
            [path for _, path in located], filesystem=located[0][0], format="parquet"
        )
        if may_lack:
            shapes = [fragment.physical_schema for fragment in dataset.get_fragments()]
            dataset = dataset.replace_schema(pa.unify_schemas(shapes))
        name = self.name()
        self.connection.register(name, dataset)
        self._registered.append(name)
        return name

    def of_sql(self, query: str, types: Types) -> DataFrame:
        """The rows of a query, computed when they are asked for."""
        return self.of_step(planning.step_of(query, called=planning.SOURCE), types)

    def of_step(self, step: Step, types: Types) -> DataFrame:
        """The rows of a step."""
        rows: DataFrame = planning.over_step(self.session, step, types)
        return known_as(rows, step, types)

    def of_query(self, query: str) -> DataFrame:
        """The rows of a query of DuckDB's, whatever columns it has."""
        return self.of_sql(query, self.types_of(query))

    def types_of(self, query: str) -> Types:
        """The columns of a table or of a query, as DuckDB describes them."""
        found = self.connection.execute(f"DESCRIBE {query}").fetchall()
        return {row[0]: planning.kind_of(row[1]).sql(dialect="spark") for row in found}

    def kept(self, rows: DataFrame) -> DataFrame:
        """The rows, computed once."""
        if id(rows) not in self._kept_of:
            name = self.name()
            self.connection.execute(f"CREATE TEMP TABLE {name} AS {sql_of(rows)}")
            self._kept.append(name)
            made = self.of_sql(f"FROM {name}", self.types_of(name))
            self._kept_of |= {id(each): (each, made) for each in (rows, made)}
        return self._kept_of[id(rows)][1]

    def as_kept(self, rows: DataFrame) -> DataFrame:
        """The rows as they were kept, if they were."""
        return self._kept_of.get(id(rows), (rows, rows))[1]

    def planned(
        self, make: Callable[..., DataFrame], given: Sequence[DataFrame | None], about: Hashable
    ) -> DataFrame:
        """What a function makes of frames, by the plan that it made of such frames before."""
        known = [None if rows is None else self._as_step(rows) for rows in given]
        steps = [each[0] for each in known if each]
        kinds = tuple(each and _kinds(each[1]) for each in known)

        def planned() -> Plan:
            # Made of steps alone: what else is known of a frame is not part of the plan.
            frames = [each and self.of_step(*each) for each in known]
            return plan_of(make(about, *frames), steps, self.types_of)

        plan = _plans.of((make, about, kinds), planned)
        return self.of_step(plan.filled(steps), plan.types)

    def once(self, rows: DataFrame) -> DataFrame:
        """The rows, computed once by each query however often it reads them."""
        step, types = self._as_step(rows)
        return self.of_step(planning.once(step), types)

    def _as_step(self, rows: Any) -> tuple[Step, Types]:  # noqa: ANN401  # a frame of SQLFrame's
        """The step that a frame is, and its columns."""
        if STEP not in vars(rows):
            text, read, _ = planning.as_written(rows)
            step = planning.step_of(text, read)
            known_as(rows, step, self.types_of(planning.behind([step], f"FROM {step[0]}")))
        found: tuple[Step, Types] = vars(rows)[STEP]
        return found

    def arrow(self, rows: DataFrame) -> pa.Table:
        """The rows in memory."""
        return self.connection.sql(sql_of(rows)).to_arrow_table()

    def begin(self) -> None:
        """A run begins: frames that somebody made before it stay, but for rows that were kept."""
        self._drop_kept()
        self._registered.clear()
        known = self.session.name_to_sequence_id_mapping
        self._aliases = {name: len(ids) for name, ids in known.items()}

    def forget(self) -> None:
        """Drop all that was made since the run began; its frames are not to be used any more."""
        for name in self._registered:
            self.connection.unregister(name)
        self._registered.clear()
        self._drop_kept()
        known = self.session.name_to_sequence_id_mapping
        for name in [*known]:
            del known[name][self._aliases.get(name, 0) :]

    def _drop_kept(self) -> None:
        """Drop all rows that are kept, in memory and on disk."""
        for name in self._kept:
            self.connection.execute(f"DROP TABLE {name}")
        self._kept.clear()
        self._kept_of.clear()
        for path in self.scratch.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


_numbers = itertools.count()
_plans = Plans()


def _kinds(types: Types) -> tuple[tuple[str, str], ...]:
    return tuple((name, kind.lower()) for name, kind in types.items())


def activated(settings: Settings) -> Any:  # noqa: ANN401  # a session of SQLFrame's
    """The session of this process; `pyspark.sql` is SQLFrame's from here on."""
    scratch = Path(tempfile.gettempdir()) / f"lakehouse-spill-{os.getpid()}"
    return activate(
        memory_limit=settings.duckdb_memory,
        threads=os.cpu_count() or 1,
        scratch=str(scratch),
    )


def sql_of(rows: Any) -> str:  # noqa: ANN401  # a frame of SQLFrame's
    """The query that a frame is, as its session would ask it."""
    (query,) = rows._get_expressions()  # noqa: SLF001  # its public `sql` writes another dialect
    text: str = rows.session._to_sql(query)  # noqa: SLF001  # same
    return text


def known_as(rows: DataFrame, step: Step, types: Types) -> DataFrame:
    """The rows, of which is known what step they are."""
    setattr(rows, STEP, (step, types))
    return rows


def typed(types: Types) -> str:
    """Columns of those names, with the declared types."""
    return ", ".join(
        f"CAST({quoted(name)} AS {duckdb_type(kind)}) AS {quoted(name)}"
        for name, kind in types.items()
    )


def duckdb_type(kind: str) -> str:
    """The type of DuckDB that a type of Spark is."""
    if kind.startswith("array<"):
        return f"{duckdb_type(kind[6:-1])}[]"
    return _NAMES.get(kind, kind.upper())
