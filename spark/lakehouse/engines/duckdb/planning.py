"""SQLFrame 4.10 spends seconds of a run on the plan of its queries; this makes it cheap.

Nothing here changes what a query says: `patches.py` does that. Each function says what was dear.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import uuid
from copy import copy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlframe.base import functions as base
from sqlframe.base import util
from sqlframe.base.column import Column
from sqlframe.base.dataframe import BaseDataFrame
from sqlframe.base.session import _BaseSession
from sqlframe.duckdb import functions
from sqlframe.duckdb.dataframe import DuckDBDataFrame
from sqlframe.duckdb.session import DuckDBSession
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

AnyFrame = BaseDataFrame[Any, Any, Any, Any, Any]
MOST_STEPS = 3
"""Of a frame's query, before they become a text."""
_PLAIN = frozenset({bool, int, str, type(None)})
"""Of what is kept beside an expression, nearly all: they need no copy."""
_PLAIN_NAME = re.compile("[a-z_][a-z0-9_]*")
_numbers = itertools.count()
STEP, SOURCE = "step_", "source_"
"""How names of written steps begin, and of those that tell where rows lie; a number follows."""
_WRITTEN = "written_step"
"""What a name in a query carries that stands for a text."""
Step = tuple[str, str, tuple[Any, ...]]
"""Name, text, and the steps that it reads."""
_AS_READ = "NOT MATERIALIZED "
"""Before a step that stands wherever its name does; DuckDB computes others once."""
_without_steps = DuckDBSession._to_sql  # noqa: SLF001  # it has no other name


def expressions_are_copied_quickly() -> None:
    """An expression is copied node by node, with what SQLGlot knows of it.

    SQLGlot takes `deepcopy` for what it knows, which is flat, and sets each child as if it were a
    change. A third of all Python time of a run went there.
    """

    def copied(self: exp.Expression, memo: Any = None) -> exp.Expression:  # noqa: ANN401, ARG001  # of deepcopy
        return _copy(self)

    exp.Expression.__deepcopy__ = copied  # type: ignore[method-assign]
    exp.Expression.copy = _copy  # type: ignore[assignment, method-assign]


def _copy(node: exp.Expression) -> exp.Expression:
    made = node.__class__.__new__(node.__class__)
    made.parent = made.arg_key = made.index = None
    made.comments = None if node.comments is None else list(node.comments)
    kind, known = node._type, node._meta  # noqa: SLF001  # what it is made of
    made._type = None if kind is None else _copied(kind)  # noqa: SLF001  # same
    if not known or "line" in known:  # where in a text it stood, nobody asks
        made._meta = None  # noqa: SLF001  # same
    else:
        made._meta = {k: _copied(v) for k, v in known.items()}  # noqa: SLF001  # same
    made._hash = node._hash  # noqa: SLF001  # same
    if node.__class__ is exp.Identifier:  # half of all nodes; it has no parts
        made.args = node.args.copy()
        return made
    args = made.args = {}
    for key, value in node.args.items():
        if value.__class__ in _PLAIN:
            args[key] = value
        elif isinstance(value, exp.Expression):
            args[key] = part = _copy(value)
            part.parent, part.arg_key = made, key
        elif value.__class__ is list:
            args[key] = [
                _placed(each, made, key, index) if isinstance(each, exp.Expression) else each
                for index, each in enumerate(value)
            ]
        else:
            args[key] = value
    return made


def _copied(value: Any) -> Any:  # noqa: ANN401  # what SQLGlot keeps beside an expression
    if value.__class__ in _PLAIN:
        return value
    return _copy(value) if isinstance(value, exp.Expression) else copy(value)


def _placed(node: exp.Expression, parent: exp.Expression, key: str, index: int) -> exp.Expression:
    made = _copy(node)
    made.parent, made.arg_key, made.index = parent, key, index
    return made


def frames_are_copied_with_one_query() -> None:
    """A frame with another query is made without a copy of the query it had."""

    def copied(self: AnyFrame, **changed: Any) -> AnyFrame:  # noqa: ANN401  # same
        changed["join_on_uuid"] = str(uuid.uuid4())
        for name, value in vars(self).items():
            if name not in changed:
                changed[name] = value.copy() if hasattr(value, "copy") else copy(value)
        return self.__class__(**changed)

    BaseDataFrame.copy = copied  # type: ignore[assignment, method-assign]


def steps_have_names_of_their_own() -> None:
    """Steps of a query have numbers: SQLFrame's hashes of 8 digits may be shared, and are dear."""

    def named(self: AnyFrame, expression: exp.Expression) -> str:  # noqa: ARG001  # as SQLFrame calls it
        return f"t{next(_numbers)}"

    BaseDataFrame._create_hash_from_expression = named  # type: ignore[method-assign]  # noqa: SLF001  # same


def queries_stay_short() -> None:
    """A frame's query is copied once for the next step, and a few steps become a text.

    SQLFrame copies it five times, all steps before it included. What is copied stays short now;
    DuckDB gets the texts as the steps they are. The names of its columns are known, so nobody has
    to describe it.
    """

    def converted(self: AnyFrame, sequence_id: str | None = None, name: str | None = None) -> Any:  # noqa: ANN401  # same
        frame = _as_step(self, sequence_id or self.sequence_id, name or f"t{next(_numbers)}")
        return _shortened(frame) if len(frame.expression.ctes) > MOST_STEPS else frame

    BaseDataFrame._convert_leaf_to_cte = converted  # type: ignore[method-assign]  # noqa: SLF001  # same


def _shortened(frame: AnyFrame) -> AnyFrame:
    """A frame whose steps are one text, as if it stood wherever its name does."""
    text, columns = _as_text(frame)
    last = frame.expression.ctes[-1]
    last.set("this", exp.select(*columns).from_(text))
    frame.expression.set("with_", exp.With(expressions=[last]))
    return frame


def _as_step(frame: AnyFrame, sequence_id: str, name: str) -> Any:  # noqa: ANN401  # same
    """A frame over the result of another, whose query is the last of its steps."""
    query = frame.expression.copy()
    steps = query.ctes
    query.set("with_", None)
    step = exp.CTE(this=query, alias=exp.TableAlias(this=exp.to_identifier(name)))
    step.set("branch_id", frame.branch_id)
    step.set("sequence_id", sequence_id)
    if query.args.get("joins"):
        _keep_names(frame, query, steps, sequence_id)
    columns = [each.expression for each in frame._get_outer_select_columns(step)]  # noqa: SLF001  # same
    wrapped = exp.Select(expressions=columns)
    wrapped.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(name))))
    wrapped.set("with_", exp.With(expressions=[*steps, step]))
    return frame.copy(expression=wrapped, sequence_id=sequence_id)


def _keep_names(frame: AnyFrame, query: exp.Select, steps: list[exp.CTE], sequence_id: str) -> None:
    """Names that people gave to sides of a join mean its result, too."""
    joined = {table.alias_or_name for table in util.get_tables_from_expression_with_join(query)}
    sides = {step.args.get("sequence_id") for step in steps if step.alias_or_name in joined}
    for meant in frame.session.name_to_sequence_id_mapping.values():
        if sides & set(meant) and sequence_id not in meant:
            meant.append(sequence_id)


def _as_text(frame: AnyFrame) -> tuple[exp.Table, list[exp.Column]]:
    """A step that is the written query of a frame, and its columns."""
    text, read, names = as_written(frame)
    columns = [exp.column(name, quoted=True) for name in names]
    return _relation(step_of(text, read)), columns


def as_written(frame: AnyFrame) -> tuple[str, tuple[Step, ...], list[str]]:
    """A frame's query as text, the steps that it reads, and its columns."""
    (query,) = frame._get_expressions()  # noqa: SLF001  # same
    names = query.assert_is(exp.Select).named_selects
    return _without_steps(frame.session, query), _steps_of(query), names


def step_of(text: str, read: Iterable[Step] = (), *, called: str = STEP) -> Step:
    """A query as a step that others can read."""
    return f"{called}{next(_numbers)}", f"{_AS_READ}({text})", tuple(read)


def once(step: Step) -> Step:
    """A step that a query computes once, in place of one that stands wherever its name does."""
    _, text, read = step
    return f"{STEP}{next(_numbers)}", text.removeprefix(_AS_READ), read


def over_step(session: Any, step: Step, names: Iterable[str]) -> Any:  # noqa: ANN401  # same
    """A frame of the rows of a step, whose columns are known."""
    # SQLFrame takes a name that is quoted for another one than the same without.
    columns = (exp.column(name, quoted=not _PLAIN_NAME.fullmatch(name)) for name in names)
    return session._create_df(exp.select(*columns).from_(_relation(step)))  # noqa: SLF001  # same


def _relation(step: Step) -> exp.Table:
    relation = exp.Table(this=exp.to_identifier(step[0]))
    relation.meta[_WRITTEN] = step  # a tuple is not copied with it
    return relation


def _steps_of(query: exp.Expr) -> tuple[Step, ...]:
    """The written steps that a query reads itself, each once."""
    found = (table.meta_get(_WRITTEN) for table in query.find_all(exp.Table))
    return tuple({step[0]: step for step in found if step}.values())


def in_order(steps: Iterable[Step]) -> dict[str, str]:
    """The texts of steps and of all that they read, each behind what it reads."""
    found: dict[str, str] = {}

    def add(read: Iterable[Step]) -> None:
        for name, text, others in read:
            if name not in found:
                add(others)
                found[name] = text

    add(steps)
    return found


def _with_steps(self: Any, sql: Any, **how: Any) -> str:  # noqa: ANN401  # of SQLFrame
    """A query as text, behind the steps that were written before it."""
    text: str = _without_steps(self, sql, **how)
    return behind(_steps_of(sql), text) if isinstance(sql, exp.Expression) else text


def behind(read: Iterable[Step], text: str) -> str:
    """A query behind the steps that it reads, directly or not."""
    steps = in_order(read)
    if not steps:
        return text
    told = ", ".join(f"{name} AS {step}" for name, step in steps.items())
    own = text.removeprefix("WITH ")
    return f"WITH {told} {text}" if own == text else f"WITH {told}, {own}"


def kind_of(described: str) -> exp.DataType:
    """A type as DuckDB describes it; that of nothing but nulls is written in quotes."""
    return _read(described.strip('"')).copy()


@functools.lru_cache(maxsize=1_000)
def _read(kind: str) -> exp.DataType:
    return exp.DataType.build(kind, dialect="duckdb")


def schemas_are_described() -> None:
    """The columns of a frame; SQLFrame looks for them among all that DuckDB's catalogue has."""

    def typed(self: AnyFrame) -> list[Any]:
        session: Any = self.session
        (query,) = self._get_expressions()  # same
        found = session._conn.execute(f"DESCRIBE {session._to_sql(query)}").fetchall()  # noqa: SLF001  # same
        return [
            SimpleNamespace(
                name=row[0],
                dataType=kind_of(row[1]).sql(dialect=self._schema_dialect),  # same
            )
            for row in found
        ]

    DuckDBDataFrame._typed_columns = property(typed)  # type: ignore[assignment]  # noqa: SLF001  # same


def queries_are_written_from_one_copy() -> None:
    """SQLFrame copies a query and walks it thrice to settle its names; SQLGlot copies it again."""
    original = _BaseSession._to_sql  # noqa: SLF001  # same

    def written(self: Any, sql: Any, *, dialect: Any = None, **how: Any) -> str:  # noqa: ANN401  # same
        if not isinstance(sql, exp.Expression) or how.get("pretty"):
            return original(self, sql, dialect=dialect, **how)
        target = Dialect.get_or_raise(dialect or self.execution_dialect)
        dialects = (Dialect.get_or_raise(self.input_dialect), target)
        query = sql.copy()
        for name in _identifiers(query):
            if not name.meta_get("case_sensitive"):
                for each in dialects:
                    each.normalize_identifier(name)
            if how.get("quote_identifiers", True):
                target.quote_identifier(name)
        return query.sql(dialect=target, copy=False)

    _BaseSession._to_sql = written  # type: ignore[method-assign]  # noqa: SLF001  # same
    DuckDBSession._to_sql = _with_steps  # type: ignore[method-assign]  # noqa: SLF001  # same


def _identifiers(query: exp.Expression) -> Iterator[exp.Identifier]:
    waiting: list[Any] = [query]
    while waiting:
        node = waiting.pop()
        if node.__class__ is exp.Identifier:
            yield node
        elif isinstance(node, exp.Expression):
            waiting += node.args.values()
        elif node.__class__ is list:
            waiting += node


def names_are_read_once() -> None:
    """A name is parsed or written each time it is met; what it means does not change."""
    _remember("normalize_string", util.normalize_string, lambda value: isinstance(value, str))
    _remember("get_func_from_session", util.get_func_from_session)
    _put_in_place("quote_preserving_alias_or_name", *_written_once())
    parsed = functools.lru_cache(maxsize=10_000)(base.col)
    normalized = functools.lru_cache(maxsize=10_000)(_BaseSession._normalize_string)  # noqa: SLF001  # same
    _BaseSession._normalize_string = normalized  # type: ignore[method-assign]  # noqa: SLF001  # same

    def col(column_name: Any) -> Column:  # noqa: ANN401  # same
        if not isinstance(column_name, str):
            return Column(column_name)
        return Column(parsed(column_name).expression.copy())

    for module in (base, functions):
        module.col = col  # type: ignore[attr-defined]  # it is there


def _written_once() -> tuple[Callable[..., str], Callable[..., str]]:
    """How a column's name is written, and the same from memory."""
    original = util.quote_preserving_alias_or_name

    @functools.lru_cache(maxsize=10_000)
    def written(name: str, quoted: bool) -> str:  # noqa: FBT001  # two facts of a name
        return original(exp.Identifier(this=name, quoted=quoted))  # type: ignore[arg-type]  # it takes one

    def looked_up(column: Any) -> str:  # noqa: ANN401  # a column or an alias
        named = column.args["alias"] if isinstance(column, exp.Alias) else column
        name = named.this if isinstance(named, exp.Column) else named
        if isinstance(name, exp.Identifier):
            return written(name.this, bool(name.args.get("quoted")))
        return original(column)

    return original, looked_up


def _remember(
    name: str, original: Callable[..., Any], when: Callable[[Any], bool] = lambda _: True
) -> None:
    """Let a function remember its results."""
    remembered = functools.lru_cache(maxsize=10_000)(original)

    def looked_up(value: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # same
        return (remembered if when(value) else original)(value, *args, **kwargs)

    _put_in_place(name, original, looked_up)


def _put_in_place(name: str, original: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Let a name mean another function in all modules that imported it."""
    for module in [*sys.modules.values()]:
        if getattr(module, name, None) is original:
            setattr(module, name, other)


WAYS: tuple[Callable[[], None], ...] = (
    expressions_are_copied_quickly,
    frames_are_copied_with_one_query,
    steps_have_names_of_their_own,
    queries_stay_short,
    schemas_are_described,
    queries_are_written_from_one_copy,
    names_are_read_once,
)
