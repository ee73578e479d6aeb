"""The tables that exist: every module below `lakehouse.tables` that declares a `TABLE`."""

from __future__ import annotations

import hashlib
import inspect
import pkgutil
from dataclasses import dataclass
from functools import lru_cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import metrics, tables, transforms
from lakehouse.errors import TableDefinitionError, UnknownTableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from pyspark.sql import DataFrame

    from lakehouse.spec import Table


@dataclass(frozen=True)
class Entry:
    """A table and what its module says.

    Attributes:
        table: The contract.
        transform: Inputs (as frames) and the run → rows.
        doc: The module's docstring.
        code: Fingerprint of the module and of the verbs and metrics it may use; when it changes,
            the table is recomputed as a whole.
    """

    table: Table
    transform: Callable[..., DataFrame]
    doc: str
    code: str


@dataclass(frozen=True)
class Registry:
    """All tables, upstream before downstream."""

    entries: dict[str, Entry]

    def __getitem__(self, name: str) -> Entry:
        """The entry of a table.

        Raises:
            UnknownTableError: With the closest names.
        """
        try:
            return self.entries[name]
        except KeyError:
            raise UnknownTableError(name, self.entries) from None

    def __iter__(self) -> Iterator[Entry]:
        """Entries, upstream first."""
        return iter(self.entries.values())

    @property
    def served(self) -> list[str]:
        """Tables that declare how they are served."""
        return [entry.table.name for entry in self if entry.table.serve]

    def clocks(self, name: str) -> set[str]:
        """Date columns of a table whose newest value other tables need to know."""
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

    def upstream(self, name: str) -> set[str]:
        """Tables this one reads, directly or not."""
        direct = {each.name for each in self[name].table.upstream}
        return direct.union(*(self.upstream(each) for each in direct))


@lru_cache(maxsize=1)
def registry() -> Registry:
    """Import every table module once.

    Raises:
        TableDefinitionError: A module has no docstring, no transform, or a name of another module.
    """
    shared = _fingerprint(*_modules(transforms), *_modules(metrics))
    entries = {}
    for module in _modules(tables):
        if hasattr(module, "TABLE"):
            entry = _entry(module, shared)
            entries[entry.table.name] = entry
    graph = {name: {each.name for each in e.table.upstream} for name, e in entries.items()}
    order = TopologicalSorter(dict(sorted(graph.items()))).static_order()
    return Registry({name: entries[name] for name in order})


def _modules(package: ModuleType) -> list[ModuleType]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [import_module(info.name) for info in sorted(found, key=lambda info: info.name)]


def _fingerprint(*modules: ModuleType) -> str:
    sources = (Path(str(module.__file__)).read_bytes() for module in modules)
    return hashlib.blake2b(b"\0".join(sources), digest_size=8).hexdigest()


def _entry(module: ModuleType, shared: str) -> Entry:
    table: Table = module.TABLE
    expected = module.__name__.removeprefix(f"{tables.__name__}.")
    transform = getattr(module, "transform", None)
    problem = None
    if table.name != expected:
        problem = f"is declared in the module of {expected}"
    elif not (module.__doc__ or "").strip():
        problem = "its module has no docstring"
    elif not callable(transform):
        problem = "its module has no transform function"
    elif len(inspect.signature(transform).parameters) != len(table.inputs) + 1:
        problem = "transform takes one parameter per input, in order, and the run"
    if problem or transform is None:
        message = f"{table.name}: {problem} ({table.defined_at})"
        raise TableDefinitionError(message, file=table.defined_at.file, line=table.defined_at.line)
    doc = inspect.cleandoc(module.__doc__ or "")
    return Entry(table, transform, doc, f"{_fingerprint(module)}-{shared}")
