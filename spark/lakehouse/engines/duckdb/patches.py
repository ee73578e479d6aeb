"""Where SQLFrame 4.10 differs from PySpark in what our tables use, put right.

Each function below says what was wrong; `tests/engines/duckdb/test_patches.py` fails without it.
What only saves time is in `planning.py`.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType
from sqlframe.base import functions as base
from sqlframe.base import types, util, window
from sqlframe.base.column import Column
from sqlframe.base.dataframe import BaseDataFrame
from sqlframe.base.operations import Operation
from sqlframe.duckdb import functions, session
from sqlframe.duckdb.dataframe import DuckDBDataFrame
from sqlglot import exp
from sqlglot.errors import UnsupportedError

from lakehouse.engines.duckdb import planning

if TYPE_CHECKING:
    from collections.abc import Callable

AnyFrame = BaseDataFrame[Any, Any, Any, Any, Any]
_KEEPS_NULLS = "ignoreNullFields"
_applied: list[str] = []
_numbers = itertools.count()


def is_active() -> bool:
    """Whether `pyspark.sql` is SQLFrame's in this process."""
    return "sqlframe" in getattr(sys.modules.get("pyspark.sql"), "__name__", "")


def apply() -> None:
    """Put them all in place, once."""
    if _applied:
        return
    for patch in (*PATCHES, *planning.WAYS):
        patch()
        _applied.append(patch.__name__)


def doubles_are_doubles() -> None:
    """A Python float is a double; written as `0.05`, DuckDB reads a decimal and rounds to it."""
    original = Column._lit.__func__  # type: ignore[attr-defined]  # noqa: SLF001  # a class method

    def lit(cls: type[Column], value: Any) -> Column:  # noqa: ANN401  # whatever SQLFrame takes
        if isinstance(value, float):
            return cls(exp.cast(exp.Literal.string(repr(value)), exp.DataType.Type.DOUBLE))
        literal: Column = original(cls, value)
        return literal

    Column._lit = classmethod(lit)  # type: ignore[assignment, method-assign]  # noqa: SLF001  # its only home


def windows_know_nulls_and_names() -> None:
    """Columns that say no order stand ascending with nulls first, as everywhere in Spark.

    And a name given to an expression, as SQLFrame gives one to each call, is none within a window.
    """

    def order_by(self: window.WindowSpec, *cols: Any) -> window.WindowSpec:  # noqa: ANN401  # same
        known = self.expression.args.get("order")
        ordered = [
            c.expression if isinstance(c.expression, exp.Ordered) else c.asc().expression
            for c in _columns(cols)
        ]
        before = known.expressions if known else []
        return _with(self, "order", exp.Order(expressions=[*before, *ordered]))

    def partition_by(self: window.WindowSpec, *cols: Any) -> window.WindowSpec:  # noqa: ANN401  # same
        known = self.expression.args.get("partition_by") or []
        return _with(self, "partition_by", [*known, *(c.column_expression for c in _columns(cols))])

    window.WindowSpec.orderBy = order_by  # type: ignore[method-assign]
    window.WindowSpec.partitionBy = partition_by  # type: ignore[method-assign]


def joins_have_one_column_of_a_name() -> None:
    """A column of a join is the one that its result has.

    SQLFrame looks a name up in both sides, and takes the next side at each mention: of a key of a
    left join that is mentioned twice, the second is null where nothing matched.
    """
    for name in ("join", "crossJoin"):
        setattr(BaseDataFrame, name, _closed(getattr(BaseDataFrame, name)))


def _closed(joining: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(joining)
    def joined(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # same
        return joining(*args, **kwargs)._convert_leaf_to_cte()  # noqa: SLF001  # same

    return joined


def extremes_keep_null() -> None:
    """`max_by` and `min_by` bring what the row has, null too; DuckDB's leave such a row out."""

    def by(name: str) -> Callable[[Any, Any], Column]:
        def chosen(col: Any, ord: Any) -> Column:  # noqa: A002, ANN401  # PySpark's names
            return Column.invoke_anonymous_function(col, name, ord)

        return chosen

    _replace("max_by", by("arg_max_null"))
    _replace("min_by", by("arg_min_null"))


def places_count_from_zero() -> None:
    """`column[0]` is the first of an array, though DuckDB counts from 1.

    SQLFrame knows that, too, but only of arrays whose type it can tell.
    """
    original = Column.getItem

    def get_item(self: Column, key: Any) -> Column:  # noqa: ANN401  # same
        if isinstance(key, int):
            return Column.invoke_anonymous_function(self, "list_extract", base.lit(key + 1))
        return original(self, key)

    Column.getItem = get_item  # type: ignore[method-assign]


def counts_are_bigint() -> None:
    """`count_if` is a bigint, 0 of no rows; DuckDB's is a hugeint, null of no rows."""

    def written(self: Any, expression: exp.CountIf) -> str:  # noqa: ANN401  # a generator
        return f"COUNT(CASE WHEN {self.sql(expression, 'this')} THEN 1 END)"

    generator: Any = session._DuckDBV2.Generator  # noqa: SLF001  # what writes DuckDB's SQL
    generator.TRANSFORMS = {**generator.TRANSFORMS, exp.CountIf: written}


def aggregates_start_somewhere() -> None:
    """`aggregate` starts with its initial value; SQLFrame drops it for DuckDB.

    The result is null for an array that is null, and the initial value for an empty one.
    """
    original = base.aggregate

    def aggregate(col: Any, initialValue: Any, merge: Any, finish: Any = None) -> Column:  # noqa: ANN401, N803  # same
        started = Column.invoke_anonymous_function(initialValue, "list_prepend", col)
        reduced = original(started, initialValue, merge)
        found = base.when(Column.ensure_col(col).isNotNull(), reduced)
        return found if finish is None else finish(found)

    _replace("aggregate", aggregate)


def json_keeps_nulls() -> None:
    """JSON of a struct is written with its nulls, the option that SQL and Python give for it.

    SQLFrame hands the option on in SQL, where DuckDB knows none, and in Python only warns that it
    ignores others.
    """

    def to_json(col: Any, options: dict[str, str] | None = None) -> Column:  # noqa: ANN401  # same
        pairs = [base.lit(text) for pair in (options or {}).items() for text in pair]
        told = {"options": base.create_map(*pairs)} if pairs else {}
        return Column.invoke_expression_over_column(col, exp.JSONFormat, **told)

    def written(self: Any, expression: exp.JSONFormat) -> str:  # noqa: ANN401  # a generator
        options = expression.args.get("options")
        told = [each.name for each in options.find_all(exp.Literal)] if options else []
        if told != [_KEEPS_NULLS, "false"]:
            raise UnsupportedError(f"to_json on DuckDB: only {_KEEPS_NULLS}=false, not {told}")
        return f"CAST({self.func('TO_JSON', expression.this)} AS TEXT)"

    _replace("to_json", to_json)
    generator: Any = session._DuckDBV2.Generator  # noqa: SLF001  # what writes DuckDB's SQL
    generator.TRANSFORMS = {**generator.TRANSFORMS, exp.JSONFormat: written}


def hints_are_none() -> None:
    """`broadcast` and `repartition` say how to work, not what; DuckDB needs no such word.

    As there are none, no step has to copy its frame to resolve them.
    """

    def unchanged(df: AnyFrame, *_: Any) -> AnyFrame:  # noqa: ANN401  # same
        return df

    _replace("broadcast", unchanged)
    BaseDataFrame.repartition = unchanged  # type: ignore[method-assign, assignment]
    BaseDataFrame._resolve_pending_hints = unchanged  # type: ignore[method-assign, assignment]  # noqa: SLF001  # same


def groups_may_be_sets() -> None:
    """`groupingSets` groups once for each list of columns; SQLFrame has `cube` only."""

    def grouping_sets(self: Any, groupingSets: Any, *cols: Any) -> Any:  # noqa: ANN401, ARG001, N803  # same
        frame = self._convert_leaf_to_cte()
        sets = [frame._ensure_and_normalize_cols(list(each)) for each in groupingSets]  # noqa: SLF001  # same
        return frame._group_data(frame, sets, Operation.GROUP_BY)  # noqa: SLF001  # same

    BaseDataFrame.groupingSets = grouping_sets  # type: ignore[attr-defined]


def frames_become_pandas() -> None:
    """Days stay days and moments are without a zone, in UTC, as PySpark gives them to pandas."""

    def to_pandas(self: AnyFrame) -> Any:  # noqa: ANN401  # same
        session: Any = self.session
        (query,) = self._get_expressions()  # same
        found = session._conn.sql(session._to_sql(query)).to_arrow_table().to_pandas()  # noqa: SLF001  # same
        moments = found.select_dtypes("datetimetz").columns
        return found.assign(**{name: found[name].dt.tz_localize(None) for name in moments})

    DuckDBDataFrame.toPandas = to_pandas  # type: ignore[method-assign]


class VoidType(types.DataType):
    """Of a column that holds nothing but null, as Spark names it."""

    def simpleString(self) -> str:  # noqa: N802  # PySpark's name
        """What a declaration would have to say."""
        return "void"


def types_are_written_as_spark_does() -> None:
    """A decimal has no blank in its name; a hugeint and nothing but nulls have names at all."""
    types.DecimalType.simpleString = (  # type: ignore[method-assign]
        lambda self: f"decimal({self.precision},{self.scale})"
    )
    original = util.sqlglot_to_spark

    def to_spark(sqlglot_dtype: exp.DataType) -> types.DataType:
        match sqlglot_dtype.this:
            case exp.DataType.Type.INT128:
                return types.DecimalType(38, 0)
            case exp.DataType.Type.NULL:
                return VoidType()
        return original(sqlglot_dtype)

    util.sqlglot_to_spark = to_spark
    sys.modules["sqlframe.base.dataframe"].sqlglot_to_spark = to_spark  # type: ignore[attr-defined]


def schemas_may_have_decimals() -> None:
    """A schema in words may hold `decimal(18,2)`; SQLFrame cuts it at every comma."""
    original = util.get_column_mapping_from_schema_input

    def read(schema: Any, dialect: Any = None) -> dict[str, exp.DataType | None]:  # noqa: ANN401  # same
        if not isinstance(schema, str) or " " not in schema:
            return original(schema, dialect)
        struct = exp.DataType.build(f"struct<{schema}>", dialect=dialect)
        return {field.name: field.args["kind"] for field in struct.expressions}

    sys.modules["sqlframe.base.session"].get_column_mapping_from_schema_input = read  # type: ignore[attr-defined]


def rows_keep_decimals() -> None:
    """A row tells money as the decimal it is; SQLFrame makes a float of it."""

    class Never:
        """What no value is an instance of."""

    vars(types)["Decimal"] = Never  # there, values are only asked whether they are one


def moments_may_be_numbers() -> None:
    """`timestamp_micros` makes a moment of microseconds since 1970; SQLFrame has no such word."""

    def timestamp_micros(col: Any) -> Column:  # noqa: ANN401  # same
        return Column.invoke_anonymous_function(col, "make_timestamptz")

    _replace("timestamp_micros", timestamp_micros)


def functions_may_be_python() -> None:
    """`arrow_udf` makes a column from what a Python function makes of columns of text.

    SQLFrame knows no functions of Arrow arrays, DuckDB does. They are forgotten at the end of the
    process: DuckDB would complain that they were not.
    """

    def arrow_udf(f: Callable[..., Any], returnType: str) -> Callable[..., Column]:  # noqa: N803  # same
        def called(*cols: Any) -> Column:  # noqa: ANN401  # same
            connection = session.DuckDBSession()._conn  # noqa: SLF001  # it has no other name
            name = f"python_{next(_numbers)}"
            kind = exp.DataType.build(returnType, dialect="spark").sql(dialect="duckdb")

            def applied(*given: pa.ChunkedArray) -> pa.Array:
                return f(*(each.combine_chunks() for each in given))

            connection.create_function(
                name,
                applied,
                ["VARCHAR"] * len(cols),
                kind,
                type=PythonUDFType.ARROW,
                null_handling=FunctionNullHandling.SPECIAL,
            )
            atexit.register(connection.remove_function, name)
            return Column.invoke_anonymous_function(cols[0], name, *cols[1:])

        return called

    _replace("arrow_udf", arrow_udf)


PATCHES: tuple[Callable[[], None], ...] = (
    doubles_are_doubles,
    windows_know_nulls_and_names,
    joins_have_one_column_of_a_name,
    extremes_keep_null,
    places_count_from_zero,
    counts_are_bigint,
    aggregates_start_somewhere,
    json_keeps_nulls,
    hints_are_none,
    frames_become_pandas,
    groups_may_be_sets,
    types_are_written_as_spark_does,
    schemas_may_have_decimals,
    rows_keep_decimals,
    moments_may_be_numbers,
    functions_may_be_python,
)


def _columns(given: tuple[Any, ...]) -> list[Column]:
    is_list = len(given) == 1 and isinstance(given[0], (list, tuple))
    return [Column.ensure_col(each) for each in (given[0] if is_list else given)]


def _with(spec: window.WindowSpec, part: str, value: object) -> window.WindowSpec:
    expression = spec.expression.copy()
    expression.set(part, value)
    return window.WindowSpec(expression)


def _replace(name: str, function: Callable[..., Any]) -> None:
    for module in (base, functions):
        setattr(module, name, function)
