"""Contracts of sources in the repository: a JSON Schema for each kind of record and version.

`write` makes the files of the declared version; `problems` says where files and declaration differ,
and where a version is not compatible with the one before it (BACKWARD: who reads the new version
can read records of the old one).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from lakehouse.errors import ConfigError
from lakehouse.landing.contract_changes import forbidden
from lakehouse.landing.contract_schemas import Schema, schemas
from lakehouse.settings import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lakehouse.spec import Source, Table

FOLDER = PROJECT / "spark" / "contracts"
_LINE_END = re.compile(r"\n *")
_SHORT_LIST = re.compile(r"\[((?:\n *[^\[\]{}\n]+)+\n *)\]")
"""A list of plain values, which goes on one line."""
_NAME = re.compile(r"(?P<kind>[a-z0-9_]+)\.v(?P<version>[1-9][0-9]*)\.json")
_IN_WORDS = {"description", "title", "$comment"}
"""What a schema says to people alone."""
WRITE = "run `lakehouse contracts write`"
RENEW = f"{WRITE}, and raise the version"


@dataclass(frozen=True)
class Problem:
    """Something wrong with the files of a contract.

    Attributes:
        file: Below the folder of contracts.
        field: The field that it is about; empty for the whole.
        what: What is wrong, and what to do.
    """

    file: str
    field: str
    what: str


@dataclass(frozen=True)
class Declared:
    """A contract as the code has it: the schemas of its current version, by file name."""

    source: str
    version: int
    schemas: Mapping[str, Schema]


def declared(tables: Iterable[Table]) -> list[Declared]:
    """The contracts of the sources of some tables; what a field means is what its column says."""
    return [
        Declared(source.name, source.contract.version, schemas(source, _docs(table, source)))
        for table in tables
        if (source := table.source) and source.contract
    ]


def _docs(table: Table, source: Source) -> dict[str, str]:
    names = {field.name for field in source.fields}
    return {column.name: column.doc for column in table.columns if column.name in names}


def write(contracts: Iterable[Declared], folder: Path) -> list[str]:
    """Write the files of the declared versions; the names of those that changed.

    Raises:
        ConfigError: Files of this version say something else. A version that senders know never
            changes; only its words do.
    """
    changed = []
    for contract in contracts:
        place = folder / contract.source
        present = {
            name: schema
            for name, (version, schema) in _read(place).items()
            if version == contract.version
        }
        if present and not _same(present, contract.schemas):
            raise ConfigError(
                f"version {contract.version} of {contract.source} is written in {place}, and the "
                "declaration differs; raise its version. If no sender knows this version yet, "
                f"delete *.v{contract.version}.json there first",
                source=contract.source,
                version=contract.version,
            )
        place.mkdir(parents=True, exist_ok=True)
        for name, schema in contract.schemas.items():
            if present.get(name) != schema:
                (place / name).write_text(as_text(schema), encoding="utf-8")
                changed.append(f"{contract.source}/{name}")
    return changed


def as_text(schema: Schema) -> str:
    """A schema as its file has it."""
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    return _SHORT_LIST.sub(lambda found: f"[{_LINE_END.sub(' ', found[1]).strip()}]", text) + "\n"


def problems(contracts: Iterable[Declared], folder: Path) -> list[Problem]:
    """Everything that is wrong with the files of the contracts, file by file."""
    return [
        Problem(f"{contract.source}/{name}", field, what)
        for contract in contracts
        for name, field, what in _of_contract(contract, folder / contract.source)
    ]


def _of_contract(contract: Declared, place: Path) -> Iterator[tuple[str, str, str]]:
    readable = {}
    for path in sorted(place.glob("*.json")):
        if what := _unreadable(path):
            yield path.name, "", what
        else:
            readable[path.name] = path
    by_version: dict[int, dict[str, Schema]] = {contract.version: {}}
    for name, (version, schema) in _read(place).items():
        by_version.setdefault(version, {})[name] = schema
    yield from _against_declaration(contract, by_version)
    versions = sorted(by_version)
    for before, after in pairwise(versions):
        yield from _between(by_version[before], by_version[after], after)


def _unreadable(path: Path) -> str:
    """Why a file is no schema of a contract; empty if it is one."""
    if not _NAME.fullmatch(path.name):
        return "is not named <kind>.v<version>.json; move it away"
    try:
        Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        return f"is not JSON: {error}; {RENEW}"
    except SchemaError as error:
        return f"is not a JSON Schema: {error.message}; {RENEW}"
    return ""


def _read(place: Path) -> dict[str, tuple[int, Schema]]:
    """Version and schema of each readable file, by its name."""
    return {
        path.name: (int(named["version"]), json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(place.glob("*.json"))
        if (named := _NAME.fullmatch(path.name)) and not _unreadable(path)
    }


def _against_declaration(
    contract: Declared, by_version: Mapping[int, Mapping[str, Schema]]
) -> Iterator[tuple[str, str, str]]:
    present = by_version[contract.version]
    newest = max(by_version)
    if newest > contract.version:
        first = min(by_version[newest])
        yield (
            first,
            "",
            f"is of version {newest}, and the declaration of {contract.version}; raise it",
        )
    for name in sorted({*present, *contract.schemas}):
        if name not in present:
            yield name, "", f"is missing; {RENEW if present else WRITE}"
        elif name not in contract.schemas:
            yield name, "", f"is of a kind that is not declared any more; {RENEW}"
        elif present[name] != contract.schemas[name]:
            field = _first_difference(present[name], contract.schemas[name])
            is_in_words = _bare(present[name]) == _bare(contract.schemas[name])
            todo = WRITE if is_in_words else RENEW
            yield name, field, f"differs from the declaration; {todo}"


def _between(
    before: Mapping[str, Schema], after: Mapping[str, Schema], version: int
) -> Iterator[tuple[str, str, str]]:
    later = {kind_of(name): (name, schema) for name, schema in after.items()}
    for name, schema in before.items():
        kind = kind_of(name)
        if kind not in later:
            lost = f"{kind}.v{version}.json"
            yield lost, "", f"is missing, and {name} is there; a kind is never removed: declare it"
            continue
        file, now = later[kind]
        for field, what in forbidden(schema, now):
            yield file, field, what


def kind_of(name: str) -> str:
    """The kind that a file's schema is of."""
    return name.partition(".")[0]


def _same(present: Mapping[str, Schema], wanted: Mapping[str, Schema]) -> bool:
    return {name: _bare(each) for name, each in present.items()} == {
        name: _bare(each) for name, each in wanted.items()
    }


def _bare(schema: Schema, *, is_names: bool = False) -> Schema:
    """A schema without its words for people. Names of fields are not keywords."""
    return {
        key: _bare(value, is_names=key == "properties" and not is_names)
        if isinstance(value, dict)
        else value
        for key, value in schema.items()
        if is_names or key not in _IN_WORDS
    }


def _first_difference(one: Schema, other: Schema, path: str = "") -> str:
    """The innermost field in which two schemas differ; empty where it is the record itself."""
    mine, yours = one.get("properties", {}), other.get("properties", {})
    for name in sorted({*mine, *yours}):
        inner = f"{path}.{name}".lstrip(".")
        if name not in mine or name not in yours:
            return inner
        if mine[name] != yours[name]:
            return _first_difference(mine[name], yours[name], inner)
    return path
