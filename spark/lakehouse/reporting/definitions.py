"""Everything that is wrong with the definitions of tables and with what is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.catalog.fingerprint import our_code
from lakehouse.catalog.manifest import manifest_text
from lakehouse.reporting.catalogue import MARKDOWN, catalogue_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.catalog.registry import Registry
    from lakehouse.errors import TableDefinitionError

REPOSITORY = Path(__file__).resolve().parents[3]
TODO = "TODO"


@dataclass(frozen=True)
class Problem:
    """Something to mend.

    Attributes:
        where: File and line, below the repository.
        what: What is wrong, and what mends it.
    """

    where: str
    what: str


def problems(registry: Registry, repository: Path = REPOSITORY) -> list[Problem]:
    """All of them: broken definitions first, then what lags behind the definitions.

    Files that are made from every table are compared only where no definition is broken.
    """
    found = [*_broken(registry, repository), *_unfinished(repository)]
    found += _without_mirror(registry, repository)
    if not registry.broken:
        found += _stale(registry, repository)
    return found


def _broken(registry: Registry, repository: Path) -> Iterator[Problem]:
    """Each error once, with the tables that go with it."""
    tables: dict[TableDefinitionError, list[str]] = {}
    alike: dict[tuple[object, object], TableDefinitionError] = {}
    for name, error in registry.broken.items():
        place = (error.details.get("file"), error.details.get("line"))
        tables.setdefault(alike.setdefault(place, error), []).append(name)
    for error, names in tables.items():
        file, line = error.details.get("file"), error.details.get("line")
        whole = [(line, str(error).removesuffix(f" ({file}:{line})"))]
        for number, text in error.details.get("lines", whole):  # type: ignore[attr-defined]  # facts are untyped
            yield Problem(f"{_below(str(file), repository)}:{number}", text)
        if len(names) > 1:
            where = f"{_below(str(file), repository)}:{line}"
            yield Problem(where, f"disables the tables that read it: {', '.join(names[1:])}")


def _unfinished(repository: Path) -> Iterator[Problem]:
    """Lines of table modules and of their tests that wait for somebody."""
    for folder in (our_code().folder / "tables", repository / "spark/tests/tables"):
        for path in sorted(folder.rglob("*.py")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if TODO in line:
                    where = f"{_below(str(path), repository)}:{number}"
                    yield Problem(where, line.strip().lstrip("# "))


def _without_mirror(registry: Registry, repository: Path) -> Iterator[Problem]:
    """Tables whose transform no test calls: on files for bronze, on literal rows for the others."""
    tests = repository / "spark/tests/tables"
    if not tests.is_dir():  # an installed package
        return
    mirrors = "".join(
        path.read_text(encoding="utf-8") for path in sorted(tests.glob("mirrors/test_*.py"))
    )
    for entry in registry:
        table = entry.table
        wanted = f"test_bronze_{table.noun}.py"
        has_test = (tests / wanted).exists()
        if table.source is None:
            wanted = f"mirrors/test_mirror_{table.layer}_{table.noun}.py"
            has_test = f"rows(spark, {table.noun}," in mirrors
        if not has_test:
            where = f"{_below(table.defined_at.file, repository)}:{table.defined_at.line}"
            yield Problem(
                where,
                f"{table.name}: no test calls its transform; write spark/tests/tables/{wanted}",
            )


def _stale(registry: Registry, repository: Path) -> Iterator[Problem]:
    """Committed files that are not what the definitions make of them."""
    made = {
        "airflow/manifest.json": (manifest_text(registry), "lakehouse manifest"),
        str(MARKDOWN): (catalogue_markdown(registry), "lakehouse docs"),
    }
    for name, (text, command) in made.items():
        path = repository / name
        if path.parent.is_dir() and (not path.exists() or path.read_text(encoding="utf-8") != text):
            yield stale(name, command)


def stale(name: str, command: str) -> Problem:
    """A committed file that lags behind, and the command that writes it."""
    return Problem(name, f"does not match the definitions; run `{command}`")


def _below(file: str, repository: Path) -> str:
    path = Path(file)
    return str(path.relative_to(repository)) if path.is_relative_to(repository) else file
