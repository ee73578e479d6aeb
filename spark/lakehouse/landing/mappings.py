"""The mappings of a landing folder: `sources.toml`, read and judged line by line."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files as package_files
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lakehouse.errors import ConfigError
from lakehouse.io.toml_lines import Keys, line_of, parsed
from lakehouse.landing.mapping_problems import (
    Problem,
    field_problems,
    form_problems,
    near,
)
from lakehouse.landing.mapping_words import MappingWords, TakeWords

if TYPE_CHECKING:
    from lakehouse.spec import Source
    from lakehouse.spec.mapping import Mapping

TABLE = "mapping"


@lru_cache(maxsize=8)
def parse(text: str, where: str, sources: tuple[Source, ...]) -> tuple[Mapping, ...]:
    """The mappings that a file declares, in its order.

    Args:
        text: What stands in the file.
        where: Its name, for messages.
        sources: The sources there are.

    Raises:
        ConfigError: All that is wrong with it, each with file and line.
    """
    content = parsed(text, where)
    found: list[Mapping] = []
    problems: list[Problem] = [
        ((name,), f"unknown table {name}; only [[{TABLE}]] is allowed here")
        for name in content
        if name != TABLE
    ]
    given = content.get(TABLE, [])
    if not isinstance(given, list):
        problems.append(((TABLE,), f"write [[{TABLE}]], with two brackets"))
        given = []
    for number, table in enumerate(given):
        mapping, wrong = _mapping(table, sources)
        problems += [((TABLE, number, *keys), message) for keys, message in wrong]
        found += [mapping] if mapping else []
    if problems:
        lines = [(line_of(text, keys), message) for keys, message in problems]
        words = [f"{where}:{line}: {message}" for line, message in sorted(lines)]
        raise ConfigError("\n".join(words), problems=words)
    return tuple(found)


def presets() -> list[str]:
    """Names of the exports that have a mapping of their own here."""
    folder = package_files("lakehouse.landing") / "presets"
    return sorted(each.name.removesuffix(".toml") for each in folder.iterdir())


def preset(name: str) -> dict[str, Any]:
    """What a preset says."""
    file = package_files("lakehouse.landing") / "presets" / f"{name}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _mapping(table: Any, sources: tuple[Source, ...]) -> tuple[Mapping | None, list[Problem]]:  # noqa: ANN401  # whatever the file says
    if not isinstance(table, dict):
        return None, [((), f"write [[{TABLE}]] tables")]
    name = table.get("preset")
    if name is not None and name not in presets():
        return None, [(("preset",), f"unknown preset {name!r}; {near(name, presets())}")]
    by_name = {source.name: source for source in sources}
    whole = _over(preset(name), table, by_name.get(str(table.get("source")))) if name else table
    try:
        words = MappingWords.model_validate(whole)
    except ValidationError as error:
        return None, [_problem(each) for each in error.errors()]
    source = by_name.get(words.source)
    if source is None:
        return None, [
            (("source",), f"unknown source {words.source!r}; {near(words.source, by_name)}")
        ]
    problems = [*form_problems(words), *field_problems(words, source)]
    return (None, problems) if problems else (words.mapping(), [])


def _over(base: dict[str, Any], table: dict[str, Any], source: Source | None) -> dict[str, Any]:
    """A preset with what a mapping says instead; of fields and conditions, each by itself.

    A preset is for many sources: each takes the fields that it has.
    """
    known = {field.name for field in source.fields} if source else base["fields"].keys()
    base["fields"] = {name: take for name, take in base["fields"].items() if name in known}
    merged = base | table
    for name in ("fields", "keep", "drop"):
        if isinstance(table.get(name), dict):
            merged[name] = base.get(name, {}) | table[name]
    return merged


def _problem(error: Any) -> Problem:  # noqa: ANN401  # of pydantic
    keys: Keys = error["loc"]
    if error["type"] == "extra_forbidden":
        model = TakeWords if len(keys) > 1 and keys[0] == "fields" else MappingWords
        names = [each.alias or name for name, each in model.model_fields.items()]
        return keys, f"unknown key {keys[-1]!r}; {near(str(keys[-1]), names)}"
    if error["type"] == "missing":
        return keys, f"{keys[-1]} is missing"
    return keys, f"{keys[-1] if keys else TABLE}: {error['msg'].removeprefix('Value error, ')}"
