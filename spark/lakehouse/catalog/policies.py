"""The policies of a lake: files of `data/reference`, read and judged line by line."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lakehouse.errors import ConfigError, close_to
from lakehouse.io import files
from lakehouse.io.toml_lines import Keys, line_of, parsed
from lakehouse.spec.policies import Policies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakehouse.settings import Settings
    from lakehouse.spec.policies import Policy

Kinds = tuple["type[Policy]", ...]
Problem = tuple[str, int, str]
"""File, line and what is wrong there."""


def policies(kinds: Iterable[type[Policy]], settings: Settings) -> Policies:
    """The policies of some kinds, as the lake's files tell them; what no file says has its default.

    A file is judged as a whole, whichever of its sections are asked for.

    Raises:
        ConfigError: All that is wrong with the files, each with file and line.
    """
    chosen, texts = _told(kinds, settings)
    return _policies(chosen, settings.reference_uri, tuple(sorted(texts.items())))


def undeclared(kinds: Iterable[type[Policy]], settings: Settings) -> str:
    """Which files of these policies are not there, in words; empty where all are.

    Defaults and empty lists stand for them.
    """
    _, texts = _told(kinds, settings)
    missing = sorted(name for name, text in texts.items() if text is None)
    return f"{settings.reference_uri} has no {' and no '.join(missing)}" if missing else ""


def _told(kinds: Iterable[type[Policy]], settings: Settings) -> tuple[Kinds, dict[str, str | None]]:
    """All policies of the files of some, in order, and what the files say; None = no such file."""
    of_files = {each for kind in kinds for each in kind.of_file()}
    chosen = tuple(sorted(of_files, key=lambda kind: (kind.file, kind.section)))
    names = {name for kind in chosen for name in (kind.file, *kind.lists.values())}
    where = settings.reference_uri
    return chosen, {name: files.read_text(f"{where}/{name}") for name in names}


@lru_cache(maxsize=8)
def _policies(kinds: Kinds, where: str, told: tuple[tuple[str, str | None], ...]) -> Policies:
    texts = dict(told)
    problems: list[Problem] = []
    chosen: dict[type[Policy], Policy] = {}
    for name in sorted({kind.file for kind in kinds}):
        of_file = [kind for kind in kinds if kind.file == name]
        text = texts[name] or ""
        place = f"{where}/{name}"
        content = parsed(text, place)
        problems += (
            (place, line_of(text, (section,)), _unknown(section, of_file))
            for section in content
            if section not in {kind.section for kind in of_file}
        )
        for kind in of_file:
            lists, wrong = _lists(kind, where, texts)
            problems += wrong
            try:
                chosen[kind] = kind.model_validate(_section(content, kind) | lists)
            except ValidationError as error:
                problems += _located(error, kind, where, text)
    if problems:
        words = [f"{file}:{line}: {message}" for file, line, message in sorted(set(problems))]
        raise ConfigError("\n".join(words), problems=words)
    return Policies(chosen)


def _unknown(section: str, kinds: list[type[Policy]]) -> str:
    known = [kind.section for kind in kinds]
    return f"unknown section {section}; there are {', '.join(known)}.{close_to(section, known)}"


def _section(content: dict[str, Any], kind: type[Policy]) -> dict[str, Any]:
    """What a file says of a kind; a list of tables is the field of its name."""
    found = content.get(kind.section, {})
    return found if isinstance(found, dict) else {kind.section: found}


def _lists(
    kind: type[Policy], where: str, texts: dict[str, str | None]
) -> tuple[dict[str, list[dict[str, str | None]]], list[Problem]]:
    """The rows of the reference lists of a kind; cells without a text are none."""
    found, problems = {}, []
    for field, name in kind.lists.items():
        reader = csv.DictReader(io.StringIO(texts[name] or ""), strict=True)
        rows = []
        try:
            for row in reader:
                if None in row or None in row.values():
                    message = f"a row has the cells {', '.join(reader.fieldnames or ())}"
                    problems.append((f"{where}/{name}", reader.line_num, message))
                else:
                    rows.append({key: value.strip() or None for key, value in row.items()})
        except csv.Error as error:
            problems.append((f"{where}/{name}", reader.line_num, f"not valid CSV: {error}"))
        found[field] = rows
    return found, problems


def _located(
    error: ValidationError, kind: type[Policy], where: str, text: str
) -> Iterator[Problem]:
    for each in error.errors():
        keys: Keys = each["loc"]
        message = _in_words(each["msg"], keys)
        if keys and keys[0] in kind.lists:
            row = keys[1] if len(keys) > 1 and isinstance(keys[1], int) else 0
            yield f"{where}/{kind.lists[str(keys[0])]}", row + 2, message  # the header is line 1
        else:
            is_list = bool(keys) and keys[0] == kind.section
            path = keys if is_list else (kind.section, *keys)
            yield f"{where}/{kind.file}", line_of(text, path), message


def _in_words(message: str, keys: Keys) -> str:
    named = ".".join(str(key) for key in keys if not isinstance(key, int))
    told = message.removeprefix("Value error, ")
    if told == "Extra inputs are not permitted":
        told = "there is no such key"
    return f"{named}: {told}" if named else told
