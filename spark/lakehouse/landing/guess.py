"""A mapping for a file that nobody described: by the names of its fields, and how values look."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import textwrap
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow.parquet as pq

from lakehouse.errors import InputQualityError
from lakehouse.io import files
from lakehouse.landing.kinds import kind_of
from lakehouse.landing.known_names import ALIKE, FORMATS, SIGNS
from lakehouse.landing.mappings import preset
from lakehouse.landing.reader import stream
from lakehouse.landing.reader.dialect import DELIMITERS
from lakehouse.landing.reader.inspection import FALLBACK_ENCODING, UNREADABLE
from lakehouse.spec.columns import DATE, INT, LONG, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lakehouse.spec import Field, Source

Text = TypeVar("Text", str, bytes)
HEAD, SAMPLE = 1 << 18, 200
MOST = 0.9
"""Of the values of a column: so many must look like what it is taken for."""
_ISO = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([Tt ]\d{1,2}:\d{1,2}.*)?")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_UNITS = (("s", 1e8, 1e10), ("ms", 1e11, 1e13), ("us", 1e14, 1e16), ("ns", 1e17, 1e19))


@dataclass(frozen=True)
class Guess:
    """A proposal.

    Attributes:
        text: The mapping, as it would stand in `sources.toml`.
        missing: Required fields for which nothing was found: it does not validate without them.
    """

    text: str
    missing: tuple[str, ...] = ()


def guess(uri: str, path: str, sources: Sequence[Source]) -> Guess:
    """Propose a mapping for a file.

    Args:
        uri: Where it is.
        path: What it is called below the landing folder.
        sources: The sources it may be for: the one it fits best is proposed.

    Raises:
        InputQualityError: Nothing in it can be taken apart.
    """
    head, encoding = _head(uri, path)
    known = _by_shape(head) if kind_of(path) in {None, "csv"} else None
    columns, form = ({}, {}) if known else _columns(uri, path, head)
    known = known or next(
        (n for n, signs in SIGNS.items() if all(s & set(columns) for s in signs)), None
    )
    source = next((each for each in sources if each.name == "user_interactions"), sources[0])
    if known and source.name == "user_interactions":
        lines = {"files": pattern_of(path), "source": source.name, "preset": known}
        return Guess(_toml(lines | _form_of_preset(path, known), {}))
    if not columns:
        message = f"no record found in {path}; write a mapping that says how to read it"
        raise InputQualityError(message, path=path)
    proposals = {each.name: _fields(each, columns) for each in sources}
    best = max(sources, key=lambda each: _fit(each, proposals[each.name]))
    fields = proposals[best.name]
    missing = tuple(name for name in best.required if name not in fields)
    lines = {"files": pattern_of(path), "source": best.name} | form | encoding
    return Guess(_toml(lines, fields) + _remarks(best, fields, columns), missing)


def pattern_of(path: str) -> str:
    """Files like one: of its name, whatever the numbers in it and in its folders say."""
    *folders, name = path.split("/")
    places = ["**" if re.search(r"\d{2}", folder) else folder for folder in folders]
    kept = [each for n, each in enumerate(places) if each != "**" or places[n - 1 : n] != ["**"]]
    return "/".join([*kept, re.sub(r"\d[\d_.T:-]*\d", "*", name)])


def _fit(source: Source, fields: dict[str, str]) -> tuple[float, float, int]:
    found = sum(name in fields for name in source.required)
    return found / len(source.required), len(fields) / len(source.fields), len(fields)


def _head(uri: str, path: str) -> tuple[str, dict[str, str]]:
    """The first records of a file as text, and the encoding that a mapping has to name."""
    if kind_of(path) == "parquet":
        return "", {}
    head = b""
    for chunk in stream.chunks(uri, path):
        head += chunk
        if len(head) >= HEAD:
            head = head[: head.rfind(b"\n", 0, HEAD) + 1 or HEAD]
            break
    told = [line for line in head.splitlines(keepends=True) if not line.isascii()]
    text = head.decode("utf-8", "replace")
    if _mostly(_is_utf8, told):
        return text, {}
    is_detected = kind_of(path) == "csv" and UNREADABLE in text.lstrip().partition("\n")[0]
    named = {} if is_detected else {"encoding": FALLBACK_ENCODING}
    return head.decode(FALLBACK_ENCODING, "replace"), named


def _is_utf8(line: bytes) -> bool:
    """Whether it is the beginning of a text in UTF-8: the last line may be cut in a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(line)
    except UnicodeDecodeError:
        return False
    return True


def _by_shape(head: str) -> str | None:
    """A preset for text without names: the log of a web server, Snowplow's columns."""
    lines = [line for line in head.splitlines() if line.strip()][:SAMPLE]
    log = re.compile(preset("weblog")["line"])
    if lines and sum(bool(log.fullmatch(line)) for line in lines) > len(lines) / 2:
        return "weblog"
    n_columns = len(preset("snowplow")["columns"])
    is_snowplow = lines and all(line.count("\t") == n_columns - 1 for line in lines)
    return "snowplow" if is_snowplow else None


def _form_of_preset(path: str, name: str) -> dict[str, Any]:
    needs_format = kind_of(path) is None and not {"line", "columns"} & set(preset(name))
    return {"format": "json"} if needs_format else {}


def _columns(uri: str, path: str, head: str) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Path → some of its values, as texts; and how the file is written where its name is silent."""
    kind = kind_of(path)
    form: dict[str, Any] = {}
    records: list[dict[str, Any]]
    if kind is None:
        kind = "json" if head.lstrip()[:1] in {"{", "["} else "csv"
        form["format"] = kind
    if kind == "parquet":
        filesystem, inner = files.locate(uri)
        with filesystem.open_input_file(inner) as opened:
            batches = pq.ParquetFile(opened).iter_batches(SAMPLE)
            records = next((batch.to_pylist() for batch in batches), [])
    elif kind == "json":
        records = list(islice(_objects(head), SAMPLE))
    else:
        records = list(islice(_rows(head), SAMPLE))
    columns: dict[str, list[str]] = {}
    for record in records:
        for name, value in _flat(record):
            columns.setdefault(name, []).append(value)
    return columns, form


def _rows(head: str) -> Iterator[dict[str, Any]]:
    first = head.lstrip("\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    for row in csv.DictReader(io.StringIO(head), delimiter=delimiter):
        yield {name.strip(): value for name, value in row.items() if name and value}


def _objects(head: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON text, which may end in the middle of one."""
    decoder, position = json.JSONDecoder(), 0
    if head.lstrip()[:1] == "[":
        position = head.index("[") + 1
    while match := re.compile(r"[\s,]*").match(head, position):
        try:
            value, position = decoder.raw_decode(head, match.end())
        except ValueError:
            return
        if isinstance(value, dict):
            yield from _unwrapped(value)


def _unwrapped(value: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The records of an envelope: an object with one list of objects, and little else."""
    lists = [v for v in value.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    return lists[0] if len(lists) == 1 and len(lists[0]) > len(value) else [value]


def _flat(value: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        name = f'"{key}"' if set(key) & set('."[]') else key
        path = f"{before}.{name}" if before else name
        if isinstance(inner, dict):
            yield from _flat(inner, path)
        elif inner not in (None, "", []):
            yield path, inner if isinstance(inner, str) else json.dumps(inner, default=str)


def _fields(source: Source, columns: dict[str, list[str]]) -> dict[str, str]:
    """Field → where it comes from, as TOML."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for field in source.fields:
        paths = [each for each in _candidates(field, columns) if each not in used]
        if not paths:
            continue
        several = paths if field.name == "user_id" else paths[:1]
        used |= set(several)
        takes = [_take(field, path, columns[path]) for path in several]
        found[field.name] = takes[0] if len(takes) == 1 else f"[{', '.join(takes)}]"
    return found


def _candidates(field: Field, columns: dict[str, list[str]]) -> list[str]:
    """Paths whose name says that they are the field, and whose values can be; the best first."""
    names = [_folded(each) for each in (field.name, *field.also)] + [*ALIKE.get(field.name, ())]
    fitting = [path for path in columns if _fits(field, columns[path])]
    by_name = {path: _folded(path.rpartition(".")[2].strip('"')) for path in fitting}
    found = [path for name in names for path in fitting if by_name[path] == name]
    if field.type in {DATE, TIMESTAMP}:
        # An event has a time of day; what has none may be the day of something.
        times = [
            path for path in fitting if field.type == TIMESTAMP or not _has_time(columns[path])
        ]
        found += [path for name in ALIKE["timestamp"] for path in times if by_name[path] == name]
        if not found and field.required:
            found = times
    return list(dict.fromkeys(found))


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name)
    return re.sub(r"[^a-z0-9]", "", plain.casefold())


def _fits(field: Field, values: list[str]) -> bool:
    if field.type in {DATE, TIMESTAMP}:
        return _moment(values) is not None
    if field.type in {INT, LONG}:
        return _mostly(_NUMBER.fullmatch, values)
    return not all(value[:1] in "{[" for value in values)


def _mostly(holds: Callable[[Text], object], values: Sequence[Text]) -> bool:
    """Whether nearly all values are so: some may be the mistakes that quarantine is for."""
    return sum(bool(holds(value)) for value in values) >= MOST * len(values)


def _has_time(values: list[str]) -> bool:
    return _mostly(re.compile(r".*\d:\d.*|\d{10,}(\.\d+)?").fullmatch, values)


def _moment(values: list[str]) -> dict[str, str] | None:
    """How moments are written; None where these are none."""
    if _mostly(_ISO.fullmatch, values):
        return {}
    numbers = [value for value in values if _NUMBER.fullmatch(value)]
    for unit, low, high in _UNITS:
        if sum(low <= float(value) < high for value in numbers) >= MOST * len(values):
            return {"unit": unit}
    for form in FORMATS:
        if _mostly(partial(_is_written, form=form), values):
            return {"format": form}
    return None


def _is_written(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)  # noqa: DTZ007  # only whether it can be
    except ValueError:
        return False
    return True


def _take(field: Field, path: str, values: list[str]) -> str:
    more: dict[str, str] = {}
    if field.type in {DATE, TIMESTAMP}:
        more = _moment(values) or {}
    elif field.name.endswith("_ms"):
        is_said = re.search(r"(_s|_secs?|seconds|\(s(ec)?\))$", path, re.IGNORECASE)
        is_fine = path.endswith("time") and all("." in value for value in values)
        more = {"unit": "s"} if is_said or is_fine else {}
    if not more:
        return _quoted(path)
    words = {"from": path} | more
    return "{ " + ", ".join(f"{key} = {_quoted(word)}" for key, word in words.items()) + " }"


def _toml(lines: dict[str, Any], fields: dict[str, str]) -> str:
    written = ["[[mapping]]", *(f"{key} = {_quoted(value)}" for key, value in lines.items())]
    if fields:
        written += ["", "[mapping.fields]", *(f"{name} = {take}" for name, take in fields.items())]
    return "\n".join(written) + "\n"


def _remarks(source: Source, fields: dict[str, str], columns: dict[str, list[str]]) -> str:
    """Comments on what was not guessed: fields without a column, columns without a field."""
    used = " ".join(fields.values())
    written = ["[mapping.fields]"] * (not fields)
    for field in source.fields:
        if field.name not in fields:
            need = "required" if field.required else "optional"
            written.append(f"# {field.name} = ...  # {need}")
    unused = [path for path in columns if _quoted(path) not in used]
    if unused:
        written.append("# Not used, each with an example:")
    written += [f"#   {_quoted(path)}: {_example(columns[path][0])}" for path in unused]
    return "".join(f"{line}\n" for line in written)


def _example(value: str) -> str:
    return _quoted(textwrap.shorten(value, 40, placeholder="…"))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
