"""Where a module of a table is broken: any error of its import, with file and line."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.errors import TableDefinitionError

if TYPE_CHECKING:
    from lakehouse.catalog.fingerprint import Code


def located(error: Exception, code: Code, module: str) -> TableDefinitionError:
    """An error of a module's import as one of a definition, at the line that is to blame."""
    if isinstance(error, TableDefinitionError) and error.details.get("file"):
        return error
    below = code.folder / "tables"
    if isinstance(error, SyntaxError) and error.filename:
        file, line = error.filename, error.lineno or 1
        return _at(file, line, f"{module}: {error.msg}")
    places = _places(error, code.folder)
    of_tables = [place for place in places if Path(place[0]).is_relative_to(below)]
    file, line = (of_tables or places or [(_file_of(code, module), 1)])[-1]
    if "partially initialized module" in str(error):
        path = [_module_of(code, each) for each, _ in of_tables]
        circle = list(dict.fromkeys(path))
        again = [circle[0]] if circle else []
        return _at(file, line, f"{module}: imports go in a circle: {' → '.join(circle + again)}")
    what = str(error) if isinstance(error, TableDefinitionError) else _words(error)
    return _at(file, line, f"{module}: {what}")


def _at(file: str, line: int, text: str) -> TableDefinitionError:
    return TableDefinitionError(f"{text} ({file}:{line})", file=file, line=line)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _places(error: Exception, folder: Path) -> list[tuple[str, int]]:
    """Lines of the package that the import went through, the last one failed."""
    frames = traceback.extract_tb(error.__traceback__)
    return [
        (frame.filename, frame.lineno or 1)
        for frame in frames
        if Path(frame.filename).is_relative_to(folder)
        and Path(frame.filename).parent != Path(__file__).parent
    ]


def _file_of(code: Code, module: str) -> str:
    return str(code.folder.joinpath(*module.split(".")[1:]).with_suffix(".py"))


def _module_of(code: Code, file: str) -> str:
    return ".".join(Path(file).relative_to(code.folder / "tables").with_suffix("").parts)
