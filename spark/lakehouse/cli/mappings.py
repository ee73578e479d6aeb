"""`lakehouse map`: what a mapping makes of a file, before anything lands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.catalog.registry import registry
from lakehouse.catalog.sources import sources
from lakehouse.cli import console
from lakehouse.errors import ConfigError
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from lakehouse.spec import Source

map_app = typer.Typer(help="Preview a mapping for files of another shape, or propose one.")
File = Annotated[Path, typer.Argument(help="A file, in the landing folder or elsewhere.")]
SourceName = Annotated[
    str | None, typer.Option("--source", help="Source. Default: that of the mapping or file name.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@map_app.command()
def preview(
    file: File,
    *,
    source: SourceName = None,
    preset: Annotated[
        str | None, typer.Option(help="Preset to use instead of sources.toml.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Rows to print.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Print the first rows as they would land, rejected records with reasons, and unused fields."""
    from lakehouse.landing.preview import preview as look  # noqa: PLC0415  # pyarrow, only here

    settings = current_settings()
    path = _path(file)
    read_as = _read_as(path, source, preset)
    mapping = read_as.mapping_of(path)
    uri, longest = str(_found(file)), settings.max_line_bytes
    found = look(uri, path, read_as, max_record_bytes=longest, n=n)
    if as_json:
        console.print_json({"path": path, "source": read_as.name, **vars(found)})
        return
    how = f"the mapping of {mapping.files}" if mapping else "as it is, by its name"
    console.out.print(f"{path} → {read_as.name}, {how}", markup=False)
    console.out.print(
        f"{found.records:,} records = {found.landing:,} would land + {found.rejected:,} rejected "
        f"+ {found.left_out:,} left out by the mapping"
    )
    console.out.print("first rows:" if found.rows else "no row would land")
    if found.rows:
        console.print_wide_rows(found.rows)
    if found.rejects:
        console.out.print("rejected:")
        console.print_wide_rows(found.rejects)
    if found.empty:
        console.out.print(f"mapped, but never found: {', '.join(found.empty)}", markup=False)
    if found.unused:
        console.out.print(f"not mapped, kept in _extra: {', '.join(found.unused)}", markup=False)


@map_app.command()
def guess(
    file: File,
    *,
    source: Annotated[
        str | None, typer.Option("--source", help="Source. Default: the one that fits best.")
    ] = None,
) -> None:
    """Propose a mapping for a file, as TOML that you can edit."""
    from lakehouse.landing.guess import guess as propose  # noqa: PLC0415  # pyarrow, only here
    from lakehouse.landing.mappings import parse  # noqa: PLC0415  # same

    declared = [entry.table.source for entry in registry() if entry.table.source]
    wanted = [each for each in declared if source in {None, each.name}]
    if not wanted:
        names = ", ".join(each.name for each in declared)
        raise ConfigError(f"unknown source {source}; the sources are {names}")
    found = propose(str(_found(file)), _path(file), wanted)
    console.out.file.write(found.text)
    if found.missing:
        console.err.print(f"required, but not found: {', '.join(found.missing)}", markup=False)
        raise typer.Exit(ConfigError.exit_code)
    parse(found.text, "the proposal", tuple(declared))
    where = current_settings().sources_uri
    console.err.print(f"add it to {where}, then: lakehouse map preview {file}", markup=False)


def _found(file: Path) -> Path:
    """The file, named from here or from the landing folder.

    Raises:
        ConfigError: There is none.
    """
    for each in (file, Path(current_settings().raw_uri) / file):
        if each.is_file():
            return each.resolve()
    raise ConfigError(f"file {file} not found, neither here nor in {current_settings().raw_uri}")


def _path(file: Path) -> str:
    """What a file is called below the landing folder; of one elsewhere its name."""
    found, raw = _found(file), Path(current_settings().raw_uri)
    return found.relative_to(raw).as_posix() if found.is_relative_to(raw) else found.name


def _read_as(path: str, source: str | None, preset: str | None) -> Source:
    """The source that a file is read as.

    Raises:
        ConfigError: No mapping and no name says which.
    """
    from dataclasses import replace  # noqa: PLC0415

    known = sources(registry(), current_settings())
    if preset:
        from lakehouse.landing.mappings import parse  # noqa: PLC0415  # pyarrow, only here

        name = source or "user_interactions"
        text = f'[[mapping]]\nfiles = "**"\nsource = "{name}"\npreset = "{preset}"\n'
        declared = tuple(known.values())
        return replace(known.get(name, declared[0]), mappings=parse(text, "--preset", declared))
    if source:
        if source not in known:
            raise ConfigError(
                f"unknown source {source}; the sources are {', '.join(sorted(known))}"
            )
        return known[source]
    mapped = [each for each in known.values() if each.mapping_of(path)]
    named = [known[name] for name in (path.partition("/")[0].partition(".")[0],) if name in known]
    if not (mapped or named):
        message = (
            f"{path} matches no mapping in {current_settings().sources_uri} and no source name; "
            f"`lakehouse map guess {path}` proposes a mapping, --preset uses a known one"
        )
        raise ConfigError(message)
    return (mapped or named)[0]
