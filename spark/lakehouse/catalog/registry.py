"""The tables that exist: every module below `lakehouse.tables` that declares a `TABLE`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import TopologicalSorter
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lakehouse.catalog.broken import located
from lakehouse.catalog.cache import cached
from lakehouse.catalog.definitions import assert_names_exist
from lakehouse.catalog.fingerprint import our_code
from lakehouse.errors import TableDefinitionError, UnknownTableError
from lakehouse.spec import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from pyspark.sql import DataFrame

    from lakehouse.catalog.fingerprint import Code

TRANSFORM, FATES = "transform", "fates"


@dataclass(frozen=True)
class ModuleFunction:
    """A function of a table's module, which is imported when it is first called."""

    module: str
    name: str

    def __call__(self, *arguments: Any) -> DataFrame:  # noqa: ANN401  # frames and a run
        """Frames and the run → rows."""
        rows: DataFrame = getattr(import_module(self.module), self.name)(*arguments)
        return rows


@dataclass(frozen=True)
class Entry:
    """A table and what its module says.

    Attributes:
        table: The contract.
        transform: Inputs (as frames) and the run → rows.
        doc: The module's docstring.
        code: Fingerprint of the code that its rows follow from; when it changes, the table is
            recomputed as a whole.
        fates: The first input's rows with `_fate`, and the run → the same rows, of which fewer may
            count; None where the declaration says it all.
    """

    table: Table
    transform: Callable[..., DataFrame]
    doc: str
    code: str
    fates: Callable[..., DataFrame] | None = None


@dataclass(frozen=True)
class Registry:
    """All tables, upstream before downstream.

    Attributes:
        entries: Tables by name.
        broken: What is wrong with modules that declare none that can be used, by the name of the
            table that each should declare.
    """

    entries: dict[str, Entry]
    broken: dict[str, TableDefinitionError] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Entry:
        """The entry of a table.

        Raises:
            UnknownTableError: With the closest names.
            TableDefinitionError: Its definition is broken.
        """
        if name in self.broken:
            raise self.broken[name]
        try:
            return self.entries[name]
        except KeyError:
            raise UnknownTableError(name, self.entries) from None

    def assert_whole(self) -> None:
        """No definition is broken: what is made of all tables can be made.

        Raises:
            TableDefinitionError: The first that is.
        """
        for error in self.broken.values():
            raise error

    def __iter__(self) -> Iterator[Entry]:
        """Entries, upstream first."""
        return iter(self.entries.values())

    @property
    def served(self) -> list[str]:
        """Tables that declare how they are served."""
        return [entry.table.name for entry in self if entry.table.serve]

    def clocks(self, name: str) -> set[str]:
        """Dates of a table, as SQL, whose newest value other tables need to know."""
        wanted = set().union(*(each.table.clocks for each in self.entries.values()))
        return {column for table, column in wanted if table == name}

    def downstream(self, name: str) -> set[str]:
        """Tables that read this one, directly or not."""
        direct = {
            each.table.name
            for each in self.entries.values()
            if name in {upstream.name for upstream in each.table.upstream}
        }
        return direct.union(*(self.downstream(each) for each in direct))

    @property
    def sources(self) -> set[str]:
        """Names of all sources."""
        found = (entry.table.source for entry in self.entries.values())
        return {source.name for source in found if source}

    def inputs(self, name: str) -> list[str]:
        """Tables this one reads directly."""
        return [each.name for each in self[name].table.upstream]

    def upstream(self, name: str) -> set[str]:
        """Tables this one reads, directly or not."""
        direct = set(self.inputs(name))
        return direct.union(*(self.upstream(each) for each in direct))


@lru_cache(maxsize=1)
def registry() -> Registry:
    """All tables, as their modules declare them; broken ones stand apart."""
    code = our_code()
    return cached(code.folder, lambda: found(code), lambda made: not made.broken)


def declared(code: Code) -> dict[str, Entry]:
    """Every table below `tables`, upstream first.

    Raises:
        TableDefinitionError: The first module that is broken.
    """
    made = found(code)
    for error in made.broken.values():
        raise error
    return made.entries


def found(code: Code) -> Registry:
    """Import every module below `tables` and take down what it declares, upstream first.

    A module is broken when it cannot be imported, its declaration contradicts itself or names what
    nothing has, it has no docstring, no transform of the inputs it declares, a name that is not its
    own or one that another module has; and when what it imports is broken.
    """
    entries: dict[str, Entry] = {}
    broken: dict[str, TableDefinitionError] = {}
    for name in code.modules("tables"):
        try:
            module = import_module(name)
            if hasattr(module, "TABLE"):
                _take_down(_entry(module, code), entries)
        except Exception as error:  # noqa: BLE001  # a module of somebody's raises anything
            broken[_name_of(name)] = located(error, code, name)
    for name in _all_downstream(entries, broken):
        upstream = next(each.name for each in entries[name].table.upstream if each.name in broken)
        broken[name] = broken[upstream]
        del entries[name]
    graph = {name: {each.name for each in e.table.upstream} for name, e in entries.items()}
    order = TopologicalSorter(dict(sorted(graph.items()))).static_order()
    return Registry({name: entries[name] for name in order}, broken)


def _take_down(entry: Entry, entries: dict[str, Entry]) -> None:
    twin = entries.setdefault(entry.table.name, entry)
    if twin is not entry:
        raise _refused(entry.table, f"is declared in {twin.table.defined_at}, too")


def _all_downstream(
    entries: Mapping[str, Entry], broken: Mapping[str, TableDefinitionError]
) -> Iterator[str]:
    """Tables that read a broken one, each after those it reads."""
    while names := [
        name
        for name, entry in entries.items()
        if any(each.name in broken for each in entry.table.upstream)
    ]:
        yield names[0]


def _entry(module: ModuleType, code: Code) -> Entry:
    table: Table = module.TABLE
    doc = inspect.cleandoc(module.__doc__ or "")
    problem = None
    if table.name != (expected := _name_of(module.__name__)):
        problem = f"is declared in the module of {expected}"
    elif not doc:
        problem = "its module has no docstring"
    else:
        problem = _transform_problem(table, getattr(module, TRANSFORM, None))
    if problem:
        raise _refused(table, problem)
    assert_names_exist(table)
    transform, fates = (ModuleFunction(module.__name__, name) for name in (TRANSFORM, FATES))
    return Entry(
        table,
        transform,
        doc,
        code.fingerprint(table, module.__name__),
        fates if hasattr(module, FATES) else None,
    )


def _name_of(module: str) -> str:
    """The name of the table at `tables/<layer>/<noun>.py`, or in a folder of its domain there."""
    _, _, *folders, noun = module.split(".")
    if not folders:
        return noun
    layer, *domain = folders
    return f"{layer}.{noun}" if len(domain) <= 1 else ".".join((layer, *domain, noun))


def _transform_problem(table: Table, transform: object) -> str | None:
    if not callable(transform):
        return "its module has no transform function"
    inputs = (each.noun if isinstance(each, Table) else "landed" for each in table.inputs)
    expected = [*inputs, "run"]
    found = list(inspect.signature(transform).parameters)
    if found == expected:
        return None
    return (
        f"transform takes ({', '.join(found)}), but its inputs ask for ({', '.join(expected)}): "
        "the noun of each table, `landed` for a source, and the run"
    )


def _refused(table: Table, problem: str) -> TableDefinitionError:
    where = table.defined_at
    message = f"{table.name}: {problem} ({where})"
    return TableDefinitionError(message, file=where.file, line=where.line)
