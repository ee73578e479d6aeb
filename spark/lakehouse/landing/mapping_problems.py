"""What is wrong with a mapping, beyond the shape of its words: what stands where, and why."""

from __future__ import annotations

import codecs
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.io.toml_lines import Keys
from lakehouse.spec.columns import DATE, INT, LONG, TIMESTAMP
from lakehouse.spec.mapping import steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakehouse.landing.mapping_words import MappingWords, TakeWords
    from lakehouse.spec import Source

Problem = tuple[Keys, str]


def near(name: object, known: Iterable[str]) -> str:
    """The names that were probably meant, or all there are."""
    known = list(known)
    close = get_close_matches(str(name), known, n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(known)}"


def form_problems(words: MappingWords) -> Iterator[Problem]:
    """What is wrong with how files are said to be written, and with conditions."""
    if words.delimiter is not None and len(words.delimiter.encode()) != 1:
        yield ("delimiter",), f"delimiter {words.delimiter!r} is not one character"
    if words.encoding is not None and not _is_encoding(words.encoding):
        yield ("encoding",), f"unknown encoding {words.encoding!r}; for example utf-8, cp1252"
    if words.line is not None:
        yield from _line_problems(words.line)
    if words.line and (words.columns or words.format not in {None, "text"}):
        yield ("line",), "line cannot be combined with columns or another format; leave those out"
    if words.format == "text" and not words.line:
        yield ("format",), "format text needs line, a regular expression that matches one record"
    for name in ("keep", "drop"):
        for path in getattr(words, name):
            yield from _path_problems(path, (name, path))


def _line_problems(line: str) -> Iterator[Problem]:
    problem = _regex_problem(line)
    if problem:
        yield ("line",), f"line is not a valid regular expression: {problem}"
    elif re.compile(line).groups != len(re.compile(line).groupindex) or not re.compile(line).groups:
        yield ("line",), "line needs named groups: (?P<name>...)"


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


def field_problems(words: MappingWords, source: Source) -> Iterator[Problem]:
    """What is wrong with where the fields of a source are said to come from."""
    fields = {field.name: field for field in source.fields}
    for name, takes in words.fields.items():
        if name not in fields:
            yield ("fields", name), f"{source.name} has no field {name!r}; {near(name, fields)}"
            continue
        field = fields[name]
        is_moment = field.type in {DATE, TIMESTAMP}
        is_duration = field.type in {INT, LONG} and name.endswith("_ms")
        for number, take in enumerate(takes):
            keys = ("fields", name, number)
            yield from _take_problems(take, keys)
            if take.unit and not (is_moment or is_duration):
                yield (
                    (*keys, "unit"),
                    f"{name} is neither a timestamp nor a duration; leave out unit",
                )
            if (take.format or take.zone) and not is_moment:
                yield (*keys, "format"), f"{name} is not a timestamp; leave out format and zone"
    for field in source.fields:
        if field.required and not words.fields.get(field.name):
            yield ("fields",), f"{source.name} requires {field.name}; map it"


def _take_problems(take: TakeWords, keys: Keys) -> Iterator[Problem]:
    if sum((bool(take.path), take.constant is not None, bool(take.hash))) != 1:
        yield keys, f"{keys[1]}: give one of from, constant and hash"
    for path in (*([take.path] if take.path else []), *take.hash):
        yield from _path_problems(path, keys)
    if take.extract is not None:
        problem = _regex_problem(take.extract)
        if not problem and re.compile(take.extract).groups != 1:
            problem = "it needs one group, (...), for the value"
        if problem:
            yield (*keys, "extract"), f"extract is not a valid regular expression: {problem}"
    if take.otherwise is not None and not take.values:
        yield (*keys, "otherwise"), "otherwise needs values"
    if take.zone is not None and take.zone not in available_timezones():
        yield (*keys, "zone"), f"unknown time zone {take.zone!r}; for example Europe/Paris"
