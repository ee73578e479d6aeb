"""Skeletons of new tables: what they call TODO is all that is missing, they run as they are."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import spec
from lakehouse.errors import ConfigError
from lakehouse.reporting.page import render
from lakehouse.spec import Column
from lakehouse.spec.table import LAYERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.catalog.registry import Registry
    from lakehouse.spec import Table

REPOSITORY = Path(__file__).resolve().parents[3]
TABLES, TESTS = "spark/lakehouse/tables", "spark/tests/tables"
_WORDS = {
    getattr(spec, word): word for word in spec.__all__ if isinstance(getattr(spec, word), str)
}


@dataclass(frozen=True)
class Input:
    """An input of a new table.

    Attributes:
        name: Table name.
        package: Where its module is imported from.
    """

    name: str
    package: str

    @property
    def noun(self) -> str:
        """The name of its module."""
        return self.name.partition(".")[2]


@dataclass(frozen=True)
class Key:
    """A column that tells the rows of a new table apart."""

    name: str
    type: str
    doc: str

    @property
    def word(self) -> str:
        """Its type as a declaration writes it."""
        return _WORDS.get(self.type) or self.type


def table_files(
    registry: Registry, name: str, inputs: Sequence[str], domain: str | None
) -> dict[str, str]:
    """Files of a new table: its module and its test, by their paths below the repository.

    Raises:
        ConfigError: The name is none that a table can have, or is taken; or the inputs do not fit
            its layer.
    """
    layer, noun = _split(registry, name)
    if layer == "bronze":
        if inputs:
            raise ConfigError(f"{name}: a bronze table reads a landing source; leave out --from")
        return _bronze(noun, domain or "")
    if not inputs:
        raise ConfigError(f"{name}: name the tables it reads with --from, e.g. silver.sessions")
    upstream = [registry[each].table for each in inputs]
    first = upstream[0]
    key = next(
        (column for column in first.columns if not column.nullable),
        first.columns[0],
    )
    found = [Input(each.name, _package(registry, each)) for each in upstream]
    return _derived(layer, noun, found, [_key(key)], domain or first.domain)


def domain_files(registry: Registry, domain: str) -> dict[str, str]:
    """Files of a new domain: events as they land, days of users, days.

    Raises:
        ConfigError: The name is none that a domain can have, or is taken.
    """
    events, user_days, days = f"{domain}_events", f"{domain}_user_days", f"{domain}_days"
    if domain in {entry.table.domain for entry in registry}:
        raise ConfigError(f"domain {domain} exists already; add to it with `lakehouse new table`")
    for name in (f"bronze.{events}", f"silver.{user_days}", f"gold.{days}"):
        _split(registry, name)
    user = Key("user_id", spec.STRING, "User it is about.")
    day = Key("event_date", spec.DATE, "UTC day.")
    landed = Input(f"bronze.{events}", "lakehouse.tables.bronze")
    by_user = Input(f"silver.{user_days}", "lakehouse.tables.silver")
    return {
        **_bronze(events, domain),
        **_derived("silver", user_days, [landed], [day, user], domain),
        **_derived("gold", days, [by_user], [day], domain),
    }


def write(files: dict[str, str], repository: Path = REPOSITORY) -> list[str]:
    """Write new files; says which.

    Raises:
        ConfigError: One is there already, or this is no checkout of the repository.
    """
    if not (repository / TABLES).is_dir():
        raise ConfigError(f"{repository / TABLES} not found; run this in a clone of the project")
    for name in files:
        if (repository / name).exists():
            raise ConfigError(f"{name} exists already; nothing was written")
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(f"{text.rstrip()}\n", encoding="utf-8")
    return list(files)


def _split(registry: Registry, name: str) -> tuple[str, str]:
    layer, _, noun = name.partition(".")
    is_word = noun.isidentifier() and noun == noun.lower() and not keyword.iskeyword(noun)
    if layer not in LAYERS or not is_word:
        raise ConfigError(
            f"{name!r} is not a table name; write <layer>.<noun>: a layer of "
            f"{', '.join(LAYERS)}, and a noun of lower-case letters, digits and underscores"
        )
    if name in registry.entries or name in registry.broken:
        raise ConfigError(f"table {name} exists already; choose another name")
    return layer, noun


def _bronze(noun: str, domain: str) -> dict[str, str]:
    name, about = f"bronze.{noun}", domain or noun.partition("_")[0]
    values = {"name": name, "noun": noun, "domain": about, "owner": about}
    return {
        f"{TABLES}/bronze/{noun}.py": render("new_bronze.py.j2", **values),
        f"{TESTS}/test_bronze_{noun}.py": render("new_bronze_test.py.j2", **values),
    }


def _derived(
    layer: str, noun: str, inputs: Sequence[Input], keys: Sequence[Key], domain: str
) -> dict[str, str]:
    is_served = layer == "gold"
    words = {"LONG", "Column", "Overwrite", "Table", *(key.word for key in keys)}
    words = {word.partition("(")[0] for word in words} | ({"Serve"} if is_served else set())
    words |= {"not_empty", "not_null", "unique"}
    values = {
        "name": f"{layer}.{noun}",
        "noun": noun,
        "package": f"lakehouse.tables.{layer}",
        "domain": domain,
        "owner": domain,
        "inputs": inputs,
        "keys": keys,
        "words": sorted(words, key=lambda word: (not word.isupper(), word.islower(), word)),
        "is_served": is_served,
    }
    return {
        f"{TABLES}/{layer}/{noun}.py": render("new_derived.py.j2", **values),
        f"{TESTS}/mirrors/test_mirror_{layer}_{noun}.py": render(
            "new_derived_test.py.j2", **values
        ),
    }


def _key(column: Column) -> Key:
    return Key(column.name, column.type, column.doc.replace('"', "'"))


def _package(registry: Registry, table: Table) -> str:
    module: str = registry[table.name].transform.module  # type: ignore[attr-defined]  # a module's
    return module.rpartition(".")[0]
