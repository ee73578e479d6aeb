"""The mappings of a landing folder: `sources.toml`, read and judged line by line."""

from __future__ import annotations

import codecs
import re
import tomllib
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files as package_files
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lakehouse.errors import ConfigError
from lakehouse.spec.columns import DATE, INT, LONG, TIMESTAMP
from lakehouse.spec.mapping import Condition, Format, Mapping, Take, Unit, steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.spec import Source

Keys = tuple[str | int, ...]
"""Where something stands in the file: names of tables and keys, places in lists."""
Problem = tuple[Keys, str]
TABLE = "mapping"


def _text(value: Any) -> Any:  # noqa: ANN401  # whatever the file says
    """A number or a truth value as records write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _listed(value: Any) -> Any:  # noqa: ANN401  # same
    return [_text(each) for each in (value if isinstance(value, list) else [value])]


def _as_take(value: Any) -> Any:  # noqa: ANN401  # same
    return [{"from": each} if isinstance(each, str) else each for each in _listed(value)]


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class _Take(_Words):
    """The words of `Take`, as the file writes them."""

    path: str = Field("", alias="from")
    constant: Annotated[str | None, BeforeValidator(_text)] = None
    hash: Texts = ()
    extract: str | None = None
    values: dict[str, str] = {}  # pydantic copies it
    otherwise: str | None = None
    format: str | None = None
    zone: str | None = None
    unit: Unit | None = None

    def take(self) -> Take:
        return Take(
            path=self.path,
            constant=self.constant,
            hashed=self.hash,
            extract=self.extract,
            values=tuple(self.values.items()),
            otherwise=self.otherwise,
            format=self.format,
            zone=self.zone,
            unit=self.unit,
        )


class _Mapping(_Words):
    """The words of `Mapping`, as the file writes them."""

    files: str
    source: str
    preset: str | None = None
    format: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None
    columns: tuple[str, ...] = ()
    line: str | None = None
    missing: Texts = ()
    fields: dict[str, Annotated[tuple[_Take, ...], BeforeValidator(_as_take)]] = {}
    keep: dict[str, Texts] = {}  # pydantic copies it
    drop: dict[str, Texts] = {}  # same

    def mapping(self) -> Mapping:
        return Mapping(
            files=self.files,
            source=self.source,
            format="text" if self.line else self.format,
            delimiter=self.delimiter,
            encoding=None if _is_utf8(self.encoding) else self.encoding,
            columns=self.columns,
            line=self.line,
            missing=self.missing,
            fields=tuple((n, tuple(t.take() for t in every)) for n, every in self.fields.items()),
            keep=tuple(Condition(path, texts) for path, texts in self.keep.items()),
            drop=tuple(Condition(path, texts) for path, texts in self.drop.items()),
        )


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
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{where}:{line[1]}" if line else where
        raise ConfigError(f"{place}: this is no TOML: {error}") from error
    found: list[Mapping] = []
    problems: list[Problem] = [
        ((name,), f"unknown table {name}; the file holds [[{TABLE}]] tables")
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


def line_of(text: str, keys: Keys) -> int:
    """The line on which something is said, or that around it.

    What stands before a statement is a file of TOML by itself, and lacks what the statement says.
    """
    lines = text.splitlines(keepends=True)
    wanted = _known(tomllib.loads(text), keys)
    begin = 1
    for number in range(1, len(lines) + 1):
        try:
            content = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a statement
        if _known(content, wanted) == wanted:
            return begin
        begin = number + 1
    return begin


def _known(content: Any, keys: Keys) -> Keys:  # noqa: ANN401  # whatever the file says
    """As many of the keys as the content has; places in what is no list are passed over."""
    found: list[str | int] = []
    for key in keys:
        if isinstance(content, list) and isinstance(key, int):
            if key >= len(content):
                break
            content = content[key]
        elif isinstance(content, dict) and key in content:
            content = content[key]
        elif not isinstance(key, int):
            break
        else:
            continue
        found.append(key)
    return tuple(found)


def _mapping(table: Any, sources: tuple[Source, ...]) -> tuple[Mapping | None, list[Problem]]:  # noqa: ANN401  # whatever the file says
    if not isinstance(table, dict):
        return None, [((), f"write [[{TABLE}]] tables")]
    name = table.get("preset")
    if name is not None and name not in presets():
        return None, [(("preset",), f"unknown preset {name!r}; {_near(name, presets())}")]
    whole = _over(preset(name), table) if name else table
    try:
        words = _Mapping.model_validate(whole)
    except ValidationError as error:
        return None, [_problem(each) for each in error.errors()]
    by_name = {source.name: source for source in sources}
    source = by_name.get(words.source)
    if source is None:
        return None, [
            (("source",), f"unknown source {words.source!r}; {_near(words.source, by_name)}")
        ]
    problems = [*_form_problems(words), *_field_problems(words, source)]
    return (None, problems) if problems else (words.mapping(), [])


def _over(base: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """A preset with what a mapping says instead; of fields and conditions, each by itself."""
    merged = base | table
    for name in ("fields", "keep", "drop"):
        if isinstance(table.get(name), dict):
            merged[name] = base.get(name, {}) | table[name]
    return merged


def _problem(error: Any) -> Problem:  # noqa: ANN401  # of pydantic
    keys: Keys = error["loc"]
    if error["type"] == "extra_forbidden":
        model = _Take if len(keys) > 1 and keys[0] == "fields" else _Mapping
        names = [each.alias or name for name, each in model.model_fields.items()]
        return keys, f"unknown key {keys[-1]!r}; {_near(str(keys[-1]), names)}"
    if error["type"] == "missing":
        return keys, f"{keys[-1]} is missing"
    return keys, f"{keys[-1] if keys else TABLE}: {error['msg'].removeprefix('Value error, ')}"


def _near(name: object, known: Any) -> str:  # noqa: ANN401  # names
    close = get_close_matches(str(name), list(known), n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"


def _form_problems(words: _Mapping) -> Iterator[Problem]:
    if words.delimiter is not None and len(words.delimiter.encode()) != 1:
        yield ("delimiter",), f"delimiter {words.delimiter!r} is not one character"
    if words.encoding is not None and not _is_encoding(words.encoding):
        yield ("encoding",), f"unknown encoding {words.encoding!r}; for example utf-8, cp1252"
    if words.line is not None:
        yield from _line_problems(words.line)
    if words.line and (words.columns or words.format not in {None, "text"}):
        yield ("line",), "line is for text without columns: leave out columns and format"
    if words.format == "text" and not words.line:
        yield ("format",), "text needs a line, the regular expression that takes it apart"
    for name in ("keep", "drop"):
        for path in getattr(words, name):
            yield from _path_problems(path, (name, path))


def _line_problems(line: str) -> Iterator[Problem]:
    problem = _regex_problem(line)
    if problem:
        yield ("line",), f"line is no regular expression: {problem}"
    elif re.compile(line).groups != len(re.compile(line).groupindex) or not re.compile(line).groups:
        yield ("line",), "line needs groups, each with a name: (?P<name>...)"


def _is_utf8(encoding: str | None) -> bool:
    """Whether it goes without saying; a file in UTF-8 can be read from its middle."""
    return encoding is not None and codecs.lookup(encoding).name == "utf-8"


def _is_encoding(name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)
    except LookupError:
        return False
    return True


def _regex_problem(pattern: str) -> str:
    """What is wrong with a regular expression, for Python and for Arrow (RE2); empty = nothing."""
    try:
        re.compile(pattern)
        pc.match_substring_regex(pa.array([""]), pattern)
    except (re.error, pa.ArrowInvalid) as error:
        return str(error)
    return ""


def _path_problems(path: str, keys: Keys) -> Iterator[Problem]:
    try:
        steps(path)
    except ValueError as error:
        yield keys, str(error)


def _field_problems(words: _Mapping, source: Source) -> Iterator[Problem]:
    fields = {field.name: field for field in source.fields}
    for name, takes in words.fields.items():
        if name not in fields:
            yield ("fields", name), f"{source.name} has no field {name!r}; {_near(name, fields)}"
            continue
        field = fields[name]
        is_moment = field.type in {DATE, TIMESTAMP}
        is_duration = field.type in {INT, LONG} and name.endswith("_ms")
        for number, take in enumerate(takes):
            keys = ("fields", name, number)
            yield from _take_problems(take, keys)
            if take.unit and not (is_moment or is_duration):
                yield (*keys, "unit"), f"{name} is no moment and no duration: it has no unit"
            if (take.format or take.zone) and not is_moment:
                yield (*keys, "format"), f"{name} is no moment: it has no format and no zone"
    for field in source.fields:
        if field.required and not words.fields.get(field.name):
            yield ("fields",), f"{source.name} needs {field.name}: say where it comes from"


def _take_problems(take: _Take, keys: Keys) -> Iterator[Problem]:
    if sum((bool(take.path), take.constant is not None, bool(take.hash))) != 1:
        yield keys, f"{keys[1]}: give one of from, constant and hash"
    for path in (*([take.path] if take.path else []), *take.hash):
        yield from _path_problems(path, keys)
    if take.extract is not None:
        problem = _regex_problem(take.extract)
        if not problem and re.compile(take.extract).groups != 1:
            problem = "it needs one group, (...), for the value"
        if problem:
            yield (*keys, "extract"), f"extract is no regular expression for a value: {problem}"
    if take.otherwise is not None and not take.values:
        yield (*keys, "otherwise"), "otherwise goes with values"
    if take.zone is not None and take.zone not in available_timezones():
        yield (*keys, "zone"), f"unknown time zone {take.zone!r}; for example Europe/Paris"
