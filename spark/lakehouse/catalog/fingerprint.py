"""What a table's rows follow from, in one short word: it changes when code that can matter does.

That code is what the table's module imports, directly or not, and the verbs that the engine applies
for what the table declares. Modules of other packages do not count, nor do those imported for types
alone, or by a name that is only known when the code runs.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.spec import Append, Scd2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakehouse.spec import Table

_FOR_TYPES = {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class _Module:
    """A parsed file.

    Attributes:
        digest: Of what it says; comments, docstrings and layout say nothing.
        imports: Dotted names it imports, and whether it does so only within a function.
    """

    digest: str
    imports: tuple[tuple[str, bool], ...]


_NOTHING = _Module("", ())


class Code:
    """The source of a package. A file is parsed at most once."""

    def __init__(self, folder: Path) -> None:
        """Keep the place: the folder has the package's name."""
        self.folder = folder
        self.package = folder.name
        self._parsed: dict[str, _Module] = {}

    def modules(self, below: str) -> list[str]:
        """Names of the modules below a package of this one; what editors leave behind is none."""
        found = sorted((self.folder / below).rglob("*.py"))
        names = (path.relative_to(self.folder).with_suffix("").parts for path in found)
        return [
            ".".join((self.package, *name))
            for name in names
            if name[-1] != "__init__" and all(part.isidentifier() for part in name)
        ]

    def fingerprint(self, table: Table, module: str) -> str:
        """The fingerprint of a table that a module declares."""
        verbs = (f"{self.package}.{verb}" for verb in _verbs(table))
        lines = (f"{name} {self._module(name).digest}" for name in self.closure(module, *verbs))
        return _digest("\n".join(lines))

    def closure(self, *modules: str) -> list[str]:
        """The modules and all that they import, in order, with the packages around them."""
        asked: set[str] = set()
        around: set[str] = set()
        waiting = [(name, True) for name in modules]
        while waiting:
            name, is_asked = waiting.pop()
            if name in asked or (name in around and not is_asked):
                continue
            (asked if is_asked else around).add(name)
            waiting += [(self._home(target), True) for target in self._imports(name, is_asked)]
            waiting += [(parent, False) for parent in [name.rpartition(".")[0]] if parent]
        return sorted(name for name in asked | around if self._module(name) is not _NOTHING)

    def _imports(self, name: str, is_asked: bool) -> Iterator[str]:  # noqa: FBT001  # how it is met
        """What a module imports; of a package on the way only what its import brings about."""
        for target, is_late in self._module(name).imports:
            if is_asked or not is_late:
                yield target

    def _home(self, target: str) -> str:
        """The module that an imported name is, or stands in."""
        return target if self._file(target) else _parent(target)

    def _file(self, name: str) -> Path | None:
        package, *parts = name.split(".")
        if package != self.package:
            return None
        place = self.folder.joinpath(*parts)
        wanted = (place / "__init__.py", place.with_name(f"{place.name}.py"))
        return next((path for path in wanted if path.is_file()), None)

    def _module(self, name: str) -> _Module:
        if name not in self._parsed:
            path = self._file(name)
            if path is None:  # a folder without `__init__`, or a module of somebody else
                return _NOTHING
            package = name if path.name == "__init__.py" else _parent(name)
            tree = ast.parse(path.read_bytes(), path)
            self._parsed[name] = _Module(_digest(_code(tree)), tuple(_imports(tree, package)))
        return self._parsed[name]


@lru_cache(maxsize=1)
def our_code() -> Code:
    """The code of the lakehouse, as this process knows it."""
    return Code(Path(__file__).resolve().parents[1])


def _verbs(table: Table) -> Iterator[str]:
    """Modules that the engine applies for what the table declares, without being asked."""
    if isinstance(table.write, Append) and table.source:
        yield from ("landing.days", "landing.reader.csv_format", "landing.reader.json_format")
        yield from ("landing.reader.mapped", "landing.reader.text_format")
    if isinstance(table.write, Scd2):
        yield "transforms.scd2"
    if table.dedupe or table.cut or table.left_out:
        yield "transforms.dedupe"


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _imports(node: ast.AST, package: str, *, is_late: bool = False) -> Iterator[tuple[str, bool]]:
    """Dotted names below a node, with whether they are imported when a function is called."""
    if isinstance(node, ast.Import):
        yield from ((each.name, is_late) for each in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _base(node, package)
        yield from ((f"{base}.{each.name}", is_late) for each in node.names)
    is_late = is_late or isinstance(node, _FUNCTIONS)
    for child in _run_by(node):
        yield from _imports(child, package, is_late=is_late)


def _base(node: ast.ImportFrom, package: str) -> str:
    """The absolute name of what `from … import` starts at."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)


def _run_by(node: ast.AST) -> Iterable[ast.AST]:
    """The parts of a node that are ever run."""
    if isinstance(node, ast.If) and ast.unparse(node.test) in _FOR_TYPES:
        return node.orelse
    return ast.iter_child_nodes(node)


def _code(part: object) -> str:
    """Code as text, the same in every version of Python that we run on.

    `ast.dump` names fields that are empty, and later versions have more of them.
    """
    if isinstance(part, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(part) if value not in (None, []))
        inner = ",".join(f"{name}={_code(value)}" for name, value in fields)
        return f"{type(part).__name__}({inner})"
    if isinstance(part, list):
        return f"[{','.join(_code(each) for each in part if not _is_prose(each))}]"
    return repr(part)


def _is_prose(part: object) -> bool:
    """Whether it is a docstring, of a module, class or function, or one below a constant."""
    return (
        isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str)
    )
